/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine as client against the engine as network, over a wire that loses and repeats. */
#include "crypto/digest.h"
#include "crypto/ms_chap.h"
#include "explained.h"
#include "ppp/ppp.h"
#include "simulation_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOCAL_BE 0x0100000au
#define PEER_BE  0x0200000au
#define DNS1_BE  0x08080808u
#define DNS2_BE  0x01010101u

struct end {
	struct explained explained;
	struct ppp *ppp;
	struct ppp_config config;
	struct ppp_counters counters;
	struct wire *out;
	unsigned ups;
	unsigned downs;
	unsigned finished;
	unsigned responses; /* CHAP Responses sent */
	size_t response_length;
	uint8_t response[128];  /* the last one */
	uint8_t challenge[128]; /* the last CHAP Challenge received or sent */
	size_t challenge_length;
	struct ppp_event up;
	struct ppp_event down;
};

struct pair {
	uint64_t seed;
	uint64_t now_ms;
	struct end client;
	struct end network;
	struct wire towards_network;
	struct wire towards_client;
	struct wire_packet packet;
	struct ppp_credentials credentials;
	struct ms_chap *ms_chap;
	const char *password; /* what the network knows */
	bool wrong_success;   /* the network does not know the password, and accepts */
	struct ppp_grant grant;
};

static struct pair *pair_new(uint8_t method)
{
	struct pair *p = calloc(1, sizeof(*p));
	const struct ppp_config config = {
		.mru = 1400,
		.authentication = {method},
		.authentication_count = method != PPP_AUTHENTICATION_NONE,
		.name = "lns",
		.restart_ms = {1000, 1000, 1000, 3000},
		.max_configure = 10,
		.max_terminate = 2,
		.max_failure = 5,
		.setup_ms = 60000,
	};

	p->seed = 99;
	p->ms_chap = ms_chap_new();
	p->client.config = p->network.config = config;
	p->client.config.ms_chap = p->ms_chap;
	p->client.out = &p->towards_network;
	p->network.out = &p->towards_client;
	p->towards_network = (struct wire){.seed = &p->seed, .delay_ms = 10};
	p->towards_client = (struct wire){.seed = &p->seed, .delay_ms = 10};
	p->credentials = (struct ppp_credentials){"User", "clientPass"};
	p->password = "clientPass";
	p->grant = (struct ppp_grant){LOCAL_BE, PEER_BE, {DNS1_BE, DNS2_BE}};
	return p;
}

static void pair_free(struct pair *p)
{
	ppp_free(p->client.ppp);
	ppp_free(p->network.ppp);
	ms_chap_free(p->ms_chap);
	explained_close(&p->client.explained);
	explained_close(&p->network.explained);
	free(p);
}

/* What the owner of the network's end would find in its users file. */
static void verify(struct pair *p, const struct ppp_event *event)
{
	struct ppp_authentication_result result = {.cause = CAUSE_wrong_password,
						   .grant = p->grant};
	const uint8_t *response = event->authenticate.response;
	struct digest_part parts[] = {
		{&event->authenticate.identifier, 1},
		{p->password, strlen(p->password)},
		{event->authenticate.challenge, event->authenticate.challenge_bytes}};
	uint8_t expected[64], hash[MS_CHAP_HASH_BYTES];

	if (event->authenticate.method != PPP_AUTHENTICATION_NONE)
		assert_string_equal(event->authenticate.user_name, "User");
	switch (event->authenticate.method) {
	case PPP_AUTHENTICATION_NONE:
		result.accepted = true;
		break;
	case PPP_AUTHENTICATION_PAP:
		result.accepted =
			event->authenticate.password_bytes == strlen(p->password) &&
			memcmp(event->authenticate.password, p->password, strlen(p->password)) == 0;
		break;
	case PPP_AUTHENTICATION_CHAP_MD5:
		digest_compute(DIGEST_MD5, parts, 3, expected);
		result.accepted = memcmp(expected, response, 16) == 0;
		break;
	default:
		ms_chap_password_hash(p->ms_chap, p->password, hash);
		ms_chap_nt_response(p->ms_chap, event->authenticate.challenge, response, "User",
				    hash, expected);
		result.accepted = memcmp(expected, response + 24, 24) == 0 || p->wrong_success;
		ms_chap_authenticator_response(p->ms_chap, hash, response + 24, response,
					       event->authenticate.challenge, "User",
					       result.success);
		break;
	}
	ppp_authenticated(p->network.ppp, &result, p->now_ms);
}

static void packet_note(struct end *end, const uint8_t *bytes, size_t length)
{
	if (length < 6 || length > sizeof(end->response) || bytes[0] != 0xc2 || bytes[1] != 0x23)
		return;
	if (bytes[2] == 1) {
		memcpy(end->challenge, bytes, length);
		end->challenge_length = length;
	} else if (bytes[2] == 2) {
		end->responses++;
		memcpy(end->response, bytes, length);
		end->response_length = length;
	}
}

static void end_events(struct pair *p, struct end *end)
{
	const struct ppp_event *event;

	while ((event = ppp_next_event(end->ppp)) != NULL) {
		switch (event->kind) {
		case PPP_SEND:
			packet_note(end, event->send.bytes, event->send.length);
			wire_send(end->out, event->send.bytes, event->send.length, p->now_ms);
			break;
		case PPP_AUTHENTICATE:
			assert_ptr_equal(end, &p->network);
			verify(p, event);
			break;
		case PPP_UP:
			explained_up(&end->explained);
			end->ups++;
			end->up = *event;
			break;
		case PPP_STEP:
			explained_step(&end->explained, EXPLAIN_PPP, event->step.inbound,
				       event->step.message, event->step.meaning);
			break;
		case PPP_DOWN:
			explained_end(&end->explained, event->down.cause, event->down.detail);
			end->downs++;
			end->down = *event;
			break;
		case PPP_FINISHED:
			end->finished++;
			break;
		default:
			break;
		}
	}
}

static void pair_start(struct pair *p)
{
	const struct random_source random = {generator_fill, &p->seed};

	p->client.ppp = ppp_client_new(&p->client.config, &p->credentials, &random,
				       &p->client.counters, p->now_ms);
	p->network.ppp = ppp_new(&p->network.config, &random, &p->network.counters, p->now_ms);
	end_events(p, &p->client);
	end_events(p, &p->network);
}

static void deliver(struct pair *p, struct wire *wire, struct end *to)
{
	while (wire_receive(wire, &p->packet, p->now_ms)) {
		uint8_t *exact = malloc(p->packet.length);

		memcpy(exact, p->packet.bytes, p->packet.length);
		ppp_feed(to->ppp, exact, p->packet.length, p->now_ms);
		free(exact);
		end_events(p, to);
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void pair_run(struct pair *p, uint64_t until_ms)
{
	for (;;) {
		uint64_t next = least(ppp_deadline(p->client.ppp), ppp_deadline(p->network.ppp));

		next = least(next, least(wire_deadline(&p->towards_network),
					 wire_deadline(&p->towards_client)));
		if (next > until_ms)
			break;
		if (next > p->now_ms)
			p->now_ms = next;
		deliver(p, &p->towards_network, &p->network);
		deliver(p, &p->towards_client, &p->client);
		ppp_on_time(p->client.ppp, p->now_ms);
		ppp_on_time(p->network.ppp, p->now_ms);
		end_events(p, &p->client);
		end_events(p, &p->network);
	}
	p->now_ms = until_ms;
}

static struct pair *pair_dial(uint8_t method)
{
	struct pair *p = pair_new(method);

	pair_start(p);
	pair_run(p, 900);
	return p;
}

static void both_are_up(const struct pair *p)
{
	assert_int_equal(p->client.ups, 1);
	assert_int_equal(p->network.ups, 1);
	assert_int_equal(p->client.up.up.grant.local_address_be, PEER_BE);
	assert_int_equal(p->client.up.up.grant.peer_address_be, LOCAL_BE);
	assert_int_equal(p->client.up.up.peer_mru, 1400);
	assert_int_equal(p->client.downs + p->network.downs, 0);
}

static void every_method_comes_up(void **state)
{
	static const uint8_t methods[] = {PPP_AUTHENTICATION_NONE, PPP_AUTHENTICATION_PAP,
					  PPP_AUTHENTICATION_CHAP_MD5,
					  PPP_AUTHENTICATION_MS_CHAP_V2};

	(void)state;
	for (unsigned i = 0; i < sizeof(methods); i++) {
		struct pair *p = pair_dial(methods[i]);

		both_are_up(p);
		assert_int_equal(p->client.up.up.grant.dns_be[0], DNS1_BE);
		assert_int_equal(p->client.up.up.grant.dns_be[1], DNS2_BE);
		pair_free(p);
	}
}

/* A LAC has negotiated with the client, and hands it over to the network. */
static void handed_over(struct pair *p)
{
	const struct random_source random = {generator_fill, &p->seed};
	struct ppp_handover handover;

	p->client.ppp = ppp_client_new_proxied(&p->client.config, &p->credentials, &random,
					       &p->client.counters, &handover, p->now_ms);
	end_events(p, &p->client);
	p->network.ppp = ppp_new_proxied(&p->network.config, &handover.proxy, PPP_PROXY_REFUSE,
					 &random, &p->network.counters, p->now_ms);
	end_events(p, &p->network);
}

static void every_method_is_handed_over(void **state)
{
	static const uint8_t methods[] = {PPP_AUTHENTICATION_NONE, PPP_AUTHENTICATION_PAP,
					  PPP_AUTHENTICATION_CHAP_MD5,
					  PPP_AUTHENTICATION_MS_CHAP_V2};

	(void)state;
	for (unsigned i = 0; i < sizeof(methods); i++) {
		struct pair *p = pair_new(methods[i]);

		handed_over(p);
		pair_run(p, 900);
		both_are_up(p);
		assert_int_equal(p->network.counters.value[PPP_COUNTER_proxy_taken], 1);
		assert_int_equal(p->client.responses, methods[i] == PPP_AUTHENTICATION_MS_CHAP_V2);
		pair_free(p);
	}
}

/* The verdict is lost on its way: PAP's client asks again, CHAP's Success comes again. */
static void lost_verdict_of_a_handed_over_client_comes_again(void **state)
{
	static const uint8_t methods[] = {PPP_AUTHENTICATION_PAP, PPP_AUTHENTICATION_CHAP_MD5};

	(void)state;
	for (unsigned i = 0; i < sizeof(methods); i++) {
		struct pair *p = pair_new(methods[i]);

		p->towards_client.loss_percent = 100;
		handed_over(p);
		pair_run(p, 500);
		assert_int_equal(p->client.ups, 0);
		p->towards_client.loss_percent = 0;
		pair_run(p, 10000);
		both_are_up(p);
		pair_free(p);
	}
}

static void handed_over_client_with_a_wrong_password_learns_it(void **state)
{
	struct pair *p = pair_new(PPP_AUTHENTICATION_CHAP_MD5);

	(void)state;
	p->password = "another";
	handed_over(p);
	pair_run(p, 900);
	assert_int_equal(p->client.ups + p->network.ups, 0);
	assert_int_equal(p->client.down.down.cause, CAUSE_wrong_password);
	pair_free(p);
}

static void bad_wire_only_delays(void **state)
{
	static const uint8_t methods[] = {PPP_AUTHENTICATION_PAP, PPP_AUTHENTICATION_CHAP_MD5,
					  PPP_AUTHENTICATION_MS_CHAP_V2};

	(void)state;
	for (unsigned run = 0; run < 300; run++) {
		struct pair *p = pair_new(methods[run % 3]);

		p->seed = run + 1;
		p->towards_client.loss_percent = p->towards_network.loss_percent = 10;
		p->towards_client.duplicate_percent = p->towards_network.duplicate_percent = 5;
		pair_start(p);
		pair_run(p, 60000);
		both_are_up(p);
		pair_free(p);
	}
}

static void wrong_password_is_said(void **state)
{
	static const uint8_t methods[] = {PPP_AUTHENTICATION_PAP, PPP_AUTHENTICATION_CHAP_MD5,
					  PPP_AUTHENTICATION_MS_CHAP_V2};

	(void)state;
	for (unsigned i = 0; i < sizeof(methods); i++) {
		struct pair *p = pair_new(methods[i]);

		p->password = "another";
		pair_start(p);
		pair_run(p, 10000);
		assert_int_equal(p->client.ups, 0);
		assert_int_equal(p->client.downs, 1);
		assert_int_equal(p->client.down.down.cause, CAUSE_wrong_password);
		assert_int_equal(p->client.finished, 1);
		assert_int_equal(p->network.down.down.cause, CAUSE_wrong_password);
		pair_free(p);
	}
}

/* A network that accepts anybody cannot show that it knows the password (RFC 2759 5). */
static void impostor_is_noticed(void **state)
{
	struct pair *p = pair_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	p->password = "guess";
	p->wrong_success = true;
	pair_start(p);
	pair_run(p, 10000);
	assert_int_equal(p->client.ups, 0);
	assert_int_equal(p->client.downs, 1);
	assert_int_equal(p->client.down.down.cause, CAUSE_wrong_authenticator_response);
	pair_free(p);
}

/* The network prefers a method that the client does not have. */
static void client_asks_for_its_own_method(void **state)
{
	struct pair *p = pair_new(PPP_AUTHENTICATION_CHAP_MD5);

	(void)state;
	p->network.config.authentication[0] = PPP_AUTHENTICATION_MS_CHAP_V2;
	p->network.config.authentication[1] = PPP_AUTHENTICATION_CHAP_MD5;
	p->network.config.authentication_count = 2;
	pair_start(p);
	pair_run(p, 900);
	both_are_up(p);
	assert_int_equal(p->client.response[6], 16);
	pair_free(p);
}

static void no_common_method_ends_the_dial(void **state)
{
	struct pair *p = pair_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	p->network.config.authentication[0] = PPP_AUTHENTICATION_CHAP_MD5;
	pair_start(p);
	pair_run(p, 30000);
	assert_int_equal(p->client.ups, 0);
	assert_int_equal(p->network.down.down.cause, CAUSE_no_common_authentication);
	assert_int_equal(p->client.downs, 1);
	pair_free(p);
}

/* A second MS-CHAPv2 response to one challenge would not fit the stored Success. */
static void same_challenge_gets_the_same_response(void **state)
{
	struct pair *p = pair_dial(PPP_AUTHENTICATION_MS_CHAP_V2);
	uint8_t first[128];

	(void)state;
	assert_int_equal(p->client.responses, 1);
	memcpy(first, p->client.response, sizeof(first));
	ppp_feed(p->client.ppp, p->network.challenge, p->network.challenge_length, p->now_ms);
	end_events(p, &p->client);
	assert_int_equal(p->client.responses, 2);
	assert_memory_equal(first, p->client.response, p->client.response_length);
	pair_run(p, 5000);
	both_are_up(p);
	pair_free(p);
}

static void name_servers_are_not_needed(void **state)
{
	struct pair *p = pair_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	p->grant.dns_be[0] = p->grant.dns_be[1] = 0;
	pair_start(p);
	pair_run(p, 900);
	both_are_up(p);
	assert_int_equal(p->client.up.up.grant.dns_be[0], 0);
	pair_free(p);
}

static void no_address_ends_the_dial(void **state)
{
	struct pair *p = pair_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	p->grant.peer_address_be = 0;
	pair_start(p);
	pair_run(p, 10000);
	assert_int_equal(p->client.ups, 0);
	assert_int_equal(p->client.down.down.cause, CAUSE_ipcp_refused);
	pair_free(p);
}

static void either_end_may_close(void **state)
{
	(void)state;
	for (unsigned closer = 0; closer < 2; closer++) {
		struct pair *p = pair_dial(PPP_AUTHENTICATION_CHAP_MD5);
		struct end *first = closer == 0 ? &p->client : &p->network;
		struct end *second = closer == 0 ? &p->network : &p->client;

		ppp_close(first->ppp, CAUSE_administrator, p->now_ms);
		end_events(p, first);
		pair_run(p, 10000);
		assert_int_equal(first->downs, 1);
		assert_int_equal(second->downs, 1);
		assert_int_equal(second->down.down.cause, CAUSE_peer_request);
		assert_true(second->down.down.was_up);
		assert_int_equal(first->finished, 1);
		pair_free(p);
	}
}

static void silence_ends_the_dial(void **state)
{
	struct pair *p = pair_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	p->towards_network.cut = true;
	pair_start(p);
	pair_run(p, 120000);
	assert_int_equal(p->client.downs, 1);
	assert_int_equal(p->client.ups, 0);
	assert_int_equal(p->client.finished, 1);
	pair_free(p);
}

/* PAP's request is sent again; the answer to the first counts too. */
static void pap_is_repeated(void **state)
{
	struct pair *p = pair_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	pair_start(p);
	pair_run(p, 15);
	p->towards_network.cut = true;
	pair_run(p, 500);
	p->towards_network.cut = false;
	assert_int_equal(p->network.ups, 0);
	pair_run(p, 10000);
	both_are_up(p);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_comes_up),
		cmocka_unit_test(every_method_is_handed_over),
		cmocka_unit_test(lost_verdict_of_a_handed_over_client_comes_again),
		cmocka_unit_test(handed_over_client_with_a_wrong_password_learns_it),
		cmocka_unit_test(bad_wire_only_delays),
		cmocka_unit_test(wrong_password_is_said),
		cmocka_unit_test(impostor_is_noticed),
		cmocka_unit_test(client_asks_for_its_own_method),
		cmocka_unit_test(no_common_method_ends_the_dial),
		cmocka_unit_test(same_challenge_gets_the_same_response),
		cmocka_unit_test(name_servers_are_not_needed),
		cmocka_unit_test(no_address_ends_the_dial),
		cmocka_unit_test(either_end_may_close),
		cmocka_unit_test(silence_ends_the_dial),
		cmocka_unit_test(pap_is_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
