/* SPDX-License-Identifier: BSD-3-Clause */
/* Logins that RADIUS servers decide: the engine's sockets and timer, and what its events mean. */
#include "control/private.h"

#include "aaa/access.h"
#include "base/memory.h"
#include "radius/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAMS_A_TURN 64

/* A source port of requests. */
struct login_socket {
	struct control *control;
	unsigned number;
	int descriptor;
};

/* What RADIUS needs: control has it if there are servers. */
struct login_servers {
	struct control *control;
	struct radius *radius;
	struct timer_node timer;
	unsigned socket_count;
	struct login_socket sockets[RADIUS_SOCKETS_MAX];
};

/* An attempt that waits for its answer. */
struct login {
	uint64_t exchange;
	struct aaa_request request; /* points into `event` */
	struct ppp_event event;
};

static void timer_set(struct login_servers *servers)
{
	timer_wheel_set(loop_wheel(servers->control->loop), &servers->timer,
			radius_deadline(servers->radius));
}

/* ---- events of the engine ---- */

static void datagram_send(const struct login_servers *servers, const struct radius_event *event)
{
	struct radius_server_view view;
	struct sockaddr_in to = {.sin_family = AF_INET};

	(void)radius_server_view(servers->radius, event->server, &view);
	to.sin_port = htons(view.address.port);
	to.sin_addr.s_addr = endpoint_ipv4_address_be(&view.address);
	/* What is not sent is as good as lost: it is repeated. */
	(void)sendto(servers->sockets[event->send.socket].descriptor, event->send.bytes,
		     event->send.length, 0, (const struct sockaddr *)&to, sizeof(to));
}

static const char *server_text(const struct login_servers *servers, unsigned server,
			       char text[ENDPOINT_TEXT_BYTES])
{
	struct radius_server_view view;

	(void)radius_server_view(servers->radius, server, &view);
	return endpoint_text(&view.address, text);
}

/* The session that an event is about; NULL: it does not wait for it any more. */
static struct session *session_of(const struct control *control, const struct radius_event *event)
{
	struct session *session = event->exchange != 0 ? control->sessions[event->owner] : NULL;

	return session != NULL && session->login != NULL &&
			       session->login->exchange == event->exchange
		       ? session
		       : NULL;
}

static void step_tell(struct session *session, const struct login_servers *servers,
		      const struct radius_event *event)
{
	char meaning[128], server[ENDPOINT_TEXT_BYTES];

	server_text(servers, event->server, server);
	if (event->kind == RADIUS_SEND) {
		snprintf(meaning, sizeof(meaning), "to %s, try %u", server, event->send.attempt);
		ladder_aaa_step(session, false, "Access-Request", meaning);
		return;
	}
	snprintf(meaning, sizeof(meaning), "from %s after %u ms", server, event->after_ms);
	ladder_aaa_step(session, true,
			event->answer.code == RADIUS_ACCESS_ACCEPT   ? "Access-Accept"
			: event->answer.code == RADIUS_ACCESS_REJECT ? "Access-Reject"
								     : "Access-Challenge",
			meaning);
}

static void answer_take(struct session *session, const struct login_servers *servers,
			const struct radius_event *event)
{
	struct login *login = session->login;
	struct aaa_answer answer;

	step_tell(session, servers, event);
	aaa_access_answer_read(&login->request, event->answer.code, event->answer.attributes,
			       event->answer.attributes_bytes, &answer);
	subscriber_settle(session, &answer);
	login_end(session);
}

static void silence_describe(const struct login_servers *servers, const struct radius_event *event,
			     char *detail, size_t room)
{
	size_t length = 0;

	if (event->tried == 0)
		length = (size_t)snprintf(detail, room, "every server is dead");
	for (unsigned i = 0; i < RADIUS_SERVERS_MAX && length < room; i++) {
		char server[ENDPOINT_TEXT_BYTES];

		if ((event->tried & 1u << i) != 0)
			length += (size_t)snprintf(detail + length, room - length, "%s%s",
						   length != 0 ? ", " : "",
						   server_text(servers, i, server));
	}
	if (event->tried != 0 && length < room)
		snprintf(detail + length, room - length, " silent for %u ms", event->after_ms);
}

static void silence_take(struct session *session, const struct login_servers *servers,
			 const struct radius_event *event)
{
	struct control *control = session->control;
	struct aaa_answer answer = {.cause = CAUSE_radius_timeout};

	silence_describe(servers, event, answer.detail, sizeof(answer.detail));
	ladder_aaa_step(session, true, "no answer", answer.detail);
	if (control->config->users_from == CONFIG_USERS_RADIUS_THEN_LOCAL) {
		ladder_aaa_step(session, true, "local users", "no RADIUS server answers");
		aaa_verify(control->aaa, &session->login->request, &answer);
	}
	subscriber_settle(session, &answer);
	login_end(session);
}

static void state_log(const struct login_servers *servers, const struct radius_event *event)
{
	char server[ENDPOINT_TEXT_BYTES];

	server_text(servers, event->server, server);
	if (event->kind == RADIUS_DEAD)
		log_warning(servers->control->log, LOG_AAA, "RADIUS server is dead server=%s",
			    server);
	else
		log_info(servers->control->log, LOG_AAA, "RADIUS server is used again server=%s",
			 server);
}

static struct session *event_handle(const struct login_servers *servers,
				    const struct radius_event *event)
{
	struct session *session = session_of(servers->control, event);

	switch (event->kind) {
	case RADIUS_SEND:
		datagram_send(servers, event);
		if (session != NULL)
			step_tell(session, servers, event);
		return NULL;
	case RADIUS_ANSWER:
		if (session != NULL)
			answer_take(session, servers, event);
		return session;
	case RADIUS_SILENT:
		if (session != NULL)
			silence_take(session, servers, event);
		return session;
	default:
		state_log(servers, event);
		return NULL;
	}
}

/* `asking` is being drained by the caller. */
static void drain(struct login_servers *servers, const struct session *asking)
{
	const struct radius_event *event;

	while ((event = radius_next_event(servers->radius)) != NULL) {
		struct session *session = event_handle(servers, event);

		if (session != NULL && session != asking)
			session_drain(session);
	}
	timer_set(servers);
}

static void timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct login_servers *servers =
		(struct login_servers *)((char *)node - offsetof(struct login_servers, timer));

	radius_on_time(servers->radius, now_ms);
	drain(servers, NULL);
	shutdown_progress(servers->control);
}

static void readable(void *object)
{
	const struct login_socket *from = object;
	struct control *control = from->control;
	struct login_servers *servers = control->login_servers;
	uint8_t bytes[RADIUS_PACKET_BYTES_MAX];

	for (unsigned i = 0; i < DATAGRAMS_A_TURN; i++) {
		struct sockaddr_in source;
		socklen_t size = sizeof(source);
		ssize_t length = recvfrom(from->descriptor, bytes, sizeof(bytes), 0,
					  (struct sockaddr *)&source, &size);
		struct endpoint server;

		if (length < 0)
			break;
		server = endpoint_ipv4(source.sin_addr.s_addr, ntohs(source.sin_port));
		radius_feed(servers->radius, from->number, &server, bytes, (size_t)length,
			    loop_now_ms(control->loop));
		drain(servers, NULL);
	}
	shutdown_progress(control);
}

/* ---- set up and end ---- */

static int socket_open(struct control *control, struct login_socket *source, unsigned number)
{
	const struct sockaddr_in any = {.sin_family = AF_INET};

	source->control = control;
	source->number = number;
	source->descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (source->descriptor < 0)
		return -errno;
	if (bind(source->descriptor, (const struct sockaddr *)&any, sizeof(any)) != 0) {
		int error = -errno;

		close(source->descriptor);
		return error;
	}
	loop_watch(control->loop, source->descriptor, readable, source);
	return 0;
}

static struct radius *engine_new(struct control *control)
{
	const struct config *config = control->config;
	struct radius_config to = {
		.server_count = config->radius_server_count,
		.sockets = (unsigned)config->radius_source_ports,
		.timeout_ms = (uint32_t)config->radius_timeout_ms,
		.retries = (unsigned)config->radius_retries,
		.give_up_ms = (uint32_t)config->radius_give_up_ms,
		.dead_ms = (uint32_t)config->radius_dead_seconds * 1000,
		.status_ms = (uint32_t)config->radius_status_seconds * 1000,
		.queue_max = (uint32_t)config->radius_queue,
	};

	for (unsigned i = 0; i < config->radius_server_count; i++) {
		const struct config_radius_server *from = &config->radius_servers[i];

		to.servers[i] = (struct radius_server_config){
			.address = endpoint_ipv4(from->address_be, (uint16_t)from->port),
			.secret = from->secret,
			.secret_bytes = from->secret_bytes,
			.priority = (unsigned)from->priority,
			.weight = (unsigned)from->weight,
		};
	}
	snprintf(to.nas_identifier, sizeof(to.nas_identifier), "%s", login_nas_identifier(config));
	return radius_new(&to, &control->random, loop_now_ms(control->loop));
}

int login_set_up(struct control *control)
{
	struct login_servers *servers;

	if (control->config->users_from == CONFIG_USERS_LOCAL)
		return 0;
	servers = memory_new(sizeof(*servers));
	servers->control = control;
	servers->timer.expired = timer_expired;
	servers->radius = engine_new(control);
	control->login_servers = servers;
	for (unsigned i = 0; i < (unsigned)control->config->radius_source_ports; i++) {
		int error = socket_open(control, &servers->sockets[i], i);

		if (error != 0) {
			log_error(control->log, LOG_AAA, "cannot open a socket for RADIUS error=%s",
				  strerror(-error));
			return error;
		}
		servers->socket_count++;
	}
	return 0;
}

void login_close(struct control *control)
{
	struct login_servers *servers = control->login_servers;

	if (servers == NULL)
		return;
	timer_wheel_cancel(&servers->timer);
	for (unsigned i = 0; i < servers->socket_count; i++) {
		loop_unwatch(control->loop, servers->sockets[i].descriptor);
		close(servers->sockets[i].descriptor);
	}
	radius_free(servers->radius);
	control->login_servers = NULL;
	free(servers);
}

const char *login_nas_identifier(const struct config *config)
{
	return config->radius_nas_identifier[0] != '\0' ? config->radius_nas_identifier
							: config->l2tp_host_name;
}

/* ---- a session's login ---- */

void session_id_text(const struct session *session, char text[SESSION_ID_BYTES])
{
	snprintf(text, SESSION_ID_BYTES, "%011" PRIx64 "-%08" PRIx64, session->control->started_ms,
		 session->number);
}

static int request_make(struct session *session, uint64_t *exchange)
{
	struct control *control = session->control;
	const struct aaa_request *request = &session->login->request;
	const struct endpoint *local =
		session->group != NULL ? &session->group->local : &session->local;
	const char *kind = session->group != NULL ? "L2TP/IPsec" : "L2TP";
	char id[SESSION_ID_BYTES];
	const struct aaa_line line = {
		.session_id = id,
		.calling = session->calling_number != NULL ? session->calling_number : "",
		.called = session->called_number != NULL ? session->called_number : "",
		.connect_info = kind,
		.nas_identifier = login_nas_identifier(control->config),
		.nas_address_be = control->config->radius_nas_address_be != 0
					  ? control->config->radius_nas_address_be
					  : endpoint_ipv4_address_be(local),
		.port = session->slot,
		.tunnel = session->tunnel,
		.l2tp_session = session->l2tp_session,
		.peer_name = l2tp_tunnel_host_name(session->space->l2tp, session->tunnel),
		.our_name = control->config->l2tp_host_name,
		.call_serial = session->call_serial,
		.local = *local,
		.remote = *session_peer(session),
	};
	uint8_t attributes[1024];
	struct writer w = writer_over(attributes, sizeof(attributes));
	struct radius_request ask = {
		.owner = session->slot,
		.attributes = attributes,
		.password = request->method == AAA_METHOD_PAP ? request->password : NULL,
		.password_bytes = request->method == AAA_METHOD_PAP ? request->password_bytes : 0,
	};

	session_id_text(session, id);
	aaa_access_request_write(request, &line, &w);
	ask.attributes_bytes = writer_length(&w);
	return writer_failed(&w) ? -EMSGSIZE
				 : radius_ask(control->login_servers->radius, &ask,
					      loop_now_ms(control->loop), exchange);
}

void login_ask(struct session *session, const struct ppp_event *event)
{
	struct login_servers *servers = session->control->login_servers;
	struct login *login = memory_new(sizeof(*login));
	int error;

	login_end(session);
	session->login = login;
	login->event = *event;
	login->request = subscriber_request(&login->event);
	error = request_make(session, &login->exchange);
	if (error != 0) {
		struct aaa_answer answer = {.cause = CAUSE_radius_queue_full};

		snprintf(answer.detail, sizeof(answer.detail), "%u wait",
			 radius_waiting(servers->radius));
		subscriber_settle(session, &answer);
		login_end(session);
		return;
	}
	drain(servers, session);
}

void login_end(struct session *session)
{
	struct login_servers *servers = session->control->login_servers;
	struct login *login = session->login;

	if (login == NULL)
		return;
	session->login = NULL;
	/* What that makes of others is told in the next turn: this one is in the midst of something. */
	radius_cancel(servers->radius, login->exchange, loop_now_ms(session->control->loop));
	timer_wheel_set(loop_wheel(session->control->loop), &servers->timer,
			loop_now_ms(session->control->loop));
	memory_wipe(login, sizeof(*login));
	free(login);
}

bool control_radius_server(const struct control *control, unsigned index,
			   struct radius_server_view *view)
{
	return control->login_servers != NULL &&
	       radius_server_view(control->login_servers->radius, index, view);
}

const char *control_radius_bad(const struct control *control, unsigned index, const char **text,
			       uint64_t *value)
{
	if (index >= RADIUS_BAD_COUNT)
		return NULL;
	*text = radius_bad_text(index);
	*value = control->login_servers != NULL
			 ? radius_bad_replies(control->login_servers->radius, index)
			 : 0;
	return radius_bad_name(index);
}
