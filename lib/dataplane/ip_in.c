/* SPDX-License-Identifier: BSD-3-Clause */
/* A subscriber's IPv4 packet: header, source check, MSS; then it is counted. */
#include "dataplane/worker.h"

static bool header_valid(struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	uint32_t header;
	uint32_t total;

	if (mbuf->data_len < sizeof(*ip))
		return false;
	header = rte_ipv4_hdr_len(ip);
	total = rte_be_to_cpu_16(ip->total_length);
	if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || total < header ||
	    total > mbuf->data_len || rte_raw_cksum(ip, header) != 0xffff)
		return false;
	rte_pktmbuf_trim(mbuf, (uint16_t)(mbuf->data_len - total));
	return true;
}

void ip_in_stage(struct worker *w, struct vector *packets)
{
	struct vector good = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct session *session = w->dataplane->sessions[packet_of(mbuf)->session];
		struct rte_ipv4_hdr *ip;

		packet_of(mbuf)->origin = PACKET_ORIGIN_SESSION;
		if (!header_valid(mbuf)) {
			drop_packet(w, mbuf, DROP_inner_bad_header);
			continue;
		}
		ip = rte_pktmbuf_mtod(mbuf, struct rte_ipv4_hdr *);
		if (ip->src_addr != session->peer_address_be) {
			drop_packet(w, mbuf, DROP_source_not_assigned);
			continue;
		}
		if (session->mss != 0)
			mss_clamp(mbuf, session->mss);
		counter_add(&session->counters.packets_in, 1);
		counter_add(&session->counters.bytes_in, mbuf->data_len);
		vector_add(&good, mbuf);
	}
	if (good.count != 0)
		route_stage(w, &good);
}
