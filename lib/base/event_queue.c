/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/event_queue.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct event_queue_record {
	struct event_queue_record *next;
	size_t bytes;
	alignas(max_align_t) unsigned char data[];
};

void event_queue_init(struct event_queue *queue)
{
	*queue = (struct event_queue){0};
}

static void record_free(struct event_queue_record *record)
{
	if (record == NULL)
		return;
	memory_wipe(record->data, record->bytes);
	free(record);
}

void event_queue_clear(struct event_queue *queue)
{
	while (event_queue_pop(queue) != NULL)
		;
}

void *event_queue_push(struct event_queue *queue, size_t bytes)
{
	struct event_queue_record *record = memory_new(sizeof(*record) + bytes);

	record->bytes = bytes;
	record->next = record;
	if (queue->tail != NULL) {
		record->next = queue->tail->next;
		queue->tail->next = record;
	}
	queue->tail = record;
	return record->data;
}

void *event_queue_pop(struct event_queue *queue)
{
	struct event_queue_record *record = NULL;

	record_free(queue->popped);
	if (queue->tail != NULL) {
		record = queue->tail->next;
		queue->tail->next = record->next;
		if (record == queue->tail)
			queue->tail = NULL;
	}
	queue->popped = record;
	return record == NULL ? NULL : record->data;
}
