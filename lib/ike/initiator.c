/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/initiator.h"

#include "base/cursor.h"
#include "base/memory.h"
#include "ike/initiator_engine.h"
#include "ike/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORT_IKE     500
#define MARKER_BYTES 4

_Static_assert(sizeof(struct ike_initiator) + sizeof(struct association) <= 768,
	       "tens of thousands of instances are up at once");

struct ike_initiator *ike_initiator_new(const struct ike_initiator_config *config,
					const struct random_source *random)
{
	struct ike_initiator *i = memory_new(sizeof(*i));

	i->config = config;
	i->random = *random;
	i->due_ms = UINT64_MAX;
	i->old_child_ends_ms = UINT64_MAX;
	event_queue_init(&i->events);
	return i;
}

void ike_initiator_free(struct ike_initiator *i)
{
	if (i == NULL)
		return;
	association_free(i->pending);
	association_free(i->current);
	quick_free(i->quick);
	reply_free(&i->sent);
	event_queue_clear(&i->events);
	free(i);
}

struct ike_initiator_event *initiator_report(struct ike_initiator *i,
					     enum ike_initiator_event_kind kind, size_t extra_bytes)
{
	struct ike_initiator_event *event =
		event_queue_push(&i->events, sizeof(*event) + extra_bytes);

	event->kind = kind;
	return event;
}

const struct ike_initiator_event *ike_initiator_next_event(struct ike_initiator *i)
{
	return event_queue_pop(&i->events);
}

void initiator_hand_out(struct ike_initiator *i, const uint8_t *bytes, size_t length)
{
	size_t marker = i->port == ISAKMP_PORT_NAT_T ? MARKER_BYTES : 0;
	struct ike_initiator_event *event =
		initiator_report(i, IKE_INITIATOR_SEND, marker + length);
	uint8_t *copy = (uint8_t *)(event + 1);

	memcpy(copy + marker, bytes, length); /* a record is zeroed: so is the marker */
	event->send.port = i->port;
	event->send.bytes = copy;
	event->send.length = marker + length;
}

void initiator_send(struct ike_initiator *i, const struct message *m, uint64_t request_hash,
		    bool waits)
{
	reply_free(&i->sent);
	if (!writer_failed(&m->w)) {
		reply_set(&i->sent, request_hash, m->bytes, writer_length(&m->w));
		initiator_hand_out(i, m->bytes, writer_length(&m->w));
	}
	i->attempts = 0;
	i->due_ms = waits ? i->now_ms + i->config->retransmit_ms : UINT64_MAX;
}

void initiator_resend(struct ike_initiator *i)
{
	if (i->sent.length != 0)
		initiator_hand_out(i, i->sent.bytes, i->sent.length);
}

void initiator_disarm(struct ike_initiator *i)
{
	i->due_ms = UINT64_MAX;
}

struct ike_initiator_job *initiator_job(struct ike_initiator *i, uint16_t group)
{
	struct ike_initiator_event *event = initiator_report(i, IKE_INITIATOR_JOB, 0);

	if (++i->jobs == 0)
		i->jobs = 1;
	i->job = i->jobs;
	event->job.handle = i->job;
	event->job.group = group;
	return &event->job;
}

uint32_t initiator_message_id(const struct ike_initiator *i)
{
	uint32_t id;

	do
		id = random_u32(&i->random);
	while (id == 0);
	return id;
}

enum cause initiator_refusal_cause(const struct ike_initiator *i, uint16_t notification)
{
	switch (notification) {
	case ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN:
		return i->pending != NULL ? CAUSE_no_common_ike_proposal
					  : CAUSE_no_common_esp_proposal;
	case ISAKMP_NOTIFY_PAYLOAD_MALFORMED:
		return i->pending != NULL ? CAUSE_wrong_preshared_key : CAUSE_ike_protocol_error;
	case ISAKMP_NOTIFY_INVALID_ID_INFORMATION:
		return CAUSE_bad_quick_mode_selector;
	default:
		return CAUSE_ike_protocol_error;
	}
}

void initiator_failed(struct ike_initiator *i, enum cause cause, uint16_t notification,
		      const char *state)
{
	struct ike_initiator_event *event = initiator_report(i, IKE_INITIATOR_FAILED, 0);

	event->failed.cause = cause;
	event->failed.notification = notification;
	event->failed.state = state;
	initiator_disarm(i);
	i->job = 0;
}

void ike_initiator_start(struct ike_initiator *i, const struct endpoint *own,
			 const struct endpoint *peer, uint32_t spi_in, uint64_t now_ms)
{
	if (i->current != NULL || i->pending != NULL)
		return;
	i->now_ms = now_ms;
	i->own = *own;
	i->peer = *peer;
	i->port = PORT_IKE;
	i->first_spi = spi_in;
	initiation_start(i);
}

/* The ISAKMP SA that a header is about, or NULL. */
static struct association *association_of(struct ike_initiator *i,
					  const struct isakmp_header *header)
{
	struct association *both[] = {i->pending, i->current};

	for (size_t n = 0; n < 2; n++) {
		struct association *a = both[n];

		if (a != NULL && a->initiator_cookie == header->initiator_cookie &&
		    (a->responder_cookie == 0 || a->responder_cookie == header->responder_cookie))
			return a;
	}
	return NULL;
}

void ike_initiator_feed(struct ike_initiator *i, uint16_t port, const uint8_t *bytes, size_t length,
			uint64_t now_ms)
{
	struct cursor c = cursor_over(bytes, length);
	struct datagram d;
	struct association *a;

	i->now_ms = now_ms;
	if (port == ISAKMP_PORT_NAT_T && cursor_u32(&c) != 0)
		return;
	if (isakmp_header_read(c.at, cursor_left(&c), &d.header) != 0 ||
	    d.header.length > PACKET_BYTES_MAX || d.header.version >> 4 != 1)
		return;
	a = association_of(i, &d.header);
	if (a == NULL)
		return;
	d.bytes = c.at;
	d.hash = table_hash(&(struct table_key){a->initiator_cookie, a->responder_cookie}, d.bytes,
			    d.header.length) |
		 1;
	if (d.header.exchange == ISAKMP_MAIN_MODE && a == i->pending)
		initiation_feed(i, &d);
	else if (d.header.exchange == ISAKMP_QUICK_MODE && a == i->current)
		quick_feed(i, &d);
	else if (d.header.exchange == ISAKMP_INFORMATIONAL)
		initiator_informational_feed(i, a, &d);
}

void ike_initiator_job_run(const struct ike_initiator_job *job,
			   struct ike_initiator_job_result *result)
{
	*result = (struct ike_initiator_job_result){.handle = job->handle};
	if (job->peer_public_bytes == 0)
		result->error = key_pair_make(job->group, &result->pair);
	else
		result->error = key_exchange_secret(job->group, &job->pair, job->peer_public,
						    job->peer_public_bytes, result->secret,
						    &result->secret_bytes);
}

void ike_initiator_job_done(struct ike_initiator *i, const struct ike_initiator_job_result *result,
			    uint64_t now_ms)
{
	i->now_ms = now_ms;
	if (result->handle != i->job || i->job == 0)
		return;
	i->job = 0;
	if (i->pending != NULL)
		initiation_job_done(i, result);
	else
		quick_job_done(i, result);
}

uint64_t ike_initiator_deadline(const struct ike_initiator *i)
{
	return i->due_ms < i->old_child_ends_ms ? i->due_ms : i->old_child_ends_ms;
}

static void old_child_end(struct ike_initiator *i)
{
	const struct spi_pair old = i->old_child;

	i->old_child_ends_ms = UINT64_MAX;
	i->old_child = (struct spi_pair){0};
	initiator_delete_child(i, &old);
}

static void unanswered(struct ike_initiator *i)
{
	if (i->attempts < i->config->retransmissions) {
		i->attempts++;
		i->due_ms = i->now_ms + ((uint64_t)i->config->retransmit_ms << i->attempts);
		initiator_resend(i);
	} else if (i->pending != NULL) {
		initiation_refused(i, CAUSE_ike_timeout, 0);
	} else if (i->quick != NULL) {
		quick_refused(i, CAUSE_ike_timeout, 0);
	} else {
		initiator_disarm(i);
	}
}

void ike_initiator_on_time(struct ike_initiator *i, uint64_t now_ms)
{
	i->now_ms = now_ms;
	if (i->old_child_ends_ms <= now_ms)
		old_child_end(i);
	if (i->due_ms <= now_ms)
		unanswered(i);
}

/* 0 if a negotiation may begin. */
static int idle(const struct ike_initiator *i)
{
	if (i->current == NULL)
		return -ENOTCONN;
	return i->pending != NULL || i->quick != NULL ? -EBUSY : 0;
}

int ike_initiator_rekey(struct ike_initiator *i, uint64_t now_ms)
{
	int error = idle(i);

	i->now_ms = now_ms;
	if (error == 0)
		initiation_start(i);
	return error;
}

int ike_initiator_rekey_child(struct ike_initiator *i, uint32_t spi_in, uint64_t now_ms)
{
	int error = idle(i);

	i->now_ms = now_ms;
	if (error == 0)
		quick_start(i, spi_in);
	return error;
}

void ike_initiator_close(struct ike_initiator *i, uint64_t now_ms)
{
	bool was_up = i->current != NULL || i->pending != NULL;

	i->now_ms = now_ms;
	initiator_disarm(i);
	i->job = 0;
	association_free(i->pending);
	i->pending = NULL;
	quick_free(i->quick);
	i->quick = NULL;
	if (i->old_child.out != 0)
		old_child_end(i);
	if (i->child.out != 0)
		initiator_delete_child(i, &i->child);
	i->child = (struct spi_pair){0};
	if (i->current != NULL)
		initiator_delete_association(i, i->current);
	association_free(i->current);
	i->current = NULL;
	reply_free(&i->sent);
	if (was_up)
		initiator_report(i, IKE_INITIATOR_DOWN, 0)->down.cause = CAUSE_administrator;
}

bool ike_initiator_is_up(const struct ike_initiator *i)
{
	return i->child.out != 0 && i->pending == NULL && i->quick == NULL;
}

uint64_t ike_initiator_cookie(const struct ike_initiator *i)
{
	const struct association *a = i->current != NULL ? i->current : i->pending;

	return a == NULL ? 0 : a->initiator_cookie;
}
