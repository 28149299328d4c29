/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/proposal.h"

#include "base/cursor.h"
#include "crypto/key_exchange.h"
#include "ike/isakmp.h"

#include <errno.h>
#include <stdio.h>

#define ATTRIBUTE_TV      0x8000
#define ATTRIBUTE_PRIVATE 0x4000

/* A transform of either phase, its attributes as numbers; 0 where the attribute is absent. */
struct transform {
	uint8_t proposal;
	uint8_t protocol;
	uint8_t id;
	bool unknown_attribute;
	uint32_t spi;
	uint16_t cipher;
	uint16_t hash; /* or the authentication algorithm of ESP */
	uint16_t method;
	uint16_t group;
	uint16_t encapsulation;
	uint16_t key_bits;
	uint64_t seconds;
	uint64_t kilobytes;
	const uint8_t *bytes;
	size_t length;
};

/* Walks the transforms of an SA payload in order. */
struct transform_walk {
	struct cursor proposals;
	struct cursor transforms;
	uint8_t proposal;
	uint8_t protocol;
	uint32_t spi;
	bool failed;
};

static struct transform_walk walk_begin(const struct digest_part *sa)
{
	struct cursor c = cursor_over(sa->bytes, sa->length);
	struct transform_walk walk = {.transforms = cursor_over(NULL, 0)};

	if (cursor_u32(&c) != ISAKMP_DOI_IPSEC || cursor_u32(&c) != ISAKMP_SITUATION_IDENTITY_ONLY)
		walk.failed = true;
	walk.proposals = c;
	return walk;
}

/* Enters the next proposal; false at the end or on a length that does not fit. */
static bool walk_proposal(struct transform_walk *walk)
{
	struct cursor c;
	size_t length;
	uint8_t spi_bytes;

	if (!cursor_more(&walk->proposals))
		return false;
	cursor_skip(&walk->proposals, 2);
	length = cursor_u16(&walk->proposals);
	if (length < ISAKMP_GENERIC_BYTES)
		cursor_fail(&walk->proposals);
	c = cursor_child(&walk->proposals, length - ISAKMP_GENERIC_BYTES);
	walk->proposal = cursor_u8(&c);
	walk->protocol = cursor_u8(&c);
	spi_bytes = cursor_u8(&c);
	cursor_skip(&c, 1);
	walk->spi = 0;
	if (spi_bytes == 4)
		walk->spi = cursor_u32(&c);
	else
		cursor_skip(&c, spi_bytes);
	walk->failed = cursor_failed(&c);
	walk->transforms = c;
	return !walk->failed;
}

static void lifetime_take(struct transform *t, uint16_t type, uint64_t value)
{
	if (type == 1)
		t->seconds = value;
	else if (type == 2)
		t->kilobytes = value;
	else
		t->unknown_attribute = true;
}

/* A number that does not fit becomes one that nothing knows. */
static uint16_t number16(uint64_t value)
{
	return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

/* Attributes of phase 1 (RFC 2409 appendix A). */
static void attribute_take_ike(struct transform *t, uint16_t type, uint64_t value, uint16_t *life)
{
	switch (type) {
	case 1:
		t->cipher = number16(value);
		break;
	case 2:
		t->hash = number16(value);
		break;
	case 3:
		t->method = number16(value);
		break;
	case 4:
		t->group = number16(value);
		break;
	case 5: /* kind of group: implied by its number */
		break;
	case 11:
		*life = number16(value);
		break;
	case 12:
		lifetime_take(t, *life, value);
		break;
	case 14:
		t->key_bits = number16(value);
		break;
	default:
		t->unknown_attribute |= type < ATTRIBUTE_PRIVATE;
		break;
	}
}

/* Attributes of ESP (RFC 2407 4.5). */
static void attribute_take_esp(struct transform *t, uint16_t type, uint64_t value, uint16_t *life)
{
	switch (type) {
	case 1:
		*life = number16(value);
		break;
	case 2:
		lifetime_take(t, *life, value);
		break;
	case 3:
		t->group = number16(value);
		break;
	case 4:
		t->encapsulation = number16(value);
		break;
	case 5:
		t->hash = number16(value);
		break;
	case 6:
		t->key_bits = number16(value);
		break;
	default:
		t->unknown_attribute |= type < ATTRIBUTE_PRIVATE;
		break;
	}
}

/* A variable-length number; what is longer than eight bytes saturates. */
static uint64_t attribute_value(struct cursor *c, size_t length)
{
	struct cursor child = cursor_child(c, length);
	uint64_t value = 0;

	while (cursor_more(&child)) {
		if (value >> 56 != 0) {
			value = UINT64_MAX;
			break;
		}
		value = value << 8 | cursor_u8(&child);
	}
	return value;
}

/* The next transform of any proposal; false at the end or on failure. */
static bool walk_next(struct transform_walk *walk, struct transform *t)
{
	struct cursor c;
	const uint8_t *start;
	size_t length;
	uint16_t life = 0;

	while (!walk->failed && !cursor_more(&walk->transforms))
		if (!walk_proposal(walk))
			return false;
	if (walk->failed)
		return false;
	start = walk->transforms.at;
	cursor_skip(&walk->transforms, 2);
	length = cursor_u16(&walk->transforms);
	if (length < ISAKMP_GENERIC_BYTES)
		cursor_fail(&walk->transforms);
	c = cursor_child(&walk->transforms, length - ISAKMP_GENERIC_BYTES);
	*t = (struct transform){.proposal = walk->proposal,
				.protocol = walk->protocol,
				.spi = walk->spi,
				.bytes = start,
				.length = length};
	cursor_skip(&c, 1); /* its number is copied, not read */
	t->id = cursor_u8(&c);
	cursor_skip(&c, 2);
	while (cursor_more(&c)) {
		uint16_t type = cursor_u16(&c);
		uint16_t word = cursor_u16(&c);
		uint64_t value = type & ATTRIBUTE_TV ? word : attribute_value(&c, word);

		type &= (uint16_t)~ATTRIBUTE_TV;
		if (t->protocol == ISAKMP_PROTOCOL_ISAKMP)
			attribute_take_ike(t, type, value, &life);
		else
			attribute_take_esp(t, type, value, &life);
	}
	walk->failed = cursor_failed(&c);
	return !walk->failed;
}

static bool walk_failed(const struct transform_walk *walk)
{
	return walk->failed || cursor_failed(&walk->proposals);
}

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
	struct transform_walk walk = walk_begin(sa);
	struct transform t;
	int best = 0;

	while (walk_next(&walk, &t)) {
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
	if (walk_failed(&walk))
		return -EBADMSG;
	return best == 0 ? -ENOENT : 0;
}

/* Two proposals with one number are a bundle, "this and that" (RFC 2408 4.2). */
struct bundles {
	uint8_t seen[256];
};

static void bundles_count(const struct digest_part *sa, struct bundles *bundles)
{
	struct transform_walk walk = walk_begin(sa);

	*bundles = (struct bundles){0};
	while (!walk.failed && walk_proposal(&walk))
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
	struct transform_walk walk = walk_begin(sa);
	struct bundles bundles;
	struct transform t;
	int best = 0;

	bundles_count(sa, &bundles);
	while (walk_next(&walk, &t)) {
		struct esp_choice candidate = {0};

		if (bundles.seen[t.proposal] > 1 || !esp_transform_accept(&t, policy, &candidate))
			continue;
		if (esp_rank(&candidate) <= best)
			continue;
		best = esp_rank(&candidate);
		*chosen = candidate;
		*choice = (struct proposal_choice){t.proposal, t.bytes, t.length};
	}
	if (walk_failed(&walk))
		return -EBADMSG;
	return best == 0 ? -ENOENT : 0;
}

struct name {
	uint16_t number;
	const char *text;
};

static const struct name ike_ciphers[] = {{1, "des-cbc"}, {5, "3des-cbc"}, {7, "aes"}, {0, NULL}};
static const struct name ike_hashes[] = {{1, "md5"},      {2, "sha1"},     {4, "sha2-256"},
					 {5, "sha2-384"}, {6, "sha2-512"}, {0, NULL}};
static const struct name esp_ciphers[] = {
    {2, "des-cbc"}, {3, "3des-cbc"}, {11, "null"},   {12, "aes"},  {13, "aes-ctr"},
    {18, "gcm-8"},  {19, "gcm-12"},  {20, "gcm-16"}, {23, "gmac"}, {0, NULL}};
static const struct name esp_authenticators[] = {{1, "hmac-md5-96"},       {2, "hmac-sha1-96"},
						 {5, "hmac-sha2-256-128"}, {6, "hmac-sha2-384-192"},
						 {7, "hmac-sha2-512-256"}, {0, NULL}};
static const struct name encapsulations[] = {
    {1, "tunnel"},     {2, "transport"},     {3, "tunnel"}, {4, "transport"},
    {61443, "tunnel"}, {61444, "transport"}, {0, NULL}};

static const char *name_of(const struct name *names, uint16_t number, char other[16])
{
	for (; names->text != NULL; names++)
		if (names->number == number)
			return names->text;
	snprintf(other, 16, "%u?", number);
	return other;
}

/* "aes-256-cbc/sha1/group 2" */
static void transform_text_ike(const struct transform *t, char *text, size_t size)
{
	char cipher[16];
	char hash[16];
	char key[16];

	if (t->cipher == 7)
		snprintf(key, sizeof(key), "-%u-cbc", t->key_bits == 0 ? 128 : t->key_bits);
	else
		key[0] = '\0';
	snprintf(text, size, "%s%s/%s/group %u%s", name_of(ike_ciphers, t->cipher, cipher), key,
		 name_of(ike_hashes, t->hash, hash), t->group, t->method == 1 ? "" : "/no psk");
}

/* "aes-256-cbc/hmac-sha1-96" and, where they are, " tunnel" and " group 2" */
static void transform_text_esp(const struct transform *t, char *text, size_t size)
{
	char cipher[16];
	char other[16];
	char mode[16];
	char key[16] = "";
	char group[16] = "";

	if (t->protocol != ISAKMP_PROTOCOL_ESP) {
		snprintf(text, size, "%s", t->protocol == 2 ? "ah" : "ipcomp");
		return;
	}
	if (t->id == 12)
		snprintf(key, sizeof(key), "-%u-cbc", t->key_bits == 0 ? 128 : t->key_bits);
	else if (t->key_bits != 0)
		snprintf(key, sizeof(key), "-%u", t->key_bits);
	if (t->group != 0)
		snprintf(group, sizeof(group), " group %u", t->group);
	snprintf(text, size, "%s%s%s%s %s%s", name_of(esp_ciphers, t->id, cipher), key,
		 t->hash == 0 ? "" : "/",
		 t->hash == 0 ? "" : name_of(esp_authenticators, t->hash, other),
		 t->encapsulation == 0 ? "transport"
				       : name_of(encapsulations, t->encapsulation, mode),
		 group);
}

static void offer_text(const struct digest_part *sa, char *text, size_t size,
		       void (*one)(const struct transform *t, char *text, size_t size))
{
	struct transform_walk walk = walk_begin(sa);
	struct transform t;
	size_t used = 0;

	text[0] = '\0';
	while (walk_next(&walk, &t)) {
		char item[PROPOSAL_TEXT_BYTES];

		one(&t, item, sizeof(item));
		if (used + strlen(item) + sizeof(", ...") + 2 > size) {
			snprintf(text + used, size - used, ", ...");
			return;
		}
		used +=
		    (size_t)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ", item);
	}
}

void proposal_offer_text_ike(const struct digest_part *sa, char *text, size_t size)
{
	offer_text(sa, text, size, transform_text_ike);
}

void proposal_offer_text_esp(const struct digest_part *sa, char *text, size_t size)
{
	offer_text(sa, text, size, transform_text_esp);
}

const char *proposal_accept_text_ike(enum ike_compatibility compatibility)
{
	if (compatibility == IKE_COMPATIBILITY_MODERN)
		return "pre-shared key with aes-128/192/256-cbc, sha2-256/384/512, "
		       "group 14 15 19 20 21";
	return "pre-shared key with aes-128/192/256-cbc or 3des-cbc, sha1 or sha2-256/384/512, "
	       "group 2 5 14 15 19 20 21";
}

const char *proposal_accept_text_esp(enum ike_compatibility compatibility)
{
	if (compatibility == IKE_COMPATIBILITY_MODERN)
		return "transport mode with aes-128/192/256-gcm-16 or aes-128/192/256-cbc and "
		       "hmac-sha1-96 or hmac-sha2-256/384/512, without group 2 and 5";
	return "transport mode with aes-128/192/256-gcm-16, aes-128/192/256-cbc and hmac-sha1-96 "
	       "or hmac-sha2-256/384/512, or 3des-cbc and hmac-sha1-96";
}

void ike_suite_text(const struct ike_suite *suite, char *text, size_t size)
{
	static const char *const hashes[DIGEST_COUNT] = {"md5", "sha1", "sha2-256", "sha2-384",
							 "sha2-512"};

	if (suite->cipher == BLOCK_CIPHER_AES_CBC)
		snprintf(text, size, "aes-%u-cbc/%s/group %u", suite->key_bytes * 8U,
			 hashes[suite->hash], suite->group);
	else
		snprintf(text, size, "3des-cbc/%s/group %u", hashes[suite->hash], suite->group);
}
