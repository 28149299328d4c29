/* SPDX-License-Identifier: BSD-3-Clause */
#include "histogram.h"

/* Values below HISTOGRAM_STEPS have a place of their own. */
static unsigned place_of(uint64_t value)
{
	unsigned doubling, place;

	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	doubling = 63 - (unsigned)__builtin_clzll(value) - 5;
	place = (doubling + 1) * HISTOGRAM_STEPS + (unsigned)(value >> doubling) % HISTOGRAM_STEPS;
	return place < HISTOGRAM_PLACES ? place : HISTOGRAM_PLACES - 1;
}

/* The largest value of a place. */
static uint64_t value_of(unsigned place)
{
	unsigned doubling = place / HISTOGRAM_STEPS;

	if (doubling == 0)
		return place;
	return ((uint64_t)(HISTOGRAM_STEPS + place % HISTOGRAM_STEPS + 1) << (doubling - 1)) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->count++;
	histogram->places[place_of(value)]++;
	if (value > histogram->highest)
		histogram->highest = value;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)histogram->count);
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_PLACES; i++) {
		seen += histogram->places[i];
		if (seen != 0 && seen >= wanted) {
			uint64_t value = value_of(i);

			return value < histogram->highest ? value : histogram->highest;
		}
	}
	return histogram->highest;
}
