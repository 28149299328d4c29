/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/id_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define OBJECTS 40

/* The place left out, whose identifier would be 0, may be any, also one at which the table grows. */
static void every_mask_gives_identifiers(void **state)
{
	int objects[OBJECTS];

	(void)state;
	for (uint32_t mask = 0; mask <= UINT16_MAX; mask++) {
		struct id_table table;
		uint16_t ids[OBJECTS];
		uint32_t place = 0;

		l2tp_id_table_init(&table, OBJECTS, (uint16_t)mask);
		for (unsigned i = 0; i < OBJECTS; i++) {
			ids[i] = l2tp_id_table_add(&table, &objects[i]);
			assert_int_not_equal(ids[i], 0);
		}
		assert_int_equal(l2tp_id_table_add(&table, objects), 0);
		for (unsigned i = 0; i < OBJECTS; i++) {
			assert_ptr_equal(l2tp_id_table_find(&table, ids[i]), &objects[i]);
			assert_ptr_equal(l2tp_id_table_next(&table, &place), &objects[i]);
		}
		assert_null(l2tp_id_table_next(&table, &place));
		l2tp_id_table_clear(&table);
	}
}

/* 65535 at once, and again after all were given back. */
static void every_identifier_can_be_had(void **state)
{
	static int objects[UINT16_MAX];
	static uint16_t ids[UINT16_MAX];
	struct id_table table;

	(void)state;
	l2tp_id_table_init(&table, 100000, 0x1234);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < UINT16_MAX; i++) {
			ids[i] = l2tp_id_table_add(&table, &objects[i]);
			assert_int_not_equal(ids[i], 0);
		}
		assert_int_equal(l2tp_id_table_add(&table, objects), 0);
		for (unsigned i = 0; i < UINT16_MAX; i++) {
			assert_ptr_equal(l2tp_id_table_find(&table, ids[i]), &objects[i]);
			l2tp_id_table_remove(&table, ids[i]);
		}
	}
	l2tp_id_table_clear(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mask_gives_identifiers),
		cmocka_unit_test(every_identifier_can_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
