/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/compose.h"

#include "base/memory.h"
#include "ike/isakmp.h"

#include <errno.h>
#include <string.h>

#define LENGTH_OFFSET       24
#define FLAGS_OFFSET        19
#define NEXT_PAYLOAD_OFFSET 16

void ike_cookies_write(uint64_t initiator_cookie, uint64_t responder_cookie, uint8_t cookies[16])
{
	for (unsigned i = 0; i < ISAKMP_COOKIE_BYTES; i++) {
		cookies[i] = (uint8_t)(initiator_cookie >> (56 - 8 * i));
		cookies[i + ISAKMP_COOKIE_BYTES] = (uint8_t)(responder_cookie >> (56 - 8 * i));
	}
}

void message_begin(struct message *m, uint64_t initiator_cookie, uint64_t responder_cookie,
		   uint8_t exchange, uint32_t message_id)
{
	m->w = writer_over(m->bytes, sizeof(m->bytes) - IKE_BLOCK_BYTES_MAX);
	m->next_payload_at = NEXT_PAYLOAD_OFFSET;
	m->hash_at = 0;
	m->message_id = message_id;
	writer_u64(&m->w, initiator_cookie);
	writer_u64(&m->w, responder_cookie);
	writer_u8(&m->w, ISAKMP_PAYLOAD_NONE);
	writer_u8(&m->w, 0x10); /* version 1.0 */
	writer_u8(&m->w, exchange);
	writer_u8(&m->w, 0);
	writer_u32(&m->w, message_id);
	writer_u32(&m->w, 0);
}

void message_payload_open(struct message *m, uint8_t type)
{
	m->bytes[m->next_payload_at] = type;
	m->payload_at = writer_length(&m->w);
	m->next_payload_at = m->payload_at;
	writer_u32(&m->w, 0);
}

void message_payload_close(struct message *m)
{
	writer_patch_u16(&m->w, m->payload_at + 2,
			 (uint16_t)(writer_length(&m->w) - m->payload_at));
}

void message_add(struct message *m, uint8_t type, const void *bytes, size_t length)
{
	message_payload_open(m, type);
	writer_bytes(&m->w, bytes, length);
	message_payload_close(m);
}

void message_add_part(struct message *m, uint8_t type, const struct digest_part *part)
{
	message_add(m, type, part->bytes, part->length);
}

void message_add_hash(struct message *m, const struct ike_keys *keys)
{
	message_payload_open(m, ISAKMP_PAYLOAD_HASH);
	m->hash_at = writer_length(&m->w);
	writer_zeroes(&m->w, digest_bytes(keys->suite.hash));
	message_payload_close(m);
}

void message_add_sa(struct message *m, uint8_t protocol, uint8_t number, uint32_t spi,
		    const struct digest_part *transform)
{
	const uint8_t *bytes = transform->bytes;
	uint8_t spi_bytes = protocol == ISAKMP_PROTOCOL_ESP ? 4 : 0;

	message_payload_open(m, ISAKMP_PAYLOAD_SA);
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
	message_payload_close(m);
}

void message_add_notification(struct message *m, const struct message_notification *notification)
{
	message_payload_open(m, ISAKMP_PAYLOAD_NOTIFICATION);
	writer_u32(&m->w, ISAKMP_DOI_IPSEC);
	writer_u8(&m->w, notification->protocol);
	writer_u8(&m->w, (uint8_t)notification->spi.length);
	writer_u16(&m->w, notification->type);
	writer_bytes(&m->w, notification->spi.bytes, notification->spi.length);
	writer_bytes(&m->w, notification->data.bytes, notification->data.length);
	message_payload_close(m);
}

void message_add_delete(struct message *m, uint8_t protocol, uint8_t spi_bytes, const uint8_t *spis,
			uint16_t count)
{
	message_payload_open(m, ISAKMP_PAYLOAD_DELETE);
	writer_u32(&m->w, ISAKMP_DOI_IPSEC);
	writer_u8(&m->w, protocol);
	writer_u8(&m->w, spi_bytes);
	writer_u16(&m->w, count);
	writer_bytes(&m->w, spis, (size_t)spi_bytes * count);
	message_payload_close(m);
}

void message_id_write(struct writer *w, const struct endpoint *address, uint8_t protocol,
		      uint16_t port)
{
	writer_u8(w, address->family == ENDPOINT_IPV6 ? ISAKMP_ID_IPV6_ADDRESS
						      : ISAKMP_ID_IPV4_ADDRESS);
	writer_u8(w, protocol);
	writer_u16(w, port);
	writer_bytes(w, address->address, endpoint_address_bytes(address));
}

void message_add_nat_oa(struct message *m, uint8_t type, const struct endpoint *address)
{
	message_payload_open(m, type);
	message_id_write(&m->w, address, 0, 0);
	message_payload_close(m);
}

static void message_id_bytes(uint32_t message_id, uint8_t bytes[4])
{
	struct writer w = writer_over(bytes, 4);

	writer_u32(&w, message_id);
}

int message_hash(const struct ike_keys *keys, uint32_t message_id, const struct digest_part *nonce,
		 const struct digest_part *rest, uint8_t *out)
{
	uint8_t id[4];
	const struct digest_part parts[] = {
		{id, sizeof(id)},
		nonce != NULL ? *nonce : (struct digest_part){NULL, 0},
		*rest,
	};

	message_id_bytes(message_id, id);
	return ike_keys_authenticate(keys, parts, 3, out);
}

int message_hash_3(const struct ike_keys *keys, uint32_t message_id,
		   const struct digest_part *nonce_i, const struct digest_part *nonce_r,
		   uint8_t *out)
{
	static const uint8_t zero;
	uint8_t id[4];
	const struct digest_part parts[] = {{&zero, 1}, {id, sizeof(id)}, *nonce_i, *nonce_r};

	message_id_bytes(message_id, id);
	return ike_keys_authenticate(keys, parts, 4, out);
}

void message_hash_fill(struct message *m, const struct ike_keys *keys,
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

void message_seal(struct message *m, const struct ike_keys *keys, uint8_t iv[IKE_BLOCK_BYTES_MAX])
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

void message_seal_informational(struct message *m, const struct ike_keys *keys,
				const uint8_t *last_block)
{
	uint8_t iv[IKE_BLOCK_BYTES_MAX];

	message_hash_fill(m, keys, NULL);
	if (ike_keys_exchange_iv(keys, last_block, m->message_id, iv) != 0)
		m->w.failed = true;
	message_seal(m, keys, iv);
}

void message_finish(struct message *m)
{
	writer_patch_u32(&m->w, LENGTH_OFFSET, (uint32_t)writer_length(&m->w));
}

int message_open(const struct ike_keys *keys, const struct isakmp_header *header,
		 const uint8_t *bytes, uint8_t iv[IKE_BLOCK_BYTES_MAX], uint8_t *plain,
		 struct payloads *payloads)
{
	size_t block = block_cipher_block_bytes(keys->suite.cipher);
	size_t length = header->length - ISAKMP_HEADER_BYTES;
	const uint8_t *body = bytes + ISAKMP_HEADER_BYTES;
	int error;

	if (!(header->flags & ISAKMP_FLAG_ENCRYPTION) || length == 0 || length % block != 0)
		return -EBADMSG;
	error = block_cipher_run(keys->suite.cipher, false, keys->cipher_key, keys->suite.key_bytes,
				 iv, body, plain, length);
	if (error != 0)
		return error;
	memcpy(iv, body + length - block, block);
	return payloads_read(plain, length, header->next_payload, payloads);
}

bool message_hash_right(const struct ike_keys *keys, uint32_t message_id,
			const struct digest_part *nonce, const struct payloads *payloads)
{
	size_t size = digest_bytes(keys->suite.hash);
	uint8_t expected[DIGEST_BYTES_MAX];

	return payloads->first == ISAKMP_PAYLOAD_HASH && payloads->hash.length == size &&
	       message_hash(keys, message_id, nonce, &payloads->after_hash, expected) == 0 &&
	       memory_equal_constant_time(expected, payloads->hash.bytes, size);
}
