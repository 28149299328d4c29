/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many dials a second one core can answer: the engines put together as in the control core,
 * against dialling engines in the same process. Only the answering end's processor time counts,
 * public-key jobs included, and the memory that it keeps a minute later. One line of JSON for each
 * trial. `control-rate --help`.
 */
#include "dial_answer.h"
#include "dial_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNDER_WAY   128 /* dials at once */
#define SETTLE_MS   65000
#define SETTLE_STEP 250

/* Of jemalloc; absent under the sanitizers, which bring an allocator of their own. */
int mallctl(const char *name, void *old, size_t *old_bytes, void *fresh, size_t fresh_bytes)
	__attribute__((weak));

struct trial {
	const char *name;
	struct dial_plan plan;
	uint32_t population; /* up before the measurement begins */
	uint32_t dials;      /* measured */
};

struct measurement {
	double answer_seconds;
	double kept_bytes; /* of the answering end, for each dial that is up */
	uint32_t done;
	uint32_t failed;
};

static double processor_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What this thread has allocated and not freed; the program has one thread. */
static double allocated_bytes(void)
{
	uint64_t allocated = 0, freed = 0;
	size_t bytes = sizeof(allocated);

	if (mallctl == NULL || mallctl("thread.allocated", &allocated, &bytes, NULL, 0) != 0 ||
	    mallctl("thread.deallocated", &freed, &bytes, NULL, 0) != 0)
		return 0;
	return (double)allocated - (double)freed;
}

struct bed {
	struct dial_answer *answer;
	struct dial_peers *peers;
	struct dial_wire up, down;
	uint64_t now_ms;
	struct measurement sum;
};

/* Lets both ends take what has come; only the answering end is measured. */
static void turn(struct bed *bed)
{
	double begin, before;

	dial_wire_reserve(&bed->down, 4 * bed->up.count + 1024);
	dial_wire_clear(&bed->down);
	before = allocated_bytes();
	begin = processor_seconds();
	dial_answer_run(bed->answer, &bed->up, &bed->down, bed->now_ms);
	bed->sum.answer_seconds += processor_seconds() - begin;
	bed->sum.kept_bytes += allocated_bytes() - before;
	dial_wire_clear(&bed->up);
	dial_peers_run(bed->peers, &bed->down, &bed->up, bed->now_ms);
}

/* Dials from `first` to before `end`, UNDER_WAY at once. */
static void dial_range(struct bed *bed, uint32_t first, uint32_t end)
{
	uint32_t base = dial_peers_done(bed->peers);
	uint32_t next = first;

	for (unsigned idle = 0; idle < 10000; bed->now_ms++) {
		uint32_t done = dial_peers_done(bed->peers) - base + dial_peers_failed(bed->peers);

		while (next < end && next - first - done < UNDER_WAY)
			dial_peers_start(bed->peers, next++, &bed->up, bed->now_ms);
		idle = bed->up.count == 0 ? idle + 1 : 0;
		if (bed->up.count == 0 && done >= end - first)
			break;
		turn(bed);
	}
}

/* A minute passes, with echoes and probes. */
static void settle(struct bed *bed)
{
	uint64_t end_ms = bed->now_ms + SETTLE_MS;

	for (; bed->now_ms < end_ms; bed->now_ms += SETTLE_STEP)
		turn(bed);
}

static struct measurement trial_run(const struct trial *trial)
{
	uint32_t dials = trial->population + trial->dials;
	struct bed bed = {
		.answer = dial_answer_new(dials, trial->plan.ike),
		.peers = dial_peers_new(&trial->plan, dials),
		.now_ms = 1000,
	};
	struct measurement measured;
	double seconds;
	uint32_t before;

	dial_range(&bed, 0, trial->population);
	before = dial_peers_done(bed.peers);
	seconds = bed.sum.answer_seconds;
	dial_range(&bed, trial->population, dials);
	measured.answer_seconds = bed.sum.answer_seconds - seconds;
	measured.done = dial_peers_done(bed.peers) - before;
	settle(&bed);
	measured.kept_bytes = bed.sum.kept_bytes / dials;
	measured.failed = dial_peers_failed(bed.peers) + dial_answer_totals(bed.answer).failures;
	dial_peers_free(bed.peers);
	dial_answer_free(bed.answer);
	dial_wire_free(&bed.up);
	dial_wire_free(&bed.down);
	return measured;
}

static const struct trial trials[] = {
	{"ike", {.ike = true, .group = 14, .calls_a_lac = 1}, 200, 2000},
	{"ike", {.ike = true, .group = 19, .calls_a_lac = 1}, 1000, 10000},
	{"dial", {.ike = true, .sessions = true, .group = 14, .calls_a_lac = 1}, 200, 2000},
	{"dial", {.ike = true, .sessions = true, .group = 19, .calls_a_lac = 1}, 1000, 5000},
	{"l2tp", {.sessions = true, .calls_a_lac = 1000}, 1000, 10000},
	{"l2tp", {.sessions = true, .calls_a_lac = 1000}, 60000, 10000},
	{"l2tp", {.sessions = true, .calls_a_lac = 1}, 1000, 2000},
};

static int usage(void)
{
	puts("usage: control-rate [TRIAL [GROUP [POPULATION]]]\n"
	     "TRIAL: ike (main and quick mode), dial (IKE, L2TP and PPP), l2tp (L2TP and PPP).\n"
	     "GROUP: 14 (MODP-2048), 19 (ECP-256); 0: any. POPULATION: of l2tp, as printed.\n"
	     "Each trial prints one line of JSON.");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return usage();
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct trial trial = trials[i];
		struct measurement m;

		trial.plan.cheap_key_pairs = true;
		if ((argc > 1 && strcmp(argv[1], trial.name) != 0) ||
		    (argc > 2 && atoi(argv[2]) != 0 && atoi(argv[2]) != trial.plan.group) ||
		    (argc > 3 && strtoul(argv[3], NULL, 10) != trial.population))
			continue;
		m = trial_run(&trial);
		printf("{\"trial\": \"%s\", \"group\": %u, \"population\": %u, "
		       "\"calls_a_tunnel\": %u, \"dials\": %u, \"failed\": %u, "
		       "\"microseconds_a_dial\": %.2f, \"dials_a_second\": %.0f, "
		       "\"kept_bytes_a_dial\": %.0f}\n",
		       trial.name, trial.plan.group, trial.population, trial.plan.calls_a_lac,
		       m.done, m.failed, m.answer_seconds / m.done * 1e6, m.done / m.answer_seconds,
		       m.kept_bytes);
		fflush(stdout);
		if (m.done != trial.dials || m.failed != 0)
			return 1;
	}
	return 0;
}
