/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp_simulation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t secret[] = "tunnel secret";

static void dial_brings_tunnel_and_session_up(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	assert_string_equal(s->ladder, "<SCCRQ >SCCRP <SCCCN >ZLB <ICRQ >ICRP <ICCN >ZLB ");
	assert_string_equal(s->last_up.tunnel_up.host_name, "phone");
	assert_int_equal(s->last_up.tunnel_up.peer_tunnel, 7);
	assert_int_equal(s->last_session.session_up.peer_session, 1);
	assert_int_equal(s->last_session.session_up.call_serial, 1000);
	assert_int_equal(s->last_session.session_up.tx_speed, 100000000);
	assert_string_equal(s->last_session.session_up.calling_number, "5551234");
	assert_false(s->last_session.session_up.sequencing_required);
	assert_int_equal(s->lac.peer_session[0], s->session);
	assert_int_equal(s->lac.peer_tunnel, s->tunnel);
	assert_int_equal(s->lac.queued, 0);
	simulation_free(s);
}

/* Apple: SCCCN and ICRQ right behind each other. */
static void call_may_follow_scccn_at_once(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->lac.window = 4;
	s->lac.rws = 4;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->sessions_up, 1);
	assert_string_equal(s->ladder, "<SCCRQ >SCCRP <SCCCN >ZLB <ICRQ >ICRP <ICCN >ZLB ");
	simulation_free(s);
}

static void several_sessions_share_a_tunnel(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->lac.sessions_wanted = 16;
	s->lac.window = 4;
	s->lac.rws = 0; /* then it is 4 */
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 5000);
	assert_int_equal(s->tunnels_up, 1);
	assert_int_equal(s->sessions_up, 16);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_not_equal(s->lac.peer_session[i], 0);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(s->lac.peer_session[i], s->lac.peer_session[k]);
	}
	lac_call(&s->lac, 15, s->now_ms);
	simulation_run(s, 6000);
	assert_int_equal(s->lac.cdns, 1);
	assert_int_equal(s->lac.cdn_result, 4);
	assert_int_equal(s->last_session.down.cause, CAUSE_l2tp_too_many_sessions);
	assert_int_equal(s->last_session.session, 0);
	simulation_free(s);
}

static void other_send(void *context, const uint8_t *bytes, size_t length)
{
	struct simulation *s = context;

	simulation_feed_from(s, &s->other_client, bytes, length);
}

/* Two tunnels with the same peer tunnel id from two ports of one device. */
static void several_tunnels_share_an_engine(void **state)
{
	struct simulation *s = simulation_up();
	struct lac other = {
		.tunnel = 7, .window = 1, .rws = 1, .sessions_wanted = 1, .send = other_send};
	uint16_t first = s->tunnel;

	(void)state;
	other.context = s;
	s->other = &other;
	s->other_client = s->client;
	s->other_client.port++;
	lac_dial(&other, s->now_ms);
	simulation_run(s, 2000);
	assert_int_equal(s->tunnels_up, 2);
	assert_int_equal(s->sessions_up, 2);
	assert_int_not_equal(first, other.peer_tunnel);
	assert_int_equal(l2tp_tunnels(s->lns), 2);
	lac_stop(&other, s->now_ms);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->last_down.tunnel, other.peer_tunnel);
	assert_int_equal(l2tp_busy_tunnels(s->lns), 1);
	simulation_free(s);
}

static void peer_hangs_up(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	lac_hang_up(&s->lac, 0, true, s->now_ms);
	simulation_run(s, 2000);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->last_session.down.cause, CAUSE_peer_call_administrative);
	assert_int_equal(s->last_session.down.result_code, 3);
	assert_true(s->last_session.down.was_up);
	assert_int_equal(s->tunnels_down, 0);
	assert_int_equal(s->lac.queued, 0);
	lac_call(&s->lac, 0, s->now_ms);
	simulation_run(s, 3000);
	assert_int_equal(s->sessions_up, 2);
	simulation_free(s);
}

static void cdn_without_session_id_is_understood(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	lac_hang_up(&s->lac, 0, false, s->now_ms);
	simulation_run(s, 2000);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->last_session.session, s->session);
	simulation_free(s);
}

/* Android: StopCCN with a result of two bytes, and no CDN. */
static void peer_stops_the_tunnel(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	lac_stop(&s->lac, s->now_ms);
	simulation_run(s, 2000);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_peer_shutting_down);
	assert_int_equal(s->last_down.down.result_code, 6);
	assert_int_equal(s->lac.queued, 0);
	assert_int_equal(l2tp_busy_tunnels(s->lns), 0);
	assert_int_equal(l2tp_tunnels(s->lns), 1);
	assert_int_equal(s->tunnels_gone, 0);
	simulation_run(s, 31999);
	assert_int_equal(s->tunnels_gone, 0);
	simulation_run(s, 33000);
	assert_int_equal(s->tunnels_gone, 1);
	assert_int_equal(l2tp_tunnels(s->lns), 0);
	assert_int_equal(l2tp_deadline(s->lns), UINT64_MAX);
	simulation_free(s);
}

/* Nobody is left to acknowledge what we had to say. */
static void stopped_tunnel_says_no_more(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	s->down.cut = true;
	l2tp_session_close(s->lns, s->tunnel, s->session, 3, CAUSE_administrator, s->now_ms);
	lac_stop(&s->lac, s->now_ms);
	simulation_run(s, 1200);
	assert_int_equal(l2tp_busy_tunnels(s->lns), 0);
	simulation_run(s, 20000);
	assert_int_equal(simulation_sent(s, 14), 1);
	simulation_free(s);
}

static void we_close_a_session(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	assert_int_equal(l2tp_session_close(s->lns, s->tunnel, s->session, 3, CAUSE_administrator,
					    s->now_ms),
			 0);
	assert_int_equal(l2tp_session_close(s->lns, s->tunnel, s->session, 3, CAUSE_administrator,
					    s->now_ms),
			 -ENOENT);
	simulation_events(s);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->last_session.down.cause, CAUSE_administrator);
	simulation_run(s, 2000);
	assert_int_equal(s->lac.cdns, 1);
	assert_int_equal(s->lac.cdn_result, 3);
	simulation_free(s);
}

static void we_close_a_tunnel(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	assert_int_equal(l2tp_tunnel_close(s->lns, s->tunnel, 6, CAUSE_shutdown, s->now_ms), 0);
	simulation_events(s);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(l2tp_busy_tunnels(s->lns), 1);
	simulation_run(s, 2000);
	assert_true(s->lac.stopped);
	assert_int_equal(s->lac.stop_result, 6);
	assert_int_equal(l2tp_busy_tunnels(s->lns), 0);
	simulation_run(s, 40000);
	assert_int_equal(s->tunnels_gone, 1);
	assert_int_equal(l2tp_tunnel_close(s->lns, s->tunnel, 6, CAUSE_shutdown, s->now_ms),
			 -ENOENT);
	simulation_free(s);
}

static void close_all_closes_every_tunnel(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	l2tp_close_all(s->lns, 6, CAUSE_shutdown, s->now_ms);
	simulation_run(s, 2000);
	assert_true(s->lac.stopped);
	assert_int_equal(s->tunnels_down, 1);
	l2tp_close_all(s->lns, 6, CAUSE_shutdown, s->now_ms);
	simulation_run(s, 3000);
	assert_int_equal(s->tunnels_down, 1);
	simulation_free(s);
}

static void tunnel_that_does_not_complete_is_stopped(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 15);
	s->up.cut = true;
	simulation_run(s, 30009);
	assert_int_equal(s->tunnels_down, 0);
	simulation_run(s, 30020);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_setup_timeout);
	assert_false(s->last_down.down.was_up);
	simulation_free(s);
}

static void call_that_does_not_complete_is_cleared(void **state)
{
	struct simulation *s = simulation_new();
	uint8_t avps[64];
	size_t at = 0;

	(void)state;
	s->lac.sessions_wanted = 0;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	/* A session id that the LAC of the test does not answer. */
	s->down.cut = true;
	at += lac_avp_u16(avps + at, 14, 9);
	at += lac_avp_u32(avps + at, 15, 1);
	lac_queue(&s->lac, 10, 0, avps, at, s->now_ms);
	simulation_run(s, 1020);
	s->lac.nr++; /* as if ICRP had come */
	s->lac.queued = 0;
	s->lac.in_flight = 0;
	lac_hello(&s->lac, s->now_ms); /* acknowledges */
	simulation_run(s, 31000);
	assert_int_equal(s->sessions_down, 0);
	simulation_run(s, 31020);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->last_session.down.cause, CAUSE_l2tp_setup_timeout);
	assert_int_equal(s->last_session.down.result_code, 10);
	assert_int_equal(s->tunnels_down, 0);
	simulation_free(s);
}

static void idle_tunnel_is_stopped(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	simulation_run(s, 60000);
	assert_int_equal(s->tunnels_down, 0);
	lac_hang_up(&s->lac, 0, true, s->now_ms);
	simulation_run(s, 90000);
	assert_int_equal(s->tunnels_down, 0);
	simulation_run(s, 90100);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_idle_tunnel);
	assert_true(s->lac.stopped);
	assert_int_equal(s->lac.stop_result, 1);
	simulation_free(s);
}

static void hello_only_after_silence(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	simulation_run(s, 50000);
	assert_int_equal(s->lac.hellos, 0);
	l2tp_tunnel_alive(s->lns, s->tunnel, 50000);
	simulation_run(s, 103000);
	assert_int_equal(s->lac.hellos, 0);
	simulation_run(s, 111000);
	assert_int_equal(s->lac.hellos, 1);
	simulation_run(s, 180000);
	assert_int_equal(s->lac.hellos, 2);
	assert_int_equal(s->tunnels_down, 0);
	simulation_free(s);
}

/* Only what was sent since can be acknowledged for an answer, also if it had to be repeated. */
static void a_question_is_answered_by_its_acknowledgement(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	assert_true(l2tp_ask(s->lns, s->now_ms));
	simulation_events(s);
	simulation_run(s, s->now_ms + 500);
	assert_int_equal(s->lac.hellos, 1);
	assert_int_equal(s->answers, 1);
	s->up.cut = true;
	assert_true(l2tp_ask(s->lns, s->now_ms));
	simulation_events(s);
	simulation_run(s, s->now_ms + 500);
	assert_int_equal(s->lac.hellos, 2);
	assert_int_equal(s->answers, 1);
	s->up.cut = false;
	simulation_run(s, s->now_ms + 3000);
	assert_int_equal(s->answers, 2);
	lac_hello(&s->lac, s->now_ms);
	simulation_run(s, s->now_ms + 500);
	assert_int_equal(s->answers, 2);
	simulation_free(s);
}

static void silent_peer_is_given_up(void **state)
{
	struct simulation *s = simulation_up();

	(void)state;
	s->down.cut = true;
	s->up.cut = true;
	simulation_run(s, 85000);
	assert_int_equal(s->tunnels_down, 0);
	simulation_run(s, 93000);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->tunnels_gone, 1);
	assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_timeout);
	simulation_free(s);
}

static void challenges_work_both_ways(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->config.secret = secret;
	s->config.secret_bytes = sizeof(secret) - 1;
	s->config.challenge_peer = true;
	s->lac.secret = "tunnel secret";
	s->lac.challenge = true;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->tunnels_up, 1);
	assert_true(s->lac.response_right);
	simulation_free(s);
}

static void wrong_challenge_response_is_refused(void **state)
{
	static const char *const secrets[] = {"another secret", NULL};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct simulation *s = simulation_new();

		s->config.secret = secret;
		s->config.secret_bytes = sizeof(secret) - 1;
		s->config.challenge_peer = true;
		s->lac.secret = secrets[i];
		simulation_start(s);
		lac_dial(&s->lac, 0);
		simulation_run(s, 1000);
		assert_int_equal(s->tunnels_up, 0);
		assert_int_equal(s->tunnels_down, 1);
		assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_bad_challenge_response);
		assert_true(s->lac.stopped);
		assert_int_equal(s->lac.stop_result, 4);
		simulation_free(s);
	}
}

static void challenge_without_secret_is_refused(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->lac.secret = "tunnel secret";
	s->lac.challenge = true;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 500);
	assert_true(s->lac.stopped);
	assert_int_equal(s->lac.stop_result, 4);
	assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_no_secret);
	assert_int_equal(s->last_down.tunnel, 0);
	assert_int_equal(l2tp_tunnels(s->lns), 0);
	simulation_free(s);
}

static void hidden_avps_are_revealed(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->config.secret = secret;
	s->config.secret_bytes = sizeof(secret) - 1;
	s->lac.secret = "tunnel secret";
	s->lac.hide = true;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->sessions_up, 1);
	assert_int_equal(s->last_up.tunnel_up.peer_tunnel, 7);
	assert_int_equal(s->last_session.session_up.peer_session, 1);
	simulation_free(s);
}

/* Without the secret the tunnel id stays unknown, so that nobody can be answered. */
static void hidden_avps_need_the_secret(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->lac.secret = "tunnel secret";
	s->lac.hide = true;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 500);
	assert_int_equal(s->sends, 0);
	assert_int_equal(simulation_counter(s, L2TP_COUNTER_malformed), 1);
	simulation_free(s);
}

static size_t proxy_compose(struct lac *lac, bool hide, const char *response)
{
	uint8_t *to = lac->proxy;
	size_t at = 0;

	at += lac_avp(to + at, 0, 0, 26, "\x01\x04\x05\xd4", 4);
	at += lac_avp(to + at, 0, 0, 27, "\x03\x05\xc2\x23\x05", 5);
	at += lac_avp(to + at, 0, 0, 28, "\x05\x06\x11\x22\x33\x44", 6);
	at += lac_avp(to + at, 0, 0, 29, "\0\2", 2);
	at += lac_avp(to + at, 0, 0, 30, "user", 4);
	at += lac_avp(to + at, 0, 0, 31, "challenge", 9);
	at += lac_avp(to + at, 0, 0, 32, "\0\7", 2);
	at += hide ? lac_avp_hidden(lac, to + at, 33, response, strlen(response))
		   : lac_avp(to + at, 0, 0, 33, response, strlen(response));
	return at;
}

#define PROXY_TEXT                                                         \
	"type=2 id=7 sent=0305c22305 received=050611223344 name=75736572 " \
	"challenge=6368616c6c656e6765 response="

static void proxies_are_handed_over(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->lac.proxy_bytes = proxy_compose(&s->lac, false, "0123456789abcdef");
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->sessions_up, 1);
	assert_false(s->last_session.session_up.peer_proved);
	assert_string_equal(s->last_proxy, PROXY_TEXT "30313233343536373839616263646566");
	simulation_free(s);
}

static void hidden_proxies_are_revealed(void **state)
{
	struct simulation *s = simulation_new();

	(void)state;
	s->config.secret = secret;
	s->config.secret_bytes = sizeof(secret) - 1;
	s->config.challenge_peer = true;
	s->lac.secret = "tunnel secret";
	s->lac.hide = true;
	s->lac.proxy_bytes =
		proxy_compose(&s->lac, true, "a password of more than two blocks of sixteen");
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->sessions_up, 1);
	assert_true(s->last_session.session_up.peer_proved);
	assert_string_equal(s->last_proxy, PROXY_TEXT
			    "612070617373776f7264206f66206d6f7265207468616e2074776f20626c6f636b73"
			    "206f66207369787465656e");
	simulation_free(s);
}

static const uint8_t own_secret[] = "the LAC's own";

/* A LAC with an entry, whose host name the client gives. */
static struct simulation *known_lac(struct l2tp_lac *entry, const char *secret_of_lac)
{
	struct simulation *s = simulation_new();

	*entry = (struct l2tp_lac){
		.host_name = "PHONE",
		.secret = own_secret,
		.secret_bytes = sizeof(own_secret) - 1,
	};
	s->config.secret = secret;
	s->config.secret_bytes = sizeof(secret) - 1;
	s->config.lacs = entry;
	s->config.lac_count = 1;
	s->lac.secret = secret_of_lac;
	return s;
}

static void lac_proves_its_own_secret(void **state)
{
	struct l2tp_lac entry;
	struct simulation *s = known_lac(&entry, "the LAC's own");

	(void)state;
	s->lac.challenge = true;
	s->lac.hide = true;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->sessions_up, 1);
	assert_true(s->lac.response_right);
	assert_true(s->last_session.session_up.peer_proved);
	assert_int_equal(s->last_session.session_up.lac, 0);
	assert_int_equal(l2tp_lac_view(s->lns, 0).tunnels, 1);
	assert_int_equal(l2tp_lac_view(s->lns, 0).sessions, 1);
	lac_stop(&s->lac, s->now_ms);
	simulation_run(s, 2000);
	assert_int_equal(l2tp_lac_view(s->lns, 0).tunnels, 0);
	assert_int_equal(l2tp_lac_view(s->lns, 0).sessions, 0);
	simulation_free(s);
}

/* The secret of all others does not open a LAC's own tunnel. */
static void lac_with_the_common_secret_is_refused(void **state)
{
	struct l2tp_lac entry;
	struct simulation *s = known_lac(&entry, "tunnel secret");

	(void)state;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->sessions_up, 0);
	assert_int_equal(s->lac.stop_result, 4);
	assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_bad_challenge_response);
	simulation_free(s);
}

static void stranger_has_the_common_secret(void **state)
{
	struct l2tp_lac entry;
	struct simulation *s = known_lac(&entry, "tunnel secret");

	(void)state;
	memcpy(entry.host_name, "other", 6);
	s->lac.challenge = true;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->sessions_up, 1);
	assert_true(s->lac.response_right);
	assert_false(s->last_session.session_up.peer_proved);
	assert_int_equal(s->last_session.session_up.lac, L2TP_LAC_NONE);
	simulation_free(s);
}

static void lac_has_no_more_sessions_than_it_may(void **state)
{
	struct l2tp_lac entry;
	struct simulation *s = known_lac(&entry, "the LAC's own");

	(void)state;
	entry.sessions_max = 2;
	s->lac.sessions_wanted = 2;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	assert_int_equal(s->sessions_up, 2);
	lac_call(&s->lac, 2, s->now_ms);
	simulation_run(s, 1500);
	assert_int_equal(s->sessions_up, 2);
	assert_int_equal(s->lac.cdns, 1);
	assert_int_equal(s->lac.cdn_result, 4);
	assert_int_equal(s->last_session.down.cause, CAUSE_l2tp_lac_full);
	lac_hang_up(&s->lac, 0, true, s->now_ms);
	simulation_run(s, 2000);
	assert_int_equal(l2tp_lac_view(s->lns, 0).sessions, 1);
	lac_call(&s->lac, 3, s->now_ms);
	simulation_run(s, 3000);
	assert_int_equal(s->sessions_up, 3);
	assert_int_equal(l2tp_lac_view(s->lns, 0).sessions, 2);
	simulation_free(s);
}

static void reasons_of_a_lac_are_told(void **state)
{
	struct simulation *s = simulation_up();
	uint8_t avps[128];
	size_t at = 0;

	(void)state;
	at += lac_avp_u16(avps + at, 1, 1);
	at += lac_avp_u16(avps + at, 14, 1);
	at += lac_avp(avps + at, 0x8000, 0, 12, "\0\x10\0the line went", 16);
	at += lac_avp(avps + at, 0, 0, 46, "\0\3\xc0\x21\1", 5);
	lac_queue(&s->lac, 14, s->session, avps, at, s->now_ms);
	simulation_run(s, 2000);
	assert_int_equal(s->sessions_down, 1);
	assert_int_equal(s->last_session.down.result_code, 1);
	assert_int_equal(s->last_session.down.q931_cause, 16);
	assert_int_equal(s->last_session.down.ppp_disconnect_code, 3);
	assert_string_equal(s->last_session.down.message, "the line went");
	simulation_free(s);
}

/* One side of LCP alone is of no use. */
static void half_a_proxy_is_none(void **state)
{
	(void)state;
	for (uint16_t attribute = 27; attribute <= 28; attribute++) {
		struct simulation *s = simulation_new();

		s->lac.proxy_bytes = lac_avp(s->lac.proxy, 0, 0, attribute, "\x01\x04\x05\xd4", 4);
		simulation_start(s);
		lac_dial(&s->lac, 0);
		simulation_run(s, 1000);
		assert_int_equal(s->sessions_up, 1);
		assert_null(s->last_session.session_up.proxy);
		assert_string_equal(s->last_proxy, "");
		simulation_free(s);
	}
}

static void too_many_tunnels_are_refused(void **state)
{
	struct simulation *s = simulation_new();
	struct lac other = {.tunnel = 8, .window = 1, .rws = 1, .send = other_send};

	(void)state;
	s->config.tunnels_total = 1;
	simulation_start(s);
	lac_dial(&s->lac, 0);
	simulation_run(s, 1000);
	other.context = s;
	s->other = &other;
	s->other_client = s->client;
	s->other_client.port++;
	lac_dial(&other, s->now_ms);
	assert_true(other.stopped);
	assert_int_equal(other.stop_result, 2);
	assert_int_equal(other.stop_error, 4);
	assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_too_many_tunnels);
	/* A lingering tunnel does not count. */
	lac_stop(&s->lac, s->now_ms);
	simulation_run(s, 2000);
	other = (struct lac){.tunnel = 8, .window = 1, .rws = 1, .send = other_send, .context = s};
	lac_dial(&other, s->now_ms);
	assert_int_equal(s->tunnels_up, 2);
	simulation_free(s);
}

/* A client that lost its state dials again with the same id and port. */
static void client_that_begins_anew_replaces_its_tunnel(void **state)
{
	struct simulation *s = simulation_up();
	struct lac *lac = &s->lac;
	uint16_t old = s->tunnel;

	(void)state;
	simulation_run(s, 10000);
	*lac = (struct lac){.tunnel = 7,
			    .window = 1,
			    .rws = 1,
			    .sessions_wanted = 1,
			    .send = lac->send,
			    .context = s};
	lac_dial(lac, s->now_ms);
	simulation_run(s, 11000);
	assert_int_equal(s->tunnels_up, 2);
	assert_int_equal(s->tunnels_down, 1);
	assert_int_equal(s->tunnels_gone, 1);
	assert_int_equal(s->last_down.tunnel, old);
	assert_int_equal(s->last_down.down.cause, CAUSE_l2tp_replaced);
	assert_int_equal(simulation_sent(s, 4), 0);
	assert_int_not_equal(s->tunnel, old);
	simulation_free(s);
}

/* Without IPsec anybody could send that SCCRQ: the old tunnel stays. */
static void plain_tunnel_is_not_replaced(void **state)
{
	struct simulation *s = simulation_new();
	struct lac *lac = &s->lac;

	(void)state;
	s->config.secured = false;
	simulation_start(s);
	lac_dial(lac, 0);
	simulation_run(s, 10000);
	*lac = (struct lac){.tunnel = 7, .window = 1, .rws = 1, .send = lac->send, .context = s};
	lac_dial(lac, s->now_ms);
	simulation_run(s, 11000);
	assert_int_equal(s->tunnels_up, 2);
	assert_int_equal(s->tunnels_down, 0);
	simulation_free(s);
}

/* Inside IPsec a NAT may move the peer; without it that is somebody else. */
static void replies_follow_a_secured_peer_only(void **state)
{
	(void)state;
	for (int secured = 0; secured < 2; secured++) {
		struct simulation *s = simulation_new();

		s->config.secured = secured == 1;
		simulation_start(s);
		lac_dial(&s->lac, 0);
		simulation_run(s, 1000);
		s->client = endpoint_ipv4(0x0900007f, 40001);
		lac_hello(&s->lac, s->now_ms);
		simulation_run(s, 1500);
		assert_int_equal(s->lac.queued, secured == 1 ? 0 : 1);
		assert_int_equal(simulation_counter(s, L2TP_COUNTER_wrong_peer), 1 - secured);
		simulation_free(s);
	}
}

static void tunnels_are_listed(void **state)
{
	struct simulation *s = simulation_up();
	struct l2tp_tunnel_view views[4];
	uint32_t cursor = 0;

	(void)state;
	assert_int_equal(l2tp_list_tunnels(s->lns, &cursor, views, 4), 1);
	assert_int_equal(views[0].tunnel, s->tunnel);
	assert_int_equal(views[0].sessions, 1);
	assert_string_equal(views[0].state, "established");
	assert_string_equal(views[0].host_name, "phone");
	assert_int_equal(views[0].send_next, 2);
	assert_int_equal(views[0].receive_next, 4);
	assert_int_equal(l2tp_list_tunnels(s->lns, &cursor, views, 4), 0);
	simulation_free(s);
}

/* Ids are never 0 and do not come back at once. */
static void session_ids_rest_before_they_return(void **state)
{
	struct simulation *s = simulation_up();
	uint16_t last = s->session;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		lac_hang_up(&s->lac, 0, true, s->now_ms);
		simulation_run(s, s->now_ms + 100);
		lac_call(&s->lac, 0, s->now_ms);
		simulation_run(s, s->now_ms + 100);
		assert_int_not_equal(s->session, last);
		assert_int_not_equal(s->session, 0);
		last = s->session;
	}
	assert_int_equal(s->sessions_up, 101);
	simulation_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dial_brings_tunnel_and_session_up),
		cmocka_unit_test(call_may_follow_scccn_at_once),
		cmocka_unit_test(several_sessions_share_a_tunnel),
		cmocka_unit_test(several_tunnels_share_an_engine),
		cmocka_unit_test(peer_hangs_up),
		cmocka_unit_test(cdn_without_session_id_is_understood),
		cmocka_unit_test(peer_stops_the_tunnel),
		cmocka_unit_test(stopped_tunnel_says_no_more),
		cmocka_unit_test(we_close_a_session),
		cmocka_unit_test(we_close_a_tunnel),
		cmocka_unit_test(close_all_closes_every_tunnel),
		cmocka_unit_test(tunnel_that_does_not_complete_is_stopped),
		cmocka_unit_test(call_that_does_not_complete_is_cleared),
		cmocka_unit_test(idle_tunnel_is_stopped),
		cmocka_unit_test(hello_only_after_silence),
		cmocka_unit_test(a_question_is_answered_by_its_acknowledgement),
		cmocka_unit_test(silent_peer_is_given_up),
		cmocka_unit_test(challenges_work_both_ways),
		cmocka_unit_test(wrong_challenge_response_is_refused),
		cmocka_unit_test(challenge_without_secret_is_refused),
		cmocka_unit_test(hidden_avps_are_revealed),
		cmocka_unit_test(hidden_avps_need_the_secret),
		cmocka_unit_test(lac_proves_its_own_secret),
		cmocka_unit_test(lac_with_the_common_secret_is_refused),
		cmocka_unit_test(stranger_has_the_common_secret),
		cmocka_unit_test(lac_has_no_more_sessions_than_it_may),
		cmocka_unit_test(reasons_of_a_lac_are_told),
		cmocka_unit_test(proxies_are_handed_over),
		cmocka_unit_test(hidden_proxies_are_revealed),
		cmocka_unit_test(half_a_proxy_is_none),
		cmocka_unit_test(too_many_tunnels_are_refused),
		cmocka_unit_test(client_that_begins_anew_replaces_its_tunnel),
		cmocka_unit_test(plain_tunnel_is_not_replaced),
		cmocka_unit_test(replies_follow_a_secured_peer_only),
		cmocka_unit_test(tunnels_are_listed),
		cmocka_unit_test(session_ids_rest_before_they_return),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
