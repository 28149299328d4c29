/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-process part of the bench: figures of the packet path, one JSON object a line. scripts/bench
 * runs it and makes the table.
 */
#include "pipeline.h"

#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOT_PACKETS  512
#define COLD_PACKETS 16384
#define POOL_PACKETS (COLD_PACKETS + 64)

static const struct esp_suite gcm = {ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE};
static const struct esp_suite cbc = {ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA1_96};
static const struct esp_suite plain = {ESP_CIPHER_NONE, 0, ESP_AUTHENTICATOR_NONE};

/* A family of cases over one bed. */
struct bed_rows {
	const char *name;
	const struct esp_suite *suite;
	uint32_t sessions;
	uint32_t packets;
	bool million; /* only with --full */
};

static const struct bed_rows beds[] = {
	{"gcm/1024", &gcm, 1024, HOT_PACKETS, false},
	{"cbc/1024", &cbc, 1024, HOT_PACKETS, false},
	{"plain/1024", &plain, 1024, HOT_PACKETS, false},
	{"gcm/cold/1", &gcm, 1, COLD_PACKETS, false},
	{"gcm/cold/1024", &gcm, 1024, COLD_PACKETS, true},
	{"gcm/cold/16384", &gcm, 16384, COLD_PACKETS, true},
	{"gcm/cold/65536", &gcm, 65536, COLD_PACKETS, false},
	{"gcm/cold/262144", &gcm, 262144, COLD_PACKETS, true},
	{"gcm/cold/1048576", &gcm, 1048576, COLD_PACKETS, true},
	{"cbc/cold/1", &cbc, 1, COLD_PACKETS, true},
	{"cbc/cold/65536", &cbc, 65536, COLD_PACKETS, true},
	{"cbc/cold/1048576", &cbc, 1048576, COLD_PACKETS, true},
};

static const struct {
	const char *name;
	uint16_t bytes;
	bool hot_only;
} sizes[] = {
	{"64", 64, true}, {"576", 576, true}, {"1400", 1400, true}, {"imix", TRAFFIC_IMIX, false}};

struct options {
	const char *only; /* shell pattern of names */
	unsigned trials;
	bool full;
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void print_result(const char *name, const struct pipeline_case *what,
			 const struct pipeline_result *result, double on_processor)
{
	printf("{\"name\": \"%s\", \"sessions\": %u, \"packets\": %u, \"trials\": %u, "
	       "\"pipeline\": %.1f, \"pipeline_median\": %.1f, \"raw\": %.1f, \"raw_median\": "
	       "%.1f, "
	       "\"raw_plain\": %.1f, \"raw_prefetch\": %.1f, \"direct\": %.1f, \"ratio\": %.3f, "
	       "\"ratio_median\": "
	       "%.3f, "
	       "\"over\": %.1f, \"wrong\": %u, \"on_processor\": %.2f}\n",
	       name, what->sessions, what->packets, what->trials, trials_least(&result->pipeline),
	       trials_median(&result->pipeline), result->raw_least, result->raw_median,
	       trials_least(&result->raw[0]), trials_least(&result->raw[1]),
	       trials_least(&result->raw[2]), trials_least(&result->pipeline) / result->raw_least,
	       trials_median(&result->pipeline) / result->raw_median,
	       trials_least(&result->pipeline) - result->raw_least, result->wrong, on_processor);
	fflush(stdout);
}

/* Returns the number of trials that went wrong. */
static unsigned measure(struct bed **bed, const struct bed_rows *rows, const char *name, bool up,
			uint16_t bytes, unsigned trials)
{
	struct pipeline_case what = {.suite = *rows->suite,
				     .sessions = rows->sessions,
				     .packets = rows->packets,
				     .bytes = bytes,
				     .up = up,
				     .trials = trials};
	struct bed_options options = {.sessions = rows->sessions,
				      .suite = *rows->suite,
				      .workers = 1,
				      .packets = POOL_PACKETS};
	static struct pipeline_result result;
	double wall, cpu;

	if (*bed == NULL)
		*bed = bed_new(&options);
	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	pipeline_measure(*bed, &what, &result);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	print_result(name, &what, &result, cpu / wall);
	return result.wrong;
}

static unsigned bed_measure(const struct bed_rows *rows, const struct options *options)
{
	struct bed *bed = NULL;
	unsigned wrong = 0;
	char name[64];

	for (unsigned direction = 0; direction < 2; direction++)
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			bool up = direction == 0;

			if (sizes[i].hot_only && rows->packets != HOT_PACKETS)
				continue;
			snprintf(name, sizeof(name), "%s/%s/%s", rows->name, up ? "decap" : "encap",
				 sizes[i].name);
			if (options->only == NULL || fnmatch(options->only, name, 0) == 0)
				wrong += measure(&bed, rows, name, up, sizes[i].bytes,
						 options->trials);
		}
	if (bed != NULL)
		bed_free(bed);
	return wrong;
}

int main(int count, char **arguments)
{
	static const struct option known[] = {{"only", required_argument, NULL, 'o'},
					      {"trials", required_argument, NULL, 't'},
					      {"full", no_argument, NULL, 'f'},
					      {NULL, 0, NULL, 0}};
	struct options options = {.trials = 60};
	unsigned wrong = 0;
	int option;

	while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
		if (option == 'o')
			options.only = optarg;
		else if (option == 't')
			options.trials = (unsigned)atoi(optarg);
		else if (option == 'f')
			options.full = true;
		else
			return 2;
	}
	printf("{\"huge_pages\": %s}\n", bed_eal_start(768) ? "true" : "false");
	for (unsigned i = 0; i < sizeof(beds) / sizeof(beds[0]); i++)
		if (options.full || !beds[i].million || options.only != NULL)
			wrong += bed_measure(&beds[i], &options);
	return wrong != 0;
}
