/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_KEY_EXCHANGE_H
#define CRYPTO_KEY_EXCHANGE_H

/*
 * Diffie-Hellman of IKE as a job for a thread: a fresh key pair and the shared secret with the
 * peer's public value, in one go. Pure computation on copies; any thread may run it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest public value: MODP-4096 is 512 bytes; room for what may come. */
#define KEY_EXCHANGE_BYTES_MAX 512

struct key_exchange_request {
	uint16_t group; /* IANA number: 2 5 14 15 (MODP), 19 20 21 (ECP, RFC 5903) */
	uint16_t peer_public_bytes;
	uint8_t peer_public[KEY_EXCHANGE_BYTES_MAX];
};

struct key_exchange_result {
	int error; /* 0, or -errno: -EBADMSG for a public value that is not in the group */
	uint16_t public_bytes;
	uint16_t shared_bytes;
	uint8_t public_value[KEY_EXCHANGE_BYTES_MAX];
	uint8_t shared_secret
		[KEY_EXCHANGE_BYTES_MAX]; /* fixed length of the group, leading zeroes kept */
};

#define KEY_EXCHANGE_PRIVATE_BYTES_MAX 66 /* ECP-521 */

/* Our own half of an exchange, for an initiator, which needs it twice. */
struct key_pair {
	uint16_t private_bytes;
	uint16_t public_bytes;
	uint8_t private_value[KEY_EXCHANGE_PRIVATE_BYTES_MAX];
	uint8_t public_value[KEY_EXCHANGE_BYTES_MAX];
};

/* True if the group is one of the above. */
bool key_exchange_supported(uint16_t group);

/* Length of a public value: the prime's, or x and y together. 0 for an unknown group. */
size_t key_exchange_public_bytes(uint16_t group);

/*
 * What the computations of one thread have in common: curves and primes, made ready once. They are
 * found out as they are needed; nothing in it is secret. Without one, NULL, each computation finds
 * them out anew.
 */
struct key_exchange_context;
struct key_exchange_context *key_exchange_context_new(void);
void key_exchange_context_free(struct key_exchange_context *context);

/*
 * Runs the job. MODP exponents have at least 256 random bits and twice the strength of the group.
 * Checks 1 < y < p - 1, or that the point is on the curve (RFC 2412, 5903). The caller wipes
 * `result`.
 */
void key_exchange_run(struct key_exchange_context *context,
		      const struct key_exchange_request *request,
		      struct key_exchange_result *result);

/* The two halves apart, as an initiator needs them. 0 or -errno as in the result above. */
int key_pair_make(uint16_t group, struct key_pair *pair);
/* `secret` has room for KEY_EXCHANGE_BYTES_MAX; its length goes to `secret_bytes`. */
int key_exchange_secret(uint16_t group, const struct key_pair *pair, const uint8_t *peer_public,
			size_t peer_public_bytes, uint8_t *secret, uint16_t *secret_bytes);

/* key_exchange_run() with a given private exponent, big-endian, for tests. NULL: a fresh one. */
void key_exchange_run_with_private(const struct key_exchange_request *request,
				   const uint8_t *private_value, size_t private_bytes,
				   struct key_exchange_result *result);

#endif
