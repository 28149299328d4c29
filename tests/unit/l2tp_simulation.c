/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp_simulation.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void lac_send(void *context, const uint8_t *bytes, size_t length)
{
	struct simulation *s = context;

	wire_send(&s->up, bytes, length, s->now_ms);
}

struct simulation *simulation_new(void)
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

void simulation_start(struct simulation *s)
{
	const struct random_source random = {generator_fill, &s->seed};

	s->lns = l2tp_new(&s->config, &random, &s->counters);
}

void simulation_free(struct simulation *s)
{
	l2tp_free(s->lns);
	assert(s->counters.engines == 0 && s->counters.tunnels == 0 && s->counters.sessions == 0);
	explained_close(&s->explained);
	free(s);
}

static void send_record(struct simulation *s, const struct l2tp_event *event)
{
	const uint8_t *bytes = event->send.bytes;

	assert_true(endpoint_equal(&event->send.from, &s->local));
	if (s->other != NULL && endpoint_equal(&event->send.to, &s->other_client)) {
		lac_receive(s->other, bytes, event->send.length, s->now_ms);
		return;
	}
	assert_true(endpoint_equal(&event->send.to, &s->client));
	if (s->sends < 64) {
		s->send_times[s->sends] = s->now_ms;
		s->send_types[s->sends] =
			event->send.length == 12 ? 0 : (uint16_t)(bytes[18] << 8 | bytes[19]);
		s->send_ns[s->sends] = (uint16_t)(bytes[8] << 8 | bytes[9]);
		s->send_nr[s->sends] = (uint16_t)(bytes[10] << 8 | bytes[11]);
	}
	s->sends++;
	if (event->send.length > 12) {
		uint16_t ns = (uint16_t)(bytes[8] << 8 | bytes[9]);
		uint16_t flight = (uint16_t)(ns + 1 - s->acknowledged);

		if ((int16_t)flight > s->flight_most)
			s->flight_most = flight;
	}
	wire_send(&s->down, bytes, event->send.length, s->now_ms);
}

static size_t value_print(char *text, size_t room, const char *name,
			  const struct l2tp_proxy_value *value)
{
	size_t at = (size_t)snprintf(text, room, " %s=", name);

	for (unsigned i = 0; i < value->length && at < room; i++)
		at += (size_t)snprintf(text + at, room - at, "%02x", value->bytes[i]);
	return at;
}

static void proxy_record(struct simulation *s, const struct l2tp_proxy *proxy)
{
	char *text = s->last_proxy;
	const size_t room = sizeof(s->last_proxy);
	size_t at;

	text[0] = '\0';
	if (proxy == NULL)
		return;
	at = (size_t)snprintf(text, room, "type=%u id=%u", proxy->type, proxy->identifier);
	at += value_print(text + at, room - at, "sent", &proxy->lcp_sent);
	at += value_print(text + at, room - at, "received", &proxy->lcp_received);
	at += value_print(text + at, room - at, "name", &proxy->name);
	at += value_print(text + at, room - at, "challenge", &proxy->challenge);
	value_print(text + at, room - at, "response", &proxy->response);
}

static void explain_take(struct simulation *s, const struct l2tp_event *event)
{
	char detail[L2TP_DOWN_TEXT_BYTES];

	switch (event->kind) {
	case L2TP_STEP:
		explained_step(&s->explained, EXPLAIN_L2TP, event->step.inbound,
			       event->step.message, event->step.meaning);
		break;
	case L2TP_SESSION_DOWN:
	case L2TP_TUNNEL_DOWN:
		l2tp_down_text(event, detail);
		explained_end(&s->explained, event->down.cause, detail);
		break;
	default:
		break;
	}
}

void simulation_events(struct simulation *s)
{
	const struct l2tp_event *event;

	while ((event = l2tp_next_event(s->lns)) != NULL) {
		explain_take(s, event);
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
		case L2TP_SESSION_OPENING:
			s->sessions_opening++;
			break;
		case L2TP_SESSION_UP:
			assert_true(s->sessions_opening > s->sessions_up);
			s->sessions_up++;
			s->session = event->session;
			s->last_session = *event;
			proxy_record(s, event->session_up.proxy);
			break;
		case L2TP_SESSION_DOWN:
			s->sessions_down++;
			s->last_session = *event;
			break;
		case L2TP_ANSWERED:
			s->answers++;
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

void simulation_feed_from(struct simulation *s, const struct endpoint *from, const uint8_t *bytes,
			  size_t length)
{
	/* A copy of the exact size lets the sanitizer see every byte read too far. */
	uint8_t *exact = malloc(length == 0 ? 1 : length);

	if (length >= 12 && endpoint_equal(from, &s->client))
		s->acknowledged = (uint16_t)(bytes[10] << 8 | bytes[11]);
	memcpy(exact, bytes, length);
	l2tp_feed(s->lns, from, &s->local, exact, length, s->now_ms);
	free(exact);
	simulation_events(s);
}

void simulation_feed(struct simulation *s, const uint8_t *bytes, size_t length)
{
	simulation_feed_from(s, &s->client, bytes, length);
}

unsigned simulation_sent(const struct simulation *s, uint16_t type)
{
	unsigned count = 0;

	for (unsigned i = 0; i < s->sends && i < 64; i++)
		count += s->send_types[i] == type;
	return count;
}

uint64_t simulation_counter(const struct simulation *s, enum l2tp_counter counter)
{
	return s->counters.value[counter];
}

void simulation_run(struct simulation *s, uint64_t until_ms)
{
	struct wire_packet packet;

	simulation_events(s);
	for (;;) {
		uint64_t next = least(l2tp_deadline(s->lns), lac_deadline(&s->lac));

		next = least(next, least(wire_deadline(&s->up), wire_deadline(&s->down)));
		if (next > until_ms)
			break;
		if (next > s->now_ms)
			s->now_ms = next;
		while (wire_receive(&s->up, &packet, s->now_ms))
			simulation_feed(s, packet.bytes, packet.length);
		while (wire_receive(&s->down, &packet, s->now_ms))
			lac_receive(&s->lac, packet.bytes, packet.length, s->now_ms);
		lac_on_time(&s->lac, s->now_ms);
		l2tp_on_time(s->lns, s->now_ms);
		simulation_events(s);
	}
	s->now_ms = until_ms;
}

struct simulation *simulation_up(void)
{
	struct simulation *s = simulation_new();

	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->tunnels_up, 1);
	assert_int_equal(s->sessions_up, 1);
	return s;
}
