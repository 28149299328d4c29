/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/digest.h"
#include "crypto/ms_chap.h"
#include "ppp/ppp.h"
#include "ppp_peer.h"
#include "simulation_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOCAL_BE 0x0100000au
#define PEER_BE  0x0200000au
#define DNS1_BE  0x08080808u
#define DNS2_BE  0x01010101u

struct simulation {
	uint64_t seed;
	uint64_t now_ms;
	struct ppp_config config;
	struct ppp_counters counters;
	struct ppp *ppp;
	struct ppp_peer peer;
	struct wire up;   /* from the peer to the engine */
	struct wire down; /* from the engine to the peer */
	struct ms_chap *ms_chap;
	const char *password; /* what the owner knows */
	enum cause refuse;    /* the owner's verdict when not none */
	bool no_verdict;
	bool echo_back; /* the engine's packets come back to it: a looped link */
	unsigned authenticates;
	struct ppp_event last_authenticate;
	unsigned ups;
	unsigned downs;
	unsigned finished;
	struct ppp_event last_up;
	struct ppp_event last_down;
	unsigned sends;
	uint64_t send_times[64];
	uint8_t send_bytes[64][64];
	size_t send_lengths[64];
	char ladder[8192];
};

static void peer_to_wire(void *context, const uint8_t *bytes, size_t length)
{
	struct simulation *s = context;

	wire_send(&s->up, bytes, length, s->now_ms);
}

static struct simulation *simulation_new(uint8_t method)
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

static void simulation_free(struct simulation *s)
{
	ppp_free(s->ppp);
	ms_chap_free(s->ms_chap);
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

static void authenticate(struct simulation *s)
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
	if (strlen(s->ladder) + 64 > sizeof(s->ladder))
		return;
	strcat(s->ladder, event->step.inbound ? "<" : ">");
	strcat(s->ladder, event->step.message);
	strcat(s->ladder, "\n");
}

static void events_take(struct simulation *s)
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
			s->ups++;
			s->last_up = *event;
			break;
		case PPP_DOWN:
			s->downs++;
			s->last_down = *event;
			break;
		case PPP_FINISHED:
			s->finished++;
			break;
		case PPP_STEP:
			step_record(s, event);
			break;
		}
	}
	if (asked && !s->no_verdict) {
		authenticate(s);
		events_take(s);
	}
}

static void feed(struct simulation *s, const uint8_t *bytes, size_t length)
{
	/* A copy of the exact size lets the sanitizer see every byte read too far. */
	uint8_t *exact = malloc(length == 0 ? 1 : length);

	memcpy(exact, bytes, length);
	ppp_feed(s->ppp, exact, length, s->now_ms);
	free(exact);
	events_take(s);
}

static void simulation_start(struct simulation *s)
{
	const struct random_source random = {generator_fill, &s->seed};

	s->ppp = ppp_new(&s->config, &random, &s->counters, s->now_ms);
	events_take(s);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void simulation_run(struct simulation *s, uint64_t until_ms)
{
	struct wire_packet packet;

	for (;;) {
		uint64_t next = least(ppp_deadline(s->ppp), peer_deadline(&s->peer));

		next = least(next, least(wire_deadline(&s->up), wire_deadline(&s->down)));
		if (next > until_ms)
			break;
		if (next > s->now_ms)
			s->now_ms = next;
		while (wire_receive(&s->up, &packet, s->now_ms))
			feed(s, packet.bytes, packet.length);
		while (wire_receive(&s->down, &packet, s->now_ms))
			peer_receive(&s->peer, packet.bytes, packet.length, s->now_ms);
		peer_on_time(&s->peer, s->now_ms);
		ppp_on_time(s->ppp, s->now_ms);
		events_take(s);
	}
	s->now_ms = until_ms;
}

/* Dials and comes up without any loss. */
static struct simulation *simulation_up(uint8_t method)
{
	struct simulation *s = simulation_new(method);

	simulation_start(s);
	peer_start(&s->peer, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->downs, 0);
	return s;
}

static void up_check(const struct simulation *s)
{
	assert_true(s->peer.success);
	assert_int_equal(s->peer.address_be, PEER_BE);
	assert_int_equal(s->peer.dns_be[0], DNS1_BE);
	assert_int_equal(s->peer.dns_be[1], DNS2_BE);
	assert_int_equal(s->last_up.up.grant.peer_address_be, PEER_BE);
	assert_int_equal(s->last_up.up.peer_mru, 1400);
	assert_true(s->last_up.up.peer_accepts_acfc);
	assert_true(s->last_up.up.peer_accepts_pfc);
	assert_int_equal(s->peer.mru_seen, 1400);
	assert_string_equal(ppp_phase(s->ppp), "open");
}

static void ms_chap_v2_brings_the_link_up(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_MS_CHAP_V2);
	uint8_t hash[MS_CHAP_HASH_BYTES];
	char success[MS_CHAP_SUCCESS_TEXT];

	(void)state;
	up_check(s);
	assert_string_equal(s->last_authenticate.authenticate.user_name, "User");
	assert_int_equal(s->last_authenticate.authenticate.response_bytes, 49);
	ms_chap_password_hash(s->ms_chap, "clientPass", hash);
	ms_chap_authenticator_response(
	    s->ms_chap, hash, s->last_authenticate.authenticate.response + 24,
	    s->last_authenticate.authenticate.response, s->last_authenticate.authenticate.challenge,
	    "User", success);
	assert_memory_equal(s->peer.message, success, strlen(success));
	assert_string_equal(s->peer.message + strlen(success), " M=Welcome");
	simulation_free(s);
}

static void chap_md5_brings_the_link_up(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_CHAP_MD5);

	(void)state;
	up_check(s);
	simulation_free(s);
}

static void pap_brings_the_link_up(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	up_check(s);
	simulation_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ms_chap_v2_brings_the_link_up),
	    cmocka_unit_test(chap_md5_brings_the_link_up),
	    cmocka_unit_test(pap_brings_the_link_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
