/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/engine.h"

#include "base/memory.h"
#include "fsm/fsm.h"
#include "l2tp/proxy.h"

#include <stdio.h>
#include <stdlib.h>

enum session_event {
	SESSION_EVENT_DIAL,
	SESSION_EVENT_ICRQ,
	SESSION_EVENT_ICRP,
	SESSION_EVENT_ICCN,
	SESSION_EVENT_CDN,
	SESSION_EVENT_CLOSE,
	SESSION_EVENT_SETUP_TIMEOUT,
	SESSION_EVENT_TUNNEL_DOWN,
	SESSION_EVENTS
};

enum session_action {
	ACTION_SEND_ICRQ,
	ACTION_SEND_ICRP,
	ACTION_SEND_ICCN,
	ACTION_ANNOUNCE_UP,
	ACTION_SEND_CDN,
	ACTION_LEAVE,
};

struct session_input {
	const struct message *message;
	const struct verdict *verdict;
	bool was_up;
};

#define DO(action) (1u << (ACTION_##action))

static const struct fsm_cell session_cells[SESSION_EVENTS][SESSION_STATES] = {
	[SESSION_EVENT_DIAL] = {[SESSION_IDLE] = {DO(SEND_ICRQ), SESSION_WAIT_REPLY, true}},
	[SESSION_EVENT_ICRQ] = {[SESSION_IDLE] = {DO(SEND_ICRP), SESSION_WAIT_CONNECT, true}},
	[SESSION_EVENT_ICRP] = {[SESSION_WAIT_REPLY] = {DO(SEND_ICCN), SESSION_ESTABLISHED, true}},
	[SESSION_EVENT_ICCN] = {[SESSION_WAIT_CONNECT] = {DO(ANNOUNCE_UP), SESSION_ESTABLISHED,
							  true}},
	[SESSION_EVENT_CDN] = {[SESSION_WAIT_REPLY] = {DO(LEAVE), SESSION_GONE, true},
			       [SESSION_WAIT_CONNECT] = {DO(LEAVE), SESSION_GONE, true},
			       [SESSION_ESTABLISHED] = {DO(LEAVE), SESSION_GONE, true}},
	[SESSION_EVENT_CLOSE] =
		{[SESSION_WAIT_REPLY] = {DO(SEND_CDN) | DO(LEAVE), SESSION_GONE, true},
		 [SESSION_WAIT_CONNECT] = {DO(SEND_CDN) | DO(LEAVE), SESSION_GONE, true},
		 [SESSION_ESTABLISHED] = {DO(SEND_CDN) | DO(LEAVE), SESSION_GONE, true}},
	[SESSION_EVENT_SETUP_TIMEOUT] = {[SESSION_WAIT_REPLY] = {DO(SEND_CDN) | DO(LEAVE),
								 SESSION_GONE, true},
					 [SESSION_WAIT_CONNECT] = {DO(SEND_CDN) | DO(LEAVE),
								   SESSION_GONE, true}},
	[SESSION_EVENT_TUNNEL_DOWN] = {[SESSION_WAIT_REPLY] = {DO(LEAVE), SESSION_GONE, true},
				       [SESSION_WAIT_CONNECT] = {DO(LEAVE), SESSION_GONE, true},
				       [SESSION_ESTABLISHED] = {DO(LEAVE), SESSION_GONE, true}},
};

static void cdn_send(struct tunnel *tunnel, uint16_t peer_session, uint16_t session,
		     uint16_t wire_code)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_message_begin(&w, MESSAGE_CDN, tunnel->peer_id, peer_session);
	l2tp_avp_write_result(&w, wire_code >> 8, wire_code & 0xff);
	l2tp_avp_write_u16(&w, AVP_ASSIGNED_SESSION_ID, true, session);
	l2tp_tunnel_send(tunnel, &w, MESSAGE_CDN, session);
}

/* `extra` bytes behind the event are the caller's. */
static struct l2tp_event *session_event(const struct session *session, enum l2tp_event_kind kind,
					size_t extra)
{
	const struct tunnel *tunnel = session->tunnel;
	struct l2tp_event *event =
		l2tp_event_new(tunnel->l2tp, kind, tunnel->id, session->id, extra);

	event->session_up.peer_tunnel = tunnel->peer_id;
	event->session_up.peer_session = session->peer_id;
	event->session_up.peer = tunnel->peer;
	event->session_up.local = tunnel->local;
	event->session_up.lac = tunnel->lac;
	event->session_up.peer_proved = tunnel->proved;
	return event;
}

static void icrp_send(struct session *session)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	session_event(session, L2TP_SESSION_OPENING, 0);
	l2tp_message_begin(&w, MESSAGE_ICRP, session->tunnel->peer_id, session->peer_id);
	l2tp_avp_write_u16(&w, AVP_ASSIGNED_SESSION_ID, true, session->id);
	l2tp_tunnel_send(session->tunnel, &w, MESSAGE_ICRP, session->id);
}

static void setup_done(struct session *session)
{
	if (session->setup != NULL)
		l2tp_proxy_free(session->setup->proxy);
	free(session->setup);
	session->setup = NULL;
}

static void up_announce(struct session *session, const struct message *iccn)
{
	struct tunnel *tunnel = session->tunnel;
	struct l2tp_event *event = session_event(session, L2TP_SESSION_UP, l2tp_proxy_bytes(iccn));
	struct session_setup *setup = session->setup;

	TAILQ_REMOVE(&tunnel->setup, session, link);
	event->session_up.sequencing_required = message_has(iccn, AVP_SEQUENCING_REQUIRED);
	event->session_up.call_serial = setup->call_serial;
	event->session_up.tx_speed = iccn->tx_speed;
	memcpy(event->session_up.calling_number, setup->calling_number,
	       sizeof(setup->calling_number));
	memcpy(event->session_up.called_number, setup->called_number, sizeof(setup->called_number));
	event->session_up.proxy = l2tp_proxy_take(iccn, event + 1);
	setup_done(session);
}

void l2tp_session_connected(struct tunnel *tunnel, uint16_t id)
{
	struct session *session = l2tp_id_table_find(&tunnel->sessions, id);

	if (session == NULL || session->state != SESSION_ESTABLISHED)
		return;
	session_event(session, L2TP_SESSION_UP, 0)->session_up.call_serial =
		session->setup->call_serial;
	setup_done(session);
}

static void session_leave(struct session *session, const struct session_input *input)
{
	struct tunnel *tunnel = session->tunnel;

	l2tp_down(tunnel->l2tp, L2TP_SESSION_DOWN, tunnel->id, session->id, &tunnel->peer,
		  input->was_up, input->verdict, input->message);
	if (!input->was_up)
		TAILQ_REMOVE(&tunnel->setup, session, link);
	l2tp_id_table_remove(&tunnel->sessions, session->id);
	if (tunnel->lac != L2TP_LAC_NONE)
		tunnel->l2tp->lac_use[tunnel->lac].sessions--;
	if (--tunnel->session_count == 0 && tunnel->state == TUNNEL_ESTABLISHED)
		tunnel->phase_deadline_ms =
			tunnel->l2tp->now_ms + tunnel->l2tp->config->idle_tunnel_ms;
	TAILQ_INSERT_TAIL(&tunnel->l2tp->dead_sessions, session, link);
}

static void session_act(void *object, unsigned action, const void *argument)
{
	struct session *session = object;
	const struct session_input *input = argument;

	switch (action) {
	case ACTION_SEND_ICRQ:
		l2tp_lac_send_icrq(session);
		break;
	case ACTION_SEND_ICRP:
		icrp_send(session);
		break;
	case ACTION_SEND_ICCN:
		TAILQ_REMOVE(&session->tunnel->setup, session, link);
		l2tp_lac_send_iccn(session);
		break;
	case ACTION_ANNOUNCE_UP:
		up_announce(session, input->message);
		break;
	case ACTION_SEND_CDN:
		cdn_send(session->tunnel, session->peer_id, session->id, input->verdict->wire_code);
		break;
	case ACTION_LEAVE:
		session_leave(session, input);
		break;
	}
}

static const struct fsm_table session_table = {
	.name = "session",
	.states = SESSION_STATES,
	.events = SESSION_EVENTS,
	.cells = &session_cells[0][0],
	.act = session_act,
};

static int session_step(struct session *session, enum session_event event,
			const struct message *message, const struct verdict *verdict)
{
	struct session_input input = {
		.message = message,
		.verdict = verdict,
		.was_up = session->state == SESSION_ESTABLISHED,
	};
	int error = fsm_step(&session_table, &session->state, event, session, &input);

	if (error != 0)
		l2tp_count(session->tunnel->l2tp, L2TP_COUNTER_unexpected);
	return error;
}

/* Answers a call that never became a session. */
static void call_refuse(struct tunnel *tunnel, const struct message *message,
			const struct verdict *verdict)
{
	l2tp_count(tunnel->l2tp, L2TP_COUNTER_session_refused);
	cdn_send(tunnel, message->assigned_session, 0, verdict->wire_code);
	l2tp_down(tunnel->l2tp, L2TP_SESSION_DOWN, tunnel->id, 0, &tunnel->peer, false, verdict,
		  NULL);
}

/* What is wrong with the AVPs of a session's message, given those it cannot do without. */
static struct verdict message_judge(struct l2tp *l2tp, const struct message *message,
				    uint64_t required)
{
	struct verdict verdict = {.kind = VERDICT_ACCEPT};

	if (message->unknown_mandatory) {
		l2tp_count(l2tp, L2TP_COUNTER_unknown_mandatory_avp);
		verdict =
			(struct verdict){VERDICT_PEER_FAULT,
					 WIRE_CODE(CDN_GENERAL_ERROR, ERROR_UNKNOWN_MANDATORY_AVP),
					 CAUSE_l2tp_unknown_avp};
	} else if (message->wrong_length) {
		verdict = (struct verdict){VERDICT_PEER_FAULT,
					   WIRE_CODE(CDN_GENERAL_ERROR, ERROR_LENGTH),
					   CAUSE_l2tp_avp_length};
	} else if ((message->present & required) != required) {
		verdict = (struct verdict){VERDICT_PEER_FAULT,
					   WIRE_CODE(CDN_GENERAL_ERROR, ERROR_VALUE),
					   CAUSE_l2tp_avp_missing};
	}
	return verdict;
}

#define NEEDS(attribute) ((uint64_t)1 << (attribute))

struct session *l2tp_session_new(struct tunnel *tunnel)
{
	struct session *session = memory_new(sizeof(*session));

	session->id = l2tp_id_table_add(&tunnel->sessions, session);
	if (session->id == 0) {
		free(session);
		return NULL;
	}
	session->tunnel = tunnel;
	session->setup = memory_new(sizeof(*session->setup));
	session->setup->deadline_ms = tunnel->l2tp->now_ms + tunnel->l2tp->config->setup_ms;
	tunnel->session_count++;
	if (tunnel->lac != L2TP_LAC_NONE)
		tunnel->l2tp->lac_use[tunnel->lac].sessions++;
	tunnel->l2tp->counters->sessions++;
	TAILQ_INSERT_TAIL(&tunnel->setup, session, link);
	return session;
}

void l2tp_session_call(struct session *session)
{
	session_step(session, SESSION_EVENT_DIAL, NULL, NULL);
}

static void icrq_receive(struct tunnel *tunnel, const struct message *message)
{
	struct l2tp *l2tp = tunnel->l2tp;
	struct verdict verdict = message_judge(
		l2tp, message, NEEDS(AVP_ASSIGNED_SESSION_ID) | NEEDS(AVP_CALL_SERIAL_NUMBER));
	struct session *session;

	if (verdict.kind == VERDICT_ACCEPT && message->assigned_session == 0)
		verdict = (struct verdict){VERDICT_PEER_FAULT,
					   WIRE_CODE(CDN_GENERAL_ERROR, ERROR_VALUE),
					   CAUSE_l2tp_avp_missing};
	if (verdict.kind != VERDICT_ACCEPT) {
		call_refuse(tunnel, message, &verdict);
		return;
	}
	session = l2tp_lac_is_full(tunnel) ? NULL : l2tp_session_new(tunnel);
	if (session == NULL) {
		verdict = (struct verdict){VERDICT_OWN_FAULT,
					   WIRE_CODE(CDN_NO_FACILITIES_NOW, ERROR_NONE),
					   l2tp_lac_is_full(tunnel) ? CAUSE_l2tp_lac_full
								    : CAUSE_l2tp_too_many_sessions};
		call_refuse(tunnel, message, &verdict);
		return;
	}
	session->peer_id = message->assigned_session;
	session->setup->call_serial = message->call_serial;
	memcpy(session->setup->calling_number, message->calling_number,
	       sizeof(message->calling_number));
	memcpy(session->setup->called_number, message->called_number,
	       sizeof(message->called_number));
	session_step(session, SESSION_EVENT_ICRQ, message, NULL);
}

/* A peer that has not seen our id yet, or that leaves it out, names its own in the AVP. */
static struct session *session_find(struct tunnel *tunnel, const struct message_header *header,
				    const struct message *message)
{
	struct session *session;
	uint32_t place = 0;

	if (header->session != 0)
		return l2tp_id_table_find(&tunnel->sessions, header->session);
	if (message->type != MESSAGE_CDN || message->assigned_session == 0)
		return NULL;
	while ((session = l2tp_id_table_next(&tunnel->sessions, &place)) != NULL)
		if (session->peer_id == message->assigned_session)
			return session;
	return NULL;
}

static void icrp_receive(struct session *session, const struct message *message)
{
	struct verdict verdict =
		message_judge(session->tunnel->l2tp, message, NEEDS(AVP_ASSIGNED_SESSION_ID));

	if (verdict.kind == VERDICT_ACCEPT && message->assigned_session == 0)
		verdict = (struct verdict){VERDICT_PEER_FAULT,
					   WIRE_CODE(CDN_GENERAL_ERROR, ERROR_VALUE),
					   CAUSE_l2tp_avp_missing};
	if (verdict.kind != VERDICT_ACCEPT) {
		l2tp_session_clear(session, &verdict);
		return;
	}
	if (session->state == SESSION_WAIT_REPLY)
		session->peer_id = message->assigned_session;
	session_step(session, SESSION_EVENT_ICRP, message, NULL);
}

static void iccn_receive(struct session *session, const struct message *message)
{
	struct verdict verdict =
		message_judge(session->tunnel->l2tp, message,
			      NEEDS(AVP_TX_CONNECT_SPEED) | NEEDS(AVP_FRAMING_TYPE));

	if (verdict.kind != VERDICT_ACCEPT)
		l2tp_session_clear(session, &verdict);
	else
		session_step(session, SESSION_EVENT_ICCN, message, NULL);
}

bool l2tp_session_is_message(unsigned type)
{
	return type >= MESSAGE_OCRQ && type <= MESSAGE_SLI;
}

void l2tp_session_receive(struct tunnel *tunnel, const struct message_header *header,
			  const struct message *message)
{
	const struct verdict asked = {VERDICT_ACCEPT, 0, l2tp_cdn_cause(message->result_code)};
	const struct verdict no_outgoing = {VERDICT_OWN_FAULT,
					    WIRE_CODE(CDN_NO_FACILITIES, ERROR_NONE),
					    CAUSE_l2tp_outgoing_call};
	struct session *session;
	struct verdict verdict;

	if (message->type == MESSAGE_ICRQ) {
		icrq_receive(tunnel, message);
		return;
	}
	if (message->type == MESSAGE_OCRQ) {
		call_refuse(tunnel, message, &no_outgoing);
		return;
	}
	session = session_find(tunnel, header, message);
	if (session == NULL) {
		l2tp_count(tunnel->l2tp, L2TP_COUNTER_unknown_session);
		return;
	}
	if (message->type == MESSAGE_CDN) {
		session_step(session, SESSION_EVENT_CDN, message, &asked);
		return;
	}
	if (message->type == MESSAGE_ICRP) {
		icrp_receive(session, message);
		return;
	}
	if (message->type == MESSAGE_ICCN) {
		iccn_receive(session, message);
		return;
	}
	verdict = message_judge(tunnel->l2tp, message, 0);
	if (verdict.kind == VERDICT_ACCEPT &&
	    (message->type == MESSAGE_WEN || message->type == MESSAGE_SLI))
		return;
	if (verdict.kind == VERDICT_ACCEPT) {
		l2tp_count(tunnel->l2tp, L2TP_COUNTER_unexpected);
		verdict = (struct verdict){VERDICT_PEER_FAULT,
					   WIRE_CODE(CDN_GENERAL_ERROR, ERROR_NONE),
					   CAUSE_l2tp_unexpected_message};
	}
	l2tp_session_clear(session, &verdict);
}

void l2tp_session_clear(struct session *session, const struct verdict *verdict)
{
	session_step(session, SESSION_EVENT_CLOSE, NULL, verdict);
}

void l2tp_session_tunnel_down(struct session *session, const struct verdict *verdict,
			      const struct message *message)
{
	session_step(session, SESSION_EVENT_TUNNEL_DOWN, message, verdict);
}

void l2tp_session_setup_timeout(struct session *session)
{
	const struct verdict verdict = {VERDICT_PEER_FAULT, WIRE_CODE(CDN_NOT_IN_TIME, ERROR_NONE),
					CAUSE_l2tp_setup_timeout};

	session_step(session, SESSION_EVENT_SETUP_TIMEOUT, NULL, &verdict);
}

void l2tp_session_free(struct session *session)
{
	session->tunnel->l2tp->counters->sessions--;
	setup_done(session);
	free(session);
}
