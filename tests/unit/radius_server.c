/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius_server.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define HEADER 20
#define PROOF  18 /* Message-Authenticator with type and length */

static void proof_write(uint8_t *packet, size_t length, const char *secret, uint8_t *to)
{
	memset(to, 0, 16);
	HMAC(EVP_md5(), secret, (int)strlen(secret), packet, length, to, NULL);
}

size_t reply_make(const uint8_t *request, uint8_t code, const char *secret,
		  const uint8_t *attributes, size_t attributes_bytes, enum reply_fault fault,
		  uint8_t reply[REPLY_BYTES])
{
	size_t proof = fault == REPLY_NO_MESSAGE_AUTHENTICATOR ? 0 : PROOF;
	size_t length = HEADER + proof + attributes_bytes;
	const char *key = fault == REPLY_WRONG_SECRET ? "another" : secret;
	uint8_t signed_bytes[REPLY_BYTES + 64];

	reply[0] = code;
	reply[1] = request[1];
	reply[2] = (uint8_t)(length >> 8);
	reply[3] = (uint8_t)length;
	memcpy(reply + 4, request + 4, 16);
	memcpy(reply + HEADER + proof, attributes, attributes_bytes);
	if (proof != 0) {
		reply[HEADER] = 80;
		reply[HEADER + 1] = PROOF;
		proof_write(reply, length, key, reply + HEADER + 2);
	}
	if (fault == REPLY_WRONG_MESSAGE_AUTHENTICATOR)
		reply[HEADER + 2] ^= 1;
	memcpy(signed_bytes, reply, length);
	memcpy(signed_bytes + length, key, strlen(key));
	EVP_Digest(signed_bytes, length + strlen(key), reply + 4, NULL, EVP_md5(), NULL);
	return length;
}

bool request_is_signed(const uint8_t *request, size_t length, const char *secret)
{
	uint8_t copy[REPLY_BYTES], proof[16];

	if (length < HEADER + PROOF || request[HEADER] != 80 || request[HEADER + 1] != PROOF)
		return false;
	memcpy(copy, request, length);
	memcpy(proof, request + HEADER + 2, 16);
	proof_write(copy, length, secret, copy + HEADER + 2);
	return memcmp(proof, copy + HEADER + 2, 16) == 0;
}
