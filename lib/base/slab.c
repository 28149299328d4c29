/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/slab.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CHUNK_SHIFT 21

/* A free object holds the address of the next one. */
struct free_object {
	struct free_object *next;
};

struct slab {
	struct slab *next;
	size_t object_bytes;
	struct free_object *free;
	uint8_t *fresh; /* the first object of the newest chunk that was never taken */
	uint8_t *fresh_end;
	uint64_t in_use;
	uint32_t huge_chunks;
	uint32_t count;
	uint8_t **chunks;
};

struct slabs {
	struct slab *first;
};

struct slabs *slabs_new(void)
{
	return memory_new(sizeof(struct slabs));
}

/* The part of the newest chunk that nobody had is not touched. */
static void chunk_free(const struct slab *slab, uint32_t index)
{
	uint8_t *chunk = slab->chunks[index];
	bool newest = index + 1 == slab->count;

	memory_wipe(chunk, newest ? (size_t)(slab->fresh - chunk) : SLAB_CHUNK_BYTES);
	munmap(chunk, SLAB_CHUNK_BYTES);
}

void slabs_free(struct slabs *slabs)
{
	struct slab *slab;

	if (slabs == NULL)
		return;
	while ((slab = slabs->first) != NULL) {
		slabs->first = slab->next;
		for (uint32_t i = 0; i < slab->count; i++) {
			chunk_free(slab, i);
		}
		free(slab->chunks);
		free(slab);
	}
	free(slabs);
}

static uint8_t *map(size_t bytes, int flags)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Ordinary memory at a multiple of the chunk's size, where the kernel may use a huge page. */
static uint8_t *map_aligned(void)
{
	uint8_t *memory = map(2 * SLAB_CHUNK_BYTES, 0);
	size_t before;

	if (memory == NULL) {
		fputs("concentrator: out of memory\n", stderr);
		abort();
	}
	before = SLAB_CHUNK_BYTES - (uintptr_t)memory % SLAB_CHUNK_BYTES;
	munmap(memory, before);
	if (before != SLAB_CHUNK_BYTES)
		munmap(memory + before + SLAB_CHUNK_BYTES, SLAB_CHUNK_BYTES - before);
	(void)madvise(memory + before, SLAB_CHUNK_BYTES, MADV_HUGEPAGE);
	return memory + before;
}

static void chunk_add(struct slab *slab)
{
	uint8_t *chunk = map(SLAB_CHUNK_BYTES, MAP_HUGETLB | CHUNK_SHIFT << MAP_HUGE_SHIFT);

	if (chunk != NULL)
		slab->huge_chunks++;
	else
		chunk = map_aligned();
	(void)madvise(chunk, SLAB_CHUNK_BYTES, MADV_DONTDUMP);
	slab->chunks = memory_resize(slab->chunks, (slab->count + 1) * sizeof(*slab->chunks));
	slab->chunks[slab->count++] = chunk;
	slab->fresh = chunk;
	slab->fresh_end = chunk + SLAB_CHUNK_BYTES / slab->object_bytes * slab->object_bytes;
}

static struct slab *slab_of(struct slabs *slabs, size_t bytes)
{
	size_t object_bytes = (bytes + SLAB_ALIGNMENT - 1) & ~(size_t)(SLAB_ALIGNMENT - 1);
	struct slab *slab = slabs->first;

	while (slab != NULL && slab->object_bytes != object_bytes)
		slab = slab->next;
	if (slab != NULL)
		return slab;
	if (bytes == 0 || bytes > SLAB_CHUNK_BYTES)
		abort();
	slab = memory_new(sizeof(*slab));
	slab->object_bytes = object_bytes;
	slab->next = slabs->first;
	slabs->first = slab;
	return slab;
}

void *slabs_take(struct slabs *slabs, size_t bytes)
{
	struct slab *slab = slab_of(slabs, bytes);
	struct free_object *object = slab->free;

	slab->in_use++;
	if (object != NULL) {
		slab->free = object->next;
		object->next = NULL; /* the rest was wiped */
		return object;
	}
	if (slab->fresh == slab->fresh_end)
		chunk_add(slab);
	slab->fresh += slab->object_bytes;
	return slab->fresh - slab->object_bytes;
}

void slabs_give_back(struct slabs *slabs, void *memory, size_t bytes)
{
	struct slab *slab = slab_of(slabs, bytes);
	struct free_object *object = memory;

	if (object == NULL)
		return;
	memory_wipe(object, slab->object_bytes);
	object->next = slab->free;
	slab->free = object;
	slab->in_use--;
}

bool slabs_figures(const struct slabs *slabs, unsigned index, struct slab_figures *figures)
{
	const struct slab *slab = slabs->first;

	while (slab != NULL && index-- > 0)
		slab = slab->next;
	if (slab == NULL)
		return false;
	*figures = (struct slab_figures){
		.object_bytes = slab->object_bytes,
		.in_use = slab->in_use,
		.room = SLAB_CHUNK_BYTES / slab->object_bytes * (uint64_t)slab->count,
		.chunks = slab->count,
		.huge_chunks = slab->huge_chunks,
	};
	return true;
}
