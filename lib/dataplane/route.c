/* SPDX-License-Identifier: BSD-3-Clause */
/* An IPv4 packet from a subscriber or of ours: to a session, a next hop, or the kernel. */
#include "dataplane/worker.h"

#include <netinet/in.h>

#define ICMP_ECHO_REQUEST 8

/* A subscriber's packet to one of our own addresses. */
static void to_self(struct worker *w, struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	uint32_t header = rte_ipv4_hdr_len(ip);
	bool echo = ip->next_proto_id == IPPROTO_ICMP && mbuf->data_len > header &&
		    *rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, header) == ICMP_ECHO_REQUEST;

	if (packet_of(mbuf)->origin != PACKET_ORIGIN_SESSION || (w->config->ping_only && !echo)) {
		drop_packet(w, mbuf, DROP_destination_local_filtered);
		return;
	}
	packet_of(mbuf)->port = UINT16_MAX; /* no port: the subscribers' interface of the kernel */
	control_hand(w, CONTROL_CLASS_to_self, mbuf, 0, mbuf->data_len, 0);
}

static void route_one(struct worker *w, struct rte_mbuf *mbuf, uint32_t destination,
		      uint64_t next_hop, struct vector *sessions)
{
	struct packet *packet = packet_of(mbuf);

	switch (route_kind_of(next_hop)) {
	case ROUTE_LOCAL:
		to_self(w, mbuf);
		return;
	case ROUTE_ADJACENCY:
	case ROUTE_CONNECTED:
		if (hop_take(w, mbuf))
			egress_send(w, mbuf, next_hop, destination);
		return;
	case ROUTE_POOL:
		packet->session = lookup_pool(w->tables, route_index_of(next_hop), destination);
		break;
	case ROUTE_SESSION:
		packet->session = route_index_of(next_hop);
		break;
	default:
		drop_packet(w, mbuf, DROP_no_route);
		return;
	}
	packet->source = (uint8_t)w->id;
	if (packet->session == NO_SLOT)
		drop_packet(w, mbuf, DROP_session_gone);
	else if (packet->origin == PACKET_ORIGIN_SESSION && !w->config->client_to_client)
		drop_packet(w, mbuf, DROP_client_to_client_off);
	else
		vector_add(sessions, mbuf);
}

void route_stage(struct worker *w, struct vector *packets)
{
	struct vector sessions = {.count = 0};
	uint32_t destinations[VECTOR_MAX];
	uint64_t next_hops[VECTOR_MAX];

	for (unsigned i = 0; i < packets->count; i++)
		destinations[i] = rte_be_to_cpu_32(
			rte_pktmbuf_mtod(packets->packets[i], struct rte_ipv4_hdr *)->dst_addr);
	lookup_routes(w->tables, destinations, next_hops, packets->count);
	for (unsigned i = 0; i < packets->count; i++)
		route_one(w, packets->packets[i], destinations[i], next_hops[i], &sessions);
	if (sessions.count != 0)
		session_out_stage(w, &sessions);
}
