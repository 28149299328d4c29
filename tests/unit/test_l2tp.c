/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/l2tp.h"
#include "l2tp_lac.h"
#include "simulation_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS_MAX 512

/* Both ends, the wire between them, and what the engine reported. */
struct simulation {
	uint64_t seed;
	uint64_t now_ms;
	struct l2tp_config config;
	struct l2tp_counters counters;
	struct l2tp *lns;
	struct lac lac;
	struct endpoint client;
	struct endpoint local;
	struct wire up;
	struct wire down;
	unsigned sends;
	unsigned steps;
	unsigned tunnels_up;
	unsigned tunnels_down;
	unsigned tunnels_gone;
	unsigned sessions_up;
	unsigned sessions_down;
	uint16_t tunnel;
	uint16_t session;
	struct l2tp_event last_up;
	struct l2tp_event last_down;
	struct l2tp_event last_session;
	uint64_t send_times[64];
	uint16_t send_types[64];
	uint16_t send_ns[64];
	uint16_t send_nr[64];
	char ladder[EVENTS_MAX * 12];
};

static void lac_send(void *context, const uint8_t *bytes, size_t length)
{
	struct simulation *s = context;

	wire_send(&s->up, bytes, length, s->now_ms);
}

static struct simulation *simulation_new(void)
{
	struct simulation *s = calloc(1, sizeof(*s));

	s->seed = 42;
	s->config = (struct l2tp_config){
	    .host_name = "lns",
	    .receive_window = 8,
	    .tunnels_total = 4,
	    .sessions_per_tunnel = 16,
	    .hello_idle_ms = 60000,
	    .retransmit_first_ms = 1000,
	    .retransmit_cap_ms = 8000,
	    .retransmit_attempts = 5,
	    .setup_ms = 30000,
	    .idle_tunnel_ms = 30000,
	    .closed_linger_ms = 31000,
	    .secured = true,
	};
	s->client = endpoint_ipv4(0x0100007f, 40001);
	s->local = endpoint_ipv4(0x0200007f, 1701);
	s->lac = (struct lac){.tunnel = 7, .window = 1, .rws = 1, .sessions_wanted = 1};
	s->lac.send = lac_send;
	s->lac.context = s;
	s->up = (struct wire){.seed = &s->seed, .delay_ms = 10};
	s->down = (struct wire){.seed = &s->seed, .delay_ms = 10};
	return s;
}

/* The engine starts: what the test set in `config` counts. */
static void simulation_start(struct simulation *s)
{
	const struct random_source random = {generator_fill, &s->seed};

	s->lns = l2tp_new(&s->config, &random, &s->counters);
}

static void simulation_free(struct simulation *s)
{
	l2tp_free(s->lns);
	free(s);
}

static void send_record(struct simulation *s, const struct l2tp_event *event)
{
	const uint8_t *bytes = event->send.bytes;

	assert_true(endpoint_equal(&event->send.to, &s->client));
	assert_true(endpoint_equal(&event->send.from, &s->local));
	if (s->sends < 64) {
		s->send_times[s->sends] = s->now_ms;
		s->send_types[s->sends] =
		    event->send.length == 12 ? 0 : (uint16_t)(bytes[18] << 8 | bytes[19]);
		s->send_ns[s->sends] = (uint16_t)(bytes[8] << 8 | bytes[9]);
		s->send_nr[s->sends] = (uint16_t)(bytes[10] << 8 | bytes[11]);
	}
	s->sends++;
	wire_send(&s->down, bytes, event->send.length, s->now_ms);
}

static void events_take(struct simulation *s)
{
	const struct l2tp_event *event;

	while ((event = l2tp_next_event(s->lns)) != NULL) {
		switch (event->kind) {
		case L2TP_SEND:
			send_record(s, event);
			break;
		case L2TP_TUNNEL_UP:
			s->tunnels_up++;
			s->tunnel = event->tunnel;
			s->last_up = *event;
			break;
		case L2TP_TUNNEL_DOWN:
			s->tunnels_down++;
			s->last_down = *event;
			break;
		case L2TP_TUNNEL_GONE:
			s->tunnels_gone++;
			break;
		case L2TP_SESSION_UP:
			s->sessions_up++;
			s->session = event->session;
			s->last_session = *event;
			break;
		case L2TP_SESSION_DOWN:
			s->sessions_down++;
			s->last_session = *event;
			break;
		case L2TP_STEP:
			s->steps++;
			if (strlen(s->ladder) + 16 < sizeof(s->ladder)) {
				strcat(s->ladder, event->step.inbound ? "<" : ">");
				strcat(s->ladder, event->step.message);
				strcat(s->ladder, " ");
			}
			break;
		}
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void feed(struct simulation *s, const uint8_t *bytes, size_t length)
{
	/* A copy of the exact size lets the sanitizer see every byte read too far. */
	uint8_t *exact = malloc(length == 0 ? 1 : length);

	memcpy(exact, bytes, length);
	l2tp_feed(s->lns, &s->client, &s->local, exact, length, s->now_ms);
	free(exact);
	events_take(s);
}

static void simulation_run(struct simulation *s, uint64_t until_ms)
{
	struct wire_packet packet;

	for (;;) {
		uint64_t next = least(l2tp_deadline(s->lns), lac_deadline(&s->lac));

		next = least(next, least(wire_deadline(&s->up), wire_deadline(&s->down)));
		if (next > until_ms)
			break;
		if (next > s->now_ms)
			s->now_ms = next;
		while (wire_receive(&s->up, &packet, s->now_ms))
			feed(s, packet.bytes, packet.length);
		while (wire_receive(&s->down, &packet, s->now_ms))
			lac_receive(&s->lac, packet.bytes, packet.length, s->now_ms);
		lac_on_time(&s->lac, s->now_ms);
		l2tp_on_time(s->lns, s->now_ms);
		events_take(s);
	}
	s->now_ms = until_ms;
}

static struct simulation *simulation_up(void)
{
	struct simulation *s = simulation_new();

	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->tunnels_up, 1);
	assert_int_equal(s->sessions_up, 1);
	return s;
}

static void dial_brings_tunnel_and_session_up(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	assert_string_equal(s->ladder, "<SCCRQ >SCCRP <SCCCN >ZLB <ICRQ >ICRP <ICCN >ZLB ");
	assert_string_equal(s->last_up.tunnel_up.host_name, "phone");
	assert_int_equal(s->last_up.tunnel_up.peer_tunnel, 7);
	assert_int_equal(s->last_session.session_up.peer_session, 1);
	assert_int_equal(s->last_session.session_up.call_serial, 1000);
	assert_int_equal(s->last_session.session_up.tx_speed, 100000000);
	assert_string_equal(s->last_session.session_up.calling_number, "5551234");
	assert_false(s->last_session.session_up.sequencing_required);
	assert_int_equal(s->lac.peer_session[0], s->session);
	assert_int_equal(s->lac.peer_tunnel, s->tunnel);
	assert_int_equal(s->lac.queued, 0);
	simulation_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dial_brings_tunnel_and_session_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
