/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FSM_FSM_H
#define FSM_FSM_H

/*
 * State machines as data: a constant table [event][state] of {actions, next state}. fsm_step() is
 * the only writer of a state. A cell that is not defined is an unexpected event: it changes nothing
 * and the caller counts it. The new state is set first, then the actions run in order of their
 * bits, so an action may itself feed an event.
 */

#include <stdbool.h>
#include <stdint.h>

struct fsm_cell {
	uint32_t actions; /* bit n set: action n runs */
	uint8_t next;
	bool defined;
};

struct fsm_table {
	const char *name;
	uint8_t states;
	uint8_t events;
	const char *const *state_names;
	const char *const *event_names;
	const struct fsm_cell *cells; /* [event * states + state] */
	void (*act)(void *object, unsigned action, const void *argument);
};

/*
 * Feeds `event` to the machine whose state is `*state`; `object` and `argument` are passed to the
 * actions. Returns 0, or -EPROTO when the table has no such cell.
 */
int fsm_step(const struct fsm_table *table, uint8_t *state, unsigned event, void *object,
	     const void *argument);

#endif
