/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine as LAC against the engine as LNS, over a wire that loses, repeats and reorders. */
#include "l2tp/l2tp.h"
#include "simulation_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IDS 65536

struct end {
	struct l2tp *l2tp;
	struct l2tp_config config;
	struct l2tp_counters counters;
	struct endpoint own;
	struct wire *out;
	unsigned tunnels_up;
	unsigned tunnels_down;
	unsigned tunnels_gone;
	unsigned sessions_up;
	unsigned sessions_down;
	uint16_t tunnel;
	uint16_t last_type;          /* of the message sent last */
	uint16_t type_before_up;     /* last_type when the last session came up */
	uint32_t proxy_sum;          /* of the bytes of proxies that came */
	uint16_t peer_session[IDS];  /* by our id, of sessions that are up */
	struct l2tp_event last_down; /* of a tunnel */
	struct l2tp_event last_session_down;
};

struct pair {
	uint64_t seed;
	uint64_t now_ms;
	struct end lac;
	struct end lns;
	struct wire up;
	struct wire down;
	struct wire_packet packet;
};

static struct pair *pair_new(void)
{
	struct pair *p = calloc(1, sizeof(*p));
	const struct l2tp_config config = {
		.host_name = "end",
		.receive_window = 8,
		.tunnels_total = 4,
		.sessions_per_tunnel = 65535,
		.hello_idle_ms = 60000,
		.retransmit_first_ms = 1000,
		.retransmit_cap_ms = 8000,
		.retransmit_attempts = 5,
		.setup_ms = 30000,
		.closed_linger_ms = 31000,
	};

	p->seed = 4711;
	p->lac.config = p->lns.config = config;
	p->lac.own = endpoint_ipv4(0x0100007f, 1701);
	p->lns.own = endpoint_ipv4(0x0200007f, 1701);
	p->lac.out = &p->up;
	p->lns.out = &p->down;
	p->up = (struct wire){.seed = &p->seed, .delay_ms = 10};
	p->down = (struct wire){.seed = &p->seed, .delay_ms = 10};
	return p;
}

static void pair_start(struct pair *p)
{
	const struct random_source random = {generator_fill, &p->seed};

	p->lac.l2tp = l2tp_new(&p->lac.config, &random, &p->lac.counters);
	p->lns.l2tp = l2tp_new(&p->lns.config, &random, &p->lns.counters);
}

static void pair_free(struct pair *p)
{
	l2tp_free(p->lac.l2tp);
	l2tp_free(p->lns.l2tp);
	free(p);
}

static void end_send(struct end *end, const struct l2tp_event *event, uint64_t now_ms)
{
	const uint8_t *bytes = event->send.bytes;

	assert_true(endpoint_equal(&event->send.from, &end->own));
	end->last_type = event->send.length == 12 ? 0 : (uint16_t)(bytes[18] << 8 | bytes[19]);
	wire_send(end->out, bytes, event->send.length, now_ms);
}

static uint32_t value_sum(const struct l2tp_proxy_value *value)
{
	uint32_t sum = value->length;

	for (unsigned i = 0; i < value->length; i++)
		sum = sum * 31 + value->bytes[i];
	return sum;
}

/* Differs with each value and with their places. */
static uint32_t proxy_sum(const struct l2tp_proxy *proxy)
{
	return proxy == NULL
		       ? 0
		       : value_sum(&proxy->lcp_sent) + 3 * value_sum(&proxy->lcp_received) +
				 5 * value_sum(&proxy->name) + 7 * value_sum(&proxy->challenge) +
				 11 * value_sum(&proxy->response) + 13u * proxy->type +
				 17u * proxy->identifier;
}

static void end_events(struct end *end, uint64_t now_ms)
{
	const struct l2tp_event *event;

	while ((event = l2tp_next_event(end->l2tp)) != NULL) {
		switch (event->kind) {
		case L2TP_SEND:
			end_send(end, event, now_ms);
			break;
		case L2TP_TUNNEL_UP:
			end->tunnels_up++;
			end->tunnel = event->tunnel;
			break;
		case L2TP_TUNNEL_DOWN:
			end->tunnels_down++;
			end->last_down = *event;
			break;
		case L2TP_TUNNEL_GONE:
			end->tunnels_gone++;
			break;
		case L2TP_SESSION_UP:
			end->sessions_up++;
			end->type_before_up = end->last_type;
			end->peer_session[event->session] = event->session_up.peer_session;
			end->proxy_sum += proxy_sum(event->session_up.proxy);
			break;
		case L2TP_SESSION_DOWN:
			end->sessions_down++;
			end->peer_session[event->session] = 0;
			end->last_session_down = *event;
			break;
		default:
			break;
		}
	}
}

static void deliver(struct pair *p, struct wire *wire, struct end *from, struct end *to)
{
	while (wire_receive(wire, &p->packet, p->now_ms)) {
		uint8_t *exact = malloc(p->packet.length);

		memcpy(exact, p->packet.bytes, p->packet.length);
		l2tp_feed(to->l2tp, &from->own, &to->own, exact, p->packet.length, p->now_ms);
		free(exact);
		end_events(to, p->now_ms);
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void pair_run(struct pair *p, uint64_t until_ms)
{
	end_events(&p->lac, p->now_ms);
	for (;;) {
		uint64_t next = least(l2tp_deadline(p->lac.l2tp), l2tp_deadline(p->lns.l2tp));

		next = least(next, least(wire_deadline(&p->up), wire_deadline(&p->down)));
		if (next > until_ms)
			break;
		if (next > p->now_ms)
			p->now_ms = next;
		deliver(p, &p->up, &p->lac, &p->lns);
		deliver(p, &p->down, &p->lns, &p->lac);
		l2tp_on_time(p->lac.l2tp, p->now_ms);
		l2tp_on_time(p->lns.l2tp, p->now_ms);
		end_events(&p->lac, p->now_ms);
		end_events(&p->lns, p->now_ms);
	}
	p->now_ms = until_ms;
}

static uint16_t dial(struct pair *p)
{
	return l2tp_tunnel_dial(p->lac.l2tp, &p->lns.own, &p->lac.own, p->now_ms);
}

/* A tunnel without sessions, after one second. */
static struct pair *pair_up(void)
{
	struct pair *p = pair_new();
	uint16_t tunnel;

	pair_start(p);
	tunnel = dial(p);
	assert_int_not_equal(tunnel, 0);
	pair_run(p, 1000);
	assert_int_equal(p->lac.tunnels_up, 1);
	assert_int_equal(p->lns.tunnels_up, 1);
	assert_int_equal(p->lac.tunnel, tunnel);
	return p;
}

/* Every session that is up at one end is up at the other, and each knows the other's id. */
static void ends_agree(const struct pair *p)
{
	for (unsigned id = 1; id < IDS; id++) {
		uint16_t lns_id = p->lac.peer_session[id];

		if (lns_id != 0)
			assert_int_equal(p->lns.peer_session[lns_id], id);
	}
	assert_int_equal(p->lac.sessions_up - p->lac.sessions_down,
			 p->lns.sessions_up - p->lns.sessions_down);
}

static void tunnel_and_session_come_up(void **state)
{
	struct pair *p = pair_up();
	uint16_t session = l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "42", "", p->now_ms);

	(void)state;
	assert_int_not_equal(session, 0);
	pair_run(p, 2000);
	assert_int_equal(p->lac.sessions_up, 1);
	assert_int_not_equal(p->lac.peer_session[session], 0);
	assert_int_equal(p->lac.type_before_up, 12); /* PPP follows ICCN */
	ends_agree(p);
	pair_free(p);
}

#define VALUE(text)                                       \
	{                                                 \
		sizeof(text) - 1, (const uint8_t *)(text) \
	}

static void proxies_go_along(void **state)
{
	const struct l2tp_proxy proxy = {
		.lcp_sent = VALUE("\x03\x05\xc2\x23\x05"),
		.lcp_received = VALUE("\x01\x04\x05\xd4"),
		.type = L2TP_PROXY_CHAP,
		.identifier = 200,
		.name = VALUE("somebody"),
		.challenge = VALUE("the challenge"),
		.response = VALUE("0123456789abcdef"),
	};
	struct l2tp_proxy longer = proxy;
	const uint8_t many[L2TP_PROXY_BYTES_MAX] = {1};
	struct pair *p = pair_up();

	(void)state;
	longer.name = (struct l2tp_proxy_value){sizeof(many), many};
	assert_int_equal(
		l2tp_session_dial_proxied(p->lac.l2tp, p->lac.tunnel, "", "", &longer, p->now_ms),
		0);
	assert_int_not_equal(
		l2tp_session_dial_proxied(p->lac.l2tp, p->lac.tunnel, "42", "", &proxy, p->now_ms),
		0);
	pair_run(p, 2000);
	assert_int_equal(p->lns.sessions_up, 1);
	assert_int_equal(p->lns.proxy_sum, proxy_sum(&proxy));
	longer.name = (struct l2tp_proxy_value){sizeof(many) - 38, many};
	assert_int_not_equal(
		l2tp_session_dial_proxied(p->lac.l2tp, p->lac.tunnel, "", "", &longer, p->now_ms),
		0);
	pair_run(p, 4000);
	assert_int_equal(p->lns.sessions_up, 2);
	assert_int_equal(p->lns.proxy_sum, proxy_sum(&proxy) + proxy_sum(&longer));
	ends_agree(p);
	pair_free(p);
}

/* The window is one: ICCN waits for its turn, and so does the session. */
static void session_is_up_once_iccn_has_left(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->lns.config.receive_window = 1;
	pair_start(p);
	dial(p);
	pair_run(p, 1000);
	for (unsigned i = 0; i < 20; i++)
		assert_int_not_equal(
			l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "", "", p->now_ms), 0);
	for (unsigned i = 0; i < 200; i++) {
		unsigned before = p->lac.sessions_up;

		pair_run(p, p->now_ms + 10);
		if (p->lac.sessions_up != before)
			assert_int_equal(p->lac.type_before_up, 12);
	}
	assert_int_equal(p->lac.sessions_up, 20);
	ends_agree(p);
	pair_free(p);
}

/* Thousands in one tunnel, over a bad wire, and down again in order. */
static void thousands_of_sessions_survive_a_bad_wire(void **state)
{
	const unsigned sessions = 3000;
	struct pair *p = pair_new();

	(void)state;
	p->up.loss_percent = p->down.loss_percent = 3;
	p->up.duplicate_percent = p->down.duplicate_percent = 3;
	p->up.reorder_percent = p->down.reorder_percent = 10;
	p->lac.config.setup_ms = p->lns.config.setup_ms = 4000000;
	pair_start(p);
	dial(p);
	pair_run(p, 60000);
	assert_int_equal(p->lac.tunnels_up, 1);
	for (unsigned i = 0; i < sessions; i++)
		assert_int_not_equal(
			l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "1", "2", p->now_ms), 0);
	pair_run(p, 3000000);
	assert_int_equal(p->lac.sessions_up, sessions);
	assert_int_equal(p->lns.sessions_up, sessions);
	ends_agree(p);
	for (unsigned id = 1; id < IDS; id++)
		if (p->lac.peer_session[id] != 0)
			assert_int_equal(l2tp_session_close(p->lac.l2tp, p->lac.tunnel,
							    (uint16_t)id, 1, CAUSE_administrator,
							    p->now_ms),
					 0);
	pair_run(p, 5000000);
	assert_int_equal(p->lac.sessions_down, sessions);
	assert_int_equal(p->lns.sessions_down, sessions);
	assert_false(l2tp_tunnel_is_quiet(p->lac.l2tp, p->lac.tunnel));
	l2tp_tunnel_close(p->lac.l2tp, p->lac.tunnel, 1, CAUSE_administrator, p->now_ms);
	pair_run(p, p->now_ms + 20000);
	assert_true(l2tp_tunnel_is_quiet(p->lac.l2tp, p->lac.tunnel));
	pair_run(p, p->now_ms + 60000);
	assert_int_equal(l2tp_tunnels(p->lac.l2tp), 0);
	assert_int_equal(l2tp_tunnels(p->lns.l2tp), 0);
	pair_free(p);
}

static void both_ends_prove_the_secret(void **state)
{
	static const uint8_t secret[] = "shared";
	struct pair *p = pair_new();

	(void)state;
	p->lac.config.secret = p->lns.config.secret = secret;
	p->lac.config.secret_bytes = p->lns.config.secret_bytes = 6;
	p->lac.config.challenge_peer = p->lns.config.challenge_peer = true;
	pair_start(p);
	dial(p);
	pair_run(p, 1000);
	assert_int_equal(p->lac.tunnels_up, 1);
	assert_int_equal(p->lns.tunnels_up, 1);
	pair_free(p);
}

static void another_secret_is_noticed(void **state)
{
	static const uint8_t ours[] = "shared", theirs[] = "other!";
	struct pair *p = pair_new();

	(void)state;
	p->lac.config.secret = ours;
	p->lns.config.secret = theirs;
	p->lac.config.secret_bytes = p->lns.config.secret_bytes = 6;
	p->lac.config.challenge_peer = true;
	pair_start(p);
	dial(p);
	pair_run(p, 1000);
	assert_int_equal(p->lac.tunnels_up, 0);
	assert_int_equal(p->lac.tunnels_down, 1);
	assert_int_equal(p->lac.last_down.down.cause, CAUSE_l2tp_bad_challenge_response);
	assert_int_equal(p->lns.tunnels_down, 1);
	pair_free(p);
}

/* The LNS wants a proof, and we have no secret. */
static void challenge_without_a_secret_ends_the_dial(void **state)
{
	static const uint8_t secret[] = "shared";
	struct pair *p = pair_new();

	(void)state;
	p->lns.config.secret = secret;
	p->lns.config.secret_bytes = 6;
	p->lns.config.challenge_peer = true;
	pair_start(p);
	dial(p);
	pair_run(p, 1000);
	assert_int_equal(p->lac.tunnels_up, 0);
	assert_int_equal(p->lac.last_down.down.cause, CAUSE_l2tp_no_secret);
	pair_free(p);
}

static void silence_ends_the_dial(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->up.cut = true;
	pair_start(p);
	dial(p);
	pair_run(p, 29000);
	assert_int_equal(p->lac.tunnels_down, 0);
	pair_run(p, 120000);
	assert_int_equal(p->lac.tunnels_down, 1);
	assert_int_equal(p->lac.last_down.down.was_up, false);
	assert_int_equal(l2tp_tunnels(p->lac.l2tp), 0);
	pair_free(p);
}

static void refused_tunnel_is_down(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->lns.config.tunnels_total = 0;
	pair_start(p);
	dial(p);
	pair_run(p, 1000);
	assert_int_equal(p->lac.tunnels_down, 1);
	assert_int_equal(p->lac.last_down.down.cause, CAUSE_peer_tunnel_error);
	assert_int_equal(p->lac.last_down.down.result_code, 2);
	pair_free(p);
}

static void refused_call_is_down(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->lns.config.sessions_per_tunnel = 1;
	pair_start(p);
	dial(p);
	pair_run(p, 1000);
	l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "", "", p->now_ms);
	l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "", "", p->now_ms);
	pair_run(p, 2000);
	assert_int_equal(p->lac.sessions_up, 1);
	assert_int_equal(p->lac.sessions_down, 1);
	assert_int_equal(p->lac.last_session_down.down.result_code, 4);
	pair_free(p);
}

static void bounds_hold(void **state)
{
	struct pair *p = pair_new();
	uint16_t tunnel;

	(void)state;
	p->lac.config.tunnels_total = 2;
	p->lac.config.sessions_per_tunnel = 1;
	pair_start(p);
	tunnel = dial(p);
	assert_int_not_equal(tunnel, 0);
	/* Not established yet. */
	assert_int_equal(l2tp_session_dial(p->lac.l2tp, tunnel, "", "", p->now_ms), 0);
	pair_run(p, 1000);
	assert_int_not_equal(dial(p), 0);
	assert_int_equal(dial(p), 0);
	assert_int_not_equal(l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "", "", p->now_ms), 0);
	assert_int_equal(l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "", "", p->now_ms), 0);
	pair_free(p);
}

static void lns_ends_session_and_tunnel(void **state)
{
	struct pair *p = pair_up();
	uint16_t session = l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "", "", p->now_ms);
	uint16_t other = l2tp_session_dial(p->lac.l2tp, p->lac.tunnel, "", "", p->now_ms);

	(void)state;
	pair_run(p, 2000);
	l2tp_session_close(p->lns.l2tp, p->lns.tunnel, p->lac.peer_session[session], 3,
			   CAUSE_administrator, p->now_ms);
	end_events(&p->lns, p->now_ms);
	pair_run(p, 3000);
	assert_int_equal(p->lac.sessions_down, 1);
	assert_int_equal(p->lac.last_session_down.session, session);
	assert_int_equal(p->lac.last_session_down.down.result_code, 3);
	assert_int_not_equal(p->lac.peer_session[other], 0);
	l2tp_close_all(p->lns.l2tp, 6, CAUSE_shutdown, p->now_ms);
	end_events(&p->lns, p->now_ms);
	pair_run(p, 4000);
	assert_int_equal(p->lac.sessions_down, 2);
	assert_int_equal(p->lac.tunnels_down, 1);
	assert_int_equal(l2tp_busy_tunnels(p->lns.l2tp), 0);
	pair_free(p);
}

/* The tunnel's number may be given up before SCCRP comes. */
static void dial_can_be_given_up(void **state)
{
	struct pair *p = pair_new();
	uint16_t tunnel;

	(void)state;
	pair_start(p);
	tunnel = dial(p);
	l2tp_tunnel_close(p->lac.l2tp, tunnel, 1, CAUSE_administrator, p->now_ms);
	pair_run(p, 100000);
	assert_int_equal(p->lac.tunnels_up, 0);
	assert_int_equal(p->lac.tunnels_down, 1);
	assert_int_equal(l2tp_tunnels(p->lac.l2tp), 0);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnel_and_session_come_up),
		cmocka_unit_test(session_is_up_once_iccn_has_left),
		cmocka_unit_test(proxies_go_along),
		cmocka_unit_test(thousands_of_sessions_survive_a_bad_wire),
		cmocka_unit_test(both_ends_prove_the_secret),
		cmocka_unit_test(another_secret_is_noticed),
		cmocka_unit_test(challenge_without_a_secret_ends_the_dial),
		cmocka_unit_test(silence_ends_the_dial),
		cmocka_unit_test(refused_tunnel_is_down),
		cmocka_unit_test(refused_call_is_down),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(lns_ends_session_and_tunnel),
		cmocka_unit_test(dial_can_be_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
