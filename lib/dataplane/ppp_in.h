/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_PPP_IN_H
#define DATAPLANE_PPP_IN_H

/* The PPP frame of a session (RFC 1661 2, 1662 3.1): IPv4 goes on, everything else to control. */

#include "dataplane/ppp_header.h"
#include "dataplane/step.h"

/* Frames with a compressed header, and those of other protocols. */
unsigned ppp_rare_in(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa,
		     struct payload *payload, const struct session *session);

/* From the PPP frame to the IPv4 packet. */
static inline unsigned ppp_step(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa,
				struct payload *payload, const struct session *session)
{
	rte_be32_t word;

	if (__builtin_expect(payload->bytes < sizeof(word), 0))
		return ppp_rare_in(w, mbuf, sa, payload, session);
	memcpy(&word, payload->at, sizeof(word));
	if (__builtin_expect(word != RTE_BE32(PPP_ADDRESS_CONTROL << 16 | PPP_IPV4), 0))
		return ppp_rare_in(w, mbuf, sa, payload, session);
	payload->at += sizeof(word);
	payload->bytes -= (uint32_t)sizeof(word);
	return session->open ? STEP_PASS : DROP_ppp_not_open;
}

#endif
