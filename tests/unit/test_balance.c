/* SPDX-License-Identifier: BSD-3-Clause */
/* Where new sessions go and which ones move, with rates as unequal as those of subscribers. */
#include "control/balance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define OBJECTS 1000

struct object {
	unsigned worker;
	double weight;
	unsigned moves;
};

static double zipf(unsigned rank)
{
	return 100000.0 / (rank + 1);
}

static void place(struct balance *balance, struct object *object, unsigned worker, double weight)
{
	*object = (struct object){worker, weight, 0};
	balance_add(balance, worker, weight);
}

/* Passes until it ends; the number of moves. */
static unsigned run(struct balance *balance, struct object *objects, unsigned count)
{
	struct rebalance rebalance;
	unsigned moves = 0, passes = 0, to;

	for (rebalance_begin(&rebalance, balance); rebalance.running;
	     rebalance_pass_over(&rebalance, balance)) {
		assert_true(++passes < 64);
		for (unsigned i = 0; i < count; i++) {
			if (!rebalance_wants(&rebalance, balance, objects[i].worker,
					     objects[i].weight, &to))
				continue;
			assert_int_not_equal(to, objects[i].worker);
			balance_move(balance, objects[i].worker, to, objects[i].weight);
			objects[i].worker = to;
			objects[i].moves++;
			moves++;
		}
	}
	return moves;
}

static void expect_balanced(const struct balance *balance, const struct object *objects,
			    unsigned count, double within)
{
	double sum[BALANCE_WORKERS_MAX] = {0}, mean = 0;

	for (unsigned i = 0; i < count; i++) {
		sum[objects[i].worker] += objects[i].weight;
		mean += objects[i].weight / balance->workers;
	}
	for (unsigned i = 0; i < balance->workers; i++) {
		assert_true(sum[i] <= mean * (1 + within));
		assert_true(sum[i] >= mean * (1 - within));
	}
}

static void unequal_sessions_are_evened_out(void **state)
{
	static struct object objects[OBJECTS];

	(void)state;
	for (unsigned workers = 2; workers <= 7; workers++) {
		for (unsigned way = 0; way < 4; way++) {
			struct balance balance = {.workers = workers};
			unsigned moves;

			for (unsigned i = 0; i < OBJECTS; i++) {
				unsigned rank = way & 1 ? i : (i * 389u) % OBJECTS;

				place(&balance, &objects[i], way & 2 ? 0 : i % workers, zipf(rank));
			}
			moves = run(&balance, objects, OBJECTS);
			expect_balanced(&balance, objects, OBJECTS, 0.10);
			assert_in_range(moves, 1, OBJECTS);
			assert_int_equal(run(&balance, objects, OBJECTS), 0); /* it is done */
		}
	}
}

static void equal_sessions_are_evened_out(void **state)
{
	static struct object objects[60000];
	struct balance balance = {.workers = 4};

	(void)state;
	for (unsigned i = 0; i < 60000; i++)
		place(&balance, &objects[i], 0, 3);
	assert_in_range(run(&balance, objects, 60000), 40000, 45000);
	expect_balanced(&balance, objects, 60000, 0.06);
}

/* One session is more than a worker's share: the others make room, and it is left in peace. */
static void a_session_larger_than_a_share_is_alone(void **state)
{
	struct balance balance = {.workers = 4};
	struct object objects[31];

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		place(&balance, &objects[i], i % 4, 10);
	place(&balance, &objects[30], 0, 1000);
	run(&balance, objects, 31);
	for (unsigned i = 0; i < 30; i++)
		assert_int_not_equal(objects[i].worker, objects[30].worker);
	assert_in_range(objects[30].moves, 0, 1);
	assert_int_equal(run(&balance, objects, 31), 0);
}

static void what_is_even_stays(void **state)
{
	struct balance balance = {.workers = 4};
	struct object objects[40];

	(void)state;
	assert_int_equal(run(&balance, objects, 0), 0);
	assert_true(balance_imbalance(&balance) == 1);
	for (unsigned i = 0; i < 40; i++)
		place(&balance, &objects[i], i % 4, 10 + i / 4);
	assert_int_equal(run(&balance, objects, 40), 0);
}

/* A thousand at once, all by one queue: nobody was measured yet. */
static void new_sessions_spread_before_they_are_measured(void **state)
{
	struct balance balance = {.workers = 4};

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		balance_add(&balance, balance_choose(&balance, 2), BALANCE_FRESH);
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(balance.worker[i].fresh, 220, 310);
	assert_true(balance.worker[2].fresh > 250); /* its own queue is as good a place as any */
}

static void a_new_session_stays_with_its_queue_below_the_bound(void **state)
{
	struct balance balance = {.workers = 4};

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		balance_add(&balance, i, 100);
	balance_add(&balance, 1, 24);
	assert_int_equal(balance_choose(&balance, 1), 1);
	balance_add(&balance, 1, 6);
	balance_remove(&balance, 3, 100);
	balance_add(&balance, 3, 99);
	assert_int_equal(balance_choose(&balance, 1), 3);
	assert_int_equal(balance_choose(&balance, 0), 0);
}

/* The one queue of a LAC's flow: its worker hands most of it on, the more the more it gives away. */
static void handing_on_is_work(void **state)
{
	static struct object objects[OBJECTS];
	struct balance balance = {.workers = 4};
	double own[4] = {0}, load[4], mean = 0;

	(void)state;
	for (unsigned i = 0; i < OBJECTS; i++)
		place(&balance, &objects[i], i % 4, 100);
	balance.worker[0].handed_rate = 0.4 * 75 * OBJECTS; /* of all that the others own */
	assert_in_range(run(&balance, objects, OBJECTS), 50, 400);
	for (unsigned i = 0; i < OBJECTS; i++)
		own[objects[i].worker] += objects[i].weight;
	for (unsigned i = 0; i < 4; i++) {
		load[i] = own[i];
		if (i == 0)
			load[i] += 0.4 * (100 * OBJECTS - own[0]) * BALANCE_HANDED_SHARE;
		mean += load[i] / 4;
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_true(load[i] < 1.06 * mean);
		assert_true(fabs(load[i] - balance_load(&balance, i)) < 1);
	}
	assert_true(own[0] * 1.5 < own[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unequal_sessions_are_evened_out),
		cmocka_unit_test(equal_sessions_are_evened_out),
		cmocka_unit_test(a_session_larger_than_a_share_is_alone),
		cmocka_unit_test(what_is_even_stays),
		cmocka_unit_test(new_sessions_spread_before_they_are_measured),
		cmocka_unit_test(a_new_session_stays_with_its_queue_below_the_bound),
		cmocka_unit_test(handing_on_is_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
