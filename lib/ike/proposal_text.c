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

	if (suite->cipher == BLOCK_CIPHER_AES_CBC)
		snprintf(text, size, "aes-%u-cbc/%s/group %u", suite->key_bytes * 8U,
			 hashes[suite->hash], suite->group);
	else
		snprintf(text, size, "3des-cbc/%s/group %u", hashes[suite->hash], suite->group);
}
