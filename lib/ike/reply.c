/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/reply.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void reply_set(struct reply *reply, uint64_t request_hash, const uint8_t *bytes, size_t length)
{
	free(reply->bytes);
	reply->bytes = memory_new(length);
	memcpy(reply->bytes, bytes, length);
	reply->length = length;
	reply->request_hash = request_hash;
}

void reply_free(struct reply *reply)
{
	free(reply->bytes);
	*reply = (struct reply){0};
}

struct digest_part part_copy(const struct digest_part *part)
{
	uint8_t *copy = memory_new(part->length);

	if (part->length != 0)
		memcpy(copy, part->bytes, part->length);
	return (struct digest_part){copy, part->length};
}

void part_free(struct digest_part *part)
{
	union {
		const void *constant;
		void *bytes;
	} owned = {.constant = part->bytes};

	if (owned.bytes != NULL)
		memory_wipe(owned.bytes, part->length);
	free(owned.bytes);
	*part = (struct digest_part){NULL, 0};
}
