/* SPDX-License-Identifier: BSD-3-Clause */
/* Outer IPv4 and UDP headers, and the way of our own packets to a next hop. */
#include "dataplane/worker.h"

#include <netinet/in.h>

#define OUTER_TIME_TO_LIVE 64

bool outer_push_ipv4(struct worker *w, struct rte_mbuf *mbuf, uint8_t protocol, uint32_t local_be,
		     uint32_t remote_be)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)rte_pktmbuf_prepend(mbuf, sizeof(*ip));

	if (ip == NULL) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return false;
	}
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->type_of_service = 0;
	ip->total_length = rte_cpu_to_be_16(mbuf->data_len);
	ip->packet_id = rte_cpu_to_be_16(w->identification++);
	ip->fragment_offset = 0; /* don't fragment stays clear: a router on the way may cut it */
	ip->time_to_live = OUTER_TIME_TO_LIVE;
	ip->next_proto_id = protocol;
	ip->hdr_checksum = 0;
	ip->src_addr = local_be;
	ip->dst_addr = remote_be;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return true;
}

bool outer_push_udp(struct worker *w, struct rte_mbuf *mbuf, uint32_t local_be, uint16_t local_port,
		    uint32_t remote_be, uint16_t remote_port, bool checksum)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)rte_pktmbuf_prepend(mbuf, sizeof(*udp));

	if (udp == NULL) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return false;
	}
	udp->src_port = rte_cpu_to_be_16(local_port);
	udp->dst_port = rte_cpu_to_be_16(remote_port);
	udp->dgram_len = rte_cpu_to_be_16(mbuf->data_len);
	udp->dgram_cksum = 0;
	if (!outer_push_ipv4(w, mbuf, IPPROTO_UDP, local_be, remote_be))
		return false;
	if (checksum)
		udp->dgram_cksum = rte_ipv4_udptcp_cksum(
			rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *), udp);
	return true;
}

void outer_stage(struct worker *w, struct vector *packets)
{
	uint32_t destinations[VECTOR_MAX];
	uint64_t next_hops[VECTOR_MAX];

	for (unsigned i = 0; i < packets->count; i++)
		destinations[i] = rte_be_to_cpu_32(
			rte_pktmbuf_mtod(packets->packets[i], struct rte_ipv4_hdr *)->dst_addr);
	lookup_routes(w->tables, destinations, next_hops, packets->count);
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		enum route_kind kind = route_kind_of(next_hops[i]);

		packet_of(mbuf)->origin = PACKET_ORIGIN_SELF;
		if (kind == ROUTE_ADJACENCY || kind == ROUTE_CONNECTED)
			egress_send(w, mbuf, next_hops[i], destinations[i]);
		else
			drop_packet(w, mbuf, DROP_no_route);
	}
}
