/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_TRIAL_H
#define BENCH_TRIAL_H

/* Cycles per packet of many trials. */

#include <stdint.h>

#define TRIALS_MAX 1000

struct trials {
	unsigned count;
	double cycles[TRIALS_MAX]; /* per packet */
};

void trials_add(struct trials *trials, double cycles);
double trials_least(const struct trials *trials);
double trials_median(const struct trials *trials);

/* The processor's cycle counter behind everything that was begun before. */
static inline uint64_t cycles_now(void)
{
	uint64_t cycles;

	__builtin_ia32_lfence();
	cycles = __builtin_ia32_rdtsc();
	__builtin_ia32_lfence();
	return cycles;
}

#endif
