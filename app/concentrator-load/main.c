/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"
#include "options.h"
#include "run.h"
#include "users.h"

#include <stdlib.h>

#include <rte_eal.h>

#define EXIT_USAGE 2

int main(int argc, char **argv)
{
	struct options options;
	int status = options_parse(&options, argc, argv);

	if (status != 0)
		return status == 1 ? EXIT_SUCCESS : EXIT_USAGE;
	if (options.write_users != NULL)
		return users_write(&options) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (eal_start(&options) != 0)
		return EXIT_FAILURE;
	status = run(&options) ? EXIT_SUCCESS : EXIT_FAILURE;
	rte_eal_cleanup();
	return status;
}
