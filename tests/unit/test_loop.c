/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop: watches that go away while their event is on its way, timers, the end of a turn. */
#include "control/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
	struct loop *loop;
	int pipes[2][2];
	struct side {
		struct rig *rig;
		unsigned number;
		unsigned heard;
	} sides[2];
	unsigned turns;
	struct timer_node timer;
};

static void hear_once(void *object)
{
	struct side *side = object;
	struct rig *rig = side->rig;
	char byte;

	side->heard++;
	assert_int_equal(read(rig->pipes[side->number][0], &byte, 1), 1);
}

/* Takes the other watch away: its event may be in the same batch. */
static void silence_other(void *object)
{
	struct side *side = object;
	struct rig *rig = side->rig;
	unsigned other = 1 - side->number;

	hear_once(object);
	loop_unwatch(rig->loop, rig->pipes[other][0]);
}

static void turn(void *object)
{
	struct rig *rig = object;

	if (++rig->turns == 3)
		loop_stop(rig->loop);
}

static void expired(struct timer_node *node, uint64_t now_ms)
{
	struct rig *rig = (struct rig *)((char *)node - offsetof(struct rig, timer));

	assert_true(now_ms >= node->deadline_ms);
	loop_stop(rig->loop);
}

static int set_up(void **state)
{
	static struct rig rig;

	rig = (struct rig){.loop = loop_new()};
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pipe(rig.pipes[i]), 0);
		rig.sides[i] = (struct side){.rig = &rig, .number = i};
	}
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < 2; i++) {
		close(rig->pipes[i][0]);
		close(rig->pipes[i][1]);
	}
	loop_free(rig->loop);
	return 0;
}

static void a_watch_that_is_gone_is_not_called(void **state)
{
	struct rig *rig = *state;

	rig->timer.expired = expired;
	timer_wheel_set(loop_wheel(rig->loop), &rig->timer, loop_now_ms(rig->loop) + 30);
	for (unsigned i = 0; i < 2; i++) {
		loop_watch(rig->loop, rig->pipes[i][0], silence_other, &rig->sides[i]);
		assert_int_equal(write(rig->pipes[i][1], "x", 1), 1);
	}
	loop_run(rig->loop);
	assert_int_equal(rig->sides[0].heard + rig->sides[1].heard, 1);
}

static void a_descriptor_can_be_watched_again(void **state)
{
	struct rig *rig = *state;

	rig->timer.expired = expired;
	timer_wheel_set(loop_wheel(rig->loop), &rig->timer, loop_now_ms(rig->loop) + 30);
	loop_watch(rig->loop, rig->pipes[0][0], silence_other, &rig->sides[0]);
	loop_unwatch(rig->loop, rig->pipes[0][0]);
	loop_watch(rig->loop, rig->pipes[0][0], hear_once, &rig->sides[0]);
	assert_int_equal(write(rig->pipes[0][1], "x", 1), 1);
	loop_run(rig->loop);
	assert_int_equal(rig->sides[0].heard, 1);
}

static void each_turn_ends_with_the_owner(void **state)
{
	struct rig *rig = *state;
	uint64_t began_ms = loop_now_ms(rig->loop);

	loop_set_turn(rig->loop, turn, rig);
	timer_wheel_set(loop_wheel(rig->loop), &rig->timer, began_ms);
	rig->timer.expired = expired;
	loop_run(rig->loop);
	assert_int_equal(rig->turns, 1);
	loop_run(rig->loop);
	assert_int_equal(rig->turns, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_watch_that_is_gone_is_not_called),
		TEST(a_descriptor_can_be_watched_again),
		TEST(each_turn_ends_with_the_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
