/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp_simulation.h"

#include "crypto/digest.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void peer_to_wire(void *context, const uint8_t *bytes, size_t length)
{
	struct simulation *s = context;

	wire_send(&s->up, bytes, length, s->now_ms);
}

struct simulation *simulation_new(uint8_t method)
{
	struct simulation *s = calloc(1, sizeof(*s));

	s->seed = 7;
	s->config = (struct ppp_config){
		.mru = 1400,
		.authentication = {method},
		.authentication_count = 1,
		.name = "lns",
		.restart_ms = {1000, 1000, 1000, 3000},
		.max_configure = 10,
		.max_terminate = 2,
		.max_failure = 5,
		.setup_ms = 60000,
		.echo_idle_ms = 30000,
		.echo_interval_ms = 10000,
		.echo_attempts = 3,
	};
	s->password = "clientPass";
	s->up = (struct wire){.seed = &s->seed, .delay_ms = 10};
	s->down = (struct wire){.seed = &s->seed, .delay_ms = 10};
	s->ms_chap = ms_chap_new();
	peer_init(&s->peer, "User", "clientPass");
	s->peer.send = peer_to_wire;
	s->peer.context = s;
	return s;
}

void simulation_free(struct simulation *s)
{
	ppp_free(s->ppp);
	assert(s->counters.links == 0 && s->counters.authentications == 0);
	ms_chap_free(s->ms_chap);
	explained_close(&s->explained);
	free(s);
}

/* The owner's part: what the user file would say. */
static void verify(struct simulation *s, const struct ppp_event *event,
		   struct ppp_authentication_result *result)
{
	uint8_t expected[64];
	uint8_t hash[MS_CHAP_HASH_BYTES];
	const uint8_t *response = event->authenticate.response;
	struct digest_part parts[] = {
		{&event->authenticate.identifier, 1},
		{s->password, strlen(s->password)},
		{event->authenticate.challenge, event->authenticate.challenge_bytes}};

	switch (event->authenticate.method) {
	case PPP_AUTHENTICATION_NONE:
		result->accepted = true;
		break;
	case PPP_AUTHENTICATION_PAP:
		result->accepted =
			event->authenticate.password_bytes == strlen(s->password) &&
			memcmp(event->authenticate.password, s->password, strlen(s->password)) == 0;
		break;
	case PPP_AUTHENTICATION_CHAP_MD5:
		digest_compute(DIGEST_MD5, parts, 3, expected);
		result->accepted = memcmp(expected, response, 16) == 0;
		break;
	default:
		ms_chap_password_hash(s->ms_chap, s->password, hash);
		ms_chap_nt_response(s->ms_chap, event->authenticate.challenge, response,
				    event->authenticate.user_name, hash, expected);
		result->accepted = memcmp(expected, response + 24, 24) == 0;
		ms_chap_authenticator_response(s->ms_chap, hash, response + 24, response,
					       event->authenticate.challenge,
					       event->authenticate.user_name, result->success);
		break;
	}
}

void simulation_authenticate(struct simulation *s)
{
	struct ppp_authentication_result result = {
		.cause = CAUSE_wrong_password,
		.grant = {.local_address_be = LOCAL_BE,
			  .peer_address_be = PEER_BE,
			  .dns_be = {DNS1_BE, DNS2_BE}},
	};

	verify(s, &s->last_authenticate, &result);
	if (s->refuse != CAUSE_none) {
		result.accepted = false;
		result.cause = s->refuse;
	}
	ppp_authenticated(s->ppp, &result, s->now_ms);
}

static void send_record(struct simulation *s, const struct ppp_event *event)
{
	size_t length = event->send.length < 64 ? event->send.length : 64;

	if (s->sends < 64) {
		s->send_times[s->sends] = s->now_ms;
		s->send_lengths[s->sends] = event->send.length;
		memcpy(s->send_bytes[s->sends], event->send.bytes, length);
	}
	s->sends++;
	wire_send(s->echo_back ? &s->up : &s->down, event->send.bytes, event->send.length,
		  s->now_ms);
}

static void step_record(struct simulation *s, const struct ppp_event *event)
{
	if (strlen(s->ladder) + 160 > sizeof(s->ladder))
		return;
	strcat(s->ladder, event->step.inbound ? "<" : ">");
	strcat(s->ladder, event->step.message);
	if (event->step.meaning[0] != '\0') {
		strcat(s->ladder, ": ");
		strcat(s->ladder, event->step.meaning);
	}
	strcat(s->ladder, "\n");
}

void simulation_events(struct simulation *s)
{
	const struct ppp_event *event;
	bool asked = false;

	while ((event = ppp_next_event(s->ppp)) != NULL) {
		switch (event->kind) {
		case PPP_SEND:
			send_record(s, event);
			break;
		case PPP_AUTHENTICATE:
			s->authenticates++;
			s->last_authenticate = *event;
			asked = true;
			break;
		case PPP_UP:
			explained_up(&s->explained);
			s->ups++;
			s->last_up = *event;
			break;
		case PPP_DOWN:
			explained_end(&s->explained, event->down.cause, event->down.detail);
			s->downs++;
			s->last_down = *event;
			break;
		case PPP_FINISHED:
			s->finished++;
			break;
		case PPP_STEP:
			explained_step(&s->explained, EXPLAIN_PPP, event->step.inbound,
				       event->step.message, event->step.meaning);
			step_record(s, event);
			break;
		}
	}
	if (asked && !s->no_verdict) {
		simulation_authenticate(s);
		simulation_events(s);
	}
}

void simulation_feed(struct simulation *s, const uint8_t *bytes, size_t length)
{
	/* A copy of the exact size lets the sanitizer see every byte read too far. */
	uint8_t *exact = malloc(length == 0 ? 1 : length);

	memcpy(exact, bytes, length);
	ppp_feed(s->ppp, exact, length, s->now_ms);
	free(exact);
	simulation_events(s);
}

void simulation_start(struct simulation *s)
{
	const struct random_source random = {generator_fill, &s->seed};

	s->ppp = s->proxy == NULL ? ppp_new(&s->config, &random, &s->counters, s->now_ms)
				  : ppp_new_proxied(&s->config, s->proxy, s->misfit, &random,
						    &s->counters, s->now_ms);
	simulation_events(s);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void simulation_run(struct simulation *s, uint64_t until_ms)
{
	struct wire_packet packet;

	simulation_events(s);
	for (;;) {
		uint64_t next = least(ppp_deadline(s->ppp), peer_deadline(&s->peer));

		next = least(next, least(wire_deadline(&s->up), wire_deadline(&s->down)));
		if (next > until_ms)
			break;
		if (next > s->now_ms)
			s->now_ms = next;
		while (wire_receive(&s->up, &packet, s->now_ms))
			simulation_feed(s, packet.bytes, packet.length);
		while (wire_receive(&s->down, &packet, s->now_ms))
			peer_receive(&s->peer, packet.bytes, packet.length, s->now_ms);
		peer_on_time(&s->peer, s->now_ms);
		ppp_on_time(s->ppp, s->now_ms);
		simulation_events(s);
	}
	s->now_ms = until_ms;
}

void simulation_dial(struct simulation *s)
{
	simulation_start(s);
	peer_start(&s->peer, s->now_ms);
	simulation_run(s, 1000);
}

struct simulation *simulation_up(uint8_t method)
{
	struct simulation *s = simulation_new(method);

	simulation_dial(s);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->downs, 0);
	return s;
}

unsigned simulation_sent(const struct simulation *s, uint16_t protocol, uint8_t code)
{
	unsigned count = 0;

	for (unsigned i = 0; i < s->sends && i < 64; i++)
		count += (s->send_bytes[i][0] << 8 | s->send_bytes[i][1]) == protocol &&
			 s->send_bytes[i][2] == code;
	return count;
}
