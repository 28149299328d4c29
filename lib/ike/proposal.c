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

static bool ike_cipher_take(const struct transform *t, enum ike_compatibility compatibility,
			    struct ike_suite *suite)
{
	suite->cipher = t->cipher == 7 ? BLOCK_CIPHER_AES_CBC : BLOCK_CIPHER_3DES_CBC;
	return t->cipher == 7 || (t->cipher == 5 && compatibility == IKE_COMPATIBILITY_CLIENTS);
}

static bool ike_key_take(const struct transform *t, uint8_t *key_bytes)
{
	if (t->cipher == 7)
		return aes_key_take(t->key_bits, key_bytes);
	*key_bytes = 24;
	return t->cipher != 5 || t->key_bits == 0 || t->key_bits == 192;
}

static uint32_t when(bool refused, enum proposal_refused bit)
{
	return refused ? (uint32_t)bit : 0;
}

/* What is refused in both phases alike. */
static uint32_t examine_common(const struct transform *t)
{
	return when(t->unknown_attribute || t->length > PROPOSAL_TRANSFORM_BYTES_MAX,
		    REFUSED_ATTRIBUTE) |
	       when(t->unknown_lifetime, REFUSED_LIFETIME_TYPE);
}

uint32_t proposal_examine_ike(const struct transform *t, const struct ike_policy *policy,
			      struct ike_suite *suite)
{
	if (t->protocol != ISAKMP_PROTOCOL_ISAKMP || t->id != 1)
		return REFUSED_PROTOCOL;
	suite->group = t->group;
	suite->method = (uint8_t)t->method;
	suite->lifetime_ms = lifetime_ms(t->seconds, ISAKMP_LIFETIME_DEFAULT_MS);
	return examine_common(t) |
	       when(t->method >= 32 || !(policy->methods >> t->method & 1), REFUSED_METHOD) |
	       when(!ike_hash_take(t->hash, policy->compatibility, &suite->hash), REFUSED_HASH) |
	       when(!group_allowed(t->group, policy->compatibility), REFUSED_GROUP) |
	       when(!ike_cipher_take(t, policy->compatibility, suite), REFUSED_CIPHER) |
	       when(!ike_key_take(t, &suite->key_bytes), REFUSED_KEY_LENGTH);
}

int proposal_choose_ike(const struct digest_part *sa, const struct ike_policy *policy,
			struct ike_suite *suite, struct proposal_choice *choice)
{
	struct transform_walk walk = transform_walk_begin(sa);
	struct transform t;
	int best = 0;

	while (transform_walk_next(&walk, &t)) {
		struct ike_suite candidate = {0};
		int rank;

		if (proposal_examine_ike(&t, policy, &candidate) != 0)
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

void proposal_bundles_count(const struct digest_part *sa, struct proposal_bundles *bundles)
{
	struct transform_walk walk = transform_walk_begin(sa);

	*bundles = (struct proposal_bundles){0};
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

static bool esp_cipher_take(uint8_t id, enum ike_compatibility compatibility, uint8_t *cipher)
{
	switch (id) {
	case 3:
		*cipher = ESP_CIPHER_3DES_CBC;
		return compatibility == IKE_COMPATIBILITY_CLIENTS;
	case 12:
		*cipher = ESP_CIPHER_AES_CBC;
		return true;
	case 20:
		*cipher = ESP_CIPHER_AES_GCM_16;
		return true;
	default:
		return false;
	}
}

static bool esp_key_take(const struct transform *t, uint8_t *key_bytes)
{
	if (t->id == 12 || t->id == 20)
		return aes_key_take(t->key_bits, key_bytes);
	*key_bytes = 24;
	return t->id != 3 || t->key_bits == 0 || t->key_bits == 192;
}

/* The algorithms; what the packet path has not in that combination is the authenticator's fault. */
static uint32_t esp_suite_examine(const struct transform *t, enum ike_compatibility compatibility,
				  struct esp_suite *suite)
{
	bool authenticator = esp_authenticator_take(t->hash, &suite->authenticator);
	uint32_t refused =
		when(!esp_cipher_take(t->id, compatibility, &suite->cipher), REFUSED_CIPHER) |
		when(!esp_key_take(t, &suite->cipher_key_bytes), REFUSED_KEY_LENGTH);

	return refused |
	       when(!authenticator || (refused == 0 && !esp_suite_valid(suite)), REFUSED_HASH);
}

static uint32_t esp_encapsulation_examine(const struct transform *t,
					  const struct esp_policy *policy, bool *encapsulated)
{
	switch (t->encapsulation) {
	case 0: /* absent: transport, in the form that the path needs */
		*encapsulated = !policy->plain_allowed;
		return 0;
	case 2:
		*encapsulated = false;
		return when(!policy->plain_allowed, REFUSED_PATH);
	case 4:
	case 61444:
		*encapsulated = true;
		return when(!policy->encapsulated_allowed, REFUSED_PATH);
	default:
		return REFUSED_ENCAPSULATION;
	}
}

uint32_t proposal_examine_esp(const struct transform *t, const struct esp_policy *policy,
			      struct esp_choice *chosen)
{
	bool group_refused = t->group != 0 && !group_allowed(t->group, policy->compatibility);
	size_t wanted = t->group == 0 ? 0 : key_exchange_public_bytes(t->group);

	if (t->protocol != ISAKMP_PROTOCOL_ESP)
		return REFUSED_PROTOCOL;
	chosen->group = t->group;
	chosen->spi = t->spi;
	chosen->lifetime_ms = lifetime_ms(t->seconds, ISAKMP_LIFETIME_DEFAULT_MS);
	chosen->lifetime_bytes = t->kilobytes > UINT64_MAX / 1024 ? 0 : t->kilobytes * 1024;
	return examine_common(t) | when(t->spi < 256, REFUSED_SPI) |
	       esp_suite_examine(t, policy->compatibility, &chosen->suite) |
	       esp_encapsulation_examine(t, policy, &chosen->encapsulated) |
	       when(group_refused, REFUSED_GROUP) |
	       when(!group_refused && policy->key_exchange_bytes != wanted, REFUSED_KEY_EXCHANGE);
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
	struct proposal_bundles bundles;
	struct transform t;
	int best = 0;

	proposal_bundles_count(sa, &bundles);
	while (transform_walk_next(&walk, &t)) {
		struct esp_choice candidate = {0};

		if (bundles.seen[t.proposal] > 1 ||
		    proposal_examine_esp(&t, policy, &candidate) != 0)
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
