/* SPDX-License-Identifier: BSD-3-Clause */
#include "latency.h"

#include "base/memory.h"
#include "trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#define GAP_US      50
#define ATTEMPTS    8 /* for each run that shall count */
#define LEAD_CYCLES 20000

struct latency {
	struct bed *bed;
	struct traffic *traffic;
	uint64_t due[LATENCY_PACKETS]; /* after the start */
	uint32_t cycles[LATENCY_PACKETS];
};

static void draw_arrivals(struct latency *latency, double mean)
{
	double at = LEAD_CYCLES;

	for (unsigned i = 0; i < LATENCY_PACKETS; i++) {
		double u = (double)(traffic_random(latency->traffic) >> 11) * 0x1p-53;

		at += -log(1 - u) * mean;
		latency->due[i] = (uint64_t)at;
	}
}

/* False if the processor was away. */
static bool run(struct latency *latency, uint64_t gap)
{
	struct bed_queue *in = &latency->bed->in[BED_PEERS], *out = &latency->bed->out[0];
	uint64_t start = cycles_now(), before = start, now;
	uint32_t seen = 0;
	bool away = false;

	traffic_offer(latency->traffic);
	in->count = 0;
	out->count = 0;
	while (seen < LATENCY_PACKETS) {
		now = cycles_now();
		away |= now - before > gap;
		before = now;
		while (in->count < LATENCY_PACKETS && latency->due[in->count] <= now - start)
			in->count++;
		(void)dataplane_poll(latency->bed->dataplane, 0);
		now = cycles_now();
		for (; seen < out->count; seen++)
			latency->cycles[seen] =
				(uint32_t)(now - start -
					   latency->due[out->packets[seen]->hash.usr]);
		if (now - start > latency->due[LATENCY_PACKETS - 1] + 1000 * gap)
			return false; /* something was lost: the caller sees it */
	}
	return !away;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Of the last run. */
static double percentile(struct latency *latency, unsigned percent)
{
	qsort(latency->cycles, LATENCY_PACKETS, sizeof(latency->cycles[0]), compare);
	return latency->cycles[(uint64_t)LATENCY_PACKETS * percent / 100] * 1e6 /
	       (double)rte_get_tsc_hz();
}

void latency_run(struct bed *bed, double cycles, double load, unsigned runs,
		 struct latency_result *result)
{
	struct latency *latency = memory_new(sizeof(*latency));
	uint64_t gap = GAP_US * rte_get_tsc_hz() / 1000000;

	memset(result, 0, sizeof(*result));
	latency->bed = bed;
	latency->traffic = traffic_new(bed, LATENCY_PACKETS, true, TRAFFIC_IMIX);
	for (unsigned i = 0; i < runs * ATTEMPTS && result->p99_us.count < runs; i++) {
		bool counts;

		traffic_make(latency->traffic);
		for (uint32_t j = 0; j < LATENCY_PACKETS; j++)
			latency->traffic->packets[j]->hash.usr = j;
		draw_arrivals(latency, cycles / load);
		counts = run(latency, gap);
		result->wrong |= !traffic_take(latency->traffic, bed->out[0].count, i == 0);
		if (result->wrong)
			break;
		if (!counts) {
			result->discarded++;
			continue;
		}
		trials_add(&result->p50_us, percentile(latency, 50));
		trials_add(&result->p99_us, percentile(latency, 99));
	}
	traffic_free(latency->traffic);
	free(latency);
}
