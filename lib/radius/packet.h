/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RADIUS_PACKET_H
#define RADIUS_PACKET_H

/*
 * RADIUS packets and attributes (RFC 2865 3 and 5). Requests carry Message-Authenticator (RFC 3579
 * 3.2) as their first attribute, and a reply without it is refused: without it whoever stands
 * between can turn a reject into an accept (CVE-2024-3596). Pointers are borrowed for the call, or
 * as long as the packet's bytes live.
 */

#include "base/cursor.h"
#include "base/writer.h"
#include "radius/attribute.h"
#include "radius/radius.h"

#define RADIUS_HEADER_BYTES        20
#define RADIUS_PACKET_BYTES_MAX    4096
#define RADIUS_AUTHENTICATOR_BYTES 16

struct radius_packet {
	uint8_t code;
	uint8_t identifier;
	const uint8_t *bytes;
	size_t length;                /* as the header says it; what follows is padding */
	size_t message_authenticator; /* where its value stands; 0: none */
};

/* 0, or -EBADMSG: too short, a wrong length, or Message-Authenticator of a wrong length or twice. */
int radius_packet_read(const uint8_t *bytes, size_t length, struct radius_packet *packet);

static inline struct cursor radius_packet_attributes(const struct radius_packet *packet)
{
	return cursor_over(packet->bytes + RADIUS_HEADER_BYTES,
			   packet->length - RADIUS_HEADER_BYTES);
}

struct radius_secret {
	const uint8_t *bytes;
	size_t length;
};

/* RADIUS_BAD_COUNT when the packet is the reply to the request with this authenticator. */
enum radius_bad radius_packet_verify(const struct radius_packet *packet,
				     const uint8_t request_authenticator[16],
				     const struct radius_secret *secret);

/* A request; `attributes` are encoded, all but Message-Authenticator and User-Password. */
struct radius_outgoing {
	uint8_t code;
	uint8_t identifier;
	const uint8_t *authenticator; /* 16 random bytes */
	const uint8_t *attributes;
	size_t attributes_bytes;
	const uint8_t *password; /* in clear, at most 128 bytes; NULL: no User-Password */
	size_t password_bytes;
};

/* Its length; 0 if it is longer than a packet may be. */
size_t radius_packet_write(const struct radius_outgoing *outgoing,
			   const struct radius_secret *secret,
			   uint8_t packet[RADIUS_PACKET_BYTES_MAX]);

/*
 * A request of a server to us (RFC 5176 3.1): true if its authenticator, an MD5 over itself with zeroes
 * there, and Message-Authenticator, if it has one, are right.
 */
bool radius_packet_request_right(const struct radius_packet *packet,
				 const struct radius_secret *secret);

/* Our answer to such a one; Message-Authenticator is added. */
struct radius_answer {
	uint8_t code;
	uint8_t identifier;
	const uint8_t *request_authenticator;
	const uint8_t *attributes;
	size_t attributes_bytes;
};

/* Its length; 0 if there is no room for it. */
size_t radius_packet_answer_write(const struct radius_answer *answer,
				  const struct radius_secret *secret, uint8_t *packet,
				  size_t capacity);

/* One attribute of a reply: a plain one (vendor 0), or one inside Vendor-Specific. */
struct radius_attribute {
	uint32_t vendor;
	uint8_t type;
	struct cursor value;
};

struct radius_reader {
	struct cursor attributes;
	struct cursor inside; /* of a Vendor-Specific that has more */
	uint32_t vendor;
};

/* False at the end. A Vendor-Specific in another form than RFC 2865 5.26 suggests is skipped. */
bool radius_attribute_next(struct radius_reader *reader, struct radius_attribute *attribute);

/* Writers; a value of more than 253 bytes (247 of a vendor) makes the writer fail. */
void radius_attribute_write(struct writer *w, uint8_t type, const void *value, size_t length);
void radius_attribute_write_text(struct writer *w, uint8_t type, const char *text);
void radius_attribute_write_u32(struct writer *w, uint8_t type, uint32_t value);
void radius_attribute_write_microsoft(struct writer *w, uint8_t type, const void *value,
				      size_t length);

#endif
