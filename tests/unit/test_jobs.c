/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool of threads for public-key work: every job comes back once, and the queue is bounded. */
#include "control/jobs.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SUBMITTED_MAX 4096

struct results {
	unsigned count;
	unsigned failed;
	uint64_t sum; /* of handles */
	uint64_t last;
};

static void done(void *context, uint64_t handle, const struct key_exchange_result *result)
{
	struct results *results = context;

	results->count++;
	results->failed += result->error != 0;
	results->sum += handle;
	results->last = handle;
}

static void collect(struct jobs *jobs, struct results *results, unsigned count)
{
	struct pollfd readable = {.fd = jobs_descriptor(jobs), .events = POLLIN};

	while (results->count < count) {
		assert_int_equal(poll(&readable, 1, 20000), 1);
		jobs_collect(jobs, &(struct jobs_done){results, done, NULL});
	}
	jobs_collect(jobs, &(struct jobs_done){results, done,
					       NULL}); /* a bell without a job is no harm */
	assert_int_equal(results->count, count);
}

/* A group that does not exist: an answer without computing. */
static const struct key_exchange_request nothing = {0};

static void every_job_comes_back_once(void **state)
{
	struct endpoint source = endpoint_ipv4(0x01020304, 500);
	struct jobs *jobs = jobs_new(2);
	struct results results = {0};

	(void)state;
	assert_non_null(jobs);
	for (uint64_t handle = 1; handle <= 200; handle++)
		assert_true(jobs_submit(jobs, handle, &source, &nothing));
	collect(jobs, &results, 200);
	assert_int_equal(results.count, 200);
	assert_int_equal(results.sum, 200 * 201 / 2);
	jobs_free(jobs);
}

static void a_wrong_group_is_an_error(void **state)
{
	struct endpoint source = endpoint_ipv4(0x01020304, 500);
	struct jobs *jobs = jobs_new(1);
	struct results results = {0};

	(void)state;
	assert_true(jobs_submit(jobs, 7, &source, &nothing));
	collect(jobs, &results, 1);
	assert_int_equal(results.failed, 1);
	assert_int_equal(results.last, 7);
	jobs_free(jobs);
}

/* No thread takes jobs away, so the bound shows. */
static void the_queue_is_bounded(void **state)
{
	struct endpoint source = endpoint_ipv4(0x01020304, 500);
	struct jobs *jobs = jobs_new(0);
	unsigned taken = 0;

	(void)state;
	assert_non_null(jobs);
	while (taken < SUBMITTED_MAX && jobs_submit(jobs, taken, &source, &nothing))
		taken++;
	assert_true(taken >= 512 && taken < SUBMITTED_MAX);
	jobs_free(jobs); /* with all of them in it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_comes_back_once),
		cmocka_unit_test(a_wrong_group_is_an_error),
		cmocka_unit_test(the_queue_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
