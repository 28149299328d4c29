/* SPDX-License-Identifier: BSD-3-Clause */
#include "aaa/users.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon.h"
#include "explain_commands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_CONFIGURATION 78 /* EX_CONFIG */

static const char usage[] =
	"concentrator: an LNS that terminates L2TP/IPsec\n"
	"\n"
	"  concentrator -c FILE                  run with this configuration\n"
	"  concentrator -c FILE --enable-bench   and install the sessions of `bench`\n"
	"  concentrator -c FILE --check-config   say whether it is right, and end\n"
	"  concentrator --print-config           print an example with every key and default\n"
	"  concentrator --print-manual           print the manual of the keys in Markdown\n"
	"  concentrator --print-causes           print why dials fail, and the cures, in Markdown\n"
	"  concentrator --version\n";

/* Reads the configuration and the users file that it names; says what is wrong. */
static struct config *configuration_read(const char *path)
{
	char error[CONFIG_ERROR_BYTES];
	char users_error[USERS_ERROR_BYTES];
	struct config *config = config_load(path, error);
	struct users *users;

	if (config == NULL) {
		fprintf(stderr, "concentrator: %s\n", error);
		return NULL;
	}
	if (config->users_file[0] == '\0')
		return config;
	users = aaa_users_read(config->users_file, users_error);
	if (users == NULL) {
		fprintf(stderr, "concentrator: %s\n", users_error);
		config_free(config);
		return NULL;
	}
	aaa_users_free(users);
	return config;
}

static int run(const char *path, bool check_only, bool bench_enabled)
{
	struct config *config = configuration_read(path);
	struct log *log;
	int status;

	if (config == NULL)
		return EXIT_CONFIGURATION;
	if (config->bench_sessions != 0 && !bench_enabled) {
		fprintf(stderr,
			"concentrator: %s: bench.sessions needs --enable-bench: those sessions "
			"have keys that anybody can know\n",
			path);
		config_free(config);
		return EXIT_CONFIGURATION;
	}
	if (check_only) {
		printf("%s: right\n", path);
		config_free(config);
		return EXIT_SUCCESS;
	}
	log = log_new(STDERR_FILENO, (enum log_level)config->log_level);
	status = daemon_run(config, log);
	log_free(log);
	config_free(config);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"check-config", no_argument, NULL, 'k'}, {"print-config", no_argument, NULL, 'p'},
		{"enable-bench", no_argument, NULL, 'b'}, {"print-manual", no_argument, NULL, 'm'},
		{"print-causes", no_argument, NULL, 'w'}, {"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
	};
	const char *path = NULL;
	bool check_only = false, bench_enabled = false;
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'k':
			check_only = true;
			break;
		case 'b':
			bench_enabled = true;
			break;
		case 'p':
			config_print_example(stdout);
			return EXIT_SUCCESS;
		case 'm':
			config_print_manual(stdout);
			return EXIT_SUCCESS;
		case 'w':
			explain_manual_print(stdout);
			return EXIT_SUCCESS;
		case 'v':
			puts("concentrator " CONCENTRATOR_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (path == NULL || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	return run(path, check_only, bench_enabled);
}
