/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

/* Counts of values by size, exact to about three per cent: 32 steps for each doubling. */

#include <stdint.h>

#define HISTOGRAM_STEPS  32
#define HISTOGRAM_PLACES (HISTOGRAM_STEPS * 40)

struct histogram {
	uint64_t count;
	uint64_t highest;
	uint64_t places[HISTOGRAM_PLACES];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that `share` (0 to 1) of all values do not exceed; 0 when there are none. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

#endif
