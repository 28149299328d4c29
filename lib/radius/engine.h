/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RADIUS_ENGINE_H
#define RADIUS_ENGINE_H

#include "base/event_queue.h"
#include "base/slot_pool.h"
#include "radius/packet.h"
#include "radius/radius.h"
#include "timer/timer_wheel.h"

#include <sys/queue.h>

#define IDENTIFIERS 256 /* of one source port at one server */
#define NO_SERVER   UINT32_MAX

/* A request until it is answered or given up; or a Status-Server, whose number is 0. */
struct exchange {
	struct radius *radius;
	TAILQ_ENTRY(exchange) waiting; /* while `server` is NO_SERVER */
	struct timer_node timer;
	uint64_t number;
	uint32_t slot;
	uint32_t owner;
	uint64_t began_ms;
	uint64_t expires_ms;
	uint32_t interval_ms;
	uint32_t tried; /* bit i: server i */
	uint32_t server;
	uint32_t socket;
	uint8_t identifier;
	unsigned attempt;
	uint64_t replies_before; /* of the server, when the first packet went there */
	uint8_t authenticator[RADIUS_AUTHENTICATOR_BYTES];
	bool has_password;
	size_t password_bytes;
	uint8_t password[RADIUS_PASSWORD_BYTES_MAX];
	size_t attributes_bytes;
	uint8_t attributes[];
};

struct server {
	struct radius *radius;
	struct radius_server_config config;
	bool alive;
	uint64_t died_ms;
	struct timer_node timer; /* while it is dead */
	struct exchange *status; /* the Status-Server that waits */
	uint64_t replies;
	uint32_t next_place;      /* where the search for a free identifier goes on */
	struct exchange **places; /* [sockets * IDENTIFIERS] */
	struct radius_server_view figures;
};

struct radius {
	struct radius_config config;
	struct random_source random;
	struct timer_wheel *wheel;
	struct event_queue events;
	uint64_t now_ms; /* of the call being served */
	uint64_t last_number;
	struct slot_pool *slots;
	struct exchange **exchanges;
	uint32_t capacity;
	uint32_t waiting_count;
	TAILQ_HEAD(, exchange) waiting;
	struct server servers[RADIUS_SERVERS_MAX];
	uint64_t unknown_source;
};

/* radius.c */
struct radius_event *radius_event_new(struct radius *radius, enum radius_event_kind kind,
				      const struct exchange *exchange, uint32_t server,
				      size_t extra);
void radius_exchange_send(struct exchange *exchange);
void radius_exchange_free(struct exchange *exchange);
/* To a server that it was not sent to yet, or into the queue; without any it is over. */
void radius_exchange_next_server(struct exchange *exchange);
/* The identifier is free again; `server` is NO_SERVER from now on. */
void radius_place_release(struct exchange *exchange);
/* An identifier at the server; false: none is free. */
bool radius_place_take(struct exchange *exchange, uint32_t server);
/* Identifiers became free, or servers alive. */
void radius_queue_serve(struct radius *radius);
struct exchange *radius_status_new(struct server *server);

/* server.c */
void radius_servers_open(struct radius *radius);
void radius_servers_close(struct radius *radius);
/* One that lives and is not among `tried`; NO_SERVER: there is none. */
uint32_t radius_server_choose(struct radius *radius, uint32_t tried);
void radius_server_silent(struct server *server, const struct exchange *exchange);
void radius_server_heard(struct server *server);

#endif
