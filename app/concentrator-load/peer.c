/* SPDX-License-Identifier: BSD-3-Clause */
/* An outer identity: the way of its packets to the LNS and back, and its tunnel. */
#include "load.h"

#include "arp.h"
#include "base/memory.h"
#include "client.h"
#include "nat.h"

#include <arpa/inet.h>

#define LEAVES_A_MS     2
#define L2TP_CONTROL    0x8000
#define L2TP_LENGTH     0x4000
#define L2TP_SEQUENCE   0x0800
#define L2TP_OFFSET     0x0200
#define PPP_PROTOCOL_IP 0x0021

uint32_t peer_address_be(const struct peer *peer)
{
	return nat_address_be(peer->load->options, peer->number);
}

void peer_make_places(struct peer *peer, uint32_t sessions)
{
	uint32_t places = 2;

	while (places < 2 * sessions)
		places *= 2;
	peer->places = memory_new_array(places, sizeof(*peer->places));
	peer->place_mask = places - 1;
}

/* The place of this id, or the free one where it would be. */
static struct session_place *place_of(const struct peer *peer, uint16_t id)
{
	uint32_t at = id * 40503u & peer->place_mask;

	while (peer->places[at].id != 0 && peer->places[at].id != id)
		at = (at + 1) & peer->place_mask;
	return &peer->places[at];
}

void peer_session_add(struct peer *peer, uint16_t id, uint32_t number)
{
	if (peer->places != NULL)
		*place_of(peer, id) = (struct session_place){id, number};
}

struct session *peer_session(const struct peer *peer, uint16_t id)
{
	struct load *load = peer->load;
	struct session *session = &load->sessions[peer->number];
	const struct session_place *place;

	if (peer->places != NULL) {
		place = place_of(peer, id);
		if (place->id == 0)
			return NULL;
		session = &load->sessions[place->number];
	}
	return session->id == id && session->phase < SESSION_PHASE_GONE ? session : NULL;
}

/* ---- the life of a peer ---- */

void peer_start(struct peer *peer)
{
	if (peer->load->options->ipsec) {
		peer->phase = PEER_PHASE_KEYING;
		client_dial(peer);
	} else {
		peer_secured(peer);
	}
}

static void waiting_go(struct peer *peer)
{
	struct session *session;

	peer->phase = PEER_PHASE_UP;
	while ((session = STAILQ_FIRST(&peer->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&peer->waiting, waiting);
		if (peer->load->closing)
			session_gone(session, CAUSE_administrator);
		else
			session_peer_ready(session);
	}
}

void peer_secured(struct peer *peer)
{
	if (peer->load->options->until == UNTIL_IKE) {
		waiting_go(peer);
		return;
	}
	peer->phase = PEER_PHASE_CALLING;
	lac_dial(peer);
}

void peer_tunnel_up(struct peer *peer, uint16_t peer_tunnel)
{
	peer->peer_tunnel = peer_tunnel;
	waiting_go(peer);
}

void peer_failed(struct peer *peer, enum cause cause)
{
	struct session *session;

	peer->phase = PEER_PHASE_DOWN;
	while ((session = STAILQ_FIRST(&peer->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&peer->waiting, waiting);
		session_gone(session, cause);
	}
}

void peer_tunnel_down(struct peer *peer, enum cause cause)
{
	if (peer->phase == PEER_PHASE_STOPPING)
		return;
	peer_failed(peer, cause);
	client_close(peer);
}

/* Nobody acknowledges a Delete (RFC 2408 5.15), so they are not sent faster than they are taken. */
static void peer_leave(struct peer *peer)
{
	if (peer->client == NULL) {
		peer->phase = PEER_PHASE_DOWN;
		return;
	}
	peer->phase = PEER_PHASE_LEAVING;
	STAILQ_INSERT_TAIL(&peer->load->leaving, peer, leaving);
}

void peers_leave(struct load *load)
{
	uint64_t due = (load->now_ms - load->left_ms) * LEAVES_A_MS;
	struct peer *peer;

	load->left_ms = load->now_ms;
	while (due-- != 0 && (peer = STAILQ_FIRST(&load->leaving)) != NULL) {
		STAILQ_REMOVE_HEAD(&load->leaving, leaving);
		peer->phase = PEER_PHASE_DOWN;
		client_close(peer);
	}
}

void peer_check_stopped(struct peer *peer)
{
	if (lac_stopped(peer))
		peer_leave(peer);
}

void peer_tunnel_gone(struct peer *peer)
{
	if (peer->phase != PEER_PHASE_STOPPING)
		return;
	peer->load->tally.tunnels_unclean++;
	peer_leave(peer);
}

void peer_session_ended(struct peer *peer)
{
	peer->open_sessions--;
	if (peer->load->closing)
		peer_close(peer);
}

void peer_close(struct peer *peer)
{
	if (peer->phase == PEER_PHASE_KEYING || peer->phase == PEER_PHASE_CALLING) {
		peer_failed(peer, CAUSE_administrator);
		if (peer->tunnel != 0)
			lac_stop(peer);
		client_close(peer);
		return;
	}
	if (peer->open_sessions != 0 || peer->phase != PEER_PHASE_UP)
		return;
	if (peer->load->options->until == UNTIL_IKE) {
		peer_leave(peer);
		return;
	}
	peer->phase = PEER_PHASE_STOPPING;
	lac_stop(peer);
}

/* ---- packets to the LNS ---- */

void peer_send_l2tp(struct peer *peer, struct rte_mbuf *mbuf)
{
	struct load *load = peer->load;

	if (load->options->ipsec) {
		frame_push_udp(mbuf, L2TP_PORT, L2TP_PORT);
		client_seal(peer, mbuf);
		return;
	}
	frame_push_udp(mbuf, nat_port(load->options, peer->number, L2TP_PORT), L2TP_PORT);
	frame_push_ipv4(mbuf, IPPROTO_UDP, peer_address_be(peer), load->options->lns_be);
	port_send(&load->peers_port, mbuf);
}

/* ---- packets from the LNS ---- */

/* Where the payload of a data message begins, its session; 0 if the header is wrong. */
static uint32_t data_header_read(const uint8_t *at, uint32_t length, uint16_t *tunnel,
				 uint16_t *session)
{
	uint16_t flags = (uint16_t)(at[0] << 8 | at[1]);
	uint32_t offset = flags & L2TP_LENGTH ? 4 : 2;

	if ((flags & 0x000f) != 2 || length < offset + 4)
		return 0;
	*tunnel = (uint16_t)(at[offset] << 8 | at[offset + 1]);
	*session = (uint16_t)(at[offset + 2] << 8 | at[offset + 3]);
	offset += flags & L2TP_SEQUENCE ? 8 : 4;
	if (flags & L2TP_OFFSET) {
		if (length < offset + 2)
			return 0;
		offset += 2u + (uint32_t)(at[offset] << 8 | at[offset + 1]);
	}
	return offset < length ? offset : 0;
}

static void data_receive(struct peer *peer, const uint8_t *at, uint32_t length)
{
	struct load *load = peer->load;
	uint16_t tunnel = 0, id = 0;
	uint32_t offset = data_header_read(at, length, &tunnel, &id);
	struct session *session = offset == 0 ? NULL : peer_session(peer, id);

	if (session == NULL || tunnel != peer->tunnel) {
		load->tally.strays++;
		return;
	}
	at += offset;
	length -= offset;
	if (length >= 4 && at[0] == 0xff && at[1] == 0x03) {
		at += 2;
		length -= 2;
	}
	if (length > 2 && (at[0] << 8 | at[1]) == PPP_PROTOCOL_IP)
		traffic_receive_down(session, at + 2, length - 2);
	else
		session_receive_ppp(session, at, length);
}

void peer_receive_l2tp(struct peer *peer, const uint8_t *udp, uint32_t length)
{
	uint32_t stated = length < 10 ? 0 : (uint32_t)(udp[4] << 8 | udp[5]);

	if (stated < 10 || stated > length) {
		peer->load->tally.strays++;
		return;
	}
	if (udp[8] & (L2TP_CONTROL >> 8))
		lac_receive(peer, udp + 8, stated - 8);
	else
		data_receive(peer, udp + 8, stated - 8);
}

static void udp_receive(struct load *load, struct rte_mbuf *mbuf, uint32_t destination)
{
	const uint8_t *udp = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 20);
	uint32_t length = mbuf->data_len - 20u;
	uint16_t own_port = 0;
	uint32_t number;

	if (length < 8) {
		load->tally.strays++;
		rte_pktmbuf_free(mbuf);
		return;
	}
	number = nat_peer(load->options, destination, (uint16_t)(udp[2] << 8 | udp[3]), &own_port);
	if (number == UINT32_MAX || (own_port == L2TP_PORT) == load->options->ipsec) {
		load->tally.strays++;
		rte_pktmbuf_free(mbuf);
	} else if (own_port == L2TP_PORT) {
		peer_receive_l2tp(&load->peers[number], udp, length);
		rte_pktmbuf_free(mbuf);
	} else {
		rte_pktmbuf_adj(mbuf, 28);
		client_receive(&load->peers[number], own_port, mbuf);
	}
}

void peers_receive(struct load *load, struct rte_mbuf *frame)
{
	const struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
	struct rte_ipv4_hdr *ip;
	uint32_t number;
	uint16_t none = 0;

	if (ethernet->ether_type == htons(RTE_ETHER_TYPE_ARP)) {
		arp_receive(&load->peers_port, frame);
		return;
	}
	ip = ethernet->ether_type == htons(RTE_ETHER_TYPE_IPV4) ? frame_ipv4(frame) : NULL;
	if (ip == NULL || ip->src_addr != load->options->lns_be) {
		load->tally.strays += ip != NULL;
		rte_pktmbuf_free(frame);
		return;
	}
	if (ip->next_proto_id == IPPROTO_UDP) {
		udp_receive(load, frame, ntohl(ip->dst_addr));
		return;
	}
	number = nat_peer(load->options, ntohl(ip->dst_addr), 0, &none);
	if (ip->next_proto_id != IPPROTO_ESP || number == UINT32_MAX || !load->options->bare_esp) {
		load->tally.strays++;
		rte_pktmbuf_free(frame);
		return;
	}
	rte_pktmbuf_adj(frame, 20);
	client_receive_esp(&load->peers[number], frame);
}
