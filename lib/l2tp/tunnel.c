/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/engine.h"

#include "fsm/fsm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUE_SPARE 256 /* replies that may wait besides one for each session */

enum tunnel_event {
	TUNNEL_EVENT_DIAL,
	TUNNEL_EVENT_SCCRQ,
	TUNNEL_EVENT_SCCRP,
	TUNNEL_EVENT_SCCCN,
	TUNNEL_EVENT_CALL, /* a session's message */
	TUNNEL_EVENT_STOPCCN,
	TUNNEL_EVENT_CLOSE,
	TUNNEL_EVENT_SETUP_TIMEOUT,
	TUNNEL_EVENT_IDLE_TIMEOUT,
	TUNNEL_EVENT_LINGER_TIMEOUT,
	TUNNEL_EVENT_UNDELIVERABLE,
	TUNNEL_EVENT_REPLACED,
	TUNNEL_EVENTS
};

enum tunnel_action {
	ACTION_SEND_SCCRQ,
	ACTION_SEND_SCCRP,
	ACTION_SEND_SCCCN,
	ACTION_ANNOUNCE_UP,
	ACTION_SESSIONS_DOWN,
	ACTION_SEND_STOPCCN,
	ACTION_ANNOUNCE_DOWN,
	ACTION_LINGER,
	ACTION_ANNOUNCE_GONE,
};

struct tunnel_input {
	const struct message *message;
	const struct verdict *verdict;
	bool was_up;
};

#define DO(action) (1u << (ACTION_##action))
#define STOP                                                                           \
	{                                                                              \
		DO(SESSIONS_DOWN) | DO(SEND_STOPCCN) | DO(ANNOUNCE_DOWN) | DO(LINGER), \
			TUNNEL_STOPPED, true                                           \
	}
#define VANISH                                                                               \
	{                                                                                    \
		DO(SESSIONS_DOWN) | DO(ANNOUNCE_DOWN) | DO(ANNOUNCE_GONE), TUNNEL_GONE, true \
	}
#define STAY(state)            \
	{                      \
		0, state, true \
	}

static const struct fsm_cell tunnel_cells[TUNNEL_EVENTS][TUNNEL_STATES] = {
	[TUNNEL_EVENT_DIAL] = {[TUNNEL_IDLE] = {DO(SEND_SCCRQ), TUNNEL_WAIT_CTL_REPLY, true}},
	[TUNNEL_EVENT_SCCRQ] = {[TUNNEL_IDLE] = {DO(SEND_SCCRP), TUNNEL_WAIT_CTL_CONN, true}},
	[TUNNEL_EVENT_SCCRP] = {[TUNNEL_WAIT_CTL_REPLY] = {DO(SEND_SCCCN) | DO(ANNOUNCE_UP),
							   TUNNEL_ESTABLISHED, true}},
	[TUNNEL_EVENT_SCCCN] = {[TUNNEL_WAIT_CTL_CONN] = {DO(ANNOUNCE_UP), TUNNEL_ESTABLISHED,
							  true}},
	[TUNNEL_EVENT_CALL] = {[TUNNEL_ESTABLISHED] = STAY(TUNNEL_ESTABLISHED)},
	[TUNNEL_EVENT_STOPCCN] =
		{[TUNNEL_WAIT_CTL_REPLY] = {DO(ANNOUNCE_DOWN) | DO(LINGER), TUNNEL_STOPPED, true},
		 [TUNNEL_WAIT_CTL_CONN] = {DO(SESSIONS_DOWN) | DO(ANNOUNCE_DOWN) | DO(LINGER),
					   TUNNEL_STOPPED, true},
		 [TUNNEL_ESTABLISHED] = {DO(SESSIONS_DOWN) | DO(ANNOUNCE_DOWN) | DO(LINGER),
					 TUNNEL_STOPPED, true},
		 [TUNNEL_STOPPED] = STAY(TUNNEL_STOPPED)},
	[TUNNEL_EVENT_CLOSE] = {[TUNNEL_WAIT_CTL_REPLY] = STOP,
				[TUNNEL_WAIT_CTL_CONN] = STOP,
				[TUNNEL_ESTABLISHED] = STOP,
				[TUNNEL_STOPPED] = STAY(TUNNEL_STOPPED)},
	[TUNNEL_EVENT_SETUP_TIMEOUT] =
		{[TUNNEL_WAIT_CTL_REPLY] = STOP, [TUNNEL_WAIT_CTL_CONN] = STOP},
	[TUNNEL_EVENT_IDLE_TIMEOUT] = {[TUNNEL_ESTABLISHED] = STOP},
	[TUNNEL_EVENT_LINGER_TIMEOUT] = {[TUNNEL_STOPPED] = {DO(ANNOUNCE_GONE), TUNNEL_GONE, true}},
	[TUNNEL_EVENT_UNDELIVERABLE] = {[TUNNEL_WAIT_CTL_REPLY] = VANISH,
					[TUNNEL_WAIT_CTL_CONN] = VANISH,
					[TUNNEL_ESTABLISHED] = VANISH,
					[TUNNEL_STOPPED] = {DO(ANNOUNCE_GONE), TUNNEL_GONE, true}},
	[TUNNEL_EVENT_REPLACED] = {[TUNNEL_WAIT_CTL_CONN] = VANISH, [TUNNEL_ESTABLISHED] = VANISH},
};

static const char *const tunnel_state_names[TUNNEL_STATES] = {
	"idle", "wait-ctl-reply", "wait-ctl-conn", "established", "stopped", "gone"};

const char *l2tp_tunnel_state_name(uint8_t state)
{
	return tunnel_state_names[state];
}

void l2tp_tunnel_send(struct tunnel *tunnel, struct writer *w, enum message_type type,
		      uint16_t session)
{
	if (!l2tp_message_end(w, 0, 0))
		abort(); /* MESSAGE_SENT_MAX is too small for what we compose */
	l2tp_reliable_queue(&tunnel->reliable, (uint8_t)type, session, w->start, writer_length(w));
}

static void message_transmit(struct tunnel *tunnel, struct reliable_message *message)
{
	struct l2tp *l2tp = tunnel->l2tp;
	bool again = message->times_sent > 1;

	l2tp_message_number(message->bytes, message->length, message->ns, tunnel->reliable.nr);
	tunnel->acknowledge_now = false;
	if (again)
		l2tp_count(l2tp, L2TP_COUNTER_retransmitted);
	l2tp_step(l2tp, false, message->type,
		  again ? "sent again" : l2tp_message_meaning(message->type), tunnel->id,
		  message->session);
	l2tp_send(l2tp, tunnel->id, message->session, &tunnel->peer, &tunnel->local, message->bytes,
		  message->length);
	if (message->type == MESSAGE_ICCN && !again)
		l2tp_session_connected(tunnel, message->session);
}

static void zlb_send(struct tunnel *tunnel)
{
	uint8_t bytes[MESSAGE_HEADER_BYTES];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_message_begin(&w, MESSAGE_ZLB, tunnel->peer_id, 0);
	l2tp_message_end(&w, tunnel->reliable.sent_ns, tunnel->reliable.nr);
	tunnel->acknowledge_now = false;
	l2tp_step(tunnel->l2tp, false, MESSAGE_ZLB, l2tp_message_meaning(MESSAGE_ZLB), tunnel->id,
		  0);
	l2tp_send(tunnel->l2tp, tunnel->id, 0, &tunnel->peer, &tunnel->local, bytes, sizeof(bytes));
}

/* What SCCRP and SCCRQ are made of, in the order that every client takes. */
void l2tp_tunnel_describe(const struct tunnel *tunnel, struct writer *w)
{
	const struct l2tp_config *config = tunnel->l2tp->config;

	l2tp_avp_write_u16(w, AVP_PROTOCOL_VERSION, true, 0x0100);
	l2tp_avp_write_u32(w, AVP_FRAMING_CAPABILITIES, true, 3);
	l2tp_avp_write_bytes(w, AVP_HOST_NAME, true, config->host_name, strlen(config->host_name));
	l2tp_avp_write_u16(w, AVP_ASSIGNED_TUNNEL_ID, true, tunnel->id);
	l2tp_avp_write_u16(w, AVP_RECEIVE_WINDOW_SIZE, true, config->receive_window);
	l2tp_avp_write_u32(w, AVP_BEARER_CAPABILITIES, true, 0);
	l2tp_avp_write_u16(w, AVP_FIRMWARE_REVISION, false, 0x0100);
	l2tp_avp_write_bytes(w, AVP_VENDOR_NAME, false, "concentrator", 12);
	if (tunnel->setup_data->challenged)
		l2tp_avp_write_bytes(w, AVP_CHALLENGE, true, tunnel->setup_data->challenge,
				     CHALLENGE_BYTES);
}

static void sccrp_send(struct tunnel *tunnel, const struct message *sccrq)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	uint8_t response[CHALLENGE_RESPONSE_BYTES];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_message_begin(&w, MESSAGE_SCCRP, tunnel->peer_id, 0);
	l2tp_tunnel_describe(tunnel, &w);
	if (message_has(sccrq, AVP_CHALLENGE) &&
	    l2tp_authentication_respond(l2tp_tunnel_secret(tunnel), MESSAGE_SCCRP, sccrq->challenge,
					sccrq->challenge_bytes, response) == 0)
		l2tp_avp_write_bytes(&w, AVP_CHALLENGE_RESPONSE, true, response, sizeof(response));
	l2tp_tunnel_send(tunnel, &w, MESSAGE_SCCRP, 0);
}

void l2tp_stopccn_compose(struct writer *w, uint16_t peer_tunnel, uint16_t tunnel,
			  uint16_t wire_code)
{
	uint16_t result = wire_code >> 8;
	uint16_t error = result == STOPCCN_VERSION_NOT_SUPPORTED ? 0x0100 : wire_code & 0xff;

	l2tp_message_begin(w, MESSAGE_STOPCCN, peer_tunnel, 0);
	l2tp_avp_write_u16(w, AVP_ASSIGNED_TUNNEL_ID, true, tunnel);
	l2tp_avp_write_result(w, result, error);
}

static void stopccn_send(struct tunnel *tunnel, const struct verdict *verdict)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_reliable_drop_unsent(&tunnel->reliable);
	l2tp_stopccn_compose(&w, tunnel->peer_id, tunnel->id, verdict->wire_code);
	l2tp_tunnel_send(tunnel, &w, MESSAGE_STOPCCN, 0);
	tunnel->reliable.congestion_window = tunnel->reliable.peer_window;
}

static void up_announce(struct tunnel *tunnel)
{
	struct l2tp *l2tp = tunnel->l2tp;
	struct l2tp_event *event = l2tp_event_new(l2tp, L2TP_TUNNEL_UP, tunnel->id, 0, 0);

	tunnel->established_ms = l2tp->now_ms;
	tunnel->phase_deadline_ms = l2tp->now_ms + l2tp->config->idle_tunnel_ms;
	event->tunnel_up.peer_tunnel = tunnel->peer_id;
	event->tunnel_up.peer = tunnel->peer;
	event->tunnel_up.local = tunnel->local;
	snprintf(event->tunnel_up.host_name, sizeof(event->tunnel_up.host_name), "%s",
		 tunnel->host_name);
	memcpy(event->tunnel_up.vendor_name, tunnel->setup_data->vendor_name,
	       sizeof(tunnel->setup_data->vendor_name));
	l2tp_tunnel_setup_done(tunnel);
}

static void sessions_down(struct tunnel *tunnel, const struct tunnel_input *input)
{
	struct session *session;
	uint32_t place = 0;

	while ((session = l2tp_id_table_next(&tunnel->sessions, &place)) != NULL)
		l2tp_session_tunnel_down(session, input->verdict, input->message);
}

static void tunnel_act(void *object, unsigned action, const void *argument)
{
	struct tunnel *tunnel = object;
	const struct tunnel_input *input = argument;

	switch (action) {
	case ACTION_SEND_SCCRQ:
		l2tp_lac_send_sccrq(tunnel);
		break;
	case ACTION_SEND_SCCRP:
		sccrp_send(tunnel, input->message);
		break;
	case ACTION_SEND_SCCCN:
		l2tp_lac_send_scccn(tunnel, input->message);
		break;
	case ACTION_ANNOUNCE_UP:
		up_announce(tunnel);
		break;
	case ACTION_SESSIONS_DOWN:
		sessions_down(tunnel, input);
		break;
	case ACTION_SEND_STOPCCN:
		stopccn_send(tunnel, input->verdict);
		break;
	case ACTION_ANNOUNCE_DOWN:
		l2tp_down(tunnel->l2tp, L2TP_TUNNEL_DOWN, tunnel->id, 0, &tunnel->peer,
			  input->was_up, input->verdict, input->message);
		break;
	case ACTION_LINGER:
		tunnel->phase_deadline_ms =
			tunnel->l2tp->now_ms + tunnel->l2tp->config->closed_linger_ms;
		break;
	case ACTION_ANNOUNCE_GONE:
		l2tp_event_new(tunnel->l2tp, L2TP_TUNNEL_GONE, tunnel->id, 0, 0);
		break;
	}
}

static const struct fsm_table tunnel_table = {
	.name = "tunnel",
	.states = TUNNEL_STATES,
	.events = TUNNEL_EVENTS,
	.state_names = tunnel_state_names,
	.cells = &tunnel_cells[0][0],
	.act = tunnel_act,
};

static int tunnel_step(struct tunnel *tunnel, enum tunnel_event event,
		       const struct message *message, const struct verdict *verdict)
{
	uint8_t before = tunnel->state;
	struct tunnel_input input = {
		.message = message,
		.verdict = verdict,
		.was_up = before == TUNNEL_ESTABLISHED,
	};
	int error = fsm_step(&tunnel_table, &tunnel->state, event, tunnel, &input);

	if (error != 0)
		l2tp_count(tunnel->l2tp, L2TP_COUNTER_unexpected);
	else
		l2tp_tunnel_moved(tunnel, before, tunnel->state);
	return error;
}

void l2tp_tunnel_stop(struct tunnel *tunnel, const struct verdict *verdict)
{
	if (tunnel->state != TUNNEL_GONE)
		tunnel_step(tunnel, TUNNEL_EVENT_CLOSE, NULL, verdict);
}

static void peer_fault(struct tunnel *tunnel, uint16_t result, uint16_t error, enum cause cause)
{
	const struct verdict verdict = {VERDICT_PEER_FAULT, WIRE_CODE(result, error), cause};

	l2tp_tunnel_stop(tunnel, &verdict);
}

void l2tp_tunnel_call(struct tunnel *tunnel)
{
	tunnel_step(tunnel, TUNNEL_EVENT_DIAL, NULL, NULL);
	l2tp_tunnel_settle(tunnel);
}

void l2tp_tunnel_open(struct tunnel *tunnel, const struct message *sccrq)
{
	tunnel->acknowledge_now = true;
	tunnel_step(tunnel, TUNNEL_EVENT_SCCRQ, sccrq, NULL);
	l2tp_tunnel_settle(tunnel);
}

void l2tp_tunnel_vanish(struct tunnel *tunnel, const struct verdict *verdict)
{
	tunnel_step(tunnel, TUNNEL_EVENT_REPLACED, NULL, verdict);
}

void l2tp_tunnel_stop_lingering(struct tunnel *tunnel)
{
	tunnel_step(tunnel, TUNNEL_EVENT_LINGER_TIMEOUT, NULL, NULL);
}

void l2tp_tunnel_repeat_first(struct tunnel *tunnel)
{
	struct reliable_message *first = STAILQ_FIRST(&tunnel->reliable.queue);

	if (tunnel->state == TUNNEL_WAIT_CTL_CONN && first != NULL && first->times_sent != 0) {
		first->times_sent = 2;
		message_transmit(tunnel, first);
	} else {
		tunnel->acknowledge_now = true;
	}
	l2tp_tunnel_settle(tunnel);
}

static bool challenge_answered(const struct tunnel *tunnel, const struct message *message)
{
	const struct tunnel_setup *setup = tunnel->setup_data;

	return setup == NULL || !setup->challenged ||
	       (message_has(message, AVP_CHALLENGE_RESPONSE) &&
		l2tp_authentication_verify(l2tp_tunnel_secret(tunnel), (uint8_t)message->type,
					   setup->challenge, CHALLENGE_BYTES,
					   message->challenge_response));
}

static void challenge_failed(struct tunnel *tunnel)
{
	l2tp_count(tunnel->l2tp, L2TP_COUNTER_bad_challenge_response);
	peer_fault(tunnel, STOPCCN_NOT_AUTHORIZED, ERROR_NONE, CAUSE_l2tp_bad_challenge_response);
}

static void sccrp_receive(struct tunnel *tunnel, const struct message *message)
{
	struct verdict verdict = l2tp_lac_judge_sccrp(tunnel, message);

	if (tunnel->state == TUNNEL_WAIT_CTL_REPLY) {
		if (message_has(message, AVP_ASSIGNED_TUNNEL_ID) && message->assigned_tunnel != 0)
			l2tp_tunnel_know_peer(tunnel, message);
		if (verdict.kind != VERDICT_ACCEPT) {
			l2tp_tunnel_stop(tunnel, &verdict);
			return;
		}
		if (!challenge_answered(tunnel, message)) {
			challenge_failed(tunnel);
			return;
		}
		tunnel->proved = tunnel->setup_data->challenged;
	}
	if (tunnel_step(tunnel, TUNNEL_EVENT_SCCRP, message, NULL) != 0)
		peer_fault(tunnel, STOPCCN_STATE_MACHINE_ERROR, ERROR_NONE,
			   CAUSE_l2tp_unexpected_message);
}

static void scccn_receive(struct tunnel *tunnel, const struct message *message)
{
	if (tunnel->state == TUNNEL_WAIT_CTL_CONN && !challenge_answered(tunnel, message)) {
		challenge_failed(tunnel);
		return;
	}
	if (tunnel->state == TUNNEL_WAIT_CTL_CONN)
		tunnel->proved = tunnel->setup_data->challenged;
	if (tunnel_step(tunnel, TUNNEL_EVENT_SCCCN, message, NULL) != 0)
		peer_fault(tunnel, STOPCCN_STATE_MACHINE_ERROR, ERROR_NONE,
			   CAUSE_l2tp_unexpected_message);
}

/* Messages about the tunnel itself. */
static void control_receive(struct tunnel *tunnel, const struct message *message)
{
	const struct verdict asked = {VERDICT_ACCEPT, 0, l2tp_stopccn_cause(message->result_code)};

	if (message->type == MESSAGE_STOPCCN) {
		l2tp_reliable_drop_all(&tunnel->reliable);
		tunnel_step(tunnel, TUNNEL_EVENT_STOPCCN, message, &asked);
		return;
	}
	if (message->unknown_mandatory) {
		l2tp_count(tunnel->l2tp, L2TP_COUNTER_unknown_mandatory_avp);
		peer_fault(tunnel, STOPCCN_GENERAL_ERROR, ERROR_UNKNOWN_MANDATORY_AVP,
			   CAUSE_l2tp_unknown_avp);
		return;
	}
	if (message->wrong_length) {
		peer_fault(tunnel, STOPCCN_GENERAL_ERROR, ERROR_LENGTH, CAUSE_l2tp_avp_length);
		return;
	}
	if (message->type == MESSAGE_SCCRP) {
		sccrp_receive(tunnel, message);
	} else if (message->type == MESSAGE_SCCCN) {
		scccn_receive(tunnel, message);
	} else if (message->type != MESSAGE_HELLO) {
		l2tp_count(tunnel->l2tp, L2TP_COUNTER_unexpected);
		peer_fault(tunnel, STOPCCN_STATE_MACHINE_ERROR, ERROR_NONE,
			   CAUSE_l2tp_unexpected_message);
	}
}

static void unknown_receive(struct tunnel *tunnel, const struct message *message)
{
	if (message->type_mandatory)
		peer_fault(tunnel, STOPCCN_GENERAL_ERROR, ERROR_UNKNOWN_MANDATORY_AVP,
			   CAUSE_l2tp_unknown_avp);
	else
		l2tp_count(tunnel->l2tp, L2TP_COUNTER_unknown_message_ignored);
}

static void message_deliver(struct tunnel *tunnel, const struct message_header *header,
			    struct cursor body)
{
	struct l2tp *l2tp = tunnel->l2tp;
	struct message message;

	if (l2tp_message_parse(body, l2tp_tunnel_secret(tunnel), &message) != 0) {
		l2tp_count(l2tp, L2TP_COUNTER_malformed);
		peer_fault(tunnel, STOPCCN_GENERAL_ERROR, ERROR_LENGTH, CAUSE_l2tp_avp_length);
		return;
	}
	l2tp->counters->value[L2TP_COUNTER_unknown_avp_ignored] += message.unknown_ignored;
	l2tp_step(l2tp, true, message.type, l2tp_message_meaning(message.type), tunnel->id,
		  header->session);
	if (tunnel->state == TUNNEL_STOPPED && message.type != MESSAGE_STOPCCN)
		return;
	if (strcmp(l2tp_message_name(message.type), "unknown") == 0)
		unknown_receive(tunnel, &message);
	else if (!l2tp_session_is_message(message.type))
		control_receive(tunnel, &message);
	else if (tunnel_step(tunnel, TUNNEL_EVENT_CALL, &message, NULL) == 0)
		l2tp_session_receive(tunnel, header, &message);
	else
		peer_fault(tunnel, STOPCCN_STATE_MACHINE_ERROR, ERROR_NONE,
			   CAUSE_l2tp_unexpected_message);
}

/* The message whose turn it is, and then those that waited for it. */
static void in_order_receive(struct tunnel *tunnel, const uint8_t *bytes, size_t length)
{
	struct reliable *reliable = &tunnel->reliable;
	struct reliable_held held = {.bytes = NULL};
	struct message_header header;
	struct cursor body;

	if (reliable->queued >= tunnel->l2tp->config->sessions_per_tunnel + QUEUE_SPARE) {
		l2tp_count(tunnel->l2tp, L2TP_COUNTER_held_back);
		return;
	}
	do {
		if (held.bytes != NULL) {
			bytes = held.bytes;
			length = held.length;
		}
		reliable->nr++;
		tunnel->acknowledge_now = true;
		if (l2tp_message_header_parse(bytes, length, &header, &body) == 0)
			message_deliver(tunnel, &header, body);
		free(held.bytes);
	} while (tunnel->state != TUNNEL_GONE && l2tp_reliable_release(reliable, &held));
}

void l2tp_tunnel_receive(struct tunnel *tunnel, const struct message_header *header,
			 const uint8_t *bytes, size_t length)
{
	struct l2tp *l2tp = tunnel->l2tp;

	tunnel->last_seen_ms = l2tp->now_ms;
	if (!l2tp_reliable_acknowledged(&tunnel->reliable, header->nr, l2tp->now_ms)) {
		l2tp_count(l2tp, L2TP_COUNTER_wrong_acknowledgement);
		return;
	}
	if (tunnel->asked && (int16_t)(uint16_t)(header->nr - tunnel->asked_ns) > 0) {
		tunnel->asked = false;
		l2tp_event_new(l2tp, L2TP_ANSWERED, tunnel->id, 0, 0);
	}
	if (length == MESSAGE_HEADER_BYTES) {
		l2tp_step(l2tp, true, MESSAGE_ZLB, l2tp_message_meaning(MESSAGE_ZLB), tunnel->id,
			  0);
		l2tp_tunnel_settle(tunnel);
		return;
	}
	switch (l2tp_reliable_order(&tunnel->reliable, header->ns)) {
	case RELIABLE_IN_ORDER:
		in_order_receive(tunnel, bytes, length);
		break;
	case RELIABLE_DUPLICATE:
		l2tp_count(l2tp, L2TP_COUNTER_duplicate);
		tunnel->acknowledge_now = true;
		break;
	case RELIABLE_AHEAD:
		if (l2tp_reliable_hold(&tunnel->reliable, header->ns, bytes, length))
			l2tp_count(l2tp, L2TP_COUNTER_out_of_order);
		break;
	case RELIABLE_OUT_OF_WINDOW:
		l2tp_count(l2tp, L2TP_COUNTER_out_of_window);
		break;
	}
	l2tp_tunnel_settle(tunnel);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool hello_wanted(const struct tunnel *tunnel)
{
	return tunnel->state == TUNNEL_ESTABLISHED && tunnel->hello_idle_ms != 0 &&
	       STAILQ_EMPTY(&tunnel->reliable.queue);
}

static bool phase_limited(const struct tunnel *tunnel)
{
	if (tunnel->state == TUNNEL_ESTABLISHED)
		return tunnel->session_count == 0 && tunnel->l2tp->config->idle_tunnel_ms != 0;
	return tunnel->state == TUNNEL_WAIT_CTL_REPLY || tunnel->state == TUNNEL_WAIT_CTL_CONN ||
	       tunnel->state == TUNNEL_STOPPED;
}

static uint64_t tunnel_deadline(const struct tunnel *tunnel)
{
	const struct session *oldest = TAILQ_FIRST(&tunnel->setup);
	uint64_t deadline_ms = tunnel->reliable.deadline_ms;

	if (tunnel->state == TUNNEL_GONE)
		return UINT64_MAX;
	if (phase_limited(tunnel))
		deadline_ms = earlier(deadline_ms, tunnel->phase_deadline_ms);
	if (oldest != NULL)
		deadline_ms = earlier(deadline_ms, oldest->setup->deadline_ms);
	if (hello_wanted(tunnel))
		deadline_ms = earlier(deadline_ms, tunnel->last_seen_ms + tunnel->hello_idle_ms);
	return deadline_ms;
}

void l2tp_tunnel_settle(struct tunnel *tunnel)
{
	struct reliable_message *message;

	if (tunnel->state != TUNNEL_GONE) {
		while ((message = l2tp_reliable_next(&tunnel->reliable, tunnel->l2tp->now_ms)) !=
		       NULL)
			message_transmit(tunnel, message);
		if (tunnel->acknowledge_now)
			zlb_send(tunnel);
	}
	l2tp_schedule_set(&tunnel->l2tp->schedule, &tunnel->scheduled, tunnel_deadline(tunnel));
}

static void phase_timeout(struct tunnel *tunnel)
{
	struct verdict verdict = {VERDICT_PEER_FAULT,
				  WIRE_CODE(STOPCCN_GENERAL_REQUEST, ERROR_NONE),
				  CAUSE_l2tp_setup_timeout};

	switch (tunnel->state) {
	case TUNNEL_WAIT_CTL_REPLY:
	case TUNNEL_WAIT_CTL_CONN:
		tunnel_step(tunnel, TUNNEL_EVENT_SETUP_TIMEOUT, NULL, &verdict);
		break;
	case TUNNEL_ESTABLISHED:
		verdict.cause = CAUSE_l2tp_idle_tunnel;
		tunnel_step(tunnel, TUNNEL_EVENT_IDLE_TIMEOUT, NULL, &verdict);
		break;
	default:
		tunnel_step(tunnel, TUNNEL_EVENT_LINGER_TIMEOUT, NULL, NULL);
		break;
	}
}

static void hello_send(struct tunnel *tunnel)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_message_begin(&w, MESSAGE_HELLO, tunnel->peer_id, 0);
	l2tp_tunnel_send(tunnel, &w, MESSAGE_HELLO, 0);
}

bool l2tp_tunnel_ask(struct tunnel *tunnel)
{
	if (tunnel->state != TUNNEL_ESTABLISHED)
		return false;
	tunnel->asked = true;
	tunnel->asked_ns = tunnel->reliable.queue_ns;
	hello_send(tunnel);
	l2tp_tunnel_settle(tunnel);
	return true;
}

void l2tp_tunnel_on_time(struct tunnel *tunnel)
{
	const struct verdict silent = {VERDICT_PEER_FAULT, 0, CAUSE_l2tp_timeout};
	uint64_t now_ms = tunnel->l2tp->now_ms;
	struct session *oldest;

	if (l2tp_reliable_on_time(&tunnel->reliable, now_ms) == -ETIMEDOUT)
		tunnel_step(tunnel, TUNNEL_EVENT_UNDELIVERABLE, NULL, &silent);
	while ((oldest = TAILQ_FIRST(&tunnel->setup)) != NULL &&
	       now_ms >= oldest->setup->deadline_ms)
		l2tp_session_setup_timeout(oldest);
	if (phase_limited(tunnel) && now_ms >= tunnel->phase_deadline_ms)
		phase_timeout(tunnel);
	if (hello_wanted(tunnel) && now_ms >= tunnel->last_seen_ms + tunnel->hello_idle_ms)
		hello_send(tunnel);
	l2tp_tunnel_settle(tunnel);
}
