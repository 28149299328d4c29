/* SPDX-License-Identifier: BSD-3-Clause */
/* Informational exchanges under an ISAKMP SA: notifications and deletes (RFC 2409 5.7, 3706). */

#include "base/cursor.h"
#include "base/memory.h"
#include "ike/engine.h"

#define DPD_DATA_BYTES 4
#define COOKIES_BYTES  16

/* R-U-THERE: answered with the same sequence, an older one is ignored (RFC 3706 6.1). */
static void r_u_there(struct sa *sa, const struct packet *packet, const struct notification *n)
{
	struct cursor c = cursor_over(n->data.bytes, n->data.length);
	uint32_t sequence = cursor_u32(&c);
	uint8_t cookies[COOKIES_BYTES];
	const struct message_notification ack = {
		.protocol = ISAKMP_PROTOCOL_ISAKMP,
		.type = ISAKMP_NOTIFY_R_U_THERE_ACK,
		.spi = {cookies, sizeof(cookies)},
		.data = {n->data.bytes, DPD_DATA_BYTES},
	};

	if (cursor_failed(&c)) {
		ike_count(sa->ike, IKE_COUNTER_malformed);
		return;
	}
	if (sa->dpd_sequence_known && (int32_t)(sequence - sa->dpd_sequence_in) < 0) {
		ike_count(sa->ike, IKE_COUNTER_replayed);
		return;
	}
	sa->dpd_sequence_known = true;
	sa->dpd_sequence_in = sequence;
	sa_cookies(sa, cookies);
	message_notify(sa, packet->path, false, &ack);
}

/* Any authentic message says that the peer lives; this one, that what we sent arrived. */
static void r_u_there_ack(struct sa *sa, const struct notification *n)
{
	struct cursor c = cursor_over(n->data.bytes, n->data.length);
	uint32_t sequence = cursor_u32(&c);

	if (!cursor_failed(&c))
		peer_answered(sa->peer, sequence);
}

static void notification_take(struct sa *sa, const struct packet *packet,
			      const struct digest_part *body)
{
	char name[NOTIFICATION_NAME_BYTES];
	struct notification n;

	if (notification_read(body, &n) != 0) {
		ike_count(sa->ike, IKE_COUNTER_malformed);
		return;
	}
	switch (n.type) {
	case ISAKMP_NOTIFY_R_U_THERE:
		r_u_there(sa, packet, &n);
		break;
	case ISAKMP_NOTIFY_R_U_THERE_ACK:
		r_u_there_ack(sa, &n);
		break;
	case ISAKMP_NOTIFY_INITIAL_CONTACT:
		report_step(sa, packet->path, true, "initial contact",
			    "it has no other SA with us");
		report_event(sa->ike, IKE_PEER_INITIAL_CONTACT, sa, NULL, 0);
		break;
	default:
		report_step(sa, packet->path, true, "notification", "%s",
			    notification_name(n.type, name));
		if (n.type < ISAKMP_NOTIFY_STATUS_FIRST)
			sa->peer->refusal = (uint8_t)(n.type > UINT8_MAX ? UINT8_MAX : n.type);
		break;
	}
}

static void delete_children(struct sa *sa, const struct delete_payload *d)
{
	struct cursor c = cursor_over(d->spis, (size_t)d->count * d->spi_bytes);

	while (cursor_more(&c)) {
		uint32_t spi = cursor_u32(&c);
		struct child *child;

		LIST_FOREACH(child, &sa->peer->children, in_peer)
		if (child->spi_out == spi && !child->outbound_deleted)
			break;
		if (child != NULL)
			child_outbound_deleted(child);
	}
}

static void delete_sas(struct sa *sa, const struct delete_payload *d)
{
	struct cursor c = cursor_over(d->spis, (size_t)d->count * d->spi_bytes);

	while (cursor_more(&c)) {
		uint64_t initiator = cursor_u64(&c);
		uint64_t responder = cursor_u64(&c);
		struct sa *named = sa_find(sa->ike, initiator, responder);

		if (named != NULL && named->peer == sa->peer &&
		    named->state == MAIN_MODE_ESTABLISHED)
			main_mode_deleted(named);
	}
}

static void delete_take(struct sa *sa, const struct packet *packet, const struct digest_part *body)
{
	struct delete_payload d;

	if (delete_payload_read(body, &d) != 0) {
		ike_count(sa->ike, IKE_COUNTER_malformed);
	} else if (d.protocol == ISAKMP_PROTOCOL_ESP && d.spi_bytes == 4) {
		report_step(sa, packet->path, true, "delete", "%u ESP SAs", d.count);
		delete_children(sa, &d);
	} else if (d.protocol == ISAKMP_PROTOCOL_ISAKMP && d.spi_bytes == COOKIES_BYTES) {
		report_step(sa, packet->path, true, "delete", "%u ISAKMP SA", d.count);
		delete_sas(sa, &d);
	}
}

/* An error in clear proves nothing: it is never acted on, but a dial that then ends may name it. */
static void refusal_note(struct sa *sa, const struct packet *packet)
{
	char name[NOTIFICATION_NAME_BYTES];
	struct payloads payloads;
	struct notification n;

	if ((sa->state != MAIN_MODE_SENT_2 && sa->state != MAIN_MODE_SENT_4 &&
	     sa->state != MAIN_MODE_AGGRESSIVE_SENT_2) ||
	    sa->main_mode->refusal != 0 ||
	    payloads_read(packet->bytes + ISAKMP_HEADER_BYTES, packet->length - ISAKMP_HEADER_BYTES,
			  packet->header.next_payload, &payloads) != 0 ||
	    payloads.notification_count == 0 ||
	    notification_read(&payloads.notifications[0], &n) != 0 || n.type == 0 ||
	    n.type >= ISAKMP_NOTIFY_STATUS_FIRST)
		return;
	sa->main_mode->refusal = n.type;
	report_step(sa, packet->path, true, "notification", "%s, in clear: not acted on",
		    notification_name(n.type, name));
}

void informational_feed(struct sa *sa, const struct packet *packet)
{
	uint32_t message_id = packet->header.message_id;
	struct ike *ike = sa->ike;
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
	uint8_t plain[PACKET_BYTES_MAX];
	struct payloads payloads;

	if (!(packet->header.flags & ISAKMP_FLAG_ENCRYPTION)) {
		ike_count(ike, IKE_COUNTER_unprotected);
		refusal_note(sa, packet);
		return;
	}
	if (sa->state != MAIN_MODE_ESTABLISHED) {
		ike_count(ike, IKE_COUNTER_unexpected);
		return;
	}
	if (sa_message_id_known(sa, message_id)) {
		ike_count(ike, IKE_COUNTER_replayed);
		return;
	}
	if (ike_keys_exchange_iv(&sa->keys, sa->iv, message_id, iv) != 0 ||
	    message_open(&sa->keys, &packet->header, packet->bytes, iv, plain, &payloads) != 0 ||
	    !message_hash_right(&sa->keys, message_id, NULL, &payloads)) {
		ike_count(ike, IKE_COUNTER_bad_hash);
		return;
	}
	sa_message_id_remember(sa, message_id);
	peer_heard(sa->peer, packet->path);
	for (size_t i = 0; i < payloads.notification_count; i++)
		notification_take(sa, packet, &payloads.notifications[i]);
	for (size_t i = 0; i < payloads.delete_count; i++)
		delete_take(sa, packet, &payloads.deletes[i]);
}
