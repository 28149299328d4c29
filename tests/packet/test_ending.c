/* SPDX-License-Identifier: BSD-3-Clause */
#include "dialler.h"

/* The wheel outlives control, so it must hold nothing of it then; see timer_wheel_free(). */
static void a_session_that_is_up_ends_with_control(void **state)
{
	struct dialler *dialler = dialler_up(NULL);

	(void)state;
	dialler->left_alone = true;
	dialler_free(dialler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_that_is_up_ends_with_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
