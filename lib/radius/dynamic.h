/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RADIUS_DYNAMIC_H
#define RADIUS_DYNAMIC_H

/*
 * The server of Disconnect- and CoA-Requests (RFC 5176) as an engine without I/O. A server that is
 * asked for logins may send them, from any port, under its secret. What it repeats is answered as
 * before and not done again. Only the control core calls it.
 */

#include "radius/radius.h"

struct radius_dynamic;

/* Error-Cause (RFC 5176 3.5). */
enum radius_error_cause {
	RADIUS_ERROR_NONE = 0, /* it is done: an ACK */
	RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE = 401,
	RADIUS_ERROR_MISSING_ATTRIBUTE = 402,
	RADIUS_ERROR_OTHER_NAS = 403,
	RADIUS_ERROR_INVALID_VALUE = 407,
	RADIUS_ERROR_NO_SESSION = 503,
};

/* Servers' secrets are borrowed for the engine's life. */
struct radius_dynamic_config {
	struct radius_server_config servers[RADIUS_SERVERS_MAX]; /* address and secret count */
	unsigned server_count;
	char nas_identifier[64];
	uint32_t nas_address_be; /* 0: NAS-IP-Address may be any */
};

/* What is asked. A session is meant if it has all that is named. */
struct radius_dynamic_request {
	bool disconnect;     /* else the session changes */
	char user_name[128]; /* "": not named, like the next two */
	char calling_number[64];
	char session_id[64];        /* Acct-Session-Id */
	uint32_t framed_address_be; /* 0: not named */
	uint32_t nas_port;          /* UINT32_MAX: not named */
	bool has_session_seconds;
	uint32_t session_seconds; /* from now on */
	bool has_idle_seconds;
	uint32_t idle_seconds;
};

struct radius_dynamic_reply {
	size_t length;
	uint8_t bytes[1024];
};

enum radius_dynamic_verdict {
	RADIUS_DYNAMIC_IGNORE,
	RADIUS_DYNAMIC_REPLY, /* `reply` is to be sent */
	RADIUS_DYNAMIC_ACT,   /* `request` is to be done: radius_dynamic_answer() comes next */
};

enum radius_dynamic_counter {
#define RADIUS_DYNAMIC(name, text) RADIUS_DYNAMIC_##name,
#include "radius/dynamic.def"
#undef RADIUS_DYNAMIC
	RADIUS_DYNAMIC_COUNT
};

const char *radius_dynamic_name(enum radius_dynamic_counter counter);
const char *radius_dynamic_text(enum radius_dynamic_counter counter);
uint64_t radius_dynamic_value(const struct radius_dynamic *dynamic,
			      enum radius_dynamic_counter counter);

struct radius_dynamic *radius_dynamic_new(const struct radius_dynamic_config *config);
void radius_dynamic_free(struct radius_dynamic *dynamic);

/* One datagram. `wall_seconds` is the time since 1970. */
enum radius_dynamic_verdict radius_dynamic_take(struct radius_dynamic *dynamic,
						const struct endpoint *from, const uint8_t *bytes,
						size_t length, uint64_t wall_seconds,
						struct radius_dynamic_request *request,
						struct radius_dynamic_reply *reply);

/* The answer to the request that was to be done. */
void radius_dynamic_answer(struct radius_dynamic *dynamic, enum radius_error_cause error,
			   struct radius_dynamic_reply *reply);

#endif
