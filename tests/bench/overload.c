/* SPDX-License-Identifier: BSD-3-Clause */
#include "overload.h"

#include "base/memory.h"
#include "dataplane/worker.h"
#include "trial.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define RING_SLOTS       1024
#define KEEPALIVE_ONE_IN 64
#define SLOTS            (2 * RING_SLOTS) /* what is in the ring, and what was just served */

struct overload {
	struct bed *bed;
	struct traffic *traffic;
	struct overload_result *result;
	struct rte_mbuf *ring[RING_SLOTS];
	uint32_t count;
	uint32_t slot;  /* of traffic, next to be used */
	uint64_t *last; /* by session: the number of offered packets when one came through last */
};

static void refill(struct overload *overload, uint32_t offered)
{
	struct traffic *traffic = overload->traffic;

	for (uint32_t i = 0; i < offered; i++) {
		uint64_t draw = traffic_random(traffic) % (2 * KEEPALIVE_ONE_IN);
		enum traffic_kind kind = draw == 0   ? TRAFFIC_ECHO
					 : draw == 1 ? TRAFFIC_HELLO
						     : TRAFFIC_DATA;
		struct rte_mbuf *mbuf;

		overload->result->offered++;
		if (overload->count == RING_SLOTS) {
			traffic_skip_one(traffic);
			continue;
		}
		mbuf = rte_pktmbuf_alloc(mailbox_packet_pool(overload->bed->mailbox));
		if (mbuf == NULL)
			abort();
		traffic_make_one(traffic, overload->slot, mbuf, kind);
		overload->slot = (overload->slot + 1) % SLOTS;
		overload->ring[overload->count++] = mbuf;
		overload->result->keepalives_in += kind != TRAFFIC_DATA;
	}
}

static void heard(struct overload *overload, uint32_t session)
{
	uint64_t gap = overload->result->offered - overload->last[session];

	if (overload->last[session] != 0 && gap > overload->result->longest)
		overload->result->longest = (uint32_t)gap;
	overload->last[session] = overload->result->offered;
}

/* Everything that came out: to the servers, and to control. */
static void collect(struct overload *overload)
{
	struct bed_queue *out = &overload->bed->out[0];
	struct message *messages[64];
	unsigned count;

	for (uint32_t i = 0; i < out->count; i++) {
		uint32_t source;

		memcpy(&source, rte_pktmbuf_mtod_offset(out->packets[i], uint8_t *, 26), 4);
		heard(overload, ntohl(source) - PLAN_SUBSCRIBER_FIRST);
	}
	overload->result->sent += out->count;
	rte_pktmbuf_free_bulk(out->packets, out->count);
	out->count = 0;
	while ((count = mailbox_receive(overload->bed->mailbox, 0, messages, 64)) != 0)
		for (unsigned i = 0; i < count; i++) {
			overload->result->keepalives += messages[i]->kind == MESSAGE_PACKET;
			mailbox_message_free(overload->bed->mailbox, messages[i]);
		}
}

/* What the ring holds is taken out by one poll, timed; the rest moves up. */
static uint32_t poll_timed(struct overload *overload, uint64_t *cycles)
{
	uint64_t begin;
	uint32_t served;

	bed_offer(overload->bed, BED_PEERS, overload->ring, overload->count);
	begin = cycles_now();
	(void)dataplane_poll(overload->bed->dataplane, 0);
	*cycles += cycles_now() - begin;
	served = overload->bed->in[BED_PEERS].at;
	overload->count -= served;
	memmove(overload->ring, overload->ring + served, overload->count * sizeof(void *));
	return served;
}

void overload_run(struct bed *bed, unsigned times, uint64_t packets, struct overload_result *result)
{
	struct overload overload = {.bed = bed, .result = result};
	uint64_t drops = bed_drops(bed);
	uint32_t served = RING_SLOTS / times;
	uint64_t cycles = 0;

	*result = (struct overload_result){.cycles = 0};
	overload.traffic = traffic_new(bed, SLOTS, true, TRAFFIC_IMIX);
	rte_pktmbuf_free_bulk(overload.traffic->packets, SLOTS);
	overload.last = memory_new_array(bed->options.sessions, sizeof(*overload.last));
	while (result->sent < packets) {
		refill(&overload, served * times);
		served = poll_timed(&overload, &cycles);
		collect(&overload);
	}
	result->cycles = (double)cycles / (double)result->sent;
	(void)poll_timed(&overload, &cycles);
	while (overload.count != 0)
		(void)poll_timed(&overload, &cycles);
	collect(&overload);
	for (uint32_t i = 0; i < bed->options.sessions; i++)
		result->silent += overload.last[i] == 0;
	result->wrong = bed_drops(bed) != drops || result->keepalives != result->keepalives_in;
	free(overload.last);
	overload.traffic->count = 0; /* its buffers are all given back */
	traffic_free(overload.traffic);
}
