/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Datagrams from a RADIUS server. The input is a list of records: a byte of flags, two bytes of
 * length, the datagram. A flag makes it the signed reply to the engine's last request, with the
 * record as its attributes, or nothing behind the authenticators would be reached.
 */

#include "aaa/access.h"
#include "base/cursor.h"
#include "radius/attribute.h"
#include "radius/radius.h"
#include "radius_server.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_SIGNED      1
#define FLAG_REJECT      2
#define FLAG_TIME_PASSES 4
#define FLAG_MS_CHAP     8
#define FLAG_CANCEL      16
#define SECRET           "secret"
#define ATTRIBUTES_MAX   (REPLY_BYTES - 64)

struct world {
	struct radius *radius;
	uint64_t now_ms;
	uint64_t exchange;
	enum aaa_method method;
	size_t last_length;
	uint8_t last[REPLY_BYTES]; /* the engine's last packet */
};

static void fill(void *context, void *bytes, size_t length)
{
	uint8_t *next = context;
	uint8_t *to = bytes;

	for (size_t i = 0; i < length; i++)
		to[i] = (*next)++;
}

static void events_take(struct world *world)
{
	const struct aaa_request request = {.method = world->method, .identifier = 1};
	const struct radius_event *event;
	struct aaa_answer answer;

	while ((event = radius_next_event(world->radius)) != NULL) {
		if (event->kind == RADIUS_SEND) {
			world->last_length = event->send.length;
			memcpy(world->last, event->send.bytes, event->send.length);
		} else if (event->kind == RADIUS_ANSWER) {
			aaa_access_answer_read(&request, event->answer.code,
					       event->answer.attributes,
					       event->answer.attributes_bytes, &answer);
			if (strnlen(answer.message, sizeof(answer.message)) ==
				    sizeof(answer.message) ||
			    strnlen(answer.pool, sizeof(answer.pool)) == sizeof(answer.pool))
				abort();
		}
	}
}

static void ask(struct world *world)
{
	static const uint8_t name[] = {RADIUS_USER_NAME, 6, 'a', 'n', 'n', 'a'};
	const struct radius_request request = {.attributes = name,
					       .attributes_bytes = sizeof(name),
					       .password = name,
					       .password_bytes = sizeof(name)};

	(void)radius_ask(world->radius, &request, world->now_ms, &world->exchange);
	events_take(world);
}

static void record_feed(struct world *world, const struct endpoint *from, uint8_t flags,
			const uint8_t *bytes, size_t length)
{
	uint8_t reply[REPLY_BYTES];
	uint8_t *copy;

	world->method = (flags & FLAG_MS_CHAP) != 0 ? AAA_METHOD_MS_CHAP_V2 : AAA_METHOD_PAP;
	if ((flags & FLAG_SIGNED) != 0 && length <= ATTRIBUTES_MAX && world->last_length != 0) {
		length = reply_make(world->last,
				    (flags & FLAG_REJECT) != 0 ? RADIUS_ACCESS_REJECT
							       : RADIUS_ACCESS_ACCEPT,
				    SECRET, bytes, length, REPLY_RIGHT, reply);
		bytes = reply;
	}
	copy = malloc(length == 0 ? 1 : length);
	memcpy(copy, bytes, length);
	radius_feed(world->radius, 0, from, copy, length, world->now_ms);
	free(copy);
	events_take(world);
	if ((flags & FLAG_CANCEL) != 0)
		radius_cancel(world->radius, world->exchange, world->now_ms);
	if ((flags & FLAG_TIME_PASSES) != 0 && radius_deadline(world->radius) != UINT64_MAX) {
		world->now_ms = radius_deadline(world->radius);
		radius_on_time(world->radius, world->now_ms);
		events_take(world);
	}
	ask(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t next = 1;
	const struct random_source random = {fill, &next};
	struct radius_config config = {
		.server_count = 1,
		.sockets = 1,
		.timeout_ms = 1000,
		.retries = 1,
		.give_up_ms = 5000,
		.dead_ms = 10000,
		.status_ms = 2000,
		.queue_max = 4,
		.nas_identifier = "lns",
	};
	struct world world = {0};
	struct cursor c = cursor_over(data, size);

	config.servers[0] = (struct radius_server_config){
		.address = endpoint_ipv4(0x0100007f, 1812),
		.secret = (const uint8_t *)SECRET,
		.secret_bytes = sizeof(SECRET) - 1,
		.weight = 1,
	};
	world.radius = radius_new(&config, &random, 0);
	ask(&world);
	while (cursor_more(&c)) {
		uint8_t flags = cursor_u8(&c);
		size_t length = cursor_u16(&c);
		const uint8_t *bytes;

		if (length > cursor_left(&c))
			length = cursor_left(&c);
		bytes = cursor_bytes(&c, length);
		if (bytes != NULL)
			record_feed(&world, &config.servers[0].address, flags, bytes, length);
	}
	radius_free(world.radius);
	return 0;
}
