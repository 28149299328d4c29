/* SPDX-License-Identifier: BSD-3-Clause */
/* PPP, L2TP and UDP headers towards a peer (RFC 2661 3.1). */
#include "dataplane/worker.h"

#define L2TP_DATA_FLAGS     0x0002 /* version 2, no optional field */
#define PPP_ADDRESS_CONTROL 0xff03 /* every peer takes it, and LCP needs it (RFC 1661 6.6) */

static uint8_t *write_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

void tunnel_out(struct worker *w, const struct session *session, struct rte_mbuf *mbuf,
		struct vector *outer)
{
	uint8_t *at = (uint8_t *)rte_pktmbuf_prepend(mbuf, 8);

	if (at == NULL) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return;
	}
	at = write_u16(at, L2TP_DATA_FLAGS);
	at = write_u16(at, session->peer_tunnel);
	at = write_u16(at, session->peer_session);
	write_u16(at, PPP_ADDRESS_CONTROL);
	if (session->group != NULL) {
		struct rte_udp_hdr *udp =
			(struct rte_udp_hdr *)rte_pktmbuf_prepend(mbuf, sizeof(*udp));

		if (udp == NULL) {
			drop_packet(w, mbuf, DROP_no_headroom);
			return;
		}
		udp->src_port = rte_cpu_to_be_16(session->local_port);
		udp->dst_port = rte_cpu_to_be_16(session->remote_port);
		udp->dgram_len = rte_cpu_to_be_16(mbuf->data_len);
		udp->dgram_cksum = 0;
		esp_out_add(w, session->group, mbuf);
		return;
	}
	if (!outer_push_udp(w, mbuf, session->local_be, session->local_port, session->remote_be,
			    session->remote_port, false))
		return;
	vector_add(outer, mbuf);
	if (outer->count == VECTOR_MAX) {
		outer_stage(w, outer);
		outer->count = 0;
	}
}
