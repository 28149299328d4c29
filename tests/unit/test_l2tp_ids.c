/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike_cmocka.h"
#include "l2tp/id_table.h"

#include <stdlib.h>
#include <string.h>

#define OBJECTS 40

/* The place whose identifier would be 0 is left out, wherever it lies. */
static void every_mask_gives_identifiers(void **state)
{
	static const uint16_t masks[] = {0,  1,  2,  3,  4,  7,      8,     15,
					 16, 31, 32, 39, 40, 0x8000, 0xffff};
	struct id_table table;
	int objects[OBJECTS];
	uint16_t ids[OBJECTS];

	(void)state;
	for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
		l2tp_id_table_init(&table, OBJECTS, masks[m]);
		for (size_t i = 0; i < OBJECTS; i++) {
			ids[i] = l2tp_id_table_add(&table, &objects[i]);
			assert_int_not_equal(ids[i], 0);
			for (size_t before = 0; before < i; before++)
				assert_int_not_equal(ids[before], ids[i]);
		}
		assert_int_equal(l2tp_id_table_add(&table, &objects[0]), 0); /* full */
		for (size_t i = 0; i < OBJECTS; i++)
			assert_ptr_equal(l2tp_id_table_find(&table, ids[i]), &objects[i]);
		assert_null(l2tp_id_table_find(&table, 0));
		l2tp_id_table_clear(&table);
	}
}

static void an_identifier_comes_back_late(void **state)
{
	struct id_table table;
	int object;
	uint16_t first, id;
	unsigned others = 0;

	(void)state;
	l2tp_id_table_init(&table, 4, 0);
	first = l2tp_id_table_add(&table, &object);
	id = first;
	do {
		l2tp_id_table_remove(&table, id);
		assert_null(l2tp_id_table_find(&table, id));
		id = l2tp_id_table_add(&table, &object);
		others++;
	} while (id != first);
	assert_true(others > 8);
	l2tp_id_table_clear(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mask_gives_identifiers),
		cmocka_unit_test(an_identifier_comes_back_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
