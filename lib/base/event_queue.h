/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_EVENT_QUEUE_H
#define BASE_EVENT_QUEUE_H

/*
 * A first-in-first-out queue of records, each with bytes behind it: how an engine hands its events
 * and output to its owner. Records are wiped when they are freed, because some carry keys.
 * One thread uses a queue.
 */

#include <stddef.h>

struct event_queue_record;

/* Small, since every engine has one. */
struct event_queue {
	struct event_queue_record *tail; /* of a ring, so that the head is behind it; NULL: empty */
	struct event_queue_record *popped;
};

void event_queue_init(struct event_queue *queue);

/* Drops everything that was not popped. */
void event_queue_clear(struct event_queue *queue);

/* A new zeroed record of `bytes` at the tail, aligned for any type. Aborts when memory is out. */
void *event_queue_push(struct event_queue *queue, size_t bytes);

/* The oldest record, or NULL. It stays valid until the next pop or clear. */
void *event_queue_pop(struct event_queue *queue);

#endif
