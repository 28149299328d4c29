/* SPDX-License-Identifier: BSD-3-Clause */
#include "aaa/aaa.h"

#include "base/memory.h"
#include "crypto/digest.h"
#include "crypto/ms_chap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MD5_BYTES                 16
#define MS_CHAP_V2_CHALLENGE      16
#define MS_CHAP_V2_RESPONSE_BYTES 49
#define MS_CHAP_V2_NT_RESPONSE    24 /* offset: peer challenge 16, reserved 8 */

struct aaa {
	struct users *users;
	struct ms_chap *ms_chap;
};

struct aaa *aaa_new(struct users *users)
{
	struct aaa *aaa = memory_new(sizeof(*aaa));

	aaa->users = users;
	aaa->ms_chap = ms_chap_new();
	if (aaa->ms_chap == NULL) {
		aaa_free(aaa);
		errno = ENOTSUP;
		return NULL;
	}
	return aaa;
}

void aaa_free(struct aaa *aaa)
{
	if (aaa == NULL)
		return;
	aaa_users_free(aaa->users);
	ms_chap_free(aaa->ms_chap);
	free(aaa);
}

void aaa_replace_users(struct aaa *aaa, struct users *users)
{
	aaa_users_free(aaa->users);
	aaa->users = users;
}

/* Both sides as blocks of one size, so that time tells nothing about the length. */
static bool pap_verify(const struct aaa_request *request, const char *password)
{
	uint8_t ours[USER_PASSWORD_BYTES] = {0};
	uint8_t theirs[USER_PASSWORD_BYTES] = {0};
	size_t length = strlen(password);
	bool equal;

	if (request->password_bytes > sizeof(theirs))
		return false;
	memcpy(ours, password, length);
	if (request->password_bytes != 0)
		memcpy(theirs, request->password, request->password_bytes);
	equal = memory_equal_constant_time(ours, theirs, sizeof(ours)) &
		(length == request->password_bytes);
	memory_wipe(ours, sizeof(ours));
	memory_wipe(theirs, sizeof(theirs));
	return equal;
}

static bool chap_md5_verify(const struct aaa_request *request, const char *password)
{
	struct digest_part parts[3] = {{&request->identifier, 1},
				       {password, strlen(password)},
				       {request->challenge, request->challenge_bytes}};
	uint8_t expected[DIGEST_BYTES_MAX];
	bool equal;

	if (request->response_bytes != MD5_BYTES ||
	    digest_compute(DIGEST_MD5, parts, 3, expected) != 0)
		return false;
	equal = memory_equal_constant_time(expected, request->response, MD5_BYTES);
	memory_wipe(expected, sizeof(expected));
	return equal;
}

static bool ms_chap_v2_verify(struct aaa *aaa, const struct aaa_request *request,
			      const char *password, char success[MS_CHAP_SUCCESS_TEXT])
{
	const uint8_t *peer_challenge = request->response;
	uint8_t expected[MS_CHAP_RESPONSE_BYTES];
	uint8_t hash[MS_CHAP_HASH_BYTES];
	bool equal = false;

	if (request->response_bytes != MS_CHAP_V2_RESPONSE_BYTES ||
	    request->challenge_bytes != MS_CHAP_V2_CHALLENGE)
		return false;
	if (ms_chap_password_hash(aaa->ms_chap, password, hash) == 0 &&
	    ms_chap_nt_response(aaa->ms_chap, request->challenge, peer_challenge,
				request->user_name, hash, expected) == 0 &&
	    ms_chap_authenticator_response(aaa->ms_chap, hash, expected, peer_challenge,
					   request->challenge, request->user_name, success) == 0)
		equal = memory_equal_constant_time(
			expected, request->response + MS_CHAP_V2_NT_RESPONSE, sizeof(expected));
	memory_wipe(hash, sizeof(hash));
	memory_wipe(expected, sizeof(expected));
	return equal;
}

static bool password_verify(struct aaa *aaa, const struct aaa_request *request,
			    const char *password, char *success)
{
	switch (request->method) {
	case AAA_METHOD_PAP:
		return pap_verify(request, password);
	case AAA_METHOD_CHAP_MD5:
		return chap_md5_verify(request, password);
	case AAA_METHOD_MS_CHAP_V2:
		return ms_chap_v2_verify(aaa, request, password, success);
	default:
		return false;
	}
}

/* Both look-ups are always made. */
static const struct user *user_find(const struct aaa *aaa, const char *name)
{
	const char *separator = strrchr(name, '\\');
	const struct user *whole = aaa_users_find(aaa->users, name);
	const struct user *bare =
		aaa_users_find(aaa->users, separator == NULL ? name : separator + 1);

	return whole != NULL ? whole : bare;
}

void aaa_verify(struct aaa *aaa, const struct aaa_request *request, struct aaa_answer *answer)
{
	static const struct user nobody = {.name = "", .password = "no password at all"};
	char success[MS_CHAP_SUCCESS_TEXT] = "";
	const struct user *user;
	bool right;

	memset(answer, 0, sizeof(*answer));
	if (request->method == AAA_METHOD_NONE) {
		answer->accepted = true;
		return;
	}
	user = user_find(aaa, request->user_name);
	right = password_verify(aaa, request, user == NULL ? nobody.password : user->password,
				success);
	if (user != NULL && right) {
		answer->accepted = true;
		answer->address_be = user->address_be;
		memcpy(answer->success, success, sizeof(success));
	} else {
		answer->cause = user == NULL ? CAUSE_unknown_user : CAUSE_wrong_password;
	}
	memory_wipe(success, sizeof(success));
}
