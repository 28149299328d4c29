/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packets from the peer for a PPP engine. The input is a list of records: a byte of flags, two
 * bytes of length, the packet from the protocol field on. A flag gives it the identifier of the
 * engine's last packet, or no answer would be taken. Built three times: with FUZZ_DIALS 1 the engine
 * is the client; with 2 a LAC hands the link over, with what the first record holds: three lengths of a
 * byte each, then the LAC's options, the peer's, and the response.
 */

#include "base/cursor.h"
#include "crypto/ms_chap.h"
#include "ppp/ppp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_RIGHT_IDENTIFIER 1
#define FLAG_TIME_PASSES      2
#define FLAG_REFUSE           4
#define FLAG_ACKNOWLEDGE      8 /* answers the last Configure-Request with its own bytes */

struct world {
	struct ppp *ppp;
	uint64_t now_ms;
	bool asked;
	size_t last_length;
	uint8_t last[512]; /* the engine's last packet */
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
	const struct ppp_event *event;

	while ((event = ppp_next_event(world->ppp)) != NULL) {
		if (event->kind == PPP_AUTHENTICATE)
			world->asked = true;
		if (event->kind == PPP_SEND && event->send.length <= sizeof(world->last)) {
			world->last_length = event->send.length;
			memcpy(world->last, event->send.bytes, event->send.length);
		}
	}
}

static void feed(struct world *world, const uint8_t *bytes, size_t length, int identifier)
{
	uint8_t *copy = malloc(length == 0 ? 1 : length);

	memcpy(copy, bytes, length);
	if (identifier >= 0 && length > 3)
		copy[3] = (uint8_t)identifier;
	ppp_feed(world->ppp, copy, length, world->now_ms);
	free(copy);
	events_take(world);
}

static void verdict(struct world *world, bool accepted)
{
	const struct ppp_authentication_result result = {
		.accepted = accepted,
		.cause = CAUSE_wrong_password,
		.success = "S=0123456789012345678901234567890123456789",
		.grant = {.local_address_be = 1, .peer_address_be = 2, .dns_be = {3, 4}},
	};

	world->asked = false;
	ppp_authenticated(world->ppp, &result, world->now_ms);
	events_take(world);
}

static void record_feed(struct world *world, uint8_t flags, const uint8_t *bytes, size_t length)
{
	int identifier = (flags & FLAG_RIGHT_IDENTIFIER) != 0 ? world->last[3] : -1;
	uint8_t acknowledgement[sizeof(world->last)];

	if ((flags & FLAG_ACKNOWLEDGE) != 0 && world->last_length > 3) {
		memcpy(acknowledgement, world->last, world->last_length);
		acknowledgement[2] = 2;
		feed(world, acknowledgement, world->last_length, -1);
	}
	feed(world, bytes, length, identifier);
	if (world->asked)
		verdict(world, (flags & FLAG_REFUSE) == 0);
	if ((flags & FLAG_TIME_PASSES) != 0 && ppp_deadline(world->ppp) != UINT64_MAX) {
		world->now_ms = ppp_deadline(world->ppp);
		ppp_on_time(world->ppp, world->now_ms);
		events_take(world);
	}
}

static struct ppp_proxy_value value_take(struct cursor *c, size_t length)
{
	struct cursor value;

	if (length > cursor_left(c))
		length = cursor_left(c);
	value = cursor_child(c, length);
	return (struct ppp_proxy_value){length, value.at};
}

static struct ppp *proxied_new(const struct ppp_config *config, const struct random_source *random,
			       struct ppp_counters *counters, struct cursor *c)
{
	uint8_t sent = cursor_u8(c);
	uint8_t received = cursor_u8(c);
	uint8_t response = cursor_u8(c);
	struct ppp_proxy proxy = {.method = sent % 4, .identifier = received};

	proxy.lcp_sent = value_take(c, sent);
	proxy.lcp_received = value_take(c, received);
	proxy.response = value_take(c, response);
	proxy.name = proxy.response;
	proxy.challenge = proxy.lcp_sent;
	return ppp_new_proxied(config, &proxy,
			       response % 2 != 0 ? PPP_PROXY_REFUSE : PPP_PROXY_RENEGOTIATE, random,
			       counters, 0);
}

static struct ppp *engine_new(const struct ppp_config *config, const struct random_source *random,
			      struct ppp_counters *counters, struct cursor *c)
{
	static const struct ppp_credentials credentials = {"user", "password"};

	switch (FUZZ_DIALS) {
	case 1:
		return ppp_client_new(config, &credentials, random, counters, 0);
	case 2:
		return proxied_new(config, random, counters, c);
	default:
		return ppp_new(config, random, counters, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ms_chap *ms_chap; /* slow to make: one for all inputs */

	const struct ppp_config config = {
		.mru = 1400,
		.authentication = {PPP_AUTHENTICATION_MS_CHAP_V2, PPP_AUTHENTICATION_CHAP_MD5,
				   PPP_AUTHENTICATION_PAP},
		.authentication_count = 3,
		.name = "lns",
		.ms_chap = ms_chap != NULL ? ms_chap : (ms_chap = ms_chap_new()),
		.restart_ms = {1000, 1000, 1000, 3000},
		.max_configure = 10,
		.max_terminate = 2,
		.max_failure = 5,
		.setup_ms = 60000,
		.echo_idle_ms = 30000,
		.echo_interval_ms = 10000,
		.echo_attempts = 3,
	};
	uint8_t next = 1;
	const struct random_source random = {fill, &next};
	struct ppp_counters counters = {0};
	struct cursor c = cursor_over(data, size);
	struct world world = {.ppp = engine_new(&config, &random, &counters, &c)};

	events_take(&world);
	if (world.asked)
		verdict(&world, true);
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
	ppp_close(world.ppp, CAUSE_shutdown, world.now_ms);
	events_take(&world);
	ppp_free(world.ppp);
	return 0;
}
