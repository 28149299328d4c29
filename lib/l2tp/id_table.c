/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/id_table.h"

#include "base/memory.h"

#include <stdlib.h>

#define WAITING_LEAST 8 /* freed places that wait before one is used again */
#define PLACES_FIRST  1
#define PLACES_MAX    65536

void l2tp_id_table_init(struct id_table *table, uint32_t limit, uint16_t mask)
{
	*table = (struct id_table){.mask = mask,
				   .limit = limit < PLACES_MAX ? limit : PLACES_MAX - 1};
}

void l2tp_id_table_clear(struct id_table *table)
{
	free(table->objects);
	free(table->waiting);
	*table = (struct id_table){0};
}

static void id_table_grow(struct id_table *table)
{
	uint32_t places = table->places == 0 ? PLACES_FIRST : table->places * 2;
	void **objects = memory_new_array(places, sizeof(*objects));
	uint32_t *waiting = NULL;

	/* The place that was left out last is touched, but was never there. */
	for (uint32_t i = 0; i < table->touched && i < table->places; i++)
		objects[i] = table->objects[i];
	if (table->waiting != NULL)
		waiting = memory_new_array(places, sizeof(*waiting));
	for (uint32_t i = 0; i < table->waiting_count; i++)
		waiting[i] = table->waiting[(table->waiting_head + i) % table->places];
	free(table->objects);
	free(table->waiting);
	table->objects = objects;
	table->waiting = waiting;
	table->waiting_head = 0;
	table->places = places;
}

static uint32_t waiting_take(struct id_table *table)
{
	uint32_t place = table->waiting[table->waiting_head];

	table->waiting_head = (table->waiting_head + 1) % table->places;
	table->waiting_count--;
	return place;
}

/* A place never used before; the one whose identifier would be 0 is left out. */
static uint32_t fresh_take(struct id_table *table)
{
	if (table->touched == table->mask)
		table->touched++;
	while (table->touched >= table->places)
		id_table_grow(table);
	return table->touched++;
}

uint16_t l2tp_id_table_add(struct id_table *table, void *object)
{
	uint32_t skipped = table->touched > table->mask ? 1 : 0;
	uint32_t used = table->touched - skipped - table->waiting_count;
	bool fresh_left = table->touched + (table->touched == table->mask) < PLACES_MAX;
	uint32_t place;

	if (used >= table->limit)
		return 0;
	if (table->waiting_count > WAITING_LEAST || !fresh_left)
		place = waiting_take(table);
	else
		place = fresh_take(table);
	table->objects[place] = object;
	return (uint16_t)(place ^ table->mask);
}

void l2tp_id_table_remove(struct id_table *table, uint16_t id)
{
	uint32_t place = (uint32_t)(id ^ table->mask);

	if (table->waiting == NULL)
		table->waiting = memory_new_array(table->places, sizeof(*table->waiting));
	table->objects[place] = NULL;
	table->waiting[(table->waiting_head + table->waiting_count) % table->places] = place;
	table->waiting_count++;
}

void *l2tp_id_table_find(const struct id_table *table, uint16_t id)
{
	uint32_t place = (uint32_t)(id ^ table->mask);

	return place < table->touched ? table->objects[place] : NULL;
}

void *l2tp_id_table_next(const struct id_table *table, uint32_t *place)
{
	while (*place < table->touched) {
		void *object = table->objects[(*place)++];

		if (object != NULL)
			return object;
	}
	return NULL;
}
