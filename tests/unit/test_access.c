/* SPDX-License-Identifier: BSD-3-Clause */
#include "aaa/access.h"
#include "radius/packet.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SUCCESS "S=0123456789ABCDEF0123456789ABCDEF01234567"

static const char *calling = "", *called = "";
static uint8_t challenge[16], response[49];

static struct aaa_request request_of(enum aaa_method method)
{
	for (unsigned i = 0; i < sizeof(response); i++)
		response[i] = (uint8_t)(i + 1);
	memset(challenge, 'c', sizeof(challenge));
	return (struct aaa_request){
		.method = method,
		.identifier = 9,
		.user_name = "anna",
		.challenge = challenge,
		.challenge_bytes = sizeof(challenge),
		.response = response,
		.response_bytes = method == AAA_METHOD_CHAP_MD5 ? 16 : 49,
		.password = (const uint8_t *)"secret",
		.password_bytes = 6,
	};
}

/* The value of an attribute in what a login with this method asks; fails if it is not once there. */
static struct cursor asked(enum aaa_method method, uint32_t vendor, uint8_t type, uint8_t *bytes,
			   size_t room)
{
	const struct aaa_request request = request_of(method);
	const struct aaa_line line = {
		.nas_identifier = "lns",
		.session_id = "0123456789a-00000001",
		.calling = calling,
		.called = called,
		.connect_info = "L2TP",
		.peer_name = "lac",
		.our_name = "concentrator",
		.call_serial = 4000000000,
		.nas_address_be = htonl(0xc0000201),
		.port = 77,
		.tunnel = 5,
		.l2tp_session = 6,
		.local = endpoint_ipv4(htonl(0xc0000201), 1701),
		.remote = endpoint_ipv4(htonl(0xcb007107), 1701),
	};
	struct writer w = writer_over(bytes, room);
	struct radius_reader reader = {0};
	struct radius_attribute attribute;
	struct cursor found = {.failed = true};

	aaa_access_request_write(&request, &line, &w);
	assert_false(writer_failed(&w));
	reader.attributes = cursor_over(bytes, writer_length(&w));
	while (radius_attribute_next(&reader, &attribute)) {
		if (attribute.vendor != vendor || attribute.type != type)
			continue;
		assert_true(found.failed);
		found = attribute.value;
	}
	return found;
}

static void assert_asked_text(uint8_t type, const char *text)
{
	uint8_t bytes[1024];
	struct cursor value = asked(AAA_METHOD_PAP, 0, type, bytes, sizeof(bytes));

	assert_int_equal(cursor_left(&value), strlen(text));
	assert_memory_equal(value.at, text, strlen(text));
}

static void assert_asked_number(uint8_t type, uint32_t number)
{
	uint8_t bytes[1024];
	struct cursor value = asked(AAA_METHOD_PAP, 0, type, bytes, sizeof(bytes));

	assert_int_equal(cursor_u32(&value), number);
	assert_true(cursor_finished(&value));
}

static void the_server_is_told_where_the_login_is(void **state)
{
	(void)state;
	assert_asked_text(RADIUS_USER_NAME, "anna");
	assert_asked_text(RADIUS_NAS_IDENTIFIER, "lns");
	assert_asked_text(RADIUS_ACCT_SESSION_ID, "0123456789a-00000001");
	assert_asked_text(RADIUS_CONNECT_INFO, "L2TP");
	assert_asked_text(RADIUS_NAS_PORT_ID, "5:6");
	assert_asked_text(RADIUS_CALLING_STATION_ID, "203.0.113.7");
	assert_asked_text(RADIUS_CALLED_STATION_ID, "192.0.2.1");
	assert_asked_text(RADIUS_TUNNEL_CLIENT_ENDPOINT, "203.0.113.7");
	assert_asked_text(RADIUS_TUNNEL_SERVER_ENDPOINT, "192.0.2.1");
	assert_asked_text(RADIUS_TUNNEL_CLIENT_AUTH_ID, "lac");
	assert_asked_text(RADIUS_TUNNEL_SERVER_AUTH_ID, "concentrator");
	assert_asked_text(RADIUS_ACCT_TUNNEL_CONNECTION, "4000000000");
	assert_asked_number(RADIUS_NAS_IP_ADDRESS, 0xc0000201);
	assert_asked_number(RADIUS_NAS_PORT, 77);
	assert_asked_number(RADIUS_NAS_PORT_TYPE, 5);
	assert_asked_number(RADIUS_SERVICE_TYPE, 2);
	assert_asked_number(RADIUS_FRAMED_PROTOCOL, 1);
	assert_asked_number(RADIUS_TUNNEL_TYPE, 3);
	assert_asked_number(RADIUS_TUNNEL_MEDIUM_TYPE, 1);
}

static void the_numbers_of_a_call_stand_for_the_addresses(void **state)
{
	(void)state;
	calling = "5551234";
	called = "5550000";
	assert_asked_text(RADIUS_CALLING_STATION_ID, "5551234");
	assert_asked_text(RADIUS_CALLED_STATION_ID, "5550000");
	assert_asked_text(RADIUS_TUNNEL_CLIENT_ENDPOINT, "203.0.113.7");
	assert_asked_text(RADIUS_TUNNEL_SERVER_ENDPOINT, "192.0.2.1");
	calling = "";
	called = "";
}

static void proofs_are_passed_on(void **state)
{
	uint8_t bytes[1024];
	struct cursor value;

	(void)state;
	value = asked(AAA_METHOD_CHAP_MD5, 0, RADIUS_CHAP_PASSWORD, bytes, sizeof(bytes));
	assert_int_equal(cursor_left(&value), 17);
	assert_int_equal(cursor_u8(&value), 9);
	assert_memory_equal(value.at, response, 16);
	value = asked(AAA_METHOD_CHAP_MD5, 0, RADIUS_CHAP_CHALLENGE, bytes, sizeof(bytes));
	assert_int_equal(cursor_left(&value), 16);
	assert_memory_equal(value.at, challenge, 16);
	value = asked(AAA_METHOD_MS_CHAP_V2, RADIUS_VENDOR_MICROSOFT, RADIUS_MS_CHAP_CHALLENGE,
		      bytes, sizeof(bytes));
	assert_memory_equal(value.at, challenge, 16);
	/* RFC 2548 2.3.2: identifier, flags, peer challenge, reserved, response. */
	value = asked(AAA_METHOD_MS_CHAP_V2, RADIUS_VENDOR_MICROSOFT, RADIUS_MS_CHAP2_RESPONSE,
		      bytes, sizeof(bytes));
	assert_int_equal(cursor_left(&value), 50);
	assert_int_equal(cursor_u8(&value), 9);
	assert_int_equal(cursor_u8(&value), response[48]);
	assert_memory_equal(value.at, response, 48);
	value = asked(AAA_METHOD_PAP, 0, RADIUS_CHAP_PASSWORD, bytes, sizeof(bytes));
	assert_true(cursor_failed(&value));
}

/* ---- answers ---- */

struct reply {
	uint8_t bytes[1024];
	struct writer w;
};

static void reply_begin(struct reply *reply)
{
	reply->w = writer_over(reply->bytes, sizeof(reply->bytes));
}

static struct aaa_answer answer_of(enum aaa_method method, uint8_t code, const struct reply *reply)
{
	const struct aaa_request request = request_of(method);
	struct aaa_answer answer;

	assert_false(writer_failed(&reply->w));
	aaa_access_answer_read(&request, code, reply->bytes, writer_length(&reply->w), &answer);
	return answer;
}

static void an_accept_is_read(void **state)
{
	struct reply reply;
	struct aaa_answer answer;
	uint32_t dns_be[2] = {htonl(0x08080808), htonl(0x08080404)};

	(void)state;
	reply_begin(&reply);
	radius_attribute_write_u32(&reply.w, RADIUS_FRAMED_IP_ADDRESS, 0x0a140707);
	radius_attribute_write_text(&reply.w, RADIUS_FRAMED_POOL, "far");
	radius_attribute_write_u32(&reply.w, RADIUS_FRAMED_MTU, 1300);
	radius_attribute_write_u32(&reply.w, RADIUS_SESSION_TIMEOUT, 3600);
	radius_attribute_write_u32(&reply.w, RADIUS_IDLE_TIMEOUT, 600);
	radius_attribute_write_text(&reply.w, RADIUS_REPLY_MESSAGE, "Good ");
	radius_attribute_write_text(&reply.w, RADIUS_REPLY_MESSAGE, "morning\n");
	radius_attribute_write_microsoft(&reply.w, RADIUS_MS_PRIMARY_DNS_SERVER, &dns_be[0], 4);
	radius_attribute_write_microsoft(&reply.w, RADIUS_MS_SECONDARY_DNS_SERVER, &dns_be[1], 4);
	answer = answer_of(AAA_METHOD_PAP, RADIUS_ACCESS_ACCEPT, &reply);
	assert_true(answer.accepted);
	assert_int_equal(answer.address_be, htonl(0x0a140707));
	assert_string_equal(answer.pool, "far");
	assert_int_equal(answer.mtu, 1300);
	assert_int_equal(answer.session_seconds, 3600);
	assert_int_equal(answer.idle_seconds, 600);
	assert_string_equal(answer.message, "Good morning?");
	assert_memory_equal(answer.dns_be, dns_be, sizeof(dns_be));
}

static void special_addresses_mean_the_pool(void **state)
{
	static const uint32_t special[] = {0xfffffffe, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct reply reply;
		struct aaa_answer answer;

		reply_begin(&reply);
		radius_attribute_write_u32(&reply.w, RADIUS_FRAMED_IP_ADDRESS, special[i]);
		answer = answer_of(AAA_METHOD_PAP, RADIUS_ACCESS_ACCEPT, &reply);
		assert_true(answer.accepted);
		assert_int_equal(answer.address_be, 0);
	}
}

static void what_cannot_be_honoured_is_refused(void **state)
{
	static const struct {
		uint8_t type;
		const char *value;
		size_t length;
		const char *detail;
	} wrong[] = {
		{RADIUS_FRAMED_IP_ADDRESS, "\x7f\0\0\1", 4, "no address for a subscriber"},
		{RADIUS_FRAMED_IP_ADDRESS, "\xe0\0\0\1", 4, "no address for a subscriber"},
		{RADIUS_FRAMED_IP_ADDRESS, "\0\0\0\0", 4, "no address for a subscriber"},
		{RADIUS_FRAMED_IP_ADDRESS, "\x0a\0\0", 3, "Framed-IP-Address"},
		{RADIUS_FRAMED_POOL, "", 0, "Framed-Pool"},
		{RADIUS_FRAMED_POOL, "a name that is longer than any pool's", 36, "Framed-Pool"},
		{RADIUS_FRAMED_MTU, "\0\0\0\x40", 4, "Framed-MTU"},
		{RADIUS_SESSION_TIMEOUT, "\0\0\0\1\0", 5, "Session-Timeout"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct reply reply;
		struct aaa_answer answer;

		reply_begin(&reply);
		radius_attribute_write(&reply.w, wrong[i].type, wrong[i].value, wrong[i].length);
		answer = answer_of(AAA_METHOD_PAP, RADIUS_ACCESS_ACCEPT, &reply);
		assert_false(answer.accepted);
		assert_int_equal(answer.cause, CAUSE_radius_bad_answer);
		assert_non_null(strstr(answer.detail, wrong[i].detail));
	}
}

static void ms_chap_needs_the_servers_proof(void **state)
{
	struct reply reply;
	struct aaa_answer answer;

	(void)state;
	reply_begin(&reply);
	answer = answer_of(AAA_METHOD_MS_CHAP_V2, RADIUS_ACCESS_ACCEPT, &reply);
	assert_int_equal(answer.cause, CAUSE_radius_bad_answer);
	radius_attribute_write_microsoft(&reply.w, RADIUS_MS_CHAP2_SUCCESS, "\x08" SUCCESS, 43);
	answer = answer_of(AAA_METHOD_MS_CHAP_V2, RADIUS_ACCESS_ACCEPT, &reply);
	assert_int_equal(answer.cause, CAUSE_radius_bad_answer);
	reply_begin(&reply);
	radius_attribute_write_microsoft(&reply.w, RADIUS_MS_CHAP2_SUCCESS, "\x09" SUCCESS, 43);
	answer = answer_of(AAA_METHOD_MS_CHAP_V2, RADIUS_ACCESS_ACCEPT, &reply);
	assert_true(answer.accepted);
	assert_string_equal(answer.success, SUCCESS);
}

static void rejects_and_challenges_refuse(void **state)
{
	static const uint8_t codes[] = {RADIUS_ACCESS_REJECT, RADIUS_ACCESS_CHALLENGE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct reply reply;
		struct aaa_answer answer;

		reply_begin(&reply);
		radius_attribute_write_text(&reply.w, RADIUS_REPLY_MESSAGE, "You have not paid");
		radius_attribute_write_microsoft(&reply.w, RADIUS_MS_CHAP_ERROR,
						 "\x09"
						 "E=648 R=1",
						 10);
		answer = answer_of(AAA_METHOD_MS_CHAP_V2, codes[i], &reply);
		assert_false(answer.accepted);
		assert_int_equal(answer.cause, CAUSE_radius_reject);
		assert_string_equal(answer.message, "You have not paid");
		assert_string_equal(answer.detail, "You have not paid");
		assert_int_equal(answer.ms_chap_error, 648);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_is_told_where_the_login_is),
		cmocka_unit_test(the_numbers_of_a_call_stand_for_the_addresses),
		cmocka_unit_test(proofs_are_passed_on),
		cmocka_unit_test(an_accept_is_read),
		cmocka_unit_test(special_addresses_mean_the_pool),
		cmocka_unit_test(what_cannot_be_honoured_is_refused),
		cmocka_unit_test(ms_chap_needs_the_servers_proof),
		cmocka_unit_test(rejects_and_challenges_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
