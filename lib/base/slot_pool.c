/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/slot_pool.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

/* The queue of freed slots is threaded through `next`; slots never used yet come first, in order,
 * so that a large pool costs memory only as it fills. */
struct slot_pool {
	uint32_t count;
	uint32_t untouched; /* slots from here on were never taken */
	uint32_t head;
	uint32_t tail;
	uint32_t used;
	struct {
		uint32_t next;
		uint32_t generation;
	} slots[];
};

struct slot_pool *slot_pool_new(uint32_t count)
{
	struct slot_pool *pool = memory_new(sizeof(*pool) + (size_t)count * sizeof(pool->slots[0]));

	pool->count = count;
	pool->head = UINT32_MAX;
	pool->tail = UINT32_MAX;
	return pool;
}

void slot_pool_free(struct slot_pool *pool)
{
	free(pool);
}

uint32_t slot_pool_take(struct slot_pool *pool)
{
	uint32_t slot;

	if (pool->untouched < pool->count) {
		slot = pool->untouched++;
	} else {
		slot = pool->head;
		if (slot == UINT32_MAX)
			return UINT32_MAX;
		pool->head = pool->slots[slot].next;
		if (pool->head == UINT32_MAX)
			pool->tail = UINT32_MAX;
	}
	pool->used++;
	return slot;
}

void slot_pool_give_back(struct slot_pool *pool, uint32_t slot)
{
	assert(slot < pool->untouched && pool->used > 0);
	pool->slots[slot].generation++;
	pool->slots[slot].next = UINT32_MAX;
	if (pool->tail == UINT32_MAX)
		pool->head = slot;
	else
		pool->slots[pool->tail].next = slot;
	pool->tail = slot;
	pool->used--;
}

uint32_t slot_pool_generation(const struct slot_pool *pool, uint32_t slot)
{
	return pool->slots[slot].generation;
}

uint32_t slot_pool_used(const struct slot_pool *pool)
{
	return pool->used;
}
