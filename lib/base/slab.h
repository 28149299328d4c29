/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

/*
 * Memory for many objects of few sizes that the packet path looks at for every packet: objects of
 * one size lie side by side in chunks of 2 MiB on huge pages, so that thousands of sessions share
 * an entry of the processor's address cache. Objects are aligned to cache lines, zeroed when they
 * are taken and wiped when they are given back, since they hold keys. A chunk is kept until the
 * end. One thread takes and gives back; who else uses an object is its owner's matter.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slabs;

#define SLAB_CHUNK_BYTES (2u << 20)
#define SLAB_ALIGNMENT   64

struct slabs *slabs_new(void);

/* All chunks go, with what is still in use, wiped. NULL is allowed. */
void slabs_free(struct slabs *slabs);

/*
 * A zeroed object of at least `bytes`, at most SLAB_CHUNK_BYTES. Aborts when memory is out. Sizes
 * are rounded up to SLAB_ALIGNMENT; each different one has chunks of its own.
 */
void *slabs_take(struct slabs *slabs, size_t bytes);

/* `bytes` as in slabs_take(). NULL is allowed. */
void slabs_give_back(struct slabs *slabs, void *object, size_t bytes);

/* One size: figures for the operator. */
struct slab_figures {
	size_t object_bytes;
	uint64_t in_use;      /* objects */
	uint64_t room;        /* objects that the chunks hold */
	uint32_t chunks;      /* of SLAB_CHUNK_BYTES */
	uint32_t huge_chunks; /* of them on reserved huge pages; the kernel decides for the rest */
};

/* The figures of the size at `index`; false behind the last one. */
bool slabs_figures(const struct slabs *slabs, unsigned index, struct slab_figures *figures);

#endif
