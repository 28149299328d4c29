/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_TUNNEL_H
#define DATAPLANE_TUNNEL_H

/* PPP, L2TP and UDP headers towards a peer (RFC 2661 3.1). */

#include "dataplane/esp_out.h"
#include "dataplane/outer.h"
#include "dataplane/worker.h"

/* UDP, L2TP without optional fields, and PPP's address and control: every peer takes these two, and
 * LCP needs them (RFC 1661 6.6). */
#define TUNNEL_HEADER_BYTES 16u

/* What all headers in front of PPP's protocol field need at most, ESP's and the link's too. */
#define TUNNEL_ROOM_BYTES                                                                   \
	(TUNNEL_HEADER_BYTES + ESP_HEADER_BYTES + 16 + OUTER_UDP_BYTES + OUTER_IPV6_BYTES + \
	 FRAME_HEADER_BYTES)

/* Makes what stands in front of each PPP frame to a peer; everything in host order. */
void tunnel_header_set(struct tunnel_header *header, uint16_t local_port, uint16_t remote_port,
		       uint16_t peer_tunnel, uint16_t peer_session);

/*
 * Sends the PPP frame of `bytes` bytes at `ppp` in the buffer, which begins with its protocol, through
 * the session's tunnel: it joins `outer`, or becomes a job, which the caller submits. There are
 * TUNNEL_ROOM_BYTES in front of it.
 */
static inline void tunnel_out(struct worker *w, const struct session *session,
			      struct rte_mbuf *mbuf, uint8_t *ppp, uint32_t bytes,
			      struct vector *outer)
{
	uint8_t *at = ppp - TUNNEL_HEADER_BYTES;
	uint64_t udp;

	bytes += TUNNEL_HEADER_BYTES;
	udp = session->header.udp | (uint64_t)rte_cpu_to_be_16((uint16_t)bytes) << 32;
	memcpy(at, &udp, sizeof(udp));
	memcpy(at + sizeof(udp), &session->header.l2tp, sizeof(session->header.l2tp));
	if (session->group != NULL) {
		esp_out(w, session->group->newest, mbuf, at, bytes);
		return;
	}
	if (__builtin_expect(w->watching, 0))
		watch_copy(w, session->watch, false, at, bytes);
	at -= OUTER_IPV4_BYTES;
	bytes += OUTER_IPV4_BYTES;
	outer_ipv4_write(at, &session->outer, IPPROTO_UDP, bytes, w->identification++);
	packet_set(mbuf, at, bytes);
	vector_add(outer, mbuf);
}

#endif
