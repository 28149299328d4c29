/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DIAL_PEER_H
#define DIAL_PEER_H

/* The ends that dial: IKE initiators, LACs and PPP clients. Their processor time is not counted. */

#include "dial_wire.h"

#include "ike/initiator.h"

#include <stdbool.h>

struct dial_peers;

struct dial_plan {
	bool ike;
	bool sessions;        /* L2TP and PPP too */
	uint16_t group;       /* of main mode */
	uint32_t calls_a_lac; /* sessions in one plain tunnel; 1 behind IKE */
	bool cheap_key_pairs; /* one key pair for all: the initiator is not what is measured */
};

struct dial_peers *dial_peers_new(const struct dial_plan *plan, uint32_t dials);
void dial_peers_free(struct dial_peers *peers);
/* Begins the dial of that number; a plain LAC's first call brings its tunnel up first. */
void dial_peers_start(struct dial_peers *peers, uint32_t dial, struct dial_wire *to_answer,
		      uint64_t now_ms);
/* Handles what came and puts what they say on `to_answer`. */
void dial_peers_run(struct dial_peers *peers, const struct dial_wire *from_answer,
		    struct dial_wire *to_answer, uint64_t now_ms);
/* Dials that are complete, and dials that failed. */
uint32_t dial_peers_done(const struct dial_peers *peers);
uint32_t dial_peers_failed(const struct dial_peers *peers);

#endif
