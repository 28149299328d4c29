/* SPDX-License-Identifier: BSD-3-Clause */
/* L2TP engines: one for each peer group, one for all listeners of plain L2TP. */
#include "control/private.h"

#include "base/memory.h"

#include <string.h>

/* Times the most tunnels of a client: GROUP_SESSIONS_MAX. */
#define SESSIONS_PER_CLIENT_TUNNEL 4

static void configure(struct l2tp_config *to, const struct config *from, bool secured,
		      uint32_t tunnels)
{
	*to = (struct l2tp_config){
		.secured = secured,
		.secret = from->l2tp_secret,
		.secret_bytes = from->l2tp_secret_bytes,
		.challenge_peer = !secured && from->l2tp_challenge,
		.receive_window = (uint16_t)from->l2tp_receive_window,
		.tunnels_total = tunnels,
		.sessions_per_tunnel = (uint32_t)from->l2tp_sessions_per_tunnel,
		.hello_idle_ms = (uint32_t)from->l2tp_hello_idle_seconds * 1000,
		.retransmit_first_ms = 1000,
		.retransmit_cap_ms = 8000,
		.retransmit_attempts = 5,
		.setup_ms = 30000,
		.idle_tunnel_ms = 30000,
		.closed_linger_ms = 31000,
	};
	memcpy(to->host_name, from->l2tp_host_name, sizeof(to->host_name));
}

static void lacs_configure(struct control *control)
{
	const struct config *config = control->config;

	if (config->lac_count == 0)
		return;
	control->lacs = memory_new_array(config->lac_count, sizeof(*control->lacs));
	for (unsigned i = 0; i < config->lac_count; i++) {
		const struct config_lac *from = &config->lacs[i];
		struct l2tp_lac *to = &control->lacs[i];

		memcpy(to->host_name, from->host_name, sizeof(to->host_name));
		to->secret = from->secret;
		to->secret_bytes = from->secret_bytes;
		to->sessions_max = (uint32_t)from->sessions;
	}
	control->plain_l2tp.lacs = control->lacs;
	control->plain_l2tp.lac_count = (uint16_t)config->lac_count;
}

void l2tp_set_up(struct control *control)
{
	const struct config *config = control->config;

	configure(&control->client_l2tp, config, true, (uint32_t)config->l2tp_tunnels_per_client);
	if (control->client_l2tp.sessions_per_tunnel > SESSIONS_PER_CLIENT_TUNNEL)
		control->client_l2tp.sessions_per_tunnel = SESSIONS_PER_CLIENT_TUNNEL;
	configure(&control->plain_l2tp, config, false, 65535);
	lacs_configure(control);
	l2tp_space_open(&control->plain, control, NULL);
}

static void timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct l2tp_space *space =
		(struct l2tp_space *)((char *)node - offsetof(struct l2tp_space, timer));
	struct control *control = space->control;

	l2tp_on_time(space->l2tp, now_ms);
	l2tp_space_drain(space);
	shutdown_progress(control);
}

void l2tp_space_open(struct l2tp_space *space, struct control *control, struct peer_group *group)
{
	space->control = control;
	space->group = group;
	space->l2tp = l2tp_new_small(group != NULL ? &control->client_l2tp : &control->plain_l2tp,
				     &control->random, &control->l2tp_counters);
	space->timer.expired = timer_expired;
}

/* Keeps the sums of all spaces, so that nobody has to walk through them. */
static void space_count(struct l2tp_space *space, uint32_t tunnels, bool busy)
{
	struct control *control = space->control;

	control->tunnels += tunnels - space->tunnels;
	control->busy_spaces += (uint32_t)busy - (uint32_t)space->busy;
	space->tunnels = tunnels;
	space->busy = busy;
}

void l2tp_space_close(struct l2tp_space *space)
{
	space_count(space, 0, false);
	timer_wheel_cancel(&space->timer);
	l2tp_free(space->l2tp);
	space->l2tp = NULL;
}

static bool plain_listener(const struct config *config, const struct endpoint *local)
{
	for (unsigned i = 0; i < config->listener_count; i++)
		if (config->listeners[i].ipsec != CONFIG_IPSEC_REQUIRED &&
		    (config->listeners[i].address.family == ENDPOINT_NONE ||
		     endpoint_same_address(&config->listeners[i].address, local)))
			return true;
	return false;
}

void l2tp_receive(struct control *control, const struct message *message)
{
	struct l2tp_space *space = &control->plain;
	struct endpoint local = message->packet_in.local;
	size_t length;
	const uint8_t *bytes = mailbox_packet_bytes(control->mailbox, message, &length);

	if (message->packet_in.group != NO_SLOT) {
		struct peer_group *group = control->groups[message->packet_in.group];

		if (group == NULL || group->down)
			return;
		space = &group->space;
		local = group->local;
		local.port = message->packet_in.local.port;
	} else if (!plain_listener(control->config, &local)) {
		return;
	}
	if (control->shutdown != SHUTDOWN_NO && l2tp_tunnels(space->l2tp) == 0)
		return;
	control->l2tp_worker = message->worker;
	control->l2tp_peer = message->packet_in.remote;
	l2tp_feed(space->l2tp, &message->packet_in.remote, &local, bytes, length,
		  loop_now_ms(control->loop));
	l2tp_space_drain(space);
}

/*
 * The listener requires IPsec: nothing is answered, but the operator is told, once for each dial of a
 * peer: it repeats its request for half a minute.
 */
void l2tp_in_clear(struct control *control, const struct message *message)
{
	const struct endpoint *peer = &message->packet_in.remote;
	explain_dial dial = ladder_in_clear(control, peer);

	if (dial != 0)
		dial_failed(control, LOG_L2TP, dial, CAUSE_l2tp_in_clear, peer, NULL, "");
}

static void l2tp_send(struct l2tp_space *space, const struct l2tp_event *event)
{
	struct control *control = space->control;
	struct message *message = mailbox_message_new(control->mailbox, MESSAGE_SEND_L2TP);

	message->send_l2tp.group = space->group != NULL ? space->group->slot : NO_SLOT;
	message->send_l2tp.local = event->send.from;
	message->send_l2tp.remote = event->send.to;
	if (mailbox_packet_set(control->mailbox, message, event->send.bytes, event->send.length) !=
	    0) {
		mailbox_message_free(control->mailbox, message);
		return;
	}
	/*
	 * All of a plain tunnel leaves by one worker, whichever owns the session that it is about: LACs
	 * exist that take messages in their order only. A session is in its owner's ring before, and so
	 * known there before the peer can have read ICRP and sent data.
	 */
	if (space->group != NULL)
		group_send(space->group, message);
	else
		mailbox_send(control->mailbox, 0, message);
}

/* The outer address of a tunnel, for logs and events. */
static const struct endpoint *peer_of(const struct l2tp_space *space, const struct endpoint *from)
{
	return space->group != NULL ? &space->group->remote : from;
}

static void tunnel_up(struct l2tp_space *space, const struct l2tp_event *event)
{
	struct control *control = space->control;
	char peer[ENDPOINT_TEXT_BYTES];

	log_info(control->log, LOG_L2TP, "tunnel up peer=%s tunnel=%u host=\"%s\" vendor=\"%s\"",
		 endpoint_text(peer_of(space, &event->tunnel_up.peer), peer), event->tunnel,
		 event->tunnel_up.host_name, event->tunnel_up.vendor_name);
}

static void tunnel_down(struct l2tp_space *space, const struct l2tp_event *event)
{
	struct control *control = space->control;
	explain_dial dial = ladder_tunnel(space, event->tunnel);
	char detail[L2TP_DOWN_TEXT_BYTES];

	if (space->group == NULL)
		tables_plain_tunnel_delete(control->tables, event->tunnel);
	l2tp_down_text(event, detail);
	if (!event->down.was_up || explain_is_running(control->explain, dial))
		dial_failed(control, LOG_L2TP, dial, event->down.cause,
			    peer_of(space, &event->down.peer), NULL, detail);
	log_info(control->log, LOG_L2TP, "tunnel down tunnel=%u cause=%s %s", event->tunnel,
		 cause_name(event->down.cause), detail);
}

static void session_down(struct l2tp_space *space, const struct l2tp_event *event)
{
	struct session *session =
		session_find(space->control, space, event->tunnel, event->session);
	char detail[L2TP_DOWN_TEXT_BYTES];

	l2tp_down_text(event, detail);
	if (session != NULL)
		session_end(session, event->down.cause, detail);
	else
		dial_failed(space->control, LOG_L2TP, ladder_tunnel(space, event->tunnel),
			    event->down.cause, peer_of(space, &event->down.peer), NULL, detail);
}

static void event_handle(struct l2tp_space *space, const struct l2tp_event *event)
{
	struct control *control = space->control;

	switch (event->kind) {
	case L2TP_SEND:
		l2tp_send(space, event);
		break;
	case L2TP_TUNNEL_UP:
		tunnel_up(space, event);
		break;
	case L2TP_TUNNEL_DOWN:
		tunnel_down(space, event);
		break;
	case L2TP_TUNNEL_GONE:
		break;
	case L2TP_SESSION_OPENING:
		if (session_opening(space, event) == NULL)
			l2tp_session_close(space->l2tp, event->tunnel, event->session,
					   RESULT_GENERAL_ERROR, CAUSE_l2tp_too_many_sessions,
					   loop_now_ms(control->loop));
		break;
	case L2TP_SESSION_UP:
		session_start(space, event);
		break;
	case L2TP_SESSION_DOWN:
		session_down(space, event);
		break;
	case L2TP_ANSWERED:
		group_answered(space->group);
		break;
	case L2TP_STEP:
		ladder_l2tp_step(space, event);
		break;
	}
}

void l2tp_space_drain(struct l2tp_space *space)
{
	const struct l2tp_event *event;

	while ((event = l2tp_next_event(space->l2tp)) != NULL)
		event_handle(space, event);
	space_count(space, (uint32_t)l2tp_tunnels(space->l2tp),
		    space->control->shutdown != SHUTDOWN_NO && l2tp_busy_tunnels(space->l2tp) != 0);
	timer_wheel_set(loop_wheel(space->control->loop), &space->timer,
			l2tp_deadline(space->l2tp));
}
