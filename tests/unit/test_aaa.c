/* SPDX-License-Identifier: BSD-3-Clause */
#include "aaa/aaa.h"
#include "crypto/digest.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct users *parse(const char *text, char *error)
{
	return aaa_users_parse("users", text, strlen(text), error);
}

static void lines_are_read(void **state)
{
	char error[USERS_ERROR_BYTES] = "";
	struct users *users = parse("# comment\n"
				    "\n"
				    "anna secret\n"
				    "  bert\t\"two words\" 10.0.0.7 # fixed\r\n"
				    "\"Carl C\" \"a\\\"b\\\\c\"\n"
				    "dora pass#word\n"
				    "empty \"\"",
				    error);

	(void)state;
	assert_non_null(users);
	assert_int_equal(aaa_users_count(users), 5);
	assert_string_equal(aaa_users_find(users, "anna")->password, "secret");
	assert_int_equal(aaa_users_find(users, "anna")->address_be, 0);
	assert_string_equal(aaa_users_find(users, "bert")->password, "two words");
	assert_int_equal(aaa_users_find(users, "bert")->address_be, htonl(0x0a000007));
	assert_string_equal(aaa_users_find(users, "Carl C")->password, "a\"b\\c");
	assert_string_equal(aaa_users_find(users, "dora")->password, "pass#word");
	assert_string_equal(aaa_users_find(users, "empty")->password, "");
	assert_null(aaa_users_find(users, "Anna"));
	aaa_users_free(users);
}

static void mistakes_name_their_line(void **state)
{
	static const char *const wrong[][2] = {
		{"a b\nanna\n", "users:2: user \"anna\" has no password"},
		{"anna secret 10.0.0\n", "users:1: \"10.0.0\" is no IPv4 address"},
		{"anna secret 0.0.0.0\n", "users:1: \"0.0.0.0\" is no IPv4 address"},
		{"anna secret 10.0.0.1 x\n", "users:1: more than user, password and address"},
		{"anna \"secret\n", "users:1: closing quote is missing"},
		{"anna \"secret\"x\n", "users:1: text right behind a closing quote"},
		{"anna \"se\\cret\"\n", "users:1: a backslash stands only before \" or \\"},
		{"\"\" secret\n", "users:1: empty user name"},
		{"anna a\n\n\nanna b\n", "users:4: user \"anna\" is in line 1 already"},
		{"an\001na a\n", "users:1: control character in a word"},
	};
	char error[USERS_ERROR_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(parse(wrong[i][0], error));
		assert_string_equal(error, wrong[i][1]);
	}
}

static void long_words_are_refused(void **state)
{
	char error[USERS_ERROR_BYTES];
	char text[400] = "";

	(void)state;
	memset(text, 'a', 128);
	strcpy(text + 128, " secret\n");
	assert_null(parse(text, error));
	assert_non_null(strstr(error, "longer than 127 bytes"));
}

static void others_may_not_read_the_file(void **state)
{
	char path[] = "/tmp/test_aaa_XXXXXX";
	char error[USERS_ERROR_BYTES];
	int descriptor = mkstemp(path);
	struct users *users;

	(void)state;
	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, "anna secret\n", 12), 12);
	close(descriptor);
	users = aaa_users_read(path, error);
	assert_non_null(users);
	assert_int_equal(aaa_users_count(users), 1);
	aaa_users_free(users);
	chmod(path, 0640);
	assert_null(aaa_users_read(path, error));
	assert_non_null(strstr(error, "mode 0640"));
	chmod(path, 0604);
	assert_null(aaa_users_read(path, error));
	unlink(path);
	assert_null(aaa_users_read(path, error));
	assert_non_null(strstr(error, "No such file"));
	assert_null(aaa_users_read("/tmp", error));
}

static int setup(void **state)
{
	char error[USERS_ERROR_BYTES];
	struct users *users = parse("User clientPass 10.0.0.9\nanna \xff\xfe\n", error);

	*state = aaa_new(users);
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	aaa_free(*state);
	return 0;
}

static bool pap(struct aaa *aaa, const char *user, const char *password, struct aaa_answer *answer)
{
	const struct aaa_request request = {
		.method = AAA_METHOD_PAP,
		.user_name = user,
		.password = (const uint8_t *)password,
		.password_bytes = strlen(password),
	};

	aaa_verify(aaa, &request, answer);
	return answer->accepted;
}

static void pap_is_verified(void **state)
{
	struct aaa_answer answer;

	assert_true(pap(*state, "User", "clientPass", &answer));
	assert_int_equal(answer.address_be, htonl(0x0a000009));
	assert_string_equal(answer.success, "");
	assert_true(pap(*state, "BIGCO\\User", "clientPass", &answer));
	assert_false(pap(*state, "User", "clientpass", &answer));
	assert_int_equal(answer.address_be, 0);
	assert_false(pap(*state, "User", "clientPas", &answer));
	assert_false(pap(*state, "User", "clientPass1", &answer));
	assert_false(pap(*state, "User", "", &answer));
	assert_false(pap(*state, "nobody", "no password at all", &answer));
	assert_false(pap(*state, "", "no password at all", &answer));
}

static void chap_md5_is_verified(void **state)
{
	static const uint8_t challenge[16] = "0123456789abcdef";
	uint8_t identifier = 5;
	struct digest_part parts[] = {{&identifier, 1}, {"clientPass", 10}, {challenge, 16}};
	uint8_t response[DIGEST_BYTES_MAX];
	struct aaa_request request = {
		.method = AAA_METHOD_CHAP_MD5,
		.identifier = identifier,
		.user_name = "User",
		.challenge = challenge,
		.challenge_bytes = 16,
		.response = response,
		.response_bytes = 16,
	};
	struct aaa_answer answer;

	digest_compute(DIGEST_MD5, parts, 3, response);
	aaa_verify(*state, &request, &answer);
	assert_true(answer.accepted);
	request.identifier++;
	aaa_verify(*state, &request, &answer);
	assert_false(answer.accepted);
	request.identifier--;
	request.response_bytes = 15;
	aaa_verify(*state, &request, &answer);
	assert_false(answer.accepted);
}

/* RFC 2759 9.2 */
static void ms_chap_v2_is_verified(void **state)
{
	static const uint8_t challenge[16] = {0x5B, 0x5D, 0x7C, 0x7D, 0x7B, 0x3F, 0x2F, 0x3E,
					      0x3C, 0x2C, 0x60, 0x21, 0x32, 0x26, 0x26, 0x28};
	uint8_t response[49] = {0x21, 0x40, 0x23, 0x24, 0x25, 0x5E, 0x26, 0x2A, 0x28, 0x29,
				0x5F, 0x2B, 0x3A, 0x33, 0x7C, 0x7E, 0,    0,    0,    0,
				0,    0,    0,    0,    0x82, 0x30, 0x9E, 0xCD, 0x8D, 0x70,
				0x8B, 0x5E, 0xA0, 0x8F, 0xAA, 0x39, 0x81, 0xCD, 0x83, 0x54,
				0x42, 0x33, 0x11, 0x4A, 0x3D, 0x85, 0xD6, 0xDF, 0};
	struct aaa_request request = {
		.method = AAA_METHOD_MS_CHAP_V2,
		.user_name = "User",
		.challenge = challenge,
		.challenge_bytes = 16,
		.response = response,
		.response_bytes = 49,
	};
	struct aaa_answer answer;

	aaa_verify(*state, &request, &answer);
	assert_true(answer.accepted);
	assert_string_equal(answer.success, "S=407A5589115FD0D6209F510FE9C04566932CDA56");
	assert_int_equal(answer.address_be, htonl(0x0a000009));
	request.user_name = "anna"; /* her password is not UTF-8 */
	aaa_verify(*state, &request, &answer);
	assert_false(answer.accepted);
	request.user_name = "User";
	response[30] ^= 1;
	aaa_verify(*state, &request, &answer);
	assert_false(answer.accepted);
	assert_string_equal(answer.success, "");
}

static void users_are_replaced(void **state)
{
	char error[USERS_ERROR_BYTES];
	struct aaa *aaa = aaa_new(parse("anna one\n", error));
	struct aaa_answer answer;

	(void)state;
	assert_true(pap(aaa, "anna", "one", &answer));
	aaa_replace_users(aaa, parse("anna two\n", error));
	assert_false(pap(aaa, "anna", "one", &answer));
	assert_true(pap(aaa, "anna", "two", &answer));
	aaa_free(aaa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(mistakes_name_their_line),
		cmocka_unit_test(long_words_are_refused),
		cmocka_unit_test(others_may_not_read_the_file),
		cmocka_unit_test(pap_is_verified),
		cmocka_unit_test(chap_md5_is_verified),
		cmocka_unit_test(ms_chap_v2_is_verified),
		cmocka_unit_test(users_are_replaced),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
