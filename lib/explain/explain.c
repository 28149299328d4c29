/* SPDX-License-Identifier: BSD-3-Clause */
/* What is told of dials. */
#include "explain/ring.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_ROOM_FIRST 16

struct explain *explain_new(uint32_t dials, uint32_t strangers, uint64_t secret)
{
	struct explain *explain = memory_new(sizeof(*explain));

	explain->secret = secret;
	explain->rings[RING_KNOWN].size = dials;
	explain->rings[RING_STRANGERS].size = strangers;
	for (unsigned kind = 0; kind < RING_KINDS; kind++) {
		struct ring *ring = &explain->rings[kind];

		ring->dials = memory_new(ring->size * sizeof(*ring->dials));
		explain->bytes += ring->size * sizeof(*ring->dials);
	}
	return explain;
}

void explain_free(struct explain *explain)
{
	if (explain == NULL)
		return;
	for (unsigned kind = 0; kind < RING_KINDS; kind++) {
		struct ring *ring = &explain->rings[kind];

		for (uint32_t i = 0; i < ring->size; i++)
			ring_clear(explain, &ring->dials[i]);
		free(ring->dials);
	}
	free(explain);
}

static struct dial *begin(struct explain *explain, enum ring_kind kind, const struct endpoint *peer,
			  uint64_t now_ms, uint64_t wall_ms)
{
	struct dial *dial = ring_take(explain, kind);

	dial->number = ++explain->last_number;
	dial->peer = *peer;
	dial->began_ms = now_ms;
	dial->began_wall_ms = wall_ms;
	return dial;
}

static bool is_over(const struct dial *dial)
{
	return dial->outcome == EXPLAIN_ENDED || dial->outcome == EXPLAIN_FAILED;
}

explain_dial explain_begin(struct explain *explain, uint64_t key, const struct endpoint *peer,
			   uint64_t now_ms, uint64_t wall_ms)
{
	struct dial *dial = ring_by_key(explain, key, peer);

	if (dial == NULL || is_over(dial)) {
		dial = begin(explain, RING_STRANGERS, peer, now_ms, wall_ms);
		ring_key_set(explain, dial, key);
	}
	return ring_handle(explain, dial);
}

explain_dial explain_by_key(const struct explain *explain, uint64_t key,
			    const struct endpoint *peer)
{
	const struct dial *dial = ring_by_key(explain, key, peer);

	return dial != NULL ? ring_handle(explain, dial) : 0;
}

void explain_join(struct explain *explain, explain_dial from_handle, explain_dial to_handle)
{
	struct dial *from = ring_dial(explain, from_handle);
	const struct dial *to = ring_dial(explain, to_handle);

	if (from == NULL || to == NULL)
		return;
	for (unsigned i = 0; i < from->steps_told && i < STEPS_MAX; i++) {
		const struct step *step = &from->steps[i];

		explain_step(explain, to_handle, step->layer, step->inbound, step->message,
			     step->meaning != NULL ? step->meaning : "",
			     from->began_ms + step->after_ms);
	}
	ring_clear(explain, from);
}

explain_dial explain_branch(struct explain *explain, explain_dial parent,
			    const struct endpoint *peer, uint64_t now_ms, uint64_t wall_ms)
{
	struct dial *dial = begin(explain, RING_KNOWN, peer, now_ms, wall_ms);

	dial->parent = parent;
	return ring_handle(explain, dial);
}

explain_dial explain_known(struct explain *explain, explain_dial handle)
{
	struct dial *dial = ring_dial(explain, handle);

	if (dial == NULL || !ring_is_stranger(explain, dial))
		return dial == NULL ? 0 : handle;
	return ring_handle(explain, ring_move(explain, dial, RING_KNOWN));
}

/* The place of step `told`: the first ones stay, the others take turns. */
static unsigned step_place(uint32_t told)
{
	return told < EXPLAIN_STEPS_FIRST
		       ? told
		       : EXPLAIN_STEPS_FIRST + (told - EXPLAIN_STEPS_FIRST) % EXPLAIN_STEPS_LAST;
}

static void steps_grow(struct explain *explain, struct dial *dial)
{
	uint16_t room = dial->steps_room == 0 ? STEPS_ROOM_FIRST : (uint16_t)(2 * dial->steps_room);

	dial->steps = memory_resize(dial->steps, room * sizeof(*dial->steps));
	memset(dial->steps + dial->steps_room, 0, (room - dial->steps_room) * sizeof(*dial->steps));
	explain->bytes += (room - dial->steps_room) * sizeof(*dial->steps);
	dial->steps_room = room;
}

void explain_step(struct explain *explain, explain_dial handle, enum explain_layer layer,
		  bool inbound, const char *message, const char *meaning, uint64_t now_ms)
{
	struct dial *dial = ring_dial(explain, handle);
	struct step *step;
	unsigned place;

	if (dial == NULL)
		return;
	place = step_place(dial->steps_told++);
	if (place >= dial->steps_room)
		steps_grow(explain, dial);
	step = &dial->steps[place];
	/* What joined may have been told before this dial began. */
	step->after_ms = now_ms > dial->began_ms ? (uint32_t)(now_ms - dial->began_ms) : 0;
	step->layer = (uint8_t)layer;
	step->inbound = inbound;
	step->message = message;
	ring_text_set(explain, &step->meaning, meaning);
}

void explain_user(struct explain *explain, explain_dial handle, const char *user)
{
	struct dial *dial = ring_dial(explain, handle);

	if (dial != NULL)
		ring_text_set(explain, &dial->user, user);
}

void explain_profile(struct explain *explain, explain_dial handle, const char *profile)
{
	struct dial *dial = ring_dial(explain, handle);

	if (dial != NULL)
		ring_text_set(explain, &dial->profile, profile);
}

void explain_session(struct explain *explain, explain_dial handle, uint32_t session)
{
	struct dial *dial = ring_dial(explain, handle);

	if (dial != NULL)
		dial->session = session;
}

void explain_peer(struct explain *explain, explain_dial handle, const struct endpoint *peer)
{
	struct dial *dial = ring_dial(explain, handle);

	if (dial == NULL)
		return;
	/* The key goes with the address that it came with. */
	ring_key_set(explain, dial, 0);
	dial->peer = *peer;
}

bool explain_is_vacant(const struct explain *explain, explain_dial handle)
{
	const struct dial *dial = ring_dial(explain, handle);

	return dial != NULL && dial->session == UINT32_MAX && !is_over(dial);
}

bool explain_is_running(const struct explain *explain, explain_dial handle)
{
	const struct dial *dial = ring_dial(explain, handle);

	return dial != NULL && dial->outcome == EXPLAIN_RUNNING;
}

void explain_up(struct explain *explain, explain_dial handle)
{
	struct dial *dial = ring_dial(explain, handle);

	if (dial == NULL || dial->outcome == EXPLAIN_ENDED)
		return;
	dial->outcome = EXPLAIN_UP;
	dial->cause = CAUSE_none;
	dial->ended_ms = 0;
	ring_text_set(explain, &dial->detail, "");
}

void explain_end(struct explain *explain, explain_dial handle, enum cause cause, const char *detail,
		 uint64_t now_ms)
{
	struct dial *dial = ring_dial(explain, handle);

	if (dial == NULL || is_over(dial))
		return;
	dial->outcome = dial->outcome == EXPLAIN_UP ? EXPLAIN_ENDED : EXPLAIN_FAILED;
	dial->cause = (uint16_t)cause;
	dial->ended_ms = now_ms;
	ring_text_set(explain, &dial->detail, detail);
}
