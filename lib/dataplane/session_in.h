/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_SESSION_IN_H
#define DATAPLANE_SESSION_IN_H

/* A packet of a peer through the layers above ESP: L2TP, PPP, IPv4. */

#include "dataplane/ip_in.h"
#include "dataplane/l2tp_in.h"
#include "dataplane/ppp_in.h"
#include "dataplane/watch.h"

/* From the UDP datagram in `payload`; STEP_PASS: the buffer holds an IPv4 packet for route_stage(). */
static inline unsigned session_in(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa,
				  struct payload *payload)
{
	struct session *session = NULL;
	unsigned step = l2tp_step(w, mbuf, sa, payload, &session);

	if (__builtin_expect(step != STEP_PASS, 0))
		return step;
	if (sa == NULL && __builtin_expect(w->watching, 0)) {
		watch_begin(w, mbuf, session->watch, WATCH_POINT_l2tp_in);
		watch_copy(w, session->watch, true, rte_pktmbuf_mtod(mbuf, const uint8_t *),
			   mbuf->data_len);
	}
	step = ppp_step(w, mbuf, sa, payload, session);
	if (__builtin_expect(step != STEP_PASS, 0))
		return step;
	return ip_step(mbuf, payload, session);
}

#endif
