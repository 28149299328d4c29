/* SPDX-License-Identifier: BSD-3-Clause */
#include "memory_view.h"

#include "base/slab.h"
#include "control/control.h"
#include "explain/explain.h"

#include <stdio.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

/* Of jemalloc; absent under the sanitizers, which bring an allocator of their own. */
int mallctl(const char *name, void *old, size_t *old_bytes, void *fresh, size_t fresh_bytes)
	__attribute__((weak));

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

/* The kernel counts pages of hugetlbfs apart from what is resident. */
static void process_add(json_t *rows)
{
	unsigned long kilobytes, size = 0, resident = 0, huge = 0;
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];

	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "VmSize: %lu kB", &kilobytes) == 1)
			size = kilobytes;
		else if (sscanf(line, "VmRSS: %lu kB", &kilobytes) == 1)
			resident = kilobytes;
		else if (sscanf(line, "HugetlbPages: %lu kB", &kilobytes) == 1)
			huge = kilobytes;
	}
	fclose(file);
	row_add(rows, "process", "resident", resident * 1024, size * 1024);
	row_add(rows, "process", "huge pages", huge * 1024, huge * 1024);
}

static uint64_t allocator_figure(const char *name)
{
	size_t value = 0;
	size_t bytes = sizeof(value);

	return mallctl(name, &value, &bytes, NULL, 0) == 0 ? value : 0;
}

static void allocator_add(json_t *rows)
{
	uint64_t epoch = 1;
	size_t bytes = sizeof(epoch);

	if (mallctl == NULL || mallctl("epoch", &epoch, &bytes, &epoch, bytes) != 0)
		return;
	row_add(rows, "jemalloc", "allocated", allocator_figure("stats.allocated"),
		allocator_figure("stats.active"));
	row_add(rows, "jemalloc", "resident", allocator_figure("stats.resident"),
		allocator_figure("stats.mapped"));
}

/* One row for each size: objects, and how many the chunks hold. */
static void storage_add(json_t *rows, const struct control *control)
{
	struct slab_figures figures;
	char name[64];

	for (unsigned i = 0; control_storage(control, i, &figures); i++) {
		snprintf(name, sizeof(name), "%zu bytes, %u of %u chunks on huge pages",
			 figures.object_bytes, figures.huge_chunks, figures.chunks);
		row_add(rows, "storage", name, figures.in_use, figures.room);
	}
}

static void objects_add(json_t *rows, const struct control *control)
{
	const char *name;
	uint64_t used, limit;

	for (unsigned i = 0; control_objects(control, i, &name, &used, &limit); i++)
		row_add(rows, "object", name, used, limit);
}

/* What `explain` remembers goes with time, not with the peers. */
static void dials_add(json_t *rows, const struct control *control)
{
	uint64_t bytes;
	uint32_t dials;

	explain_size(control_explain(control), &dials, &bytes);
	row_add(rows, "dial history", "dials", dials, 0);
	row_add(rows, "dial history", "bytes", bytes, 0);
}

json_t *memory_view(const struct control *control)
{
	json_t *rows = json_array();

	process_add(rows);
	allocator_add(rows);
	heaps_add(rows);
	rte_mempool_walk(pool_add, rows);
	storage_add(rows, control);
	objects_add(rows, control);
	dials_add(rows, control);
	return rows;
}
