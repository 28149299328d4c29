/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_IP_IN_H
#define DATAPLANE_IP_IN_H

/* A subscriber's IPv4 packet: header, source check, MSS; then it is counted. */

#include "dataplane/ipv4_header.h"
#include "dataplane/mss.h"
#include "dataplane/step.h"

/* The buffer is cut to the IPv4 packet. */
static inline unsigned ip_step(struct rte_mbuf *mbuf, struct payload *payload,
			       struct session *session)
{
	uint32_t total = ipv4_header_check(payload->at, payload->bytes);

	if (total == 0)
		return DROP_inner_bad_header;
	if (((const struct rte_ipv4_hdr *)payload->at)->src_addr != session->peer_address_be)
		return DROP_source_not_assigned;
	payload->bytes = total;
	payload_cut(mbuf, payload);
	packet_of(mbuf)->origin = PACKET_ORIGIN_SESSION;
	mss_clamp(mbuf, session->mss);
	counter_add(&session->counters.packets_in, 1);
	counter_add(&session->counters.bytes_in, total);
	return STEP_PASS;
}

#endif
