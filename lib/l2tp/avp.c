/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/avp.h"

#include "crypto/digest.h"
#include "l2tp/message.h"

#include <errno.h>

#define FLAG_MANDATORY 0x8000
#define FLAG_HIDDEN    0x4000
#define FLAG_RESERVED  0x3c00
#define LENGTH_MASK    0x03ff
#define HEADER_BYTES   6
#define VALUE_MAX      (LENGTH_MASK - HEADER_BYTES)

/* The lengths that each attribute of RFC 2661 4.4 and RFC 3145 may have. */
struct avp_rule {
	bool known;
	uint16_t least;
	uint16_t most;
};

#define EXACTLY(n)         \
	{                  \
		true, n, n \
	}
#define AT_LEAST(n)                \
	{                          \
		true, n, VALUE_MAX \
	}

static const struct avp_rule rules[AVP_ATTRIBUTES] = {
	[0] = EXACTLY(2),   [1] = AT_LEAST(2),  [2] = EXACTLY(2),   [3] = EXACTLY(4),
	[4] = EXACTLY(4),   [5] = EXACTLY(8),   [6] = EXACTLY(2),   [7] = AT_LEAST(1),
	[8] = AT_LEAST(0),  [9] = EXACTLY(2),   [10] = EXACTLY(2),  [11] = AT_LEAST(1),
	[12] = AT_LEAST(3), [13] = EXACTLY(16), [14] = EXACTLY(2),  [15] = EXACTLY(4),
	[16] = EXACTLY(4),  [17] = EXACTLY(4),  [18] = EXACTLY(4),  [19] = EXACTLY(4),
	[21] = AT_LEAST(0), [22] = AT_LEAST(0), [23] = AT_LEAST(0), [24] = EXACTLY(4),
	[25] = EXACTLY(4),  [26] = AT_LEAST(0), [27] = AT_LEAST(0), [28] = AT_LEAST(0),
	[29] = EXACTLY(2),  [30] = AT_LEAST(0), [31] = AT_LEAST(0), [32] = EXACTLY(2),
	[33] = AT_LEAST(0), [34] = EXACTLY(26), [35] = EXACTLY(10), [36] = AT_LEAST(1),
	[37] = AT_LEAST(0), [38] = EXACTLY(4),  [39] = EXACTLY(0),  [46] = AT_LEAST(5),
};

int l2tp_avp_next(struct cursor *list, struct avp *avp)
{
	uint16_t flags = cursor_u16(list);
	uint16_t length = flags & LENGTH_MASK;

	avp->mandatory = (flags & FLAG_MANDATORY) != 0;
	avp->hidden = (flags & FLAG_HIDDEN) != 0;
	avp->reserved_bits = (flags & FLAG_RESERVED) != 0;
	avp->vendor = cursor_u16(list);
	avp->attribute = cursor_u16(list);
	if (length < HEADER_BYTES)
		cursor_fail(list);
	avp->value = cursor_child(list, cursor_failed(list) ? 0 : (size_t)length - HEADER_BYTES);
	return cursor_failed(list) ? -EBADMSG : 0;
}

int l2tp_avp_reveal(const struct avp *avp, const struct avp_secret *hiding, uint8_t *clear,
		    size_t capacity)
{
	uint8_t attribute[2] = {(uint8_t)(avp->attribute >> 8), (uint8_t)avp->attribute};
	struct digest_part first[3] = {{attribute, 2},
				       {hiding->secret.bytes, hiding->secret.length},
				       {hiding->vector, hiding->vector_bytes}};
	struct cursor hidden = avp->value;
	size_t length = cursor_left(&hidden);
	const uint8_t *cipher = cursor_bytes(&hidden, length);
	uint8_t pad[16];
	size_t value;

	if (hiding->secret.bytes == NULL || hiding->vector == NULL)
		return -ENOKEY;
	if (length < 2 || length > capacity)
		return -EBADMSG;
	for (size_t i = 0; i < length; i++) {
		if (i % 16 == 0) {
			struct digest_part later[2] = {
				{hiding->secret.bytes, hiding->secret.length},
				{cipher + i - (i == 0 ? 0 : 16), 16}};

			if (digest_compute(DIGEST_MD5, i == 0 ? first : later, i == 0 ? 3 : 2,
					   pad) != 0)
				return -EBADMSG;
		}
		clear[i] = cipher[i] ^ pad[i % 16];
	}
	value = (size_t)clear[0] << 8 | clear[1];
	if (value > length - 2)
		return -EBADMSG;
	memmove(clear, clear + 2, value);
	return (int)value;
}

/* A text for people: no control characters, no NULs at its end. */
static void text_take(struct cursor value, char *text, size_t capacity)
{
	size_t length = cursor_left(&value);
	const uint8_t *bytes = cursor_bytes(&value, length);

	while (length != 0 && bytes[length - 1] == 0)
		length--;
	if (length > capacity - 1)
		length = capacity - 1;
	for (size_t i = 0; i < length; i++)
		text[i] = bytes[i] < 0x20 || bytes[i] >= 0x7f ? '?' : (char)bytes[i];
	text[length] = '\0';
}

static void result_take(struct cursor value, struct message *message)
{
	message->result_code = cursor_u16(&value);
	if (cursor_left(&value) < 2)
		return;
	message->error_code = cursor_u16(&value);
	text_take(value, message->error_message, sizeof(message->error_message));
}

/* Cause Code, Cause Msg, Advisory Msg (RFC 2661 4.4.3). */
static void q931_take(struct cursor value, struct message *message)
{
	message->q931_cause = cursor_u16(&value);
	cursor_skip(&value, 1);
	text_take(value, message->advisory, sizeof(message->advisory));
}

/* Disconnect Code, Control Protocol Number, Direction, Message (RFC 3145 2). */
static void disconnect_take(struct cursor value, struct message *message)
{
	message->ppp_disconnect_code = cursor_u16(&value);
	cursor_skip(&value, 3);
	if (cursor_more(&value))
		text_take(value, message->advisory, sizeof(message->advisory));
}

static void value_take(uint16_t attribute, struct cursor value, struct message *message)
{
	switch (attribute) {
	case AVP_RESULT_CODE:
		result_take(value, message);
		break;
	case AVP_PROTOCOL_VERSION:
		message->protocol_version = cursor_u16(&value);
		break;
	case AVP_HOST_NAME:
		text_take(value, message->host_name, sizeof(message->host_name));
		break;
	case AVP_VENDOR_NAME:
		text_take(value, message->vendor_name, sizeof(message->vendor_name));
		break;
	case AVP_ASSIGNED_TUNNEL_ID:
		message->assigned_tunnel = cursor_u16(&value);
		break;
	case AVP_RECEIVE_WINDOW_SIZE:
		message->receive_window = cursor_u16(&value);
		break;
	case AVP_CHALLENGE:
		message->challenge_bytes = cursor_left(&value);
		message->challenge = cursor_bytes(&value, message->challenge_bytes);
		break;
	case AVP_Q931_CAUSE:
		q931_take(value, message);
		break;
	case AVP_PPP_DISCONNECT_CAUSE:
		disconnect_take(value, message);
		break;
	case AVP_CHALLENGE_RESPONSE:
		cursor_copy(&value, message->challenge_response, 16);
		break;
	case AVP_ASSIGNED_SESSION_ID:
		message->assigned_session = cursor_u16(&value);
		break;
	case AVP_CALL_SERIAL_NUMBER:
		message->call_serial = cursor_u32(&value);
		break;
	case AVP_TX_CONNECT_SPEED:
		message->tx_speed = cursor_u32(&value);
		break;
	case AVP_LCP_LAST_SENT:
		message->lcp_last_sent = value;
		break;
	case AVP_LCP_LAST_RECEIVED:
		message->lcp_last_received = value;
		break;
	case AVP_PROXY_TYPE:
		message->proxy_type = cursor_u16(&value);
		break;
	case AVP_PROXY_NAME:
		message->proxy_name = value;
		break;
	case AVP_PROXY_CHALLENGE:
		message->proxy_challenge = value;
		break;
	case AVP_PROXY_IDENTIFIER:
		message->proxy_identifier = cursor_u16(&value);
		break;
	case AVP_PROXY_RESPONSE:
		message->proxy_response = value;
		break;
	case AVP_CALLED_NUMBER:
		text_take(value, message->called_number, sizeof(message->called_number));
		break;
	case AVP_CALLING_NUMBER:
		text_take(value, message->calling_number, sizeof(message->calling_number));
		break;
	default: /* presence is all that counts */
		break;
	}
}

static void unknown_take(const struct avp *avp, struct message *message)
{
	if (avp->mandatory)
		message->unknown_mandatory = true;
	else
		message->unknown_ignored++;
}

/* Replaces a hidden value by what it hides; false if that cannot be known. */
static bool hidden_take(struct avp *avp, const struct avp_secret *hiding, struct message *message)
{
	uint8_t *clear = message->revealed + message->revealed_bytes;
	int length = l2tp_avp_reveal(avp, hiding, clear,
				     sizeof(message->revealed) - message->revealed_bytes);

	if (length < 0)
		return false;
	message->revealed_bytes += (size_t)length;
	avp->value = cursor_over(clear, (size_t)length);
	return true;
}

void l2tp_avp_take(const struct avp *received, struct avp_secret *hiding, struct message *message)
{
	struct avp avp = *received;
	const struct avp_rule *rule;
	size_t length;

	if (avp.vendor != 0 || avp.reserved_bits || avp.attribute >= AVP_ATTRIBUTES ||
	    !rules[avp.attribute].known || avp.attribute == AVP_MESSAGE_TYPE) {
		unknown_take(&avp, message);
		return;
	}
	if (avp.hidden && !hidden_take(&avp, hiding, message)) {
		unknown_take(&avp, message);
		return;
	}
	rule = &rules[avp.attribute];
	length = cursor_left(&avp.value);
	if (length < rule->least || length > rule->most) {
		message->wrong_length = message->wrong_length || avp.mandatory;
		return;
	}
	if (avp.attribute == AVP_RANDOM_VECTOR) {
		hiding->vector_bytes = length;
		hiding->vector = cursor_bytes(&avp.value, length);
		return;
	}
	message->present |= (uint64_t)1 << avp.attribute;
	value_take(avp.attribute, avp.value, message);
}

static void avp_write_header(struct writer *w, unsigned attribute, bool mandatory, size_t length)
{
	uint16_t flags = mandatory ? FLAG_MANDATORY : 0;

	writer_u16(w, (uint16_t)(flags | (length + HEADER_BYTES)));
	writer_u16(w, 0);
	writer_u16(w, (uint16_t)attribute);
}

void l2tp_avp_write_bytes(struct writer *w, unsigned attribute, bool mandatory, const void *value,
			  size_t length)
{
	avp_write_header(w, attribute, mandatory, length);
	writer_bytes(w, value, length);
}

void l2tp_avp_write_u16(struct writer *w, unsigned attribute, bool mandatory, uint16_t value)
{
	avp_write_header(w, attribute, mandatory, 2);
	writer_u16(w, value);
}

void l2tp_avp_write_u32(struct writer *w, unsigned attribute, bool mandatory, uint32_t value)
{
	avp_write_header(w, attribute, mandatory, 4);
	writer_u32(w, value);
}

void l2tp_avp_write_result(struct writer *w, uint16_t result, uint16_t error)
{
	avp_write_header(w, AVP_RESULT_CODE, true, error == ERROR_NONE ? 2 : 4);
	writer_u16(w, result);
	if (error != ERROR_NONE)
		writer_u16(w, error);
}
