/* SPDX-License-Identifier: BSD-3-Clause */
#include "latency.h"

#include "base/memory.h"
#include "trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#define PACKETS     8192
#define GAP_US      50
#define ATTEMPTS    8 /* for each run that shall count */
#define LEAD_CYCLES 20000

struct latency {
	struct bed *bed;
	struct traffic *traffic;
	uint64_t due[PACKETS]; /* after the start */
	uint32_t *cycles;      /* of all runs that count */
	uint32_t count;
};

static void draw_arrivals(struct latency *latency, double mean)
{
	double at = LEAD_CYCLES;

	for (unsigned i = 0; i < PACKETS; i++) {
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
	while (seen < PACKETS) {
		now = cycles_now();
		away |= now - before > gap;
		before = now;
		while (in->count < PACKETS && latency->due[in->count] <= now - start)
			in->count++;
		(void)dataplane_poll(latency->bed->dataplane, 0);
		now = cycles_now();
		for (; seen < out->count; seen++)
			latency->cycles[latency->count + seen] =
				(uint32_t)(now - start -
					   latency->due[out->packets[seen]->hash.usr]);
		if (now - start > latency->due[PACKETS - 1] + 1000 * gap)
			return false; /* something was lost: the caller sees it */
	}
	return !away;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void latency_run(struct bed *bed, double cycles, double load, unsigned runs,
		 struct latency_result *result)
{
	double us = (double)rte_get_tsc_hz() / 1e6;
	struct latency latency = {.bed = bed};

	*result = (struct latency_result){.runs = 0};
	latency.traffic = traffic_new(bed, PACKETS, true, TRAFFIC_IMIX);
	latency.cycles = memory_new_array((size_t)PACKETS * runs, sizeof(*latency.cycles));
	for (unsigned i = 0; i < runs * ATTEMPTS && result->runs < runs; i++) {
		bool counts;

		traffic_make(latency.traffic);
		for (uint32_t j = 0; j < PACKETS; j++)
			latency.traffic->packets[j]->hash.usr = j;
		draw_arrivals(&latency, cycles / load);
		counts = run(&latency, (uint64_t)(GAP_US * us));
		result->wrong |= !traffic_take(latency.traffic, bed->out[0].count, i == 0);
		if (result->wrong)
			break;
		result->runs += counts;
		result->discarded += !counts;
		latency.count += counts ? PACKETS : 0;
	}
	if (latency.count != 0) {
		qsort(latency.cycles, latency.count, sizeof(*latency.cycles), compare);
		result->p50_us = latency.cycles[latency.count / 2] / us;
		result->p99_us = latency.cycles[(uint64_t)latency.count * 99 / 100] / us;
		result->most_us = latency.cycles[latency.count - 1] / us;
	}
	free(latency.cycles);
	traffic_free(latency.traffic);
}
