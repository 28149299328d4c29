/* SPDX-License-Identifier: BSD-3-Clause */
/* Link addresses, transmit queues, and the hand to the control core. */
#include "dataplane/watch.h"
#include "dataplane/worker.h"

#include <rte_ethdev.h>

/* Out of line: the stages that may drop are small, and few packets come here. */
void drop_packet(struct worker *w, struct rte_mbuf *mbuf, enum drop drop)
{
	counter_add(&w->drops[drop], 1);
	if (w->watching)
		watch_tell(w, &mbuf, 1, WATCH_POINT_dropped, drop);
	rte_pktmbuf_free(mbuf);
}

static struct endpoint destination_of(const struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);

	if (ip->version == 6)
		return endpoint_ipv6(rte_pktmbuf_mtod(mbuf, const struct rte_ipv6_hdr *)->dst_addr,
				     0);
	return endpoint_ipv4(ip->dst_addr, 0);
}

/* A next hop without a link address, or none: control asks the kernel. */
static void egress_unresolved(struct worker *w, struct rte_mbuf *mbuf, uint64_t next_hop)
{
	struct endpoint destination;
	const struct adjacency *adjacency = NULL;

	switch (route_kind_of(next_hop)) {
	case ROUTE_ADJACENCY:
		adjacency = lookup_adjacency(w->tables, route_index_of(next_hop));
		break;
	case ROUTE_CONNECTED:
		packet_of(mbuf)->port = (uint16_t)route_index_of(next_hop);
		destination = destination_of(mbuf);
		control_hand(w, CONTROL_CLASS_neighbour, mbuf, 0, mbuf->data_len, &destination);
		return;
	default:
		break;
	}
	if (adjacency == NULL) {
		drop_packet(w, mbuf, DROP_no_route);
		return;
	}
	packet_of(mbuf)->port = adjacency->port;
	control_hand(w, CONTROL_CLASS_neighbour, mbuf, 0, mbuf->data_len, &adjacency->address);
}

static_assert(offsetof(struct adjacency, ethernet) + RTE_ETHER_HDR_LEN == FRAME_HEADER_BYTES,
	      "the header ends the word");

void egress_stage(struct worker *w, struct vector *packets, const uint64_t *next_hops)
{
	watch_vector(w, packets, WATCH_POINT_egress);
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		const struct adjacency *adjacency = NULL;
		uint8_t *room;

		if (route_kind_of(next_hops[i]) == ROUTE_ADJACENCY)
			adjacency = lookup_adjacency(w->tables, route_index_of(next_hops[i]));
		if (adjacency == NULL || !adjacency->resolved) {
			egress_unresolved(w, mbuf, next_hops[i]);
			continue;
		}
		if (__builtin_expect(mbuf->data_off < FRAME_HEADER_BYTES, 0)) {
			drop_packet(w, mbuf, DROP_no_headroom);
			continue;
		}
		room = rte_pktmbuf_mtod(mbuf, uint8_t *) - FRAME_HEADER_BYTES;
		memcpy(room, &adjacency->unused, FRAME_HEADER_BYTES);
		packet_cut(mbuf, (uint32_t)-RTE_ETHER_HDR_LEN, mbuf->data_len + RTE_ETHER_HDR_LEN);
		transmit_frame(w, mbuf, adjacency->port);
	}
}

static void transmit_buffer_flush(struct worker *w, uint16_t port)
{
	struct transmit_buffer *buffer = &w->transmit[port];
	uint64_t bytes = 0;
	unsigned sent;

	for (unsigned i = 0; i < buffer->count; i++)
		bytes += buffer->packets[i]->pkt_len;
	counter_add(&w->ports[port].packets_out, buffer->count);
	counter_add(&w->ports[port].bytes_out, bytes);
	sent = rte_eth_tx_burst(w->config->devices[port], (uint16_t)w->id, buffer->packets,
				(uint16_t)buffer->count);
	for (unsigned i = sent; i < buffer->count; i++)
		drop_packet(w, buffer->packets[i], DROP_port_queue_full);
	buffer->count = 0;
}

void transmit_frame(struct worker *w, struct rte_mbuf *mbuf, uint16_t port)
{
	struct transmit_buffer *buffer = &w->transmit[port];
	unsigned queues = w->config->tx_queues[port];

	if (w->id >= queues) {
		/* No queue of its own: the owner of the last one sends. */
		packet_of(mbuf)->port = port;
		handoff_frame(w, mbuf, queues - 1);
		return;
	}
	buffer->packets[buffer->count++] = mbuf;
	if (buffer->count == VECTOR_MAX)
		transmit_buffer_flush(w, port);
}

void transmit_flush(struct worker *w)
{
	for (uint16_t port = 0; port < w->config->ports; port++)
		if (w->transmit[port].count != 0)
			transmit_buffer_flush(w, port);
}

static const uint32_t class_rate[CONTROL_CLASS_COUNT] = {
#define CONTROL_CLASS(name, rate, share, text) rate,
#include "messages/classes.def"
#undef CONTROL_CLASS
};

void control_hand(struct worker *w, enum control_class class, struct rte_mbuf *mbuf,
		  uint32_t offset, uint32_t length, const struct endpoint *next_hop)
{
	const struct packet *packet = packet_of(mbuf);
	struct message *message;

	if (!policer_take(&w->class_policer[class], class_rate[class], w->now_cycles, w->hz)) {
		drop_packet(w, mbuf, DROP_control_policed);
		return;
	}
	if (!mailbox_worker_share_take(w->mailbox, w->id, class)) {
		drop_packet(w, mbuf, DROP_control_ring_full);
		return;
	}
	message = mailbox_worker_message_new(w->mailbox, w->id, MESSAGE_PACKET);
	if (message == NULL) {
		mailbox_worker_share_return(w->mailbox, w->id, class);
		drop_packet(w, mbuf, DROP_no_message);
		return;
	}
	message->packet = mbuf;
	message->packet_in.class = (uint8_t) class;
	message->packet_in.port = packet->port;
	message->packet_in.group = packet->group;
	message->packet_in.session = packet->session;
	message->packet_in.next_hop = next_hop != NULL ? *next_hop : (struct endpoint){0};
	if (packet->ipv6) {
		message->packet_in.local = endpoint_ipv6(packet->local_ipv6, packet->local_port);
		message->packet_in.remote = endpoint_ipv6(packet->remote_ipv6, packet->remote_port);
	} else {
		message->packet_in.local = endpoint_ipv4(packet->local_be, packet->local_port);
		message->packet_in.remote = endpoint_ipv4(packet->remote_be, packet->remote_port);
	}
	message->packet_in.offset = offset;
	message->packet_in.length = length;
	counter_add(&w->view.classes[class], 1);
	if (!mailbox_worker_send(w->mailbox, w->id, message)) {
		counter_add(&w->drops[DROP_control_ring_full], 1);
		mailbox_worker_message_free(w->mailbox, w->id, message);
	}
}
