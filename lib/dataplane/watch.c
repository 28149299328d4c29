/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/watch.h"

/* What a watch may say in a second: an operator reads it. */
#define WATCH_RATE 20000

static struct message *message_begin(struct worker *w)
{
	struct message *message;

	if (!policer_take(&w->class_policer[CONTROL_CLASS_watched], WATCH_RATE, w->now_cycles,
			  w->hz) ||
	    !mailbox_worker_share_take(w->mailbox, w->id, CONTROL_CLASS_watched))
		return NULL;
	message = mailbox_worker_message_new(w->mailbox, w->id, MESSAGE_PACKET);
	if (message == NULL) {
		mailbox_worker_share_return(w->mailbox, w->id, CONTROL_CLASS_watched);
		return NULL;
	}
	message->packet_in.class = CONTROL_CLASS_watched;
	message->packet_in.group = NO_SLOT;
	message->packet_in.session = NO_SLOT;
	/* Diagnosis only: a division may be. */
	message->packet_in.watched.nanoseconds =
		(uint64_t)((double)rte_rdtsc() * 1e9 / (double)w->hz);
	return message;
}

static void message_send(struct worker *w, struct message *message)
{
	counter_add(&w->view.classes[CONTROL_CLASS_watched], 1);
	if (!mailbox_worker_send(w->mailbox, w->id, message))
		mailbox_worker_message_free(w->mailbox, w->id, message);
}

static void tell(struct worker *w, const struct rte_mbuf *mbuf, const struct packet *packet,
		 enum watch_point point, unsigned drop)
{
	struct message *message = message_begin(w);

	if (message == NULL)
		return;
	message->packet_in.watched.watch = packet->watch;
	message->packet_in.watched.point = (uint8_t)point;
	message->packet_in.watched.drop = (uint16_t)drop;
	message->packet_in.watched.number = packet->watch_number;
	message->packet_in.length = mbuf->pkt_len;
	message_send(w, message);
}

void watch_tell(struct worker *w, struct rte_mbuf *const *packets, unsigned count,
		enum watch_point point, unsigned drop)
{
	for (unsigned i = 0; i < count; i++) {
		const struct packet *packet = packet_of(packets[i]);

		if (packet->watch & WATCH_TRACE)
			tell(w, packets[i], packet, point, drop);
	}
}

void watch_begin(struct worker *w, struct rte_mbuf *mbuf, uint8_t watch, enum watch_point point)
{
	struct packet *packet = packet_of(mbuf);

	/* From one watched session to another: it stays the first one's. */
	if (packet->watch == 0 && (watch & WATCH_TRACE) != 0) {
		packet->watch = watch;
		packet->watch_number = ++w->watch_number;
	}
	if (packet->watch != 0)
		tell(w, mbuf, packet, point, 0);
}

void watch_copy(struct worker *w, uint8_t watch, bool in, const uint8_t *at, uint32_t bytes)
{
	struct message *message;
	struct rte_mbuf *copy;

	if (watch == 0 || (watch & WATCH_TRACE) != 0)
		return;
	message = message_begin(w);
	if (message == NULL)
		return;
	copy = rte_pktmbuf_alloc(mailbox_packet_pool(w->mailbox));
	if (copy == NULL || rte_pktmbuf_tailroom(copy) < bytes) {
		rte_pktmbuf_free(copy);
		mailbox_worker_message_free(w->mailbox, w->id, message);
		return;
	}
	memcpy(rte_pktmbuf_append(copy, (uint16_t)bytes), at, bytes);
	message->packet = copy;
	message->packet_in.watched.watch = watch;
	message->packet_in.watched.point = in ? WATCH_POINT_copy_in : WATCH_POINT_copy_out;
	message->packet_in.watched.drop = 0;
	message->packet_in.watched.number = 0;
	message->packet_in.offset = 0;
	message->packet_in.length = bytes;
	message_send(w, message);
}

void watch_forget(const struct vector *packets)
{
	for (unsigned i = 0; i < packets->count; i++)
		packet_of(packets->packets[i])->watch = 0;
}

void watch_set(struct worker *w, const struct message *message)
{
	uint32_t slot = message->watch.slot;
	uint8_t *watch = NULL;

	if (slot == NO_SLOT)
		w->watching = message->watch.any;
	else if (message->watch.group && w->groups[slot] != NULL)
		watch = &w->groups[slot]->watch;
	else if (!message->watch.group && w->sessions[slot] != NULL)
		watch = &w->sessions[slot]->watch;
	if (watch != NULL && message->watch.begins)
		*watch = message->watch.number;
	else if (watch != NULL && *watch == message->watch.number) /* not another one's */
		*watch = 0;
}
