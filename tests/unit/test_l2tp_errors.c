/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One message to an engine that has no tunnel: what it answers. */
struct attempt {
	struct simulation *s;
	uint8_t bytes[512];
	size_t length;
};

static void attempt_begin(struct attempt *a)
{
	a->s = simulation_new();
	simulation_start(a->s);
	memcpy(a->bytes, "\xc8\x02\0\0\0\0\0\0\0\0\0\0", 12);
	a->length = 12;
}

static void attempt_u16(struct attempt *a, uint16_t attribute, uint16_t value)
{
	a->length += lac_avp_u16(a->bytes + a->length, attribute, value);
}

/* A good SCCRQ but for what the test leaves out. */
static void attempt_sccrq(struct attempt *a, uint16_t without)
{
	attempt_u16(a, 0, 1);
	if (without != 2)
		attempt_u16(a, 2, 0x0100);
	if (without != 3)
		a->length += lac_avp_u32(a->bytes + a->length, 3, 3);
	if (without != 7)
		a->length += lac_avp(a->bytes + a->length, 0x8000, 0, 7, "pc", 2);
	if (without != 9)
		attempt_u16(a, 9, 7);
}

static void attempt_feed(struct attempt *a)
{
	a->bytes[2] = (uint8_t)(a->length >> 8);
	a->bytes[3] = (uint8_t)a->length;
	simulation_feed(a->s, a->bytes, a->length);
	simulation_run(a->s, 100);
}

static void attempt_is_silent(struct attempt *a, enum l2tp_counter counter)
{
	assert_int_equal(a->s->sends, 0);
	assert_int_equal(simulation_counter(a->s, counter), 1);
	assert_int_equal(l2tp_tunnels(a->s->lns), 0);
	simulation_free(a->s);
}

/* Answered by one StopCCN, without a tunnel. */
static void attempt_is_refused(struct attempt *a, uint16_t result, uint16_t error, enum cause cause)
{
	assert_int_equal(a->s->sends, 1);
	assert_true(a->s->lac.stopped);
	assert_int_equal(a->s->lac.stop_result, result);
	assert_int_equal(a->s->lac.stop_error, error);
	assert_int_equal(a->s->tunnels_down, 1);
	assert_int_equal(a->s->last_down.down.cause, cause);
	assert_int_equal(l2tp_tunnels(a->s->lns), 0);
	simulation_free(a->s);
}

static void good_request_is_accepted(void **state)
{
	struct attempt a;

	(void)state;
	attempt_begin(&a);
	attempt_sccrq(&a, 0xffff);
	attempt_feed(&a);
	assert_true(a.s->lac.sccrp);
	simulation_free(a.s);
}

static void malformed_headers_are_dropped(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		enum l2tp_counter counter;
	} wrong[] = {
		{"", 0, L2TP_COUNTER_malformed},
		{"\xc8", 1, L2TP_COUNTER_malformed},
		{"\xc8\x02\0\x0c\0\0\0\0\0\0\0", 11, L2TP_COUNTER_malformed},
		{"\xc8\x02\0\x0b\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_malformed},
		{"\xc8\x02\0\x0d\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_malformed},
		{"\x48\x02\0\x0c\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_malformed},     /* data */
		{"\x88\x02\0\x0c\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_malformed},     /* no length */
		{"\xc0\x02\0\x0c\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_malformed},     /* no Ns */
		{"\xca\x02\0\x0c\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_malformed},     /* offset */
		{"\xc9\x02\0\x0c\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_malformed},     /* priority */
		{"\xc8\x01\0\x0c\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_wrong_version}, /* L2F */
		{"\xc8\x03\0\x0c\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_wrong_version},
		{"\xc8\x02\0\x0c\0\0\0\0\0\0\0\0", 12, L2TP_COUNTER_tunnel_zero}, /* ZLB */
		{"\xc8\x02\0\x0c\x12\x34\0\0\0\0\0\0", 12, L2TP_COUNTER_unknown_tunnel},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct attempt a;

		attempt_begin(&a);
		simulation_feed(a.s, (const uint8_t *)wrong[i].bytes, wrong[i].length);
		attempt_is_silent(&a, wrong[i].counter);
	}
}

/* Bytes behind the message do not belong to it. */
static void trailing_bytes_are_ignored(void **state)
{
	struct attempt a;

	(void)state;
	attempt_begin(&a);
	attempt_sccrq(&a, 0xffff);
	a.bytes[2] = 0;
	a.bytes[3] = (uint8_t)a.length;
	memset(a.bytes + a.length, 0xff, 5);
	simulation_feed(a.s, a.bytes, a.length + 5);
	simulation_run(a.s, 100);
	assert_true(a.s->lac.sccrp);
	simulation_free(a.s);
}

static void broken_avp_lists_are_dropped(void **state)
{
	struct attempt a;

	(void)state;
	attempt_begin(&a); /* length below 6 */
	attempt_sccrq(&a, 0xffff);
	memcpy(a.bytes + a.length, "\x80\x05\0\0\0\x0a", 6);
	a.length += 6;
	attempt_feed(&a);
	attempt_is_silent(&a, L2TP_COUNTER_malformed);

	attempt_begin(&a); /* past the end */
	attempt_sccrq(&a, 0xffff);
	memcpy(a.bytes + a.length, "\x80\x09\0\0\0\x0a\0\1", 8);
	a.length += 8;
	attempt_feed(&a);
	attempt_is_silent(&a, L2TP_COUNTER_malformed);

	attempt_begin(&a); /* cut inside an AVP's header */
	attempt_sccrq(&a, 0xffff);
	memcpy(a.bytes + a.length, "\x80\x08\0", 3);
	a.length += 3;
	attempt_feed(&a);
	attempt_is_silent(&a, L2TP_COUNTER_malformed);

	attempt_begin(&a); /* the message type is not first */
	attempt_u16(&a, 2, 0x0100);
	attempt_sccrq(&a, 2);
	attempt_feed(&a);
	attempt_is_silent(&a, L2TP_COUNTER_malformed);

	attempt_begin(&a); /* nobody to answer */
	attempt_sccrq(&a, 9);
	attempt_feed(&a);
	attempt_is_silent(&a, L2TP_COUNTER_malformed);
}

static void missing_avps_are_refused(void **state)
{
	static const uint16_t needed[] = {2, 3, 7};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct attempt a;

		attempt_begin(&a);
		attempt_sccrq(&a, needed[i]);
		attempt_feed(&a);
		attempt_is_refused(&a, 2, 3, CAUSE_l2tp_avp_missing);
	}
}

static void wrong_values_are_refused(void **state)
{
	struct attempt a;

	(void)state;
	attempt_begin(&a); /* a window of zero */
	attempt_sccrq(&a, 0xffff);
	attempt_u16(&a, 10, 0);
	attempt_feed(&a);
	attempt_is_refused(&a, 2, 3, CAUSE_l2tp_avp_missing);

	attempt_begin(&a); /* L2TP version 2.0 */
	attempt_sccrq(&a, 2);
	attempt_u16(&a, 2, 0x0200);
	attempt_feed(&a);
	attempt_is_refused(&a, 5, 0x0100, CAUSE_l2tp_version);

	attempt_begin(&a); /* a mandatory AVP with a wrong length */
	attempt_sccrq(&a, 0xffff);
	a.length += lac_avp(a.bytes + a.length, 0x8000, 0, 10, "\0\1\0", 3);
	attempt_feed(&a);
	attempt_is_refused(&a, 2, 2, CAUSE_l2tp_avp_length);
}

static void unknown_avps_count_when_mandatory(void **state)
{
	static const struct {
		uint16_t flags;
		uint16_t vendor;
		uint16_t attribute;
		bool refused;
	} avps[] = {
		{0x8000, 0, 999, true}, {0x0000, 0, 999, false}, {0x8000, 9, 1, true},
		{0x0000, 9, 1, false},  {0x8000, 0, 20, true},   {0x8400, 0, 10, true},
		{0x0400, 0, 10, false}, {0xc000, 0, 10, true},   {0x4000, 0, 10, false},
		{0x8000, 0, 0, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(avps) / sizeof(avps[0]); i++) {
		struct attempt a;

		attempt_begin(&a);
		attempt_sccrq(&a, 0xffff);
		a.length += lac_avp(a.bytes + a.length, avps[i].flags, avps[i].vendor,
				    avps[i].attribute, "\0\4", 2);
		attempt_feed(&a);
		if (avps[i].refused) {
			attempt_is_refused(&a, 2, 8, CAUSE_l2tp_unknown_avp);
			continue;
		}
		assert_true(a.s->lac.sccrp);
		assert_int_equal(simulation_counter(a.s, L2TP_COUNTER_unknown_avp_ignored), 1);
		simulation_free(a.s);
	}
}

/* Apple's HELLOs before SCCRQ, and anything else that is no SCCRQ. */
static void other_messages_to_tunnel_zero_are_dropped(void **state)
{
	static const uint16_t types[] = {2, 3, 4, 6, 10, 12, 14, 99};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct attempt a;

		attempt_begin(&a);
		attempt_u16(&a, 0, types[i]);
		attempt_feed(&a);
		attempt_is_silent(&a, L2TP_COUNTER_tunnel_zero);
	}
}

/* The peer gives up before it has seen our id. */
static void stopccn_to_tunnel_zero_finds_its_tunnel(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	simulation_start(s);
	s->down.cut = true;
	lac_dial(&s->lac, 0);
	simulation_run(s, 100);
	assert_int_equal(l2tp_tunnels(s->lns), 1);
	s->lac.window = 2;
	lac_stop(&s->lac, s->now_ms);
	simulation_run(s, 200);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_peer_shutting_down);
	simulation_free(s);
}

/* A message of `type` on a tunnel that is up. */
static struct simulation *up_and_send(uint16_t type, bool with_session, const uint8_t *avps,
				      size_t length)
{
	struct simulation *s = simulation_up();

	lac_queue(&s->lac, type, with_session ? s->session : 0, avps, length, s->now_ms);
	simulation_run(s, 1500);
	assert_int_equal(s->lac.queued, 0);
	return s;
}

/* StopCCN or CDN with a result code of the peer's: what the operator is told. */
static void code_means(uint16_t type, uint16_t result, enum cause cause)
{
	const uint8_t avps[] = {0x80,        8,
				0,           0,
				0,           type == 4 ? 9 : 14,
				0,           77, /* its tunnel's or session's id */
				0x80,        10,
				0,           0,
				0,           1,
				result >> 8, result & 0xff,
				0,           6};
	struct simulation *s = simulation_up();
	const struct l2tp_event *down = type == 4 ? &s->last_down : &s->last_session;

	lac_queue(&s->lac, type, type == 4 ? 0 : s->session, avps, sizeof(avps), s->now_ms);
	simulation_run(s, 1500);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->tunnels_down, type == 4);
	assert_string_equal(cause_name(down->down.cause), cause_name(cause));
	assert_int_equal(down->down.result_code, result);
	assert_int_equal(down->down.error_code, 6);
	simulation_free(s);
}

static void every_result_code_has_its_cause(void **state)
{
	static const enum cause stopccn[] = {
		CAUSE_peer_request,       CAUSE_peer_closed_tunnel,  CAUSE_peer_tunnel_error,
		CAUSE_peer_tunnel_exists, CAUSE_peer_not_authorized, CAUSE_peer_refuses_version,
		CAUSE_peer_shutting_down, CAUSE_peer_state_error,    CAUSE_peer_tunnel_code,
	};
	static const enum cause cdn[] = {
		CAUSE_peer_request,
		CAUSE_peer_lost_carrier,
		CAUSE_peer_call_error,
		CAUSE_peer_call_administrative,
		CAUSE_peer_no_facilities_now,
		CAUSE_peer_no_facilities,
		CAUSE_peer_invalid_destination,
		CAUSE_peer_no_carrier,
		CAUSE_peer_busy,
		CAUSE_peer_no_dial_tone,
		CAUSE_peer_call_timeout,
		CAUSE_peer_no_framing,
		CAUSE_peer_call_code,
	};

	(void)state;
	for (uint16_t i = 0; i < sizeof(stopccn) / sizeof(stopccn[0]); i++)
		code_means(4, i, stopccn[i]);
	code_means(4, 0xffff, CAUSE_peer_tunnel_code);
	for (uint16_t i = 0; i < sizeof(cdn) / sizeof(cdn[0]); i++)
		code_means(14, i, cdn[i]);
	code_means(14, 0xffff, CAUSE_peer_call_code);
}

static void tunnel_is_stopped(struct simulation *s, uint16_t result, uint16_t error)
{
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->last_down.down.cause, result == 7  ? CAUSE_l2tp_unexpected_message
						  : error == 8 ? CAUSE_l2tp_unknown_avp
							       : CAUSE_l2tp_avp_length);
	assert_true(s->lac.stopped);
	assert_int_equal(s->lac.stop_result, result);
	assert_int_equal(s->lac.stop_error, error);
	simulation_free(s);
}

static void call_is_refused(struct simulation *s, uint16_t result, uint16_t error)
{
	assert_int_equal(s->tunnels_down, 0);
	assert_int_equal(s->lac.cdns, 1);
	assert_int_equal(s->lac.cdn_result, result);
	assert_int_equal(s->lac.cdn_error, error);
	simulation_free(s);
}

static void messages_out_of_state_stop_the_tunnel(void **state)
{
	(void)state;
	tunnel_is_stopped(up_and_send(3, false, NULL, 0), 7, 0); /* SCCCN again */
	tunnel_is_stopped(up_and_send(1, false, NULL, 0), 7, 0);
	tunnel_is_stopped(up_and_send(2, false, NULL, 0), 7, 0);
}

static void unknown_message_types(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	tunnel_is_stopped(up_and_send(99, false, NULL, 0), 2, 8);
	/* Without the M bit it is acknowledged and no more. */
	lac_queue(&s->lac, 99, 0, NULL, 0, s->now_ms);
	s->up.packets[0].bytes[12] = 0;
	simulation_run(s, 1500);
	assert_int_equal(s->lac.queued, 0);
	assert_int_equal(s->tunnels_down, 0);
	assert_int_equal(simulation_counter(s, L2TP_COUNTER_unknown_message_ignored), 1);
	simulation_free(s);
}

static void broken_message_stops_the_tunnel(void **state)
{
	(void)state;
	tunnel_is_stopped(up_and_send(6, false, (const uint8_t *)"\x80\x05\0\0\0\1", 6), 2, 2);
	tunnel_is_stopped(up_and_send(6, false, (const uint8_t *)"\x80\x07\0\0\0\1", 6), 2, 2);
}

static void unknown_mandatory_avp_ends_what_it_concerns(void **state)
{
	static const uint8_t avp[] = {0x80, 6, 0, 0, 3, 0xe7};
	struct simulation *s;

	(void)state;
	tunnel_is_stopped(up_and_send(6, false, avp, sizeof(avp)), 2, 8);
	s = up_and_send(16, true, avp, sizeof(avp)); /* SLI */
	assert_int_equal(s->sessions_down, 1);
	call_is_refused(s, 2, 8);
	call_is_refused(up_and_send(10, false, avp, sizeof(avp)), 2, 8);
	s = up_and_send(4, false, avp, sizeof(avp)); /* StopCCN is the end anyway */
	assert_int_equal(s->last_down.down.cause, CAUSE_peer_request);
	simulation_free(s);
}

static void incomplete_calls_are_refused(void **state)
{
	uint8_t avps[64];
	size_t length = lac_avp_u16(avps, 14, 9);

	(void)state;
	call_is_refused(up_and_send(10, false, avps, length), 2, 3); /* no serial number */
	length = lac_avp_u32(avps, 15, 1);
	call_is_refused(up_and_send(10, false, avps, length), 2, 3); /* no session id */
	length += lac_avp_u16(avps + length, 14, 0);
	call_is_refused(up_and_send(10, false, avps, length), 2, 3); /* session id 0 */
}

static void incomplete_iccn_clears_the_call(void **state)
{
	struct simulation *s = simulation_new();
	struct wire_packet *iccn = &s->up.packets[0];

	(void)state;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	while (s->lac.sessions_up == 0)
		simulation_run(s, s->now_ms + 1);
	assert_int_equal(s->up.count, 1);
	iccn->length = 20; /* only the message type */
	iccn->bytes[3] = 20;
	simulation_run(s, 500);
	assert_int_equal(s->sessions_up, 0);
	assert_int_equal(s->sessions_down, 1);
	assert_false(s->last_session.down.was_up);
	call_is_refused(s, 2, 3);
}

static void outgoing_calls_are_refused(void **state)
{
	uint8_t avps[16];
	size_t length = lac_avp_u16(avps, 14, 9);

	struct simulation *s;

	(void)state;
	s = up_and_send(7, false, avps, length);
	assert_int_equal(s->last_session.down.cause, CAUSE_l2tp_outgoing_call);
	call_is_refused(s, 5, 0);
}

static void line_reports_are_accepted(void **state)
{
	static const uint8_t zeroes[26];
	uint8_t avps[64];
	struct simulation *s;

	(void)state;
	s = up_and_send(15, true, avps, lac_avp(avps, 0x8000, 0, 34, zeroes, 26)); /* WEN */
	assert_int_equal(s->sessions_down, 0);
	simulation_free(s);
	s = up_and_send(16, true, avps, lac_avp(avps, 0x8000, 0, 35, zeroes, 10)); /* SLI */
	assert_int_equal(s->sessions_down, 0);
	simulation_free(s);
}

static void unknown_sessions_are_ignored(void **state)
{
	struct simulation *s = simulation_up();
	uint8_t avps[32];
	size_t length = lac_avp_u16(avps, 1, 3);

	(void)state;
	length += lac_avp_u16(avps + length, 14, 1);
	lac_queue(&s->lac, 14, (uint16_t)(s->session ^ 0x5555), avps, length, s->now_ms);
	simulation_run(s, 1500);
	assert_int_equal(s->lac.queued, 0);
	assert_int_equal(s->sessions_down, 0);
	assert_int_equal(simulation_counter(s, L2TP_COUNTER_unknown_session), 1);
	simulation_free(s);
}

/* A call before SCCCN. */
static void call_on_unfinished_tunnel_stops_it(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	while (!s->lac.sccrp)
		simulation_run(s, s->now_ms + 1);
	s->up.packets[0].bytes[19] = 10; /* SCCCN becomes ICRQ */
	simulation_run(s, 500);
	tunnel_is_stopped(s, 7, 0);
}

/* A flood of requests: the oldest unfinished tunnel goes, and memory stays bounded. */
static void unfinished_tunnels_are_bounded(void **state)
{
	struct simulation *s = simulation_new();
	struct attempt a;

	(void)state;
	s->config.tunnels_total = 1000;
	s->down.cut = true;
	simulation_start(s);
	attempt_begin(&a);
	attempt_sccrq(&a, 0xffff);
	a.bytes[3] = (uint8_t)a.length;
	for (unsigned i = 1; i <= 2000; i++) {
		a.bytes[a.length - 2] = (uint8_t)(i >> 8);
		a.bytes[a.length - 1] = (uint8_t)i;
		simulation_feed(s, a.bytes, a.length);
		assert_true(l2tp_tunnels(s->lns) <= 256);
	}
	assert_int_equal(simulation_counter(s, L2TP_COUNTER_half_open_evicted), 2000 - 256);
	assert_int_equal(s->tunnels_gone, 2000 - 256);
	simulation_free(a.s);
	simulation_free(s);
}

/* A peer that acknowledges nothing cannot make us queue without end. */
static void replies_that_wait_are_bounded(void **state)
{
	struct simulation *s = simulation_up();
	struct l2tp_tunnel_view view;
	uint32_t cursor = 0;
	uint8_t icrq[64];
	size_t length = 12;

	(void)state;
	s->down.cut = true;
	memcpy(icrq, "\xc8\x02\0\0\0\0\0\0\0\0\0\2", 12);
	length += lac_avp_u16(icrq + length, 0, 10);
	length += lac_avp_u16(icrq + length, 14, 9);
	length += lac_avp_u32(icrq + length, 15, 1);
	icrq[3] = (uint8_t)length;
	icrq[4] = (uint8_t)(s->tunnel >> 8);
	icrq[5] = (uint8_t)s->tunnel;
	for (unsigned i = 0; i < 1000; i++) {
		icrq[8] = (uint8_t)((i + 4) >> 8);
		icrq[9] = (uint8_t)(i + 4);
		simulation_feed(s, icrq, length);
	}
	assert_int_equal(l2tp_list_tunnels(s->lns, &cursor, &view, 1), 1);
	assert_int_equal(view.unacknowledged, 16 + 256);
	assert_true(simulation_counter(s, L2TP_COUNTER_held_back) > 0);
	simulation_free(s);
}

/* Any byte of any message may be wrong. */
static void mutate(struct simulation *s, uint64_t *seed)
{
	for (size_t i = 0; i < s->up.count; i++) {
		struct wire_packet *packet = &s->up.packets[i];
		unsigned changes = generator_next(seed) % 4;

		for (unsigned k = 0; k < changes; k++)
			packet->bytes[generator_next(seed) % packet->length] =
				(uint8_t)generator_next(seed);
		if (generator_next(seed) % 16 == 0)
			packet->length = generator_next(seed) % (packet->length + 1);
		if (packet->length == 0)
			packet->length = 1;
	}
}

static void random_mutations_do_no_harm(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		struct simulation *s = simulation_new();
		uint64_t changes = seed;

		s->seed = seed;
		s->config.secret = (const uint8_t *)"secret";
		s->config.secret_bytes = 6;
		s->lac.secret = "secret";
		s->lac.hide = seed % 2 == 0;
		s->lac.window = 1 + seed % 4;
		s->lac.sessions_wanted = 3;
		simulation_start(s);
		lac_dial(&s->lac, 0);
		for (unsigned i = 0; i < 20; i++) {
			mutate(s, &changes);
			simulation_run(s, s->now_ms + 10);
		}
		simulation_run(s, 200000);
		simulation_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_request_is_accepted),
		cmocka_unit_test(malformed_headers_are_dropped),
		cmocka_unit_test(trailing_bytes_are_ignored),
		cmocka_unit_test(broken_avp_lists_are_dropped),
		cmocka_unit_test(missing_avps_are_refused),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(unknown_avps_count_when_mandatory),
		cmocka_unit_test(other_messages_to_tunnel_zero_are_dropped),
		cmocka_unit_test(stopccn_to_tunnel_zero_finds_its_tunnel),
		cmocka_unit_test(every_result_code_has_its_cause),
		cmocka_unit_test(messages_out_of_state_stop_the_tunnel),
		cmocka_unit_test(unknown_message_types),
		cmocka_unit_test(broken_message_stops_the_tunnel),
		cmocka_unit_test(unknown_mandatory_avp_ends_what_it_concerns),
		cmocka_unit_test(incomplete_calls_are_refused),
		cmocka_unit_test(incomplete_iccn_clears_the_call),
		cmocka_unit_test(outgoing_calls_are_refused),
		cmocka_unit_test(line_reports_are_accepted),
		cmocka_unit_test(unknown_sessions_are_ignored),
		cmocka_unit_test(call_on_unfinished_tunnel_stops_it),
		cmocka_unit_test(unfinished_tunnels_are_bounded),
		cmocka_unit_test(replies_that_wait_are_bounded),
		cmocka_unit_test(random_mutations_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
