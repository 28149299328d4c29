/* SPDX-License-Identifier: BSD-3-Clause */
/* An IPv4 packet from a subscriber or of ours: to a session, a next hop, or the kernel. */
#include "dataplane/hop.h"
#include "dataplane/watch.h"
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
	control_hand(w, CONTROL_CLASS_to_self, mbuf, 0, mbuf->data_len, NULL);
}

/* True if the packet goes to the session packet_of()->session. */
static bool to_session(struct worker *w, struct rte_mbuf *mbuf, uint32_t slot)
{
	struct packet *packet = packet_of(mbuf);

	packet->source = (uint8_t)w->id;
	packet->session = slot;
	if (slot == NO_SLOT) {
		drop_packet(w, mbuf, DROP_session_gone);
		return false;
	}
	if (packet->origin == PACKET_ORIGIN_SESSION && !w->config->client_to_client) {
		drop_packet(w, mbuf, DROP_client_to_client_off);
		return false;
	}
	return true;
}

void route_stage(struct worker *w, struct vector *packets)
{
	struct vector sessions = {.count = 0}, hops = {.count = 0};
	uint32_t destinations[VECTOR_MAX];
	uint64_t next_hops[VECTOR_MAX];

	watch_vector(w, packets, WATCH_POINT_route);
	for (unsigned i = 0; i < packets->count; i++)
		destinations[i] = rte_be_to_cpu_32(
			rte_pktmbuf_mtod(packets->packets[i], struct rte_ipv4_hdr *)->dst_addr);
	lookup_routes(w->tables, destinations, next_hops, packets->count);
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		uint32_t index = route_index_of(next_hops[i]);

		switch (route_kind_of(next_hops[i])) {
		case ROUTE_ADJACENCY:
		case ROUTE_CONNECTED:
			if (!hop_take(w, mbuf))
				break;
			/* Packets that go on close the gaps of those that do not. */
			next_hops[hops.count] = next_hops[i];
			vector_add(&hops, mbuf);
			break;
		case ROUTE_POOL:
			if (to_session(w, mbuf, lookup_pool(w->tables, index, destinations[i])))
				vector_add(&sessions, mbuf);
			break;
		case ROUTE_SESSION:
			if (to_session(w, mbuf, index))
				vector_add(&sessions, mbuf);
			break;
		case ROUTE_LOCAL:
			to_self(w, mbuf);
			break;
		default:
			drop_packet(w, mbuf, DROP_no_route);
			break;
		}
	}
	if (hops.count != 0)
		egress_stage(w, &hops, next_hops);
	if (sessions.count != 0)
		session_out_stage(w, &sessions);
}
