/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_MESSAGE_H
#define L2TP_MESSAGE_H

/* The header (RFC 2661 3.1) and the AVPs (RFC 2661 4) of a control message. */

#include "base/cursor.h"
#include "base/writer.h"
#include "l2tp/authentication.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_type {
	MESSAGE_ZLB = 0, /* no message: an acknowledgement without a body */
	MESSAGE_SCCRQ = 1,
	MESSAGE_SCCRP = 2,
	MESSAGE_SCCCN = 3,
	MESSAGE_STOPCCN = 4,
	MESSAGE_HELLO = 6,
	MESSAGE_OCRQ = 7,
	MESSAGE_OCRP = 8,
	MESSAGE_OCCN = 9,
	MESSAGE_ICRQ = 10,
	MESSAGE_ICRP = 11,
	MESSAGE_ICCN = 12,
	MESSAGE_CDN = 14,
	MESSAGE_WEN = 15,
	MESSAGE_SLI = 16,
};

enum avp_attribute {
	AVP_MESSAGE_TYPE = 0,
	AVP_RESULT_CODE = 1,
	AVP_PROTOCOL_VERSION = 2,
	AVP_FRAMING_CAPABILITIES = 3,
	AVP_BEARER_CAPABILITIES = 4,
	AVP_FIRMWARE_REVISION = 6,
	AVP_HOST_NAME = 7,
	AVP_VENDOR_NAME = 8,
	AVP_ASSIGNED_TUNNEL_ID = 9,
	AVP_RECEIVE_WINDOW_SIZE = 10,
	AVP_CHALLENGE = 11,
	AVP_Q931_CAUSE = 12,
	AVP_CHALLENGE_RESPONSE = 13,
	AVP_ASSIGNED_SESSION_ID = 14,
	AVP_CALL_SERIAL_NUMBER = 15,
	AVP_FRAMING_TYPE = 19,
	AVP_CALLED_NUMBER = 21,
	AVP_CALLING_NUMBER = 22,
	AVP_TX_CONNECT_SPEED = 24,
	AVP_LCP_INITIAL_RECEIVED = 26,
	AVP_LCP_LAST_SENT = 27,
	AVP_LCP_LAST_RECEIVED = 28,
	AVP_PROXY_TYPE = 29,
	AVP_PROXY_NAME = 30,
	AVP_PROXY_CHALLENGE = 31,
	AVP_PROXY_IDENTIFIER = 32,
	AVP_PROXY_RESPONSE = 33,
	AVP_RANDOM_VECTOR = 36,
	AVP_SEQUENCING_REQUIRED = 39,
	AVP_PPP_DISCONNECT_CAUSE = 46, /* RFC 3145 */
	AVP_ATTRIBUTES = 64,           /* the table ends before this one */
};

#define MESSAGE_HEADER_BYTES 12
#define MESSAGE_BYTES_MAX    4096 /* longer ones are dropped */
#define MESSAGE_SENT_MAX     512

/* Result codes of StopCCN and CDN, and the general error codes (RFC 2661 4.4.2). */
enum {
	STOPCCN_GENERAL_REQUEST = 1,
	STOPCCN_GENERAL_ERROR = 2,
	STOPCCN_NOT_AUTHORIZED = 4,
	STOPCCN_VERSION_NOT_SUPPORTED = 5,
	STOPCCN_STATE_MACHINE_ERROR = 7,
	CDN_GENERAL_ERROR = 2,
	CDN_NO_FACILITIES_NOW = 4,
	CDN_NO_FACILITIES = 5,
	CDN_NOT_IN_TIME = 10,
	ERROR_NONE = 0,
	ERROR_LENGTH = 2,
	ERROR_VALUE = 3,
	ERROR_RESOURCES = 4,
	ERROR_UNKNOWN_MANDATORY_AVP = 8,
};

/* A result and an error code in a verdict's wire code. */
#define WIRE_CODE(result, error) ((uint16_t)((result) << 8 | (error)))

struct message_header {
	uint16_t tunnel;
	uint16_t session;
	uint16_t ns;
	uint16_t nr;
};

/* What the AVPs of a message say. Pointers lead into the message or into `revealed`. */
struct message {
	uint16_t type;
	bool type_mandatory;
	uint64_t present; /* bit n: attribute n was there and had a right length */
	bool unknown_mandatory;
	bool wrong_length; /* a mandatory AVP has no valid length */
	uint32_t unknown_ignored;
	uint16_t result_code;
	uint16_t error_code;
	uint16_t q931_cause;
	uint16_t ppp_disconnect_code;
	uint16_t protocol_version;
	uint16_t assigned_tunnel;
	uint16_t assigned_session;
	uint16_t receive_window;
	uint32_t call_serial;
	uint32_t tx_speed;
	const uint8_t *challenge;
	size_t challenge_bytes;
	uint8_t challenge_response[16];
	struct cursor lcp_last_sent;
	struct cursor lcp_last_received;
	struct cursor proxy_name;
	struct cursor proxy_challenge;
	struct cursor proxy_response;
	uint16_t proxy_type;
	uint16_t proxy_identifier;
	char error_message[128];
	char advisory[128]; /* of the cause codes of Q.931 or PPP */
	char host_name[64];
	char vendor_name[64];
	char calling_number[64];
	char called_number[64];
	size_t revealed_bytes;
	uint8_t revealed[1024]; /* values that were hidden */
};

static inline bool message_has(const struct message *message, unsigned attribute)
{
	return (message->present >> attribute & 1) != 0;
}

/*
 * Reads the header; `body` then covers the AVPs and is empty for a ZLB. 0, -EPROTONOSUPPORT for
 * another version, -EBADMSG.
 */
int l2tp_message_header_parse(const uint8_t *bytes, size_t length, struct message_header *header,
			      struct cursor *body);

/*
 * Reads the AVPs. `secret` reveals hidden ones. 0, or -EBADMSG when the
 * list is broken or does not begin with a Message Type.
 */
int l2tp_message_parse(struct cursor body, struct secret secret, struct message *message);

/* Begins a message: the header with Ns and Nr still zero, and the Message Type AVP unless ZLB. */
void l2tp_message_begin(struct writer *w, enum message_type type, uint16_t tunnel,
			uint16_t session);

/* Writes the length and the numbers; false if the message did not fit. */
bool l2tp_message_end(struct writer *w, uint16_t ns, uint16_t nr);

/* Puts up-to-date numbers into a finished message. */
void l2tp_message_number(uint8_t *bytes, size_t length, uint16_t ns, uint16_t nr);

/* "SCCRQ"; "unknown" for a type that has no name. */
const char *l2tp_message_name(unsigned type);

/* What the message is for, in a few words. */
const char *l2tp_message_meaning(unsigned type);

#endif
