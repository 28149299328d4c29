/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that belong to another worker: gathered for each worker and enqueued in bursts; and what
 * the others hand to this one, which goes on at the stage that they left off.
 */
#include "dataplane/reassembly.h"
#include "dataplane/worker.h"

#include "base/memory.h"

#define HANDOFF_BURST 32

struct handoff_buffer {
	unsigned count;
	struct rte_mbuf *packets[HANDOFF_BURST];
};

struct handoff {
	uint64_t waiting; /* bit of each worker that something is gathered for */
	struct handoff_buffer to[];
};

struct handoff *handoff_new(unsigned workers)
{
	return memory_new_aligned(RTE_CACHE_LINE_SIZE,
				  sizeof(struct handoff) + workers * sizeof(struct handoff_buffer));
}

void handoff_flush_to(struct worker *w, unsigned to)
{
	struct handoff_buffer *buffer = &w->handoff->to[to];
	unsigned sent;

	if (buffer->count == 0)
		return;
	sent = mailbox_worker_hand_over(w->mailbox, w->id, to, buffer->packets, buffer->count);
	counter_add(&w->view.handed_over, sent);
	for (unsigned i = sent; i < buffer->count; i++)
		drop_packet(w, buffer->packets[i], DROP_handoff_ring_full);
	buffer->count = 0;
	w->handoff->waiting &= ~(UINT64_C(1) << to);
}

void handoff_flush(struct worker *w)
{
	while (w->handoff->waiting != 0)
		handoff_flush_to(w, (unsigned)__builtin_ctzll(w->handoff->waiting));
}

static void gather(struct worker *w, struct rte_mbuf *mbuf, unsigned to)
{
	struct handoff_buffer *buffer = &w->handoff->to[to];

	w->handoff->waiting |= UINT64_C(1) << to;
	buffer->packets[buffer->count++] = mbuf;
	if (buffer->count == HANDOFF_BURST)
		handoff_flush_to(w, to);
}

bool handoff_packet(struct worker *w, struct rte_mbuf *mbuf, unsigned owner,
		    enum packet_resume resume)
{
	struct packet *packet = packet_of(mbuf);

	packet->resume = (uint8_t)resume;
	if (owner >= OWNER_MOVING) {
		unsigned to = w->tables->move[owner - OWNER_MOVING].to;

		if (to == w->id)
			return move_admits(w, owner - OWNER_MOVING, mbuf);
		owner = to;
	}
	packet->source = (uint8_t)w->id;
	gather(w, mbuf, owner);
	return false;
}

void handoff_frame(struct worker *w, struct rte_mbuf *mbuf, unsigned to)
{
	packet_of(mbuf)->resume = PACKET_RESUME_TRANSMIT;
	gather(w, mbuf, to);
}

/* ESP that another worker found to be ours; the owner may have changed on the way. */
static void esp_resume(struct worker *w, const struct vector *packets)
{
	struct vector ours = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		rte_be32_t spi;
		unsigned owner;

		memcpy(&spi, rte_pktmbuf_mtod(mbuf, uint8_t *), sizeof(spi));
		owner = lookup_sa_owner(w->tables,
					lookup_spi_slot(w->tables, rte_be_to_cpu_32(spi)));
		if (owner == w->id || handoff_packet(w, mbuf, owner, PACKET_RESUME_ESP))
			vector_add(&ours, mbuf);
	}
	if (ours.count != 0)
		esp_in_stage(w, &ours);
}

void handoff_resume(struct worker *w, const struct vector *packets)
{
	struct vector esp = {.count = 0}, l2tp = {.count = 0}, sessions = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		const struct packet *packet = packet_of(mbuf);

		switch ((enum packet_resume)packet->resume) {
		case PACKET_RESUME_ESP:
			vector_add(&esp, mbuf);
			break;
		case PACKET_RESUME_L2TP:
			vector_add(&l2tp, mbuf);
			break;
		case PACKET_RESUME_SESSION:
			vector_add(&sessions, mbuf);
			break;
		case PACKET_RESUME_FRAGMENT:
			reassembly_take(w, mbuf);
			break;
		case PACKET_RESUME_TRANSMIT:
			transmit_frame(w, mbuf, packet->port);
			break;
		}
	}
	if (esp.count != 0)
		esp_resume(w, &esp);
	if (l2tp.count != 0)
		l2tp_in_stage(w, &l2tp);
	if (sessions.count != 0)
		session_out_stage(w, &sessions);
}

/* The other core wrote these lines last: all are asked for before the first is read. */
static void prefetch(void *const *entries, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		rte_prefetch0(entries[i]);
		rte_prefetch0((const char *)entries[i] + sizeof(struct rte_mbuf));
	}
	for (unsigned i = 0; i < count; i++)
		if (mailbox_entry_message(entries[i]) == NULL)
			rte_prefetch0(rte_pktmbuf_mtod((struct rte_mbuf *)entries[i], void *));
}

unsigned handoff_poll(struct worker *w)
{
	void *entries[HANDOFF_BURST];
	unsigned total = 0;

	for (unsigned from = 0; from < w->config->workers; from++) {
		struct vector packets = {.count = 0};
		unsigned count = from == w->id ? 0
					       : mailbox_worker_taken_over(w->mailbox, w->id, from,
									   entries, HANDOFF_BURST);

		prefetch(entries, count);
		for (unsigned i = 0; i < count; i++) {
			struct message *message = mailbox_entry_message(entries[i]);

			if (message == NULL) {
				vector_add(&packets, entries[i]);
				total++;
				continue;
			}
			handoff_resume(w, &packets); /* what came before it */
			packets.count = 0;
			move_take(w, message);
		}
		if (packets.count != 0)
			handoff_resume(w, &packets);
	}
	counter_add(&w->view.taken_over, total);
	return total;
}
