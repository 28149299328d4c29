/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_COMPOSE_H
#define IKE_COMPOSE_H

/* Putting ISAKMP messages together and opening protected ones, for both roles (RFC 2408 3). */

#include "base/endpoint.h"
#include "base/writer.h"
#include "crypto/digest.h"
#include "ike/keys.h"
#include "ike/payload.h"

#define MESSAGE_BYTES_MAX 4096
#define PACKET_BYTES_MAX  16384 /* a longer datagram is no ISAKMP message */

/* A message being written. A failure is found in `w` at the end. */
struct message {
	struct writer w;
	size_t next_payload_at; /* where the type of the following payload goes */
	size_t payload_at;      /* start of the open payload */
	size_t hash_at;         /* body of the HASH payload, 0: none */
	uint32_t message_id;
	uint8_t bytes[MESSAGE_BYTES_MAX];
};

struct message_notification {
	uint8_t protocol;
	uint16_t type;
	struct digest_part spi;
	struct digest_part data;
};

/* CKY-I | CKY-R. */
void ike_cookies_write(uint64_t initiator_cookie, uint64_t responder_cookie, uint8_t cookies[16]);

void message_begin(struct message *m, uint64_t initiator_cookie, uint64_t responder_cookie,
		   uint8_t exchange, uint32_t message_id);
void message_payload_open(struct message *m, uint8_t type);
void message_payload_close(struct message *m);
void message_add(struct message *m, uint8_t type, const void *bytes, size_t length);
void message_add_part(struct message *m, uint8_t type, const struct digest_part *part);
/* A HASH payload whose value is known only when the rest is written. */
void message_add_hash(struct message *m, const struct ike_keys *keys);
/* SA with one proposal of one transform, which is copied; it is the last, so its first byte is 0.
 */
void message_add_sa(struct message *m, uint8_t protocol, uint8_t number, uint32_t spi,
		    const struct digest_part *transform);
void message_add_notification(struct message *m, const struct message_notification *notification);
void message_add_delete(struct message *m, uint8_t protocol, uint8_t spi_bytes, const uint8_t *spis,
			uint16_t count);
/* The body of an ID or NAT-OA payload: an address with protocol and port. */
void message_id_write(struct writer *w, const struct endpoint *address, uint8_t protocol,
		      uint16_t port);
void message_add_nat_oa(struct message *m, uint8_t type, const struct endpoint *address);

/* HASH of quick mode: prf(SKEYID_a, M-ID | [nonce |] rest). 0 or -errno. */
int message_hash(const struct ike_keys *keys, uint32_t message_id, const struct digest_part *nonce,
		 const struct digest_part *rest, uint8_t *out);
/* HASH of quick mode 3. */
int message_hash_3(const struct ike_keys *keys, uint32_t message_id,
		   const struct digest_part *nonce_i, const struct digest_part *nonce_r,
		   uint8_t *out);
/* Fills the HASH payload in, over everything behind it; `nonce` may be NULL. */
void message_hash_fill(struct message *m, const struct ike_keys *keys,
		       const struct digest_part *nonce);

/* The end of a message in clear. */
void message_finish(struct message *m);
/* The end of a protected one: pads, encrypts, leaves the last block in `iv`. */
void message_seal(struct message *m, const struct ike_keys *keys, uint8_t iv[IKE_BLOCK_BYTES_MAX]);
/* The end of an informational message: its hash, then an IV from `last_block` of main mode. */
void message_seal_informational(struct message *m, const struct ike_keys *keys,
				const uint8_t *last_block);

/* A protected message: decrypts into `plain` (header->length bytes) and advances `iv`. */
int message_open(const struct ike_keys *keys, const struct isakmp_header *header,
		 const uint8_t *bytes, uint8_t iv[IKE_BLOCK_BYTES_MAX], uint8_t *plain,
		 struct payloads *payloads);
/* True if the message came with a HASH in front that is right. */
bool message_hash_right(const struct ike_keys *keys, uint32_t message_id,
			const struct digest_part *nonce, const struct payloads *payloads);

#endif
