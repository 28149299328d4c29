/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_WATCH_H
#define DATAPLANE_WATCH_H

/*
 * Packets that an operator watches: a trace tells where each of them is, a capture sends copies of what
 * lies above ESP. A group, or a session in clear, is watched under a number. While nothing is watched
 * anywhere, a stage pays one test for a whole vector.
 */

#include "dataplane/worker.h"

/* Tells of the packets in `packets` that are watched, under `drop` where `point` is `dropped`. */
void watch_tell(struct worker *w, struct rte_mbuf *const *packets, unsigned count,
		enum watch_point point, unsigned drop);

/* From here on `mbuf` is watched, or not: `watch` is that of its group or session. */
void watch_begin(struct worker *w, struct rte_mbuf *mbuf, uint8_t watch, enum watch_point point);

/* A copy of the UDP datagram of `bytes` bytes at `at`. */
void watch_copy(struct worker *w, uint8_t watch, bool in, const uint8_t *at, uint32_t bytes);

/* Packets that nobody has looked at yet: what was in their buffers before does not count. */
void watch_forget(const struct vector *packets);

/* MESSAGE_WATCH. */
void watch_set(struct worker *w, const struct message *message);

static inline void watch_vector(struct worker *w, const struct vector *packets,
				enum watch_point point)
{
	if (__builtin_expect(w->watching, 0))
		watch_tell(w, packets->packets, packets->count, point, 0);
}

#endif
