/* SPDX-License-Identifier: BSD-3-Clause */
#include "memory_view.h"

#include <stdio.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

static void row_add(json_t *rows, const char *kind, const char *name, uint64_t used, uint64_t size)
{
	json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:I}", "kind", kind, "name", name,
					      "used", (json_int_t)used, "size", (json_int_t)size));
}

static void pool_add(struct rte_mempool *pool, void *rows)
{
	row_add(rows, "pool", pool->name, rte_mempool_in_use_count(pool), pool->size);
}

static void heaps_add(json_t *rows)
{
	struct rte_malloc_socket_stats stats;
	char name[16];

	for (unsigned i = 0; i < rte_socket_count(); i++) {
		int socket = rte_socket_id_by_idx(i);

		if (rte_malloc_get_socket_stats(socket, &stats) != 0)
			continue;
		snprintf(name, sizeof(name), "socket %d", socket);
		row_add(rows, "heap", name, stats.heap_allocsz_bytes, stats.heap_totalsz_bytes);
	}
}

static void process_add(json_t *rows)
{
	unsigned long size, resident;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL)
		return;
	if (fscanf(file, "%lu %lu", &size, &resident) == 2)
		row_add(rows, "process", "resident", resident * page, size * page);
	fclose(file);
}

json_t *memory_view(void)
{
	json_t *rows = json_array();

	process_add(rows);
	heaps_add(rows);
	rte_mempool_walk(pool_add, rows);
	return rows;
}
