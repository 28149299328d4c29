/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/slots.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

#define NOTHING        UINT32_MAX
#define SLOTS_AT_FIRST 16

struct slot {
	void *object;
	uint32_t generation;
	uint32_t next_free;
};

void slots_init(struct slots *slots, uint32_t limit)
{
	*slots = (struct slots){.limit = limit, .free_head = NOTHING, .free_tail = NOTHING};
}

void slots_free(struct slots *slots)
{
	free(slots->slots);
	slots->slots = NULL;
}

static uint32_t slot_take(struct slots *slots)
{
	uint32_t index = slots->free_head;

	if (index != NOTHING) {
		slots->free_head = slots->slots[index].next_free;
		if (slots->free_head == NOTHING)
			slots->free_tail = NOTHING;
		return index;
	}
	if (slots->count == slots->capacity) {
		slots->capacity = slots->capacity == 0 ? SLOTS_AT_FIRST : slots->capacity * 2;
		slots->slots =
			memory_resize(slots->slots, (size_t)slots->capacity * sizeof(struct slot));
	}
	slots->slots[slots->count] = (struct slot){.generation = 0};
	return slots->count++;
}

int slots_add(struct slots *slots, void *object, uint32_t *index, uint32_t *generation)
{
	struct slot *slot;

	if (slots->used >= slots->limit)
		return -ENOSPC;
	*index = slot_take(slots);
	slot = &slots->slots[*index];
	slot->object = object;
	slot->generation++;
	if ((slot->generation & 0xfff) == 0)
		slot->generation++; /* no mask of 12 bits or more may see 0 */
	*generation = slot->generation;
	slots->used++;
	return 0;
}

void slots_remove(struct slots *slots, uint32_t index)
{
	struct slot *slot = &slots->slots[index];

	slot->object = NULL;
	slot->next_free = NOTHING;
	if (slots->free_tail == NOTHING)
		slots->free_head = index;
	else
		slots->slots[slots->free_tail].next_free = index;
	slots->free_tail = index;
	slots->used--;
}

void *slots_get(const struct slots *slots, uint32_t index, uint32_t generation, uint32_t mask)
{
	if (index >= slots->count || (slots->slots[index].generation & mask) != generation)
		return NULL;
	return slots->slots[index].object;
}

void *slots_at(const struct slots *slots, uint32_t index)
{
	return index < slots->count ? slots->slots[index].object : NULL;
}
