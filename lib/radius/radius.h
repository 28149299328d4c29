/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RADIUS_RADIUS_H
#define RADIUS_RADIUS_H

/*
 * A RADIUS client for Access-Requests (RFC 2865, 3579, 5080, 5997) as an engine without I/O.
 *
 * A request goes to the server of the lowest `priority` that lives; among equals by weight. It is
 * repeated there with the same identifier and authenticator, each time after twice as long, and then
 * sent to the next server with new ones (RFC 5080 2.2). A server that let a request run out and said
 * nothing else meanwhile is dead: its other requests move on at once, it is asked by Status-Server,
 * and is used again when it answers, or after `dead_ms`. With every server dead a request fails at
 * once. Each of `sockets` source ports has 256 identifiers at each server; what finds none free waits
 * in a bounded queue.
 *
 * Only the control core calls it.
 */

#include "base/endpoint.h"
#include "base/random_source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct radius;

#define RADIUS_SERVERS_MAX        16
#define RADIUS_SOCKETS_MAX        64
#define RADIUS_PASSWORD_BYTES_MAX 128

struct radius_server_config {
	struct endpoint address;
	const uint8_t *secret; /* borrowed for the engine's life */
	size_t secret_bytes;
	unsigned priority; /* lowest first */
	unsigned weight;   /* at least 1 */
};

struct radius_config {
	struct radius_server_config servers[RADIUS_SERVERS_MAX];
	unsigned server_count;
	unsigned sockets;
	uint32_t timeout_ms; /* until the first repetition */
	unsigned retries;    /* repetitions at one server */
	uint32_t give_up_ms; /* for all servers together */
	uint32_t dead_ms;
	uint32_t status_ms;      /* between two Status-Server to a dead server; 0: none are sent */
	uint32_t queue_max;      /* requests that wait for an identifier */
	char nas_identifier[64]; /* in Status-Server */
};

/* A request; everything is copied. */
struct radius_request {
	uint32_t owner;            /* comes back in its events */
	const uint8_t *attributes; /* encoded, without Message-Authenticator and User-Password */
	size_t attributes_bytes;
	const uint8_t *password; /* in clear; NULL: no User-Password */
	size_t password_bytes;
};

enum radius_event_kind {
	RADIUS_SEND,   /* .send: a datagram for a server */
	RADIUS_ANSWER, /* .answer: the request is over */
	RADIUS_SILENT, /* no server answered: the request is over */
	RADIUS_ALIVE,  /* `server` answers again, or is given another chance */
	RADIUS_DEAD,   /* `server` does not answer */
};

struct radius_event {
	enum radius_event_kind kind;
	uint64_t exchange; /* the request's number; 0: Status-Server */
	uint32_t owner;
	unsigned server;   /* index in the configuration */
	uint32_t after_ms; /* since the request was made */
	union {
		struct {
			unsigned socket;
			unsigned attempt; /* at this server, from 1 */
			const uint8_t *bytes;
			size_t length;
		} send;
		struct {
			uint8_t code; /* enum radius_code: accept, reject or challenge */
			const uint8_t *attributes;
			size_t attributes_bytes;
		} answer;
		uint32_t tried; /* RADIUS_SILENT: bit i is server i */
	};
};

enum radius_bad {
#define RADIUS_BAD(name, text) RADIUS_BAD_##name,
#include "radius/bad_replies.def"
#undef RADIUS_BAD
	RADIUS_BAD_COUNT
};

const char *radius_bad_name(enum radius_bad bad);
const char *radius_bad_text(enum radius_bad bad);

struct radius_server_view {
	struct endpoint address;
	unsigned priority;
	unsigned weight;
	bool alive;
	uint32_t outstanding;
	uint64_t requests; /* without repetitions */
	uint64_t repetitions;
	uint64_t accepts;
	uint64_t rejects; /* with Access-Challenge, which is one for us (RFC 2865 4.4) */
	uint64_t timeouts;
	uint64_t status_requests;
	uint64_t deaths;
	uint64_t bad[RADIUS_BAD_COUNT];
};

/* `config` is copied but for the secrets, `random` too. */
struct radius *radius_new(const struct radius_config *config, const struct random_source *random,
			  uint64_t now_ms);
void radius_free(struct radius *radius);

/* Its number in `*exchange`, or -ENOBUFS: too many wait; -EMSGSIZE: it does not fit a packet. */
int radius_ask(struct radius *radius, const struct radius_request *request, uint64_t now_ms,
	       uint64_t *exchange);

/* Its answer is of no use any more: no event of it is made from now on. Stale numbers do nothing. */
void radius_cancel(struct radius *radius, uint64_t exchange, uint64_t now_ms);

/* A datagram that came to one of our sockets. */
void radius_feed(struct radius *radius, unsigned socket, const struct endpoint *from,
		 const uint8_t *bytes, size_t length, uint64_t now_ms);

uint64_t radius_deadline(const struct radius *radius); /* UINT64_MAX: never */
void radius_on_time(struct radius *radius, uint64_t now_ms);

/* The oldest event or NULL; valid until the next call of this function. */
const struct radius_event *radius_next_event(struct radius *radius);

/* False behind the last server. */
bool radius_server_view(const struct radius *radius, unsigned server,
			struct radius_server_view *view);

/* Of all servers and of none. */
uint64_t radius_bad_replies(const struct radius *radius, enum radius_bad bad);
uint32_t radius_waiting(const struct radius *radius);

#endif
