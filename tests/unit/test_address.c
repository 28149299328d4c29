/* SPDX-License-Identifier: BSD-3-Clause */
#include "address/address_pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define FIRST 0x0a000010u

static void ranges_are_checked(void **state)
{
	struct address_pool *pool;

	(void)state;
	assert_null(address_pool_new(0, 10));
	assert_null(address_pool_new(10, 9));
	assert_null(address_pool_new(1, 1 + ADDRESS_POOL_MAX));
	pool = address_pool_new(0xffffffff, 0xffffffff);
	assert_non_null(pool);
	assert_int_equal(address_pool_allocate(pool, "a"), 0xffffffff);
	assert_int_equal(address_pool_allocate(pool, "b"), 0);
	address_pool_free(pool);
}

static void every_address_is_given_once(void **state)
{
	struct address_pool *pool = address_pool_new(FIRST, FIRST + 3);

	(void)state;
	assert_int_equal(address_pool_size(pool), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(address_pool_allocate(pool, NULL), FIRST + i);
	assert_int_equal(address_pool_allocate(pool, NULL), 0);
	assert_int_equal(address_pool_free_count(pool), 0);
	assert_int_equal(address_pool_used_count(pool), 4);
	address_pool_free(pool);
}

static void released_addresses_come_back_last(void **state)
{
	struct address_pool *pool = address_pool_new(FIRST, FIRST + 2);

	(void)state;
	address_pool_allocate(pool, NULL);
	address_pool_allocate(pool, NULL);
	assert_int_equal(address_pool_release(pool, FIRST + 1), 0);
	assert_int_equal(address_pool_release(pool, FIRST), 0);
	assert_int_equal(address_pool_allocate(pool, NULL), FIRST + 2);
	assert_int_equal(address_pool_allocate(pool, NULL), FIRST + 1);
	assert_int_equal(address_pool_allocate(pool, NULL), FIRST);
	address_pool_free(pool);
}

static void returning_user_gets_its_address(void **state)
{
	struct address_pool *pool = address_pool_new(FIRST, FIRST + 9);
	uint32_t anna = address_pool_allocate(pool, "anna");
	uint32_t bert = address_pool_allocate(pool, "bert");

	(void)state;
	assert_int_not_equal(anna, bert);
	address_pool_release(pool, anna);
	address_pool_release(pool, bert);
	assert_int_equal(address_pool_allocate(pool, "bert"), bert);
	assert_int_equal(address_pool_allocate(pool, "anna"), anna);
	/* A second session of the same user at once gets another one. */
	assert_int_not_equal(address_pool_allocate(pool, "anna"), anna);
	address_pool_free(pool);
}

static void address_passed_on_is_forgotten(void **state)
{
	struct address_pool *pool = address_pool_new(FIRST, FIRST + 1);
	uint32_t anna = address_pool_allocate(pool, "anna");

	(void)state;
	address_pool_allocate(pool, "bert");
	address_pool_release(pool, anna);
	assert_int_equal(address_pool_allocate(pool, "carl"), anna);
	address_pool_release(pool, FIRST + 1);
	assert_int_equal(address_pool_allocate(pool, "anna"), FIRST + 1);
	address_pool_free(pool);
}

static void fixed_addresses_are_reserved(void **state)
{
	struct address_pool *pool = address_pool_new(FIRST, FIRST + 1);

	(void)state;
	assert_int_equal(address_pool_reserve(pool, FIRST), 0);
	assert_int_equal(address_pool_reserve(pool, FIRST), -EADDRINUSE);
	assert_int_equal(address_pool_allocate(pool, "anna"), FIRST + 1);
	assert_int_equal(address_pool_reserve(pool, FIRST + 1), -EADDRINUSE);
	assert_int_equal(address_pool_reserve(pool, 0), -EINVAL);
	assert_int_equal(address_pool_release(pool, FIRST), 0);
	assert_int_equal(address_pool_release(pool, FIRST), -ENOENT);
	address_pool_free(pool);
}

static void addresses_outside_are_reserved(void **state)
{
	struct address_pool *pool = address_pool_new(FIRST, FIRST + 1);

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(address_pool_reserve(pool, 0xc0000000u + i), 0);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(address_pool_reserve(pool, 0xc0000000u + i), -EADDRINUSE);
	assert_int_equal(address_pool_used_count(pool), 1000);
	assert_int_equal(address_pool_free_count(pool), 2);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(address_pool_release(pool, 0xc0000000u + i), 0);
	assert_int_equal(address_pool_release(pool, 0xc0000000u), -ENOENT);
	assert_int_equal(address_pool_used_count(pool), 0);
	assert_false(address_pool_contains(pool, 0xc0000000u));
	assert_true(address_pool_contains(pool, FIRST + 1));
	address_pool_free(pool);
}

static void many_users_stay_sticky(void **state)
{
	struct address_pool *pool = address_pool_new(FIRST, FIRST + 4999);
	uint32_t addresses[4000];
	char user[32];

	(void)state;
	for (uint32_t i = 0; i < 4000; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		addresses[i] = address_pool_allocate(pool, user);
	}
	for (uint32_t i = 0; i < 4000; i++)
		assert_int_equal(address_pool_release(pool, addresses[i]), 0);
	for (uint32_t i = 4000; i-- > 0;) {
		snprintf(user, sizeof(user), "user%u", i);
		assert_int_equal(address_pool_allocate(pool, user), addresses[i]);
	}
	address_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_checked),
		cmocka_unit_test(every_address_is_given_once),
		cmocka_unit_test(released_addresses_come_back_last),
		cmocka_unit_test(returning_user_gets_its_address),
		cmocka_unit_test(address_passed_on_is_forgotten),
		cmocka_unit_test(fixed_addresses_are_reserved),
		cmocka_unit_test(addresses_outside_are_reserved),
		cmocka_unit_test(many_users_stay_sticky),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
