/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_TRANSFORM_H
#define IKE_TRANSFORM_H

/* Walking the proposals and transforms of an SA payload (RFC 2408 3.5, 3.6; 2407 4.5; 2409 A). */

#include "base/cursor.h"
#include "crypto/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A transform of either phase, its attributes as numbers; 0 where the attribute is absent. */
struct transform {
	uint8_t proposal;
	uint8_t protocol;
	uint8_t id;
	bool unknown_attribute; /* its number is in `attribute` */
	bool unknown_lifetime;  /* its type is in `lifetime_type` */
	uint16_t attribute;
	uint16_t lifetime_type;
	uint32_t spi;
	uint16_t cipher;
	uint16_t hash; /* or the authentication algorithm of ESP */
	uint16_t method;
	uint16_t group;
	uint16_t encapsulation;
	uint16_t key_bits;
	uint64_t seconds;
	uint64_t kilobytes;
	const uint8_t *bytes;
	size_t length;
};

/* Walks the transforms of an SA payload in order. */
struct transform_walk {
	struct cursor proposals;
	struct cursor transforms;
	uint8_t proposal;
	uint8_t protocol;
	uint32_t spi;
	bool failed;
};

struct transform_walk transform_walk_begin(const struct digest_part *sa);

/* Enters the next proposal; false at the end or on a length that does not fit. */
bool transform_walk_proposal(struct transform_walk *walk);

/* The next transform of any proposal; false at the end or on failure. */
bool transform_walk_next(struct transform_walk *walk, struct transform *t);

/* True if the payload did not parse as far as the walk went. */
bool transform_walk_failed(const struct transform_walk *walk);

#endif
