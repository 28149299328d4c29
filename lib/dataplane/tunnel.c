/* SPDX-License-Identifier: BSD-3-Clause */
/* PPP, L2TP and UDP headers towards a peer (RFC 2661 3.1). */
#include "dataplane/tunnel.h"

#include "dataplane/outer.h"
#include "dataplane/worker.h"

#include <netinet/in.h>

#define L2TP_DATA_FLAGS     0x0002 /* version 2, no optional field */
#define PPP_ADDRESS_CONTROL 0xff03 /* every peer takes it, and LCP needs it (RFC 1661 6.6) */

void tunnel_header_set(struct tunnel_header *header, uint16_t local_port, uint16_t remote_port,
		       uint16_t peer_tunnel, uint16_t peer_session)
{
	*header = (struct tunnel_header){
		.udp = {.src_port = rte_cpu_to_be_16(local_port),
			.dst_port = rte_cpu_to_be_16(remote_port)},
		.l2tp_flags = RTE_BE16(L2TP_DATA_FLAGS),
		.tunnel = rte_cpu_to_be_16(peer_tunnel),
		.session = rte_cpu_to_be_16(peer_session),
		.ppp = RTE_BE16(PPP_ADDRESS_CONTROL),
	};
}

void tunnel_out_stage(struct worker *w, struct vector *packets)
{
	struct vector esp = {.count = 0}, outer = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		const struct session *session = packet_of(mbuf)->here;
		uint32_t ipv4 = session->group == NULL ? sizeof(struct rte_ipv4_hdr) : 0;
		uint8_t *at = packet_push(mbuf, (uint32_t)sizeof(session->header) + ipv4);
		struct tunnel_header header = session->header;

		if (at == NULL) {
			drop_packet(w, mbuf, DROP_no_headroom);
			continue;
		}
		header.udp.dgram_len = rte_cpu_to_be_16((uint16_t)(mbuf->data_len - ipv4));
		memcpy(at + ipv4, &header, sizeof(header));
		if (session->group != NULL) {
			packet_of(mbuf)->sa = session->group->newest;
			vector_add(&esp, mbuf);
		} else {
			outer_ipv4_write(at, &session->outer, IPPROTO_UDP, mbuf->data_len,
					 w->identification++);
			vector_add(&outer, mbuf);
		}
	}
	if (esp.count != 0)
		esp_out_stage(w, &esp);
	if (outer.count != 0)
		outer_stage(w, &outer);
}
