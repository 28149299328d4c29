/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/digest.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/evp.h>
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

int digest_compute(enum digest_kind kind, const struct digest_part *parts, size_t count,
		   uint8_t *out)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ok = context != NULL && EVP_DigestInit_ex(context, digest_of(kind), NULL);

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(context, parts[i].bytes, parts[i].length);
	ok = ok && EVP_DigestFinal_ex(context, out, NULL);
	EVP_MD_CTX_free(context);
	return ok ? 0 : -EIO;
}

/* One pass of HMAC: hash of (key xor pad) and the parts. */
static int hmac_pass(enum digest_kind kind, const uint8_t *pad, const struct digest_part *parts,
		     size_t count, uint8_t *out)
{
	struct digest_part all[17] = {{pad, digest_block_bytes(kind)}};

	if (count > 16)
		return -EINVAL;
	if (count != 0)
		memcpy(all + 1, parts, count * sizeof(*parts));
	return digest_compute(kind, all, count + 1, out);
}

int digest_hmac(enum digest_kind kind, const void *key, size_t key_bytes,
		const struct digest_part *parts, size_t count, uint8_t *out)
{
	uint8_t pad[128] = {0};
	uint8_t inner[DIGEST_BYTES_MAX];
	struct digest_part inner_part = {inner, digest_bytes(kind)};
	size_t block = digest_block_bytes(kind);
	int error = 0;

	if (key_bytes > block)
		error = digest_compute(kind, &(struct digest_part){key, key_bytes}, 1, pad);
	else if (key_bytes != 0)
		memcpy(pad, key, key_bytes);
	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36;
	if (error == 0)
		error = hmac_pass(kind, pad, parts, count, inner);
	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	if (error == 0)
		error = hmac_pass(kind, pad, &inner_part, 1, out);
	memory_wipe(pad, sizeof(pad));
	memory_wipe(inner, sizeof(inner));
	return error;
}
