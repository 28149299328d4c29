/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius/packet.h"
#include "radius_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET "xyzzy5461"

static const struct radius_secret secret = {(const uint8_t *)SECRET, sizeof(SECRET) - 1};

/* RFC 2865 7.1: user nemo logs in with the password arctangent. */
static const uint8_t rfc_authenticator[16] = {0x0f, 0x40, 0x3f, 0x94, 0x73, 0x97, 0x80, 0x57,
					      0xbd, 0x83, 0xd5, 0xcb, 0x98, 0xf4, 0x22, 0x7a};
static const uint8_t rfc_user_password[18] = {0x02, 0x12, 0x0d, 0xbe, 0x70, 0x8d, 0x93, 0xd4, 0x13,
					      0xce, 0x31, 0x96, 0xe4, 0x3f, 0x78, 0x2a, 0x0a, 0xee};
static const uint8_t rfc_accept[38] = {0x02, 0x00, 0x00, 0x26, 0x86, 0xfe, 0x22, 0x0e, 0x76, 0x24,
				       0xba, 0x2a, 0x10, 0x05, 0xf6, 0xbf, 0x9b, 0x55, 0xe0, 0xb2,
				       0x06, 0x06, 0x00, 0x00, 0x00, 0x01, 0x0f, 0x06, 0x00, 0x00,
				       0x00, 0x00, 0x0e, 0x06, 0xc0, 0xa8, 0x01, 0x03};

static struct radius_outgoing request_of(const char *password)
{
	return (struct radius_outgoing){
		.code = RADIUS_ACCESS_REQUEST,
		.identifier = 0,
		.authenticator = rfc_authenticator,
		.password = (const uint8_t *)password,
		.password_bytes = password != NULL ? strlen(password) : 0,
	};
}

static void password_is_hidden_as_in_rfc_2865(void **state)
{
	const struct radius_outgoing outgoing = request_of("arctangent");
	uint8_t packet[RADIUS_PACKET_BYTES_MAX];
	size_t length = radius_packet_write(&outgoing, &secret, packet);

	(void)state;
	assert_int_equal(length, 20 + 18 + 18);
	assert_memory_equal(packet + 38, rfc_user_password, sizeof(rfc_user_password));
	assert_true(request_is_signed(packet, length, SECRET));
}

static void passwords_of_several_blocks_are_chained(void **state)
{
	char password[129];
	struct radius_outgoing outgoing;
	uint8_t packet[RADIUS_PACKET_BYTES_MAX];

	(void)state;
	memset(password, 'p', sizeof(password));
	password[17] = '\0';
	outgoing = request_of(password);
	assert_int_equal(radius_packet_write(&outgoing, &secret, packet), 20 + 18 + 2 + 32);
	assert_memory_not_equal(packet + 40, packet + 56, 16);
	outgoing = request_of("");
	assert_int_equal(radius_packet_write(&outgoing, &secret, packet), 20 + 18 + 2 + 16);
	password[17] = 'p';
	password[128] = '\0';
	outgoing = request_of(password);
	assert_int_equal(radius_packet_write(&outgoing, &secret, packet), 20 + 18 + 2 + 128);
	outgoing.password_bytes = 129;
	assert_int_equal(radius_packet_write(&outgoing, &secret, packet), 0);
}

static void reply_of_rfc_2865_lacks_only_message_authenticator(void **state)
{
	uint8_t changed[sizeof(rfc_accept)];
	struct radius_packet packet;

	(void)state;
	assert_int_equal(radius_packet_read(rfc_accept, sizeof(rfc_accept), &packet), 0);
	assert_int_equal(packet.code, RADIUS_ACCESS_ACCEPT);
	assert_int_equal(radius_packet_verify(&packet, rfc_authenticator, &secret),
			 RADIUS_BAD_radius_no_message_authenticator);
	memcpy(changed, rfc_accept, sizeof(changed));
	changed[sizeof(changed) - 1] ^= 1;
	assert_int_equal(radius_packet_read(changed, sizeof(changed), &packet), 0);
	assert_int_equal(radius_packet_verify(&packet, rfc_authenticator, &secret),
			 RADIUS_BAD_radius_wrong_authenticator);
}

static void replies_are_verified(void **state)
{
	static const enum radius_bad expected[] = {
		[REPLY_RIGHT] = RADIUS_BAD_COUNT,
		[REPLY_WRONG_SECRET] = RADIUS_BAD_radius_wrong_authenticator,
		[REPLY_NO_MESSAGE_AUTHENTICATOR] = RADIUS_BAD_radius_no_message_authenticator,
		[REPLY_WRONG_MESSAGE_AUTHENTICATOR] = RADIUS_BAD_radius_wrong_message_authenticator,
	};
	static const uint8_t attributes[] = {8, 6, 10, 0, 0, 1};
	const struct radius_outgoing outgoing = request_of(NULL);
	uint8_t request[RADIUS_PACKET_BYTES_MAX], reply[REPLY_BYTES];
	struct radius_packet packet;

	(void)state;
	assert_int_equal(radius_packet_write(&outgoing, &secret, request), 38);
	for (int fault = REPLY_RIGHT; fault <= REPLY_WRONG_MESSAGE_AUTHENTICATOR; fault++) {
		size_t length = reply_make(request, RADIUS_ACCESS_ACCEPT, SECRET, attributes,
					   sizeof(attributes), fault, reply);

		assert_int_equal(radius_packet_read(reply, length, &packet), 0);
		assert_int_equal(radius_packet_verify(&packet, request + 4, &secret),
				 expected[fault]);
	}
}

/* What is cut anywhere, or has a length that lies, is not read; padding behind the length is. */
static void lengths_are_checked(void **state)
{
	uint8_t bytes[sizeof(rfc_accept) + 3] = {0};
	struct radius_packet packet;

	(void)state;
	memcpy(bytes, rfc_accept, sizeof(rfc_accept));
	for (size_t length = 0; length < sizeof(rfc_accept); length++)
		assert_int_equal(radius_packet_read(rfc_accept, length, &packet), -EBADMSG);
	assert_int_equal(radius_packet_read(bytes, sizeof(bytes), &packet), 0);
	assert_int_equal(packet.length, sizeof(rfc_accept));
	bytes[21] = 1;
	assert_int_equal(radius_packet_read(bytes, sizeof(bytes), &packet), -EBADMSG);
	bytes[21] = 19;
	assert_int_equal(radius_packet_read(bytes, sizeof(bytes), &packet), -EBADMSG);
	bytes[21] = 6;
	bytes[20] = RADIUS_MESSAGE_AUTHENTICATOR;
	assert_int_equal(radius_packet_read(bytes, sizeof(bytes), &packet), -EBADMSG);
}

static void vendor_attributes_are_taken_apart(void **state)
{
	uint8_t bytes[128];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct radius_reader reader = {0};
	struct radius_attribute attribute;
	static const uint8_t two[] = {26, 14, 0, 0, 1, 55, 28, 4, 1, 2, 29, 4, 3, 4};
	static const uint8_t broken[] = {26, 9, 0, 0, 1, 55, 28, 9, 1};

	(void)state;
	radius_attribute_write_text(&w, RADIUS_USER_NAME, "nemo");
	radius_attribute_write_microsoft(&w, RADIUS_MS_CHAP_CHALLENGE, "0123456789abcdef", 16);
	writer_bytes(&w, broken, sizeof(broken));
	writer_bytes(&w, two, sizeof(two));
	radius_attribute_write_u32(&w, RADIUS_SESSION_TIMEOUT, 77);
	assert_false(writer_failed(&w));
	reader.attributes = cursor_over(bytes, writer_length(&w));
	assert_true(radius_attribute_next(&reader, &attribute));
	assert_int_equal(attribute.type, RADIUS_USER_NAME);
	assert_int_equal(attribute.vendor, 0);
	assert_memory_equal(attribute.value.at, "nemo", 4);
	assert_true(radius_attribute_next(&reader, &attribute));
	assert_int_equal(attribute.vendor, RADIUS_VENDOR_MICROSOFT);
	assert_int_equal(attribute.type, RADIUS_MS_CHAP_CHALLENGE);
	assert_int_equal(cursor_left(&attribute.value), 16);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(radius_attribute_next(&reader, &attribute));
		assert_int_equal(attribute.type, RADIUS_MS_PRIMARY_DNS_SERVER + i);
		assert_int_equal(cursor_u8(&attribute.value), 1 + 2 * i);
	}
	assert_true(radius_attribute_next(&reader, &attribute));
	assert_int_equal(attribute.type, RADIUS_SESSION_TIMEOUT);
	assert_int_equal(cursor_u32(&attribute.value), 77);
	assert_false(radius_attribute_next(&reader, &attribute));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(password_is_hidden_as_in_rfc_2865),
		cmocka_unit_test(passwords_of_several_blocks_are_chained),
		cmocka_unit_test(reply_of_rfc_2865_lacks_only_message_authenticator),
		cmocka_unit_test(replies_are_verified),
		cmocka_unit_test(lengths_are_checked),
		cmocka_unit_test(vendor_attributes_are_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
