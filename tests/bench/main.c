/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-process part of the bench: figures of the packet path, one JSON object a line. scripts/bench
 * runs it and makes the table.
 */
#include "handoff.h"
#include "latency.h"
#include "overload.h"
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

static struct bed *special_bed(const struct esp_suite *suite, unsigned workers)
{
	struct bed_options options = {
		.sessions = 1000, .suite = *suite, .workers = workers, .packets = POOL_PACKETS};

	return bed_new(&options);
}

static bool wanted(const struct options *options, const char *name)
{
	return options->only == NULL || fnmatch(options->only, name, 0) == 0;
}

static unsigned overload_measure(const struct options *options)
{
	struct overload_result once = {0}, result;
	unsigned wrong = 0;
	struct bed *bed;

	if (!wanted(options, "overload"))
		return 0;
	bed = special_bed(&gcm, 1);
	for (unsigned times = 1; times <= 7; times += times == 1 ? 1 : 5) {
		result.cycles = 0;
		for (unsigned i = 0; i < 5; i++) { /* the least of some: the machine is shared */
			struct overload_result now;

			overload_run(bed, times, 20000, &now);
			wrong += now.wrong || now.silent != 0;
			if (i == 0 || now.cycles < result.cycles)
				result = now;
		}
		if (times == 1)
			once = result;
		printf("{\"name\": \"overload/%u\", \"cycles\": %.1f, \"goodput\": %.3f, "
		       "\"offered\": %lu, \"sent\": %lu, \"keepalives\": %lu, \"silent\": %u, "
		       "\"longest\": %u, \"wrong\": %u}\n",
		       times, result.cycles, once.cycles / result.cycles, result.offered,
		       result.sent, result.keepalives, result.silent, result.longest, wrong);
		fflush(stdout);
	}
	bed_free(bed);
	return wrong;
}

/* The load is a part of what the worker can do, so that is measured first. */
static unsigned latency_measure(const struct options *options, const char *name,
				const struct esp_suite *suite)
{
	struct pipeline_case what = {.suite = *suite,
				     .sessions = 1000,
				     .packets = LATENCY_PACKETS,
				     .bytes = TRAFFIC_IMIX,
				     .up = true,
				     .trials = 60};
	static struct pipeline_result capacity;
	static struct latency_result result;
	struct bed *bed;

	if (!wanted(options, name))
		return 0;
	bed = special_bed(suite, 1);
	pipeline_measure(bed, &what, &capacity);
	/* The median: on a shared machine the least is a rate that does not last. */
	latency_run(bed, trials_median(&capacity.pipeline), 0.8, 40, &result);
	result.wrong |= result.p99_us.count == 0; /* nothing was measured */
	printf("{\"name\": \"%s\", \"p50_us\": %.2f, \"p99_us\": %.2f, \"p99_least_us\": %.2f, "
	       "\"runs\": %u, \"discarded\": %u, \"wrong\": %u}\n",
	       name, trials_median(&result.p50_us), trials_median(&result.p99_us),
	       trials_least(&result.p99_us), result.p99_us.count, result.discarded, result.wrong);
	fflush(stdout);
	bed_free(bed);
	return result.wrong;
}

static unsigned handoff_row(const struct options *options)
{
	static struct handoff_result result;
	struct bed *bed;

	if (!wanted(options, "handoff"))
		return 0;
	bed = special_bed(&plain, 2);
	handoff_measure(bed, options->trials, &result);
	printf("{\"name\": \"handoff\", \"own\": %.1f, \"handed\": %.1f, \"cycles\": %.1f, "
	       "\"cycles_median\": %.1f, \"wrong\": %u}\n",
	       trials_least(&result.own), trials_least(&result.handed),
	       trials_least(&result.handed) - trials_least(&result.own),
	       trials_median(&result.handed) - trials_median(&result.own), result.wrong);
	bed_free(bed);
	return result.wrong;
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
	wrong += overload_measure(&options);
	wrong += latency_measure(&options, "latency/gcm", &gcm);
	wrong += latency_measure(&options, "latency/cbc", &cbc);
	wrong += handoff_row(&options);
	return wrong != 0;
}
