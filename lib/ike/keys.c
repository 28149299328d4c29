/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/keys.h"

#include "base/memory.h"
#include "base/writer.h"
#include "ike/isakmp.h"

#include <errno.h>
#include <string.h>

#define KEYMAT_BYTES_MAX (ESP_CIPHER_KEY_BYTES_MAX + ESP_AUTHENTICATOR_KEY_BYTES_MAX)

/* SKEYID_d, _a, _e: prf(SKEYID, [previous |] g^xy | cookies | number). */
static int chain_step(const struct ike_keys *keys, const uint8_t *skeyid, const uint8_t *previous,
		      const struct ike_key_inputs *inputs, uint8_t number, uint8_t *out)
{
	const struct digest_part parts[] = {
		{previous, previous == NULL ? 0 : digest_bytes(keys->suite.hash)},
		inputs->shared_secret,
		{inputs->cookies, sizeof(inputs->cookies)},
		{&number, 1},
	};

	return digest_hmac(keys->suite.hash, skeyid, digest_bytes(keys->suite.hash), parts, 4, out);
}

/* The cipher key: SKEYID_e cut, or expanded when it is too short (appendix B). */
static int cipher_key_expand(struct ike_keys *keys, const uint8_t *skeyid_e)
{
	const size_t size = digest_bytes(keys->suite.hash);
	const size_t wanted = keys->suite.key_bytes;
	uint8_t block[DIGEST_BYTES_MAX] = {0};
	struct digest_part part = {block, 1};
	size_t have = 0;
	int error = 0;

	if (size >= wanted) {
		memcpy(keys->cipher_key, skeyid_e, wanted);
		return 0;
	}
	while (error == 0 && have < wanted) {
		size_t take = wanted - have < size ? wanted - have : size;

		error = digest_hmac(keys->suite.hash, skeyid_e, size, &part, 1, block);
		memcpy(keys->cipher_key + have, block, take);
		part.length = size;
		have += take;
	}
	memory_wipe(block, sizeof(block));
	return error;
}

/* prf(Ni_b | Nr_b, g^xy): who signs has no secret in common before (RFC 2409 5). */
static int signature_skeyid(const struct ike_keys *keys, const struct ike_key_inputs *inputs,
			    uint8_t *skeyid)
{
	uint8_t nonces[2 * NONCE_BYTES_MAX];
	struct writer w = writer_over(nonces, sizeof(nonces));

	writer_bytes(&w, inputs->nonce_i.bytes, inputs->nonce_i.length);
	writer_bytes(&w, inputs->nonce_r.bytes, inputs->nonce_r.length);
	return writer_failed(&w) ? -EINVAL
				 : digest_hmac(keys->suite.hash, nonces, writer_length(&w),
					       &inputs->shared_secret, 1, skeyid);
}

enum digest_kind ike_keys_proof_hash(const struct ike_keys *keys)
{
	switch (keys->suite.method) {
	case IKE_METHOD_ECDSA_256:
		return DIGEST_SHA2_256;
	case IKE_METHOD_ECDSA_384:
		return DIGEST_SHA2_384;
	case IKE_METHOD_ECDSA_521:
		return DIGEST_SHA2_512;
	default:
		return keys->suite.hash;
	}
}

int ike_keys_derive(struct ike_keys *keys, const struct ike_key_inputs *inputs,
		    uint8_t skeyid[DIGEST_BYTES_MAX])
{
	const struct digest_part nonces[] = {inputs->nonce_i, inputs->nonce_r};
	uint8_t skeyid_e[DIGEST_BYTES_MAX];
	int error;

	if (keys->suite.method <= IKE_METHOD_PRESHARED_KEY)
		error = digest_hmac(keys->suite.hash, inputs->preshared_key.bytes,
				    inputs->preshared_key.length, nonces, 2, skeyid);
	else
		error = signature_skeyid(keys, inputs, skeyid);
	if (error == 0)
		error = chain_step(keys, skeyid, NULL, inputs, 0, keys->skeyid_d);
	if (error == 0)
		error = chain_step(keys, skeyid, keys->skeyid_d, inputs, 1, keys->skeyid_a);
	if (error == 0)
		error = chain_step(keys, skeyid, keys->skeyid_a, inputs, 2, skeyid_e);
	if (error == 0)
		error = cipher_key_expand(keys, skeyid_e);
	memory_wipe(skeyid_e, sizeof(skeyid_e));
	return error;
}

int ike_keys_main_mode_hash(const struct ike_keys *keys, const uint8_t *skeyid, bool initiator,
			    const struct ike_key_inputs *inputs, const struct digest_part *sa,
			    const struct digest_part *id, uint8_t *out)
{
	const uint8_t *cookies = inputs->cookies;
	const struct digest_part parts[] = {
		initiator ? inputs->public_i : inputs->public_r,
		initiator ? inputs->public_r : inputs->public_i,
		{initiator ? cookies : cookies + ISAKMP_COOKIE_BYTES, ISAKMP_COOKIE_BYTES},
		{initiator ? cookies + ISAKMP_COOKIE_BYTES : cookies, ISAKMP_COOKIE_BYTES},
		*sa,
		*id,
	};

	return digest_hmac(ike_keys_proof_hash(keys), skeyid, digest_bytes(keys->suite.hash), parts,
			   6, out);
}

static int iv_of(const struct ike_keys *keys, const struct digest_part *parts,
		 uint8_t iv[IKE_BLOCK_BYTES_MAX])
{
	uint8_t hash[DIGEST_BYTES_MAX];
	int error = digest_compute(keys->suite.hash, parts, 2, hash);

	memcpy(iv, hash, IKE_BLOCK_BYTES_MAX);
	return error;
}

int ike_keys_main_mode_iv(const struct ike_keys *keys, const struct ike_key_inputs *inputs,
			  uint8_t iv[IKE_BLOCK_BYTES_MAX])
{
	const struct digest_part parts[] = {inputs->public_i, inputs->public_r};

	return iv_of(keys, parts, iv);
}

int ike_keys_exchange_iv(const struct ike_keys *keys, const uint8_t *last_block,
			 uint32_t message_id, uint8_t iv[IKE_BLOCK_BYTES_MAX])
{
	uint8_t id[4];
	struct writer w = writer_over(id, sizeof(id));
	const struct digest_part parts[] = {
		{last_block, block_cipher_block_bytes(keys->suite.cipher)}, {id, sizeof(id)}};

	writer_u32(&w, message_id);
	return iv_of(keys, parts, iv);
}

int ike_keys_authenticate(const struct ike_keys *keys, const struct digest_part *parts,
			  size_t count, uint8_t *out)
{
	return digest_hmac(keys->suite.hash, keys->skeyid_a, digest_bytes(keys->suite.hash), parts,
			   count, out);
}

int ike_keys_esp(const struct ike_keys *keys, const struct esp_suite *suite, uint32_t spi,
		 const struct digest_part *shared_secret, const struct digest_part *nonce_i,
		 const struct digest_part *nonce_r, struct esp_keys *out)
{
	const size_t size = digest_bytes(keys->suite.hash);
	const size_t cipher_bytes = esp_suite_cipher_keymat_bytes(suite);
	const size_t wanted = cipher_bytes + esp_suite_authenticator_keymat_bytes(suite);
	uint8_t keymat[KEYMAT_BYTES_MAX + DIGEST_BYTES_MAX];
	uint8_t protocol_spi[5];
	struct writer w = writer_over(protocol_spi, sizeof(protocol_spi));
	struct digest_part parts[] = {{NULL, 0},
				      *shared_secret,
				      {protocol_spi, sizeof(protocol_spi)},
				      *nonce_i,
				      *nonce_r};
	int error = 0;

	writer_u8(&w, ISAKMP_PROTOCOL_ESP);
	writer_u32(&w, spi);
	for (size_t have = 0; error == 0 && have < wanted; have += size) {
		error = digest_hmac(keys->suite.hash, keys->skeyid_d, size, parts, 5,
				    keymat + have);
		parts[0] = (struct digest_part){keymat + have, size};
	}
	*out = (struct esp_keys){.suite = *suite};
	memcpy(out->cipher_key, keymat, cipher_bytes);
	memcpy(out->authenticator_key, keymat + cipher_bytes, wanted - cipher_bytes);
	memory_wipe(keymat, sizeof(keymat));
	return error;
}
