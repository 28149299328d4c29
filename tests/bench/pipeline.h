/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_PIPELINE_H
#define BENCH_PIPELINE_H

/* The worker against raw crypto, or a bare receive and transmit, on the same packets. */

#include "raw.h"
#include "traffic.h"
#include "trial.h"

struct pipeline_case {
	struct esp_suite suite; /* cipher NONE: plain L2TP */
	uint32_t sessions;
	uint32_t packets; /* of a trial */
	uint16_t bytes;   /* of inner packets, or TRAFFIC_IMIX */
	bool up;
	unsigned trials;
};

struct pipeline_result {
	struct trials pipeline;
	struct trials raw[RAW_VARIANTS]; /* plain L2TP: [0] is the bare run */
	unsigned wrong;                  /* trials in which a packet was lost or wrong */
	double raw_least;                /* of the faster variant by jobs */
	double raw_median;               /* of the same */
};

/* `bed` was made with the case's suite and sessions. */
void pipeline_measure(struct bed *bed, const struct pipeline_case *what,
		      struct pipeline_result *result);

#endif
