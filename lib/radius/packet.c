/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius/packet.h"

#include "base/memory.h"
#include "crypto/digest.h"

#include <errno.h>

#define MD5_BYTES            16
#define AUTHENTICATOR_OFFSET 4
#define PASSWORD_BLOCK       16

int radius_packet_read(const uint8_t *bytes, size_t length, struct radius_packet *packet)
{
	struct cursor header = cursor_over(bytes, length);
	struct cursor attributes;

	packet->bytes = bytes;
	packet->message_authenticator = 0;
	packet->code = cursor_u8(&header);
	packet->identifier = cursor_u8(&header);
	packet->length = cursor_u16(&header);
	if (cursor_failed(&header) || packet->length < RADIUS_HEADER_BYTES ||
	    packet->length > length || packet->length > RADIUS_PACKET_BYTES_MAX)
		return -EBADMSG;
	attributes = radius_packet_attributes(packet);
	while (cursor_more(&attributes)) {
		uint8_t type = cursor_u8(&attributes);
		uint8_t size = cursor_u8(&attributes);
		struct cursor value;

		if (size < 2)
			return -EBADMSG;
		value = cursor_child(&attributes, size - 2u);
		if (cursor_failed(&attributes))
			return -EBADMSG;
		if (type != RADIUS_MESSAGE_AUTHENTICATOR)
			continue;
		if (cursor_left(&value) != MD5_BYTES || packet->message_authenticator != 0)
			return -EBADMSG;
		packet->message_authenticator = (size_t)(value.at - bytes);
	}
	return cursor_finished(&attributes) ? 0 : -EBADMSG;
}

/* RFC 2865 3: MD5 over the reply with the request's authenticator in place of its own, and the secret. */
static bool response_authenticator_right(const struct radius_packet *packet,
					 const uint8_t *request_authenticator,
					 const struct radius_secret *secret)
{
	const struct digest_part parts[] = {
		{packet->bytes, AUTHENTICATOR_OFFSET},
		{request_authenticator, RADIUS_AUTHENTICATOR_BYTES},
		{packet->bytes + RADIUS_HEADER_BYTES, packet->length - RADIUS_HEADER_BYTES},
		{secret->bytes, secret->length},
	};
	uint8_t expected[DIGEST_BYTES_MAX];

	return digest_compute(DIGEST_MD5, parts, 4, expected) == 0 &&
	       memory_equal_constant_time(expected, packet->bytes + AUTHENTICATOR_OFFSET,
					  MD5_BYTES);
}

/* RFC 3579 3.2: HMAC-MD5 over the same with zeroes in place of itself. */
static bool message_authenticator_right(const struct radius_packet *packet,
					const uint8_t *request_authenticator,
					const struct radius_secret *secret)
{
	static const uint8_t zeroes[MD5_BYTES];
	const size_t behind = packet->message_authenticator + MD5_BYTES;
	const struct digest_part parts[] = {
		{packet->bytes, AUTHENTICATOR_OFFSET},
		{request_authenticator, RADIUS_AUTHENTICATOR_BYTES},
		{packet->bytes + RADIUS_HEADER_BYTES,
		 packet->message_authenticator - RADIUS_HEADER_BYTES},
		{zeroes, sizeof(zeroes)},
		{packet->bytes + behind, packet->length - behind},
	};
	uint8_t expected[DIGEST_BYTES_MAX];

	return digest_hmac(DIGEST_MD5, secret->bytes, secret->length, parts, 5, expected) == 0 &&
	       memory_equal_constant_time(expected, packet->bytes + packet->message_authenticator,
					  MD5_BYTES);
}

enum radius_bad radius_packet_verify(const struct radius_packet *packet,
				     const uint8_t request_authenticator[16],
				     const struct radius_secret *secret)
{
	if (!response_authenticator_right(packet, request_authenticator, secret))
		return RADIUS_BAD_radius_wrong_authenticator;
	if (packet->message_authenticator == 0)
		return RADIUS_BAD_radius_no_message_authenticator;
	if (!message_authenticator_right(packet, request_authenticator, secret))
		return RADIUS_BAD_radius_wrong_message_authenticator;
	return RADIUS_BAD_COUNT;
}

/* RFC 2865 5.2 */
static void password_write(struct writer *w, const struct radius_outgoing *outgoing,
			   const struct radius_secret *secret)
{
	size_t blocks = (outgoing->password_bytes + PASSWORD_BLOCK - 1) / PASSWORD_BLOCK;
	uint8_t hidden[RADIUS_PASSWORD_BYTES_MAX] = {0};
	const uint8_t *before = outgoing->authenticator;

	if (blocks == 0)
		blocks = 1;
	if (outgoing->password_bytes > sizeof(hidden)) {
		w->failed = true;
		return;
	}
	memcpy(hidden, outgoing->password, outgoing->password_bytes);
	for (size_t block = 0; block < blocks; block++) {
		const struct digest_part parts[] = {{secret->bytes, secret->length},
						    {before, PASSWORD_BLOCK}};
		uint8_t *at = hidden + block * PASSWORD_BLOCK;
		uint8_t mask[DIGEST_BYTES_MAX];

		if (digest_compute(DIGEST_MD5, parts, 2, mask) != 0)
			w->failed = true;
		for (size_t i = 0; i < PASSWORD_BLOCK; i++)
			at[i] ^= mask[i];
		memory_wipe(mask, sizeof(mask));
		before = at;
	}
	radius_attribute_write(w, RADIUS_USER_PASSWORD, hidden, blocks * PASSWORD_BLOCK);
	memory_wipe(hidden, sizeof(hidden));
}

size_t radius_packet_write(const struct radius_outgoing *outgoing,
			   const struct radius_secret *secret,
			   uint8_t packet[RADIUS_PACKET_BYTES_MAX])
{
	static const uint8_t zeroes[MD5_BYTES];
	struct writer w = writer_over(packet, RADIUS_PACKET_BYTES_MAX);
	uint8_t proof[DIGEST_BYTES_MAX];
	struct digest_part whole;

	writer_u8(&w, outgoing->code);
	writer_u8(&w, outgoing->identifier);
	writer_u16(&w, 0);
	writer_bytes(&w, outgoing->authenticator, RADIUS_AUTHENTICATOR_BYTES);
	radius_attribute_write(&w, RADIUS_MESSAGE_AUTHENTICATOR, zeroes, sizeof(zeroes));
	if (outgoing->password != NULL)
		password_write(&w, outgoing, secret);
	writer_bytes(&w, outgoing->attributes, outgoing->attributes_bytes);
	writer_patch_u16(&w, 2, (uint16_t)writer_length(&w));
	whole = (struct digest_part){packet, writer_length(&w)};
	if (writer_failed(&w) ||
	    digest_hmac(DIGEST_MD5, secret->bytes, secret->length, &whole, 1, proof) != 0)
		return 0;
	memcpy(packet + RADIUS_HEADER_BYTES + 2, proof, MD5_BYTES);
	return writer_length(&w);
}

bool radius_packet_request_right(const struct radius_packet *packet,
				 const struct radius_secret *secret)
{
	static const uint8_t zeroes[RADIUS_AUTHENTICATOR_BYTES];

	return response_authenticator_right(packet, zeroes, secret) &&
	       (packet->message_authenticator == 0 ||
		message_authenticator_right(packet, zeroes, secret));
}

size_t radius_packet_answer_write(const struct radius_answer *answer,
				  const struct radius_secret *secret, uint8_t *packet,
				  size_t capacity)
{
	static const uint8_t zeroes[MD5_BYTES];
	struct writer w = writer_over(packet, capacity);
	uint8_t proof[DIGEST_BYTES_MAX];
	struct digest_part parts[2];

	writer_u8(&w, answer->code);
	writer_u8(&w, answer->identifier);
	writer_u16(&w, 0);
	writer_bytes(&w, answer->request_authenticator, RADIUS_AUTHENTICATOR_BYTES);
	radius_attribute_write(&w, RADIUS_MESSAGE_AUTHENTICATOR, zeroes, sizeof(zeroes));
	writer_bytes(&w, answer->attributes, answer->attributes_bytes);
	writer_patch_u16(&w, 2, (uint16_t)writer_length(&w));
	parts[0] = (struct digest_part){packet, writer_length(&w)};
	parts[1] = (struct digest_part){secret->bytes, secret->length};
	if (writer_failed(&w) ||
	    digest_hmac(DIGEST_MD5, secret->bytes, secret->length, parts, 1, proof) != 0)
		return 0;
	memcpy(packet + RADIUS_HEADER_BYTES + 2, proof, MD5_BYTES);
	if (digest_compute(DIGEST_MD5, parts, 2, proof) != 0)
		return 0;
	memcpy(packet + AUTHENTICATOR_OFFSET, proof, MD5_BYTES);
	return writer_length(&w);
}

/* ---- attributes ---- */

static bool vendor_next(struct radius_reader *reader, struct radius_attribute *attribute)
{
	uint8_t size;

	if (!cursor_more(&reader->inside))
		return false;
	attribute->vendor = reader->vendor;
	attribute->type = cursor_u8(&reader->inside);
	size = cursor_u8(&reader->inside);
	if (size < 2)
		cursor_fail(&reader->inside);
	attribute->value = cursor_child(&reader->inside, size - 2u);
	return !cursor_failed(&reader->inside);
}

bool radius_attribute_next(struct radius_reader *reader, struct radius_attribute *attribute)
{
	for (;;) {
		uint8_t size;

		if (vendor_next(reader, attribute))
			return true;
		if (!cursor_more(&reader->attributes))
			return false;
		attribute->vendor = 0;
		attribute->type = cursor_u8(&reader->attributes);
		size = cursor_u8(&reader->attributes);
		if (size < 2)
			cursor_fail(&reader->attributes);
		attribute->value = cursor_child(&reader->attributes, size - 2u);
		if (cursor_failed(&reader->attributes))
			return false;
		if (attribute->type != RADIUS_VENDOR_SPECIFIC)
			return true;
		reader->inside = attribute->value;
		reader->vendor = cursor_u32(&reader->inside);
	}
}

void radius_attribute_write(struct writer *w, uint8_t type, const void *value, size_t length)
{
	if (length > UINT8_MAX - 2) {
		w->failed = true;
		return;
	}
	writer_u8(w, type);
	writer_u8(w, (uint8_t)(length + 2));
	writer_bytes(w, value, length);
}

void radius_attribute_write_text(struct writer *w, uint8_t type, const char *text)
{
	if (text[0] != '\0')
		radius_attribute_write(w, type, text, strlen(text));
}

void radius_attribute_write_u32(struct writer *w, uint8_t type, uint32_t value)
{
	writer_u8(w, type);
	writer_u8(w, 6);
	writer_u32(w, value);
}

void radius_attribute_write_microsoft(struct writer *w, uint8_t type, const void *value,
				      size_t length)
{
	if (length > UINT8_MAX - 8) {
		w->failed = true;
		return;
	}
	writer_u8(w, RADIUS_VENDOR_SPECIFIC);
	writer_u8(w, (uint8_t)(length + 8));
	writer_u32(w, RADIUS_VENDOR_MICROSOFT);
	writer_u8(w, type);
	writer_u8(w, (uint8_t)(length + 2));
	writer_bytes(w, value, length);
}
