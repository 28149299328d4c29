/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

/* Hashes and HMAC for the control core, over pieces of memory that need not be joined first. */

#include <stddef.h>
#include <stdint.h>

enum digest_kind {
	DIGEST_MD5,
	DIGEST_SHA1,
	DIGEST_SHA2_256,
	DIGEST_SHA2_384,
	DIGEST_SHA2_512,
	DIGEST_COUNT
};

#define DIGEST_BYTES_MAX 64

struct digest_part {
	const void *bytes;
	size_t length;
};

size_t digest_bytes(enum digest_kind kind);

/* Hash of the parts in order; `out` has digest_bytes(). 0, or -EIO when OpenSSL refuses. */
int digest_compute(enum digest_kind kind, const struct digest_part *parts, size_t count,
		   uint8_t *out);

/* HMAC (RFC 2104) of the parts in order. */
int digest_hmac(enum digest_kind kind, const void *key, size_t key_bytes,
		const struct digest_part *parts, size_t count, uint8_t *out);

#endif
