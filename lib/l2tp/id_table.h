/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_ID_TABLE_H
#define L2TP_ID_TABLE_H

/*
 * Identifiers that we assign: the index of an object in an array, xor a random mask, never 0.
 * Freed places wait behind others, so that an identifier does not come back at once.
 */

#include <stdbool.h>
#include <stdint.h>

struct id_table {
	void **objects;
	uint32_t *waiting; /* ring of freed places, `places` long; NULL: none was freed yet */
	uint32_t places;   /* allocated */
	uint32_t touched;  /* places ever used */
	uint32_t limit;
	uint32_t waiting_head;
	uint32_t waiting_count;
	uint16_t mask;
};

/* At most `limit` objects (up to 65535). */
void l2tp_id_table_init(struct id_table *table, uint32_t limit, uint16_t mask);
void l2tp_id_table_clear(struct id_table *table);

/* Returns the object's new identifier, or 0 when the table is full. */
uint16_t l2tp_id_table_add(struct id_table *table, void *object);
void l2tp_id_table_remove(struct id_table *table, uint16_t id);

/* NULL if there is none. */
void *l2tp_id_table_find(const struct id_table *table, uint16_t id);

/* The object at the first used place from `*place` on, which moves behind it; NULL at the end. */
void *l2tp_id_table_next(const struct id_table *table, uint32_t *place);

#endif
