/* SPDX-License-Identifier: BSD-3-Clause */
/* Composition: the order of payloads is the one that every client takes. */

#include "base/cursor.h"
#include "base/memory.h"
#include "base/writer.h"
#include "ike/engine.h"

#include <errno.h>
#include <stdlib.h>

#define LENGTH_OFFSET       24
#define FLAGS_OFFSET        19
#define NEXT_PAYLOAD_OFFSET 16

struct message {
	struct writer w;
	size_t next_payload_at; /* where the type of the following payload goes */
	size_t payload_at;      /* start of the open payload */
	size_t hash_at;         /* body of the HASH payload, 0: none */
	uint32_t message_id;
	uint8_t bytes[MESSAGE_BYTES_MAX];
};

static void message_begin(struct message *m, const struct sa *sa, uint8_t exchange,
			  uint32_t message_id)
{
	m->w = writer_over(m->bytes, sizeof(m->bytes) - IKE_BLOCK_BYTES_MAX);
	m->next_payload_at = NEXT_PAYLOAD_OFFSET;
	m->hash_at = 0;
	m->message_id = message_id;
	writer_u64(&m->w, sa->initiator_cookie);
	writer_u64(&m->w, sa->responder_cookie);
	writer_u8(&m->w, ISAKMP_PAYLOAD_NONE);
	writer_u8(&m->w, 0x10); /* version 1.0 */
	writer_u8(&m->w, exchange);
	writer_u8(&m->w, 0);
	writer_u32(&m->w, message_id);
	writer_u32(&m->w, 0);
}

static void payload_open(struct message *m, uint8_t type)
{
	m->bytes[m->next_payload_at] = type;
	m->payload_at = writer_length(&m->w);
	m->next_payload_at = m->payload_at;
	writer_u32(&m->w, 0);
}

static void payload_close(struct message *m)
{
	writer_patch_u16(&m->w, m->payload_at + 2,
			 (uint16_t)(writer_length(&m->w) - m->payload_at));
}

static void payload_add(struct message *m, uint8_t type, const void *bytes, size_t length)
{
	payload_open(m, type);
	writer_bytes(&m->w, bytes, length);
	payload_close(m);
}

static void payload_add_part(struct message *m, uint8_t type, const struct digest_part *part)
{
	payload_add(m, type, part->bytes, part->length);
}

/* A HASH payload whose value is known only when the rest is written. */
static void payload_add_hash(struct message *m, const struct ike_keys *keys)
{
	payload_open(m, ISAKMP_PAYLOAD_HASH);
	m->hash_at = writer_length(&m->w);
	writer_zeroes(&m->w, digest_bytes(keys->suite.hash));
	payload_close(m);
}

/* SA with one proposal of one transform, which is copied; it is the last, so its first byte is 0.
 */
static void payload_add_sa(struct message *m, uint8_t protocol, uint8_t number, uint32_t spi,
			   const struct digest_part *transform)
{
	const uint8_t *bytes = transform->bytes;
	uint8_t spi_bytes = protocol == ISAKMP_PROTOCOL_ESP ? 4 : 0;

	payload_open(m, ISAKMP_PAYLOAD_SA);
	writer_u32(&m->w, ISAKMP_DOI_IPSEC);
	writer_u32(&m->w, ISAKMP_SITUATION_IDENTITY_ONLY);
	writer_u16(&m->w, 0);
	writer_u16(&m->w, (uint16_t)(8 + spi_bytes + transform->length));
	writer_u8(&m->w, number);
	writer_u8(&m->w, protocol);
	writer_u8(&m->w, spi_bytes);
	writer_u8(&m->w, 1);
	if (spi_bytes != 0)
		writer_u32(&m->w, spi);
	writer_u8(&m->w, 0);
	writer_bytes(&m->w, bytes + 1, transform->length - 1);
	payload_close(m);
}

static void payload_add_notification(struct message *m,
				     const struct message_notification *notification)
{
	payload_open(m, ISAKMP_PAYLOAD_NOTIFICATION);
	writer_u32(&m->w, ISAKMP_DOI_IPSEC);
	writer_u8(&m->w, notification->protocol);
	writer_u8(&m->w, (uint8_t)notification->spi.length);
	writer_u16(&m->w, notification->type);
	writer_bytes(&m->w, notification->spi.bytes, notification->spi.length);
	writer_bytes(&m->w, notification->data.bytes, notification->data.length);
	payload_close(m);
}

/* An ID payload with protocol and port 0, of an address. */
static void id_write(struct writer *w, const struct endpoint *address)
{
	writer_u8(w, address->family == ENDPOINT_IPV6 ? ISAKMP_ID_IPV6_ADDRESS
						      : ISAKMP_ID_IPV4_ADDRESS);
	writer_u8(w, 0);
	writer_u16(w, 0);
	writer_bytes(w, address->address, endpoint_address_bytes(address));
}

static void payload_add_nat_oa(struct message *m, uint8_t type, const struct endpoint *address)
{
	payload_open(m, type);
	id_write(&m->w, address);
	payload_close(m);
}

int message_hash(const struct ike_keys *keys, uint32_t message_id, const struct digest_part *nonce,
		 const struct digest_part *rest, uint8_t *out)
{
	const uint8_t id[4] = {(uint8_t)(message_id >> 24), (uint8_t)(message_id >> 16),
			       (uint8_t)(message_id >> 8), (uint8_t)message_id};
	const struct digest_part parts[] = {
		{id, sizeof(id)},
		nonce != NULL ? *nonce : (struct digest_part){NULL, 0},
		*rest,
	};

	return ike_keys_authenticate(keys, parts, 3, out);
}

/* Fills the HASH payload in, over everything behind it; `nonce` may be NULL. */
static void hash_fill(struct message *m, const struct ike_keys *keys,
		      const struct digest_part *nonce)
{
	size_t behind = m->hash_at + digest_bytes(keys->suite.hash);
	struct digest_part rest;

	if (writer_failed(&m->w))
		return;
	rest = (struct digest_part){m->bytes + behind, writer_length(&m->w) - behind};
	if (message_hash(keys, m->message_id, nonce, &rest, m->bytes + m->hash_at) != 0)
		m->w.failed = true;
}

/* Writes the length, pads with zeroes to the block, encrypts and leaves the last block in `iv`. */
static void message_seal(struct message *m, const struct ike_keys *keys,
			 uint8_t iv[IKE_BLOCK_BYTES_MAX])
{
	size_t block = block_cipher_block_bytes(keys->suite.cipher);
	size_t length = writer_length(&m->w) - ISAKMP_HEADER_BYTES;
	size_t padding = (block - length % block) % block;
	uint8_t *body = m->bytes + ISAKMP_HEADER_BYTES;

	m->w.end += IKE_BLOCK_BYTES_MAX;
	writer_zeroes(&m->w, padding);
	length += padding;
	writer_patch_u32(&m->w, LENGTH_OFFSET, (uint32_t)(ISAKMP_HEADER_BYTES + length));
	if (writer_failed(&m->w))
		return;
	m->bytes[FLAGS_OFFSET] = ISAKMP_FLAG_ENCRYPTION;
	if (block_cipher_run(keys->suite.cipher, true, keys->cipher_key, keys->suite.key_bytes, iv,
			     body, body, length) != 0) {
		m->w.failed = true;
		return;
	}
	memcpy(iv, body + length - block, block);
}

static void message_finish_clear(struct message *m)
{
	writer_patch_u32(&m->w, LENGTH_OFFSET, (uint32_t)writer_length(&m->w));
}

/* Keeps the message as the answer to `request_hash` and sends it. */
static void main_mode_send(struct sa *sa, struct message *m)
{
	if (writer_failed(&m->w)) {
		ike_count(sa->ike, IKE_COUNTER_own_fault);
		return;
	}
	reply_set(&sa->reply, sa->reply.request_hash, m->bytes, writer_length(&m->w));
	report_send(sa->ike, sa, &sa->path, false, m->bytes, writer_length(&m->w));
}

void message_main_mode_resend(struct sa *sa, const struct ike_path *path)
{
	if (sa->reply.length != 0)
		report_send(sa->ike, sa, path, false, sa->reply.bytes, sa->reply.length);
}

void message_main_mode_2(struct sa *sa)
{
	const struct main_mode *mode = sa->main_mode;
	struct digest_part id;
	struct message m;

	message_begin(&m, sa, ISAKMP_MAIN_MODE, 0);
	payload_add_sa(&m, ISAKMP_PROTOCOL_ISAKMP, mode->proposal_number, 0, &mode->transform);
	if (sa->nat_version != NAT_VERSION_NONE) {
		id = vendor_nat_id(sa->nat_version);
		payload_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
	}
	if (sa->dead_peer_detection) {
		id = vendor_dead_peer_detection_id();
		payload_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
	}
	message_finish_clear(&m);
	main_mode_send(sa, &m);
	report_step(sa, &sa->path, false, "main mode 2", "answers with the chosen proposal");
}

/* NAT-D: the peer's address as we see it, then our own (RFC 3947 3.2). */
static void payload_add_nat_d(struct message *m, struct sa *sa)
{
	uint8_t type = sa->nat_version == NAT_VERSION_RFC_3947 ? ISAKMP_PAYLOAD_NAT_D
							       : ISAKMP_PAYLOAD_NAT_D_DRAFT;
	enum digest_kind hash = sa->keys.suite.hash;
	uint8_t value[DIGEST_BYTES_MAX];
	uint8_t cookies[16];
	int error = 0;

	sa_cookies(sa, cookies);
	if (sa->ike->config.force_encapsulation)
		random_fill(&sa->ike->host.random, value, digest_bytes(hash));
	else
		error = nat_d_hash(hash, cookies, &sa->path.remote, value);
	payload_add(m, type, value, digest_bytes(hash));
	if (error == 0)
		error = nat_d_hash(hash, cookies, &sa->path.local, value);
	payload_add(m, type, value, digest_bytes(hash));
	if (error != 0)
		m->w.failed = true;
}

void message_main_mode_4(struct sa *sa)
{
	const struct main_mode *mode = sa->main_mode;
	struct message m;

	message_begin(&m, sa, ISAKMP_MAIN_MODE, 0);
	payload_add_part(&m, ISAKMP_PAYLOAD_KEY_EXCHANGE, &mode->public_r);
	payload_add(&m, ISAKMP_PAYLOAD_NONCE, mode->nonce_r, sizeof(mode->nonce_r));
	if (sa->nat_version != NAT_VERSION_NONE)
		payload_add_nat_d(&m, sa);
	message_finish_clear(&m);
	main_mode_send(sa, &m);
	report_step(sa, &sa->path, false, "main mode 4", "key exchange");
}

void message_main_mode_6(struct sa *sa, const struct digest_part *id, const uint8_t *hash)
{
	struct message m;

	message_begin(&m, sa, ISAKMP_MAIN_MODE, 0);
	payload_add_part(&m, ISAKMP_PAYLOAD_IDENTIFICATION, id);
	payload_add(&m, ISAKMP_PAYLOAD_HASH, hash, digest_bytes(sa->keys.suite.hash));
	message_seal(&m, &sa->keys, sa->iv);
	main_mode_send(sa, &m);
	report_step(sa, &sa->path, false, "main mode 6", "our identity and proof");
}

/* In clear: there are no common keys yet, and every client logs it. */
void message_main_mode_refusal(struct sa *sa, uint16_t notification)
{
	const struct message_notification n = {.protocol = ISAKMP_PROTOCOL_ISAKMP,
					       .type = notification};
	struct message m;

	message_begin(&m, sa, ISAKMP_INFORMATIONAL, sa_message_id_new(sa));
	payload_add_notification(&m, &n);
	message_finish_clear(&m);
	main_mode_send(sa, &m);
	report_step(sa, &sa->path, false, "notification", "refuses");
}

static void quick_mode_send(struct quick_mode *qm, struct message *m)
{
	struct ike *ike = qm->sa->ike;

	if (writer_failed(&m->w)) {
		ike_count(ike, IKE_COUNTER_own_fault);
		return;
	}
	reply_set(&qm->reply, qm->reply.request_hash, m->bytes, writer_length(&m->w));
	report_send(ike, qm->sa, &qm->path, false, m->bytes, writer_length(&m->w));
}

void message_quick_mode_resend(struct quick_mode *qm, const struct ike_path *path,
			       bool to_current_endpoint)
{
	if (qm->reply.length != 0)
		report_send(qm->sa->ike, qm->sa, path, to_current_endpoint, qm->reply.bytes,
			    qm->reply.length);
}

/* NAT-OA as the peer did it: two with the RFC, ours alone with the drafts, none for none. */
static void payload_add_nat_oas(struct message *m, const struct quick_mode *qm)
{
	if (qm->offer->nat_oa_count == 0 || !qm->offer->esp.encapsulated)
		return;
	if (qm->sa->nat_version == NAT_VERSION_RFC_3947) {
		payload_add_nat_oa(m, ISAKMP_PAYLOAD_NAT_OA, &qm->path.remote);
		payload_add_nat_oa(m, ISAKMP_PAYLOAD_NAT_OA, &qm->path.local);
	} else {
		payload_add_nat_oa(m, ISAKMP_PAYLOAD_NAT_OA_DRAFT, &qm->path.local);
	}
}

void message_quick_mode_2(struct quick_mode *qm, uint32_t spi_in)
{
	const struct quick_offer *offer = qm->offer;
	const struct ike_keys *keys = &qm->sa->keys;
	struct message m;

	message_begin(&m, qm->sa, ISAKMP_QUICK_MODE, qm->message_id);
	payload_add_hash(&m, keys);
	payload_add_sa(&m, ISAKMP_PROTOCOL_ESP, offer->proposal_number, spi_in, &offer->transform);
	payload_add(&m, ISAKMP_PAYLOAD_NONCE, qm->nonce_r, sizeof(qm->nonce_r));
	if (offer->public_r_bytes != 0)
		payload_add(&m, ISAKMP_PAYLOAD_KEY_EXCHANGE, offer->public_r,
			    offer->public_r_bytes);
	for (size_t i = 0; i < offer->id_count; i++)
		payload_add_part(&m, ISAKMP_PAYLOAD_IDENTIFICATION, &offer->id[i]);
	payload_add_nat_oas(&m, qm);
	hash_fill(&m, keys, &qm->nonce_i);
	message_seal(&m, keys, qm->iv);
	quick_mode_send(qm, &m);
	report_step(qm->sa, &qm->path, false, "quick mode 2", "answers with the chosen proposal");
}

/* An informational message of one payload, protected, with an IV of its own. */
static void informational_seal(struct message *m, struct sa *sa)
{
	uint8_t iv[IKE_BLOCK_BYTES_MAX];

	hash_fill(m, &sa->keys, NULL);
	if (ike_keys_exchange_iv(&sa->keys, sa->iv, m->message_id, iv) != 0)
		m->w.failed = true;
	message_seal(m, &sa->keys, iv);
}

static void notification_compose(struct message *m, struct sa *sa,
				 const struct message_notification *notification)
{
	message_begin(m, sa, ISAKMP_INFORMATIONAL, sa_message_id_new(sa));
	payload_add_hash(m, &sa->keys);
	payload_add_notification(m, notification);
	informational_seal(m, sa);
}

void message_quick_mode_refusal(struct quick_mode *qm, uint16_t notification)
{
	const struct message_notification n = {.protocol = ISAKMP_PROTOCOL_ESP,
					       .type = notification};
	struct message m;

	notification_compose(&m, qm->sa, &n);
	quick_mode_send(qm, &m);
	report_step(qm->sa, &qm->path, false, "notification", "refuses");
}

void message_notify(struct sa *sa, const struct ike_path *path, bool to_current_endpoint,
		    const struct message_notification *notification)
{
	struct message m;

	notification_compose(&m, sa, notification);
	if (writer_failed(&m.w))
		ike_count(sa->ike, IKE_COUNTER_own_fault);
	else
		report_send(sa->ike, sa, path, to_current_endpoint, m.bytes, writer_length(&m.w));
}

void message_delete(struct sa *sa, uint8_t protocol, uint8_t spi_bytes, const uint8_t *spis,
		    uint16_t count)
{
	const struct ike_path *path = sa->peer != NULL ? &sa->peer->path : &sa->path;
	struct message m;

	message_begin(&m, sa, ISAKMP_INFORMATIONAL, sa_message_id_new(sa));
	payload_add_hash(&m, &sa->keys);
	payload_open(&m, ISAKMP_PAYLOAD_DELETE);
	writer_u32(&m.w, ISAKMP_DOI_IPSEC);
	writer_u8(&m.w, protocol);
	writer_u8(&m.w, spi_bytes);
	writer_u16(&m.w, count);
	writer_bytes(&m.w, spis, (size_t)spi_bytes * count);
	payload_close(&m);
	informational_seal(&m, sa);
	if (writer_failed(&m.w)) {
		ike_count(sa->ike, IKE_COUNTER_own_fault);
		return;
	}
	report_send(sa->ike, sa, path, true, m.bytes, writer_length(&m.w));
	report_step(sa, path, false, "delete",
		    protocol == ISAKMP_PROTOCOL_ESP ? "ESP SAs" : "ISAKMP SA");
}

int message_open(const struct ike_keys *keys, const struct packet *packet,
		 uint8_t iv[IKE_BLOCK_BYTES_MAX], uint8_t *plain, struct payloads *payloads)
{
	size_t block = block_cipher_block_bytes(keys->suite.cipher);
	size_t length = packet->length - ISAKMP_HEADER_BYTES;
	const uint8_t *body = packet->bytes + ISAKMP_HEADER_BYTES;
	int error;

	if (!(packet->header.flags & ISAKMP_FLAG_ENCRYPTION) || length == 0 || length % block != 0)
		return -EBADMSG;
	error = block_cipher_run(keys->suite.cipher, false, keys->cipher_key, keys->suite.key_bytes,
				 iv, body, plain, length);
	if (error != 0)
		return error;
	memcpy(iv, body + length - block, block);
	return payloads_read(plain, length, packet->header.next_payload, payloads);
}
