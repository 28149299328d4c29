/* SPDX-License-Identifier: BSD-3-Clause */
/* Why no proposal was taken: from all transforms the one that came nearest, and what it lacks. */

#include "ike/proposal.h"
#include "ike/transform.h"

#include <stdio.h>
#include <string.h>

/* How to read one bit of the refused. */
static const struct reason {
	uint32_t refused;
	enum cause ike;
	enum cause esp;
	const char *name;
} reasons[] = {
	{REFUSED_PROTOCOL, CAUSE_ike_protocol_refused, CAUSE_esp_protocol_refused, "protocol"},
	{REFUSED_BUNDLE, CAUSE_no_common_ike_proposal, CAUSE_esp_bundle_refused, "bundle"},
	{REFUSED_SPI, CAUSE_no_common_ike_proposal, CAUSE_esp_spi_refused, "SPI"},
	{REFUSED_CIPHER, CAUSE_ike_cipher_refused, CAUSE_esp_cipher_refused, "cipher"},
	{REFUSED_KEY_LENGTH, CAUSE_ike_key_length_refused, CAUSE_esp_key_length_refused,
	 "key length"},
	{REFUSED_HASH, CAUSE_ike_hash_refused, CAUSE_esp_authenticator_refused, "hash"},
	{REFUSED_GROUP, CAUSE_ike_group_refused, CAUSE_esp_group_refused, "group"},
	{REFUSED_METHOD, CAUSE_ike_method_refused, CAUSE_no_common_esp_proposal, "authentication"},
	{REFUSED_LIFETIME_TYPE, CAUSE_ike_lifetime_type_refused, CAUSE_esp_lifetime_type_refused,
	 "lifetime type"},
	{REFUSED_ENCAPSULATION, CAUSE_no_common_ike_proposal, CAUSE_esp_encapsulation_refused,
	 "encapsulation mode"},
	{REFUSED_PATH, CAUSE_no_common_ike_proposal, CAUSE_esp_encapsulation_mismatch,
	 "encapsulation for this path"},
	{REFUSED_KEY_EXCHANGE, CAUSE_no_common_ike_proposal, CAUSE_esp_key_exchange_mismatch,
	 "key exchange"},
	{REFUSED_ATTRIBUTE, CAUSE_ike_attribute_refused, CAUSE_esp_attribute_refused,
	 "unknown attribute"},
};

#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

/* Text that grows up to its room. */
struct text {
	char *at;
	size_t size;
	size_t used;
};

static void append(struct text *text, const char *separator, const char *what)
{
	int more;

	if (text->used + 1 >= text->size)
		return;
	more = snprintf(text->at + text->used, text->size - text->used, "%s%s",
			text->used == 0 ? "" : separator, what);
	text->used +=
		(size_t)more < text->size - text->used ? (size_t)more : text->size - text->used - 1;
}

/* What was found in a walk over all transforms. */
struct findings {
	uint32_t nearest_refused; /* the smallest set */
	uint32_t everywhere;      /* refused of each of them */
	unsigned count;
	struct transform nearest;
};

struct examiner {
	const struct ike_policy *ike; /* or */
	const struct esp_policy *esp;
	struct proposal_bundles bundles;
};

static uint32_t examine(const struct examiner *examiner, const struct transform *t)
{
	struct ike_suite suite;
	struct esp_choice choice;

	if (examiner->ike != NULL)
		return proposal_examine_ike(t, examiner->ike, &suite);
	return proposal_examine_esp(t, examiner->esp, &choice) |
	       (examiner->bundles.seen[t->proposal] > 1 ? (uint32_t)REFUSED_BUNDLE : 0);
}

static struct findings search(const struct digest_part *sa, const struct examiner *examiner)
{
	struct findings f = {.nearest_refused = UINT32_MAX, .everywhere = UINT32_MAX};
	struct transform_walk walk = transform_walk_begin(sa);
	struct transform t;

	while (transform_walk_next(&walk, &t)) {
		uint32_t refused = examine(examiner, &t);

		f.count++;
		f.everywhere &= refused;
		if (__builtin_popcount(refused) >= __builtin_popcount(f.nearest_refused))
			continue;
		f.nearest_refused = refused;
		f.nearest = t;
	}
	return f;
}

/* The different values of one attribute among those offered. */
static void values_text(const struct digest_part *sa, uint32_t refused, char *values, size_t size)
{
	struct transform_walk walk = transform_walk_begin(sa);
	struct text text = {values, size, 0};
	struct transform t;

	values[0] = '\0';
	while (transform_walk_next(&walk, &t)) {
		char one[64];

		transform_attribute_text(&t, refused, one, sizeof(one));
		if (strstr(values, one) == NULL)
			append(&text, ", ", one);
	}
}

static const char *methods_text(uint32_t methods)
{
	bool key = methods >> IKE_METHOD_PRESHARED_KEY & 1;

	if (key && methods != 1u << IKE_METHOD_PRESHARED_KEY)
		return "the listener has a pre-shared key and a certificate";
	return key ? "the listener has only a pre-shared key"
		   : "the listener has only a certificate";
}

/* What is allowed instead of it, or why it is not. */
static const char *allowed_text(const struct examiner *examiner, uint32_t refused)
{
	enum ike_compatibility compatibility =
		examiner->ike != NULL ? examiner->ike->compatibility : examiner->esp->compatibility;
	bool modern = compatibility == IKE_COMPATIBILITY_MODERN;

	switch (refused) {
	case REFUSED_CIPHER:
		return modern ? "ike.compatibility \"modern\" allows aes only"
			      : "aes and 3des-cbc are allowed";
	case REFUSED_KEY_LENGTH:
		return "aes has 128, 192 or 256 bits, 3des 192 or none named";
	case REFUSED_HASH:
		if (examiner->esp != NULL)
			return "hmac-sha1-96 and hmac-sha2 are allowed, none with gcm";
		return modern ? "ike.compatibility \"modern\" allows sha2 only"
			      : "sha1 and sha2 are allowed";
	case REFUSED_GROUP:
		return modern ? "ike.compatibility \"modern\" allows groups 14 15 19 20 21"
			      : "groups 2 5 14 15 19 20 21 are allowed";
	case REFUSED_METHOD:
		return methods_text(examiner->ike->methods);
	case REFUSED_LIFETIME_TYPE:
		return "only seconds (1) and kilobytes (2) exist";
	case REFUSED_ENCAPSULATION:
		return "L2TP needs transport mode";
	case REFUSED_PATH:
		return examiner->esp->plain_allowed ? "no NAT traversal was agreed on"
						    : "there is a NAT on the way";
	case REFUSED_KEY_EXCHANGE:
		return examiner->esp->key_exchange_bytes == 0
			       ? "but no key exchange payload came"
			       : "but a key exchange payload of another length came";
	case REFUSED_BUNDLE:
		return "two protocols at once are not supported";
	case REFUSED_SPI:
		return "SPIs below 256 are reserved";
	case REFUSED_PROTOCOL:
		return examiner->ike != NULL ? "only IKE is negotiated here"
					     : "only ESP is supported";
	default:
		return "it is not known here";
	}
}

/* Who authenticates otherwise than the listener can has causes of its own. */
static enum cause method_cause(const struct transform *t)
{
	switch (t->method) {
	case IKE_METHOD_PRESHARED_KEY:
		return CAUSE_no_preshared_key;
	case IKE_METHOD_RSA_SIGNATURE:
	case IKE_METHOD_ECDSA_256:
	case IKE_METHOD_ECDSA_384:
	case IKE_METHOD_ECDSA_521:
		return CAUSE_no_own_certificate;
	default:
		return CAUSE_ike_method_refused;
	}
}

static void one_refused(const struct digest_part *sa, const struct examiner *examiner,
			const struct findings *f, struct proposal_refusal *refusal)
{
	const struct reason *reason = reasons;
	char values[128];
	char item[PROPOSAL_TEXT_BYTES];

	while (reason->refused != f->nearest_refused)
		reason++;
	refusal->cause = examiner->ike != NULL ? reason->ike : reason->esp;
	if (reason->refused == REFUSED_METHOD)
		refusal->cause = method_cause(&f->nearest);
	if (f->everywhere & reason->refused) {
		values_text(sa, reason->refused, values, sizeof(values));
		snprintf(refusal->detail, sizeof(refusal->detail), "offered only %s; %s", values,
			 allowed_text(examiner, reason->refused));
		return;
	}
	transform_attribute_text(&f->nearest, reason->refused, values, sizeof(values));
	transform_text(&f->nearest, item, sizeof(item));
	snprintf(refusal->detail, sizeof(refusal->detail),
		 "the nearest of %u offers, %s, has %s; %s", f->count, item, values,
		 allowed_text(examiner, reason->refused));
}

static void several_refused(const struct findings *f, struct proposal_refusal *refusal)
{
	struct text text = {refusal->detail, sizeof(refusal->detail), 0};
	char item[PROPOSAL_TEXT_BYTES + 64];
	const char *separator = "";

	transform_text(&f->nearest, item, PROPOSAL_TEXT_BYTES);
	append(&text, "", "the nearest of the offers, ");
	append(&text, "", item);
	append(&text, "", ", is refused for its ");
	for (size_t i = 0; i < REASONS; i++) {
		if (!(f->nearest_refused & reasons[i].refused))
			continue;
		append(&text, separator, reasons[i].name);
		separator = " and ";
	}
}

static void explain(const struct digest_part *sa, const struct examiner *examiner,
		    struct proposal_refusal *refusal)
{
	struct findings f = search(sa, examiner);

	refusal->cause =
		examiner->ike != NULL ? CAUSE_no_common_ike_proposal : CAUSE_no_common_esp_proposal;
	if (f.count == 0)
		snprintf(refusal->detail, sizeof(refusal->detail), "nothing was offered");
	else if (__builtin_popcount(f.nearest_refused) == 1)
		one_refused(sa, examiner, &f, refusal);
	else
		several_refused(&f, refusal);
}

void proposal_refusal_ike(const struct digest_part *sa, const struct ike_policy *policy,
			  struct proposal_refusal *refusal)
{
	const struct examiner examiner = {.ike = policy};

	explain(sa, &examiner, refusal);
}

void proposal_refusal_esp(const struct digest_part *sa, const struct esp_policy *policy,
			  struct proposal_refusal *refusal)
{
	struct examiner examiner = {.esp = policy};

	proposal_bundles_count(sa, &examiner.bundles);
	explain(sa, &examiner, refusal);
}
