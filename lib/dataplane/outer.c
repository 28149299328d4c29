/* SPDX-License-Identifier: BSD-3-Clause */
/* Outer IP and UDP headers, and the way of our own packets to a next hop. */
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

void outer_ipv6_write(uint8_t *at, const uint8_t local[16], const uint8_t remote[16],
		      uint8_t protocol, uint32_t bytes)
{
	const uint64_t first = rte_cpu_to_be_32(UINT32_C(6) << 28) |
			       (uint64_t)rte_cpu_to_be_16((uint16_t)bytes) << 32 |
			       (uint64_t)protocol << 48 | (uint64_t)OUTER_TIME_TO_LIVE << 56;

	memcpy(at, &first, sizeof(first));
	memcpy(at + 8, local, 16);
	memcpy(at + 24, remote, 16);
}

rte_be16_t outer_ipv6_udp_checksum(const uint8_t local[16], const uint8_t remote[16],
				   const uint8_t *udp, uint32_t bytes)
{
	uint32_t sum = rte_raw_cksum(local, 16);

	sum += rte_raw_cksum(remote, 16);
	sum += rte_raw_cksum(udp, bytes);
	sum += rte_cpu_to_be_16((uint16_t)bytes);
	sum += rte_cpu_to_be_16(IPPROTO_UDP);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16)) & 0xffff;
	return (rte_be16_t)(sum != 0 ? sum : 0xffff);
}

static bool push_udp_ipv6(struct worker *w, struct rte_mbuf *mbuf, const struct endpoint *local,
			  const struct endpoint *remote)
{
	uint8_t *at = packet_push(mbuf, OUTER_IPV6_BYTES + OUTER_UDP_BYTES);
	uint32_t bytes = mbuf->data_len - OUTER_IPV6_BYTES;
	struct rte_udp_hdr *udp;

	if (at == NULL) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return false;
	}
	udp = (struct rte_udp_hdr *)(at + OUTER_IPV6_BYTES);
	*udp = (struct rte_udp_hdr){.src_port = rte_cpu_to_be_16(local->port),
				    .dst_port = rte_cpu_to_be_16(remote->port),
				    .dgram_len = rte_cpu_to_be_16((uint16_t)bytes)};
	udp->dgram_cksum = outer_ipv6_udp_checksum(local->address, remote->address,
						   (const uint8_t *)udp, bytes);
	outer_ipv6_write(at, local->address, remote->address, IPPROTO_UDP, bytes);
	return true;
}

bool outer_push_udp(struct worker *w, struct rte_mbuf *mbuf, const struct endpoint *local,
		    const struct endpoint *remote)
{
	struct outer_header header;
	struct rte_udp_hdr *udp;
	uint8_t *at;

	if (remote->family == ENDPOINT_IPV6)
		return push_udp_ipv6(w, mbuf, local, remote);
	at = packet_push(mbuf, OUTER_IPV4_BYTES + OUTER_UDP_BYTES);
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
	egress_stage(w, packets, next_hops);
}

void outer_ipv6_stage(struct worker *w, struct vector *packets)
{
	uint8_t destinations[VECTOR_MAX][16];
	uint64_t next_hops[VECTOR_MAX] = {ROUTE_NONE};

	watch_vector(w, packets, WATCH_POINT_outer);
	for (unsigned i = 0; i < packets->count; i++) {
		memcpy(destinations[i],
		       rte_pktmbuf_mtod(packets->packets[i], struct rte_ipv6_hdr *)->dst_addr,
		       sizeof(destinations[i]));
		packet_of(packets->packets[i])->origin = PACKET_ORIGIN_SELF;
	}
	if (w->tables->fib_ipv6 != NULL)
		lookup_routes_ipv6(w->tables, destinations, next_hops, packets->count);
	egress_stage(w, packets, next_hops);
}
