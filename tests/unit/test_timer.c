/* SPDX-License-Identifier: BSD-3-Clause */
#include "timer/timer_wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TICK_MS 8

struct probe {
	struct timer_node node;
	uint64_t fired_ms;
	unsigned fires;
};

static void fired(struct timer_node *node, uint64_t now_ms)
{
	struct probe *probe = (struct probe *)node;

	probe->fired_ms = now_ms;
	probe->fires++;
}

/* Timers over five orders of magnitude, woken only when the wheel asks for it. */
static void every_timer_fires_once_and_in_time(void **state)
{
	enum { PROBES = 20000 };
	uint64_t start = 123456789, now = start;
	struct timer_wheel *wheel = timer_wheel_new(now);
	struct probe *probes = calloc(PROBES, sizeof(*probes));
	uint32_t random = 7;
	unsigned wakes = 0;

	(void)state;
	for (unsigned i = 0; i < PROBES; i++) {
		random = random * 1664525 + 1013904223;
		probes[i].node.expired = fired;
		timer_wheel_set(wheel, &probes[i].node, now + (random >> 8) % (1u << (4 + i % 22)));
	}
	while (timer_wheel_next_ms(wheel) != UINT64_MAX) {
		uint64_t next = timer_wheel_next_ms(wheel);

		assert_true(next + TICK_MS > now);
		now = next > now ? next : now + 1;
		timer_wheel_advance(wheel, now);
		assert_true(++wakes < 10 * PROBES);
	}
	for (unsigned i = 0; i < PROBES; i++) {
		assert_int_equal(probes[i].fires, 1);
		assert_true(probes[i].fired_ms >= probes[i].node.deadline_ms);
		assert_true(probes[i].fired_ms < probes[i].node.deadline_ms + 2 * TICK_MS);
	}
	free(probes);
	timer_wheel_free(wheel);
}

static void a_cancelled_or_moved_timer_does_not_fire_at_its_old_time(void **state)
{
	struct timer_wheel *wheel = timer_wheel_new(0);
	struct probe a = {.node.expired = fired}, b = {.node.expired = fired};

	(void)state;
	timer_wheel_set(wheel, &a.node, 1000);
	timer_wheel_set(wheel, &b.node, 1000);
	timer_wheel_set(wheel, &a.node, 5000);
	timer_wheel_cancel(&b.node);
	assert_false(timer_node_is_set(&b.node));
	timer_wheel_advance(wheel, 2000);
	assert_int_equal(a.fires + b.fires, 0);
	timer_wheel_advance(wheel, 6000);
	assert_int_equal(a.fires, 1);
	assert_int_equal(b.fires, 0);
	assert_int_equal(timer_wheel_next_ms(wheel), UINT64_MAX);
	timer_wheel_free(wheel);
}

struct chain {
	struct timer_node node;
	struct timer_wheel *wheel;
	struct timer_node *victim;
	unsigned fires;
};

static void set_again(struct timer_node *node, uint64_t now_ms)
{
	struct chain *chain = (struct chain *)node;

	timer_wheel_cancel(chain->victim);
	if (++chain->fires < 3)
		timer_wheel_set(chain->wheel, node, now_ms);
}

/* As a session's timer is with every packet: put off again and again, then it comes in time. */
static void a_timer_that_is_put_off_comes_in_time(void **state)
{
	struct timer_wheel *wheel = timer_wheel_new(0);
	struct probe a = {.node.expired = fired};
	uint64_t now_ms = 0;

	(void)state;
	for (; now_ms < 400000; now_ms += 700) {
		timer_wheel_set(wheel, &a.node, now_ms + 30000);
		timer_wheel_advance(wheel, now_ms);
	}
	assert_int_equal(a.fires, 0);
	while (a.fires == 0) {
		now_ms = timer_wheel_next_ms(wheel);
		assert_true(now_ms <= a.node.deadline_ms + 2 * TICK_MS);
		timer_wheel_advance(wheel, now_ms);
	}
	assert_true(a.fired_ms >= a.node.deadline_ms);
	timer_wheel_set(wheel, &a.node, now_ms + 50000);
	timer_wheel_set(wheel, &a.node, now_ms + 90000);
	timer_wheel_set(wheel, &a.node, now_ms + 1000); /* and sooner again */
	timer_wheel_advance(wheel, now_ms + 1000 + 2 * TICK_MS);
	assert_int_equal(a.fires, 2);
	assert_int_equal(timer_wheel_next_ms(wheel), UINT64_MAX);
	timer_wheel_free(wheel);
}

static void a_handler_may_set_itself_and_cancel_others(void **state)
{
	struct timer_wheel *wheel = timer_wheel_new(0);
	struct probe victim = {.node.expired = fired};
	struct chain chain = {.node.expired = set_again, .wheel = wheel, .victim = &victim.node};

	(void)state;
	timer_wheel_set(wheel, &victim.node, 100);
	timer_wheel_set(wheel, &chain.node, 100);
	timer_wheel_advance(wheel, 108);
	assert_int_equal(victim.fires, 0);
	timer_wheel_advance(wheel, 200);
	assert_int_equal(chain.fires, 3);
	timer_wheel_free(wheel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_timer_fires_once_and_in_time),
		cmocka_unit_test(a_cancelled_or_moved_timer_does_not_fire_at_its_old_time),
		cmocka_unit_test(a_timer_that_is_put_off_comes_in_time),
		cmocka_unit_test(a_handler_may_set_itself_and_cancel_others),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
