/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/digest.h"
#include "radius/dynamic.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "a secret between two"
#define NOW    1700000000u

static struct radius_dynamic *dynamic;
static struct endpoint server;
static uint8_t packet[512];
static size_t packet_length;
static struct radius_dynamic_request request;
static struct radius_dynamic_reply reply;

static void begin(uint8_t code)
{
	packet[0] = code;
	packet[1] = 7;
	memset(packet + 4, 0, 16);
	packet_length = 20;
}

static void add(uint8_t type, const void *value, size_t length)
{
	packet[packet_length] = type;
	packet[packet_length + 1] = (uint8_t)(length + 2);
	memcpy(packet + packet_length + 2, value, length);
	packet_length += length + 2;
}

static void add_number(uint8_t type, uint32_t number)
{
	const uint32_t value = htonl(number);

	add(type, &value, sizeof(value));
}

/* RFC 2866 3: MD5 over the packet with zeroes in place of the authenticator, and the secret. */
static void seal(const char *secret)
{
	const struct digest_part parts[] = {{packet, packet_length}, {secret, strlen(secret)}};
	uint8_t digest[DIGEST_BYTES_MAX];

	packet[2] = (uint8_t)(packet_length >> 8);
	packet[3] = (uint8_t)packet_length;
	digest_compute(DIGEST_MD5, parts, 2, digest);
	memcpy(packet + 4, digest, 16);
}

static enum radius_dynamic_verdict take(void)
{
	uint8_t *exact = malloc(packet_length);
	enum radius_dynamic_verdict verdict;

	memcpy(exact, packet, packet_length);
	verdict =
		radius_dynamic_take(dynamic, &server, exact, packet_length, NOW, &request, &reply);
	free(exact);
	return verdict;
}

static enum radius_dynamic_verdict take_sealed(void)
{
	seal(SECRET);
	return take();
}

static void counted(enum radius_dynamic_counter counter, uint64_t value)
{
	assert_int_equal(radius_dynamic_value(dynamic, counter), value);
}

/* The reply's authenticator and its Message-Authenticator, which is its first attribute. */
static void reply_check(uint8_t code, uint32_t error)
{
	uint8_t copy[1024], proof[DIGEST_BYTES_MAX];
	const struct digest_part parts[] = {{copy, reply.length}, {SECRET, strlen(SECRET)}};
	const uint32_t cause = htonl(error);

	assert_int_equal(reply.bytes[0], code);
	assert_int_equal(reply.bytes[1], 7);
	assert_int_equal(reply.bytes[2] << 8 | reply.bytes[3], reply.length);
	memcpy(copy, reply.bytes, reply.length);
	memcpy(copy + 4, packet + 4, 16);
	digest_compute(DIGEST_MD5, parts, 2, proof);
	assert_memory_equal(proof, reply.bytes + 4, 16);
	assert_int_equal(copy[20], 80);
	memset(copy + 22, 0, 16);
	digest_hmac(DIGEST_MD5, (const uint8_t *)SECRET, strlen(SECRET), parts, 1, proof);
	assert_memory_equal(proof, reply.bytes + 22, 16);
	if (error == 0)
		return;
	assert_int_equal(reply.bytes[38], 101);
	assert_memory_equal(reply.bytes + 40, &cause, 4);
}

static int set_up(void **state)
{
	struct radius_dynamic_config config = {
		.server_count = 2,
		.nas_identifier = "lns",
		.nas_address_be = htonl(0xc0000201),
		.servers[0] = {.address = endpoint_ipv4(htonl(0xc6336405), 0),
			       .secret = (const uint8_t *)"another",
			       .secret_bytes = 7},
		.servers[1] = {.address = endpoint_ipv4(htonl(0xc6336405), 0),
			       .secret = (const uint8_t *)SECRET,
			       .secret_bytes = strlen(SECRET)},
	};

	(void)state;
	server = endpoint_ipv4(htonl(0xc6336405), 40000);
	dynamic = radius_dynamic_new(&config);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	radius_dynamic_free(dynamic);
	return 0;
}

static void a_disconnect_names_a_session(void **state)
{
	(void)state;
	begin(40);
	add(1, "anna", 4);
	add_number(8, 0x0a140707);
	add_number(5, 9);
	add(31, "030", 3);
	add(44, "01-02", 5);
	add(32, "lns", 3);
	add_number(4, 0xc0000201);
	add_number(55, NOW - 299);
	add(33, "first", 5);
	add(33, "second", 6);
	assert_int_equal(take_sealed(), RADIUS_DYNAMIC_ACT);
	assert_true(request.disconnect);
	assert_string_equal(request.user_name, "anna");
	assert_string_equal(request.calling_number, "030");
	assert_string_equal(request.session_id, "01-02");
	assert_int_equal(request.framed_address_be, htonl(0x0a140707));
	assert_int_equal(request.nas_port, 9);
	radius_dynamic_answer(dynamic, RADIUS_ERROR_NONE, &reply);
	reply_check(41, 0);
	assert_memory_equal(reply.bytes + 38,
			    "\x21\x07"
			    "first"
			    "\x21\x08"
			    "second",
			    15);
	counted(RADIUS_DYNAMIC_dynamic_acknowledged, 1);
}

static void a_change_says_what(void **state)
{
	(void)state;
	begin(43);
	add(1, "anna", 4);
	add_number(27, 60);
	add_number(28, 0);
	assert_int_equal(take_sealed(), RADIUS_DYNAMIC_ACT);
	assert_false(request.disconnect);
	assert_true(request.has_session_seconds && request.has_idle_seconds);
	assert_int_equal(request.session_seconds, 60);
	assert_int_equal(request.idle_seconds, 0);
	assert_int_equal(request.nas_port, UINT32_MAX);
	radius_dynamic_answer(dynamic, RADIUS_ERROR_NO_SESSION, &reply);
	reply_check(45, 503);
	counted(RADIUS_DYNAMIC_dynamic_refused, 1);
}

/* It is done once, whatever the answer was. */
static void a_repetition_is_answered_as_before(void **state)
{
	struct radius_dynamic_reply first;

	(void)state;
	begin(40);
	add(1, "anna", 4);
	assert_int_equal(take_sealed(), RADIUS_DYNAMIC_ACT);
	radius_dynamic_answer(dynamic, RADIUS_ERROR_NONE, &reply);
	first = reply;
	memset(&reply, 0, sizeof(reply));
	assert_int_equal(take(), RADIUS_DYNAMIC_REPLY);
	assert_int_equal(reply.length, first.length);
	assert_memory_equal(reply.bytes, first.bytes, first.length);
	counted(RADIUS_DYNAMIC_dynamic_repeated, 1);
	packet[1] = 8; /* the same with another identifier is another request */
	memset(packet + 4, 0, 16);
	assert_int_equal(take_sealed(), RADIUS_DYNAMIC_ACT);
}

static void what_we_cannot_do_is_refused(void **state)
{
	static const struct {
		uint8_t code;
		uint8_t type;
		const char *value;
		size_t length;
		uint32_t error;
	} rows[] = {
		{43, 6, "\0\0\0\1", 4, 401},               /* Service-Type */
		{43, 26, "\0\0\x01\x37\x01\x03x", 7, 401}, /* somebody's own */
		{40, 27, "\0\0\0\1", 4, 401},              /* a Disconnect changes nothing */
		{43, 27, "\0\0\1", 3, 407},
		{43, 28, "\0\0\0\0\1", 5, 407},
		{40, 8, "\0\0\0\0", 4, 407},
		{40, 5, "\xff\xff\xff\xff", 4, 407},
		{40, 31, "", 0, 407},
		{40, 32, "other", 5, 403},
		{40, 4, "\xc0\0\2\2", 4, 403},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(rows[i].code);
		add(1, "anna", 4);
		add(rows[i].type, rows[i].value, rows[i].length);
		assert_int_equal(take_sealed(), RADIUS_DYNAMIC_REPLY);
		reply_check((uint8_t)(rows[i].code + 2), rows[i].error);
	}
	begin(40); /* whose session? */
	add(32, "lns", 3);
	assert_int_equal(take_sealed(), RADIUS_DYNAMIC_REPLY);
	reply_check(42, 402);
	begin(43); /* change what? */
	add(1, "anna", 4);
	assert_int_equal(take_sealed(), RADIUS_DYNAMIC_REPLY);
	reply_check(45, 402);
}

static void strangers_are_not_answered(void **state)
{
	(void)state;
	begin(40);
	add(1, "anna", 4);
	seal("wrong");
	assert_int_equal(take(), RADIUS_DYNAMIC_IGNORE);
	counted(RADIUS_DYNAMIC_dynamic_wrong_authenticator, 1);
	begin(40);
	add(80, "0123456789abcdef", 16); /* a Message-Authenticator that is wrong */
	add(1, "anna", 4);
	assert_int_equal(take_sealed(), RADIUS_DYNAMIC_IGNORE);
	counted(RADIUS_DYNAMIC_dynamic_wrong_authenticator, 2);
	server = endpoint_ipv4(htonl(0xc6336406), 40000);
	begin(40);
	add(1, "anna", 4);
	assert_int_equal(take_sealed(), RADIUS_DYNAMIC_IGNORE);
	counted(RADIUS_DYNAMIC_dynamic_unknown_source, 1);
}

static void old_requests_are_not_done(void **state)
{
	static const uint32_t times[] = {NOW - 300, NOW + 300};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin(40);
		add(1, "anna", 4);
		add_number(55, times[i]);
		assert_int_equal(take_sealed(), RADIUS_DYNAMIC_IGNORE);
		counted(RADIUS_DYNAMIC_dynamic_stale, i + 1);
	}
}

/* Cut at every length, and with each byte changed: never done. */
static void broken_requests_are_not_done(void **state)
{
	size_t whole;

	(void)state;
	begin(40);
	add(1, "anna", 4);
	add_number(8, 0x0a140707);
	seal(SECRET);
	whole = packet_length;
	for (packet_length = 1; packet_length < whole; packet_length++)
		assert_int_equal(take(), RADIUS_DYNAMIC_IGNORE);
	for (size_t i = 0; i < whole; i++) {
		packet[i] ^= 1;
		assert_int_equal(take(), RADIUS_DYNAMIC_IGNORE);
		packet[i] ^= 1;
	}
	assert_int_equal(take(), RADIUS_DYNAMIC_ACT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_disconnect_names_a_session, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_change_says_what, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_repetition_is_answered_as_before, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_we_cannot_do_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(strangers_are_not_answered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(old_requests_are_not_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(broken_requests_are_not_done, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
