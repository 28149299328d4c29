/* SPDX-License-Identifier: BSD-3-Clause */
/* A LAC has opened the link and hands it over: proxy LCP and proxy authentication. */
#include "ppp_simulation.h"

#include "crypto/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VALUE(text)                                       \
	{                                                 \
		sizeof(text) - 1, (const uint8_t *)(text) \
	}
#define LAC_MAGIC    "\x05\x06\xaa\xbb\xcc\xdd"
#define ASKS_CHAP    "\x01\x04\x05\xd4\x03\x05\xc2\x23\x05" LAC_MAGIC
#define ASKS_PAP     "\x01\x04\x05\xd4\x03\x04\xc0\x23" LAC_MAGIC
#define ASKS_MS_CHAP "\x03\x05\xc2\x23\x81" LAC_MAGIC
#define PEER_OPTIONS "\x01\x04\x05\x78\x05\x06\x12\x34\x56\x78\x07\x02\x08\x02"
#define CHALLENGE    "a challenge of the LAC's own"
#define CHAP_SUCCESS 3
#define PAP_ACK      2
#define LCP          0xc021
#define PAP          0xc023
#define CHAP         0xc223

static const struct ppp_proxy chap_proxy = {
	.lcp_sent = VALUE(ASKS_CHAP),
	.lcp_received = VALUE(PEER_OPTIONS),
	.method = PPP_AUTHENTICATION_CHAP_MD5,
	.identifier = 77,
	.name = VALUE("User"),
	.challenge = VALUE(CHALLENGE),
};

static const struct ppp_proxy pap_proxy = {
	.lcp_sent = VALUE(ASKS_PAP),
	.lcp_received = VALUE(PEER_OPTIONS),
	.method = PPP_AUTHENTICATION_PAP,
	.identifier = 9,
	.name = VALUE("User"),
	.response = VALUE("clientPass"),
};

/* The peer behind the LAC: LCP is open for it, and it waits for a verdict. */
static struct simulation *handed_over(uint8_t method, const struct ppp_proxy *proxy)
{
	struct simulation *s = simulation_new(method);

	s->proxy = proxy;
	s->peer.lcp.started = true;
	s->peer.lcp.ours_acked = true;
	s->peer.lcp.theirs_acked = true;
	s->peer.method_protocol = method == PPP_AUTHENTICATION_PAP ? PAP : CHAP;
	s->peer.method_algorithm = method == PPP_AUTHENTICATION_MS_CHAP_V2 ? 0x81 : 5;
	return s;
}

static void response_compute(const char *password, uint8_t response[16])
{
	const uint8_t identifier = chap_proxy.identifier;
	const struct digest_part parts[] = {
		{&identifier, 1}, {password, strlen(password)}, {CHALLENGE, sizeof(CHALLENGE) - 1}};

	assert_int_equal(digest_compute(DIGEST_MD5, parts, 3, response), 0);
}

static void run(struct simulation *s)
{
	simulation_start(s);
	simulation_run(s, 1000);
}

static void open_check(const struct simulation *s)
{
	assert_string_equal(ppp_phase(s->ppp), "open");
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->peer.address_be, PEER_BE);
	assert_int_equal(s->last_up.up.peer_mru, 1400);
	assert_true(s->last_up.up.peer_accepts_acfc);
	assert_true(s->last_up.up.peer_accepts_pfc);
	assert_int_equal(simulation_sent(s, LCP, 1), 0);
	assert_int_equal(s->counters.value[PPP_COUNTER_proxy_taken], 1);
	assert_int_equal(s->counters.value[PPP_COUNTER_proxy_unsuited], 0);
}

static void chap_of_the_lac_is_judged_once(void **state)
{
	struct ppp_proxy proxy = chap_proxy;
	uint8_t response[16];
	struct simulation *s;

	(void)state;
	response_compute("clientPass", response);
	proxy.response = (struct ppp_proxy_value){sizeof(response), response};
	s = handed_over(PPP_AUTHENTICATION_CHAP_MD5, &proxy);
	run(s);
	open_check(s);
	assert_int_equal(s->authenticates, 1);
	assert_string_equal(s->last_authenticate.authenticate.user_name, "User");
	assert_int_equal(s->last_authenticate.authenticate.challenge_bytes, sizeof(CHALLENGE) - 1);
	assert_int_equal(simulation_sent(s, CHAP, 1), 0);
	assert_int_equal(simulation_sent(s, CHAP, CHAP_SUCCESS), 1);
	assert_int_equal(s->send_bytes[0][3], 77);
	simulation_free(s);
}

static void wrong_password_of_the_lac_is_refused(void **state)
{
	struct ppp_proxy proxy = chap_proxy;
	uint8_t response[16];
	struct simulation *s;

	(void)state;
	response_compute("another", response);
	proxy.response = (struct ppp_proxy_value){sizeof(response), response};
	s = handed_over(PPP_AUTHENTICATION_CHAP_MD5, &proxy);
	run(s);
	assert_int_equal(s->ups, 0);
	assert_int_equal(s->last_down.down.cause, CAUSE_wrong_password);
	assert_true(s->peer.failure);
	simulation_free(s);
}

static void pap_of_the_lac_is_judged_once(void **state)
{
	struct simulation *s = handed_over(PPP_AUTHENTICATION_PAP, &pap_proxy);

	(void)state;
	run(s);
	open_check(s);
	assert_int_equal(s->authenticates, 1);
	assert_int_equal(simulation_sent(s, PAP, PAP_ACK), 1);
	assert_int_equal(s->send_bytes[0][3], 9);
	simulation_free(s);
}

/* What is missing is asked for on the link as it stands: MS-CHAPv2 has no AVPs. */
static void method_without_avps_is_asked_again(void **state)
{
	struct ppp_proxy proxy = chap_proxy;
	struct simulation *s = handed_over(PPP_AUTHENTICATION_MS_CHAP_V2, &proxy);

	(void)state;
	proxy.lcp_sent = (struct ppp_proxy_value)VALUE(ASKS_MS_CHAP);
	proxy.method = PPP_AUTHENTICATION_NONE;
	run(s);
	open_check(s);
	assert_int_equal(simulation_sent(s, CHAP, 1), 1);
	simulation_free(s);
}

static void broken_attempt_is_asked_again(void **state)
{
	struct ppp_proxy proxy = chap_proxy;
	struct simulation *s = handed_over(PPP_AUTHENTICATION_CHAP_MD5, &proxy);

	(void)state;
	proxy.response = (struct ppp_proxy_value)VALUE("fifteen bytes..");
	run(s);
	open_check(s);
	assert_int_equal(simulation_sent(s, CHAP, 1), 1);
	simulation_free(s);
}

/* The magic number that the LAC agreed on is ours from now on. */
static void magic_of_the_lac_is_ours(void **state)
{
	static const uint8_t echo[] = {0xc0, 0x21, 9, 1, 0, 8, 0x12, 0x34, 0x56, 0x78};
	static const uint8_t reply[] = {0xc0, 0x21, 10, 1, 0, 8, 0xaa, 0xbb, 0xcc, 0xdd};
	struct simulation *s = handed_over(PPP_AUTHENTICATION_PAP, &pap_proxy);

	(void)state;
	run(s);
	s->sends = 0;
	simulation_feed(s, echo, sizeof(echo));
	assert_int_equal(s->sends, 1);
	assert_memory_equal(s->send_bytes[0], reply, sizeof(reply));
	simulation_free(s);
}

/* The LAC's Ack was lost: the peer asks once more for what it has got. */
static void repeated_request_is_acknowledged(void **state)
{
	static const uint8_t request[] = "\xc0\x21\x01\x05\x00\x12" PEER_OPTIONS;
	struct simulation *s = handed_over(PPP_AUTHENTICATION_PAP, &pap_proxy);

	(void)state;
	run(s);
	simulation_feed(s, request, sizeof(request) - 1);
	assert_int_equal(simulation_sent(s, LCP, 2), 1);
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

/* What the LAC sent, what it granted, and what we say about it. */
struct unsuited {
	const char *sent;
	size_t sent_length;
	const char *received;
	size_t received_length;
	const char *why;
};

#define UNSUITED(sent, received, why)                                       \
	{                                                                   \
		sent, sizeof(sent) - 1, received, sizeof(received) - 1, why \
	}

static const struct unsuited unsuited[] = {
	UNSUITED(ASKS_PAP "\x01\x04\x05\xdd", PEER_OPTIONS, "larger packets"),
	UNSUITED(ASKS_MS_CHAP, PEER_OPTIONS, "does not allow"),
	UNSUITED("\x03\x04\xc2\x27" LAC_MAGIC, PEER_OPTIONS, "does not allow"), /* EAP */
	UNSUITED(LAC_MAGIC, PEER_OPTIONS, "did not ask the peer"),
	UNSUITED(ASKS_PAP "\x11\x04\x05\xd4", PEER_OPTIONS, "do not have"), /* multilink */
	UNSUITED(ASKS_PAP "\x05\x04\x05\xd4", PEER_OPTIONS, "broken"),
	UNSUITED(ASKS_PAP "\x05\x06\x05", PEER_OPTIONS, "broken"),
	UNSUITED(ASKS_PAP, PEER_OPTIONS "\x11\x04\x05\xd4", "we refuse"),
	UNSUITED(ASKS_PAP, "\x01\x04\x00\x10", "we refuse"),
	UNSUITED(ASKS_PAP, "\x05\x06\xaa\xbb\xcc\xdd", "we refuse"), /* the LAC's own magic */
	UNSUITED(ASKS_PAP, "\x05\x07\x12\x34\x56\x78", "we refuse"),
};

static struct ppp_proxy proxy_of(const struct unsuited *row)
{
	struct ppp_proxy proxy = pap_proxy;

	proxy.lcp_sent = (struct ppp_proxy_value){row->sent_length, (const uint8_t *)row->sent};
	proxy.lcp_received =
		(struct ppp_proxy_value){row->received_length, (const uint8_t *)row->received};
	return proxy;
}

static void unsuited_link_is_negotiated_anew(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unsuited) / sizeof(unsuited[0]); i++) {
		const struct ppp_proxy proxy = proxy_of(&unsuited[i]);
		struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

		s->proxy = &proxy;
		simulation_dial(s);
		assert_non_null(strstr(s->ladder, unsuited[i].why));
		assert_int_equal(s->counters.value[PPP_COUNTER_proxy_unsuited], 1);
		assert_int_equal(s->counters.value[PPP_COUNTER_proxy_taken], 0);
		assert_int_equal(s->ups, 1);
		assert_int_equal(s->last_up.up.peer_mru, 1400);
		assert_true(s->peer.our_magic_seen != 0xaabbccdd);
		simulation_free(s);
	}
}

static void unsuited_link_ends_where_policy_says_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unsuited) / sizeof(unsuited[0]); i++) {
		const struct ppp_proxy proxy = proxy_of(&unsuited[i]);
		struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

		s->proxy = &proxy;
		s->misfit = PPP_PROXY_REFUSE;
		run(s);
		assert_int_equal(s->sends, 0);
		assert_int_equal(s->downs, 1);
		assert_int_equal(s->finished, 1);
		assert_int_equal(s->last_down.down.cause, CAUSE_lcp_proxy_unsuited);
		assert_non_null(strstr(s->last_down.down.detail, unsuited[i].why));
		simulation_free(s);
	}
}

/* 1500 is what RFC 1661 wants everybody to receive, whatever we would have asked for. */
static void mru_of_1500_suits(void **state)
{
	struct ppp_proxy proxy = pap_proxy;
	struct simulation *s = handed_over(PPP_AUTHENTICATION_PAP, &proxy);

	(void)state;
	proxy.lcp_sent = (struct ppp_proxy_value)VALUE("\x01\x04\x05\xdc\x03\x04\xc0\x23");
	run(s);
	open_check(s);
	simulation_free(s);
}

/* Its LCP options are what the LAC says, cut at every length. */
static void cut_options_do_no_harm(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(ASKS_PAP) - 1; length++) {
		struct ppp_proxy proxy = pap_proxy;
		struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);
		uint8_t *exact = malloc(length + 1);

		memcpy(exact + 1, ASKS_PAP, length);
		proxy.lcp_sent = (struct ppp_proxy_value){length, exact + 1};
		s->proxy = &proxy;
		s->misfit = PPP_PROXY_REFUSE;
		simulation_start(s);
		/* Whole only without the magic number, which need not be there. */
		assert_int_equal(s->downs, length == 8 ? 0 : 1);
		simulation_free(s);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chap_of_the_lac_is_judged_once),
		cmocka_unit_test(wrong_password_of_the_lac_is_refused),
		cmocka_unit_test(pap_of_the_lac_is_judged_once),
		cmocka_unit_test(method_without_avps_is_asked_again),
		cmocka_unit_test(broken_attempt_is_asked_again),
		cmocka_unit_test(magic_of_the_lac_is_ours),
		cmocka_unit_test(repeated_request_is_acknowledged),
		cmocka_unit_test(unsuited_link_is_negotiated_anew),
		cmocka_unit_test(unsuited_link_ends_where_policy_says_so),
		cmocka_unit_test(mru_of_1500_suits),
		cmocka_unit_test(cut_options_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
