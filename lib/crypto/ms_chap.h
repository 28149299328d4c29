/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_MS_CHAP_H
#define CRYPTO_MS_CHAP_H

/*
 * The arithmetic of MS-CHAPv2 (RFC 2759 8). MD4 and DES live in OpenSSL's legacy provider, which is
 * loaded into a library context of its own, so that nothing else can use them.
 */

#include <stddef.h>
#include <stdint.h>

struct ms_chap;

#define MS_CHAP_HASH_BYTES     16
#define MS_CHAP_RESPONSE_BYTES 24
#define MS_CHAP_SUCCESS_TEXT   43 /* "S=", 40 digits, NUL */

/* Loads the provider; NULL if OpenSSL has none (errno ENOTSUP). */
struct ms_chap *ms_chap_new(void);
void ms_chap_free(struct ms_chap *ms_chap);

/* NtPasswordHash: MD4 of the password in UTF-16LE; `password` is UTF-8. 0 or -errno. */
int ms_chap_password_hash(struct ms_chap *ms_chap, const char *password,
			  uint8_t hash[MS_CHAP_HASH_BYTES]);

/*
 * GenerateNTResponse. `user_name` may carry "DOMAIN\" in front, which the hash leaves out (RFC 2759
 * 8.2). 0 or -errno.
 */
int ms_chap_nt_response(struct ms_chap *ms_chap, const uint8_t authenticator_challenge[16],
			const uint8_t peer_challenge[16], const char *user_name,
			const uint8_t password_hash[MS_CHAP_HASH_BYTES],
			uint8_t response[MS_CHAP_RESPONSE_BYTES]);

/* GenerateAuthenticatorResponse: "S=" and 40 upper-case hexadecimal digits. 0 or -errno. */
int ms_chap_authenticator_response(struct ms_chap *ms_chap,
				   const uint8_t password_hash[MS_CHAP_HASH_BYTES],
				   const uint8_t nt_response[MS_CHAP_RESPONSE_BYTES],
				   const uint8_t peer_challenge[16],
				   const uint8_t authenticator_challenge[16], const char *user_name,
				   char success[MS_CHAP_SUCCESS_TEXT]);

#endif
