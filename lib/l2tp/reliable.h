/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_RELIABLE_H
#define L2TP_RELIABLE_H

/*
 * Reliable delivery of control messages (RFC 2661 5.8 and appendix A): numbers, windows, slow
 * start, retransmission. It keeps messages; its owner puts them on the wire.
 */

#include "l2tp/l2tp.h"

#include <sys/queue.h>

/* A message of ours until the peer acknowledges it. */
struct reliable_message {
	STAILQ_ENTRY(reliable_message) link;
	uint16_t ns;
	uint16_t session; /* our id, for the ladder */
	uint8_t type;
	uint8_t times_sent;
	size_t length;
	uint8_t bytes[];
};

STAILQ_HEAD(l2tp_reliable_queue, reliable_message);

/* A message of the peer that came before its turn. */
struct reliable_held {
	uint8_t *bytes; /* NULL: the place is free */
	size_t length;
	uint16_t ns;
};

struct reliable {
	const struct l2tp_config *config;
	struct l2tp_reliable_queue queue; /* unacknowledged and unsent, in the order of Ns */
	struct reliable_message *next;    /* first one that is not in flight */
	uint64_t deadline_ms;
	struct reliable_held *held; /* config->receive_window places while something is held */
	uint32_t queued;
	uint32_t in_flight;
	uint16_t queue_ns; /* Ns of the next message that is queued */
	uint16_t sent_ns;  /* Ns behind the highest one ever sent */
	uint16_t nr;       /* Ns that we expect from the peer */
	uint16_t peer_window;
	uint32_t congestion_window;
	uint32_t slow_start_threshold;
	uint32_t avoidance_credit; /* acknowledgements since the window last grew by one */
	uint32_t interval_ms;
	uint16_t held_count;
	uint8_t attempts;
};

enum l2tp_reliable_order {
	RELIABLE_IN_ORDER,
	RELIABLE_DUPLICATE,
	RELIABLE_AHEAD, /* within the window: worth keeping */
	RELIABLE_OUT_OF_WINDOW,
};

void l2tp_reliable_init(struct reliable *reliable, const struct l2tp_config *config);
void l2tp_reliable_clear(struct reliable *reliable);

/* The peer's Receive Window Size is known: 0 means that it did not say. */
void l2tp_reliable_set_peer_window(struct reliable *reliable, uint16_t window);

/* Copies a finished message to the queue's end and gives it its Ns. */
void l2tp_reliable_queue(struct reliable *reliable, uint8_t type, uint16_t session,
			 const uint8_t *bytes, size_t length);

/* Drops what was never sent: the tunnel has something more important to say. */
void l2tp_reliable_drop_unsent(struct reliable *reliable);

/* Drops everything: the peer is leaving and will acknowledge nothing. */
void l2tp_reliable_drop_all(struct reliable *reliable);

/*
 * The next message that the windows let go, with up-to-date numbers, or NULL. It counts as sent at
 * `now_ms`.
 */
struct reliable_message *l2tp_reliable_next(struct reliable *reliable, uint64_t now_ms);

/* Handles the Nr of a received message. False if it acknowledges what was never sent. */
bool l2tp_reliable_acknowledged(struct reliable *reliable, uint16_t nr, uint64_t now_ms);

/* Where a message with `ns` stands. */
enum l2tp_reliable_order l2tp_reliable_order(const struct reliable *reliable, uint16_t ns);

/* Keeps a copy of a message that is RELIABLE_AHEAD. False if it is kept already. */
bool l2tp_reliable_hold(struct reliable *reliable, uint16_t ns, const uint8_t *bytes,
			size_t length);

/* The kept message whose turn it is: the caller frees its bytes. False if there is none. */
bool l2tp_reliable_release(struct reliable *reliable, struct reliable_held *held);

/*
 * The retransmission timer. 0 when there is nothing to do or messages are ready for
 * l2tp_reliable_next(); -ETIMEDOUT when the peer acknowledged none of the attempts.
 */
int l2tp_reliable_on_time(struct reliable *reliable, uint64_t now_ms);

#endif
