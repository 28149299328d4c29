/* SPDX-License-Identifier: BSD-3-Clause */
#include "fsm/fsm.h"

#include <assert.h>
#include <errno.h>

int fsm_step(const struct fsm_table *table, uint8_t *state, unsigned event, void *object,
	     const void *argument)
{
	const struct fsm_cell *cell;

	assert(event < table->events && *state < table->states);
	cell = &table->cells[event * table->states + *state];
	if (!cell->defined)
		return -EPROTO;
	*state = cell->next;
	for (uint32_t left = cell->actions; left != 0; left &= left - 1)
		table->act(object, (unsigned)__builtin_ctz(left), argument);
	return 0;
}
