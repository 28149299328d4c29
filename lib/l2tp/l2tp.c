/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/engine.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *l2tp_counter_name(enum l2tp_counter counter)
{
	static const char *const names[] = {
#define L2TP_COUNTER(name, text) #name,
#include "l2tp/counters.def"
#undef L2TP_COUNTER
	};

	return names[counter];
}

const char *l2tp_counter_text(enum l2tp_counter counter)
{
	static const char *const texts[] = {
#define L2TP_COUNTER(name, text) text,
#include "l2tp/counters.def"
#undef L2TP_COUNTER
	};

	return texts[counter];
}

struct l2tp *l2tp_new(const struct l2tp_config *config, const struct random_source *random,
		      struct l2tp_counters *counters)
{
	struct l2tp_config *own = memory_new(sizeof(*own));
	struct l2tp *l2tp;

	*own = *config;
	l2tp = l2tp_new_small(own, random, counters);
	l2tp->own_config = own;
	return l2tp;
}

struct l2tp *l2tp_new_small(const struct l2tp_config *config, const struct random_source *random,
			    struct l2tp_counters *counters)
{
	struct l2tp *l2tp = memory_new(sizeof(*l2tp));

	l2tp->config = config;
	l2tp->by_peer_buckets = 1;
	l2tp->random = *random;
	l2tp->counters = counters;
	counters->engines++;
	event_queue_init(&l2tp->events);
	/* Lingering tunnels keep their ids besides the live ones. */
	l2tp_id_table_init(&l2tp->tunnels, 2 * config->tunnels_total + 2, random_u16(random));
	TAILQ_INIT(&l2tp->half_open);
	TAILQ_INIT(&l2tp->lingering);
	TAILQ_INIT(&l2tp->dead);
	TAILQ_INIT(&l2tp->dead_sessions);
	if (config->lac_count != 0)
		l2tp->lac_use = memory_new_array(config->lac_count, sizeof(*l2tp->lac_use));
	return l2tp;
}

void l2tp_free(struct l2tp *l2tp)
{
	struct tunnel *tunnel;
	uint32_t place = 0;

	if (l2tp == NULL)
		return;
	while ((tunnel = l2tp_id_table_next(&l2tp->tunnels, &place)) != NULL)
		l2tp_tunnel_free(tunnel);
	l2tp_id_table_clear(&l2tp->tunnels);
	l2tp_schedule_clear(&l2tp->schedule);
	l2tp->counters->engines--;
	event_queue_clear(&l2tp->events);
	free(l2tp->by_peer);
	free(l2tp->lac_use);
	free(l2tp->own_config);
	free(l2tp);
}

/* Ends a call: what died in it is freed now. */
static void reap(struct l2tp *l2tp)
{
	struct session *session;
	struct tunnel *tunnel;

	while ((session = TAILQ_FIRST(&l2tp->dead_sessions)) != NULL) {
		TAILQ_REMOVE(&l2tp->dead_sessions, session, link);
		l2tp_session_free(session);
	}
	while ((tunnel = TAILQ_FIRST(&l2tp->dead)) != NULL) {
		TAILQ_REMOVE(&l2tp->dead, tunnel, link);
		l2tp_schedule_set(&l2tp->schedule, &tunnel->scheduled, UINT64_MAX);
		l2tp_id_table_remove(&l2tp->tunnels, tunnel->id);
		l2tp->tunnel_count--;
		l2tp_tunnel_free(tunnel);
	}
}

struct l2tp_event *l2tp_event_new(struct l2tp *l2tp, enum l2tp_event_kind kind, uint16_t tunnel,
				  uint16_t session, size_t extra)
{
	struct l2tp_event *event = event_queue_push(&l2tp->events, sizeof(*event) + extra);

	event->kind = kind;
	event->tunnel = tunnel;
	event->session = session;
	return event;
}

static struct l2tp_event *step_new(struct l2tp *l2tp, bool inbound, unsigned type,
				   const char *meaning, uint16_t tunnel, uint16_t session)
{
	struct l2tp_event *event = l2tp_event_new(l2tp, L2TP_STEP, tunnel, session, 0);

	event->step.inbound = inbound;
	event->step.message = l2tp_message_name(type);
	event->step.meaning = meaning;
	return event;
}

void l2tp_step(struct l2tp *l2tp, bool inbound, unsigned type, const char *meaning, uint16_t tunnel,
	       uint16_t session)
{
	(void)step_new(l2tp, inbound, type, meaning, tunnel, session);
}

void l2tp_step_begin(struct l2tp *l2tp, uint16_t tunnel)
{
	struct l2tp_event *event =
		step_new(l2tp, true, MESSAGE_SCCRQ, l2tp_message_meaning(MESSAGE_SCCRQ), tunnel, 0);

	event->step.begins = true;
}

void l2tp_send(struct l2tp *l2tp, uint16_t tunnel, uint16_t session, const struct endpoint *to,
	       const struct endpoint *from, const uint8_t *bytes, size_t length)
{
	struct l2tp_event *event = l2tp_event_new(l2tp, L2TP_SEND, tunnel, session, length);
	uint8_t *copy = (uint8_t *)(event + 1);

	memcpy(copy, bytes, length);
	event->send.to = *to;
	event->send.from = *from;
	event->send.length = length;
	event->send.bytes = copy;
}

void l2tp_down(struct l2tp *l2tp, enum l2tp_event_kind kind, uint16_t tunnel, uint16_t session,
	       const struct endpoint *peer, bool was_up, const struct verdict *verdict,
	       const struct message *message)
{
	struct l2tp_event *event = l2tp_event_new(l2tp, kind, tunnel, session, 0);

	event->down.peer = *peer;
	event->down.cause = verdict->cause;
	event->down.was_up = was_up;
	if (message == NULL) {
		event->down.result_code = verdict->wire_code >> 8;
		event->down.error_code = verdict->wire_code & 0xff;
		return;
	}
	event->down.result_code = message->result_code;
	event->down.error_code = message->error_code;
	event->down.q931_cause = message->q931_cause;
	event->down.ppp_disconnect_code = message->ppp_disconnect_code;
	memcpy(event->down.message,
	       message->error_message[0] != '\0' ? message->error_message : message->advisory,
	       sizeof(event->down.message));
}

void l2tp_down_text(const struct l2tp_event *event, char text[L2TP_DOWN_TEXT_BYTES])
{
	size_t at = 0;

	text[0] = '\0';
	if (event->down.result_code != 0)
		at += (size_t)snprintf(text, L2TP_DOWN_TEXT_BYTES, "result %u, error %u",
				       event->down.result_code, event->down.error_code);
	if (event->down.q931_cause != 0)
		at += (size_t)snprintf(text + at, L2TP_DOWN_TEXT_BYTES - at, "%sQ.931 cause %u",
				       at == 0 ? "" : ", ", event->down.q931_cause);
	if (event->down.ppp_disconnect_code != 0)
		at += (size_t)snprintf(text + at, L2TP_DOWN_TEXT_BYTES - at,
				       "%sPPP disconnect code %u", at == 0 ? "" : ", ",
				       event->down.ppp_disconnect_code);
	if (event->down.message[0] != '\0')
		snprintf(text + at, L2TP_DOWN_TEXT_BYTES - at, "%s%s", at == 0 ? "" : ": ",
			 event->down.message);
}

enum cause l2tp_stopccn_cause(uint16_t result_code)
{
	static const enum cause causes[] = {
		CAUSE_peer_request,       CAUSE_peer_closed_tunnel,  CAUSE_peer_tunnel_error,
		CAUSE_peer_tunnel_exists, CAUSE_peer_not_authorized, CAUSE_peer_refuses_version,
		CAUSE_peer_shutting_down, CAUSE_peer_state_error,
	};

	return result_code < sizeof(causes) / sizeof(causes[0]) ? causes[result_code]
								: CAUSE_peer_tunnel_code;
}

enum cause l2tp_cdn_cause(uint16_t result_code)
{
	static const enum cause causes[] = {
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
	};

	return result_code < sizeof(causes) / sizeof(causes[0]) ? causes[result_code]
								: CAUSE_peer_call_code;
}

void l2tp_feed(struct l2tp *l2tp, const struct endpoint *from, const struct endpoint *local,
	       const uint8_t *bytes, size_t length, uint64_t now_ms)
{
	struct message_header header;
	struct tunnel *tunnel;
	struct cursor body;
	int error = l2tp_message_header_parse(bytes, length, &header, &body);

	l2tp->now_ms = now_ms;
	if (error != 0) {
		l2tp_count(l2tp, error == -EPROTONOSUPPORT ? L2TP_COUNTER_wrong_version
							   : L2TP_COUNTER_malformed);
		return;
	}
	if (header.tunnel == 0) {
		l2tp_tunnel_request(l2tp, &header, body, from, local);
		reap(l2tp);
		return;
	}
	tunnel = l2tp_id_table_find(&l2tp->tunnels, header.tunnel);
	if (tunnel == NULL) {
		l2tp_count(l2tp, L2TP_COUNTER_unknown_tunnel);
		return;
	}
	if (!endpoint_equal(&tunnel->peer, from)) {
		if (!l2tp->config->secured) {
			l2tp_count(l2tp, L2TP_COUNTER_wrong_peer);
			return;
		}
		l2tp_tunnel_follow_peer(tunnel, from);
	}
	l2tp_tunnel_receive(tunnel, &header, bytes, MESSAGE_HEADER_BYTES + cursor_left(&body));
	reap(l2tp);
}

void l2tp_tunnel_alive(struct l2tp *l2tp, uint16_t id, uint64_t seen_ms)
{
	struct tunnel *tunnel = l2tp_id_table_find(&l2tp->tunnels, id);

	if (tunnel == NULL || tunnel->last_seen_ms >= seen_ms)
		return;
	tunnel->last_seen_ms = seen_ms;
	l2tp_tunnel_settle(tunnel);
}

const char *l2tp_tunnel_host_name(const struct l2tp *l2tp, uint16_t id)
{
	const struct tunnel *tunnel = l2tp_id_table_find(&l2tp->tunnels, id);

	return tunnel != NULL && tunnel->host_name != NULL ? tunnel->host_name : "";
}

int l2tp_session_close(struct l2tp *l2tp, uint16_t tunnel_id, uint16_t session_id,
		       uint16_t result_code, enum cause cause, uint64_t now_ms)
{
	const struct verdict verdict = {VERDICT_OWN_FAULT, WIRE_CODE(result_code, ERROR_NONE),
					cause};
	struct tunnel *tunnel = l2tp_id_table_find(&l2tp->tunnels, tunnel_id);
	struct session *session = NULL;

	l2tp->now_ms = now_ms;
	if (tunnel != NULL)
		session = l2tp_id_table_find(&tunnel->sessions, session_id);
	if (session == NULL)
		return -ENOENT;
	l2tp_session_clear(session, &verdict);
	l2tp_tunnel_settle(tunnel);
	reap(l2tp);
	return 0;
}

int l2tp_tunnel_close(struct l2tp *l2tp, uint16_t id, uint16_t result_code, enum cause cause,
		      uint64_t now_ms)
{
	const struct verdict verdict = {VERDICT_OWN_FAULT, WIRE_CODE(result_code, ERROR_NONE),
					cause};
	struct tunnel *tunnel = l2tp_id_table_find(&l2tp->tunnels, id);

	l2tp->now_ms = now_ms;
	if (tunnel == NULL)
		return -ENOENT;
	l2tp_tunnel_stop(tunnel, &verdict);
	l2tp_tunnel_settle(tunnel);
	reap(l2tp);
	return 0;
}

void l2tp_close_all(struct l2tp *l2tp, uint16_t result_code, enum cause cause, uint64_t now_ms)
{
	struct tunnel *tunnel;
	uint32_t place = 0;

	while ((tunnel = l2tp_id_table_next(&l2tp->tunnels, &place)) != NULL)
		l2tp_tunnel_close(l2tp, tunnel->id, result_code, cause, now_ms);
}

bool l2tp_ask(struct l2tp *l2tp, uint64_t now_ms)
{
	struct tunnel *tunnel;
	uint32_t place = 0;
	bool asked = false;

	l2tp->now_ms = now_ms;
	while ((tunnel = l2tp_id_table_next(&l2tp->tunnels, &place)) != NULL)
		asked |= l2tp_tunnel_ask(tunnel);
	return asked;
}

size_t l2tp_busy_tunnels(const struct l2tp *l2tp)
{
	const struct tunnel *tunnel;
	size_t quiet = 0;

	TAILQ_FOREACH(tunnel, &l2tp->lingering, link)
	if (STAILQ_EMPTY(&tunnel->reliable.queue))
		quiet++;
	return l2tp->tunnel_count - quiet;
}

bool l2tp_tunnel_is_quiet(const struct l2tp *l2tp, uint16_t id)
{
	const struct tunnel *tunnel = l2tp_id_table_find(&l2tp->tunnels, id);

	return tunnel == NULL ||
	       (tunnel->state == TUNNEL_STOPPED && STAILQ_EMPTY(&tunnel->reliable.queue));
}

size_t l2tp_tunnels(const struct l2tp *l2tp)
{
	return l2tp->tunnel_count;
}

uint64_t l2tp_deadline(const struct l2tp *l2tp)
{
	const struct schedule_entry *first = l2tp_schedule_first(&l2tp->schedule);

	return first == NULL ? UINT64_MAX : first->deadline_ms;
}

void l2tp_on_time(struct l2tp *l2tp, uint64_t now_ms)
{
	struct schedule_entry *first;

	l2tp->now_ms = now_ms;
	while ((first = l2tp_schedule_first(&l2tp->schedule)) != NULL &&
	       first->deadline_ms <= now_ms)
		l2tp_tunnel_on_time((struct tunnel *)first);
	reap(l2tp);
}

const struct l2tp_event *l2tp_next_event(struct l2tp *l2tp)
{
	return event_queue_pop(&l2tp->events);
}

size_t l2tp_list_tunnels(const struct l2tp *l2tp, uint32_t *cursor, struct l2tp_tunnel_view *views,
			 size_t count)
{
	const struct tunnel *tunnel;
	size_t filled = 0;

	while (filled < count && (tunnel = l2tp_id_table_next(&l2tp->tunnels, cursor)) != NULL) {
		struct l2tp_tunnel_view *view = &views[filled++];

		*view = (struct l2tp_tunnel_view){
			.tunnel = tunnel->id,
			.peer_tunnel = tunnel->peer_id,
			.peer = tunnel->peer,
			.local = tunnel->local,
			.state = l2tp_tunnel_state_name(tunnel->state),
			.sessions = tunnel->session_count,
			.send_next = tunnel->reliable.sent_ns,
			.receive_next = tunnel->reliable.nr,
			.unacknowledged = tunnel->reliable.queued,
		};
		if (tunnel->host_name != NULL)
			snprintf(view->host_name, sizeof(view->host_name), "%s", tunnel->host_name);
	}
	return filled;
}
