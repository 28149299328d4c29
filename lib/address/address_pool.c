/* SPDX-License-Identifier: BSD-3-Clause */
#include "address/address_pool.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* One address of the range. Free ones form a list in the order of their release. */
struct place {
	uint32_t previous;
	uint32_t next;
	uint32_t previous_of_user; /* hash chain of the free places by who had them last */
	uint32_t next_of_user;
	bool used;
	char *user; /* who has it or had it last; NULL: nobody in particular */
};

/* An address outside of the range that is reserved. */
struct outsider {
	struct outsider *next;
	uint32_t address;
};

#define OUTSIDER_BUCKETS_FIRST 64

struct address_pool {
	uint32_t first;
	uint32_t size;
	uint32_t free_count;
	uint32_t free_head;
	uint32_t free_tail;
	struct place *places;
	uint32_t *by_user; /* `buckets` heads of chains */
	uint32_t buckets;
	struct outsider **outsiders;
	uint32_t outsider_buckets;
	uint32_t outsider_count;
};

static void free_append(struct address_pool *pool, uint32_t index)
{
	struct place *place = &pool->places[index];

	place->previous = pool->free_tail;
	place->next = NONE;
	if (pool->free_tail == NONE)
		pool->free_head = index;
	else
		pool->places[pool->free_tail].next = index;
	pool->free_tail = index;
	pool->free_count++;
}

static void free_remove(struct address_pool *pool, uint32_t index)
{
	struct place *place = &pool->places[index];

	if (place->previous == NONE)
		pool->free_head = place->next;
	else
		pool->places[place->previous].next = place->next;
	if (place->next == NONE)
		pool->free_tail = place->previous;
	else
		pool->places[place->next].previous = place->previous;
	pool->free_count--;
}

struct address_pool *address_pool_new(uint32_t first, uint32_t last)
{
	struct address_pool *pool;

	if (first == 0 || last < first || last - first >= ADDRESS_POOL_MAX)
		return NULL;
	pool = memory_new(sizeof(*pool));
	pool->first = first;
	pool->size = last - first + 1;
	pool->free_head = NONE;
	pool->free_tail = NONE;
	pool->places = memory_new_array(pool->size, sizeof(*pool->places));
	for (pool->buckets = 16; pool->buckets < pool->size; pool->buckets *= 2)
		;
	pool->by_user = memory_new_array(pool->buckets, sizeof(*pool->by_user));
	for (uint32_t i = 0; i < pool->buckets; i++)
		pool->by_user[i] = NONE;
	pool->outsider_buckets = OUTSIDER_BUCKETS_FIRST;
	pool->outsiders = memory_new_array(pool->outsider_buckets, sizeof(struct outsider *));
	for (uint32_t i = 0; i < pool->size; i++)
		free_append(pool, i);
	return pool;
}

void address_pool_free(struct address_pool *pool)
{
	if (pool == NULL)
		return;
	for (uint32_t i = 0; i < pool->size; i++)
		free(pool->places[i].user);
	for (uint32_t i = 0; i < pool->outsider_buckets; i++) {
		while (pool->outsiders[i] != NULL) {
			struct outsider *outsider = pool->outsiders[i];

			pool->outsiders[i] = outsider->next;
			free(outsider);
		}
	}
	free(pool->outsiders);
	free(pool->by_user);
	free(pool->places);
	free(pool);
}

/* FNV-1a */
static uint32_t *user_bucket(struct address_pool *pool, const char *user)
{
	uint32_t hash = 2166136261u;

	for (; *user != '\0'; user++)
		hash = (hash ^ (uint8_t)*user) * 16777619u;
	return &pool->by_user[(hash ^ hash >> 15) & (pool->buckets - 1)];
}

/* Somebody takes the place: it cannot be found by its last user any more. */
static void user_unlink(struct address_pool *pool, uint32_t index)
{
	struct place *place = &pool->places[index];

	if (place->previous_of_user == NONE)
		*user_bucket(pool, place->user) = place->next_of_user;
	else
		pool->places[place->previous_of_user].next_of_user = place->next_of_user;
	if (place->next_of_user != NONE)
		pool->places[place->next_of_user].previous_of_user = place->previous_of_user;
}

/* The place is free again: its user finds it here. */
static void user_link(struct address_pool *pool, uint32_t index)
{
	struct place *place = &pool->places[index];
	uint32_t *bucket = user_bucket(pool, place->user);

	place->previous_of_user = NONE;
	place->next_of_user = *bucket;
	if (*bucket != NONE)
		pool->places[*bucket].previous_of_user = index;
	*bucket = index;
}

/* A free place that this user had last, or NONE. */
static uint32_t user_find(struct address_pool *pool, const char *user)
{
	uint32_t index = *user_bucket(pool, user);

	while (index != NONE && strcmp(pool->places[index].user, user) != 0)
		index = pool->places[index].next_of_user;
	return index;
}

static void place_take(struct address_pool *pool, uint32_t index, const char *user)
{
	struct place *place = &pool->places[index];

	free_remove(pool, index);
	if (place->user != NULL)
		user_unlink(pool, index);
	free(place->user);
	place->user = user != NULL && user[0] != '\0' ? memory_copy_text(user) : NULL;
	place->used = true;
}

static void place_release(struct address_pool *pool, uint32_t index)
{
	pool->places[index].used = false;
	free_append(pool, index);
	if (pool->places[index].user != NULL)
		user_link(pool, index);
}

uint32_t address_pool_allocate(struct address_pool *pool, const char *user)
{
	uint32_t index = NONE;

	if (user != NULL && user[0] != '\0')
		index = user_find(pool, user);
	if (index == NONE)
		index = pool->free_head;
	if (index == NONE)
		return 0;
	place_take(pool, index, user);
	return pool->first + index;
}

bool address_pool_contains(const struct address_pool *pool, uint32_t address)
{
	return address >= pool->first && address - pool->first < pool->size;
}

static struct outsider **outsider_at(struct address_pool *pool, uint32_t address)
{
	uint32_t bucket = (address * 2654435761u >> 8) & (pool->outsider_buckets - 1);
	struct outsider **at = &pool->outsiders[bucket];

	while (*at != NULL && (*at)->address != address)
		at = &(*at)->next;
	return at;
}

static void outsiders_grow(struct address_pool *pool)
{
	struct outsider **old = pool->outsiders;
	uint32_t old_buckets = pool->outsider_buckets;

	pool->outsider_buckets *= 2;
	pool->outsiders = memory_new_array(pool->outsider_buckets, sizeof(struct outsider *));
	for (uint32_t i = 0; i < old_buckets; i++) {
		while (old[i] != NULL) {
			struct outsider *outsider = old[i];

			old[i] = outsider->next;
			outsider->next = NULL;
			*outsider_at(pool, outsider->address) = outsider;
		}
	}
	free(old);
}

static int outsider_reserve(struct address_pool *pool, uint32_t address)
{
	struct outsider **at = outsider_at(pool, address);

	if (*at != NULL)
		return -EADDRINUSE;
	*at = memory_new(sizeof(**at));
	(*at)->address = address;
	if (++pool->outsider_count > pool->outsider_buckets)
		outsiders_grow(pool);
	return 0;
}

int address_pool_reserve(struct address_pool *pool, uint32_t address)
{
	if (address == 0)
		return -EINVAL;
	if (!address_pool_contains(pool, address))
		return outsider_reserve(pool, address);
	if (pool->places[address - pool->first].used)
		return -EADDRINUSE;
	place_take(pool, address - pool->first, NULL);
	return 0;
}

int address_pool_release(struct address_pool *pool, uint32_t address)
{
	struct outsider **at;
	struct outsider *outsider;

	if (address_pool_contains(pool, address)) {
		if (!pool->places[address - pool->first].used)
			return -ENOENT;
		place_release(pool, address - pool->first);
		return 0;
	}
	at = outsider_at(pool, address);
	outsider = *at;
	if (outsider == NULL)
		return -ENOENT;
	*at = outsider->next;
	pool->outsider_count--;
	free(outsider);
	return 0;
}

uint32_t address_pool_free_count(const struct address_pool *pool)
{
	return pool->free_count;
}

uint32_t address_pool_used_count(const struct address_pool *pool)
{
	return pool->size - pool->free_count + pool->outsider_count;
}

uint32_t address_pool_size(const struct address_pool *pool)
{
	return pool->size;
}
