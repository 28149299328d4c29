/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_BLOCK_CIPHER_H
#define CRYPTO_BLOCK_CIPHER_H

/* CBC without padding, for ISAKMP messages. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum block_cipher { BLOCK_CIPHER_AES_CBC, BLOCK_CIPHER_3DES_CBC };

/* 16 for AES, 8 for 3DES. */
size_t block_cipher_block_bytes(enum block_cipher cipher);

/*
 * Encrypts or decrypts `length` bytes, a multiple of the block. `iv` has one block and is not
 * changed; `in` and `out` may be the same. 0, -EINVAL for a wrong length or key, -EIO.
 */
int block_cipher_run(enum block_cipher cipher, bool encrypt, const uint8_t *key, size_t key_bytes,
		     const uint8_t *iv, const uint8_t *in, uint8_t *out, size_t length);

#endif
