/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_SLOTS_H
#define IKE_SLOTS_H

/*
 * Names for objects: an index and a generation. A freed index waits behind all other free ones, and
 * its generation moves on, so that an old name finds nothing.
 */

#include <stddef.h>
#include <stdint.h>

struct slot;

struct slots {
	struct slot *slots;
	uint32_t count;
	uint32_t capacity;
	uint32_t limit;
	uint32_t used;
	uint32_t free_head;
	uint32_t free_tail;
};

void slots_init(struct slots *slots, uint32_t limit);
void slots_free(struct slots *slots);

/* Puts `object` in; its name goes to `index` and `generation` (never 0). 0 or -ENOSPC. */
int slots_add(struct slots *slots, void *object, uint32_t *index, uint32_t *generation);
void slots_remove(struct slots *slots, uint32_t index);

/* The object of that name, or NULL. `mask` selects the bits of the generation that count. */
void *slots_get(const struct slots *slots, uint32_t index, uint32_t generation, uint32_t mask);

/* The object at `index` whatever its generation, or NULL. */
void *slots_at(const struct slots *slots, uint32_t index);

#endif
