/* SPDX-License-Identifier: BSD-3-Clause */
/* PPP sessions: from the L2TP call to the open session and its end. */
#include "control/private.h"

#include "base/memory.h"
#include "crypto/esp_suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IPV4_HEADER_BYTES      20
#define IPV6_HEADER_BYTES      40
#define UDP_HEADER_BYTES       8
#define L2TP_PPP_HEADER_BYTES  10 /* data header of six bytes, FF 03, protocol */
#define TCP_IPV4_HEADERS_BYTES 40
#define MRU_PROTECTED          1400
#define MRU_PROTECTED_IPV6     1380 /* the outer header has 20 bytes more */
#define MRU_PLAIN_OVERHEAD     38

static void configure(struct ppp_config *to, const struct config *from, uint16_t mru)
{
	*to = (struct ppp_config){
		.mru = from->ppp_mru != 0 ? (uint16_t)from->ppp_mru : mru,
		.restart_ms = {1000, 1000, 1000, 3000},
		.max_configure = 10,
		.max_terminate = 2,
		.max_failure = 5,
		.setup_ms = 60000,
		.echo_idle_ms = (uint32_t)from->ppp_echo_idle_seconds * 1000,
		.echo_interval_ms = (uint32_t)from->ppp_echo_interval_seconds * 1000,
		.echo_attempts = (uint8_t)from->ppp_echo_attempts,
	};
	for (unsigned i = 0; i < from->ppp_authentication_count; i++) {
		static const uint8_t methods[CONFIG_AUTHENTICATION_COUNT] = {
			[CONFIG_AUTHENTICATION_PAP] = PPP_AUTHENTICATION_PAP,
			[CONFIG_AUTHENTICATION_CHAP_MD5] = PPP_AUTHENTICATION_CHAP_MD5,
			[CONFIG_AUTHENTICATION_MS_CHAP_V2] = PPP_AUTHENTICATION_MS_CHAP_V2,
		};

		to->authentication[to->authentication_count++] =
			methods[from->ppp_authentication[i]];
	}
	memcpy(to->name, from->l2tp_host_name, sizeof(to->name));
}

void ppp_set_up(struct control *control)
{
	uint16_t link = tables_port_mtu(control->tables, 0);
	uint16_t plain = (uint16_t)(link - MRU_PLAIN_OVERHEAD);

	configure(&control->protected_ppp, control->config, MRU_PROTECTED);
	configure(&control->protected_ipv6_ppp, control->config, MRU_PROTECTED_IPV6);
	configure(&control->plain_ppp, control->config, plain > 1492 ? 1492 : plain);
}

/* The largest inner packet whose tunnel packet fits the link, with the SA's padding and tag. */
static uint16_t room_of(const struct session *session)
{
	uint16_t link = tables_port_mtu(session->control->tables, 0);
	bool ipv6 = session_peer(session)->family == ENDPOINT_IPV6;
	uint32_t room =
		path_mtu(session->group, link) - (ipv6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
	const struct child *child;

	if (session->group == NULL)
		return (uint16_t)(room - UDP_HEADER_BYTES - L2TP_PPP_HEADER_BYTES);
	child = session->group->children;
	if (child == NULL)
		return MRU_PROTECTED;
	room -= (child->encapsulated ? UDP_HEADER_BYTES : 0) + 8 +
		(uint32_t)esp_suite_iv_bytes(&child->suite) +
		(uint32_t)esp_suite_tag_bytes(&child->suite);
	room -= room % (uint32_t)esp_suite_block_bytes(&child->suite);
	return (uint16_t)(room - 2 - UDP_HEADER_BYTES - L2TP_PPP_HEADER_BYTES);
}

struct session *session_find(struct control *control, const struct l2tp_space *space,
			     uint16_t tunnel, uint16_t l2tp_session)
{
	struct session *session = control->session_index[session_hash(space, tunnel, l2tp_session)];

	while (session != NULL && (session->space != space || session->tunnel != tunnel ||
				   session->l2tp_session != l2tp_session || session->deleting))
		session = session->next_indexed;
	return session;
}

static void index_add(struct session *session)
{
	struct session **bucket = &session->control->session_index[session_hash(
		session->space, session->tunnel, session->l2tp_session)];

	session->next_indexed = *bucket;
	*bucket = session;
}

static void index_remove(struct session *session)
{
	struct session **link = &session->control->session_index[session_hash(
		session->space, session->tunnel, session->l2tp_session)];

	while (*link != session)
		link = &(*link)->next_indexed;
	*link = session->next_indexed;
}

static void group_session_add(struct session *session)
{
	session->next_in_group = session->group->session_list;
	session->group->session_list = session;
	session->group->sessions++;
}

static void group_session_remove(const struct session *session)
{
	struct session **link = &session->group->session_list;

	while (*link != session)
		link = &(*link)->next_in_group;
	*link = session->next_in_group;
	session->group->sessions--;
}

static void timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct session *session =
		(struct session *)((char *)node - offsetof(struct session, timer));
	struct control *control = session->control;
	uint64_t packets = counter_read(&session->counters->packets_in);
	enum cause limit = session_limit_reached(session, now_ms);

	/* Data is life: no echo is asked for while packets arrive. */
	if (packets != session->packets_seen) {
		session->packets_seen = packets;
		ppp_alive(session->ppp, now_ms);
		l2tp_tunnel_alive(session->space->l2tp, session->tunnel, now_ms);
	}
	if (limit != CAUSE_none)
		ppp_close(session->ppp, limit, now_ms);
	ppp_on_time(session->ppp, now_ms);
	session_drain(session);
	shutdown_progress(control);
}

/* The call is being set up: the worker must know the session before the peer is told of it. */
struct session *session_opening(struct l2tp_space *space, const struct l2tp_event *event)
{
	struct control *control = space->control;
	struct session *session;
	struct message *message;
	uint32_t slot;

	if (control->shutdown != SHUTDOWN_NO)
		return NULL;
	if (space->group != NULL && space->group->sessions >= GROUP_SESSIONS_MAX)
		return NULL;
	slot = slot_pool_take(control->session_slots);
	if (slot == UINT32_MAX)
		return NULL;
	session = memory_new(sizeof(*session));
	session->control = control;
	session->slot = slot;
	session->space = space;
	session->group = space->group;
	load_session_add(session, control->l2tp_worker);
	session->tunnel = event->tunnel;
	session->l2tp_session = event->session;
	session->lac = event->session_up.lac;
	session->local = event->session_up.local;
	session->remote = event->session_up.peer;
	session->user = memory_copy_text("");
	session->pool = -1;
	session->number = ++control->last_session_number;
	session_limits_none(session);
	session->timer.expired = timer_expired;
	if (session->group == NULL) {
		(void)tables_plain_tunnel_add(control->tables, session->tunnel, &session->local,
					      &session->remote);
		tables_plain_session_set(control->tables, session->tunnel, session->l2tp_session,
					 slot);
	} else {
		group_session_add(session);
	}
	control->sessions[slot] = session;
	index_add(session);
	ladder_session_open(session);
	tables_session_owner_set(control->tables, slot, session_owner(session));
	message = mailbox_message_new(control->mailbox, MESSAGE_SESSION_ADD);
	message->session_add.storage = slabs_take(control->storage, SESSION_STORAGE_BYTES);
	session->counters = message->session_add.storage;
	message->session_add.slot = slot;
	message->session_add.group = session->group != NULL ? session->group->slot : NO_SLOT;
	message->session_add.local = session->local;
	message->session_add.remote = session->remote;
	message->session_add.tunnel = session->tunnel;
	message->session_add.session = session->l2tp_session;
	message->session_add.peer_tunnel = event->session_up.peer_tunnel;
	message->session_add.peer_session = event->session_up.peer_session;
	session_send(session, message);
	return session;
}

static const struct ppp_config *ppp_config_of(const struct session *session)
{
	const struct control *control = session->control;

	if (session->group == NULL)
		return &control->plain_ppp;
	return session->group->remote.family == ENDPOINT_IPV6 ? &control->protected_ipv6_ppp
							      : &control->protected_ppp;
}

static void number_keep(char **number, const char *said)
{
	free(*number);
	*number = said[0] != '\0' ? memory_copy_text(said) : NULL;
}

static void numbers_keep(struct session *session, const struct l2tp_event *event)
{
	number_keep(&session->calling_number, event->session_up.calling_number);
	number_keep(&session->called_number, event->session_up.called_number);
}

void session_start(struct l2tp_space *space, const struct l2tp_event *event)
{
	struct control *control = space->control;
	struct session *session = session_find(control, space, event->tunnel, event->session);

	if (session == NULL)
		return;
	session->since_ms = loop_now_ms(control->loop);
	session->call_serial = event->session_up.call_serial;
	numbers_keep(session, event);
	session->ppp = proxy_link_new(control, ppp_config_of(session), event);
	session_drain(session);
}

void session_receive(struct control *control, const struct message *message)
{
	struct session *session =
		message->packet_in.session < (uint32_t)control->config->max_sessions
			? control->sessions[message->packet_in.session]
			: NULL;
	size_t length;
	const uint8_t *bytes = mailbox_packet_bytes(control->mailbox, message, &length);

	if (session == NULL || session->ppp == NULL)
		return;
	ppp_feed(session->ppp, bytes, length, loop_now_ms(control->loop));
	session_drain(session);
}

static void ppp_send(struct session *session, const struct ppp_event *event)
{
	struct control *control = session->control;
	struct message *message = mailbox_message_new(control->mailbox, MESSAGE_SEND_PPP);

	message->send_ppp.slot = session->slot;
	if (mailbox_packet_set(control->mailbox, message, event->send.bytes, event->send.length) !=
	    0) {
		mailbox_message_free(control->mailbox, message);
		return;
	}
	session_send(session, message);
}

const struct endpoint *session_peer(const struct session *session)
{
	return session->group != NULL ? &session->group->remote : &session->remote;
}

/* The worker lets IP flow, in packets of the size that fits now. */
static void worker_open(struct session *session)
{
	struct control *control = session->control;
	const struct ppp_config *ppp = ppp_config_of(session);
	struct message *message;
	uint16_t mss;

	session->mtu = room_of(session);
	if (session->peer_mru < session->mtu)
		session->mtu = session->peer_mru;
	if (session->mtu_limit != 0 && session->mtu_limit < session->mtu)
		session->mtu = session->mtu_limit;
	mss = session->mtu < ppp->mru ? session->mtu : ppp->mru;
	message = mailbox_message_new(control->mailbox, MESSAGE_SESSION_OPEN);
	message->session_open.slot = session->slot;
	message->session_open.peer_address_be = htonl(session->address);
	message->session_open.mtu = session->mtu;
	message->session_open.mss =
		control->config->mss_clamp ? (uint16_t)(mss - TCP_IPV4_HEADERS_BYTES) : 0;
	session_send(session, message);
}

void session_path_changed(struct session *session)
{
	if (session->up && !session->deleting)
		worker_open(session);
}

static void session_up(struct session *session, const struct ppp_event *event)
{
	struct control *control = session->control;
	char peer[ENDPOINT_TEXT_BYTES], address[INET_ADDRSTRLEN];

	session->peer_mru = event->up.peer_mru;
	worker_open(session);
	session->up = true;
	session_limits_begin(session, loop_now_ms(control->loop));
	control->sessions_up++;
	control->sessions_started++;
	subscriber_route_set(session, true);
	inet_ntop(AF_INET, &event->up.grant.peer_address_be, address, sizeof(address));
	log_info(control->log, LOG_PPP,
		 "session up session=%u peer=%s user=\"%s\" address=%s mtu=%u", session->slot,
		 endpoint_text(session_peer(session), peer), session->user, address, session->mtu);
	event_write(control, "session_up", session_peer(session), session->user, address);
	explain_up(control->explain, session->dial);
}

/* `detail`: why, in more words than the cause has. */
static void session_down(struct session *session, const struct ppp_event *event, const char *detail)
{
	struct control *control = session->control;

	login_end(session);
	single_session_remove(session);
	session_limits_none(session);
	if (session->up) {
		session->up = false;
		control->sessions_up--;
		subscriber_route_set(session, false);
		log_info(control->log, LOG_PPP, "session down session=%u user=\"%s\" cause=%s",
			 session->slot, session->user, cause_name(event->down.cause));
		event_write(control, "session_down", session_peer(session), session->user,
			    cause_text(event->down.cause));
		explain_end(control->explain, session->dial, event->down.cause, detail,
			    loop_now_ms(control->loop));
		return;
	}
	dial_failed(control, LOG_PPP, session->dial, event->down.cause, session_peer(session),
		    session->user, detail);
}

static void event_handle(struct session *session, const struct ppp_event *event)
{
	switch (event->kind) {
	case PPP_SEND:
		ppp_send(session, event);
		break;
	case PPP_AUTHENTICATE:
		subscriber_authenticate(session, event);
		break;
	case PPP_UP:
		session_up(session, event);
		break;
	case PPP_DOWN:
		session_down(session, event, event->down.detail);
		session->cause = event->down.cause;
		break;
	case PPP_FINISHED:
		session->finished = true;
		break;
	case PPP_STEP:
		ladder_ppp_step(session, event);
		break;
	}
}

void session_drain(struct session *session)
{
	struct l2tp_space *space = session->space;
	const struct ppp_event *event;
	uint64_t deadline_ms, limit_ms;

	while ((event = ppp_next_event(session->ppp)) != NULL)
		event_handle(session, event);
	deadline_ms = ppp_deadline(session->ppp);
	limit_ms = session_limits_deadline(session);
	timer_wheel_set(loop_wheel(session->control->loop), &session->timer,
			limit_ms < deadline_ms ? limit_ms : deadline_ms);
	if (!session->finished)
		return;
	/* The link is over: the call follows, and its end comes back to session_end(). */
	l2tp_session_close(space->l2tp, session->tunnel, session->l2tp_session,
			   session->cause == CAUSE_administrator || session->cause == CAUSE_shutdown
				   ? RESULT_ADMINISTRATIVE
			   : session->cause == CAUSE_no_address_left ? RESULT_GENERAL_ERROR
								     : RESULT_CARRIER_LOST,
			   session->cause, loop_now_ms(session->control->loop));
	l2tp_space_drain(space);
}

void session_end(struct session *session, enum cause cause, const char *detail)
{
	struct control *control = session->control;

	if (session->ppp != NULL) {
		const struct ppp_event *event;

		/* The call is gone: nothing can be sent, but the end is told once. */
		ppp_close(session->ppp, cause, loop_now_ms(control->loop));
		while ((event = ppp_next_event(session->ppp)) != NULL)
			if (event->kind == PPP_DOWN)
				session_down(session, event, detail);
		ppp_free(session->ppp);
		session->ppp = NULL;
	} else {
		dial_failed(control, LOG_L2TP, session->dial, cause, session_peer(session), NULL,
			    detail);
	}
	timer_wheel_cancel(&session->timer);
	session->deleting = true;
	subscriber_release(session);
	if (session->group == NULL)
		tables_plain_session_set(control->tables, session->tunnel, session->l2tp_session,
					 NO_SLOT);
	removal_ask(control, MESSAGE_SESSION_DELETE,
		    session->group != NULL ? session->group->slot : NO_SLOT, session->slot);
}

void session_free(struct session *session)
{
	timer_wheel_cancel(&session->timer);
	login_end(session);
	single_session_remove(session);
	ppp_free(session->ppp);
	free(session->user);
	free(session->calling_number);
	free(session->called_number);
	slabs_give_back(session->control->storage, session->counters, SESSION_STORAGE_BYTES);
	free(session);
}

void session_removed(struct control *control, struct message *message)
{
	struct session *session = control->sessions[message->remove.slot];
	struct peer_group *group = session->group;

	control->sessions[session->slot] = NULL;
	watches_target_gone(control, false, session->slot);
	slot_pool_give_back(control->session_slots, session->slot);
	load_session_remove(session);
	index_remove(session);
	if (group != NULL)
		group_session_remove(session);
	session_free(session);
	if (group != NULL)
		group_check_gone(group);
}

int control_disconnect(struct control *control, uint32_t slot)
{
	struct session *session =
		slot < (uint32_t)control->config->max_sessions ? control->sessions[slot] : NULL;

	if (session == NULL || session->deleting)
		return -ENOENT;
	if (session->ppp != NULL) {
		ppp_close(session->ppp, CAUSE_administrator, loop_now_ms(control->loop));
		session_drain(session);
	} else {
		(void)l2tp_session_close(session->space->l2tp, session->tunnel,
					 session->l2tp_session, RESULT_ADMINISTRATIVE,
					 CAUSE_administrator, loop_now_ms(control->loop));
		l2tp_space_drain(session->space);
	}
	return 0;
}
