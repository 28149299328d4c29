/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The owner of the L2TP engine: one engine dials all tunnels, of LACs and of clients, so that a
 * tunnel id names the peer.
 */
#include "load.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

#define CDN_LOSS_OF_CARRIER     1
#define STOPCCN_GENERAL_REQUEST 1

static void lac_drain(struct load *load);

static void timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct load *load = (struct load *)((char *)node - offsetof(struct load, l2tp_timer));

	l2tp_on_time(load->l2tp, now_ms);
	lac_drain(load);
}

void lac_set_up(struct load *load)
{
	const struct options *options = load->options;
	struct l2tp_config config = {
		.host_name = "concentrator-load",
		.secret = load->secret_bytes != 0 ? load->secret : NULL,
		.secret_bytes = load->secret_bytes,
		.challenge_peer = load->secret_bytes != 0,
		.receive_window = 32,
		.tunnels_total = options->tunnels,
		.sessions_per_tunnel = 65535,
		.hello_idle_ms = 60000,
		.retransmit_first_ms = 1000,
		.retransmit_cap_ms = 8000,
		.retransmit_attempts = 5,
		.setup_ms = options->setup_seconds * 1000,
		.closed_linger_ms = 31000,
	};

	load->by_tunnel = memory_new_array(TUNNEL_IDS, sizeof(struct peer *));
	load->l2tp = l2tp_new(&config, &load->random, &load->l2tp_counters);
	load->l2tp_timer.expired = timer_expired;
}

void lac_tear_down(struct load *load)
{
	timer_wheel_cancel(&load->l2tp_timer);
	l2tp_free(load->l2tp);
	free(load->by_tunnel);
}

static void message_send(struct load *load, const struct l2tp_event *event)
{
	struct peer *peer = load->by_tunnel[event->tunnel];
	struct rte_mbuf *mbuf = NULL;

	if (peer != NULL)
		mbuf = frame_copy(load->pool, event->send.bytes, event->send.length);
	if (mbuf == NULL)
		load->tally.control_refused++;
	else
		peer_send_l2tp(peer, mbuf);
}

static void session_event(struct load *load, const struct l2tp_event *event)
{
	struct peer *peer = load->by_tunnel[event->tunnel];
	struct session *session = peer == NULL ? NULL : peer_session(peer, event->session);

	if (session == NULL)
		return;
	if (event->kind == L2TP_SESSION_UP)
		session_called(session, event->session_up.peer_session);
	else
		session_gone(session, event->down.cause);
}

static void event_take(struct load *load, const struct l2tp_event *event)
{
	struct peer *peer = load->by_tunnel[event->tunnel];

	switch (event->kind) {
	case L2TP_SEND:
		message_send(load, event);
		break;
	case L2TP_SESSION_UP:
	case L2TP_SESSION_DOWN:
		session_event(load, event);
		break;
	case L2TP_TUNNEL_UP:
		peer_tunnel_up(peer, event->tunnel_up.peer_tunnel);
		break;
	case L2TP_TUNNEL_DOWN:
		peer_tunnel_down(peer, event->down.cause);
		break;
	case L2TP_TUNNEL_GONE:
		load->by_tunnel[event->tunnel] = NULL;
		peer_tunnel_gone(peer);
		break;
	default:
		break;
	}
}

/* An event may make the engine say more: the first caller takes that too. */
static void lac_drain(struct load *load)
{
	const struct l2tp_event *event;

	if (load->draining)
		return;
	load->draining = true;
	while ((event = l2tp_next_event(load->l2tp)) != NULL)
		event_take(load, event);
	load->draining = false;
	timer_wheel_set(load->wheel, &load->l2tp_timer, l2tp_deadline(load->l2tp));
}

void lac_dial(struct peer *peer)
{
	struct load *load = peer->load;
	struct endpoint lns = endpoint_ipv4(load->options->lns_be, L2TP_PORT);
	struct endpoint own = endpoint_ipv4(peer_address_be(peer), L2TP_PORT);

	peer->tunnel = l2tp_tunnel_dial(load->l2tp, &lns, &own, load->now_ms);
	if (peer->tunnel == 0) {
		peer_failed(peer, CAUSE_l2tp_too_many_tunnels);
		return;
	}
	load->by_tunnel[peer->tunnel] = peer;
	lac_drain(load);
}

static struct l2tp_proxy_value value_of(const struct ppp_proxy_value *value)
{
	return (struct l2tp_proxy_value){(uint16_t)value->length, value->bytes};
}

static struct l2tp_proxy proxy_of(const struct ppp_handover *handover)
{
	const struct ppp_proxy *from = &handover->proxy;
	static const uint16_t types[] = {
		[PPP_AUTHENTICATION_NONE] = L2TP_PROXY_ABSENT,
		[PPP_AUTHENTICATION_PAP] = L2TP_PROXY_PAP,
		[PPP_AUTHENTICATION_CHAP_MD5] = L2TP_PROXY_CHAP,
	};

	return (struct l2tp_proxy){
		.lcp_sent = value_of(&from->lcp_sent),
		.lcp_received = value_of(&from->lcp_received),
		.type = types[from->method],
		.identifier = from->identifier,
		.name = value_of(&from->name),
		.challenge = value_of(&from->challenge),
		.response = value_of(&from->response),
	};
}

uint16_t lac_call(struct session *session, const struct ppp_handover *handover)
{
	struct peer *peer = session->peer;
	struct load *load = peer->load;
	char number[16];
	uint16_t id;

	snprintf(number, sizeof(number), "%u", session->number);
	if (handover != NULL) {
		const struct l2tp_proxy proxy = proxy_of(handover);

		id = l2tp_session_dial_proxied(load->l2tp, peer->tunnel, number, "", &proxy,
					       load->now_ms);
	} else {
		id = l2tp_session_dial(load->l2tp, peer->tunnel, number, "", load->now_ms);
	}
	if (id != 0)
		peer_session_add(peer, id, session->number);
	lac_drain(load);
	return id;
}

void lac_receive(struct peer *peer, const uint8_t *bytes, size_t length)
{
	struct load *load = peer->load;
	struct endpoint lns = endpoint_ipv4(load->options->lns_be, L2TP_PORT);
	struct endpoint own = endpoint_ipv4(peer_address_be(peer), L2TP_PORT);

	/* What came through this peer's SA or to its address must be for its tunnel. */
	if (length < 6 || (uint16_t)(bytes[4] << 8 | bytes[5]) != peer->tunnel) {
		load->tally.strays++;
		return;
	}
	l2tp_feed(load->l2tp, &lns, &own, bytes, length, load->now_ms);
	lac_drain(load);
	if (peer->phase == PEER_PHASE_STOPPING)
		peer_check_stopped(peer);
}

void lac_clear(struct session *session)
{
	struct load *load = session->peer->load;

	session->phase = SESSION_PHASE_CLEARING;
	(void)l2tp_session_close(load->l2tp, session->peer->tunnel, session->id,
				 CDN_LOSS_OF_CARRIER, CAUSE_administrator, load->now_ms);
	lac_drain(load);
}

void lac_stop(struct peer *peer)
{
	struct load *load = peer->load;

	(void)l2tp_tunnel_close(load->l2tp, peer->tunnel, STOPCCN_GENERAL_REQUEST,
				CAUSE_administrator, load->now_ms);
	lac_drain(load);
}

bool lac_stopped(const struct peer *peer)
{
	return l2tp_tunnel_is_quiet(peer->load->l2tp, peer->tunnel);
}
