/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/ms_chap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* RFC 2759 9.2 */
static const uint8_t authenticator_challenge[16] = {0x5B, 0x5D, 0x7C, 0x7D, 0x7B, 0x3F, 0x2F, 0x3E,
						    0x3C, 0x2C, 0x60, 0x21, 0x32, 0x26, 0x26, 0x28};
static const uint8_t peer_challenge[16] = {0x21, 0x40, 0x23, 0x24, 0x25, 0x5E, 0x26, 0x2A,
					   0x28, 0x29, 0x5F, 0x2B, 0x3A, 0x33, 0x7C, 0x7E};
static const uint8_t nt_response[24] = {0x82, 0x30, 0x9E, 0xCD, 0x8D, 0x70, 0x8B, 0x5E,
					0xA0, 0x8F, 0xAA, 0x39, 0x81, 0xCD, 0x83, 0x54,
					0x42, 0x33, 0x11, 0x4A, 0x3D, 0x85, 0xD6, 0xDF};
static const uint8_t password_hash[16] = {0x44, 0xEB, 0xBA, 0x8D, 0x53, 0x12, 0xB8, 0xD6,
					  0x11, 0x47, 0x44, 0x11, 0xF5, 0x69, 0x89, 0xAE};

static int setup(void **state)
{
	*state = ms_chap_new();
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	ms_chap_free(*state);
	return 0;
}

static void password_hash_is_the_rfcs(void **state)
{
	uint8_t hash[MS_CHAP_HASH_BYTES];

	assert_int_equal(ms_chap_password_hash(*state, "clientPass", hash), 0);
	assert_memory_equal(hash, password_hash, sizeof(hash));
}

static void response_is_the_rfcs(void **state)
{
	uint8_t response[MS_CHAP_RESPONSE_BYTES];

	assert_int_equal(ms_chap_nt_response(*state, authenticator_challenge, peer_challenge,
					     "User", password_hash, response),
			 0);
	assert_memory_equal(response, nt_response, sizeof(response));
}

static void domain_is_left_out_of_the_hash(void **state)
{
	uint8_t response[MS_CHAP_RESPONSE_BYTES];

	assert_int_equal(ms_chap_nt_response(*state, authenticator_challenge, peer_challenge,
					     "BIGCO\\User", password_hash, response),
			 0);
	assert_memory_equal(response, nt_response, sizeof(response));
	assert_int_equal(ms_chap_nt_response(*state, authenticator_challenge, peer_challenge,
					     "user", password_hash, response),
			 0);
	assert_memory_not_equal(response, nt_response, sizeof(response));
}

static void authenticator_response_is_the_rfcs(void **state)
{
	char success[MS_CHAP_SUCCESS_TEXT];

	assert_int_equal(ms_chap_authenticator_response(*state, password_hash, nt_response,
							peer_challenge, authenticator_challenge,
							"User", success),
			 0);
	assert_string_equal(success, "S=407A5589115FD0D6209F510FE9C04566932CDA56");
}

/* The hash of one character, made with MD4 over the UTF-16LE that the comment names. */
static void password_is_utf8(void **state)
{
	uint8_t euro[MS_CHAP_HASH_BYTES];   /* AC 20 */
	uint8_t treble[MS_CHAP_HASH_BYTES]; /* 34 D8 1E DD */
	static const uint8_t md4_euro[16] = {0x03, 0x09, 0x26, 0xb7, 0x81, 0x93, 0x8d, 0xb4,
					     0x36, 0x5d, 0x46, 0xad, 0xc7, 0xcf, 0xbc, 0xb8};
	static const uint8_t md4_treble[16] = {0x78, 0xd5, 0x4e, 0xcb, 0x6c, 0xc7, 0xc8, 0x23,
					       0xf8, 0xb6, 0xd7, 0xac, 0xf6, 0x7b, 0xf6, 0x57};

	assert_int_equal(ms_chap_password_hash(*state, "\xe2\x82\xac", euro), 0);
	assert_memory_equal(euro, md4_euro, 16);
	assert_int_equal(ms_chap_password_hash(*state, "\xf0\x9d\x84\x9e", treble), 0);
	assert_memory_equal(treble, md4_treble, 16);
}

static void invalid_utf8_is_refused(void **state)
{
	static const char *const wrong[] = {
		"\x80",             /* a stray continuation */
		"\xc3",             /* cut short */
		"\xc3(",            /* not a continuation */
		"\xc0\xaf",         /* overlong */
		"\xe0\x80\xaf",     /* overlong */
		"\xed\xa0\x80",     /* a surrogate */
		"\xf4\x90\x80\x80", /* beyond U+10FFFF */
		"\xff",
	};
	uint8_t hash[MS_CHAP_HASH_BYTES];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ms_chap_password_hash(*state, wrong[i], hash), -EINVAL);
}

static void long_password_is_refused(void **state)
{
	uint8_t hash[MS_CHAP_HASH_BYTES];
	char password[300];

	memset(password, 'a', sizeof(password) - 1);
	password[sizeof(password) - 1] = '\0';
	assert_int_equal(ms_chap_password_hash(*state, password, hash), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(password_hash_is_the_rfcs),
		cmocka_unit_test(response_is_the_rfcs),
		cmocka_unit_test(domain_is_left_out_of_the_hash),
		cmocka_unit_test(authenticator_response_is_the_rfcs),
		cmocka_unit_test(password_is_utf8),
		cmocka_unit_test(invalid_utf8_is_refused),
		cmocka_unit_test(long_password_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
