/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_PAYLOAD_H
#define IKE_PAYLOAD_H

/* Reading ISAKMP messages (RFC 2408 3). Nothing here keeps state or owns bytes. */

#include "base/endpoint.h"
#include "crypto/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `next_payload` .. `length` as in RFC 2408 3.1; cookies are in host order of their eight bytes. */
struct isakmp_header {
	uint64_t initiator_cookie;
	uint64_t responder_cookie;
	uint8_t next_payload;
	uint8_t version;
	uint8_t exchange;
	uint8_t flags;
	uint32_t message_id;
	uint32_t length;
};

/* Reads the header and checks that `length` bytes of datagram hold it. 0 or -EBADMSG. */
int isakmp_header_read(const uint8_t *bytes, size_t length, struct isakmp_header *header);

#define PAYLOADS_VENDOR_IDS_MAX    32
#define PAYLOADS_NAT_D_MAX         16
#define PAYLOADS_NAT_OA_MAX        4
#define PAYLOADS_NOTIFICATIONS_MAX 8
#define PAYLOADS_DELETES_MAX       8
#define PAYLOADS_CERTIFICATES_MAX  8

/* The payloads of one message by kind: bodies without generic header, in the message's memory. */
struct payloads {
	struct digest_part sa;
	struct digest_part key_exchange;
	struct digest_part nonce;
	struct digest_part hash;
	struct digest_part signature;
	struct digest_part certificates[PAYLOADS_CERTIFICATES_MAX]; /* X.509 for signatures, bare */
	struct digest_part id[2];
	struct digest_part vendor_ids[PAYLOADS_VENDOR_IDS_MAX];
	struct digest_part nat_d[PAYLOADS_NAT_D_MAX];
	struct digest_part nat_oa[PAYLOADS_NAT_OA_MAX];
	struct digest_part notifications[PAYLOADS_NOTIFICATIONS_MAX];
	struct digest_part deletes[PAYLOADS_DELETES_MAX];
	uint8_t id_count;
	uint8_t vendor_id_count;
	uint8_t nat_d_count;
	uint8_t nat_oa_count;
	uint8_t notification_count;
	uint8_t delete_count;
	uint8_t certificate_count;
	uint8_t first;                 /* type of the first payload */
	struct digest_part after_hash; /* all payloads behind a HASH that came first, no padding */
};

/*
 * Reads the chain that starts with type `first`. Padding behind the chain, reserved fields and
 * unknown payloads are ignored. -EBADMSG: a length does not fit, or a payload that may come once
 * came twice.
 */
int payloads_read(const uint8_t *bytes, size_t length, uint8_t first, struct payloads *payloads);

struct notification {
	uint32_t doi;
	uint8_t protocol;
	uint16_t type;
	struct digest_part spi;
	struct digest_part data;
};
int notification_read(const struct digest_part *body, struct notification *notification);

struct delete_payload {
	uint32_t doi;
	uint8_t protocol;
	uint8_t spi_bytes;
	uint16_t count;
	const uint8_t *spis; /* count * spi_bytes */
};
int delete_payload_read(const struct digest_part *body, struct delete_payload *delete_payload);

struct identification {
	uint8_t type;
	uint8_t protocol;
	uint16_t port;
	struct digest_part data;
};
int identification_read(const struct digest_part *body, struct identification *id);

/* The address that it is; false if it is none of a right length. The port is 0. */
bool identification_address(const struct identification *id, struct endpoint *address);

/* Writes a printable form such as "192.168.1.2 (ipv4)"; foreign characters become '?'. */
void identification_text(const struct identification *id, char *text, size_t size);

#endif
