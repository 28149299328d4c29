/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H

/*
 * Everything that crosses between cores: one ring from control to each worker, one back, and one
 * from each worker to each other for packets that belong to another owner; the doorbells that wake
 * a sleeping core; the pools of messages and packet buffers; and the quiescent-state bookkeeping of
 * the workers. All rings have one producer and one consumer.
 *
 * Functions named mailbox_worker_* are for the worker `worker` alone, the others for control.
 */

#include "messages/drop.h"
#include "messages/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;
struct rte_mbuf;
struct rte_mempool;
struct rte_rcu_qsbr;

#define MAILBOX_WORKERS_MAX 64

/* Before every packet: tunnel headers are pushed there. */
#define MAILBOX_HEADROOM_BYTES 192

struct mailbox_config {
	unsigned workers;
	unsigned packets;       /* buffers in the pool shared by ports and control */
	unsigned private_bytes; /* of each buffer, for the packet path */
	unsigned data_bytes;    /* of each buffer behind the headroom */
};

/* NULL and errno when DPDK has no memory for it. EAL must be up. */
struct mailbox *mailbox_new(const struct mailbox_config *config);
void mailbox_free(struct mailbox *mailbox);

/* --- control --- */

/* A zeroed message; aborts when none is left, which the pool's size excludes. */
struct message *mailbox_message_new(struct mailbox *mailbox, enum message_kind kind);

/*
 * Copies `length` bytes into a packet buffer of `message`, behind the usual headroom. -ENOMEM when
 * no buffer is free, -EMSGSIZE when it does not fit.
 */
int mailbox_packet_set(struct mailbox *mailbox, struct message *message, const void *bytes,
		       size_t length);

/* The bytes of a message's packet from `packet_in.offset` on, as the worker marked them; valid until the
 * next call of this function, or the end of the message. */
const uint8_t *mailbox_packet_bytes(struct mailbox *mailbox, const struct message *message,
				    size_t *length);

/* Frees the message and, if it is still there, its packet. */
void mailbox_message_free(struct mailbox *mailbox, struct message *message);

/*
 * Hands a message to a worker and wakes it. When the ring is full the message waits in a list; a
 * packet is dropped (and counted) once that list is long, a state message never.
 */
void mailbox_send(struct mailbox *mailbox, unsigned worker, struct message *message);

/* Moves waiting messages into rings that have room again; true while some still wait. Called once a
 * turn of the control loop. */
bool mailbox_send_waiting(struct mailbox *mailbox);

/* Up to `count` messages from a worker. */
unsigned mailbox_receive(struct mailbox *mailbox, unsigned worker, struct message **messages,
			 unsigned count);

/* Readable when a worker has sent something; mailbox_doorbell_clear() before receiving. */
int mailbox_descriptor(const struct mailbox *mailbox);
void mailbox_doorbell_clear(struct mailbox *mailbox);

/* Frees a message with a packet that cannot wait any longer, and counts it. */
void mailbox_refuse(struct mailbox *mailbox, struct message *message);

/* Packets that were dropped because a worker's waiting list was full or no buffer took them. */
uint64_t mailbox_packets_refused(const struct mailbox *mailbox);

unsigned mailbox_workers(const struct mailbox *mailbox);
struct rte_mempool *mailbox_packet_pool(const struct mailbox *mailbox);
struct rte_rcu_qsbr *mailbox_quiescence(const struct mailbox *mailbox);

/* A moment, and whether every worker has passed a quiescent state since. */
uint64_t mailbox_grace_start(struct mailbox *mailbox);
bool mailbox_grace_over(struct mailbox *mailbox, uint64_t moment);

/* Calls release(object) once every worker has passed a quiescent state after now. */
void mailbox_defer(struct mailbox *mailbox, void (*release)(void *object), void *object);

/* Runs what has become due. True while something still waits. Never blocks. */
bool mailbox_deferred_run(struct mailbox *mailbox);

/* --- worker --- */

struct message *mailbox_worker_message_new(struct mailbox *mailbox, unsigned worker,
					   enum message_kind kind);

/* Also for a message that could not be sent: its share of the ring is given back. */
void mailbox_worker_message_free(struct mailbox *mailbox, unsigned worker, struct message *message);
unsigned mailbox_worker_receive(struct mailbox *mailbox, unsigned worker, struct message **messages,
				unsigned count);

/* False when the ring is full: the message stays the caller's. An acknowledgement always fits. */
bool mailbox_worker_send(struct mailbox *mailbox, unsigned worker, struct message *message);

/* True if the class still has a share of the ring to control; a true answer uses one up, which
 * control gives back when it frees the message. */
bool mailbox_worker_share_take(struct mailbox *mailbox, unsigned worker, enum control_class class);

/* Gives back a share for which no message was sent. */
void mailbox_worker_share_return(struct mailbox *mailbox, unsigned worker,
				 enum control_class class);

/* Packets for the worker `to`; returns how many fitted, the rest stay the caller's. */
unsigned mailbox_worker_hand_over(struct mailbox *mailbox, unsigned from, unsigned to,
				  struct rte_mbuf **packets, unsigned count);

/* A message for the worker `to`, behind what was handed to it; false if it does not fit. */
bool mailbox_worker_pass(struct mailbox *mailbox, unsigned from, unsigned to,
			 struct message *message);

/* Packets and messages of the worker `from`, in its order; mailbox_entry_message() tells which. */
unsigned mailbox_worker_taken_over(struct mailbox *mailbox, unsigned worker, unsigned from,
				   void **entries, unsigned count);

/* The message that an entry is; NULL: the entry is a packet. */
static inline struct message *mailbox_entry_message(void *entry)
{
	return (uintptr_t)entry & 1 ? (struct message *)((char *)entry - 1) : NULL;
}

/* Rings the bells of those that this worker sent something to since the last call. */
void mailbox_worker_ring_doorbells(struct mailbox *mailbox, unsigned worker);

/* Readable when the worker was woken. */
int mailbox_worker_descriptor(const struct mailbox *mailbox, unsigned worker);

/*
 * Announces sleep and looks once more at every ring; false if something came, and then the worker
 * must not sleep. mailbox_worker_awake() follows either way.
 */
bool mailbox_worker_may_sleep(struct mailbox *mailbox, unsigned worker);
void mailbox_worker_awake(struct mailbox *mailbox, unsigned worker);

#endif
