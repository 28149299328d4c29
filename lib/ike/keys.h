/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_KEYS_H
#define IKE_KEYS_H

/* Key derivation of IKEv1 with a pre-shared key (RFC 2409 5, 5.5 and appendix B). */

#include "crypto/digest.h"
#include "crypto/esp_suite.h"
#include "ike/proposal.h"

#include <stddef.h>
#include <stdint.h>

#define IKE_BLOCK_BYTES_MAX 16
#define NONCE_BYTES         32 /* ours */
#define NONCE_BYTES_MIN     8  /* the peer's, RFC 2409 5 */
#define NONCE_BYTES_MAX     256

/* The lasting secrets of an ISAKMP SA. SKEYID itself is of use in main mode only. */
struct ike_keys {
	struct ike_suite suite;
	uint8_t skeyid_d[DIGEST_BYTES_MAX];
	uint8_t skeyid_a[DIGEST_BYTES_MAX];
	uint8_t cipher_key[32];
};

/* What the keys and the two hashes of main mode are made of. */
struct ike_key_inputs {
	struct digest_part preshared_key;
	struct digest_part nonce_i;
	struct digest_part nonce_r;
	struct digest_part public_i;
	struct digest_part public_r;
	struct digest_part shared_secret;
	uint8_t cookies[16]; /* CKY-I | CKY-R */
};

/* Fills all of `keys`, whose suite is set, and SKEYID. 0 or -errno of the hash. */
int ike_keys_derive(struct ike_keys *keys, const struct ike_key_inputs *inputs,
		    uint8_t skeyid[DIGEST_BYTES_MAX]);

/* The hash that HASH_I and HASH_R are made with: ECDSA brings its own (RFC 4754). */
enum digest_kind ike_keys_proof_hash(const struct ike_keys *keys);

/* HASH_I (`initiator`) or HASH_R over the SA body and the ID body of that side. */
int ike_keys_main_mode_hash(const struct ike_keys *keys, const uint8_t *skeyid, bool initiator,
			    const struct ike_key_inputs *inputs, const struct digest_part *sa,
			    const struct digest_part *id, uint8_t *out);

/* First IV of main mode: hash(g^xi | g^xr). */
int ike_keys_main_mode_iv(const struct ike_keys *keys, const struct ike_key_inputs *inputs,
			  uint8_t iv[IKE_BLOCK_BYTES_MAX]);

/* First IV of a later exchange: hash(last block of main mode | message id). */
int ike_keys_exchange_iv(const struct ike_keys *keys, const uint8_t *last_block,
			 uint32_t message_id, uint8_t iv[IKE_BLOCK_BYTES_MAX]);

/* prf(SKEYID_a, parts). */
int ike_keys_authenticate(const struct ike_keys *keys, const struct digest_part *parts,
			  size_t count, uint8_t *out);

/*
 * KEYMAT of one direction, whose receiver chose `spi`. `shared_secret` is empty without perfect
 * forward secrecy. Sets everything of `out`.
 */
int ike_keys_esp(const struct ike_keys *keys, const struct esp_suite *suite, uint32_t spi,
		 const struct digest_part *shared_secret, const struct digest_part *nonce_i,
		 const struct digest_part *nonce_r, struct esp_keys *out);

#endif
