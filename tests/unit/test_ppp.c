/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* From the start of both ends to IPCP, with MS-CHAPv2. */
static void ladder_is_in_the_rfcs_words(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	assert_string_equal(s->ladder, ">LCP Configure-Request\n"
				       "<LCP Configure-Request\n"
				       ">LCP Configure-Ack\n"
				       "<LCP Configure-Ack\n"
				       ">CHAP Challenge\n"
				       "<CHAP Response\n"
				       ">CHAP Success\n"
				       ">IPCP Configure-Request\n"
				       "<IPCP Configure-Request\n"
				       ">IPCP Configure-Nak\n"
				       "<IPCP Configure-Ack\n"
				       "<IPCP Configure-Request\n"
				       ">IPCP Configure-Ack\n");
	simulation_free(s);
}

static void first_request_goes_out_at_once(void **state)
{
	static const uint64_t times[] = {0,    1000,  2000,  3000,  6000,
					 9000, 12000, 15000, 18000, 21000};
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->down.cut = true;
	simulation_start(s);
	simulation_run(s, 23999);
	assert_int_equal(s->sends, 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(s->send_times[i], times[i]);
		/* The same packet with the same identifier. */
		assert_int_equal(s->send_lengths[i], s->send_lengths[0]);
		assert_memory_equal(s->send_bytes[i], s->send_bytes[0], s->send_lengths[0]);
	}
	assert_int_equal(s->downs, 0);
	simulation_run(s, 24000);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->finished, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_lcp_timeout);
	assert_false(s->last_down.down.was_up);
	assert_string_equal(ppp_phase(s->ppp), "dead");
	assert_int_equal(ppp_deadline(s->ppp), UINT64_MAX);
	simulation_free(s);
}

/* MRU 1400, MS-CHAPv2, magic number: and nothing else. */
static void request_is_what_every_client_takes(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	simulation_start(s);
	assert_int_equal(s->send_lengths[0], 2 + 4 + 4 + 5 + 6);
	assert_memory_equal(s->send_bytes[0], "\xc0\x21\x01", 3);
	assert_memory_equal(s->send_bytes[0] + 6, "\x01\x04\x05\x78\x03\x05\xc2\x23\x81\x05\x06",
			    11);
	simulation_free(s);
}

static void unwanted_lcp_options_are_rejected(void **state)
{
	static const uint8_t wanted[] = {3, 4, 13, 17, 18, 19, 23, 99};
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	peer_want(&s->peer.lcp, 3, "\xc2\x23\x05", 3);
	peer_want(&s->peer.lcp, 4, "\xc0\x25\0\0\0\0", 6);
	peer_want(&s->peer.lcp, 13, "\x06", 1); /* callback by CBCP */
	peer_want(&s->peer.lcp, 17, "\x06\x4e", 2);
	peer_want(&s->peer.lcp, 18, NULL, 0);
	peer_want(&s->peer.lcp, 19, "\x01id", 3);
	peer_want(&s->peer.lcp, 23, "\0\1", 2);
	peer_want(&s->peer.lcp, 99, "x", 1);
	simulation_dial(s);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->peer.lcp.rejects_received, 1);
	assert_int_equal(s->peer.lcp.rejected_count, sizeof(wanted));
	assert_memory_equal(s->peer.lcp.rejected, wanted, sizeof(wanted));
	assert_int_equal(s->last_up.up.peer_mru, 1400);
	simulation_free(s);
}

static void unwanted_ipcp_options_are_rejected(void **state)
{
	static const uint8_t wanted[] = {1, 2, 130, 132};
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	peer_want(&s->peer.ipcp, 1, "\0\0\0\0\0\0\0\0", 8);
	peer_want(&s->peer.ipcp, 2, "\0\x2d\x0f\1", 4); /* VJ */
	peer_want(&s->peer.ipcp, 130, "\0\0\0\0", 4);
	peer_want(&s->peer.ipcp, 132, "\0\0\0\0", 4);
	simulation_dial(s);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->peer.ipcp.rejected_count, sizeof(wanted));
	assert_memory_equal(s->peer.ipcp.rejected, wanted, sizeof(wanted));
	assert_int_equal(s->peer.address_be, PEER_BE);
	simulation_free(s);
}

static void plain_peer_gets_defaults(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->peer.lcp.options_length = 0;
	simulation_dial(s);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->last_up.up.peer_mru, 1500);
	assert_false(s->last_up.up.peer_accepts_pfc);
	assert_false(s->last_up.up.peer_accepts_acfc);
	simulation_free(s);
}

/* A peer that asks for no address is told to ask for the granted one. */
static void address_is_added_to_a_request_without_one(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->peer.ipcp.options_length = 0;
	s->config.max_failure = 3;
	simulation_dial(s);
	simulation_run(s, 20000);
	assert_int_equal(s->ups, 0);
	assert_int_equal(s->peer.ipcp.naks_received, 3);
	assert_int_equal(s->last_down.down.cause, CAUSE_address_refused);
	simulation_free(s);
}

/* IPCP by hand: the peer's own negotiation keeps silent. */
static struct simulation *ipcp_by_hand(void)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	s->peer.ipcp.silent = true;
	simulation_dial(s);
	assert_int_equal(s->ups, 0);
	assert_int_equal(s->downs, 0);
	return s;
}

/* The packet that was sent last with this code of IPCP. */
static const uint8_t *ipcp_sent(const struct simulation *s, uint8_t code)
{
	for (unsigned i = s->sends; i-- > 0;)
		if (memcmp(s->send_bytes[i], "\x80\x21", 2) == 0 && s->send_bytes[i][2] == code)
			return s->send_bytes[i];
	fail_msg("no IPCP packet with code %u was sent", code);
	return NULL;
}

static void a_peer_may_refuse_our_address(void **state)
{
	struct simulation *s = ipcp_by_hand();

	(void)state;
	for (unsigned i = 0; i < 12 && s->downs == 0; i++) {
		uint8_t nak[12] = "\x80\x21\3\0\0\x0a\3\6\x0a\x09\x09\x09";

		nak[3] = ipcp_sent(s, 1)[3];
		simulation_feed(s, nak, sizeof(nak));
	}
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_our_address_refused);
	simulation_free(s);
}

static void a_peer_may_insist_on_name_servers(void **state)
{
	struct simulation *s = ipcp_by_hand();
	uint8_t request[18] = "\x80\x21\1\1\0\x10\3\6\0\0\0\0\x81\6\x09\x09\x09\x09";

	(void)state;
	simulation_feed(s, request, sizeof(request));
	memcpy(request + 8, ipcp_sent(s, 3) + 8, 4); /* the address that it is granted */
	for (unsigned i = 0; i < 12 && s->downs == 0; i++) {
		request[3]++;
		simulation_feed(s, request, sizeof(request));
	}
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_name_servers_refused);
	simulation_free(s);
}

static void own_address_of_the_peer_is_refused(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	memcpy(s->peer.ipcp.options + 2, "\xc0\xa8\1\1", 4);
	s->peer.insists_on_address = true;
	simulation_dial(s);
	assert_int_equal(s->ups, 0);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_address_refused);
	assert_int_equal(s->peer.ipcp.naks_received, 5);
	assert_true(s->peer.terminate_request);
	simulation_free(s);
}

/* But for one that only remembers its last address. */
static void old_address_of_the_peer_is_corrected(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	memcpy(s->peer.ipcp.options + 2, "\xc0\xa8\1\1", 4);
	simulation_dial(s);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->peer.address_be, PEER_BE);
	simulation_free(s);
}

static void send_lcp(struct simulation *s, uint8_t code, const char *data, size_t length)
{
	peer_send(&s->peer, 0xc021, code, 50, data, length);
	simulation_run(s, s->now_ms + 100);
}

static void echo_requests_are_answered_with_our_magic(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	send_lcp(s, 9, "\x01\x02\x03\x04hello", 9);
	assert_int_equal(s->peer.echo_replies, 1);
	assert_int_not_equal(s->peer.echo_magic, 0);
	assert_int_equal(s->peer.echo_magic, s->peer.our_magic_seen);
	assert_int_equal(s->send_lengths[s->sends - 1], 2 + 4 + 9);
	assert_memory_equal(s->send_bytes[s->sends - 1] + 10, "hello", 5);
	simulation_free(s);
}

static void echo_only_after_silence(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	simulation_run(s, 25000);
	assert_int_equal(s->peer.echo_requests, 0);
	ppp_alive(s->ppp, 25000);
	simulation_run(s, 51000);
	assert_int_equal(s->peer.echo_requests, 0);
	simulation_run(s, 56000);
	assert_int_equal(s->peer.echo_requests, 1);
	simulation_run(s, 90000);
	assert_int_equal(s->peer.echo_requests, 2);
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

static void silent_peer_is_given_up(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->down.cut = true;
	simulation_run(s, 56000);
	assert_int_equal(s->downs, 0);
	while (s->downs == 0 && s->now_ms < 62000)
		simulation_run(s, s->now_ms + 10);
	assert_int_equal(s->last_down.down.cause, CAUSE_echo_timeout);
	assert_true(s->last_down.down.was_up);
	assert_int_equal(s->finished, 0);
	simulation_run(s, 70000);
	assert_int_equal(simulation_sent(s, 0xc021, 5), 2);
	assert_int_equal(s->finished, 1);
	simulation_free(s);
}

/* Data alone keeps the link although no echo is answered. */
static void data_is_life(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.answers_echo = false;
	for (uint64_t t = 1000; t < 300000; t += 35000) {
		ppp_alive(s->ppp, t);
		simulation_run(s, t);
	}
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

static void we_close_the_link(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	ppp_close(s->ppp, CAUSE_administrator, s->now_ms);
	simulation_events(s);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->finished, 0);
	assert_string_equal(ppp_phase(s->ppp), "terminate");
	simulation_run(s, 1500);
	assert_true(s->peer.terminate_request);
	assert_int_equal(s->finished, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_administrator);
	ppp_close(s->ppp, CAUSE_administrator, s->now_ms);
	simulation_events(s);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->finished, 1);
	simulation_free(s);
}

static void peer_closes_the_link(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	peer_terminate(&s->peer);
	simulation_run(s, 1500);
	assert_true(s->peer.terminate_ack);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_peer_request);
	assert_true(s->last_down.down.was_up);
	assert_non_null(strstr(s->last_down.down.detail, "bye"));
	assert_int_equal(s->finished, 0);
	simulation_run(s, 3000);
	assert_int_equal(s->finished, 1);
	simulation_free(s);
}

static void peer_closes_ipcp(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	peer_send(&s->peer, 0x8021, 5, 9, NULL, 0);
	simulation_run(s, 3000);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_ipcp_terminated);
	assert_int_equal(s->finished, 1);
	simulation_free(s);
}

/* CCP, IPV6CP, MPLSCP. */
static void other_protocols_are_rejected(void **state)
{
	static const uint16_t protocols[] = {0x80fd, 0x8057, 0x8281, 0x0057};
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		peer_send(&s->peer, protocols[i], 1, 1, "\x12\6\1\0\0\x60", 6);
		simulation_run(s, s->now_ms + 100);
		assert_int_equal(s->peer.protocol_rejects, i + 1);
		assert_int_equal(s->peer.rejected_protocol, protocols[i]);
	}
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

static void nothing_is_rejected_before_the_network_phase(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->no_verdict = true;
	simulation_dial(s);
	peer_send(&s->peer, 0x80fd, 1, 1, "\x12\6\1\0\0\x60", 6);
	peer_send(&s->peer, 0x8021, 1, 1, "\3\6\0\0\0\0", 6);
	simulation_run(s, 1500);
	assert_int_equal(s->peer.protocol_rejects, 0);
	assert_int_equal(s->counters.value[PPP_COUNTER_wrong_phase], 2);
	simulation_free(s);
}

static void information_packets_are_ignored(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);
	unsigned sends = s->sends;

	(void)state;
	send_lcp(s, 12, "\1\2\3\4MSRASV5.20", 14);
	send_lcp(s, 13, "\1\2\3\4\0\0\0\1", 8);
	send_lcp(s, 11, "\1\2\3\4", 4);
	assert_int_equal(s->sends, sends);
	assert_int_equal(s->downs, 0);
	simulation_free(s);
}

static void unknown_codes_are_rejected(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	send_lcp(s, 99, "what", 4);
	assert_int_equal(s->peer.code_rejects, 1);
	assert_memory_equal(s->send_bytes[s->sends - 1] + 6, "\x63\x32\0\x08what", 8);
	simulation_free(s);
}

static void compressed_headers_are_read(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	/* LCP without FF 03; and IP with a protocol of one byte, which is not ours. */
	simulation_feed(s, (const uint8_t *)"\xc0\x21\x09\x01\0\x08\1\2\3\4", 10);
	simulation_run(s, 1500);
	assert_int_equal(s->peer.echo_replies, 1);
	simulation_feed(s, (const uint8_t *)"\x21\x45\0\0", 4);
	assert_int_equal(s->counters.value[PPP_COUNTER_data_ignored], 1);
	simulation_free(s);
}

/* IPCP once more, with the same grant: the owner hears nothing. */
static void ipcp_may_be_negotiated_again(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.ipcp.options_length = 6;
	s->peer.ipcp.started = s->peer.ipcp.ours_acked = s->peer.ipcp.theirs_acked = false;
	s->peer.ipcp.identifier = 100;
	s->peer.ipcp.started = true;
	peer_send(&s->peer, 0x8021, 1, 100, s->peer.ipcp.options, 6);
	simulation_run(s, 2000);
	assert_true(s->peer.ipcp.ours_acked);
	assert_true(s->peer.ipcp.theirs_acked);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->downs, 0);
	assert_string_equal(ppp_phase(s->ppp), "open");
	simulation_free(s);
}

/* Our Ack was lost: the repeated request gets another one and nothing else happens. */
static void repeated_request_is_acknowledged_again(void **state)
{
	struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);
	unsigned sends = s->sends;

	(void)state;
	peer_send(&s->peer, 0x8021, 1, 77, s->peer.ipcp.options, s->peer.ipcp.options_length);
	peer_send(&s->peer, 0xc021, 1, 78, s->peer.lcp.options, s->peer.lcp.options_length);
	simulation_run(s, 1500);
	assert_int_equal(s->sends, sends + 2);
	assert_int_equal(s->counters.value[PPP_COUNTER_repeated_request], 2);
	assert_int_equal(s->downs, 0);
	assert_string_equal(ppp_phase(s->ppp), "open");
	simulation_free(s);
}

/* A doubled Ack must not restart an open link. */
static void doubled_packets_do_no_harm(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_MS_CHAP_V2);

	(void)state;
	s->up.duplicate_percent = 100;
	s->down.duplicate_percent = 100;
	simulation_dial(s);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->downs, 0);
	assert_int_equal(s->authenticates, 1);
	assert_string_equal(ppp_phase(s->ppp), "open");
	simulation_free(s);
}

static void lcp_anew_ends_the_session(void **state)
{
	static const uint8_t codes[] = {1, 6}; /* another request; an Ack that nobody asked for */

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct simulation *s = simulation_up(PPP_AUTHENTICATION_PAP);

		send_lcp(s, codes[i], "\5\6\7\7\7\7", 6);
		assert_int_equal(s->downs, 1);
		assert_int_equal(s->last_down.down.cause, CAUSE_link_restarted);
		simulation_run(s, 5000);
		assert_int_equal(s->finished, 1);
		assert_int_equal(s->authenticates, 1);
		simulation_free(s);
	}
}

static void setup_is_limited(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->no_verdict = true;
	s->config.setup_ms = 20000;
	simulation_dial(s);
	simulation_run(s, 19999);
	assert_int_equal(s->downs, 0);
	simulation_run(s, 20000);
	assert_int_equal(s->downs, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_authentication_timeout);
	/* A verdict that comes too late changes nothing. */
	simulation_authenticate(s);
	simulation_run(s, 40000);
	assert_int_equal(s->ups, 0);
	simulation_free(s);
}

static void ipcp_that_stays_unanswered_ends(void **state)
{
	struct simulation *s = simulation_new(PPP_AUTHENTICATION_PAP);

	(void)state;
	s->peer.ipcp.silent = true;
	simulation_dial(s);
	simulation_run(s, 40000);
	assert_int_equal(simulation_sent(s, 0x8021, 1), 10);
	assert_int_equal(s->last_down.down.cause, CAUSE_ipcp_timeout);
	assert_int_equal(s->finished, 1);
	simulation_free(s);
}

static void dial_with_loss(uint64_t seed, uint8_t method)
{
	struct simulation *s = simulation_new(method);

	s->seed = seed;
	s->config.max_configure = 40;
	s->config.echo_idle_ms = 0;
	s->config.setup_ms = 300000;
	s->up.loss_percent = s->down.loss_percent = 20;
	s->up.duplicate_percent = s->down.duplicate_percent = 10;
	s->up.reorder_percent = s->down.reorder_percent = 20;
	simulation_dial(s);
	simulation_run(s, 200000);
	assert_int_equal(s->ups, 1);
	assert_int_equal(s->downs, 0);
	assert_int_equal(s->authenticates, 1);
	assert_string_equal(ppp_phase(s->ppp), "open");
	assert_int_equal(s->peer.address_be, PEER_BE);
	ppp_close(s->ppp, CAUSE_shutdown, s->now_ms);
	simulation_run(s, 300000);
	assert_int_equal(s->finished, 1);
	simulation_free(s);
}

static void lossy_wires_are_survived(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++)
		dial_with_loss(seed, (uint8_t)(1 + seed % 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ladder_is_in_the_rfcs_words),
		cmocka_unit_test(first_request_goes_out_at_once),
		cmocka_unit_test(request_is_what_every_client_takes),
		cmocka_unit_test(unwanted_lcp_options_are_rejected),
		cmocka_unit_test(unwanted_ipcp_options_are_rejected),
		cmocka_unit_test(plain_peer_gets_defaults),
		cmocka_unit_test(address_is_added_to_a_request_without_one),
		cmocka_unit_test(a_peer_may_refuse_our_address),
		cmocka_unit_test(a_peer_may_insist_on_name_servers),
		cmocka_unit_test(own_address_of_the_peer_is_refused),
		cmocka_unit_test(old_address_of_the_peer_is_corrected),
		cmocka_unit_test(echo_requests_are_answered_with_our_magic),
		cmocka_unit_test(echo_only_after_silence),
		cmocka_unit_test(silent_peer_is_given_up),
		cmocka_unit_test(data_is_life),
		cmocka_unit_test(we_close_the_link),
		cmocka_unit_test(peer_closes_the_link),
		cmocka_unit_test(peer_closes_ipcp),
		cmocka_unit_test(other_protocols_are_rejected),
		cmocka_unit_test(nothing_is_rejected_before_the_network_phase),
		cmocka_unit_test(information_packets_are_ignored),
		cmocka_unit_test(unknown_codes_are_rejected),
		cmocka_unit_test(compressed_headers_are_read),
		cmocka_unit_test(ipcp_may_be_negotiated_again),
		cmocka_unit_test(repeated_request_is_acknowledged_again),
		cmocka_unit_test(doubled_packets_do_no_harm),
		cmocka_unit_test(lcp_anew_ends_the_session),
		cmocka_unit_test(setup_is_limited),
		cmocka_unit_test(ipcp_that_stays_unanswered_ends),
		cmocka_unit_test(lossy_wires_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
