/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6 outside: what is tunnelled traffic to an address of ours, and what is the kernel's. */
#include "dataplane/outer.h"
#include "dataplane/worker.h"

#include <netinet/in.h>

static void to_kernel(struct worker *w, struct rte_mbuf *mbuf)
{
	control_hand(w, CONTROL_CLASS_to_self, mbuf, 0, mbuf->data_len, NULL);
}

/* Multicast and link-local addresses, which say nothing about who routes to us. */
static bool on_the_link(const uint8_t address[16])
{
	return address[0] == 0xff || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

static bool is_local(const struct worker *w, const uint8_t address[16])
{
	uint8_t addresses[1][16];
	uint64_t next_hop = ROUTE_NONE;

	memcpy(addresses[0], address, sizeof(addresses[0]));
	lookup_routes_ipv6(w->tables, addresses, &next_hop, 1);
	return route_kind_of(next_hop) == ROUTE_LOCAL;
}

uint8_t classify_ipv6(struct worker *w, struct rte_mbuf *mbuf, uint32_t *offset)
{
	const struct rte_ipv6_hdr *ip =
		rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv6_hdr *, RTE_ETHER_HDR_LEN);
	struct packet *packet = packet_of(mbuf);
	uint32_t total;

	if (w->tables->fib_ipv6 == NULL) {
		to_kernel(w, mbuf);
		return 0;
	}
	if (mbuf->data_len < RTE_ETHER_HDR_LEN + sizeof(*ip)) {
		drop_packet(w, mbuf, DROP_frame_too_short);
		return 0;
	}
	total = RTE_ETHER_HDR_LEN + (uint32_t)sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	if ((rte_be_to_cpu_32(ip->vtc_flow) >> 28) != 6 || total > mbuf->data_len) {
		drop_packet(w, mbuf, DROP_ipv6_bad_header);
		return 0;
	}
	if (on_the_link(ip->dst_addr)) {
		to_kernel(w, mbuf);
		return 0;
	}
	if (!is_local(w, ip->dst_addr)) {
		drop_packet(w, mbuf, DROP_not_ours);
		return 0;
	}
	if (ip->proto == IPPROTO_FRAGMENT) {
		drop_packet(w, mbuf, DROP_outer_ipv6_fragment);
		return 0;
	}
	if (ip->proto != IPPROTO_UDP && ip->proto != IPPROTO_ESP) {
		to_kernel(w, mbuf);
		return 0;
	}
	packet_cut(mbuf, 0, total);
	packet->ipv6 = true;
	memcpy(packet->remote_ipv6, ip->src_addr, sizeof(packet->remote_ipv6));
	memcpy(packet->local_ipv6, ip->dst_addr, sizeof(packet->local_ipv6));
	packet->remote_be = outer_fold(packet->remote_ipv6);
	packet->local_be = outer_fold(packet->local_ipv6);
	packet->remote_port = packet->local_port = 0;
	*offset = RTE_ETHER_HDR_LEN + sizeof(*ip);
	return ip->proto;
}
