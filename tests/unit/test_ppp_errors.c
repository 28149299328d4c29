/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void lcp(struct simulation *s, uint8_t code, uint8_t identifier, const char *data,
		size_t length)
{
	peer_send(&s->peer, 0xc021, code, identifier, data, length);
	simulation_run(s, s->now_ms + 50);
}

static void malformed_packets_are_dropped(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} wrong[] = {
		{"", 0},
		{"\xff\x03", 2},
		{"\xc0", 1},
		{"\xc0\x21", 2},
		{"\xc0\x21\1\1\0", 5},
		{"\xc0\x21\1\1\0\3", 6},     /* length below 4 */
		{"\xc0\x21\1\1\0\5", 6},     /* past the end */
		{"\xc0\x21\1\1\0\6\1\1", 8}, /* option length below 2 */
		{"\xc0\x21\1\1\0\6\1\4", 8}, /* option past the end */
		{"\xc0\x21\1\1\0\5\1", 7},   /* half an option */
		{"\xc0\x21\7\1\0\4", 6},     /* Code-Reject of nothing */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);
		unsigned sends;

		simulation_start(s);
		sends = s->sends;
		simulation_feed(s, (const uint8_t *)wrong[i].bytes, wrong[i].length);
		assert_int_equal(s->sends, sends);
		assert_int_equal(s->counters.value[PPP_COUNTER_malformed], 1);
		assert_int_equal(s->downs, 0);
		simulation_free(s);
	}
}

/* Padding behind the packet does not belong to it. */
static void padding_is_ignored(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	simulation_feed(s, (const uint8_t *)"\xc0\x21\x09\x01\0\x08\1\2\3\4pad", 13);
	assert_int_equal(s->send_lengths[s->sends - 1], 2 + 8);
	simulation_free(s);
}

static void wrong_option_values_are_answered(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.lcp.silent = true;
	simulation_start(s);
	lcp(s, 1, 1, "\1\4\0\x40", 4); /* MRU 64 */
	assert_memory_equal(s->send_bytes[s->sends - 1], "\xc0\x21\3\1\0\x08\1\4\0\x80", 10);
	lcp(s, 1, 2, "\5\6\0\0\0\0", 6); /* magic 0 */
	assert_memory_equal(s->send_bytes[s->sends - 1], "\xc0\x21\3\2\0\x0a\5\6", 8);
	lcp(s, 1, 3, "\1\5\1\2\3", 5); /* MRU of three bytes */
	assert_memory_equal(s->send_bytes[s->sends - 1], "\xc0\x21\4\3\0\x09\1\5\1\2\3", 11);
	lcp(s, 1, 4, "\7\3\1", 3); /* PFC with a value */
	assert_memory_equal(s->send_bytes[s->sends - 1], "\xc0\x21\4\4\0\x07\7\3\1", 9);
	lcp(s, 1, 5, "\5\6\0\0\0\0\x0d\3\6", 9); /* Reject beats Nak */
	assert_memory_equal(s->send_bytes[s->sends - 1], "\xc0\x21\4\5\0\x07\x0d\3\6", 9);
	simulation_free(s);
}

/* After Max-Failure Naks the option is rejected. */
static void naks_end(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.lcp.silent = true;
	simulation_start(s);
	for (uint8_t i = 0; i < 5; i++) {
		lcp(s, 1, i, "\1\4\0\x40", 4);
		assert_int_equal(s->send_bytes[s->sends - 1][2], 3);
	}
	lcp(s, 1, 6, "\1\4\0\x40", 4);
	assert_int_equal(s->send_bytes[s->sends - 1][2], 4);
	simulation_free(s);
}

static uint8_t last_request(const struct simulation *s)
{
	for (unsigned i = s->sends; i-- > 0;)
		if (memcmp(s->send_bytes[i], "\xc0\x21\1", 3) == 0)
			return s->send_bytes[i][3];
	return 0;
}

/* The peer refuses our MRU: a smaller one is taken, a larger one only after it insisted. */
static void mru_is_negotiated(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.lcp.silent = true;
	simulation_start(s);
	lcp(s, 3, last_request(s), "\1\4\5\0", 4);
	assert_memory_equal(s->send_bytes[s->sends - 1] + 6, "\1\4\5\0", 4);
	lcp(s, 3, last_request(s), "\1\4\5\xdc", 4);
	assert_memory_equal(s->send_bytes[s->sends - 1] + 6, "\1\4\5\0", 4);
	lcp(s, 3, last_request(s), "\1\4\5\xdc", 4);
	assert_int_equal(s->send_bytes[s->sends - 1][6], 3);
	simulation_free(s);
}

static void rejected_options_are_left_out(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.lcp.silent = true;
	simulation_start(s);
	lcp(s, 4, last_request(s), "\1\4\5\x78\5\6\0\0\0\0", 10);
	assert_int_equal(s->send_lengths[s->sends - 1], 2 + 4 + 4); /* PAP alone */
	assert_int_equal(s->send_bytes[s->sends - 1][6], 3);
	simulation_free(s);
}

static void endless_naks_end_the_link(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.lcp.silent = true;
	simulation_start(s);
	for (unsigned i = 0; i < 40 && s->downs == 0; i++)
		lcp(s, 3, last_request(s), "\x63\2", 2);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_lcp_failed);
	simulation_free(s);
}

static void answers_to_old_requests_are_dropped(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.lcp.silent = true;
	simulation_start(s);
	lcp(s, 3, (uint8_t)(last_request(s) + 1), "\1\4\5\0", 4);
	assert_int_equal(s->sends, 1);
	assert_int_equal(s->counters.value[PPP_COUNTER_wrong_identifier], 1);
	/* An Ack that changes our options is none. */
	lcp(s, 2, last_request(s), "\1\4\5\0", 4);
	assert_int_equal(s->counters.value[PPP_COUNTER_wrong_acknowledgement], 1);
	assert_int_equal(s->sends, 1);
	simulation_free(s);
}

/* Everything that we send comes back. */
static void looped_link_is_found(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->echo_back = true;
	s->config.authentication_count = 0;
	simulation_start(s);
	simulation_run(s, 20000);
	assert_int_equal(s->ups, 0);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_link_looped);
	assert_int_equal(s->finished, 1);
	simulation_free(s);
}

static void looped_echo_is_found(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);
	char magic[4];

	(void)state;
	memcpy(magic, &s->peer.our_magic_seen, 4);
	for (uint8_t i = 0; i < 5; i++) {
		assert_int_equal(s->downs, 0);
		lcp(s, 9, i, magic, 4);
	}
	assert_int_equal(s->peer.echo_replies, 0);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_link_looped);
	simulation_free(s);
}

static void fatal_rejects_end_the_link(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	lcp(s, 8, 1, "\xc0\x21\1\1\0\4", 6); /* LCP itself */
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_lcp_rejected);
	simulation_free(s);

	s = simulation_up(PPP_AUTHENTICATION_PAP);
	lcp(s, 8, 1, "\x80\x21\1\1\0\4", 6);
	assert_int_equal(s->last_down.down.cause, CAUSE_ipcp_refused);
	simulation_free(s);

	s = simulation_up(PPP_AUTHENTICATION_PAP);
	lcp(s, 7, 1, "\1\1\0\4", 4); /* Configure-Request is no code that one may lack */
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_lcp_failed);
	simulation_run(s, 10000);
	assert_int_equal(s->finished, 1);
	simulation_free(s);
}

static void harmless_rejects_are_taken(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	lcp(s, 8, 1, "\x80\xfd\1\1\0\4", 6);
	lcp(s, 7, 1, "\x09\1\0\4", 4); /* no echo, then */
	s->peer.answers_echo = false;
	simulation_run(s, 200000);
	assert_int_equal(s->peer.echo_requests, 0);
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

static void long_packets_are_cut_in_rejects(void **state)
{
	static uint8_t packet[1900];
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	packet[0] = 0x80;
	packet[1] = 0xfd;
	simulation_feed(s, packet, sizeof(packet));
	assert_int_equal(s->send_lengths[s->sends - 1], 2 + 1400); /* the peer's MRU */
	packet[0] = 0xc0;
	packet[1] = 0x21;
	packet[2] = 99;
	packet[4] = (uint8_t)((sizeof(packet) - 2) >> 8);
	packet[5] = (uint8_t)(sizeof(packet) - 2);
	simulation_feed(s, packet, sizeof(packet));
	assert_true(s->send_lengths[s->sends - 1] <= 2 + 1500);
	packet[2] = 9;
	simulation_feed(s, packet, sizeof(packet));
	assert_true(s->send_lengths[s->sends - 1] <= 2 + 1500);
	simulation_free(s);
}

static void dead_links_take_nothing(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);
	unsigned sends;

	(void)state;
	ppp_close(s->ppp, CAUSE_shutdown, s->now_ms);
	simulation_run(s, 10000);
	assert_int_equal(s->finished, 1);
	sends = s->sends;
	lcp(s, 1, 1, "\1\4\5\x78", 4);
	lcp(s, 9, 1, "\1\2\3\4", 4);
	peer_send(&s->peer, 0x8021, 1, 1, "\3\6\0\0\0\0", 6);
	simulation_run(s, 20000);
	assert_int_equal(s->sends, sends);
	simulation_free(s);
}

static void mutate(struct wire *wire, uint64_t *seed)
{
	for (size_t i = 0; i < wire->count; i++) {
		struct wire_packet *packet = &wire->packets[i];
		unsigned changes = generator_next(seed) % 3;

		for (unsigned k = 0; k < changes; k++)
			packet->bytes[generator_next(seed) % packet->length] =
				(uint8_t)generator_next(seed);
		if (generator_next(seed) % 16 == 0)
			packet->length = 1 + generator_next(seed) % packet->length;
	}
}

static void random_mutations_do_no_harm(void **state)
{
	unsigned up = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 1000; seed++) {
		struct simulation *s = simulation_new((uint8_t)(1 + seed % 3));
		uint64_t changes = seed;

		s->seed = seed;
		simulation_start(s);
		peer_start(&s->peer, 0);
		for (unsigned i = 0; i < 30; i++) {
			mutate(&s->up, &changes);
			simulation_run(s, s->now_ms + 10);
		}
		simulation_run(s, 100000);
		assert_true(s->ups <= 1 && s->downs <= 1 && s->finished <= 1);
		assert_true(s->ups + s->downs >= 1);
		up += s->ups;
		simulation_free(s);
	}
	assert_true(up > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_packets_are_dropped),
		cmocka_unit_test(padding_is_ignored),
		cmocka_unit_test(wrong_option_values_are_answered),
		cmocka_unit_test(naks_end),
		cmocka_unit_test(mru_is_negotiated),
		cmocka_unit_test(rejected_options_are_left_out),
		cmocka_unit_test(endless_naks_end_the_link),
		cmocka_unit_test(answers_to_old_requests_are_dropped),
		cmocka_unit_test(looped_link_is_found),
		cmocka_unit_test(looped_echo_is_found),
		cmocka_unit_test(fatal_rejects_end_the_link),
		cmocka_unit_test(harmless_rejects_are_taken),
		cmocka_unit_test(long_packets_are_cut_in_rejects),
		cmocka_unit_test(dead_links_take_nothing),
		cmocka_unit_test(random_mutations_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
