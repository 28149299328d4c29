/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/authentication.h"

#include "base/memory.h"
#include "crypto/digest.h"

int l2tp_authentication_respond(struct secret secret, uint8_t type, const uint8_t *challenge,
				size_t challenge_bytes, uint8_t response[CHALLENGE_RESPONSE_BYTES])
{
	struct digest_part parts[3] = {
		{&type, 1},
		{secret.bytes, secret.length},
		{challenge, challenge_bytes},
	};

	return digest_compute(DIGEST_MD5, parts, 3, response);
}

bool l2tp_authentication_verify(struct secret secret, uint8_t type, const uint8_t *challenge,
				size_t challenge_bytes,
				const uint8_t response[CHALLENGE_RESPONSE_BYTES])
{
	uint8_t expected[CHALLENGE_RESPONSE_BYTES];
	bool equal = l2tp_authentication_respond(secret, type, challenge, challenge_bytes,
						 expected) == 0 &&
		     memory_equal_constant_time(expected, response, sizeof(expected));

	memory_wipe(expected, sizeof(expected));
	return equal;
}
