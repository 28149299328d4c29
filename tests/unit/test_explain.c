/* SPDX-License-Identifier: BSD-3-Clause */
#include "explain/explain.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KNOWN     8
#define STRANGERS 4

static struct endpoint peer(unsigned n)
{
	return endpoint_ipv4(htonl(0xc0000200 + n), (uint16_t)(1000 + n));
}

static explain_dial known(struct explain *explain, uint64_t key, unsigned n)
{
	struct endpoint from = peer(n);

	return explain_known(explain, explain_begin(explain, key, &from, 1000, 5000));
}

static explain_dial find(const struct explain *explain, enum explain_what what, unsigned n,
			 const char *user, uint64_t number, uint32_t *more)
{
	struct explain_question question = {what, peer(n), user, number};

	return explain_find(explain, &question, more);
}

static void a_flood_of_strangers_leaves_the_known_alone(void **state)
{
	struct explain *explain = explain_new(KNOWN, STRANGERS, 12345);
	explain_dial dial = known(explain, 77, 1);
	struct explain_view view;

	(void)state;
	assert_int_not_equal(dial, 0);
	for (uint64_t key = 100; key < 1100; key++) {
		struct endpoint from = peer(2);

		explain_step(explain, explain_begin(explain, key, &from, 0, 0), EXPLAIN_IKE, true,
			     "main mode 1", "", 0);
	}
	assert_true(explain_view(explain, dial, &view));
	assert_int_equal(view.number, 1);
	assert_int_equal(explain_by_key(explain, 1099 - STRANGERS, NULL), 0);
	assert_int_not_equal(explain_by_key(explain, 1099, NULL), 0);
	explain_free(explain);
}

static void a_stale_handle_changes_nothing(void **state)
{
	struct explain *explain = explain_new(KNOWN, STRANGERS, 12345);
	explain_dial first = known(explain, 1, 1);
	struct explain_view view;
	explain_dial last = 0;

	(void)state;
	for (uint64_t key = 2; key < 2 + KNOWN; key++)
		last = known(explain, key, 2);
	assert_false(explain_view(explain, first, &view));
	explain_user(explain, first, "mallory");
	explain_session(explain, first, 9);
	explain_end(explain, first, CAUSE_wrong_password, "", 0);
	assert_true(explain_view(explain, last, &view));
	assert_string_equal(view.user, "");
	assert_int_equal(view.session, UINT32_MAX);
	assert_int_equal(view.outcome, EXPLAIN_RUNNING);
	explain_free(explain);
}

static void first_and_last_steps_are_kept(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
	struct explain *explain = explain_new(KNOWN, STRANGERS, 12345);
	explain_dial dial = known(explain, 1, 1);
	struct explain_view view;
	struct explain_step_view step;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		char meaning[16];

		snprintf(meaning, sizeof(meaning), "%u", i);
		explain_step(explain, dial, EXPLAIN_L2TP, i % 2 == 0, names[i % 7], meaning,
			     1000 + i);
	}
	assert_true(explain_view(explain, dial, &view));
	assert_int_equal(view.steps, EXPLAIN_STEPS_FIRST + EXPLAIN_STEPS_LAST);
	assert_int_equal(view.skipped, 200 - EXPLAIN_STEPS_FIRST - EXPLAIN_STEPS_LAST);
	for (unsigned i = 0; i < view.steps; i++) {
		unsigned told = i < EXPLAIN_STEPS_FIRST ? i : 200 - view.steps + i;
		char meaning[16];

		snprintf(meaning, sizeof(meaning), "%u", told);
		explain_step_view(explain, dial, i, &step);
		assert_string_equal(step.meaning, meaning);
		assert_string_equal(step.message, names[told % 7]);
		assert_int_equal(step.inbound, told % 2 == 0);
		assert_int_equal(step.after_ms, told);
	}
	explain_free(explain);
}

static void questions_find_the_newest(void **state)
{
	struct explain *explain = explain_new(KNOWN, STRANGERS, 12345);
	explain_dial one = known(explain, 1, 1), two = known(explain, 2, 1),
		     three = known(explain, 3, 3);
	struct endpoint anywhere = peer(1);
	struct explain_question question = {EXPLAIN_OF_PEER, anywhere, NULL, 0};
	uint64_t number = UINT64_MAX;
	uint32_t more;

	(void)state;
	explain_user(explain, one, "alice");
	explain_user(explain, two, "bob");
	explain_session(explain, one, 5);
	explain_session(explain, three, 5); /* the number was given away again */
	assert_int_equal(find(explain, EXPLAIN_OF_USER, 0, "alice", 0, &more), one);
	assert_int_equal(more, 0);
	assert_int_equal(find(explain, EXPLAIN_OF_USER, 0, "carol", 0, &more), 0);
	assert_int_equal(find(explain, EXPLAIN_OF_PEER, 1, NULL, 0, &more), two);
	assert_int_equal(more, 1);
	question.peer.port = 0;
	assert_int_equal(explain_find(explain, &question, &more), two);
	question.peer.port = 4;
	assert_int_equal(explain_find(explain, &question, &more), 0);
	assert_int_equal(find(explain, EXPLAIN_OF_SESSION, 0, NULL, 5, &more), three);
	assert_int_equal(find(explain, EXPLAIN_OF_NUMBER, 0, NULL, 1, &more), one);
	assert_int_equal(find(explain, EXPLAIN_LAST, 0, NULL, 0, &more), three);
	explain_end(explain, two, CAUSE_wrong_password, "", 2000);
	explain_end(explain, one, CAUSE_unknown_user, "", 3000);
	assert_int_equal(find(explain, EXPLAIN_LAST, 0, NULL, 0, &more), one);
	assert_int_equal(explain_next(explain, &number), three);
	assert_int_equal(explain_next(explain, &number), two);
	assert_int_equal(explain_next(explain, &number), one);
	assert_int_equal(explain_next(explain, &number), 0);
	explain_free(explain);
}

static void the_first_end_counts(void **state)
{
	struct explain *explain = explain_new(KNOWN, STRANGERS, 12345);
	explain_dial dial = known(explain, 1, 1);
	struct explain_view view;

	(void)state;
	assert_true(explain_is_running(explain, dial));
	assert_true(explain_is_vacant(explain, dial));
	explain_end(explain, dial, CAUSE_wrong_password, "chap", 2000);
	explain_end(explain, dial, CAUSE_peer_request, "", 3000);
	assert_true(explain_view(explain, dial, &view));
	assert_int_equal(view.outcome, EXPLAIN_FAILED);
	assert_int_equal(view.cause, CAUSE_wrong_password);
	assert_string_equal(view.detail, "chap");
	explain_up(explain, dial); /* after all */
	explain_end(explain, dial, CAUSE_peer_request, "", 4000);
	explain_up(explain, dial);
	assert_true(explain_view(explain, dial, &view));
	assert_int_equal(view.outcome, EXPLAIN_ENDED);
	assert_int_equal(view.cause, CAUSE_peer_request);
	assert_int_equal(view.ended_ms, 4000);
	assert_false(explain_is_vacant(explain, dial));
	explain_free(explain);
}

static void a_key_begins_anew_once_it_is_over(void **state)
{
	struct explain *explain = explain_new(KNOWN, STRANGERS, 12345);
	struct endpoint from = peer(1), other = peer(2);
	explain_dial dial = explain_begin(explain, 9, &from, 0, 0);

	(void)state;
	assert_int_equal(explain_begin(explain, 9, &from, 1, 0), dial);
	assert_int_not_equal(explain_begin(explain, 9, &other, 1, 0), dial);
	explain_end(explain, dial, CAUSE_ike_timeout, "", 2);
	assert_int_equal(explain_by_key(explain, 9, &from), dial);
	assert_int_not_equal(explain_begin(explain, 9, &from, 3, 0), dial);
	explain_free(explain);
}

static void a_renewal_joins_its_dial(void **state)
{
	struct explain *explain = explain_new(KNOWN, STRANGERS, 12345);
	struct endpoint from = peer(1);
	explain_dial dial = known(explain, 1, 1), renewal;
	struct explain_step_view step;
	struct explain_view view;

	(void)state;
	explain_step(explain, dial, EXPLAIN_IKE, true, "main mode 1", "first", 1000);
	renewal = explain_begin(explain, 2, &from, 61000, 0);
	explain_step(explain, renewal, EXPLAIN_IKE, true, "main mode 1", "second", 61010);
	explain_join(explain, renewal, dial);
	assert_false(explain_view(explain, renewal, &view));
	assert_int_equal(explain_by_key(explain, 2, NULL), 0);
	assert_true(explain_view(explain, dial, &view));
	assert_int_equal(view.steps, 2);
	explain_step_view(explain, dial, 1, &step);
	assert_string_equal(step.meaning, "second");
	assert_int_equal(step.after_ms, 60010);
	explain_free(explain);
}

static void memory_is_counted_and_bounded(void **state)
{
	struct explain *explain = explain_new(KNOWN, STRANGERS, 12345);
	uint64_t empty, full = 0, bytes;
	uint32_t dials;

	(void)state;
	explain_size(explain, &dials, &empty);
	assert_int_equal(dials, 0);
	for (uint64_t round = 0; round < 10 * KNOWN; round++) {
		explain_dial dial = known(explain, round + 1, 1);

		explain_user(explain, dial, "alice");
		for (unsigned i = 0; i < 100; i++)
			explain_step(explain, dial, EXPLAIN_PPP, true, "m", "meaning", 1000);
		explain_size(explain, &dials, &bytes);
		if (round + 1 == KNOWN)
			full = bytes;
		assert_int_equal(dials, round < KNOWN ? round + 1 : KNOWN);
	}
	assert_true(full > empty);
	assert_int_equal(bytes, full);
	explain_free(explain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_strangers_leaves_the_known_alone),
		cmocka_unit_test(a_stale_handle_changes_nothing),
		cmocka_unit_test(first_and_last_steps_are_kept),
		cmocka_unit_test(questions_find_the_newest),
		cmocka_unit_test(the_first_end_counts),
		cmocka_unit_test(a_key_begins_anew_once_it_is_over),
		cmocka_unit_test(a_renewal_joins_its_dial),
		cmocka_unit_test(memory_is_counted_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
