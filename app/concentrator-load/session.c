/* SPDX-License-Identifier: BSD-3-Clause */
/* A subscriber's session: its L2TP call and its end of the PPP link. */
#include "load.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define L2TP_DATA_FLAGS 0x4002 /* version 2, with a length */
#define UNANSWERED_MS   2000   /* two Terminate-Requests, a second each */

void session_start(struct session *session)
{
	struct load *load = session->peer->load;

	session->started_us = load_microseconds(load);
	if (load->tally.started++ == 0)
		load->tally.first_start_us = session->started_us;
	load->in_progress++;
	session->phase = SESSION_PHASE_WAITING;
	session->peer->open_sessions++;
	if (session->peer->phase == PEER_PHASE_UP) {
		session_peer_ready(session);
		return;
	}
	STAILQ_INSERT_TAIL(&session->peer->waiting, session, waiting);
	if (session->peer->phase == PEER_PHASE_IDLE)
		peer_start(session->peer);
}

static void session_is_up(struct session *session)
{
	struct load *load = session->peer->load;
	struct tally *tally = &load->tally;

	session->phase = SESSION_PHASE_UP;
	load->in_progress--;
	tally->up++;
	tally->ever_up++;
	tally->last_up_us = load_microseconds(load);
	histogram_add(&tally->time_to_up_us, tally->last_up_us - session->started_us);
	if (load->options->progress != 0 && tally->ever_up % load->options->progress == 0) {
		printf("progress: %u up after %.3f s\n", tally->ever_up,
		       (double)(tally->last_up_us - tally->first_start_us) / 1e6);
		fflush(stdout);
	}
}

void session_fail(struct session *session, enum cause cause)
{
	struct load *load = session->peer->load;
	struct tally *tally = &load->tally;

	if (session->phase == SESSION_PHASE_UP) {
		tally->dropped++;
		tally->up--;
	} else {
		tally->failed++;
		load->in_progress--;
	}
	tally->causes[cause]++;
	session->failed = true;
	session->phase = SESSION_PHASE_CLEARING;
}

void session_gone(struct session *session, enum cause cause)
{
	if (session->phase < SESSION_PHASE_TERMINATING)
		session_fail(session, cause);
	session->phase = SESSION_PHASE_GONE;
	timer_wheel_cancel(&session->timer);
	ppp_free(session->ppp);
	session->ppp = NULL;
	if (!session->failed)
		session->peer->load->tally.closed++;
	peer_session_ended(session->peer);
}

void session_peer_ready(struct session *session)
{
	struct load *load = session->peer->load;

	if (load->options->until == UNTIL_IKE) {
		session_is_up(session);
		return;
	}
	session->phase = SESSION_PHASE_CALLING;
	if (load->options->proxy) {
		struct ppp_handover handover;

		session->ppp = ppp_client_new_proxied(&load->ppp_config, &session->credentials,
						      &load->random, &load->ppp_counters, &handover,
						      load->now_ms);
		session->id = lac_call(session, &handover);
		memory_wipe(&handover, sizeof(handover));
	} else {
		session->id = lac_call(session, NULL);
	}
	if (session->id == 0)
		session_gone(session, CAUSE_l2tp_too_many_sessions);
}

/* ---- PPP ---- */

void session_send(struct session *session, struct rte_mbuf *mbuf)
{
	const uint16_t header[] = {htons(L2TP_DATA_FLAGS), htons((uint16_t)(mbuf->data_len + 10)),
				   htons(session->peer->peer_tunnel), htons(session->peer_id),
				   htons(0xff03)};

	memcpy(rte_pktmbuf_prepend(mbuf, sizeof(header)), header, sizeof(header));
	peer_send_l2tp(session->peer, mbuf);
}

static void ppp_packet_send(struct session *session, const uint8_t *bytes, size_t length)
{
	struct load *load = session->peer->load;
	struct rte_mbuf *mbuf = frame_copy(load->pool, bytes, length);

	if (mbuf == NULL)
		load->tally.control_refused++;
	else
		session_send(session, mbuf);
}

static void ppp_finished(struct session *session)
{
	struct load *load = session->peer->load;

	if (session->phase == SESSION_PHASE_TERMINATING &&
	    load->now_ms - session->closing_ms >= UNANSWERED_MS)
		load->tally.unanswered++;
	lac_clear(session);
}

static void ppp_drain(struct session *session)
{
	const struct ppp_event *event;

	while (session->ppp != NULL && (event = ppp_next_event(session->ppp)) != NULL) {
		switch (event->kind) {
		case PPP_SEND:
			ppp_packet_send(session, event->send.bytes, event->send.length);
			break;
		case PPP_UP:
			session->address_be = event->up.grant.local_address_be;
			session_is_up(session);
			break;
		case PPP_DOWN:
			if (session->phase < SESSION_PHASE_TERMINATING)
				session_fail(session, event->down.cause);
			break;
		case PPP_FINISHED:
			ppp_finished(session);
			break;
		default:
			break;
		}
	}
	if (session->ppp != NULL)
		timer_wheel_set(session->peer->load->wheel, &session->timer,
				ppp_deadline(session->ppp));
}

static void ppp_timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct session *session = (struct session *)node;

	ppp_on_time(session->ppp, now_ms);
	ppp_drain(session);
}

void session_called(struct session *session, uint16_t peer_id)
{
	struct load *load = session->peer->load;

	session->peer_id = peer_id;
	if (load->options->until == UNTIL_L2TP) {
		session_is_up(session);
		return;
	}
	session->phase = SESSION_PHASE_NEGOTIATING;
	session->timer.expired = ppp_timer_expired;
	if (session->ppp == NULL)
		session->ppp = ppp_client_new(&load->ppp_config, &session->credentials,
					      &load->random, &load->ppp_counters, load->now_ms);
	ppp_drain(session);
}

void session_receive_ppp(struct session *session, const uint8_t *bytes, size_t length)
{
	if (session->ppp == NULL)
		return;
	ppp_feed(session->ppp, bytes, length, session->peer->load->now_ms);
	ppp_drain(session);
}

void session_close(struct session *session)
{
	struct load *load = session->peer->load;
	bool linked = session->phase >= SESSION_PHASE_NEGOTIATING;

	/* One that waits for its tunnel goes with its peer. */
	if (session->phase <= SESSION_PHASE_WAITING || session->phase >= SESSION_PHASE_TERMINATING)
		return;
	if (session->phase == SESSION_PHASE_UP) {
		load->tally.up--;
		session->closing_ms = load->now_ms;
		session->phase = SESSION_PHASE_TERMINATING;
	} else {
		session_fail(session, CAUSE_administrator);
	}
	if (linked && session->ppp != NULL) {
		ppp_close(session->ppp, CAUSE_administrator, load->now_ms);
		ppp_drain(session);
	} else if (session->id != 0) {
		lac_clear(session);
	} else {
		session_gone(session, CAUSE_administrator);
	}
}
