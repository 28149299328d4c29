/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_OVERLOAD_H
#define BENCH_OVERLOAD_H

/*
 * More packets than the worker can take: a ring of 1,024 slots is refilled before each poll with
 * `times` as many as were served last, what does not fit is lost. The refill is not timed. One packet
 * in 64 is an echo or a HELLO.
 */

#include "traffic.h"

struct overload_result {
	double cycles;          /* of the worker for each data packet that came out */
	uint64_t offered;       /* packets */
	uint64_t sent;          /* data packets that came out */
	uint64_t keepalives;    /* echoes and HELLOs that control got, */
	uint64_t keepalives_in; /* of those that found room in the ring */
	uint32_t silent;        /* sessions of which nothing came through */
	uint32_t
		longest; /* between two packets of one session that came through: packets offered */
	bool wrong;      /* something was lost inside */
};

/* `bed` has GCM sessions. Runs until `packets` data packets came out. */
void overload_run(struct bed *bed, unsigned times, uint64_t packets,
		  struct overload_result *result);

#endif
