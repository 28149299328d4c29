/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/engine.h"

#include <stdarg.h>
#include <stdio.h>

#define MARKER_BYTES   4
#define TURNED_AWAY_MS 1000

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
		 const char *message, const char *meaning, ...)
{
	struct ike_event *event = report_event(sa->ike, IKE_STEP, sa, NULL, 0);
	va_list arguments;

	event->step.step.inbound = inbound;
	event->step.step.message = message;
	va_start(arguments, meaning);
	vsnprintf(event->step.step.meaning, sizeof(event->step.step.meaning), meaning, arguments);
	va_end(arguments);
	event->step.path = *path;
}

static void text_set(char *to, size_t size, const char *text)
{
	if (text != NULL)
		snprintf(to, size, "%s", text);
}

static void failure_set(struct ike_event *event, const struct ike_path *path,
			const struct failure *failure)
{
	event->failed.path = *path;
	event->failed.cause = failure->cause;
	text_set(event->failed.detail, sizeof(event->failed.detail), failure->detail);
	text_set(event->failed.offered, sizeof(event->failed.offered), failure->offered);
	text_set(event->failed.accepted, sizeof(event->failed.accepted), failure->accepted);
}

void report_failure(const struct sa *sa, const struct failure *failure)
{
	failure_set(report_event(sa->ike, IKE_FAILED, sa, NULL, 0), sa_path(sa), failure);
}

void report_peer_failure(const struct peer *peer, const struct failure *failure)
{
	const struct sa *sa = TAILQ_LAST(&peer->sas, sa_list);

	failure_set(report_event(peer->ike, IKE_FAILED, sa, peer, 0), &peer->path, failure);
}

void report_turned_away(struct ike *ike, const struct packet *packet, enum turned_away kind,
			enum cause cause, const char *detail)
{
	const struct failure failure = {.cause = cause, .detail = detail};
	uint64_t *last_ms = &ike->turned_away_ms[kind];
	struct ike_event *event;

	if (*last_ms != 0 && ike->now_ms - *last_ms < TURNED_AWAY_MS)
		return;
	*last_ms = ike->now_ms == 0 ? 1 : ike->now_ms;
	event = report_event(ike, IKE_FAILED, NULL, NULL, 0);
	event->negotiation = packet->header.initiator_cookie;
	failure_set(event, packet->path, &failure);
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

void ike_failed_text(const struct ike_event *event, char text[IKE_FAILED_TEXT_BYTES])
{
	int used = snprintf(text, IKE_FAILED_TEXT_BYTES, "%s", event->failed.detail);

	if (event->failed.offered[0] != '\0')
		snprintf(text + used, IKE_FAILED_TEXT_BYTES - (size_t)used,
			 "%soffered: %s; accepted: %s", used == 0 ? "" : "; ",
			 event->failed.offered, event->failed.accepted);
}
