/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/digest.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

static const EVP_MD *digest_of(enum digest_kind kind)
{
	switch (kind) {
	case DIGEST_MD5:
		return EVP_md5();
	case DIGEST_SHA1:
		return EVP_sha1();
	case DIGEST_SHA2_256:
		return EVP_sha256();
	case DIGEST_SHA2_384:
		return EVP_sha384();
	default:
		return EVP_sha512();
	}
}

size_t digest_bytes(enum digest_kind kind)
{
	static const uint8_t bytes[DIGEST_COUNT] = {16, 20, 32, 48, 64};

	return bytes[kind];
}

static size_t digest_block_bytes(enum digest_kind kind)
{
	return kind >= DIGEST_SHA2_384 ? 128 : 64;
}

/* Hash of the parts in order with a context that is set up for it. */
static bool pass(EVP_MD_CTX *context, const struct digest_part *parts, size_t count, uint8_t *out)
{
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(context, parts[i].bytes, parts[i].length);
	return ok && EVP_DigestFinal_ex(context, out, NULL);
}

int digest_compute(enum digest_kind kind, const struct digest_part *parts, size_t count,
		   uint8_t *out)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context != NULL && EVP_DigestInit_ex(context, digest_of(kind), NULL) &&
		  pass(context, parts, count, out);

	EVP_MD_CTX_free(context);
	return ok ? 0 : -EIO;
}

/* The key as one block, hashed first if it is longer. */
static bool key_block(EVP_MD_CTX *context, const void *key, size_t key_bytes, size_t block,
		      uint8_t *pad)
{
	if (key_bytes > block)
		return pass(context, &(struct digest_part){key, key_bytes}, 1, pad) &&
		       EVP_DigestInit_ex(context, NULL, NULL);
	if (key_bytes != 0)
		memcpy(pad, key, key_bytes);
	return true;
}

/* OpenSSL looks a hash up when it is named: so it is named once, then only begun again. */
int digest_hmac(enum digest_kind kind, const void *key, size_t key_bytes,
		const struct digest_part *parts, size_t count, uint8_t *out)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t pad[128] = {0};
	uint8_t inner[DIGEST_BYTES_MAX];
	size_t block = digest_block_bytes(kind);
	bool ok = context != NULL && EVP_DigestInit_ex(context, digest_of(kind), NULL) &&
		  key_block(context, key, key_bytes, block, pad);

	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36;
	ok = ok && EVP_DigestUpdate(context, pad, block) && pass(context, parts, count, inner) &&
	     EVP_DigestInit_ex(context, NULL, NULL);
	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	ok = ok && EVP_DigestUpdate(context, pad, block) &&
	     EVP_DigestUpdate(context, inner, digest_bytes(kind)) &&
	     EVP_DigestFinal_ex(context, out, NULL);
	EVP_MD_CTX_free(context);
	memory_wipe(pad, sizeof(pad));
	memory_wipe(inner, sizeof(inner));
	return ok ? 0 : -EIO;
}
