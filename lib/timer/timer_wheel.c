/* SPDX-License-Identifier: BSD-3-Clause */
#include "timer/timer_wheel.h"

#include "base/memory.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#define LEVELS    4
#define SLOT_BITS 8
#define SLOTS     (1u << SLOT_BITS)
#define TICK_BITS 3 /* 8 ms */

struct timer_wheel {
	uint64_t tick; /* everything before it has fired */
	uint64_t count;
	struct timer_node *slot[LEVELS][SLOTS];
};

struct timer_wheel *timer_wheel_new(uint64_t now_ms)
{
	struct timer_wheel *wheel = memory_new(sizeof(*wheel));

	wheel->tick = now_ms >> TICK_BITS;
	return wheel;
}

void timer_wheel_free(struct timer_wheel *wheel)
{
	if (wheel == NULL)
		return;
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned slot = 0; slot < SLOTS; slot++)
			assert(wheel->slot[level][slot] == NULL);
	free(wheel);
}

static void link_in(struct timer_wheel *wheel, struct timer_node *node)
{
	uint64_t tick = (node->deadline_ms + (1u << TICK_BITS) - 1) >> TICK_BITS;
	uint64_t farthest = wheel->tick + (UINT64_C(1) << (LEVELS * SLOT_BITS)) - 1;
	unsigned level = 0;
	struct timer_node **slot;

	if (tick < wheel->tick)
		tick = wheel->tick;
	if (tick > farthest)
		tick = farthest; /* it is looked at again when that comes */
	while (level + 1 < LEVELS && (tick - wheel->tick) >> ((level + 1) * SLOT_BITS) != 0)
		level++;
	slot = &wheel->slot[level][(tick >> (level * SLOT_BITS)) % SLOTS];
	node->next = *slot;
	node->link = slot;
	if (node->next != NULL)
		node->next->link = &node->next;
	*slot = node;
}

static void link_out(struct timer_node *node)
{
	*node->link = node->next;
	if (node->next != NULL)
		node->next->link = node->link;
	node->link = NULL;
	node->next = NULL;
}

void timer_wheel_set(struct timer_wheel *wheel, struct timer_node *node, uint64_t deadline_ms)
{
	if (node->link != NULL) {
		/* Most timers are put off again and again: a node stays in its slot until that is
		 * due, and goes on to the right one then. */
		if (deadline_ms >= node->deadline_ms && deadline_ms != UINT64_MAX) {
			node->deadline_ms = deadline_ms;
			return;
		}
		link_out(node);
	}
	node->deadline_ms = deadline_ms;
	if (deadline_ms != UINT64_MAX)
		link_in(wheel, node);
}

void timer_wheel_cancel(struct timer_node *node)
{
	if (node->link != NULL)
		link_out(node);
}

/* Spreads a slot of a higher level over the lower ones when its time begins. */
static void cascade(struct timer_wheel *wheel, unsigned level)
{
	unsigned index = (wheel->tick >> (level * SLOT_BITS)) % SLOTS;
	struct timer_node *node;

	if (index == 0 && level + 1 < LEVELS)
		cascade(wheel, level + 1);
	node = wheel->slot[level][index];
	wheel->slot[level][index] = NULL;
	while (node != NULL) {
		struct timer_node *next = node->next;

		link_in(wheel, node);
		node = next;
	}
}

void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms)
{
	uint64_t last = now_ms >> TICK_BITS;

	while (wheel->tick <= last) {
		unsigned index = wheel->tick % SLOTS;
		struct timer_node *due;

		if (index == 0)
			cascade(wheel, 1);
		/* What a handler sets from now on lies in a later tick. */
		due = wheel->slot[0][index];
		wheel->slot[0][index] = NULL;
		if (due != NULL)
			due->link = &due;
		wheel->tick++;
		while (due != NULL) {
			struct timer_node *node = due;

			link_out(node);
			if (node->deadline_ms > now_ms)
				link_in(wheel, node);
			else
				node->expired(node, now_ms);
		}
	}
}

uint64_t timer_wheel_next_ms(const struct timer_wheel *wheel)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		/* Once its period has begun, the current slot of a higher level is spread: what lies
		 * in it then comes round after all others. */
		uint64_t begun = wheel->tick & ((UINT64_C(1) << (level * SLOT_BITS)) - 1);
		unsigned first = begun != 0 ? 1 : 0;

		for (unsigned i = first; i < first + SLOTS; i++) {
			uint64_t period = (wheel->tick >> (level * SLOT_BITS)) + i;

			if (wheel->slot[level][period % SLOTS] != NULL)
				return (period << (level * SLOT_BITS)) << TICK_BITS;
		}
	}
	return UINT64_MAX;
}
