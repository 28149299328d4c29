/* SPDX-License-Identifier: BSD-3-Clause */
/* A subscriber's IPv4 packet: header, source check, MSS; then it is counted. */
#include "dataplane/ipv4_header.h"
#include "dataplane/mss.h"
#include "dataplane/worker.h"

void ip_in_stage(struct worker *w, struct vector *packets)
{
	struct vector good = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct session *session = packet_of(mbuf)->here;
		const uint8_t *at = rte_pktmbuf_mtod(mbuf, const uint8_t *);
		uint32_t total = ipv4_header_check(at, mbuf->data_len);

		packet_of(mbuf)->origin = PACKET_ORIGIN_SESSION;
		if (total == 0) {
			drop_packet(w, mbuf, DROP_inner_bad_header);
			continue;
		}
		if (((const struct rte_ipv4_hdr *)at)->src_addr != session->peer_address_be) {
			drop_packet(w, mbuf, DROP_source_not_assigned);
			continue;
		}
		packet_cut(mbuf, 0, total);
		mss_clamp(mbuf, session->mss);
		counter_add(&session->counters.packets_in, 1);
		counter_add(&session->counters.bytes_in, total);
		vector_add(&good, mbuf);
	}
	if (good.count != 0)
		route_stage(w, &good);
}
