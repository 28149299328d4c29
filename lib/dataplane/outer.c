/* SPDX-License-Identifier: BSD-3-Clause */
/* Outer IPv4 and UDP headers, and the way of our own packets to a next hop. */
#include "dataplane/outer.h"

#include "dataplane/worker.h"

#include <netinet/in.h>

#define OUTER_TIME_TO_LIVE 64

void outer_header_set(struct outer_header *header, uint32_t local_be, uint16_t local_port,
		      uint32_t remote_be, uint16_t remote_port)
{
	*header = (struct outer_header){
		/* Don't fragment stays clear: a router on the way may cut the packet. */
		.ipv4 = {.version_ihl = RTE_IPV4_VHL_DEF,
			 .time_to_live = OUTER_TIME_TO_LIVE,
			 .src_addr = local_be,
			 .dst_addr = remote_be},
		.udp = {.src_port = rte_cpu_to_be_16(local_port),
			.dst_port = rte_cpu_to_be_16(remote_port)},
	};
	header->sum = rte_raw_cksum(&header->ipv4, sizeof(header->ipv4));
}

bool outer_push_udp(struct worker *w, struct rte_mbuf *mbuf, const struct endpoint *local,
		    const struct endpoint *remote)
{
	struct outer_header header;
	uint8_t *at = packet_push(mbuf, sizeof(header.ipv4) + sizeof(header.udp));
	struct rte_udp_hdr *udp;

	if (at == NULL) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return false;
	}
	outer_header_set(&header, endpoint_ipv4_address_be(local), local->port,
			 endpoint_ipv4_address_be(remote), remote->port);
	outer_udp_write(at + sizeof(header.ipv4), &header, mbuf->data_len - sizeof(header.ipv4));
	outer_ipv4_write(at, &header, IPPROTO_UDP, mbuf->data_len, w->identification++);
	udp = (struct rte_udp_hdr *)(at + sizeof(header.ipv4));
	udp->dgram_cksum = rte_ipv4_udptcp_cksum((const struct rte_ipv4_hdr *)at, udp);
	return true;
}

void outer_stage(struct worker *w, struct vector *packets)
{
	uint32_t destinations[VECTOR_MAX];
	uint64_t next_hops[VECTOR_MAX];

	for (unsigned i = 0; i < packets->count; i++) {
		destinations[i] = rte_be_to_cpu_32(
			rte_pktmbuf_mtod(packets->packets[i], struct rte_ipv4_hdr *)->dst_addr);
		packet_of(packets->packets[i])->origin = PACKET_ORIGIN_SELF;
	}
	lookup_routes(w->tables, destinations, next_hops, packets->count);
	egress_stage(w, packets, next_hops, destinations);
}
