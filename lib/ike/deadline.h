/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_DEADLINE_H
#define IKE_DEADLINE_H

/* The engine's deadlines: a binary heap of nodes that live in their objects. */

#include <stdint.h>

enum deadline_kind { DEADLINE_SA, DEADLINE_QUICK_MODE, DEADLINE_CHILD, DEADLINE_PEER };

struct deadline {
	uint64_t due_ms;
	uint32_t position; /* in the heap, from 1; 0: not armed */
	uint8_t kind;      /* enum deadline_kind: which object holds it */
};

struct deadlines {
	struct deadline **heap;
	uint32_t count;
	uint32_t capacity;
};

void deadlines_init(struct deadlines *deadlines);
void deadlines_free(struct deadlines *deadlines);

/* Arms or moves; UINT64_MAX disarms. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t due_ms);
void deadline_clear(struct deadlines *deadlines, struct deadline *deadline);

/* The earliest, or NULL. */
struct deadline *deadlines_first(const struct deadlines *deadlines);

#endif
