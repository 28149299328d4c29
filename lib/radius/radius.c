/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius/engine.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

const char *radius_bad_name(enum radius_bad bad)
{
	static const char *const names[] = {
#define RADIUS_BAD(name, text) #name,
#include "radius/bad_replies.def"
#undef RADIUS_BAD
	};

	return names[bad];
}

const char *radius_bad_text(enum radius_bad bad)
{
	static const char *const texts[] = {
#define RADIUS_BAD(name, text) text,
#include "radius/bad_replies.def"
#undef RADIUS_BAD
	};

	return texts[bad];
}

struct radius *radius_new(const struct radius_config *config, const struct random_source *random,
			  uint64_t now_ms)
{
	struct radius *radius = memory_new(sizeof(*radius));

	radius->config = *config;
	radius->random = *random;
	radius->now_ms = now_ms;
	radius->wheel = timer_wheel_new(now_ms);
	radius->capacity = config->server_count * config->sockets * IDENTIFIERS + config->queue_max;
	radius->slots = slot_pool_new(radius->capacity);
	radius->exchanges = memory_new_array(radius->capacity, sizeof(struct exchange *));
	TAILQ_INIT(&radius->waiting);
	event_queue_init(&radius->events);
	radius_servers_open(radius);
	return radius;
}

void radius_free(struct radius *radius)
{
	if (radius == NULL)
		return;
	for (uint32_t i = 0; i < radius->capacity; i++)
		if (radius->exchanges[i] != NULL)
			radius_exchange_free(radius->exchanges[i]);
	radius_servers_close(radius);
	event_queue_clear(&radius->events);
	timer_wheel_free(radius->wheel);
	slot_pool_free(radius->slots);
	free(radius->exchanges);
	free(radius);
}

struct radius_event *radius_event_new(struct radius *radius, enum radius_event_kind kind,
				      const struct exchange *exchange, uint32_t server,
				      size_t extra)
{
	struct radius_event *event = event_queue_push(&radius->events, sizeof(*event) + extra);

	event->kind = kind;
	event->server = server;
	if (exchange != NULL) {
		event->exchange = exchange->number;
		event->owner = exchange->owner;
		event->after_ms = (uint32_t)(radius->now_ms - exchange->began_ms);
	}
	return event;
}

/* ---- the life of an exchange ---- */

static bool is_status(const struct exchange *exchange)
{
	return exchange->number == 0;
}

static void waiting_leave(struct exchange *exchange)
{
	struct radius *radius = exchange->radius;

	if (exchange->waiting.tqe_prev == NULL)
		return;
	TAILQ_REMOVE(&radius->waiting, exchange, waiting);
	exchange->waiting.tqe_prev = NULL;
	radius->waiting_count--;
}

void radius_exchange_free(struct exchange *exchange)
{
	struct radius *radius = exchange->radius;

	timer_wheel_cancel(&exchange->timer);
	waiting_leave(exchange);
	if (exchange->server != NO_SERVER)
		radius_place_release(exchange);
	if (!is_status(exchange)) {
		radius->exchanges[exchange->slot] = NULL;
		slot_pool_give_back(radius->slots, exchange->slot);
	}
	memory_wipe(exchange, sizeof(*exchange) + exchange->attributes_bytes);
	free(exchange);
}

void radius_place_release(struct exchange *exchange)
{
	struct server *server = &exchange->radius->servers[exchange->server];

	server->places[exchange->socket * IDENTIFIERS + exchange->identifier] = NULL;
	server->figures.outstanding--;
	exchange->server = NO_SERVER;
}

/* In turn, so that an identifier rests as long as possible before it is used again. */
bool radius_place_take(struct exchange *exchange, uint32_t index)
{
	struct radius *radius = exchange->radius;
	struct server *server = &radius->servers[index];
	uint32_t places = radius->config.sockets * IDENTIFIERS;

	if (server->figures.outstanding == places)
		return false;
	while (server->places[server->next_place] != NULL)
		server->next_place = (server->next_place + 1) % places;
	exchange->server = index;
	exchange->socket = server->next_place / IDENTIFIERS;
	exchange->identifier = (uint8_t)(server->next_place % IDENTIFIERS);
	exchange->attempt = 0;
	exchange->interval_ms = radius->config.timeout_ms;
	exchange->replies_before = server->replies;
	random_fill(&radius->random, exchange->authenticator, sizeof(exchange->authenticator));
	server->places[server->next_place] = exchange;
	server->next_place = (server->next_place + 1) % places;
	server->figures.outstanding++;
	return true;
}

/* RFC 5080 2.2.1: twice as long each time, up to a tenth more or less. */
static void timer_set(struct exchange *exchange)
{
	struct radius *radius = exchange->radius;
	uint32_t jitter = random_u16(&radius->random) % 21;
	uint64_t deadline_ms =
		radius->now_ms + (uint64_t)exchange->interval_ms * (90 + jitter) / 100;

	if (deadline_ms > exchange->expires_ms)
		deadline_ms = exchange->expires_ms;
	timer_wheel_set(radius->wheel, &exchange->timer, deadline_ms);
	exchange->interval_ms *= 2;
}

/* The same packet each time at one server. */
void radius_exchange_send(struct exchange *exchange)
{
	struct radius *radius = exchange->radius;
	const struct radius_server_config *server = &radius->servers[exchange->server].config;
	const struct radius_secret secret = {server->secret, server->secret_bytes};
	const struct radius_outgoing outgoing = {
		.code = is_status(exchange) ? RADIUS_STATUS_SERVER : RADIUS_ACCESS_REQUEST,
		.identifier = exchange->identifier,
		.authenticator = exchange->authenticator,
		.attributes = exchange->attributes,
		.attributes_bytes = exchange->attributes_bytes,
		.password = exchange->has_password ? exchange->password : NULL,
		.password_bytes = exchange->password_bytes,
	};
	uint8_t packet[RADIUS_PACKET_BYTES_MAX];
	size_t length = radius_packet_write(&outgoing, &secret, packet);
	struct radius_event *event =
		radius_event_new(radius, RADIUS_SEND, exchange, exchange->server, length);

	exchange->attempt++;
	memcpy(event + 1, packet, length);
	event->send.socket = exchange->socket;
	event->send.attempt = exchange->attempt;
	event->send.bytes = (const uint8_t *)(event + 1);
	event->send.length = length;
	timer_set(exchange);
}

static void silence_tell(struct exchange *exchange)
{
	radius_event_new(exchange->radius, RADIUS_SILENT, exchange, NO_SERVER, 0)->tried =
		exchange->tried;
	radius_exchange_free(exchange);
}

void radius_exchange_next_server(struct exchange *exchange)
{
	struct radius *radius = exchange->radius;
	uint32_t server = radius_server_choose(radius, exchange->tried);

	if (server == NO_SERVER || radius->now_ms >= exchange->expires_ms) {
		silence_tell(exchange);
		return;
	}
	if (!radius_place_take(exchange, server)) {
		if (exchange->waiting.tqe_prev == NULL) {
			TAILQ_INSERT_TAIL(&radius->waiting, exchange, waiting);
			radius->waiting_count++;
		}
		timer_wheel_set(radius->wheel, &exchange->timer, exchange->expires_ms);
		return;
	}
	waiting_leave(exchange);
	exchange->tried |= 1u << server;
	radius->servers[server].figures.requests++;
	radius_exchange_send(exchange);
}

void radius_queue_serve(struct radius *radius)
{
	struct exchange *exchange;
	uint32_t before;

	do {
		before = radius->waiting_count;
		exchange = TAILQ_FIRST(&radius->waiting);
		if (exchange != NULL)
			radius_exchange_next_server(exchange);
	} while (radius->waiting_count < before);
}

static void exchange_expired(struct timer_node *node, uint64_t now_ms)
{
	struct exchange *exchange =
		(struct exchange *)((char *)node - offsetof(struct exchange, timer));
	struct radius *radius = exchange->radius;
	struct server *server;

	(void)now_ms;
	if (exchange->server == NO_SERVER) {
		silence_tell(exchange);
		return;
	}
	server = &radius->servers[exchange->server];
	if (is_status(exchange)) {
		server->status = NULL;
		radius_exchange_free(exchange);
	} else if (exchange->attempt <= radius->config.retries &&
		   radius->now_ms < exchange->expires_ms) {
		server->figures.repetitions++;
		radius_exchange_send(exchange);
		return;
	} else {
		radius_place_release(exchange);
		radius_server_silent(server, exchange);
		radius_exchange_next_server(exchange);
	}
	radius_queue_serve(radius);
}

struct exchange *radius_status_new(struct server *server)
{
	const struct radius_config *config = &server->radius->config;
	struct exchange *exchange =
		memory_new(sizeof(*exchange) + sizeof(config->nas_identifier) + 2);
	struct writer w = writer_over(exchange->attributes, sizeof(config->nas_identifier) + 2);

	exchange->radius = server->radius;
	exchange->server = NO_SERVER;
	exchange->timer.expired = exchange_expired;
	exchange->expires_ms = UINT64_MAX;
	radius_attribute_write_text(&w, RADIUS_NAS_IDENTIFIER, config->nas_identifier);
	exchange->attributes_bytes = writer_length(&w);
	return exchange;
}

/* ---- calls ---- */

/* With its longest password it has to fit. */
static bool fits(const struct radius_request *request)
{
	return request->password_bytes <= RADIUS_PASSWORD_BYTES_MAX &&
	       RADIUS_HEADER_BYTES + 18 + 2 + RADIUS_PASSWORD_BYTES_MAX +
			       request->attributes_bytes <=
		       RADIUS_PACKET_BYTES_MAX;
}

/* A server has an identifier for it, or the queue a place. Without any server it is over at once. */
static bool has_room(struct radius *radius)
{
	uint32_t server;

	if (radius->waiting_count < radius->config.queue_max)
		return true;
	server = radius_server_choose(radius, 0);
	return server == NO_SERVER || radius->servers[server].figures.outstanding <
					      radius->config.sockets * IDENTIFIERS;
}

int radius_ask(struct radius *radius, const struct radius_request *request, uint64_t now_ms,
	       uint64_t *number)
{
	struct exchange *exchange;
	uint32_t slot;

	radius->now_ms = now_ms;
	if (!fits(request))
		return -EMSGSIZE;
	slot = has_room(radius) ? slot_pool_take(radius->slots) : UINT32_MAX;
	if (slot == UINT32_MAX)
		return -ENOBUFS;
	exchange = memory_new(sizeof(*exchange) + request->attributes_bytes);
	exchange->radius = radius;
	exchange->slot = slot;
	exchange->number = ++radius->last_number * radius->capacity + slot;
	exchange->owner = request->owner;
	exchange->began_ms = now_ms;
	exchange->expires_ms = now_ms + radius->config.give_up_ms;
	exchange->server = NO_SERVER;
	exchange->timer.expired = exchange_expired;
	exchange->has_password = request->password != NULL;
	exchange->password_bytes = request->password_bytes;
	if (request->password_bytes != 0)
		memcpy(exchange->password, request->password, request->password_bytes);
	exchange->attributes_bytes = request->attributes_bytes;
	memcpy(exchange->attributes, request->attributes, request->attributes_bytes);
	radius->exchanges[slot] = exchange;
	*number = exchange->number;
	radius_exchange_next_server(exchange);
	return 0;
}

void radius_cancel(struct radius *radius, uint64_t number, uint64_t now_ms)
{
	struct exchange *exchange = radius->exchanges[number % radius->capacity];

	radius->now_ms = now_ms;
	if (exchange == NULL || exchange->number != number)
		return;
	radius_exchange_free(exchange);
	radius_queue_serve(radius);
}

static struct server *server_find(struct radius *radius, const struct endpoint *from)
{
	for (unsigned i = 0; i < radius->config.server_count; i++)
		if (endpoint_equal(&radius->servers[i].config.address, from))
			return &radius->servers[i];
	return NULL;
}

static void answer(struct server *server, struct exchange *exchange,
		   const struct radius_packet *packet)
{
	struct radius *radius = server->radius;
	struct cursor attributes = radius_packet_attributes(packet);
	struct radius_event *event;

	if (is_status(exchange)) {
		server->status = NULL;
	} else {
		if (packet->code == RADIUS_ACCESS_ACCEPT)
			server->figures.accepts++;
		else
			server->figures.rejects++;
		event = radius_event_new(radius, RADIUS_ANSWER, exchange, exchange->server,
					 cursor_left(&attributes));
		event->answer.code = packet->code;
		event->answer.attributes = (const uint8_t *)(event + 1);
		event->answer.attributes_bytes = cursor_left(&attributes);
		memcpy(event + 1, attributes.at, cursor_left(&attributes));
	}
	radius_exchange_free(exchange);
	radius_server_heard(server);
	radius_queue_serve(radius);
}

/* The exchange that the packet answers, or NULL and why it answers none. */
static struct exchange *exchange_of(const struct server *server, unsigned socket,
				    const struct radius_packet *packet, enum radius_bad *bad)
{
	const struct radius_secret secret = {server->config.secret, server->config.secret_bytes};
	struct exchange *exchange;

	*bad = RADIUS_BAD_radius_wrong_code;
	if (packet->code != RADIUS_ACCESS_ACCEPT && packet->code != RADIUS_ACCESS_REJECT &&
	    packet->code != RADIUS_ACCESS_CHALLENGE)
		return NULL;
	*bad = RADIUS_BAD_radius_unexpected;
	exchange = server->places[socket * IDENTIFIERS + packet->identifier];
	if (exchange == NULL)
		return NULL;
	*bad = radius_packet_verify(packet, exchange->authenticator, &secret);
	return *bad == RADIUS_BAD_COUNT ? exchange : NULL;
}

void radius_feed(struct radius *radius, unsigned socket, const struct endpoint *from,
		 const uint8_t *bytes, size_t length, uint64_t now_ms)
{
	struct server *server = server_find(radius, from);
	struct radius_packet packet;
	struct exchange *exchange;
	enum radius_bad bad;

	radius->now_ms = now_ms;
	if (server == NULL) {
		radius->unknown_source++;
		return;
	}
	if (radius_packet_read(bytes, length, &packet) != 0) {
		server->figures.bad[RADIUS_BAD_radius_malformed]++;
		return;
	}
	exchange = exchange_of(server, socket, &packet, &bad);
	if (exchange == NULL)
		server->figures.bad[bad]++;
	else
		answer(server, exchange, &packet);
}

uint64_t radius_deadline(const struct radius *radius)
{
	return timer_wheel_next_ms(radius->wheel);
}

void radius_on_time(struct radius *radius, uint64_t now_ms)
{
	radius->now_ms = now_ms;
	timer_wheel_advance(radius->wheel, now_ms);
}

const struct radius_event *radius_next_event(struct radius *radius)
{
	return event_queue_pop(&radius->events);
}

uint64_t radius_bad_replies(const struct radius *radius, enum radius_bad bad)
{
	uint64_t count = bad == RADIUS_BAD_radius_unknown_source ? radius->unknown_source : 0;

	for (unsigned i = 0; i < radius->config.server_count; i++)
		count += radius->servers[i].figures.bad[bad];
	return count;
}

uint32_t radius_waiting(const struct radius *radius)
{
	return radius->waiting_count;
}
