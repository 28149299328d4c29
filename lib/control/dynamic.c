/* SPDX-License-Identifier: BSD-3-Clause */
/* What RADIUS servers ask about sessions that are up: to end one, or to change its times (RFC 5176). */
#include "control/private.h"

#include "base/memory.h"
#include "radius/dynamic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DATAGRAMS_A_TURN 16

struct dynamic {
	struct control *control;
	struct radius_dynamic *engine;
	int descriptor;
};

static bool has_id(const struct session *session, const char *id)
{
	char text[SESSION_ID_BYTES];

	session_id_text(session, text);
	return strcmp(text, id) == 0;
}

static bool is_meant(const struct session *session, const struct radius_dynamic_request *request)
{
	if (!session->up || session->deleting)
		return false;
	if (request->user_name[0] != '\0' && strcmp(request->user_name, session->user) != 0)
		return false;
	if (request->calling_number[0] != '\0' &&
	    (session->calling_number == NULL ||
	     strcmp(request->calling_number, session->calling_number) != 0))
		return false;
	if (request->session_id[0] != '\0' && !has_id(session, request->session_id))
		return false;
	if (request->framed_address_be != 0 &&
	    request->framed_address_be != htonl(session->address))
		return false;
	return request->nas_port == UINT32_MAX || request->nas_port == session->slot;
}

static void session_change(struct session *session, const struct radius_dynamic_request *request)
{
	uint64_t now_ms = loop_now_ms(session->control->loop);

	if (request->has_session_seconds)
		session_limits_set_seconds(session, request->session_seconds, now_ms);
	if (request->has_idle_seconds)
		session_limits_set_idle(session, request->idle_seconds, now_ms);
	session_drain(session);
}

/* How many sessions were meant. */
static unsigned request_do(struct control *control, const struct radius_dynamic_request *request)
{
	unsigned count = 0;

	for (uint32_t slot = 0; slot < (uint32_t)control->config->max_sessions; slot++) {
		struct session *session = control->sessions[slot];

		if (session == NULL || !is_meant(session, request))
			continue;
		count++;
		if (request->disconnect) {
			ppp_close(session->ppp, CAUSE_radius_disconnect,
				  loop_now_ms(control->loop));
			session_drain(session);
		} else {
			session_change(session, request);
		}
	}
	log_info(control->log, LOG_AAA, "RADIUS %s user=\"%s\" sessions=%u",
		 request->disconnect ? "Disconnect-Request" : "CoA-Request", request->user_name,
		 count);
	return count;
}

static void readable(void *object)
{
	struct dynamic *dynamic = object;
	struct radius_dynamic_request request;
	struct radius_dynamic_reply reply;
	uint8_t bytes[4096];

	for (unsigned i = 0; i < DATAGRAMS_A_TURN; i++) {
		struct sockaddr_in source;
		socklen_t size = sizeof(source);
		ssize_t length = recvfrom(dynamic->descriptor, bytes, sizeof(bytes), 0,
					  (struct sockaddr *)&source, &size);
		enum radius_dynamic_verdict verdict;
		struct endpoint from;

		if (length < 0)
			break;
		from = endpoint_ipv4(source.sin_addr.s_addr, ntohs(source.sin_port));
		verdict = radius_dynamic_take(dynamic->engine, &from, bytes, (size_t)length,
					      (uint64_t)time(NULL), &request, &reply);
		if (verdict == RADIUS_DYNAMIC_IGNORE)
			continue;
		if (verdict == RADIUS_DYNAMIC_ACT)
			radius_dynamic_answer(dynamic->engine,
					      request_do(dynamic->control, &request) != 0
						      ? RADIUS_ERROR_NONE
						      : RADIUS_ERROR_NO_SESSION,
					      &reply);
		/* What is not sent is as good as lost: the server repeats its request. */
		(void)sendto(dynamic->descriptor, reply.bytes, reply.length, 0,
			     (const struct sockaddr *)&source, sizeof(source));
	}
	shutdown_progress(dynamic->control);
}

static int socket_open(struct dynamic *dynamic)
{
	const struct sockaddr_in any = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)dynamic->control->config->radius_dynamic_port),
	};

	dynamic->descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dynamic->descriptor < 0)
		return -errno;
	if (bind(dynamic->descriptor, (const struct sockaddr *)&any, sizeof(any)) != 0) {
		int error = -errno;

		close(dynamic->descriptor);
		return error;
	}
	loop_watch(dynamic->control->loop, dynamic->descriptor, readable, dynamic);
	return 0;
}

int dynamic_set_up(struct control *control)
{
	const struct config *config = control->config;
	struct radius_dynamic_config to = {.server_count = config->radius_server_count,
					   .nas_address_be = config->radius_nas_address_be};
	struct dynamic *dynamic;
	int error;

	if (config->radius_dynamic_port == 0)
		return 0;
	for (unsigned i = 0; i < config->radius_server_count; i++)
		to.servers[i] = (struct radius_server_config){
			.address = endpoint_ipv4(config->radius_servers[i].address_be, 0),
			.secret = config->radius_servers[i].secret,
			.secret_bytes = config->radius_servers[i].secret_bytes,
		};
	snprintf(to.nas_identifier, sizeof(to.nas_identifier), "%s", login_nas_identifier(config));
	dynamic = memory_new(sizeof(*dynamic));
	dynamic->control = control;
	error = socket_open(dynamic);
	if (error != 0) {
		log_error(control->log, LOG_AAA, "cannot open radius.dynamic_port port=%d error=%s",
			  config->radius_dynamic_port, strerror(-error));
		free(dynamic);
		return error;
	}
	dynamic->engine = radius_dynamic_new(&to);
	control->dynamic = dynamic;
	return 0;
}

void dynamic_close(struct control *control)
{
	struct dynamic *dynamic = control->dynamic;

	if (dynamic == NULL)
		return;
	control->dynamic = NULL;
	loop_unwatch(control->loop, dynamic->descriptor);
	close(dynamic->descriptor);
	radius_dynamic_free(dynamic->engine);
	free(dynamic);
}

const char *dynamic_counter(const struct control *control, unsigned index, const char **text,
			    uint64_t *value)
{
	*text = radius_dynamic_text(index);
	*value = control->dynamic != NULL ? radius_dynamic_value(control->dynamic->engine, index)
					  : 0;
	return radius_dynamic_name(index);
}
