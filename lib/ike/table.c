/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/table.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_AT_FIRST 64

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

uint64_t table_hash(const struct table_key *key, const void *bytes, size_t length)
{
	uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575ULL, key->k1 ^ 0x646f72616e646f6dULL,
			 key->k0 ^ 0x6c7967656e657261ULL, key->k1 ^ 0x7465646279746573ULL};
	const uint8_t *at = bytes;
	uint64_t word;

	for (size_t left = length; left >= sizeof(word); left -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sip_word(v, word);
		at += sizeof(word);
	}
	word = 0;
	memcpy(&word, at, length % sizeof(word));
	sip_word(v, word | (uint64_t)length << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void table_init(struct table *table)
{
	table->bucket_count = BUCKETS_AT_FIRST;
	table->count = 0;
	table->buckets = memory_new_array(BUCKETS_AT_FIRST, sizeof(struct table_node *));
}

void table_free(struct table *table)
{
	free(table->buckets);
	table->buckets = NULL;
}

static struct table_node **bucket_of(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->bucket_count - 1)];
}

static void link_node(struct table *table, struct table_node *node)
{
	struct table_node **bucket = bucket_of(table, node->hash);

	node->next = *bucket;
	*bucket = node;
}

static void grow(struct table *table)
{
	struct table_node **old = table->buckets;
	size_t old_count = table->bucket_count;

	table->bucket_count = old_count * 2;
	table->buckets = memory_new_array(table->bucket_count, sizeof(struct table_node *));
	for (size_t i = 0; i < old_count; i++) {
		struct table_node *next;

		for (struct table_node *node = old[i]; node != NULL; node = next) {
			next = node->next;
			link_node(table, node);
		}
	}
	free(old);
}

void table_insert(struct table *table, struct table_node *node, uint64_t hash)
{
	if (table->count >= table->bucket_count)
		grow(table);
	node->hash = hash;
	link_node(table, node);
	table->count++;
}

void table_remove(struct table *table, struct table_node *node)
{
	struct table_node **at = bucket_of(table, node->hash);

	while (*at != NULL && *at != node)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = node->next;
	table->count--;
}

struct table_node *table_find(const struct table *table, uint64_t hash,
			      const struct table_node *previous)
{
	struct table_node *node = previous != NULL ? previous->next : *bucket_of(table, hash);

	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}
