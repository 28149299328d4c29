/* SPDX-License-Identifier: BSD-3-Clause */
#include "fsm/fsm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { CLOSED, OPENING, OPEN, STATES };
enum { UP, ANSWER, DOWN, EVENTS };
enum { SEND, RECORD, AGAIN, LAST = 31 };

struct machine {
	const struct fsm_table *table;
	uint8_t state;
	unsigned actions[16];
	uint8_t states[16]; /* when each action ran */
	const void *arguments[16];
	unsigned count;
};

static void act(void *object, unsigned action, const void *argument)
{
	struct machine *machine = object;

	machine->actions[machine->count] = action;
	machine->states[machine->count] = machine->state;
	machine->arguments[machine->count++] = argument;
	if (action == AGAIN)
		assert_int_equal(fsm_step(machine->table, &machine->state, ANSWER, machine, "in"),
				 0);
}

static const struct fsm_cell cells[EVENTS * STATES] = {
	[UP * STATES + CLOSED] = {1u << SEND | 1u << RECORD, OPENING, true},
	[UP * STATES + OPEN] = {1u << AGAIN | 1u << LAST, OPENING, true},
	[ANSWER * STATES + OPENING] = {1u << LAST, OPEN, true},
	[DOWN * STATES + CLOSED] = {0, CLOSED, true},
	[DOWN * STATES + OPENING] = {0, CLOSED, true},
	[DOWN * STATES + OPEN] = {1u << RECORD, CLOSED, true},
};

static const struct fsm_table table = {
	.name = "test", .states = STATES, .events = EVENTS, .cells = cells, .act = act};

static void steps_by_the_table(void **state)
{
	struct machine machine = {.table = &table};
	const char *argument = "argument";

	(void)state;
	assert_int_equal(fsm_step(&table, &machine.state, UP, &machine, argument), 0);
	assert_int_equal(machine.state, OPENING);
	assert_int_equal(machine.count, 2);
	assert_int_equal(machine.actions[0], SEND);
	assert_int_equal(machine.actions[1], RECORD);
	assert_int_equal(machine.states[0], OPENING); /* the new state first */
	assert_ptr_equal(machine.arguments[1], argument);
	assert_int_equal(fsm_step(&table, &machine.state, ANSWER, &machine, NULL), 0);
	assert_int_equal(machine.state, OPEN);
	assert_int_equal(machine.actions[2], LAST);
	assert_int_equal(fsm_step(&table, &machine.state, DOWN, &machine, NULL), 0);
	assert_int_equal(machine.state, CLOSED);
	assert_int_equal(fsm_step(&table, &machine.state, DOWN, &machine, NULL), 0);
	assert_int_equal(machine.count, 4); /* a defined cell may have no action */
}

static void an_unexpected_event_changes_nothing(void **state)
{
	struct machine machine = {.table = &table, .state = OPENING};

	(void)state;
	assert_int_equal(fsm_step(&table, &machine.state, UP, &machine, NULL), -EPROTO);
	assert_int_equal(machine.state, OPENING);
	machine.state = CLOSED;
	assert_int_equal(fsm_step(&table, &machine.state, ANSWER, &machine, NULL), -EPROTO);
	assert_int_equal(machine.state, CLOSED);
	assert_int_equal(machine.count, 0);
}

static void an_action_may_feed_an_event(void **state)
{
	struct machine machine = {.table = &table, .state = OPEN};

	(void)state;
	assert_int_equal(fsm_step(&table, &machine.state, UP, &machine, "out"), 0);
	assert_int_equal(machine.state, OPEN);
	assert_int_equal(machine.count, 3);
	assert_int_equal(machine.actions[0], AGAIN);
	assert_int_equal(machine.actions[1], LAST); /* of the inner event */
	assert_string_equal(machine.arguments[1], "in");
	assert_int_equal(machine.actions[2], LAST); /* of the outer one */
	assert_string_equal(machine.arguments[2], "out");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_by_the_table),
		cmocka_unit_test(an_unexpected_event_changes_nothing),
		cmocka_unit_test(an_action_may_feed_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
