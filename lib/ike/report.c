/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/engine.h"

#include <stdio.h>

#define MARKER_BYTES 4

struct ike_event *report_event(struct ike *ike, enum ike_event_kind kind, const struct sa *sa,
			       const struct peer *peer, size_t extra_bytes)
{
	struct ike_event *event = event_queue_push(&ike->events, sizeof(*event) + extra_bytes);

	event->kind = kind;
	if (sa != NULL) {
		event->negotiation = sa->initiator_cookie;
		if (peer == NULL)
			peer = sa->peer;
	}
	if (peer != NULL)
		event->peer = peer->name;
	return event;
}

void report_step(const struct sa *sa, const struct ike_path *path, bool inbound,
		 const char *message, const char *meaning)
{
	struct ike_event *event = report_event(sa->ike, IKE_STEP, sa, NULL, 0);

	event->step.step =
		(struct ike_step){.inbound = inbound, .message = message, .meaning = meaning};
	event->step.path = *path;
}

void report_failure(const struct sa *sa, enum cause cause, const char *offered,
		    const char *accepted)
{
	struct ike_event *event = report_event(sa->ike, IKE_FAILED, sa, NULL, 0);

	event->failed.path = *sa_path(sa);
	event->failed.cause = cause;
	if (offered != NULL)
		snprintf(event->failed.offered, sizeof(event->failed.offered), "%s", offered);
	if (accepted != NULL)
		snprintf(event->failed.accepted, sizeof(event->failed.accepted), "%s", accepted);
}

void report_send(struct ike *ike, const struct sa *sa, const struct ike_path *path,
		 bool to_current_endpoint, const uint8_t *bytes, size_t length)
{
	size_t marker = path->local.port == ISAKMP_PORT_NAT_T ? MARKER_BYTES : 0;
	struct ike_event *event = report_event(ike, IKE_SEND, sa, NULL, marker + length);
	uint8_t *copy = (uint8_t *)(event + 1);

	memcpy(copy + marker, bytes, length); /* a record is zeroed: so is the marker */
	event->send.path = *path;
	event->send.to_current_endpoint = to_current_endpoint;
	event->send.bytes = copy;
	event->send.length = marker + length;
}

void report_child(const struct child *child, enum ike_event_kind kind)
{
	struct ike_event *event = report_event(child->peer->ike, kind, NULL, child->peer, 0);

	event->child.spi_in = child->spi_in;
	event->child.spi_out = child->spi_out;
}
