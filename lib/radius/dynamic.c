/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius/dynamic.h"

#include "base/memory.h"
#include "radius/packet.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define ANSWERS_KEPT     64
#define CLOCKS_APART_MAX 300

/* An answer, for the request that comes again. */
struct answered {
	struct endpoint from;
	uint8_t authenticator[RADIUS_AUTHENTICATOR_BYTES];
	struct radius_dynamic_reply reply;
};

struct radius_dynamic {
	struct radius_dynamic_config config;
	uint64_t counters[RADIUS_DYNAMIC_COUNT];
	struct answered answered[ANSWERS_KEPT];
	unsigned answered_next;
	struct endpoint from; /* of the request being served, like the rest */
	struct radius_secret secret;
	uint8_t code;
	uint8_t identifier;
	uint8_t authenticator[RADIUS_AUTHENTICATOR_BYTES];
	size_t proxy_state_bytes;
	uint8_t proxy_state[512]; /* whole attributes, which the answer repeats */
};

const char *radius_dynamic_name(enum radius_dynamic_counter counter)
{
	static const char *const names[] = {
#define RADIUS_DYNAMIC(name, text) #name,
#include "radius/dynamic.def"
#undef RADIUS_DYNAMIC
	};

	return names[counter];
}

const char *radius_dynamic_text(enum radius_dynamic_counter counter)
{
	static const char *const texts[] = {
#define RADIUS_DYNAMIC(name, text) text,
#include "radius/dynamic.def"
#undef RADIUS_DYNAMIC
	};

	return texts[counter];
}

uint64_t radius_dynamic_value(const struct radius_dynamic *dynamic,
			      enum radius_dynamic_counter counter)
{
	return dynamic->counters[counter];
}

struct radius_dynamic *radius_dynamic_new(const struct radius_dynamic_config *config)
{
	struct radius_dynamic *dynamic = memory_new(sizeof(*dynamic));

	dynamic->config = *config;
	return dynamic;
}

void radius_dynamic_free(struct radius_dynamic *dynamic)
{
	free(dynamic);
}

static enum radius_dynamic_verdict ignore(struct radius_dynamic *dynamic,
					  enum radius_dynamic_counter counter)
{
	dynamic->counters[counter]++;
	return RADIUS_DYNAMIC_IGNORE;
}

static const struct answered *answered_find(const struct radius_dynamic *dynamic,
					    const struct endpoint *from,
					    const struct radius_packet *packet)
{
	for (unsigned i = 0; i < ANSWERS_KEPT; i++) {
		const struct answered *one = &dynamic->answered[i];

		if (one->reply.length != 0 && endpoint_equal(&one->from, from) &&
		    one->reply.bytes[1] == packet->identifier &&
		    memcmp(one->authenticator, packet->bytes + 4, sizeof(one->authenticator)) == 0)
			return one;
	}
	return NULL;
}

/* ---- the request ---- */

static bool text_take(struct cursor value, char *text, size_t room)
{
	size_t length = cursor_left(&value);

	if (length == 0 || length >= room)
		return false;
	cursor_copy(&value, text, length);
	text[length] = '\0';
	return memchr(text, '\0', length) == NULL;
}

static bool number_take(struct cursor value, uint32_t *number)
{
	*number = cursor_u32(&value);
	return cursor_finished(&value);
}

static enum radius_error_cause identity_take(const struct radius_dynamic *dynamic,
					     struct cursor value)
{
	size_t length = strlen(dynamic->config.nas_identifier);

	return cursor_left(&value) == length &&
			       memcmp(value.at, dynamic->config.nas_identifier, length) == 0
		       ? RADIUS_ERROR_NONE
		       : RADIUS_ERROR_OTHER_NAS;
}

static enum radius_error_cause address_take(const struct radius_dynamic *dynamic,
					    struct cursor value)
{
	uint32_t address;

	if (!number_take(value, &address))
		return RADIUS_ERROR_INVALID_VALUE;
	return dynamic->config.nas_address_be == 0 ||
			       htonl(address) == dynamic->config.nas_address_be
		       ? RADIUS_ERROR_NONE
		       : RADIUS_ERROR_OTHER_NAS;
}

static enum radius_error_cause valid(bool right)
{
	return right ? RADIUS_ERROR_NONE : RADIUS_ERROR_INVALID_VALUE;
}

/* What a Disconnect-Request may not have: it only names sessions. */
static enum radius_error_cause change_take(struct radius_dynamic_request *request, uint8_t type,
					   struct cursor value)
{
	if (request->disconnect)
		return RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE;
	if (type == RADIUS_SESSION_TIMEOUT) {
		request->has_session_seconds = true;
		return valid(number_take(value, &request->session_seconds));
	}
	request->has_idle_seconds = true;
	return valid(number_take(value, &request->idle_seconds));
}

static enum radius_error_cause attribute_take(const struct radius_dynamic *dynamic,
					      const struct radius_attribute *attribute,
					      struct radius_dynamic_request *request)
{
	uint32_t address = 0;

	if (attribute->vendor != 0)
		return RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE;
	switch (attribute->type) {
	case RADIUS_USER_NAME:
		return valid(text_take(attribute->value, request->user_name,
				       sizeof(request->user_name)));
	case RADIUS_CALLING_STATION_ID:
		return valid(text_take(attribute->value, request->calling_number,
				       sizeof(request->calling_number)));
	case RADIUS_ACCT_SESSION_ID:
		return valid(text_take(attribute->value, request->session_id,
				       sizeof(request->session_id)));
	case RADIUS_FRAMED_IP_ADDRESS:
		if (!number_take(attribute->value, &address) || address == 0)
			return RADIUS_ERROR_INVALID_VALUE;
		request->framed_address_be = htonl(address);
		return RADIUS_ERROR_NONE;
	case RADIUS_NAS_PORT:
		return valid(number_take(attribute->value, &request->nas_port) &&
			     request->nas_port != UINT32_MAX);
	case RADIUS_NAS_IDENTIFIER:
		return identity_take(dynamic, attribute->value);
	case RADIUS_NAS_IP_ADDRESS:
		return address_take(dynamic, attribute->value);
	case RADIUS_SESSION_TIMEOUT:
	case RADIUS_IDLE_TIMEOUT:
		return change_take(request, attribute->type, attribute->value);
	case RADIUS_PROXY_STATE:
	case RADIUS_EVENT_TIMESTAMP:
	case RADIUS_MESSAGE_AUTHENTICATOR:
		return RADIUS_ERROR_NONE;
	default:
		return RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE;
	}
}

static enum radius_error_cause request_read(const struct radius_dynamic *dynamic,
					    const struct radius_packet *packet,
					    struct radius_dynamic_request *request)
{
	struct radius_reader reader = {.attributes = radius_packet_attributes(packet)};
	enum radius_error_cause error = RADIUS_ERROR_NONE;
	struct radius_attribute attribute;

	*request = (struct radius_dynamic_request){
		.disconnect = packet->code == RADIUS_DISCONNECT_REQUEST,
		.nas_port = UINT32_MAX,
	};
	while (error == RADIUS_ERROR_NONE && radius_attribute_next(&reader, &attribute))
		error = attribute_take(dynamic, &attribute, request);
	if (error != RADIUS_ERROR_NONE)
		return error;
	if (request->user_name[0] == '\0' && request->calling_number[0] == '\0' &&
	    request->session_id[0] == '\0' && request->framed_address_be == 0 &&
	    request->nas_port == UINT32_MAX)
		return RADIUS_ERROR_MISSING_ATTRIBUTE;
	if (!request->disconnect && !request->has_session_seconds && !request->has_idle_seconds)
		return RADIUS_ERROR_MISSING_ATTRIBUTE;
	return RADIUS_ERROR_NONE;
}

/* What the answer repeats (RFC 2865 5.33); and whether the request is of now. */
static bool request_note(struct radius_dynamic *dynamic, const struct radius_packet *packet,
			 uint64_t wall_seconds)
{
	struct radius_reader reader = {.attributes = radius_packet_attributes(packet)};
	struct writer w = writer_over(dynamic->proxy_state, sizeof(dynamic->proxy_state));
	struct radius_attribute attribute;
	bool of_now = true;

	while (radius_attribute_next(&reader, &attribute)) {
		uint32_t sent;

		if (attribute.vendor == 0 && attribute.type == RADIUS_PROXY_STATE)
			radius_attribute_write(&w, RADIUS_PROXY_STATE, attribute.value.at,
					       cursor_left(&attribute.value));
		if (attribute.vendor == 0 && attribute.type == RADIUS_EVENT_TIMESTAMP)
			of_now = number_take(attribute.value, &sent) &&
				 sent + CLOCKS_APART_MAX > wall_seconds &&
				 sent < wall_seconds + CLOCKS_APART_MAX;
	}
	dynamic->proxy_state_bytes = writer_length(&w);
	return of_now && !writer_failed(&w);
}

/* The server that knows the secret of this packet; NULL and the reason if there is none. */
static const struct radius_server_config *sender_find(const struct radius_dynamic *dynamic,
						      const struct endpoint *from,
						      const struct radius_packet *packet,
						      enum radius_dynamic_counter *why)
{
	*why = RADIUS_DYNAMIC_dynamic_unknown_source;
	for (unsigned i = 0; i < dynamic->config.server_count; i++) {
		const struct radius_server_config *server = &dynamic->config.servers[i];
		const struct radius_secret secret = {server->secret, server->secret_bytes};

		if (!endpoint_same_address(&server->address, from))
			continue;
		if (radius_packet_request_right(packet, &secret))
			return server;
		*why = RADIUS_DYNAMIC_dynamic_wrong_authenticator;
	}
	return NULL;
}

enum radius_dynamic_verdict radius_dynamic_take(struct radius_dynamic *dynamic,
						const struct endpoint *from, const uint8_t *bytes,
						size_t length, uint64_t wall_seconds,
						struct radius_dynamic_request *request,
						struct radius_dynamic_reply *reply)
{
	const struct radius_server_config *server;
	const struct answered *before;
	enum radius_dynamic_counter why;
	enum radius_error_cause error;
	struct radius_packet packet;

	if (radius_packet_read(bytes, length, &packet) != 0 ||
	    (packet.code != RADIUS_DISCONNECT_REQUEST && packet.code != RADIUS_COA_REQUEST))
		return ignore(dynamic, RADIUS_DYNAMIC_dynamic_malformed);
	server = sender_find(dynamic, from, &packet, &why);
	if (server == NULL)
		return ignore(dynamic, why);
	before = answered_find(dynamic, from, &packet);
	if (before != NULL) {
		dynamic->counters[RADIUS_DYNAMIC_dynamic_repeated]++;
		*reply = before->reply;
		return RADIUS_DYNAMIC_REPLY;
	}
	if (!request_note(dynamic, &packet, wall_seconds))
		return ignore(dynamic, RADIUS_DYNAMIC_dynamic_stale);
	dynamic->from = *from;
	dynamic->secret = (struct radius_secret){server->secret, server->secret_bytes};
	dynamic->code = packet.code;
	dynamic->identifier = packet.identifier;
	memcpy(dynamic->authenticator, bytes + 4, sizeof(dynamic->authenticator));
	error = request_read(dynamic, &packet, request);
	if (error == RADIUS_ERROR_NONE)
		return RADIUS_DYNAMIC_ACT;
	radius_dynamic_answer(dynamic, error, reply);
	return RADIUS_DYNAMIC_REPLY;
}

void radius_dynamic_answer(struct radius_dynamic *dynamic, enum radius_error_cause error,
			   struct radius_dynamic_reply *reply)
{
	struct answered *kept = &dynamic->answered[dynamic->answered_next++ % ANSWERS_KEPT];
	uint8_t attributes[sizeof(dynamic->proxy_state) + 8];
	struct writer w = writer_over(attributes, sizeof(attributes));
	struct radius_answer answer = {
		.code = (uint8_t)(dynamic->code + (error == RADIUS_ERROR_NONE ? 1 : 2)),
		.identifier = dynamic->identifier,
		.request_authenticator = dynamic->authenticator,
		.attributes = attributes,
	};

	if (error != RADIUS_ERROR_NONE)
		radius_attribute_write_u32(&w, RADIUS_ERROR_CAUSE, error);
	writer_bytes(&w, dynamic->proxy_state, dynamic->proxy_state_bytes);
	answer.attributes_bytes = writer_length(&w);
	reply->length = radius_packet_answer_write(&answer, &dynamic->secret, reply->bytes,
						   sizeof(reply->bytes));
	dynamic->counters[error == RADIUS_ERROR_NONE ? RADIUS_DYNAMIC_dynamic_acknowledged
						     : RADIUS_DYNAMIC_dynamic_refused]++;
	kept->from = dynamic->from;
	memcpy(kept->authenticator, dynamic->authenticator, sizeof(kept->authenticator));
	kept->reply = *reply;
}
