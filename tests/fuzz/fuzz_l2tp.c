/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Messages from the peer for an L2TP engine. The input is a list of records: a byte of flags, two
 * bytes of length, the message. Ids and numbers in the header are made right when a flag says so,
 * or nothing would get past them. Built twice: with FUZZ_DIALS the engine dials a
 * tunnel, and calls in it.
 */

#include "base/cursor.h"
#include "l2tp/l2tp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_RIGHT_TUNNEL  1
#define FLAG_RIGHT_NUMBERS 2
#define FLAG_RIGHT_SESSION 4
#define FLAG_TIME_PASSES   8
#define FLAG_OTHER_PORT    16

/* What the engine said last, so that the next message can fit. */
struct world {
	struct l2tp *l2tp;
	uint64_t now_ms;
	uint16_t tunnel;
	uint16_t session;
	uint16_t ns; /* the engine's, of the message sent last */
	uint16_t nr;
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
	const struct l2tp_event *event;

	while ((event = l2tp_next_event(world->l2tp)) != NULL) {
		if (event->tunnel != 0)
			world->tunnel = event->tunnel;
		if (event->session != 0)
			world->session = event->session;
		if (FUZZ_DIALS && event->kind == L2TP_TUNNEL_UP)
			l2tp_session_dial(world->l2tp, event->tunnel, "1", "2", world->now_ms);
		if (event->kind == L2TP_SEND) {
			struct cursor c = cursor_over(event->send.bytes, event->send.length);

			cursor_skip(&c, 8);
			world->ns = cursor_u16(&c);
			world->nr = cursor_u16(&c);
			if (cursor_more(&c))
				world->ns++;
		}
	}
}

static void put_u16(uint8_t *bytes, size_t length, size_t offset, uint16_t value)
{
	if (offset + 2 > length)
		return;
	bytes[offset] = (uint8_t)(value >> 8);
	bytes[offset + 1] = (uint8_t)value;
}

static void record_feed(struct world *world, uint8_t flags, const uint8_t *bytes, size_t length)
{
	struct endpoint from = endpoint_ipv4(1, (flags & FLAG_OTHER_PORT) != 0 ? 1702 : 1701);
	struct endpoint local = endpoint_ipv4(2, 1701);
	uint8_t *copy = malloc(length == 0 ? 1 : length);

	memcpy(copy, bytes, length);
	put_u16(copy, length, 2, (uint16_t)length);
	if ((flags & FLAG_RIGHT_TUNNEL) != 0)
		put_u16(copy, length, 4, world->tunnel);
	if ((flags & FLAG_RIGHT_SESSION) != 0)
		put_u16(copy, length, 6, world->session);
	if ((flags & FLAG_RIGHT_NUMBERS) != 0) {
		put_u16(copy, length, 8, world->nr);
		put_u16(copy, length, 10, world->ns);
	}
	l2tp_feed(world->l2tp, &from, &local, copy, length, world->now_ms);
	free(copy);
	events_take(world);
	if ((flags & FLAG_TIME_PASSES) != 0) {
		world->now_ms = l2tp_deadline(world->l2tp);
		if (world->now_ms == UINT64_MAX)
			world->now_ms = 0;
		l2tp_on_time(world->l2tp, world->now_ms);
		events_take(world);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t secret[] = "secret";
	const struct l2tp_config config = {
		.host_name = "lns",
		.secret = secret,
		.secret_bytes = 6,
		.receive_window = 8,
		.tunnels_total = 4,
		.sessions_per_tunnel = 8,
		.hello_idle_ms = 60000,
		.retransmit_first_ms = 1000,
		.retransmit_cap_ms = 8000,
		.retransmit_attempts = 5,
		.setup_ms = 30000,
		.idle_tunnel_ms = 30000,
		.closed_linger_ms = 31000,
		.secured = true,
	};
	uint8_t next = 1;
	const struct random_source random = {fill, &next};
	struct l2tp_counters counters = {0};
	struct world world = {.l2tp = l2tp_new(&config, &random, &counters)};
	struct cursor c = cursor_over(data, size);
	struct endpoint peer = endpoint_ipv4(1, 1701), own = endpoint_ipv4(2, 1701);

	if (FUZZ_DIALS)
		l2tp_tunnel_dial(world.l2tp, &peer, &own, 0);
	events_take(&world);
	while (cursor_more(&c)) {
		uint8_t flags = cursor_u8(&c);
		size_t length = cursor_u16(&c);
		const uint8_t *bytes;

		if (length > cursor_left(&c))
			length = cursor_left(&c);
		bytes = cursor_bytes(&c, length);
		if (bytes != NULL)
			record_feed(&world, flags, bytes, length);
	}
	l2tp_close_all(world.l2tp, 6, CAUSE_shutdown, world.now_ms);
	events_take(&world);
	l2tp_free(world.l2tp);
	return 0;
}
