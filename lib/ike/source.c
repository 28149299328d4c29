/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"
#include "ike/engine.h"

#include <stdlib.h>

struct source *source_get(struct ike *ike, const struct endpoint *remote)
{
	struct endpoint address = *remote;
	struct source *source;
	struct table_node *node = NULL;
	uint64_t hash;

	address.port = 0;
	hash = table_hash(&ike->hash_key, address.address, sizeof(address.address));
	while ((node = table_find(&ike->sources, hash, node)) != NULL) {
		source = table_object(node, struct source, node);
		if (endpoint_same_address(&source->address, &address))
			return source;
	}
	source = memory_new(sizeof(*source));
	source->address = address;
	TAILQ_INIT(&source->waiting);
	table_insert(&ike->sources, &source->node, hash);
	return source;
}

void source_put(struct ike *ike, struct source *source)
{
	if (source->half_open != 0 || source->jobs != 0 || source->reassemblies != 0)
		return;
	table_remove(&ike->sources, &source->node);
	free(source);
}
