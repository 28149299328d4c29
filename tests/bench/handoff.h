/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_HANDOFF_H
#define BENCH_HANDOFF_H

/*
 * What it costs that another worker than the owner receives a packet: the busy cycles of both workers,
 * against those of a worker that does all itself. Two threads on two processors.
 */

#include "traffic.h"
#include "trial.h"

struct handoff_result {
	struct trials own;    /* worker 0 received and owns them */
	struct trials handed; /* worker 0 received, worker 1 owns them */
	unsigned wrong;
};

/* `bed` has two workers and plain sessions; its lcore 1 is free. */
void handoff_measure(struct bed *bed, unsigned trials, struct handoff_result *result);

#endif
