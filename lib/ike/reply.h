/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_REPLY_H
#define IKE_REPLY_H

/* Bytes that an exchange keeps: messages to be sent again, and parts of messages. */

#include "crypto/digest.h"

#include <stddef.h>
#include <stdint.h>

/* The last message that an exchange accepted, as a keyed hash, and our answer to it. */
struct reply {
	uint64_t request_hash; /* 0: none */
	size_t length;
	uint8_t *bytes; /* without the non-ESP marker; owned */
};

void reply_set(struct reply *reply, uint64_t request_hash, const uint8_t *bytes, size_t length);
void reply_free(struct reply *reply);

/* A copy that the caller owns; part_free() wipes it. */
struct digest_part part_copy(const struct digest_part *part);
void part_free(struct digest_part *part);

#endif
