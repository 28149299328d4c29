/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

/*
 * The time from a packet's arrival in the ring to its transmission, at a given load: packets arrive
 * at random (exponential gaps) at cycle counts fixed before; the worker polls. One thread.
 */

#include "traffic.h"
#include "trial.h"

/* Of one run. What they cost must be measured with as many, since they do not fit the caches. */
#define LATENCY_PACKETS 8192

struct latency_result {
	struct trials p50_us, p99_us; /* of each run that counts */
	unsigned discarded;           /* runs in which the processor was away for more than 50 us */
	bool wrong;
};

/* `cycles`: what a packet costs when the worker is busy; `load`: of that, for example 0.8. */
void latency_run(struct bed *bed, double cycles, double load, unsigned runs,
		 struct latency_result *result);

#endif
