/* SPDX-License-Identifier: BSD-3-Clause */
#include "aaa/access.h"

#include "radius/packet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define MD5_BYTES                 16
#define MS_CHAP_V2_RESPONSE_BYTES 49
#define MS_CHAP_SUCCESS_BYTES     42         /* "S=" and 40 digits */
#define NAS_ASSIGNS               0xfffffffe /* Framed-IP-Address, RFC 2865 5.8 */
#define USER_CHOOSES              0xffffffff
#define MTU_MIN                   576

/* ---- the request ---- */

static void credentials_write(const struct aaa_request *request, struct writer *w)
{
	uint8_t bytes[1 + MS_CHAP_V2_RESPONSE_BYTES];

	if (request->method == AAA_METHOD_CHAP_MD5 && request->response_bytes == MD5_BYTES) {
		bytes[0] = request->identifier;
		memcpy(bytes + 1, request->response, MD5_BYTES);
		radius_attribute_write(w, RADIUS_CHAP_PASSWORD, bytes, 1 + MD5_BYTES);
		radius_attribute_write(w, RADIUS_CHAP_CHALLENGE, request->challenge,
				       request->challenge_bytes);
	} else if (request->method == AAA_METHOD_MS_CHAP_V2 &&
		   request->response_bytes == MS_CHAP_V2_RESPONSE_BYTES) {
		/* RFC 2548 2.3.2: the flags come first there, and last in PPP. */
		bytes[0] = request->identifier;
		bytes[1] = request->response[MS_CHAP_V2_RESPONSE_BYTES - 1];
		memcpy(bytes + 2, request->response, MS_CHAP_V2_RESPONSE_BYTES - 1);
		radius_attribute_write_microsoft(w, RADIUS_MS_CHAP_CHALLENGE, request->challenge,
						 request->challenge_bytes);
		radius_attribute_write_microsoft(w, RADIUS_MS_CHAP2_RESPONSE, bytes, sizeof(bytes));
	}
}

/* RFC 2868 3: numbers behind a tag of zero, texts without one. */
static void tunnel_write(const struct aaa_line *line, struct writer *w)
{
	char text[ENDPOINT_TEXT_BYTES], serial[16];
	struct endpoint end = line->remote;

	end.port = 0;
	endpoint_text(&end, text);
	radius_attribute_write_text(w, RADIUS_CALLING_STATION_ID,
				    line->calling[0] != '\0' ? line->calling : text);
	radius_attribute_write_u32(w, RADIUS_TUNNEL_TYPE, RADIUS_TUNNEL_TYPE_L2TP);
	radius_attribute_write_u32(w, RADIUS_TUNNEL_MEDIUM_TYPE,
				   end.family == ENDPOINT_IPV6 ? RADIUS_TUNNEL_MEDIUM_IPV6
							       : RADIUS_TUNNEL_MEDIUM_IPV4);
	radius_attribute_write_text(w, RADIUS_TUNNEL_CLIENT_ENDPOINT, text);
	end = line->local;
	end.port = 0;
	endpoint_text(&end, text);
	radius_attribute_write_text(w, RADIUS_CALLED_STATION_ID,
				    line->called[0] != '\0' ? line->called : text);
	radius_attribute_write_text(w, RADIUS_TUNNEL_SERVER_ENDPOINT, text);
	radius_attribute_write_text(w, RADIUS_TUNNEL_CLIENT_AUTH_ID, line->peer_name);
	radius_attribute_write_text(w, RADIUS_TUNNEL_SERVER_AUTH_ID, line->our_name);
	snprintf(serial, sizeof(serial), "%u", line->call_serial);
	radius_attribute_write_text(w, RADIUS_ACCT_TUNNEL_CONNECTION, serial);
}

static void line_write(const struct aaa_line *line, struct writer *w)
{
	char port[32];

	snprintf(port, sizeof(port), "%u:%u", line->tunnel, line->l2tp_session);
	radius_attribute_write_text(w, RADIUS_ACCT_SESSION_ID, line->session_id);
	radius_attribute_write_text(w, RADIUS_NAS_IDENTIFIER, line->nas_identifier);
	if (line->nas_address_be != 0)
		radius_attribute_write(w, RADIUS_NAS_IP_ADDRESS, &line->nas_address_be,
				       sizeof(line->nas_address_be));
	radius_attribute_write_u32(w, RADIUS_NAS_PORT, line->port);
	radius_attribute_write_u32(w, RADIUS_NAS_PORT_TYPE, RADIUS_NAS_PORT_TYPE_VIRTUAL);
	radius_attribute_write_text(w, RADIUS_NAS_PORT_ID, port);
	radius_attribute_write_u32(w, RADIUS_SERVICE_TYPE, RADIUS_SERVICE_TYPE_FRAMED);
	radius_attribute_write_u32(w, RADIUS_FRAMED_PROTOCOL, RADIUS_FRAMED_PROTOCOL_PPP);
	radius_attribute_write_text(w, RADIUS_CONNECT_INFO, line->connect_info);
	tunnel_write(line, w);
}

void aaa_access_request_write(const struct aaa_request *request, const struct aaa_line *line,
			      struct writer *w)
{
	radius_attribute_write_text(w, RADIUS_USER_NAME, request->user_name);
	credentials_write(request, w);
	line_write(line, w);
}

/* ---- the answer ---- */

static void bad(struct aaa_answer *answer, const char *what)
{
	answer->accepted = false;
	answer->cause = CAUSE_radius_bad_answer;
	snprintf(answer->detail, sizeof(answer->detail), "%s", what);
}

/* Appends, as there may be several; what is not printable becomes '?'. */
static void message_add(struct aaa_answer *answer, struct cursor value)
{
	size_t length = strlen(answer->message);

	while (cursor_more(&value) && length + 1 < sizeof(answer->message)) {
		uint8_t byte = cursor_u8(&value);

		answer->message[length++] = byte < 0x20 || byte == 0x7f ? '?' : (char)byte;
	}
	answer->message[length] = '\0';
}

static uint32_t number_read(struct aaa_answer *answer, struct cursor value, const char *name)
{
	uint32_t number = cursor_u32(&value);

	if (!cursor_finished(&value))
		bad(answer, name);
	return number;
}

static void address_read(struct aaa_answer *answer, struct cursor value)
{
	uint32_t address = number_read(answer, value, "Framed-IP-Address");
	uint8_t first = (uint8_t)(address >> 24);

	if (address == NAS_ASSIGNS || address == USER_CHOOSES)
		return;
	if (first == 0 || first == 127 || first >= 224)
		bad(answer, "Framed-IP-Address is no address for a subscriber");
	answer->address_be = htonl(address);
}

static void pool_read(struct aaa_answer *answer, struct cursor value)
{
	size_t length = cursor_left(&value);

	if (length == 0 || length >= sizeof(answer->pool)) {
		bad(answer, "Framed-Pool is no name of a pool");
		return;
	}
	cursor_copy(&value, answer->pool, length);
	answer->pool[length] = '\0';
}

static void plain_read(struct aaa_answer *answer, const struct radius_attribute *attribute)
{
	switch (attribute->type) {
	case RADIUS_FRAMED_IP_ADDRESS:
		address_read(answer, attribute->value);
		break;
	case RADIUS_FRAMED_POOL:
		pool_read(answer, attribute->value);
		break;
	case RADIUS_FRAMED_MTU:
		answer->mtu = number_read(answer, attribute->value, "Framed-MTU");
		if (answer->mtu < MTU_MIN)
			bad(answer, "Framed-MTU is below 576");
		break;
	case RADIUS_SESSION_TIMEOUT:
		answer->session_seconds = number_read(answer, attribute->value, "Session-Timeout");
		break;
	case RADIUS_IDLE_TIMEOUT:
		answer->idle_seconds = number_read(answer, attribute->value, "Idle-Timeout");
		break;
	default:
		break;
	}
}

static void success_read(struct aaa_answer *answer, const struct aaa_request *request,
			 struct cursor value)
{
	uint8_t identifier = cursor_u8(&value);

	if (identifier != request->identifier || cursor_left(&value) < MS_CHAP_SUCCESS_BYTES) {
		bad(answer, "MS-CHAP2-Success does not answer the response");
		return;
	}
	cursor_copy(&value, answer->success, MS_CHAP_SUCCESS_BYTES);
	answer->success[MS_CHAP_SUCCESS_BYTES] = '\0';
}

static void microsoft_read(struct aaa_answer *answer, const struct aaa_request *request,
			   const struct radius_attribute *attribute)
{
	switch (attribute->type) {
	case RADIUS_MS_CHAP2_SUCCESS:
		if (request->method == AAA_METHOD_MS_CHAP_V2)
			success_read(answer, request, attribute->value);
		break;
	case RADIUS_MS_PRIMARY_DNS_SERVER:
		answer->dns_be[0] =
			htonl(number_read(answer, attribute->value, "MS-Primary-DNS-Server"));
		break;
	case RADIUS_MS_SECONDARY_DNS_SERVER:
		answer->dns_be[1] =
			htonl(number_read(answer, attribute->value, "MS-Secondary-DNS-Server"));
		break;
	default:
		break;
	}
}

/* "E=nnn ..." behind an identifier (RFC 2548 2.1.5). */
static void error_read(struct aaa_answer *answer, struct cursor value)
{
	char text[8] = "";
	size_t length;

	cursor_skip(&value, 1);
	length = cursor_left(&value);
	cursor_copy(&value, text, length < sizeof(text) - 1 ? length : sizeof(text) - 1);
	if (strncmp(text, "E=", 2) == 0)
		answer->ms_chap_error = (uint16_t)strtoul(text + 2, NULL, 10);
}

static void accept_read(struct radius_reader *reader, const struct aaa_request *request,
			struct aaa_answer *answer)
{
	struct radius_attribute attribute;

	answer->accepted = true;
	while (radius_attribute_next(reader, &attribute)) {
		if (attribute.vendor == 0 && attribute.type == RADIUS_REPLY_MESSAGE)
			message_add(answer, attribute.value);
		else if (attribute.vendor == 0)
			plain_read(answer, &attribute);
		else if (attribute.vendor == RADIUS_VENDOR_MICROSOFT)
			microsoft_read(answer, request, &attribute);
	}
	if (request->method == AAA_METHOD_MS_CHAP_V2 && answer->success[0] == '\0' &&
	    answer->accepted)
		bad(answer, "no MS-CHAP2-Success, which the peer wants to see");
}

static void reject_read(struct radius_reader *reader, struct aaa_answer *answer)
{
	struct radius_attribute attribute;

	answer->cause = CAUSE_radius_reject;
	while (radius_attribute_next(reader, &attribute)) {
		if (attribute.vendor == 0 && attribute.type == RADIUS_REPLY_MESSAGE)
			message_add(answer, attribute.value);
		else if (attribute.vendor == RADIUS_VENDOR_MICROSOFT &&
			 attribute.type == RADIUS_MS_CHAP_ERROR)
			error_read(answer, attribute.value);
	}
	snprintf(answer->detail, sizeof(answer->detail), "%s", answer->message);
}

void aaa_access_answer_read(const struct aaa_request *request, uint8_t code,
			    const uint8_t *attributes, size_t length, struct aaa_answer *answer)
{
	struct radius_reader reader = {.attributes = cursor_over(attributes, length)};

	memset(answer, 0, sizeof(*answer));
	if (code == RADIUS_ACCESS_ACCEPT)
		accept_read(&reader, request, answer);
	else
		reject_read(&reader, answer);
}
