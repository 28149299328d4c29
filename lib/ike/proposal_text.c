/* SPDX-License-Identifier: BSD-3-Clause */
/* Proposals as the operator reads them. */

#include "ike/isakmp.h"
#include "ike/proposal.h"
#include "ike/transform.h"

#include <stdio.h>

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

static const struct name groups[] = {{1, "modp768"},   {2, "modp1024"},  {5, "modp1536"},
				     {14, "modp2048"}, {15, "modp3072"}, {16, "modp4096"},
				     {17, "modp6144"}, {18, "modp8192"}, {19, "ecp256"},
				     {20, "ecp384"},   {21, "ecp521"},   {0, NULL}};
static const struct name protocols[] = {
	{1, "ike"}, {2, "ah"}, {3, "esp"}, {4, "ipcomp"}, {0, NULL}};
static const struct name methods[] = {{1, "psk"},
				      {2, "dss signatures"},
				      {3, "rsa signatures"},
				      {4, "rsa encryption"},
				      {5, "rsa encryption"},
				      {8, "ecdsa signatures"},
				      {9, "ecdsa-256 signatures"},
				      {10, "ecdsa-384 signatures"},
				      {11, "ecdsa-521 signatures"},
				      {64221, "hybrid rsa"},
				      {65001, "xauth with psk"},
				      {65005, "xauth with rsa"},
				      {0, NULL}};

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
	char other[16];
	char hash[16];
	char key[16];

	if (t->cipher == 7)
		snprintf(key, sizeof(key), "-%u-cbc", t->key_bits == 0 ? 128 : t->key_bits);
	else
		key[0] = '\0';
	snprintf(text, size, "%s%s/%s/group %u%s%s", name_of(ike_ciphers, t->cipher, cipher), key,
		 name_of(ike_hashes, t->hash, hash), t->group, t->method == 1 ? "" : "/",
		 t->method == 1 ? "" : name_of(methods, t->method, other));
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

void transform_text(const struct transform *t, char *text, size_t size)
{
	if (t->protocol == ISAKMP_PROTOCOL_ISAKMP)
		transform_text_ike(t, text, size);
	else
		transform_text_esp(t, text, size);
}

void transform_attribute_text(const struct transform *t, uint32_t refused, char *text, size_t size)
{
	bool ike = t->protocol == ISAKMP_PROTOCOL_ISAKMP;
	char other[16];

	switch (refused) {
	case REFUSED_CIPHER:
		snprintf(text, size, "%s",
			 ike ? name_of(ike_ciphers, t->cipher, other)
			     : name_of(esp_ciphers, t->id, other));
		break;
	case REFUSED_KEY_LENGTH:
		snprintf(text, size, "%s with %u bits",
			 ike ? name_of(ike_ciphers, t->cipher, other)
			     : name_of(esp_ciphers, t->id, other),
			 t->key_bits);
		break;
	case REFUSED_HASH:
		snprintf(text, size, "%s",
			 ike            ? name_of(ike_hashes, t->hash, other)
			 : t->hash == 0 ? "no authenticator"
					: name_of(esp_authenticators, t->hash, other));
		break;
	case REFUSED_GROUP:
		snprintf(text, size, "group %u (%s)", t->group, name_of(groups, t->group, other));
		break;
	case REFUSED_METHOD:
		snprintf(text, size, "%s", name_of(methods, t->method, other));
		break;
	case REFUSED_LIFETIME_TYPE:
		snprintf(text, size, "a lifetime of type %u", t->lifetime_type);
		break;
	case REFUSED_ENCAPSULATION:
		snprintf(text, size, "%s mode", name_of(encapsulations, t->encapsulation, other));
		break;
	case REFUSED_PATH:
		snprintf(text, size, "%s",
			 t->encapsulation == 2 ? "transport mode without UDP" : "ESP in UDP");
		break;
	case REFUSED_SPI:
		snprintf(text, size, "SPI %08x", t->spi);
		break;
	case REFUSED_KEY_EXCHANGE:
		snprintf(text, size, t->group == 0 ? "no group" : "group %u", t->group);
		break;
	case REFUSED_ATTRIBUTE:
		snprintf(text, size, "attribute %u", t->attribute);
		break;
	default:
		snprintf(text, size, "%s", name_of(protocols, t->protocol, other));
		break;
	}
}

unsigned proposal_transforms(const struct digest_part *sa)
{
	struct transform_walk walk = transform_walk_begin(sa);
	struct transform t;
	unsigned count = 0;

	while (transform_walk_next(&walk, &t))
		count++;
	return count;
}

static void offer_text(const struct digest_part *sa, char *text, size_t size,
		       void (*one)(const struct transform *t, char *text, size_t size))
{
	struct transform_walk walk = transform_walk_begin(sa);
	struct transform t;
	size_t used = 0;

	text[0] = '\0';
	while (transform_walk_next(&walk, &t)) {
		char item[PROPOSAL_TEXT_BYTES];

		one(&t, item, sizeof(item));
		if (used + strlen(item) + sizeof(", ...") + 2 > size) {
			snprintf(text + used, size - used, ", ...");
			return;
		}
		used += (size_t)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ",
					 item);
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

	char cipher[16] = "3des-cbc";
	char other[16];

	if (suite->cipher == BLOCK_CIPHER_AES_CBC)
		snprintf(cipher, sizeof(cipher), "aes-%u-cbc", suite->key_bytes * 8U);
	snprintf(text, size, "%s/%s/group %u%s%s", cipher, hashes[suite->hash], suite->group,
		 suite->method <= IKE_METHOD_PRESHARED_KEY ? "" : "/",
		 suite->method <= IKE_METHOD_PRESHARED_KEY
			 ? ""
			 : name_of(methods, suite->method, other));
}

void esp_choice_text(const struct esp_choice *choice, char *text, size_t size)
{
	static const char *const authenticators[] = {
		[ESP_AUTHENTICATOR_NONE] = "",
		[ESP_AUTHENTICATOR_HMAC_SHA1_96] = "/hmac-sha1-96",
		[ESP_AUTHENTICATOR_HMAC_SHA2_256_128] = "/hmac-sha2-256-128",
		[ESP_AUTHENTICATOR_HMAC_SHA2_384_192] = "/hmac-sha2-384-192",
		[ESP_AUTHENTICATOR_HMAC_SHA2_512_256] = "/hmac-sha2-512-256",
	};
	unsigned bits = choice->suite.cipher_key_bytes * 8U;
	char cipher[24] = "3des-cbc";
	char group[16] = "";

	if (choice->suite.cipher != ESP_CIPHER_3DES_CBC)
		snprintf(cipher, sizeof(cipher), "aes-%u-%s", bits,
			 choice->suite.cipher == ESP_CIPHER_AES_CBC ? "cbc" : "gcm-16");
	if (choice->group != 0)
		snprintf(group, sizeof(group), ", group %u", choice->group);
	snprintf(text, size, "%s%s, transport mode%s%s", cipher,
		 authenticators[choice->suite.authenticator], choice->encapsulated ? " in UDP" : "",
		 group);
}
