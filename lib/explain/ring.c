/* SPDX-License-Identifier: BSD-3-Clause */
#include "explain/ring.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* A handle is the dial's number and its place, so that a place's next dial has another handle. */
#define PLACE_BITS 21 /* one of them tells the ring */
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)

struct dial *ring_dial(const struct explain *explain, explain_dial handle)
{
	uint64_t place = handle & PLACE_MASK;
	const struct ring *ring = &explain->rings[place & 1];
	uint64_t number = handle >> PLACE_BITS;
	struct dial *dial;

	if (number == 0 || place >> 1 >= ring->size)
		return NULL;
	dial = &ring->dials[place >> 1];
	return (dial->number & (UINT64_MAX >> PLACE_BITS)) == number ? dial : NULL;
}

bool ring_is_stranger(const struct explain *explain, const struct dial *dial)
{
	const struct ring *strangers = &explain->rings[RING_STRANGERS];

	return dial >= strangers->dials && dial < strangers->dials + strangers->size;
}

explain_dial ring_handle(const struct explain *explain, const struct dial *dial)
{
	bool stranger = ring_is_stranger(explain, dial);
	const struct ring *ring = &explain->rings[stranger ? RING_STRANGERS : RING_KNOWN];
	uint64_t place = (uint64_t)(dial - ring->dials);

	return dial->number << PLACE_BITS | place << 1 | (stranger ? 1 : 0);
}

void ring_text_set(struct explain *explain, char **field, const char *text)
{
	if (*field != NULL)
		explain->bytes -= strlen(*field) + 1;
	free(*field);
	*field = NULL;
	if (text[0] == '\0')
		return;
	*field = memory_copy_text(text);
	explain->bytes += strlen(text) + 1;
}

static struct dial **bucket_of(struct explain *explain, uint64_t key)
{
	uint64_t mixed = key ^ explain->secret;

	/* Between the two multiplications the high bits reach the low ones. */
	mixed *= UINT64_C(0xff51afd7ed558ccd) ^ explain->secret << 1;
	mixed ^= mixed >> 33;
	mixed *= UINT64_C(0xc4ceb9fe1a85ec53);
	return &explain->by_key[mixed >> (64 - KEY_BUCKET_BITS)];
}

void ring_key_set(struct explain *explain, struct dial *dial, uint64_t key)
{
	if (dial->key != 0) {
		struct dial **link = bucket_of(explain, dial->key);

		while (*link != dial)
			link = &(*link)->next_of_key;
		*link = dial->next_of_key;
	}
	dial->key = key;
	if (key != 0) {
		struct dial **bucket = bucket_of(explain, key);

		dial->next_of_key = *bucket;
		*bucket = dial;
	}
}

struct dial *ring_by_key(const struct explain *explain, uint64_t key, const struct endpoint *peer)
{
	struct dial *dial = *bucket_of((struct explain *)(uintptr_t)explain, key);

	while (dial != NULL &&
	       (dial->key != key || (peer != NULL && !endpoint_same_address(&dial->peer, peer))))
		dial = dial->next_of_key;
	return dial;
}

void ring_clear(struct explain *explain, struct dial *dial)
{
	ring_key_set(explain, dial, 0);
	for (unsigned i = 0; i < dial->steps_told && i < STEPS_MAX; i++)
		ring_text_set(explain, &dial->steps[i].meaning, "");
	ring_text_set(explain, &dial->user, "");
	ring_text_set(explain, &dial->profile, "");
	ring_text_set(explain, &dial->detail, "");
	explain->bytes -= dial->steps_room * sizeof(*dial->steps);
	free(dial->steps);
	*dial = (struct dial){.session = UINT32_MAX};
}

struct dial *ring_take(struct explain *explain, enum ring_kind kind)
{
	struct ring *ring = &explain->rings[kind];
	struct dial *dial = &ring->dials[ring->next];

	ring->next = ring->next + 1 == ring->size ? 0 : ring->next + 1;
	ring_clear(explain, dial);
	return dial;
}

struct dial *ring_move(struct explain *explain, struct dial *dial, enum ring_kind kind)
{
	struct dial *to = ring_take(explain, kind);
	uint64_t key = dial->key;

	ring_key_set(explain, dial, 0);
	*to = *dial;
	*dial = (struct dial){.session = UINT32_MAX};
	ring_key_set(explain, to, key);
	return to;
}
