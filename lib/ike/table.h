/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_TABLE_H
#define IKE_TABLE_H

/*
 * Hash tables whose nodes live in their objects. The keys are the peers' choice (cookies,
 * addresses, SPIs), so the hash is keyed at random (SipHash-2-4).
 */

#include <stddef.h>
#include <stdint.h>

struct table_key {
	uint64_t k0;
	uint64_t k1;
};

uint64_t table_hash(const struct table_key *key, const void *bytes, size_t length);

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
};

void table_init(struct table *table);
void table_free(struct table *table);
void table_insert(struct table *table, struct table_node *node, uint64_t hash);
void table_remove(struct table *table, struct table_node *node);

/* The first node with this hash after `previous` (NULL: from the start), or NULL. */
struct table_node *table_find(const struct table *table, uint64_t hash,
			      const struct table_node *previous);

/* The object that holds `node` as its member. */
#define table_object(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
