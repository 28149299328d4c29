/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/reliable.h"

#include "base/memory.h"
#include "l2tp/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_ABSENT 4 /* RFC 2661 4.4.3: the peer's window when it names none */

/* How far `a` is ahead of `b`, negative when behind (RFC 2661 5.8). */
static int distance(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b);
}

void l2tp_reliable_init(struct reliable *reliable, const struct l2tp_config *config)
{
	*reliable = (struct reliable){
		.config = config,
		.peer_window = 1,
		.congestion_window = 1,
		.slow_start_threshold = 1,
		.deadline_ms = UINT64_MAX,
	};
	STAILQ_INIT(&reliable->queue);
}

static void head_free(struct reliable *reliable)
{
	struct reliable_message *head = STAILQ_FIRST(&reliable->queue);

	STAILQ_REMOVE_HEAD(&reliable->queue, link);
	reliable->queued--;
	free(head);
}

void l2tp_reliable_clear(struct reliable *reliable)
{
	while (!STAILQ_EMPTY(&reliable->queue))
		head_free(reliable);
	for (uint32_t i = 0; reliable->held != NULL && i < reliable->config->receive_window; i++)
		free(reliable->held[i].bytes);
	free(reliable->held);
	reliable->held = NULL;
}

void l2tp_reliable_set_peer_window(struct reliable *reliable, uint16_t window)
{
	reliable->peer_window = window == 0 ? WINDOW_ABSENT : window;
	reliable->slow_start_threshold = reliable->peer_window;
}

void l2tp_reliable_queue(struct reliable *reliable, uint8_t type, uint16_t session,
			 const uint8_t *bytes, size_t length)
{
	struct reliable_message *message = memory_new(sizeof(*message) + length);

	message->ns = reliable->queue_ns++;
	message->session = session;
	message->type = type;
	message->length = length;
	memcpy(message->bytes, bytes, length);
	STAILQ_INSERT_TAIL(&reliable->queue, message, link);
	reliable->queued++;
	if (reliable->next == NULL)
		reliable->next = message;
}

void l2tp_reliable_drop_unsent(struct reliable *reliable)
{
	struct l2tp_reliable_queue kept = STAILQ_HEAD_INITIALIZER(kept);
	struct reliable_message *message;

	while ((message = STAILQ_FIRST(&reliable->queue)) != NULL) {
		if (message->times_sent == 0) {
			if (reliable->next == message)
				reliable->next = NULL;
			head_free(reliable);
			continue;
		}
		STAILQ_REMOVE_HEAD(&reliable->queue, link);
		STAILQ_INSERT_TAIL(&kept, message, link);
	}
	STAILQ_CONCAT(&reliable->queue, &kept);
	reliable->queue_ns = reliable->sent_ns;
}

void l2tp_reliable_drop_all(struct reliable *reliable)
{
	while (!STAILQ_EMPTY(&reliable->queue))
		head_free(reliable);
	reliable->next = NULL;
	reliable->in_flight = 0;
	reliable->queue_ns = reliable->sent_ns;
	reliable->deadline_ms = UINT64_MAX;
}

struct reliable_message *l2tp_reliable_next(struct reliable *reliable, uint64_t now_ms)
{
	struct reliable_message *message = reliable->next;
	uint32_t window = reliable->congestion_window;

	if (window > reliable->peer_window)
		window = reliable->peer_window;
	if (message == NULL || reliable->in_flight >= window)
		return NULL;
	if (reliable->in_flight == 0) {
		if (reliable->attempts == 0)
			reliable->interval_ms = reliable->config->retransmit_first_ms;
		reliable->deadline_ms = now_ms + reliable->interval_ms;
	}
	reliable->in_flight++;
	message->times_sent++;
	reliable->next = STAILQ_NEXT(message, link);
	if (distance(message->ns, reliable->sent_ns) >= 0)
		reliable->sent_ns = (uint16_t)(message->ns + 1);
	l2tp_message_number(message->bytes, message->length, message->ns, reliable->nr);
	return message;
}

/* One message more arrived at the peer: slow start, then congestion avoidance (appendix A). */
static void window_grow(struct reliable *reliable)
{
	if (reliable->congestion_window >= reliable->peer_window)
		return;
	if (reliable->congestion_window < reliable->slow_start_threshold) {
		reliable->congestion_window++;
		return;
	}
	if (++reliable->avoidance_credit >= reliable->congestion_window) {
		reliable->avoidance_credit = 0;
		reliable->congestion_window++;
	}
}

bool l2tp_reliable_acknowledged(struct reliable *reliable, uint16_t nr, uint64_t now_ms)
{
	struct reliable_message *head;
	bool progress = false;

	if (distance(nr, reliable->sent_ns) > 0)
		return false;
	while ((head = STAILQ_FIRST(&reliable->queue)) != NULL && distance(nr, head->ns) > 0) {
		if (reliable->next == head)
			reliable->next = STAILQ_NEXT(head, link);
		else
			reliable->in_flight--;
		head_free(reliable);
		window_grow(reliable);
		progress = true;
	}
	if (!progress)
		return true;
	reliable->attempts = 0;
	reliable->interval_ms = reliable->config->retransmit_first_ms;
	reliable->deadline_ms =
		reliable->in_flight == 0 ? UINT64_MAX : now_ms + reliable->interval_ms;
	return true;
}

enum l2tp_reliable_order l2tp_reliable_order(const struct reliable *reliable, uint16_t ns)
{
	int ahead = distance(ns, reliable->nr);

	if (ahead == 0)
		return RELIABLE_IN_ORDER;
	if (ahead < 0)
		return RELIABLE_DUPLICATE;
	return ahead < reliable->config->receive_window ? RELIABLE_AHEAD : RELIABLE_OUT_OF_WINDOW;
}

bool l2tp_reliable_hold(struct reliable *reliable, uint16_t ns, const uint8_t *bytes, size_t length)
{
	struct reliable_held *place = NULL;

	if (reliable->held == NULL)
		reliable->held =
			memory_new_array(reliable->config->receive_window, sizeof(*reliable->held));
	for (uint32_t i = 0; i < reliable->config->receive_window; i++) {
		struct reliable_held *held = &reliable->held[i];

		if (held->bytes == NULL)
			place = held;
		else if (held->ns == ns)
			return false;
	}
	if (place == NULL)
		return false;
	place->bytes = memory_new(length);
	memcpy(place->bytes, bytes, length);
	place->length = length;
	place->ns = ns;
	reliable->held_count++;
	return true;
}

bool l2tp_reliable_release(struct reliable *reliable, struct reliable_held *released)
{
	if (reliable->held_count == 0)
		return false;
	for (uint32_t i = 0; i < reliable->config->receive_window; i++) {
		struct reliable_held *held = &reliable->held[i];

		if (held->bytes == NULL || held->ns != reliable->nr)
			continue;
		*released = *held;
		held->bytes = NULL;
		if (--reliable->held_count == 0) {
			free(reliable->held);
			reliable->held = NULL;
		}
		return true;
	}
	return false;
}

int l2tp_reliable_on_time(struct reliable *reliable, uint64_t now_ms)
{
	if (now_ms < reliable->deadline_ms)
		return 0;
	if (reliable->attempts >= reliable->config->retransmit_attempts) {
		reliable->deadline_ms = UINT64_MAX;
		return -ETIMEDOUT;
	}
	reliable->attempts++;
	reliable->interval_ms *= 2;
	if (reliable->interval_ms > reliable->config->retransmit_cap_ms)
		reliable->interval_ms = reliable->config->retransmit_cap_ms;
	reliable->slow_start_threshold = reliable->congestion_window / 2;
	if (reliable->slow_start_threshold == 0)
		reliable->slow_start_threshold = 1;
	reliable->congestion_window = 1;
	reliable->avoidance_credit = 0;
	reliable->in_flight = 0;
	reliable->next = STAILQ_FIRST(&reliable->queue);
	reliable->deadline_ms = UINT64_MAX;
	return 0;
}
