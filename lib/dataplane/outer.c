/* SPDX-License-Identifier: BSD-3-Clause */
/* Outer IPv4 and UDP headers, and the way of our own packets to a next hop. */
#include "dataplane/outer.h"

#include "dataplane/watch.h"
#include "dataplane/worker.h"

#include <netinet/in.h>

void outer_header_set(struct outer_header *header, uint32_t local_be, uint16_t local_port,
		      uint32_t remote_be, uint16_t remote_port)
{
	*header = (struct outer_header){
		.local_be = local_be,
		.remote_be = remote_be,
		.ports_be = rte_cpu_to_be_16(local_port) | (uint32_t)rte_cpu_to_be_16(remote_port)
								   << 16,
		.sum = RTE_IPV4_VHL_DEF + (local_be & 0xffff) + (local_be >> 16) +
		       (remote_be & 0xffff) + (remote_be >> 16),
	};
}

bool outer_push_udp(struct worker *w, struct rte_mbuf *mbuf, const struct endpoint *local,
		    const struct endpoint *remote)
{
	struct outer_header header;
	uint8_t *at = packet_push(mbuf, OUTER_IPV4_BYTES + OUTER_UDP_BYTES);
	struct rte_udp_hdr *udp;

	if (at == NULL) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return false;
	}
	outer_header_set(&header, endpoint_ipv4_address_be(local), local->port,
			 endpoint_ipv4_address_be(remote), remote->port);
	outer_udp_write(at + OUTER_IPV4_BYTES, &header, mbuf->data_len - OUTER_IPV4_BYTES);
	outer_ipv4_write(at, &header, IPPROTO_UDP, mbuf->data_len, w->identification++);
	udp = (struct rte_udp_hdr *)(at + OUTER_IPV4_BYTES);
	udp->dgram_cksum = rte_ipv4_udptcp_cksum((const struct rte_ipv4_hdr *)at, udp);
	return true;
}

void outer_stage(struct worker *w, struct vector *packets)
{
	uint32_t destinations[VECTOR_MAX];
	uint64_t next_hops[VECTOR_MAX];

	watch_vector(w, packets, WATCH_POINT_outer);
	for (unsigned i = 0; i < packets->count; i++) {
		destinations[i] = rte_be_to_cpu_32(
			rte_pktmbuf_mtod(packets->packets[i], struct rte_ipv4_hdr *)->dst_addr);
		packet_of(packets->packets[i])->origin = PACKET_ORIGIN_SELF;
	}
	lookup_routes(w->tables, destinations, next_hops, packets->count);
	egress_stage(w, packets, next_hops, destinations);
}
