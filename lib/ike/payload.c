/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/payload.h"

#include "base/cursor.h"
#include "base/endpoint.h"
#include "crypto/certificate.h"
#include "ike/isakmp.h"

#include <errno.h>
#include <stdio.h>

int isakmp_header_read(const uint8_t *bytes, size_t length, struct isakmp_header *header)
{
	struct cursor c = cursor_over(bytes, length);

	header->initiator_cookie = cursor_u64(&c);
	header->responder_cookie = cursor_u64(&c);
	header->next_payload = cursor_u8(&c);
	header->version = cursor_u8(&c);
	header->exchange = cursor_u8(&c);
	header->flags = cursor_u8(&c);
	header->message_id = cursor_u32(&c);
	header->length = cursor_u32(&c);
	if (cursor_failed(&c) || header->length < ISAKMP_HEADER_BYTES || header->length > length)
		return -EBADMSG;
	return 0;
}

/* A payload that may come once: false for the second one. */
static bool take_one(struct digest_part *slot, struct digest_part body)
{
	if (slot->bytes != NULL)
		return false;
	*slot = body;
	return true;
}

/* One of several; those beyond `max` are ignored. */
static bool take_some(struct digest_part *slots, uint8_t *count, size_t max,
		      struct digest_part body)
{
	if (*count < max)
		slots[(*count)++] = body;
	return true;
}

/* Revocation lists and other encodings are left alone. */
static bool take_certificate(struct payloads *p, struct digest_part body)
{
	struct cursor c = cursor_over(body.bytes, body.length);

	if (cursor_u8(&c) != ISAKMP_CERTIFICATE_X509_SIGNATURE || !cursor_more(&c))
		return true;
	body.length = cursor_left(&c);
	body.bytes = cursor_bytes(&c, body.length);
	return take_some(p->certificates, &p->certificate_count, PAYLOADS_CERTIFICATES_MAX, body);
}

static bool payload_take(struct payloads *p, uint8_t type, struct digest_part body)
{
	switch (type) {
	case ISAKMP_PAYLOAD_SA:
		return take_one(&p->sa, body);
	case ISAKMP_PAYLOAD_KEY_EXCHANGE:
		return take_one(&p->key_exchange, body);
	case ISAKMP_PAYLOAD_NONCE:
		return take_one(&p->nonce, body);
	case ISAKMP_PAYLOAD_HASH:
		return take_one(&p->hash, body);
	case ISAKMP_PAYLOAD_SIGNATURE:
		return take_one(&p->signature, body);
	case ISAKMP_PAYLOAD_CERTIFICATE:
		return take_certificate(p, body);
	case ISAKMP_PAYLOAD_IDENTIFICATION:
		if (p->id_count == 2)
			return false;
		return take_some(p->id, &p->id_count, 2, body);
	case ISAKMP_PAYLOAD_VENDOR_ID:
		return take_some(p->vendor_ids, &p->vendor_id_count, PAYLOADS_VENDOR_IDS_MAX, body);
	case ISAKMP_PAYLOAD_NAT_D:
	case ISAKMP_PAYLOAD_NAT_D_DRAFT:
		return take_some(p->nat_d, &p->nat_d_count, PAYLOADS_NAT_D_MAX, body);
	case ISAKMP_PAYLOAD_NAT_OA:
	case ISAKMP_PAYLOAD_NAT_OA_DRAFT:
		return take_some(p->nat_oa, &p->nat_oa_count, PAYLOADS_NAT_OA_MAX, body);
	case ISAKMP_PAYLOAD_NOTIFICATION:
		return take_some(p->notifications, &p->notification_count,
				 PAYLOADS_NOTIFICATIONS_MAX, body);
	case ISAKMP_PAYLOAD_DELETE:
		return take_some(p->deletes, &p->delete_count, PAYLOADS_DELETES_MAX, body);
	default:
		return true;
	}
}

int payloads_read(const uint8_t *bytes, size_t length, uint8_t first, struct payloads *payloads)
{
	struct cursor c = cursor_over(bytes, length);
	uint8_t type = first;

	*payloads = (struct payloads){.first = first};
	while (type != ISAKMP_PAYLOAD_NONE) {
		bool hash_first = c.at == bytes && type == ISAKMP_PAYLOAD_HASH;
		uint8_t next = cursor_u8(&c);
		struct digest_part body;

		cursor_skip(&c, 1);
		body.length = cursor_u16(&c);
		if (cursor_failed(&c) || body.length < ISAKMP_GENERIC_BYTES)
			return -EBADMSG;
		body.length -= ISAKMP_GENERIC_BYTES;
		body.bytes = cursor_bytes(&c, body.length);
		if (body.bytes == NULL || !payload_take(payloads, type, body))
			return -EBADMSG;
		if (hash_first)
			payloads->after_hash.bytes = c.at;
		type = next;
	}
	if (payloads->after_hash.bytes != NULL)
		payloads->after_hash.length =
			(size_t)(c.at - (const uint8_t *)payloads->after_hash.bytes);
	return 0;
}

int notification_read(const struct digest_part *body, struct notification *notification)
{
	struct cursor c = cursor_over(body->bytes, body->length);

	notification->doi = cursor_u32(&c);
	notification->protocol = cursor_u8(&c);
	notification->spi.length = cursor_u8(&c);
	notification->type = cursor_u16(&c);
	notification->spi.bytes = cursor_bytes(&c, notification->spi.length);
	notification->data.length = cursor_left(&c);
	notification->data.bytes = cursor_bytes(&c, notification->data.length);
	return cursor_finished(&c) ? 0 : -EBADMSG;
}

int delete_payload_read(const struct digest_part *body, struct delete_payload *delete_payload)
{
	struct cursor c = cursor_over(body->bytes, body->length);

	delete_payload->doi = cursor_u32(&c);
	delete_payload->protocol = cursor_u8(&c);
	delete_payload->spi_bytes = cursor_u8(&c);
	delete_payload->count = cursor_u16(&c);
	delete_payload->spis =
		cursor_bytes(&c, (size_t)delete_payload->count * delete_payload->spi_bytes);
	return cursor_finished(&c) ? 0 : -EBADMSG;
}

int identification_read(const struct digest_part *body, struct identification *id)
{
	struct cursor c = cursor_over(body->bytes, body->length);

	id->type = cursor_u8(&c);
	id->protocol = cursor_u8(&c);
	id->port = cursor_u16(&c);
	id->data.length = cursor_left(&c);
	id->data.bytes = cursor_bytes(&c, id->data.length);
	return cursor_finished(&c) ? 0 : -EBADMSG;
}

/* Printable characters as they are, others as '?'; at most `size` - 1 of them. */
static void printable(const struct digest_part *data, char *text, size_t size)
{
	const uint8_t *bytes = data->bytes;
	size_t i;

	for (i = 0; i < data->length && i + 1 < size; i++)
		text[i] = bytes[i] > 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
	text[i] = '\0';
}

static void hexadecimal(const struct digest_part *data, char *text, size_t size)
{
	const uint8_t *bytes = data->bytes;

	text[0] = '\0';
	for (size_t i = 0; i < data->length && 2 * i + 2 < size; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

bool identification_address(const struct identification *id, struct endpoint *address)
{
	bool ipv4 = id->type == ISAKMP_ID_IPV4_ADDRESS;

	*address = (struct endpoint){.family = ipv4 ? ENDPOINT_IPV4 : ENDPOINT_IPV6};
	if ((!ipv4 && id->type != ISAKMP_ID_IPV6_ADDRESS) ||
	    id->data.length != endpoint_address_bytes(address))
		return false;
	memcpy(address->address, id->data.bytes, id->data.length);
	return true;
}

void identification_text(const struct identification *id, char *text, size_t size)
{
	struct endpoint address;
	char value[ENDPOINT_TEXT_BYTES + 48];
	const char *kind;

	switch (id->type) {
	case ISAKMP_ID_IPV4_ADDRESS:
	case ISAKMP_ID_IPV6_ADDRESS:
		kind = id->type == ISAKMP_ID_IPV4_ADDRESS ? "ipv4" : "ipv6";
		if (identification_address(id, &address))
			endpoint_text(&address, value);
		else
			hexadecimal(&id->data, value, sizeof(value));
		break;
	case ISAKMP_ID_FQDN:
	case ISAKMP_ID_USER_FQDN:
		kind = id->type == ISAKMP_ID_FQDN ? "fqdn" : "user fqdn";
		printable(&id->data, value, sizeof(value));
		break;
	case ISAKMP_ID_KEY_ID:
		kind = "key id";
		printable(&id->data, value, sizeof(value));
		break;
	case ISAKMP_ID_DER_ASN1_DN:
		kind = "asn.1 name";
		certificate_name_text(&id->data, value, sizeof(value));
		break;
	default:
		kind = "other";
		hexadecimal(&id->data, value, sizeof(value));
		break;
	}
	snprintf(text, size, "%s (%s)", value, kind);
}
