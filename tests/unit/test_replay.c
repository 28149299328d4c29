/* SPDX-License-Identifier: BSD-3-Clause */
/* The anti-replay window against a model that remembers every number. */
#include "dataplane/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4303 3.4.3, in the plainest way: a flag for each number, over a range of them. */
struct model {
	uint32_t base; /* number of the first flag */
	uint32_t highest;
	bool *seen;
};

#define MODEL_NUMBERS 400000

static bool model_acceptable(const struct model *model, uint32_t sequence)
{
	return sequence != 0 && (uint64_t)sequence + REPLAY_WINDOW > model->highest &&
	       !model->seen[sequence - model->base];
}

static void feed(struct replay_window *window, struct model *model, uint32_t sequence)
{
	bool acceptable = model_acceptable(model, sequence);

	assert_int_equal(replay_acceptable(window, sequence), acceptable);
	if (!acceptable)
		return;
	assert_int_equal(replay_accept(window, sequence), sequence > model->highest);
	model->seen[sequence - model->base] = true;
	if (sequence > model->highest)
		model->highest = sequence;
	assert_false(replay_acceptable(window, sequence));
}

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* Steps of many sizes back and forth; `base` is 0 or so high that numbers end at 2^32 - 1. */
static void run(uint32_t base, uint32_t seed)
{
	struct replay_window window = {.highest = base};
	struct model model = {.base = base, .highest = base};
	uint32_t random = seed;

	model.seen = calloc(MODEL_NUMBERS, sizeof(bool));
	if (base != 0) {
		(void)replay_accept(&window, base);
		model.seen[0] = true;
	}
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t kind = next_random(&random) % 100;
		uint32_t step = next_random(&random);
		int64_t sequence = model.highest;

		if (kind < 50)
			sequence += step % 4;
		else if (kind < 75)
			sequence -= step % 64;
		else if (kind < 90)
			sequence -= step % (REPLAY_WINDOW + 80);
		else if (kind < 98)
			sequence += step % 130;
		else if (kind < 99 && step % 50 == 0)
			sequence += REPLAY_WINDOW - 70 + step % 140;
		else if (kind < 100 && step % 400 == 0)
			sequence += 2000 + step % 3000;
		if (sequence < base || sequence >= (int64_t)base + MODEL_NUMBERS ||
		    sequence > UINT32_MAX)
			continue;
		feed(&window, &model, (uint32_t)sequence);
	}
	assert_true(model.highest - base > 100000);
	free(model.seen);
}

static void agrees_with_the_model(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 8; seed++) {
		run(0, seed);
		run(UINT32_MAX - MODEL_NUMBERS + 1, seed);
	}
}

static void edges(void **state)
{
	struct replay_window window = {0};

	(void)state;
	assert_false(replay_acceptable(&window, 0));
	assert_true(replay_accept(&window, 1));
	assert_false(replay_acceptable(&window, 1));
	for (uint32_t highest = 1024; highest < 5000; highest += 37) {
		window = (struct replay_window){0};
		assert_true(replay_accept(&window, highest));
		assert_false(replay_acceptable(&window, 0));
		assert_false(replay_acceptable(&window, highest - REPLAY_WINDOW));
		assert_int_equal(replay_acceptable(&window, highest - REPLAY_WINDOW + 1), 1);
		assert_false(replay_accept(&window, highest - REPLAY_WINDOW + 1));
		assert_false(replay_acceptable(&window, highest - REPLAY_WINDOW + 1));
	}
}

/* After a jump over the whole ring, and over many of them, nothing old is left in it. */
static void a_jump_forgets(void **state)
{
	static const uint32_t jumps[] = {
		1023, 1024, 1025, 1087, 1088, 2047, 2048, 2049, 4096, 65536, UINT32_MAX - 3000};

	(void)state;
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct replay_window window = {0};
		uint32_t highest = 2000 + jumps[i];

		for (uint32_t n = 1; n <= 2000; n++)
			(void)replay_accept(&window, n);
		assert_true(replay_accept(&window, highest));
		for (uint32_t n = highest - REPLAY_WINDOW + 1; n < highest; n++)
			assert_int_equal(replay_acceptable(&window, n), n > 2000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(edges),
		cmocka_unit_test(a_jump_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
