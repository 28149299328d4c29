/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/ms_chap.h"

#include "base/memory.h"
#include "crypto/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_UTF16_MAX 512 /* bytes: 256 characters (RFC 2759 8.3) */
#define DES_KEY_BITS_BYTES 7
#define DES_BLOCK_BYTES    8

struct ms_chap {
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *legacy;
	EVP_MD *md4;
	EVP_CIPHER *des;
};

struct ms_chap *ms_chap_new(void)
{
	struct ms_chap *ms_chap = memory_new(sizeof(*ms_chap));

	ms_chap->library = OSSL_LIB_CTX_new();
	if (ms_chap->library != NULL)
		ms_chap->legacy = OSSL_PROVIDER_load(ms_chap->library, "legacy");
	if (ms_chap->legacy != NULL) {
		ms_chap->md4 = EVP_MD_fetch(ms_chap->library, "MD4", NULL);
		ms_chap->des = EVP_CIPHER_fetch(ms_chap->library, "DES-ECB", NULL);
	}
	if (ms_chap->md4 == NULL || ms_chap->des == NULL) {
		ms_chap_free(ms_chap);
		errno = ENOTSUP;
		return NULL;
	}
	return ms_chap;
}

void ms_chap_free(struct ms_chap *ms_chap)
{
	if (ms_chap == NULL)
		return;
	EVP_MD_free(ms_chap->md4);
	EVP_CIPHER_free(ms_chap->des);
	if (ms_chap->legacy != NULL)
		OSSL_PROVIDER_unload(ms_chap->legacy);
	OSSL_LIB_CTX_free(ms_chap->library);
	free(ms_chap);
}

/*
 * The character at `*text`, which moves behind it; -EINVAL for what is not UTF-8: a stray or
 * missing continuation byte, an overlong form, a surrogate, or more than U+10FFFF.
 */
static int32_t character_take(const uint8_t **text)
{
	static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint8_t first = *(*text)++;
	int continuations = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
	int32_t character;

	if (first < 0x80)
		return first;
	if (first < 0xc0 || first > 0xf7)
		return -EINVAL;
	character = first & (0x3f >> continuations);
	for (int i = 0; i < continuations; i++) {
		if ((**text & 0xc0) != 0x80)
			return -EINVAL;
		character = character << 6 | (*(*text)++ & 0x3f);
	}
	if (character < least[continuations] || character > 0x10ffff ||
	    (character >= 0xd800 && character < 0xe000))
		return -EINVAL;
	return character;
}

static size_t unit_write(uint8_t *to, uint32_t unit)
{
	to[0] = (uint8_t)unit;
	to[1] = (uint8_t)(unit >> 8);
	return 2;
}

/* UTF-16LE; returns the length in bytes, -EINVAL, or -E2BIG. */
static int utf16_of(const char *password, uint8_t utf16[PASSWORD_UTF16_MAX])
{
	const uint8_t *text = (const uint8_t *)password;
	size_t length = 0;

	while (*text != 0) {
		int32_t character = character_take(&text);

		if (character < 0)
			return character;
		if (length + 4 > PASSWORD_UTF16_MAX)
			return -E2BIG;
		if (character < 0x10000) {
			length += unit_write(utf16 + length, (uint32_t)character);
		} else {
			character -= 0x10000;
			length += unit_write(utf16 + length, 0xd800u + ((uint32_t)character >> 10));
			length += unit_write(utf16 + length, 0xdc00u + (character & 0x3ff));
		}
	}
	return (int)length;
}

static int md4(struct ms_chap *ms_chap, const void *bytes, size_t length,
	       uint8_t hash[MS_CHAP_HASH_BYTES])
{
	return EVP_Digest(bytes, length, hash, NULL, ms_chap->md4, NULL) == 1 ? 0 : -EIO;
}

int ms_chap_password_hash(struct ms_chap *ms_chap, const char *password,
			  uint8_t hash[MS_CHAP_HASH_BYTES])
{
	uint8_t utf16[PASSWORD_UTF16_MAX];
	int length = utf16_of(password, utf16);
	int error = length < 0 ? length : md4(ms_chap, utf16, (size_t)length, hash);

	memory_wipe(utf16, sizeof(utf16));
	return error;
}

/* RFC 2759 8.2: the first eight bytes of SHA1(peer challenge, our challenge, name). */
static int challenge_hash(const uint8_t peer_challenge[16],
			  const uint8_t authenticator_challenge[16], const char *user_name,
			  uint8_t challenge[DES_BLOCK_BYTES])
{
	const char *separator = strrchr(user_name, '\\');
	const char *name = separator == NULL ? user_name : separator + 1;
	struct digest_part parts[3] = {
		{peer_challenge, 16}, {authenticator_challenge, 16}, {name, strlen(name)}};
	uint8_t digest[DIGEST_BYTES_MAX];
	int error = digest_compute(DIGEST_SHA1, parts, 3, digest);

	memcpy(challenge, digest, DES_BLOCK_BYTES);
	return error;
}

/* Spreads 56 bits over eight bytes; DES ignores the parity bits. */
static void des_key_spread(const uint8_t bits[DES_KEY_BITS_BYTES], uint8_t key[DES_BLOCK_BYTES])
{
	uint64_t all = 0;

	for (int i = 0; i < DES_KEY_BITS_BYTES; i++)
		all = all << 8 | bits[i];
	for (int i = DES_BLOCK_BYTES - 1; i >= 0; i--) {
		key[i] = (uint8_t)(all << 1);
		all >>= 7;
	}
	memory_wipe(&all, sizeof(all));
}

static int des_encrypt(struct ms_chap *ms_chap, const uint8_t bits[DES_KEY_BITS_BYTES],
		       const uint8_t clear[DES_BLOCK_BYTES], uint8_t cipher[DES_BLOCK_BYTES])
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t key[DES_BLOCK_BYTES];
	int length = 0;
	bool ok;

	des_key_spread(bits, key);
	ok = context != NULL && EVP_EncryptInit_ex2(context, ms_chap->des, key, NULL, NULL) == 1 &&
	     EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
	     EVP_EncryptUpdate(context, cipher, &length, clear, DES_BLOCK_BYTES) == 1;
	EVP_CIPHER_CTX_free(context);
	memory_wipe(key, sizeof(key));
	return ok && length == DES_BLOCK_BYTES ? 0 : -EIO;
}

int ms_chap_nt_response(struct ms_chap *ms_chap, const uint8_t authenticator_challenge[16],
			const uint8_t peer_challenge[16], const char *user_name,
			const uint8_t password_hash[MS_CHAP_HASH_BYTES],
			uint8_t response[MS_CHAP_RESPONSE_BYTES])
{
	uint8_t keys[3 * DES_KEY_BITS_BYTES] = {0};
	uint8_t challenge[DES_BLOCK_BYTES];
	int error = challenge_hash(peer_challenge, authenticator_challenge, user_name, challenge);

	memcpy(keys, password_hash, MS_CHAP_HASH_BYTES);
	for (int i = 0; i < 3 && error == 0; i++)
		error = des_encrypt(ms_chap, keys + i * DES_KEY_BITS_BYTES, challenge,
				    response + i * DES_BLOCK_BYTES);
	memory_wipe(keys, sizeof(keys));
	return error;
}

/* RFC 2759 8.7. */
int ms_chap_authenticator_response(struct ms_chap *ms_chap,
				   const uint8_t password_hash[MS_CHAP_HASH_BYTES],
				   const uint8_t nt_response[MS_CHAP_RESPONSE_BYTES],
				   const uint8_t peer_challenge[16],
				   const uint8_t authenticator_challenge[16], const char *user_name,
				   char success[MS_CHAP_SUCCESS_TEXT])
{
	static const char magic1[] = "Magic server to client signing constant";
	static const char magic2[] = "Pad to make it do more than one iteration";
	uint8_t hash_hash[MS_CHAP_HASH_BYTES];
	uint8_t challenge[DES_BLOCK_BYTES];
	uint8_t digest[DIGEST_BYTES_MAX];
	uint8_t last[DIGEST_BYTES_MAX];
	struct digest_part first[3] = {{hash_hash, sizeof(hash_hash)},
				       {nt_response, MS_CHAP_RESPONSE_BYTES},
				       {magic1, sizeof(magic1) - 1}};
	struct digest_part second[3] = {
		{digest, 20}, {challenge, sizeof(challenge)}, {magic2, sizeof(magic2) - 1}};
	int error = md4(ms_chap, password_hash, MS_CHAP_HASH_BYTES, hash_hash);

	if (error == 0)
		error = challenge_hash(peer_challenge, authenticator_challenge, user_name,
				       challenge);
	if (error == 0)
		error = digest_compute(DIGEST_SHA1, first, 3, digest);
	if (error == 0)
		error = digest_compute(DIGEST_SHA1, second, 3, last);
	memcpy(success, "S=", 3);
	for (size_t i = 0; i < 20 && error == 0; i++)
		snprintf(success + 2 + 2 * i, 3, "%02X", last[i]);
	memory_wipe(hash_hash, sizeof(hash_hash));
	memory_wipe(digest, sizeof(digest));
	return error;
}
