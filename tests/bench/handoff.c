/* SPDX-License-Identifier: BSD-3-Clause */
#include "handoff.h"

#include "base/memory.h"
#include "messages/counters.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_launch.h>

#define PACKETS     512
#define WARM_TRIALS 3
#define LIMIT_S     2

static uint64_t busy(const struct bed *bed)
{
	struct worker_view view[BED_WORKERS_MAX];

	for (unsigned i = 0; i < BED_WORKERS_MAX; i++)
		dataplane_worker_view(bed->dataplane, i, &view[i]);
	return view[0].cycles_busy + view[1].cycles_busy;
}

static int worker_main(void *argument)
{
	return dataplane_run(argument, 1);
}

/* What came out on both sides, as if worker 0 had sent all. */
static uint32_t gather(struct bed *bed)
{
	struct bed_queue *to = &bed->out[0], *from = &bed->out[1];

	memcpy(to->packets + to->count, from->packets, from->count * sizeof(*from->packets));
	to->count += from->count;
	from->count = 0;
	return to->count;
}

static void trial(struct traffic *traffic, uint32_t rest, bool counts,
		  struct handoff_result *result)
{
	struct bed *bed = traffic->bed;
	uint64_t deadline, cycles;

	traffic->rest = rest;
	traffic_make(traffic);
	bed->out[0].count = 0;
	traffic_offer(traffic);
	cycles = busy(bed);
	deadline = rte_rdtsc() + LIMIT_S * rte_get_tsc_hz();
	while (__atomic_load_n(&bed->out[0].count, __ATOMIC_ACQUIRE) +
			       __atomic_load_n(&bed->out[1].count, __ATOMIC_ACQUIRE) <
		       traffic->count &&
	       rte_rdtsc() < deadline)
		(void)dataplane_poll(bed->dataplane, 0);
	rte_delay_us_block(20); /* the other one's last poll ends, and its cycles are counted */
	cycles = busy(bed) - cycles;
	if (!traffic_take(traffic, gather(bed), !counts))
		result->wrong++;
	if (counts)
		trials_add(rest == 0 ? &result->own : &result->handed,
			   (double)cycles / traffic->count);
}

void handoff_measure(struct bed *bed, unsigned trials, struct handoff_result *result)
{
	struct traffic *traffic = traffic_new(bed, PACKETS, true, TRAFFIC_IMIX);

	memset(result, 0, sizeof(*result));
	traffic->stride = BED_WORKERS_MAX;
	if (rte_eal_remote_launch(worker_main, bed->dataplane, 1) != 0) {
		result->wrong++;
		return;
	}
	for (unsigned i = 0; i < trials + WARM_TRIALS; i++) {
		trial(traffic, 0, i >= WARM_TRIALS, result);
		trial(traffic, 1, i >= WARM_TRIALS, result);
	}
	dataplane_stop(bed->dataplane);
	rte_eal_mp_wait_lcore();
	traffic_free(traffic);
}
