/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void sent_is(const struct simulation *s, unsigned index, uint16_t type, uint16_t ns,
		    uint16_t nr)
{
	assert_true(index < s->sends);
	assert_int_equal(s->send_types[index], type);
	assert_int_equal(s->send_ns[index], ns);
	assert_int_equal(s->send_nr[index], nr);
}

/* RFC 2661 B.1: lock-step establishment, as the LNS. */
static void numbers_go_in_lock_step(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->lac.sessions_wanted = 0;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 500);
	assert_int_equal(s->sends, 2);
	sent_is(s, 0, 2, 0, 1); /* SCCRP */
	sent_is(s, 1, 0, 1, 2); /* ZLB for SCCCN */
	simulation_free(s);
}

/* RFC 2661 B.2: ICRP is lost, and ICRQ is repeated before it is sent again. */
static void lost_icrp_is_sent_again(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->lac.sessions_wanted = 0;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 500);
	s->sends = 0;
	s->down.cut = true;
	lac_call(&s->lac, 0, s->now_ms);
	simulation_run(s, 600);
	s->down.cut = false;
	simulation_run(s, 2000);
	assert_int_equal(s->sends, 4);
	sent_is(s, 0, 11, 1, 3); /* ICRP, lost */
	sent_is(s, 1, 0, 2, 3);  /* ZLB for the repeated ICRQ */
	sent_is(s, 2, 11, 1, 3); /* ICRP again */
	sent_is(s, 3, 0, 2, 4);  /* ZLB for ICCN */
	assert_int_equal(s->send_times[2], 1510);
	assert_int_equal(s->sessions_up, 1);
	simulation_free(s);
}

static void retransmissions_double_up_to_eight_seconds(void **state)
{
	static const uint64_t times[] = {10, 1010, 3010, 7010, 15010, 23010};
	struct simulation *s = simulation_new();

	(void)state;
	s->config.setup_ms = 100000;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 10);
	s->up.cut = true;
	simulation_run(s, 31000);
	assert_int_equal(s->sends, 6);
	for (unsigned i = 0; i < 6; i++) {
		sent_is(s, i, 2, 0, 1);
		assert_int_equal(s->send_times[i], times[i]);
	}
	assert_int_equal(s->tunnels_down, 0);
	simulation_run(s, 31010);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->tunnels_gone, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_timeout);
	assert_int_equal(l2tp_tunnels(s->lns), 0);
	simulation_free(s);
}

/* A HELLO of ours waits for its acknowledgement while messages of the peer arrive. */
static void retransmission_carries_the_newest_nr(void **state)
{
	struct simulation *s = simulation_up();
	static const uint8_t hello[] = {0xc8, 0x02, 0,    20, 0, 0, 0, 0, 0, 4,
					0,    2,    0x80, 8,  0, 0, 0, 0, 0, 6};
	uint8_t bytes[sizeof(hello)];
	unsigned first;

	(void)state;
	s->down.cut = true;
	simulation_run(s, 61000);
	first = s->sends - 1;
	assert_int_equal(s->send_types[first], 6);
	assert_int_equal(s->send_nr[first], 4);
	memcpy(bytes, hello, sizeof(hello));
	bytes[4] = (uint8_t)(s->tunnel >> 8);
	bytes[5] = (uint8_t)s->tunnel;
	simulation_feed(s, bytes, sizeof(bytes));
	simulation_run(s, 70000);
	assert_int_equal(s->send_types[s->sends - 1], 6);
	assert_int_equal(s->send_ns[s->sends - 1], s->send_ns[first]);
	assert_int_equal(s->send_nr[s->sends - 1], 5);
	simulation_free(s);
}

static void repeated_sccrq_gets_the_same_sccrp(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	simulation_start(s);
	s->down.cut = true;
	lac_dial(&s->lac, 0);
	simulation_run(s, 500);
	s->down.cut = false;
	lac_on_time(&s->lac, 1000);
	simulation_run(s, 800);
	assert_int_equal(simulation_sent(s, 2), 2);
	assert_int_equal(s->send_times[1], 510);
	assert_int_equal(l2tp_tunnels(s->lns), 1);
	assert_int_equal(s->sessions_up, 1);
	assert_true(simulation_counter(s, L2TP_COUNTER_duplicate) >= 1);
	simulation_free(s);
}

static void duplicates_are_acknowledged(void **state)
{
	struct simulation *s = simulation_new();
	struct wire_packet packet;

	(void)state;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	while (s->tunnels_up == 0 || s->up.count == 0)
		simulation_run(s, s->now_ms + 1);
	packet = s->up.packets[0]; /* ICRQ */
	simulation_run(s, 1000);
	s->sends = 0;
	simulation_feed(s, packet.bytes, packet.length);
	assert_int_equal(s->sends, 1);
	sent_is(s, 0, 0, 2, 4);
	assert_int_equal(s->sessions_up, 1);
	simulation_free(s);
}

/* SCCCN arrives behind ICRQ and HELLO. */
static void messages_ahead_wait_for_their_turn(void **state)
{
	struct simulation *s = simulation_new();
	struct wire_packet held[3];

	(void)state;
	s->lac.window = 8;
	s->lac.rws = 8;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	while (s->up.count < 2 || !s->lac.sccrp)
		simulation_run(s, s->now_ms + 1);
	lac_hello(&s->lac, s->now_ms);
	assert_int_equal(s->up.count, 3);
	memcpy(held, s->up.packets, sizeof(held));
	s->up.count = 0;
	s->sends = 0;
	simulation_feed(s, held[2].bytes, held[2].length);
	simulation_feed(s, held[1].bytes, held[1].length);
	simulation_feed(s, held[1].bytes, held[1].length);
	assert_int_equal(s->tunnels_up, 0);
	assert_int_equal(simulation_counter(s, L2TP_COUNTER_out_of_order), 2);
	simulation_feed(s, held[0].bytes, held[0].length);
	assert_int_equal(s->tunnels_up, 1);
	assert_int_equal(simulation_sent(s, 11), 1);
	assert_int_equal(s->send_nr[s->sends - 1], 4);
	simulation_free(s);
}

static void messages_beyond_the_window_are_dropped(void **state)
{
	struct simulation *s = simulation_up();
	uint8_t hello[] = {0xc8, 0x02, 0, 20, 0, 0, 0, 0, 0, 0, 0, 2, 0x80, 8, 0, 0, 0, 0, 0, 6};

	(void)state;
	hello[4] = (uint8_t)(s->tunnel >> 8);
	hello[5] = (uint8_t)s->tunnel;
	s->sends = 0;
	hello[9] = 4 + 8;
	simulation_feed(s, hello, sizeof(hello));
	assert_int_equal(simulation_counter(s, L2TP_COUNTER_out_of_window), 1);
	hello[9] = 4 + 7;
	simulation_feed(s, hello, sizeof(hello));
	assert_int_equal(simulation_counter(s, L2TP_COUNTER_out_of_order), 1);
	assert_int_equal(s->sends, 0);
	/* An Nr for messages that were never sent. */
	hello[9] = 4;
	hello[11] = 3;
	simulation_feed(s, hello, sizeof(hello));
	assert_int_equal(simulation_counter(s, L2TP_COUNTER_wrong_acknowledgement), 1);
	assert_int_equal(s->sends, 0);
	simulation_free(s);
}

static void all_sessions_close(struct simulation *s)
{
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(l2tp_session_close(s->lns, s->tunnel, s->lac.peer_session[i], 3,
						    CAUSE_administrator, s->now_ms),
				 0);
	s->flight_most = 0;
	simulation_run(s, s->now_ms + 5000);
	assert_int_equal(s->lac.cdns, 16);
}

static void peer_window_is_kept(void **state)
{
	static const uint16_t windows[][2] = {{1, 1}, {0, 4}, {4, 4}, {8, 8}, {100, 16}};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct simulation *s = simulation_new();

		s->lac.rws = windows[i][0];
		s->lac.sessions_wanted = 16;
		simulation_start(s);
		lac_dial(&s->lac, 0);
		simulation_run(s, 5000);
		assert_int_equal(s->sessions_up, 16);
		all_sessions_close(s);
		assert_true(s->flight_most <= windows[i][1]);
		assert_true(i == 0 || s->flight_most > 1);
		simulation_free(s);
	}
}

/* After a loss the window is one message, then it grows with each acknowledgement. */
static void window_starts_anew_after_a_loss(void **state)
{
	struct simulation *s = simulation_new();
	unsigned before;

	(void)state;
	s->lac.rws = 8;
	s->lac.sessions_wanted = 16;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 5000);
	s->down.cut = true;
	for (unsigned i = 0; i < 16; i++)
		l2tp_session_close(s->lns, s->tunnel, s->lac.peer_session[i], 3,
				   CAUSE_administrator, s->now_ms);
	simulation_events(s);
	before = s->sends;
	assert_int_equal(s->flight_most, 8);
	simulation_run(s, 6000);
	assert_int_equal(s->sends, before + 1);
	s->down.cut = false;
	simulation_run(s, 12000);
	assert_int_equal(s->lac.cdns, 16);
	simulation_free(s);
}

static void numbers_wrap(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	for (unsigned i = 0; i < 66000; i++) {
		lac_hello(&s->lac, s->now_ms);
		simulation_run(s, s->now_ms + 20);
		assert_int_equal(s->lac.queued, 0);
	}
	/* And ours: a session comes and goes. */
	for (unsigned i = 0; i < 33000; i++) {
		lac_hang_up(&s->lac, 0, true, s->now_ms);
		lac_call(&s->lac, 0, s->now_ms);
		simulation_run(s, s->now_ms + 100);
	}
	assert_int_equal(s->sessions_up, 33001);
	for (unsigned i = 0; i < 33000; i++) {
		l2tp_session_close(s->lns, s->tunnel, s->lac.peer_session[0], 3,
				   CAUSE_administrator, s->now_ms);
		simulation_events(s);
		lac_call(&s->lac, 0, s->now_ms);
		simulation_run(s, s->now_ms + 100);
	}
	assert_int_equal(s->sessions_up, 66001);
	assert_int_equal(s->tunnels_down, 0);
	simulation_free(s);
}

static void dial_and_hang_up(uint64_t seed)
{
	struct simulation *s = simulation_new();

	s->seed = seed;
	s->config.setup_ms = 200000;
	s->config.idle_tunnel_ms = 200000;
	s->config.retransmit_attempts = 12; /* one round trip in three is lost */
	s->up.loss_percent = s->down.loss_percent = 20;
	s->up.duplicate_percent = s->down.duplicate_percent = 10;
	s->up.reorder_percent = s->down.reorder_percent = 20;
	s->lac.window = 1 + seed % 4;
	s->lac.rws = s->lac.window;
	s->lac.sessions_wanted = 4;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 120000);
	assert_int_equal(s->tunnels_up, 1);
	assert_int_equal(s->sessions_up, 4);
	lac_hang_up(&s->lac, 0, true, s->now_ms);
	l2tp_session_close(s->lns, s->tunnel, s->lac.peer_session[1], 3, CAUSE_administrator,
			   s->now_ms);
	simulation_run(s, 160000);
	assert_int_equal(s->sessions_down, 2);
	assert_int_equal(s->lac.cdns, 1);
	if (seed % 2 == 0)
		lac_stop(&s->lac, s->now_ms);
	else
		l2tp_close_all(s->lns, 6, CAUSE_shutdown, s->now_ms);
	simulation_run(s, 300000);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->sessions_down, 4);
	assert_int_equal(s->tunnels_gone, 1);
	assert_int_equal(l2tp_tunnels(s->lns), 0);
	simulation_free(s);
}

static void lossy_wires_are_survived(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++)
		dial_and_hang_up(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_go_in_lock_step),
		cmocka_unit_test(lost_icrp_is_sent_again),
		cmocka_unit_test(retransmissions_double_up_to_eight_seconds),
		cmocka_unit_test(retransmission_carries_the_newest_nr),
		cmocka_unit_test(repeated_sccrq_gets_the_same_sccrp),
		cmocka_unit_test(duplicates_are_acknowledged),
		cmocka_unit_test(messages_ahead_wait_for_their_turn),
		cmocka_unit_test(messages_beyond_the_window_are_dropped),
		cmocka_unit_test(peer_window_is_kept),
		cmocka_unit_test(window_starts_anew_after_a_loss),
		cmocka_unit_test(numbers_wrap),
		cmocka_unit_test(lossy_wires_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
