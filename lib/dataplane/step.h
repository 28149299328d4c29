/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_STEP_H
#define DATAPLANE_STEP_H

/*
 * Between two lanes a packet is carried through its layers by steps, each an inline function over
 * what is left of it. A step passes the packet on, names why it is dropped, or has taken it over.
 * The buffer is cut once, behind the last step.
 */

#include "dataplane/worker.h"

enum step {
	STEP_PASS = DROP_COUNT,
	STEP_TAKEN, /* elsewhere now: with control, with another worker */
		    /* everything below is an enum drop */
};

/* What is left of a packet inside its buffer. */
struct payload {
	const uint8_t *at;
	uint32_t bytes;
};

/* Makes the buffer begin and end where the payload does. */
static inline void payload_cut(struct rte_mbuf *mbuf, const struct payload *payload)
{
	packet_set(mbuf, payload->at, payload->bytes);
}

/* True if the packet goes on. */
static inline bool step_passed(struct worker *w, struct rte_mbuf *mbuf, unsigned step)
{
	if (__builtin_expect(step == STEP_PASS, 1))
		return true;
	if (step < DROP_COUNT)
		drop_packet(w, mbuf, (enum drop)step);
	return false;
}

#endif
