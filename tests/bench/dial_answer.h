/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DIAL_ANSWER_H
#define DIAL_ANSWER_H

/*
 * The end that answers: the engines IKE, L2TP and PPP with users, addresses and timers, put
 * together like the control core does it, but without workers. Its processor time is what the
 * bench measures; public-key jobs run at once and count.
 */

#include "dial_wire.h"

#include <stdbool.h>

struct dial_answer;

struct dial_answer_totals {
	uint32_t peers;
	uint32_t children_confirmed;
	uint32_t sessions_up;
	uint32_t failures;
};

/* `secured`: L2TP in a space of each peer, else all in one plain space. */
struct dial_answer *dial_answer_new(uint32_t dials, bool secured);
void dial_answer_free(struct dial_answer *answer);
/* Handles what came and puts what it says on `to_dials`. */
void dial_answer_run(struct dial_answer *answer, const struct dial_wire *from_dials,
		     struct dial_wire *to_dials, uint64_t now_ms);
struct dial_answer_totals dial_answer_totals(const struct dial_answer *answer);

#endif
