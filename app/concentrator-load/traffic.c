/* SPDX-License-Identifier: BSD-3-Clause */
/* Test packets in both directions: made at a rate, checked where they arrive. */
#include "load.h"

#include "arp.h"
#include "payload.h"

#include <arpa/inet.h>
#include <string.h>

#include <rte_cycles.h>

#define BURST 32 /* packets of a direction in one turn */

/* The mix as one round, each size spread over it as evenly as it goes. */
static void sizes_lay_out(struct load *load)
{
	const struct options *options = load->options;
	unsigned total = 0;
	int credit[SIZES_MAX] = {0};

	for (unsigned i = 0; i < options->size_count; i++)
		total += options->sizes[i].weight;
	for (unsigned place = 0; place < total; place++) {
		unsigned best = 0;

		for (unsigned i = 0; i < options->size_count; i++) {
			credit[i] += options->sizes[i].weight;
			if (credit[i] > credit[best])
				best = i;
		}
		credit[best] -= (int)total;
		load->sizes[place] = options->sizes[best].bytes;
	}
	load->size_count = total;
}

void traffic_begin(struct load *load)
{
	sizes_lay_out(load);
	load->traffic.begun_us = load_microseconds(load);
	load->traffic_runs = true;
}

void traffic_end(struct load *load)
{
	load->traffic.ended_us = load_microseconds(load);
	load->traffic_runs = false;
}

/* The next session that is up, in turn; NULL if none is. */
static struct session *session_next(struct load *load, enum direction direction)
{
	for (uint32_t tries = 0; tries < load->options->sessions; tries++) {
		struct session *session = &load->sessions[load->next_send[direction]];

		if (++load->next_send[direction] == load->options->sessions)
			load->next_send[direction] = 0;
		if (session->phase == SESSION_PHASE_UP)
			return session;
	}
	return NULL;
}

static bool packet_send(struct load *load, enum direction direction)
{
	uint32_t server_be = load->options->servers_address_be;
	uint16_t bytes = load->sizes[load->next_size[direction]];
	struct session *session = session_next(load, direction);
	struct rte_mbuf *mbuf = session == NULL ? NULL : rte_pktmbuf_alloc(load->pool);
	bool up = direction == DIRECTION_UP;
	uint8_t *packet;

	if (mbuf == NULL)
		return false;
	packet = (uint8_t *)rte_pktmbuf_append(mbuf, bytes);
	payload_write(packet, bytes, up ? session->address_be : server_be,
		      up ? server_be : session->address_be, session->number, (uint8_t)direction,
		      ++session->flows[direction].sent, rte_rdtsc());
	if (++load->next_size[direction] == load->size_count)
		load->next_size[direction] = 0;
	load->traffic.sent_bytes[direction] += bytes;
	if (up) {
		static const uint8_t protocol_ip[] = {0x00, 0x21};

		memcpy(rte_pktmbuf_prepend(mbuf, 2), protocol_ip, sizeof(protocol_ip));
		session_send(session, mbuf);
	} else {
		port_send(&load->servers_port, mbuf);
	}
	return true;
}

bool traffic_send(struct load *load)
{
	const struct port *ports[DIRECTIONS] = {&load->peers_port, &load->servers_port};
	uint64_t due;
	bool any = false;

	if (!load->traffic_runs)
		return false;
	due = (load->now_us - load->traffic.begun_us) * load->options->traffic / 1000000;
	for (enum direction direction = 0; direction < DIRECTIONS; direction++) {
		for (unsigned i = 0; i < BURST && load->sent[direction] < due; i++) {
			/* Half of the room is for control. */
			if (port_room(ports[direction]) < PORT_WAITING / 2 ||
			    !packet_send(load, direction))
				break;
			load->sent[direction]++;
			any = true;
		}
	}
	return any;
}

/* ---- what arrives ---- */

static void flow_take(struct load *load, struct flow *flow, uint64_t sequence)
{
	uint64_t ahead = sequence - flow->highest;
	uint64_t behind = flow->highest - sequence;

	if (sequence > flow->highest) {
		flow->window = ahead < 64 ? flow->window << ahead | 1 : 1;
		flow->highest = sequence;
	} else if (behind < 64 && (flow->window >> behind & 1) != 0) {
		load->traffic.duplicate++;
		return;
	} else {
		flow->window |= behind < 64 ? UINT64_C(1) << behind : 0;
		load->traffic.late++;
	}
	flow->received++;
}

static void packet_take(struct load *load, struct session *session, enum direction direction,
			const struct stamp *stamp, size_t length)
{
	uint64_t cycles = rte_rdtsc() - stamp->sent_cycles;

	histogram_add(&load->traffic.latency_ns[direction],
		      (uint64_t)((double)cycles * 1e9 / (double)load->cycles_hz));
	load->traffic.received_bytes[direction] += length;
	flow_take(load, &session->flows[direction], stamp->sequence);
}

/* False if it is not a test packet, or not as it was sent: that is counted. */
static bool stamp_take(struct load *load, const uint8_t *packet, size_t length,
		       enum direction direction, struct stamp *stamp)
{
	enum payload_verdict verdict = payload_read(packet, length, (uint8_t)direction, stamp);

	load->traffic.foreign += verdict == PAYLOAD_FOREIGN;
	load->traffic.corrupt += verdict == PAYLOAD_CORRUPT;
	return verdict == PAYLOAD_RIGHT;
}

void traffic_receive_down(struct session *session, const uint8_t *bytes, size_t length)
{
	struct load *load = session->peer->load;
	struct rte_ipv4_hdr ip;
	struct stamp stamp;

	if (!stamp_take(load, bytes, length, DIRECTION_DOWN, &stamp))
		return;
	memcpy(&ip, bytes, sizeof(ip));
	if (stamp.session != session->number || ip.dst_addr != session->address_be)
		load->traffic.misdelivered++;
	else
		packet_take(load, session, DIRECTION_DOWN, &stamp, length);
}

static void server_take(struct load *load, const struct rte_ipv4_hdr *ip, size_t length)
{
	struct stamp stamp;

	if (!stamp_take(load, (const uint8_t *)ip, length, DIRECTION_UP, &stamp))
		return;
	if (stamp.session >= load->options->sessions ||
	    load->sessions[stamp.session].address_be != ip->src_addr ||
	    ip->dst_addr != load->options->servers_address_be)
		load->traffic.misdelivered++;
	else
		packet_take(load, &load->sessions[stamp.session], DIRECTION_UP, &stamp, length);
}

void traffic_receive_up(struct load *load, struct rte_mbuf *frame)
{
	const struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip;

	if (ethernet->ether_type == htons(RTE_ETHER_TYPE_ARP)) {
		arp_receive(&load->servers_port, frame);
		return;
	}
	ip = ethernet->ether_type == htons(RTE_ETHER_TYPE_IPV4) ? frame_ipv4(frame) : NULL;
	if (ip != NULL)
		server_take(load, ip, frame->data_len);
	rte_pktmbuf_free(frame);
}
