/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/deadline.h"

#include "base/memory.h"

#include <stdlib.h>

void deadlines_init(struct deadlines *deadlines)
{
	deadlines->count = 0;
	deadlines->capacity = 64;
	deadlines->heap = memory_new_array(deadlines->capacity + 1, sizeof(struct deadline *));
}

void deadlines_free(struct deadlines *deadlines)
{
	free(deadlines->heap);
	deadlines->heap = NULL;
}

static void put(struct deadlines *deadlines, uint32_t position, struct deadline *deadline)
{
	deadlines->heap[position] = deadline;
	deadline->position = position;
}

static void rise(struct deadlines *deadlines, struct deadline *deadline)
{
	uint32_t at = deadline->position;

	while (at > 1 && deadlines->heap[at / 2]->due_ms > deadline->due_ms) {
		put(deadlines, at, deadlines->heap[at / 2]);
		at /= 2;
	}
	put(deadlines, at, deadline);
}

static void sink(struct deadlines *deadlines, struct deadline *deadline)
{
	uint32_t at = deadline->position;

	while (at * 2 <= deadlines->count) {
		uint32_t child = at * 2;

		if (child < deadlines->count &&
		    deadlines->heap[child + 1]->due_ms < deadlines->heap[child]->due_ms)
			child++;
		if (deadlines->heap[child]->due_ms >= deadline->due_ms)
			break;
		put(deadlines, at, deadlines->heap[child]);
		at = child;
	}
	put(deadlines, at, deadline);
}

void deadline_clear(struct deadlines *deadlines, struct deadline *deadline)
{
	struct deadline *last;
	uint32_t position = deadline->position;

	if (position == 0)
		return;
	deadline->position = 0;
	last = deadlines->heap[deadlines->count--];
	if (last == deadline)
		return;
	put(deadlines, position, last);
	rise(deadlines, last);
	sink(deadlines, last);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t due_ms)
{
	if (due_ms == UINT64_MAX) {
		deadline_clear(deadlines, deadline);
		return;
	}
	deadline->due_ms = due_ms;
	if (deadline->position == 0) {
		if (deadlines->count == deadlines->capacity) {
			deadlines->capacity *= 2;
			deadlines->heap =
				memory_resize(deadlines->heap, ((size_t)deadlines->capacity + 1) *
								       sizeof(struct deadline *));
		}
		put(deadlines, ++deadlines->count, deadline);
	}
	rise(deadlines, deadline);
	sink(deadlines, deadline);
}

struct deadline *deadlines_first(const struct deadlines *deadlines)
{
	return deadlines->count == 0 ? NULL : deadlines->heap[1];
}
