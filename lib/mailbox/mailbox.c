/* SPDX-License-Identifier: BSD-3-Clause */
#include "mailbox/mailbox.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#define CONTROL_RING_SLOTS  4096
#define HANDOFF_RING_SLOTS  1024
#define MESSAGES_PER_WORKER 16384
#define WAITING_PACKETS_MAX 4096

struct waiting_message {
	struct waiting_message *next;
	struct message *message;
};

struct deferred {
	struct deferred *next;
	uint64_t token;
	void (*release)(void *object);
	void *object;
};

/* What one worker and control, or two workers, share; one line each against false sharing. */
struct worker_box {
	struct rte_ring *to_worker;
	struct rte_ring *to_control;
	struct rte_ring *handed_over[MAILBOX_WORKERS_MAX]; /* by sender */
	int descriptor;
	struct waiting_message *waiting_head; /* control only, as the two below */
	struct waiting_message *waiting_tail;
	unsigned waiting_packets;
	struct {
		uint32_t sleeping;                          /* worker writes; producers read */
		uint32_t shares_taken[CONTROL_CLASS_COUNT]; /* worker writes */
		uint64_t rang_for;                          /* worker only: bit per receiver */
		bool rang_control;                          /* worker only */
	} __rte_cache_aligned worker;
	struct {
		uint32_t shares_given_back[CONTROL_CLASS_COUNT]; /* control writes */
	} __rte_cache_aligned control;
} __rte_cache_aligned;

struct mailbox {
	unsigned workers;
	int descriptor; /* control's doorbell */
	struct rte_mempool *messages;
	struct rte_mempool *packets;
	struct rte_rcu_qsbr *quiescence;
	struct deferred *deferred_head;
	struct deferred *deferred_tail;
	uint64_t packets_refused;
	uint8_t joined[UINT16_MAX];                /* a packet that lies in several buffers */
	uint32_t control_rung __rte_cache_aligned; /* a bell for control is on its way */
	struct worker_box box[];
};

static const uint32_t class_share[CONTROL_CLASS_COUNT] = {
#define CONTROL_CLASS(name, rate, share, text) share,
#include "messages/classes.def"
#undef CONTROL_CLASS
};

static struct rte_ring *ring_new(const char *kind, unsigned a, unsigned b, unsigned slots)
{
	char name[48];

	snprintf(name, sizeof(name), "%s_%u_%u", kind, a, b);
	return rte_ring_create(name, slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int box_init(struct mailbox *mailbox, unsigned worker)
{
	struct worker_box *box = &mailbox->box[worker];

	box->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	box->to_worker = ring_new("to_worker", worker, 0, CONTROL_RING_SLOTS);
	/* Room for every message that exists: an acknowledgement always fits. */
	box->to_control = ring_new("to_control", worker, 0,
				   rte_align32pow2(mailbox->workers * MESSAGES_PER_WORKER + 1));
	if (box->descriptor < 0 || box->to_worker == NULL || box->to_control == NULL)
		return -ENOMEM;
	for (unsigned from = 0; from < mailbox->workers; from++) {
		if (from == worker)
			continue;
		box->handed_over[from] = ring_new("handoff", worker, from, HANDOFF_RING_SLOTS);
		if (box->handed_over[from] == NULL)
			return -ENOMEM;
	}
	return 0;
}

struct mailbox *mailbox_new(const struct mailbox_config *config)
{
	size_t bytes = sizeof(struct mailbox) + config->workers * sizeof(struct worker_box);
	struct mailbox *mailbox = memory_new_aligned(RTE_CACHE_LINE_SIZE, bytes);
	size_t qsbr_bytes = rte_rcu_qsbr_get_memsize(config->workers);

	mailbox->workers = config->workers;
	mailbox->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (unsigned i = 0; i < config->workers; i++)
		mailbox->box[i].descriptor = -1;
	mailbox->quiescence = memory_new_aligned(RTE_CACHE_LINE_SIZE, qsbr_bytes);
	mailbox->messages = rte_mempool_create("messages", config->workers * MESSAGES_PER_WORKER,
					       sizeof(struct message), 64, 0, NULL, NULL, NULL,
					       NULL, SOCKET_ID_ANY, 0);
	mailbox->packets = rte_pktmbuf_pool_create(
		"packets", config->packets, 128, (uint16_t)config->private_bytes,
		(uint16_t)(config->data_bytes + MAILBOX_HEADROOM_BYTES), SOCKET_ID_ANY);
	if (mailbox->descriptor < 0 || mailbox->messages == NULL || mailbox->packets == NULL ||
	    rte_rcu_qsbr_init(mailbox->quiescence, config->workers) != 0)
		goto no_memory;
	for (unsigned i = 0; i < config->workers; i++) {
		if (box_init(mailbox, i) != 0)
			goto no_memory;
		if (rte_rcu_qsbr_thread_register(mailbox->quiescence, i) != 0)
			goto no_memory;
	}
	return mailbox;

no_memory:
	mailbox_free(mailbox);
	errno = ENOMEM;
	return NULL;
}

static void box_clear(struct mailbox *mailbox, struct worker_box *box)
{
	void *entry;

	while (box->to_worker != NULL && rte_ring_dequeue(box->to_worker, &entry) == 0)
		mailbox_message_free(mailbox, entry);
	while (box->to_control != NULL && rte_ring_dequeue(box->to_control, &entry) == 0)
		mailbox_message_free(mailbox, entry);
	while (box->waiting_head != NULL) {
		struct waiting_message *next = box->waiting_head->next;

		mailbox_message_free(mailbox, box->waiting_head->message);
		free(box->waiting_head);
		box->waiting_head = next;
	}
	for (unsigned from = 0; from < mailbox->workers; from++) {
		while (box->handed_over[from] != NULL &&
		       rte_ring_dequeue(box->handed_over[from], &entry) == 0) {
			struct message *message = mailbox_entry_message(entry);

			if (message != NULL)
				mailbox_message_free(mailbox, message);
			else
				rte_pktmbuf_free(entry);
		}
		rte_ring_free(box->handed_over[from]);
	}
	rte_ring_free(box->to_worker);
	rte_ring_free(box->to_control);
	if (box->descriptor >= 0)
		close(box->descriptor);
}

void mailbox_free(struct mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	for (unsigned i = 0; i < mailbox->workers; i++)
		box_clear(mailbox, &mailbox->box[i]);
	while (mailbox->deferred_head != NULL) {
		struct deferred *next = mailbox->deferred_head->next;

		mailbox->deferred_head->release(mailbox->deferred_head->object);
		free(mailbox->deferred_head);
		mailbox->deferred_head = next;
	}
	rte_mempool_free(mailbox->messages);
	rte_mempool_free(mailbox->packets);
	if (mailbox->descriptor >= 0)
		close(mailbox->descriptor);
	free(mailbox->quiescence);
	free(mailbox);
}

static void bell_ring(int descriptor)
{
	uint64_t one = 1;

	/* A full counter means that the bell rings already. */
	if (write(descriptor, &one, sizeof(one)) < 0)
		return;
}

/* The producer's half of sleep: what was enqueued must be visible before `sleeping` is read. */
static void worker_wake(struct worker_box *box)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&box->worker.sleeping, __ATOMIC_RELAXED))
		bell_ring(box->descriptor);
}

struct message *mailbox_message_new(struct mailbox *mailbox, enum message_kind kind)
{
	void *message = NULL;

	if (rte_mempool_get(mailbox->messages, &message) != 0) {
		fputs("concentrator: no message object left\n", stderr);
		abort();
	}
	memset(message, 0, sizeof(struct message));
	((struct message *)message)->kind = kind;
	return message;
}

int mailbox_packet_set(struct mailbox *mailbox, struct message *message, const void *bytes,
		       size_t length)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(mailbox->packets);
	char *room;

	if (packet == NULL) {
		mailbox->packets_refused++;
		return -ENOMEM;
	}
	memset(rte_mbuf_to_priv(packet), 0, rte_pktmbuf_priv_size(mailbox->packets));
	packet->data_off = MAILBOX_HEADROOM_BYTES;
	room = length > UINT16_MAX ? NULL : rte_pktmbuf_append(packet, (uint16_t)length);
	if (room == NULL) {
		mailbox->packets_refused++;
		rte_pktmbuf_free(packet);
		return -EMSGSIZE;
	}
	memcpy(room, bytes, length);
	message->packet = packet;
	return 0;
}

const uint8_t *mailbox_packet_bytes(struct mailbox *mailbox, const struct message *message,
				    size_t *length)
{
	const struct rte_mbuf *packet = message->packet;

	assert(message->packet_in.offset + message->packet_in.length <= packet->pkt_len);
	*length = message->packet_in.length;
	if (packet->nb_segs != 1)
		return rte_pktmbuf_read(packet, message->packet_in.offset,
					message->packet_in.length, mailbox->joined);
	return rte_pktmbuf_mtod_offset(packet, const uint8_t *, message->packet_in.offset);
}

void mailbox_message_free(struct mailbox *mailbox, struct message *message)
{
	if (message->kind == MESSAGE_PACKET) {
		uint32_t *given = mailbox->box[message->worker].control.shares_given_back;

		__atomic_store_n(&given[message->packet_in.class],
				 given[message->packet_in.class] + 1, __ATOMIC_RELEASE);
	}
	rte_pktmbuf_free(message->packet);
	rte_mempool_put(mailbox->messages, message);
}

void mailbox_refuse(struct mailbox *mailbox, struct message *message)
{
	mailbox->packets_refused++;
	mailbox_message_free(mailbox, message);
}

static void wait_in_list(struct mailbox *mailbox, struct worker_box *box, struct message *message)
{
	struct waiting_message *waiting;

	if (message->packet != NULL) {
		if (box->waiting_packets >= WAITING_PACKETS_MAX) {
			mailbox_refuse(mailbox, message);
			return;
		}
		box->waiting_packets++;
	}
	waiting = memory_new(sizeof(*waiting));
	waiting->message = message;
	if (box->waiting_tail == NULL)
		box->waiting_head = waiting;
	else
		box->waiting_tail->next = waiting;
	box->waiting_tail = waiting;
}

void mailbox_send(struct mailbox *mailbox, unsigned worker, struct message *message)
{
	struct worker_box *box = &mailbox->box[worker];

	if (box->waiting_head != NULL || rte_ring_enqueue(box->to_worker, message) != 0)
		wait_in_list(mailbox, box, message);
	worker_wake(box);
}

bool mailbox_send_waiting(struct mailbox *mailbox)
{
	bool waiting = false;

	for (unsigned i = 0; i < mailbox->workers; i++) {
		struct worker_box *box = &mailbox->box[i];
		struct waiting_message *first;

		while ((first = box->waiting_head) != NULL) {
			/* Asked now: once enqueued, the message is the worker's. */
			bool packet = first->message->packet != NULL;

			if (rte_ring_enqueue(box->to_worker, first->message) != 0)
				break;
			box->waiting_packets -= packet;
			box->waiting_head = first->next;
			if (box->waiting_head == NULL)
				box->waiting_tail = NULL;
			free(first);
			worker_wake(box);
		}
		waiting |= box->waiting_head != NULL;
	}
	return waiting;
}

unsigned mailbox_receive(struct mailbox *mailbox, unsigned worker, struct message **messages,
			 unsigned count)
{
	return rte_ring_dequeue_burst(mailbox->box[worker].to_control, (void **)messages, count,
				      NULL);
}

int mailbox_descriptor(const struct mailbox *mailbox)
{
	return mailbox->descriptor;
}

void mailbox_doorbell_clear(struct mailbox *mailbox)
{
	uint64_t rings;

	/* The bell is silenced before it is said that it may ring: the other way round, one that
	 * rings between the two would be silenced and never ring again. */
	if (read(mailbox->descriptor, &rings, sizeof(rings)) < 0)
		rings = 0; /* it did not ring */
	__atomic_store_n(&mailbox->control_rung, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint64_t mailbox_packets_refused(const struct mailbox *mailbox)
{
	return mailbox->packets_refused;
}

unsigned mailbox_workers(const struct mailbox *mailbox)
{
	return mailbox->workers;
}

struct rte_mempool *mailbox_packet_pool(const struct mailbox *mailbox)
{
	return mailbox->packets;
}

struct rte_rcu_qsbr *mailbox_quiescence(const struct mailbox *mailbox)
{
	return mailbox->quiescence;
}

uint64_t mailbox_grace_start(struct mailbox *mailbox)
{
	return rte_rcu_qsbr_start(mailbox->quiescence);
}

bool mailbox_grace_over(struct mailbox *mailbox, uint64_t moment)
{
	return rte_rcu_qsbr_check(mailbox->quiescence, moment, false) == 1;
}

void mailbox_defer(struct mailbox *mailbox, void (*release)(void *object), void *object)
{
	struct deferred *deferred = memory_new(sizeof(*deferred));

	deferred->token = mailbox_grace_start(mailbox);
	deferred->release = release;
	deferred->object = object;
	if (mailbox->deferred_tail == NULL)
		mailbox->deferred_head = deferred;
	else
		mailbox->deferred_tail->next = deferred;
	mailbox->deferred_tail = deferred;
}

bool mailbox_deferred_run(struct mailbox *mailbox)
{
	struct deferred *first;

	while ((first = mailbox->deferred_head) != NULL &&
	       mailbox_grace_over(mailbox, first->token)) {
		mailbox->deferred_head = first->next;
		if (mailbox->deferred_head == NULL)
			mailbox->deferred_tail = NULL;
		first->release(first->object);
		free(first);
	}
	return mailbox->deferred_head != NULL;
}

struct message *mailbox_worker_message_new(struct mailbox *mailbox, unsigned worker,
					   enum message_kind kind)
{
	void *entry = NULL;
	struct message *message;

	if (rte_mempool_get(mailbox->messages, &entry) != 0)
		return NULL;
	message = entry;
	message->kind = kind;
	message->worker = (uint16_t)worker;
	message->packet = NULL;
	return message;
}

void mailbox_worker_message_free(struct mailbox *mailbox, unsigned worker, struct message *message)
{
	if (message->kind == MESSAGE_PACKET)
		mailbox_worker_share_return(mailbox, worker, message->packet_in.class);
	rte_pktmbuf_free(message->packet);
	rte_mempool_put(mailbox->messages, message);
}

unsigned mailbox_worker_receive(struct mailbox *mailbox, unsigned worker, struct message **messages,
				unsigned count)
{
	return rte_ring_dequeue_burst(mailbox->box[worker].to_worker, (void **)messages, count,
				      NULL);
}

bool mailbox_worker_send(struct mailbox *mailbox, unsigned worker, struct message *message)
{
	struct worker_box *box = &mailbox->box[worker];

	message->worker = (uint16_t)worker;
	if (rte_ring_enqueue(box->to_control, message) != 0)
		return false;
	box->worker.rang_control = true;
	return true;
}

bool mailbox_worker_share_take(struct mailbox *mailbox, unsigned worker, enum control_class class)
{
	struct worker_box *box = &mailbox->box[worker];
	uint32_t given_back =
		__atomic_load_n(&box->control.shares_given_back[class], __ATOMIC_ACQUIRE);

	if (box->worker.shares_taken[class] - given_back >= class_share[class])
		return false;
	box->worker.shares_taken[class]++;
	return true;
}

void mailbox_worker_share_return(struct mailbox *mailbox, unsigned worker, enum control_class class)
{
	mailbox->box[worker].worker.shares_taken[class]--;
}

unsigned mailbox_worker_hand_over(struct mailbox *mailbox, unsigned from, unsigned to,
				  struct rte_mbuf **packets, unsigned count)
{
	mailbox->box[from].worker.rang_for |= UINT64_C(1) << to;
	return rte_ring_enqueue_burst(mailbox->box[to].handed_over[from], (void **)packets, count,
				      NULL);
}

/* Messages and packets are aligned: the lowest bit of a pointer is free to tell them apart. */
bool mailbox_worker_pass(struct mailbox *mailbox, unsigned from, unsigned to,
			 struct message *message)
{
	mailbox->box[from].worker.rang_for |= UINT64_C(1) << to;
	return rte_ring_enqueue(mailbox->box[to].handed_over[from], (char *)message + 1) == 0;
}

unsigned mailbox_worker_taken_over(struct mailbox *mailbox, unsigned worker, unsigned from,
				   void **entries, unsigned count)
{
	return rte_ring_dequeue_burst(mailbox->box[worker].handed_over[from], entries, count, NULL);
}

void mailbox_worker_ring_doorbells(struct mailbox *mailbox, unsigned worker)
{
	struct worker_box *box = &mailbox->box[worker];

	for (uint64_t left = box->worker.rang_for; left != 0; left &= left - 1)
		worker_wake(&mailbox->box[__builtin_ctzll(left)]);
	box->worker.rang_for = 0;
	if (!box->worker.rang_control)
		return;
	box->worker.rang_control = false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&mailbox->control_rung, 1, __ATOMIC_RELAXED) == 0)
		bell_ring(mailbox->descriptor);
}

int mailbox_worker_descriptor(const struct mailbox *mailbox, unsigned worker)
{
	return mailbox->box[worker].descriptor;
}

bool mailbox_worker_may_sleep(struct mailbox *mailbox, unsigned worker)
{
	struct worker_box *box = &mailbox->box[worker];

	__atomic_store_n(&box->worker.sleeping, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!rte_ring_empty(box->to_worker))
		return false;
	for (unsigned from = 0; from < mailbox->workers; from++)
		if (box->handed_over[from] != NULL && !rte_ring_empty(box->handed_over[from]))
			return false;
	return true;
}

void mailbox_worker_awake(struct mailbox *mailbox, unsigned worker)
{
	struct worker_box *box = &mailbox->box[worker];
	uint64_t rings;

	__atomic_store_n(&box->worker.sleeping, 0, __ATOMIC_RELAXED);
	if (read(box->descriptor, &rings, sizeof(rings)) < 0)
		return; /* nobody rang */
}
