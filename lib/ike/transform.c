/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/transform.h"

#include "ike/isakmp.h"

#define ATTRIBUTE_TV      0x8000
#define ATTRIBUTE_PRIVATE 0x4000

struct transform_walk transform_walk_begin(const struct digest_part *sa)
{
	struct cursor c = cursor_over(sa->bytes, sa->length);
	struct transform_walk walk = {.transforms = cursor_over(sa->bytes, 0)};

	if (cursor_u32(&c) != ISAKMP_DOI_IPSEC || cursor_u32(&c) != ISAKMP_SITUATION_IDENTITY_ONLY)
		walk.failed = true;
	walk.proposals = c;
	return walk;
}

bool transform_walk_proposal(struct transform_walk *walk)
{
	struct cursor c;
	size_t length;
	uint8_t spi_bytes;

	if (!cursor_more(&walk->proposals))
		return false;
	cursor_skip(&walk->proposals, 2);
	length = cursor_u16(&walk->proposals);
	if (length < ISAKMP_GENERIC_BYTES)
		cursor_fail(&walk->proposals);
	c = cursor_child(&walk->proposals, length - ISAKMP_GENERIC_BYTES);
	walk->proposal = cursor_u8(&c);
	walk->protocol = cursor_u8(&c);
	spi_bytes = cursor_u8(&c);
	cursor_skip(&c, 1);
	walk->spi = 0;
	if (spi_bytes == 4)
		walk->spi = cursor_u32(&c);
	else
		cursor_skip(&c, spi_bytes);
	walk->failed = cursor_failed(&c);
	walk->transforms = c;
	return !walk->failed;
}

static void lifetime_take(struct transform *t, uint16_t type, uint64_t value)
{
	if (type == 1) {
		t->seconds = value;
	} else if (type == 2) {
		t->kilobytes = value;
	} else {
		t->unknown_lifetime = true;
		t->lifetime_type = type;
	}
}

/* Private ones are no part of any agreement (RFC 2407 4.5); others must be understood. */
static void unknown_take(struct transform *t, uint16_t type)
{
	if (type >= ATTRIBUTE_PRIVATE)
		return;
	t->unknown_attribute = true;
	t->attribute = type;
}

/* A number that does not fit becomes one that nothing knows. */
static uint16_t number16(uint64_t value)
{
	return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

/* Attributes of phase 1 (RFC 2409 appendix A). */
static void attribute_take_ike(struct transform *t, uint16_t type, uint64_t value, uint16_t *life)
{
	switch (type) {
	case 1:
		t->cipher = number16(value);
		break;
	case 2:
		t->hash = number16(value);
		break;
	case 3:
		t->method = number16(value);
		break;
	case 4:
		t->group = number16(value);
		break;
	case 5: /* kind of group: implied by its number */
		break;
	case 11:
		*life = number16(value);
		break;
	case 12:
		lifetime_take(t, *life, value);
		break;
	case 14:
		t->key_bits = number16(value);
		break;
	default:
		unknown_take(t, type);
		break;
	}
}

/* Attributes of ESP (RFC 2407 4.5). */
static void attribute_take_esp(struct transform *t, uint16_t type, uint64_t value, uint16_t *life)
{
	switch (type) {
	case 1:
		*life = number16(value);
		break;
	case 2:
		lifetime_take(t, *life, value);
		break;
	case 3:
		t->group = number16(value);
		break;
	case 4:
		t->encapsulation = number16(value);
		break;
	case 5:
		t->hash = number16(value);
		break;
	case 6:
		t->key_bits = number16(value);
		break;
	default:
		unknown_take(t, type);
		break;
	}
}

/* A variable-length number; what is longer than eight bytes saturates. */
static uint64_t attribute_value(struct cursor *c, size_t length)
{
	struct cursor child = cursor_child(c, length);
	uint64_t value = 0;

	while (cursor_more(&child)) {
		if (value >> 56 != 0) {
			value = UINT64_MAX;
			break;
		}
		value = value << 8 | cursor_u8(&child);
	}
	return value;
}

bool transform_walk_next(struct transform_walk *walk, struct transform *t)
{
	struct cursor c;
	const uint8_t *start;
	size_t length;
	uint16_t life = 0;

	while (!walk->failed && !cursor_more(&walk->transforms))
		if (!transform_walk_proposal(walk))
			return false;
	if (walk->failed)
		return false;
	start = walk->transforms.at;
	cursor_skip(&walk->transforms, 2);
	length = cursor_u16(&walk->transforms);
	if (length < ISAKMP_GENERIC_BYTES)
		cursor_fail(&walk->transforms);
	c = cursor_child(&walk->transforms, length - ISAKMP_GENERIC_BYTES);
	*t = (struct transform){.proposal = walk->proposal,
				.protocol = walk->protocol,
				.spi = walk->spi,
				.bytes = start,
				.length = length};
	cursor_skip(&c, 1); /* its number is copied, not read */
	t->id = cursor_u8(&c);
	cursor_skip(&c, 2);
	while (cursor_more(&c)) {
		uint16_t type = cursor_u16(&c);
		uint16_t word = cursor_u16(&c);
		uint64_t value = type & ATTRIBUTE_TV ? word : attribute_value(&c, word);

		type &= (uint16_t)~ATTRIBUTE_TV;
		if (t->protocol == ISAKMP_PROTOCOL_ISAKMP)
			attribute_take_ike(t, type, value, &life);
		else
			attribute_take_esp(t, type, value, &life);
	}
	walk->failed = cursor_failed(&c);
	return !walk->failed;
}

bool transform_walk_failed(const struct transform_walk *walk)
{
	return walk->failed || cursor_failed(&walk->proposals);
}
