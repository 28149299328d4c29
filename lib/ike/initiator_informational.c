/* SPDX-License-Identifier: BSD-3-Clause */
/* Notifications and deletes of the initiator (RFC 2409 5.7, 3706). */

#include "base/cursor.h"
#include "ike/initiator_engine.h"

#include <string.h>

#define COOKIES_BYTES      16
#define NOTIFY_ERRORS_LAST 16383

static void informational_begin(struct message *m, const struct ike_initiator *i,
				const struct association *a)
{
	message_begin(m, a->initiator_cookie, a->responder_cookie, ISAKMP_INFORMATIONAL,
		      initiator_message_id(i));
	message_add_hash(m, &a->keys);
}

static void informational_end(struct ike_initiator *i, struct message *m,
			      const struct association *a)
{
	message_seal_informational(m, &a->keys, a->iv);
	if (!writer_failed(&m->w))
		initiator_hand_out(i, m->bytes, writer_length(&m->w));
}

void initiator_delete_child(struct ike_initiator *i, const struct spi_pair *child)
{
	struct ike_initiator_event *event;
	uint8_t spi[4];
	struct writer w = writer_over(spi, sizeof(spi));
	struct message m;

	if (i->current != NULL) {
		writer_u32(&w, child->in);
		informational_begin(&m, i, i->current);
		message_add_delete(&m, ISAKMP_PROTOCOL_ESP, sizeof(spi), spi, 1);
		informational_end(i, &m, i->current);
	}
	event = initiator_report(i, IKE_INITIATOR_CHILD_DOWN, 0);
	event->child.spi_in = child->in;
	event->child.spi_out = child->out;
}

void initiator_delete_association(struct ike_initiator *i, const struct association *a)
{
	uint8_t cookies[COOKIES_BYTES];
	struct message m;

	association_cookies(a, cookies);
	informational_begin(&m, i, a);
	message_add_delete(&m, ISAKMP_PROTOCOL_ISAKMP, sizeof(cookies), cookies, 1);
	informational_end(i, &m, a);
}

static void r_u_there(struct ike_initiator *i, const struct association *a,
		      const struct notification *n)
{
	uint8_t cookies[COOKIES_BYTES];
	const struct message_notification ack = {
		.protocol = ISAKMP_PROTOCOL_ISAKMP,
		.type = ISAKMP_NOTIFY_R_U_THERE_ACK,
		.spi = {cookies, sizeof(cookies)},
		.data = n->data,
	};
	struct message m;

	association_cookies(a, cookies);
	informational_begin(&m, i, a);
	message_add_notification(&m, &ack);
	informational_end(i, &m, a);
}

static void refused(struct ike_initiator *i, uint16_t notification)
{
	enum cause cause = initiator_refusal_cause(i, notification);

	if (i->pending != NULL)
		initiation_refused(i, cause, notification);
	else if (i->quick != NULL)
		quick_refused(i, cause, notification);
}

static void child_deleted(struct ike_initiator *i, struct spi_pair *child, uint32_t spi)
{
	struct ike_initiator_event *event;

	if (child->out == 0 || child->out != spi)
		return;
	event = initiator_report(i, IKE_INITIATOR_CHILD_DOWN, 0);
	event->child.spi_in = child->in;
	event->child.spi_out = child->out;
	*child = (struct spi_pair){0};
	if (child == &i->old_child)
		i->old_child_ends_ms = UINT64_MAX;
}

static void associations_deleted(struct ike_initiator *i, const struct delete_payload *d,
				 const struct association *a)
{
	uint8_t cookies[COOKIES_BYTES];

	association_cookies(a, cookies);
	if (d->count != 1 || memcmp(d->spis, cookies, sizeof(cookies)) != 0)
		return;
	child_deleted(i, &i->old_child, i->old_child.out);
	child_deleted(i, &i->child, i->child.out);
	quick_free(i->quick);
	i->quick = NULL;
	association_free(i->pending);
	i->pending = NULL;
	association_free(i->current);
	i->current = NULL;
	initiator_disarm(i);
	i->job = 0;
	initiator_report(i, IKE_INITIATOR_DOWN, 0)->down.cause = CAUSE_peer_request;
}

static void delete_take(struct ike_initiator *i, const struct association *a,
			const struct digest_part *body)
{
	struct delete_payload d;
	struct cursor c;

	if (delete_payload_read(body, &d) != 0)
		return;
	if (d.protocol == ISAKMP_PROTOCOL_ISAKMP && d.spi_bytes == COOKIES_BYTES) {
		associations_deleted(i, &d, a);
		return;
	}
	if (d.protocol != ISAKMP_PROTOCOL_ESP || d.spi_bytes != 4)
		return;
	c = cursor_over(d.spis, (size_t)d.count * 4);
	while (cursor_more(&c)) {
		uint32_t spi = cursor_u32(&c);

		child_deleted(i, &i->child, spi);
		child_deleted(i, &i->old_child, spi);
	}
}

static void notification_take(struct ike_initiator *i, const struct association *a,
			      const struct digest_part *body)
{
	struct notification n;

	if (notification_read(body, &n) != 0)
		return;
	if (n.type == ISAKMP_NOTIFY_R_U_THERE)
		r_u_there(i, a, &n);
	else if (n.type <= NOTIFY_ERRORS_LAST)
		refused(i, n.type);
}

/* In clear, while main mode runs: a refusal is believed, as every client does. */
static void clear_feed(struct ike_initiator *i, const struct datagram *d)
{
	struct payloads payloads;
	struct notification n;

	if (payloads_read(d->bytes + ISAKMP_HEADER_BYTES, d->header.length - ISAKMP_HEADER_BYTES,
			  d->header.next_payload, &payloads) == 0 &&
	    payloads.notification_count != 0 &&
	    notification_read(&payloads.notifications[0], &n) == 0 && n.type <= NOTIFY_ERRORS_LAST)
		refused(i, n.type);
}

void initiator_informational_feed(struct ike_initiator *i, struct association *a,
				  const struct datagram *d)
{
	uint32_t message_id = d->header.message_id;
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
	uint8_t plain[PACKET_BYTES_MAX];
	struct payloads payloads;

	if (a == i->pending) {
		if (!(d->header.flags & ISAKMP_FLAG_ENCRYPTION))
			clear_feed(i, d);
		return;
	}
	if (message_id == 0 || message_id == a->informational_id ||
	    ike_keys_exchange_iv(&a->keys, a->iv, message_id, iv) != 0 ||
	    message_open(&a->keys, &d->header, d->bytes, iv, plain, &payloads) != 0 ||
	    !message_hash_right(&a->keys, message_id, NULL, &payloads))
		return;
	a->informational_id = message_id;
	for (size_t n = 0; n < payloads.notification_count && a == i->current; n++)
		notification_take(i, a, &payloads.notifications[n]);
	for (size_t n = 0; n < payloads.delete_count && a == i->current; n++)
		delete_take(i, a, &payloads.deletes[n]);
}
