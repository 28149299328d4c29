/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many dials a second one core can answer: the engines put together as in the control core,
 * against dialling engines in the same process. Only the answering end's processor time counts,
 * public-key jobs included. One line of JSON for each trial. `control-rate --help`.
 */
#include "dial_answer.h"
#include "dial_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNDER_WAY 128 /* dials at once */

struct trial {
	const char *name;
	struct dial_plan plan;
	uint32_t population; /* up before the measurement begins */
	uint32_t dials;      /* measured */
};

struct measurement {
	double answer_seconds;
	uint32_t done;
	uint32_t failed;
};

static double processor_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Dials from `first` to before `end`, UNDER_WAY at once; the seconds of the answering end. */
static double dial_range(struct dial_answer *answer, struct dial_peers *peers, uint32_t first,
			 uint32_t end, uint64_t *now_ms)
{
	struct dial_wire up = {0}, down = {0};
	uint32_t base = dial_peers_done(peers);
	uint32_t next = first;
	double seconds = 0;

	for (unsigned idle = 0; idle < 10000;) {
		uint32_t done = dial_peers_done(peers) - base + dial_peers_failed(peers);
		double begin;

		while (next < end && next - first - done < UNDER_WAY)
			dial_peers_start(peers, next++, &up, *now_ms);
		idle = up.count == 0 ? idle + 1 : 0;
		if (up.count == 0 && done >= end - first)
			break;
		dial_wire_clear(&down);
		begin = processor_seconds();
		dial_answer_run(answer, &up, &down, *now_ms);
		seconds += processor_seconds() - begin;
		dial_wire_clear(&up);
		dial_peers_run(peers, &down, &up, *now_ms);
		(*now_ms)++;
	}
	dial_wire_free(&up);
	dial_wire_free(&down);
	return seconds;
}

static struct measurement trial_run(const struct trial *trial)
{
	uint32_t dials = trial->population + trial->dials;
	struct dial_answer *answer = dial_answer_new(dials, trial->plan.ike);
	struct dial_peers *peers = dial_peers_new(&trial->plan, dials);
	struct measurement measurement = {0};
	uint64_t now_ms = 1000;
	uint32_t before;

	(void)dial_range(answer, peers, 0, trial->population, &now_ms);
	before = dial_peers_done(peers);
	measurement.answer_seconds = dial_range(answer, peers, trial->population, dials, &now_ms);
	measurement.done = dial_peers_done(peers) - before;
	measurement.failed = dial_peers_failed(peers) + dial_answer_totals(answer).failures;
	dial_peers_free(peers);
	dial_answer_free(answer);
	return measurement;
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
		       "\"microseconds_a_dial\": %.2f, \"dials_a_second\": %.0f}\n",
		       trial.name, trial.plan.group, trial.population, trial.plan.calls_a_lac,
		       m.done, m.failed, m.answer_seconds / m.done * 1e6,
		       m.done / m.answer_seconds);
		fflush(stdout);
		if (m.done != trial.dials || m.failed != 0)
			return 1;
	}
	return 0;
}
