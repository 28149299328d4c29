/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Datagrams for the port of Disconnect- and CoA-Requests: a list of records with a byte of flags and
 * two of length. A flag gives a record the authenticator that proves the secret, or nothing of it
 * would be read.
 */

#include "base/cursor.h"
#include "crypto/digest.h"
#include "radius/dynamic.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_AUTHENTIC 1
#define FLAG_REFUSE    2
#define SECRET         "secret"

static void seal(uint8_t *packet, size_t length)
{
	const struct digest_part parts[] = {{packet, length}, {SECRET, strlen(SECRET)}};
	uint8_t digest[DIGEST_BYTES_MAX];

	if (length < 20)
		return;
	packet[0] = packet[0] % 2 == 0 ? 40 : 43;
	packet[2] = (uint8_t)(length >> 8);
	packet[3] = (uint8_t)length;
	memset(packet + 4, 0, 16);
	if (digest_compute(DIGEST_MD5, parts, 2, digest) == 0)
		memcpy(packet + 4, digest, 16);
}

static void feed(struct radius_dynamic *dynamic, uint8_t flags, const uint8_t *bytes, size_t length)
{
	const struct endpoint from = endpoint_ipv4(0x0100007f, 4000);
	struct radius_dynamic_request request;
	struct radius_dynamic_reply reply;
	uint8_t *copy = malloc(length == 0 ? 1 : length);

	memcpy(copy, bytes, length);
	if ((flags & FLAG_AUTHENTIC) != 0)
		seal(copy, length);
	if (radius_dynamic_take(dynamic, &from, copy, length, 1700000000, &request, &reply) ==
	    RADIUS_DYNAMIC_ACT)
		radius_dynamic_answer(dynamic,
				      (flags & FLAG_REFUSE) != 0 ? RADIUS_ERROR_NO_SESSION
								 : RADIUS_ERROR_NONE,
				      &reply);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct radius_dynamic_config config = {
		.server_count = 1,
		.nas_identifier = "lns",
		.servers[0] = {.address = endpoint_ipv4(0x0100007f, 0),
			       .secret = (const uint8_t *)SECRET,
			       .secret_bytes = strlen(SECRET)},
	};
	struct radius_dynamic *dynamic = radius_dynamic_new(&config);
	struct cursor c = cursor_over(data, size);

	while (cursor_more(&c)) {
		uint8_t flags = cursor_u8(&c);
		size_t length = cursor_u16(&c);
		const uint8_t *bytes;

		if (length > cursor_left(&c))
			length = cursor_left(&c);
		bytes = cursor_bytes(&c, length);
		if (bytes != NULL)
			feed(dynamic, flags, bytes, length);
	}
	radius_dynamic_free(dynamic);
	return 0;
}
