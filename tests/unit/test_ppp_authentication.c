/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void up_check(const struct simulation *s)
{
	assert_int_equal(s->ups, 1);
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
		s->last_authenticate.authenticate.response,
		s->last_authenticate.authenticate.challenge, "User", success);
	assert_memory_equal(s->peer.message, success, strlen(success));
	assert_string_equal(s->peer.message + strlen(success), " M=Welcome");
	simulation_free(s);
}

static void chap_md5_brings_the_link_up(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_CHAP_MD5);

	(void)state;
	up_check(s);
	assert_string_equal(s->peer.message, "Welcome");
	simulation_free(s);
}

static void pap_brings_the_link_up(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	up_check(s);
	assert_string_equal(s->peer.message, "Welcome");
	simulation_free(s);
}

/* The owner is asked all the same: it knows the grant. */
static void no_authentication_brings_the_link_up(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_NONE);

	(void)state;
	s->config.authentication_count = 0;
	s->peer.success = true;
	s->peer.ipcp.started = true;
	s->peer.ipcp.identifier = 1;
	s->peer.ipcp.retry_ms = 100;
	simulation_dial(s);
	simulation_run(s, 5000);
	assert_int_equal(s->authenticates, 1);
	assert_int_equal(s->last_authenticate.authenticate.method, PPP_AUTHENTICATION_NONE);
	assert_int_equal(s->ups, 1);
	simulation_free(s);
}

static struct simulation *wrong_password(uint8_t method)
{
	struct simulation *s = simulation_new(method);

	s->peer.password = "wrong";
	simulation_dial(s);
	simulation_run(s, 3000);
	assert_int_equal(s->ups, 0);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_wrong_password);
	assert_true(s->peer.failure);
	assert_true(s->peer.terminate_request);
	assert_int_equal(s->finished, 1);
	return s;
}

static void wrong_passwords_are_refused(void **state)
{
	struct simulation *s = wrong_password(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	/* E=691 R=0 C=<32 digits> V=3 M=... */
	assert_memory_equal(s->peer.message, "E=691 R=0 C=", 12);
	assert_int_equal(strspn(s->peer.message + 12, "0123456789ABCDEF"), 32);
	assert_string_equal(s->peer.message + 44, " V=3 M=Authentication failed");
	simulation_free(s);
	s = wrong_password(PPP_AUTHENTICATION_CHAP_MD5);
	assert_string_equal(s->peer.message, "Authentication failed");
	simulation_free(s);
	s = wrong_password(PPP_AUTHENTICATION_PAP);
	assert_string_equal(s->peer.message, "Authentication failed");
	simulation_free(s);
}

/* Words of a RADIUS server, as long as they may be: the peer reads them, and the operator the detail. */
static void verdicts_words_reach_both(void **state)
{
	struct ppp_authentication_result refused = {
		.cause = CAUSE_radius_reject, .ms_chap_error = 648, .detail = "You have not paid"};
	struct ppp_authentication_result accepted = {.accepted = true};
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	memset(refused.message, 'm', sizeof(refused.message) - 1);
	memset(accepted.message, 'w', sizeof(accepted.message) - 1);
	memset(accepted.success, 'S', 42);
	s->no_verdict = true;
	simulation_dial(s);
	ppp_authenticated(s->ppp, &refused, s->now_ms);
	simulation_run(s, 2000);
	assert_memory_equal(s->peer.message, "E=648 R=0 C=", 12);
	assert_string_equal(strstr(s->peer.message, " M=") + 3, refused.message);
	assert_string_equal(s->last_down.down.detail, "MS-CHAPv2 was refused: You have not paid");
	simulation_free(s);
	s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);
	s->no_verdict = true;
	simulation_dial(s);
	ppp_authenticated(s->ppp, &accepted, s->now_ms);
	simulation_run(s, 2000);
	assert_string_equal(strstr(s->peer.message, " M=") + 3, accepted.message);
	simulation_free(s);
	s = simulation_new(PPP_AUTHENTICATION_PAP);
	s->no_verdict = true;
	simulation_dial(s);
	ppp_authenticated(s->ppp, &refused, s->now_ms);
	simulation_run(s, 2000);
	assert_string_equal(s->peer.message, refused.message);
	simulation_free(s);
}

static void exhausted_pool_is_said(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->refuse = CAUSE_no_address_left;
	simulation_dial(s);
	assert_int_equal(s->last_down.down.cause, CAUSE_no_address_left);
	assert_non_null(strstr(s->peer.message, "M=No address is left"));
	simulation_free(s);
}

/* The peer names what it wants instead, and we allow that. */
static void peers_choice_is_taken(void **state)
{
	static const struct {
		uint16_t protocol;
		uint8_t algorithm;
		uint8_t method;
	} wishes[] = {
		{0xc223, 5, PPP_AUTHENTICATION_CHAP_MD5},
		{0xc023, 0, PPP_AUTHENTICATION_PAP},
		{0xc223, 0x81, PPP_AUTHENTICATION_MS_CHAP_V2},
	};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

		s->config.authentication_count = 3;
		s->config.authentication[1] = PPP_AUTHENTICATION_CHAP_MD5;
		s->config.authentication[2] = PPP_AUTHENTICATION_PAP;
		s->peer.accepts_protocol = wishes[i].protocol;
		s->peer.accepts_algorithm = wishes[i].algorithm;
		simulation_dial(s);
		assert_int_equal(s->ups, 1);
		assert_int_equal(s->last_authenticate.authenticate.method, wishes[i].method);
		simulation_free(s);
	}
}

/* EAP or MS-CHAP: each of ours is offered once, then it ends. */
static void no_common_method_ends_the_link(void **state)
{
	static const uint16_t wishes[][2] = {{0xc227, 0}, {0xc223, 0x80}};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

		s->config.authentication_count = 2;
		s->config.authentication[1] = PPP_AUTHENTICATION_CHAP_MD5;
		s->peer.accepts_protocol = wishes[i][0];
		s->peer.accepts_algorithm = (uint8_t)wishes[i][1];
		simulation_dial(s);
		assert_int_equal(s->ups, 0);
		assert_int_equal(s->last_down.down.cause, CAUSE_no_common_authentication);
		assert_non_null(strstr(s->last_down.down.detail, "MS-CHAPv2, CHAP"));
		assert_true(s->peer.terminate_request);
		assert_int_equal(simulation_sent(s, 0xc021, 1), 2);
		simulation_free(s);
	}
}

static void rejected_authentication_ends_the_link(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->peer.rejects_authentication = true;
	simulation_dial(s);
	assert_int_equal(s->ups, 0);
	assert_int_equal(s->last_down.down.cause, CAUSE_no_common_authentication);
	simulation_free(s);
}

static void protocol_reject_of_chap_ends_the_link(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->peer.answers_challenge = false;
	simulation_dial(s);
	peer_send(&s->peer, 0xc021, 8, 1, "\xc2\x23\1\1\0\4", 6);
	simulation_run(s, 1100);
	assert_int_equal(s->last_down.down.cause, CAUSE_no_common_authentication);
	simulation_free(s);
}

static void challenge_is_repeated_then_given_up(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->peer.answers_challenge = false;
	simulation_dial(s);
	simulation_run(s, 23000);
	assert_int_equal(s->peer.challenges, 10);
	assert_int_equal(s->downs, 0);
	simulation_run(s, 25000);
	assert_int_equal(s->last_down.down.cause, CAUSE_authentication_timeout);
	simulation_free(s);
}

static void pap_is_waited_for(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.answers_challenge = false;
	simulation_dial(s);
	simulation_run(s, 23000);
	assert_int_equal(s->downs, 0);
	simulation_run(s, 25000);
	assert_int_equal(s->last_down.down.cause, CAUSE_authentication_timeout);
	simulation_free(s);
}

/* The Success is lost: the peer ignores IPCP until it comes again. */
static void lost_success_is_sent_again(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);
	uint8_t identifier;

	(void)state;
	simulation_start(s);
	peer_start(&s->peer, 0);
	while (s->authenticates == 0)
		simulation_run(s, s->now_ms + 1);
	identifier = s->last_authenticate.authenticate.identifier;
	s->down.count = 0; /* Success and the IPCP behind it */
	simulation_run(s, s->now_ms + 500);
	assert_false(s->peer.success);
	simulation_run(s, 3000);
	assert_true(s->peer.success);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->counters.value[PPP_COUNTER_success_repeated], 1);
	assert_int_equal(s->authenticates, 1);
	for (unsigned i = 0; i < s->sends; i++)
		if (s->send_bytes[i][0] == 0xc2 && s->send_bytes[i][2] == 3)
			assert_int_equal(s->send_bytes[i][3], identifier);
	simulation_free(s);
}

static void response_again(struct simulation *s)
{
	uint8_t bytes[64] = {49};
	uint8_t identifier = s->last_authenticate.authenticate.identifier;

	memcpy(bytes + 1, s->last_authenticate.authenticate.response, 49);
	memcpy(bytes + 50, "User", 4);
	peer_send(&s->peer, 0xc223, 2, identifier, bytes, 54);
	simulation_run(s, s->now_ms + 100);
}

static void repeated_response_gets_the_same_answer(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_MS_CHAP_V2);
	char first[160];

	(void)state;
	memcpy(first, s->peer.message, sizeof(first));
	s->peer.message[0] = '\0';
	response_again(s);
	assert_int_equal(s->peer.successes, 2);
	assert_string_equal(s->peer.message, first);
	assert_int_equal(s->authenticates, 1);
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

static void repeated_response_waits_for_the_verdict(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->no_verdict = true;
	simulation_dial(s);
	response_again(s);
	assert_int_equal(s->authenticates, 1);
	assert_int_equal(s->peer.challenges, 1);
	simulation_run(s, 10000);
	assert_int_equal(s->peer.challenges, 1);
	simulation_authenticate(s);
	simulation_run(s, 11000);
	assert_int_equal(s->ups, 1);
	/* A second verdict is ignored. */
	s->refuse = CAUSE_wrong_password;
	simulation_authenticate(s);
	simulation_run(s, 12000);
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

static void repeated_pap_request_gets_the_same_answer(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	peer_send(&s->peer, 0xc023, 1, 10, "\4User\12clientPass", 16);
	simulation_run(s, 1500);
	assert_int_equal(s->peer.successes, 2);
	assert_int_equal(s->send_bytes[s->sends - 1][3], 10);
	assert_int_equal(s->authenticates, 1);
	simulation_free(s);
}

static void wrong_responses_are_dropped(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);
	uint8_t bytes[64] = {49};
	uint8_t identifier;

	(void)state;
	s->peer.answers_challenge = false;
	simulation_dial(s);
	identifier = s->send_bytes[s->sends - 1][3];
	peer_send(&s->peer, 0xc223, 2, (uint8_t)(identifier + 1), bytes, 54);
	simulation_run(s, 1050);
	assert_int_equal(s->counters.value[PPP_COUNTER_wrong_identifier], 1);
	bytes[0] = 48;
	peer_send(&s->peer, 0xc223, 2, identifier, bytes, 54);
	bytes[0] = 60;
	peer_send(&s->peer, 0xc223, 2, identifier, bytes, 54);
	peer_send(&s->peer, 0xc223, 2, identifier, NULL, 0);
	simulation_run(s, 1100);
	assert_int_equal(s->counters.value[PPP_COUNTER_malformed], 3);
	peer_send(&s->peer, 0xc223, 1, identifier, bytes, 54);   /* a challenge to us */
	peer_send(&s->peer, 0xc023, 1, identifier, "\1a\1b", 4); /* PAP was not agreed on */
	simulation_run(s, 1150);
	assert_int_equal(s->counters.value[PPP_COUNTER_unexpected], 2);
	assert_int_equal(s->authenticates, 0);
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

/* Names that fit are whole; longer ones cannot be verified. */
static void names_are_whole_or_refused(void **state)
{
	static char name[200];

	(void)state;
	for (size_t length = 127; length <= 128; length++) {
		struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

		memset(name, 'n', length);
		name[0] = '\n';
		name[length] = '\0';
		s->peer.user = name;
		simulation_dial(s);
		assert_int_equal(s->ups, length == 127);
		if (length == 127) {
			const char *seen = s->last_authenticate.authenticate.user_name;

			assert_int_equal(strlen(seen), 127);
			assert_int_equal(seen[0], '?');
		} else {
			assert_int_equal(s->authenticates, 0);
			assert_int_equal(s->last_down.down.cause, CAUSE_user_name_too_long);
			assert_true(s->peer.failure);
		}
		simulation_free(s);
	}
}

static void challenges_differ(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_CHAP_MD5);
	struct simulation *t = simulation_new(PPP_AUTHENTICATION_CHAP_MD5);

	(void)state;
	t->seed = 99;
	simulation_dial(t);
	assert_int_equal(s->last_authenticate.authenticate.challenge_bytes, 16);
	assert_memory_not_equal(s->last_authenticate.authenticate.challenge,
				t->last_authenticate.authenticate.challenge, 16);
	simulation_free(s);
	simulation_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ms_chap_v2_brings_the_link_up),
		cmocka_unit_test(chap_md5_brings_the_link_up),
		cmocka_unit_test(pap_brings_the_link_up),
		cmocka_unit_test(no_authentication_brings_the_link_up),
		cmocka_unit_test(wrong_passwords_are_refused),
		cmocka_unit_test(verdicts_words_reach_both),
		cmocka_unit_test(exhausted_pool_is_said),
		cmocka_unit_test(peers_choice_is_taken),
		cmocka_unit_test(no_common_method_ends_the_link),
		cmocka_unit_test(rejected_authentication_ends_the_link),
		cmocka_unit_test(protocol_reject_of_chap_ends_the_link),
		cmocka_unit_test(challenge_is_repeated_then_given_up),
		cmocka_unit_test(pap_is_waited_for),
		cmocka_unit_test(lost_success_is_sent_again),
		cmocka_unit_test(repeated_response_gets_the_same_answer),
		cmocka_unit_test(repeated_response_waits_for_the_verdict),
		cmocka_unit_test(repeated_pap_request_gets_the_same_answer),
		cmocka_unit_test(wrong_responses_are_dropped),
		cmocka_unit_test(names_are_whole_or_refused),
		cmocka_unit_test(challenges_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
