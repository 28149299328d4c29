/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/block_cipher.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>

size_t block_cipher_block_bytes(enum block_cipher cipher)
{
	return cipher == BLOCK_CIPHER_AES_CBC ? 16 : 8;
}

static const EVP_CIPHER *cipher_of(enum block_cipher cipher, size_t key_bytes)
{
	if (cipher == BLOCK_CIPHER_3DES_CBC)
		return key_bytes == 24 ? EVP_des_ede3_cbc() : NULL;
	switch (key_bytes) {
	case 16:
		return EVP_aes_128_cbc();
	case 24:
		return EVP_aes_192_cbc();
	case 32:
		return EVP_aes_256_cbc();
	default:
		return NULL;
	}
}

int block_cipher_run(enum block_cipher cipher, bool encrypt, const uint8_t *key, size_t key_bytes,
		     const uint8_t *iv, const uint8_t *in, uint8_t *out, size_t length)
{
	const EVP_CIPHER *evp = cipher_of(cipher, key_bytes);
	EVP_CIPHER_CTX *context;
	int written;
	bool ok;

	if (evp == NULL || length > INT_MAX || length % block_cipher_block_bytes(cipher) != 0)
		return -EINVAL;
	context = EVP_CIPHER_CTX_new();
	ok = context != NULL && EVP_CipherInit_ex(context, evp, NULL, key, iv, encrypt) &&
	     EVP_CIPHER_CTX_set_padding(context, 0) &&
	     EVP_CipherUpdate(context, out, &written, in, (int)length) && (size_t)written == length;
	EVP_CIPHER_CTX_free(context);
	return ok ? 0 : -EIO;
}
