/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/proposal.h"

#include "crypto/key_exchange.h"
#include "ike/isakmp.h"
#include "ike/transform.h"

#include <errno.h>

static uint64_t lifetime_ms(uint64_t seconds, uint64_t absent_ms)
{
	const uint64_t most = UINT32_MAX; /* seconds; 136 years */

	if (seconds == 0)
		return absent_ms;
	return (seconds > most ? most : seconds) * 1000;
}

static bool aes_key_take(uint16_t key_bits, uint8_t *key_bytes)
{
	if (key_bits != 0 && key_bits != 128 && key_bits != 192 && key_bits != 256)
		return false;
	*key_bytes = key_bits == 0 ? 16 : (uint8_t)(key_bits / 8);
	return true;
}

static bool ike_hash_take(uint16_t number, enum ike_compatibility compatibility, uint8_t *hash)
{
	switch (number) {
	case 2:
		*hash = DIGEST_SHA1;
		return compatibility == IKE_COMPATIBILITY_CLIENTS;
	case 4:
		*hash = DIGEST_SHA2_256;
		return true;
	case 5:
		*hash = DIGEST_SHA2_384;
		return true;
	case 6:
		*hash = DIGEST_SHA2_512;
		return true;
	default:
		return false;
	}
}

static bool group_allowed(uint16_t group, enum ike_compatibility compatibility)
{
	if (compatibility == IKE_COMPATIBILITY_MODERN && (group == 2 || group == 5))
		return false;
	return key_exchange_supported(group);
}

/* True if the policy takes the transform; fills `suite`. */
static bool ike_transform_accept(const struct transform *t, enum ike_compatibility compatibility,
				 struct ike_suite *suite)
{
	if (t->protocol != ISAKMP_PROTOCOL_ISAKMP || t->id != 1 || t->unknown_attribute ||
	    t->method != 1 || t->length > PROPOSAL_TRANSFORM_BYTES_MAX)
		return false;
	if (!ike_hash_take(t->hash, compatibility, &suite->hash) ||
	    !group_allowed(t->group, compatibility))
		return false;
	suite->group = t->group;
	suite->lifetime_ms = lifetime_ms(t->seconds, ISAKMP_LIFETIME_DEFAULT_MS);
	if (t->cipher == 7) {
		suite->cipher = BLOCK_CIPHER_AES_CBC;
		return aes_key_take(t->key_bits, &suite->key_bytes);
	}
	suite->cipher = BLOCK_CIPHER_3DES_CBC;
	suite->key_bytes = 24;
	return t->cipher == 5 && (t->key_bits == 0 || t->key_bits == 192) &&
	       compatibility == IKE_COMPATIBILITY_CLIENTS;
}

int proposal_choose_ike(const struct digest_part *sa, enum ike_compatibility compatibility,
			struct ike_suite *suite, struct proposal_choice *choice)
{
	struct transform_walk walk = transform_walk_begin(sa);
	struct transform t;
	int best = 0;

	while (transform_walk_next(&walk, &t)) {
		struct ike_suite candidate = {0};
		int rank;

		if (!ike_transform_accept(&t, compatibility, &candidate))
			continue;
		rank = candidate.cipher == BLOCK_CIPHER_AES_CBC ? 2 : 1;
		if (rank <= best)
			continue;
		best = rank;
		*suite = candidate;
		*choice = (struct proposal_choice){t.proposal, t.bytes, t.length};
	}
	if (transform_walk_failed(&walk))
		return -EBADMSG;
	return best == 0 ? -ENOENT : 0;
}

/* Two proposals with one number are a bundle, "this and that" (RFC 2408 4.2). */
struct bundles {
	uint8_t seen[256];
};

static void bundles_count(const struct digest_part *sa, struct bundles *bundles)
{
	struct transform_walk walk = transform_walk_begin(sa);

	*bundles = (struct bundles){0};
	while (!walk.failed && transform_walk_proposal(&walk))
		if (bundles->seen[walk.proposal] < 2)
			bundles->seen[walk.proposal]++;
}

static bool esp_authenticator_take(uint16_t number, uint8_t *authenticator)
{
	switch (number) {
	case 2:
		*authenticator = ESP_AUTHENTICATOR_HMAC_SHA1_96;
		return true;
	case 5:
		*authenticator = ESP_AUTHENTICATOR_HMAC_SHA2_256_128;
		return true;
	case 6:
		*authenticator = ESP_AUTHENTICATOR_HMAC_SHA2_384_192;
		return true;
	case 7:
		*authenticator = ESP_AUTHENTICATOR_HMAC_SHA2_512_256;
		return true;
	default:
		*authenticator = ESP_AUTHENTICATOR_NONE;
		return number == 0;
	}
}

/* The algorithms of a transform; false if the packet path has them not. */
static bool esp_suite_take(const struct transform *t, struct esp_suite *suite)
{
	if (!esp_authenticator_take(t->hash, &suite->authenticator))
		return false;
	switch (t->id) {
	case 3:
		suite->cipher = ESP_CIPHER_3DES_CBC;
		suite->cipher_key_bytes = 24;
		return (t->key_bits == 0 || t->key_bits == 192) && esp_suite_valid(suite);
	case 12:
		suite->cipher = ESP_CIPHER_AES_CBC;
		break;
	case 20:
		suite->cipher = ESP_CIPHER_AES_GCM_16;
		break;
	default:
		return false;
	}
	return aes_key_take(t->key_bits, &suite->cipher_key_bytes) && esp_suite_valid(suite);
}

static bool esp_encapsulation_take(const struct transform *t, const struct esp_policy *policy,
				   bool *encapsulated)
{
	switch (t->encapsulation) {
	case 0: /* absent: transport, in the form that the path needs */
		*encapsulated = !policy->plain_allowed;
		return true;
	case 2:
		*encapsulated = false;
		return policy->plain_allowed;
	case 4:
	case 61444:
		*encapsulated = true;
		return policy->encapsulated_allowed;
	default:
		return false;
	}
}

static bool esp_transform_accept(const struct transform *t, const struct esp_policy *policy,
				 struct esp_choice *chosen)
{
	if (t->protocol != ISAKMP_PROTOCOL_ESP || t->unknown_attribute || t->spi < 256 ||
	    t->length > PROPOSAL_TRANSFORM_BYTES_MAX || !esp_suite_take(t, &chosen->suite) ||
	    !esp_encapsulation_take(t, policy, &chosen->encapsulated))
		return false;
	if (chosen->suite.cipher == ESP_CIPHER_3DES_CBC &&
	    policy->compatibility != IKE_COMPATIBILITY_CLIENTS)
		return false;
	if (t->group != 0 && !group_allowed(t->group, policy->compatibility))
		return false;
	chosen->group = t->group;
	chosen->spi = t->spi;
	chosen->lifetime_ms = lifetime_ms(t->seconds, ISAKMP_LIFETIME_DEFAULT_MS);
	chosen->lifetime_bytes = t->kilobytes > UINT64_MAX / 1024 ? 0 : t->kilobytes * 1024;
	return policy->key_exchange_bytes ==
	       (t->group == 0 ? 0 : key_exchange_public_bytes(t->group));
}

static int esp_rank(const struct esp_choice *chosen)
{
	switch (chosen->suite.cipher) {
	case ESP_CIPHER_AES_GCM_16:
		return 3;
	case ESP_CIPHER_AES_CBC:
		return 2;
	default:
		return 1;
	}
}

int proposal_choose_esp(const struct digest_part *sa, const struct esp_policy *policy,
			struct esp_choice *chosen, struct proposal_choice *choice)
{
	struct transform_walk walk = transform_walk_begin(sa);
	struct bundles bundles;
	struct transform t;
	int best = 0;

	bundles_count(sa, &bundles);
	while (transform_walk_next(&walk, &t)) {
		struct esp_choice candidate = {0};

		if (bundles.seen[t.proposal] > 1 || !esp_transform_accept(&t, policy, &candidate))
			continue;
		if (esp_rank(&candidate) <= best)
			continue;
		best = esp_rank(&candidate);
		*chosen = candidate;
		*choice = (struct proposal_choice){t.proposal, t.bytes, t.length};
	}
	if (transform_walk_failed(&walk))
		return -EBADMSG;
	return best == 0 ? -ENOENT : 0;
}
