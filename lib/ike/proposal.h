/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_PROPOSAL_H
#define IKE_PROPOSAL_H

/* What the peer offers in an SA payload, and which of it we take (RFC 2407 4.4, 4.5; 2409 A). */

#include "base/writer.h"
#include "crypto/block_cipher.h"
#include "crypto/digest.h"
#include "crypto/esp_suite.h"
#include "ike/ike.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROPOSAL_OFFER_TEXT_BYTES    512
#define PROPOSAL_ACCEPT_TEXT_BYTES   256
#define PROPOSAL_TEXT_BYTES          96
#define PROPOSAL_TRANSFORM_BYTES_MAX 1024 /* a longer transform is refused */

/* What must be repeated to the peer byte for byte; points into the SA payload. */
struct proposal_choice {
	uint8_t number;
	const uint8_t *transform; /* with its generic header */
	size_t transform_bytes;
};

/* How the peers prove who they are (RFC 2409 appendix A, RFC 4754): numbers on the wire. */
enum ike_method {
	IKE_METHOD_PRESHARED_KEY = 1,
	IKE_METHOD_RSA_SIGNATURE = 3,
	IKE_METHOD_ECDSA_256 = 9,
	IKE_METHOD_ECDSA_384 = 10,
	IKE_METHOD_ECDSA_521 = 11,
};

/* What the listener allows in main mode. */
struct ike_policy {
	enum ike_compatibility compatibility;
	uint32_t methods; /* bit 1 << enum ike_method */
};

/* The algorithms of an ISAKMP SA. */
struct ike_suite {
	uint8_t cipher; /* enum block_cipher */
	uint8_t key_bytes;
	uint8_t hash; /* enum digest_kind */
	uint16_t group;
	uint8_t method; /* enum ike_method; 0: pre-shared key */
	uint64_t lifetime_ms;
};

/* What the negotiation allows in quick mode. */
struct esp_policy {
	enum ike_compatibility compatibility;
	bool plain_allowed;        /* encapsulation mode 2 */
	bool encapsulated_allowed; /* encapsulation modes 4 and 61444 */
	size_t key_exchange_bytes; /* length of the KE payload; 0: none came */
};

struct esp_choice {
	struct esp_suite suite;
	bool encapsulated;
	uint16_t group; /* 0: no perfect forward secrecy */
	uint32_t spi;
	uint64_t lifetime_ms;
	uint64_t lifetime_bytes; /* 0: no limit */
};

/*
 * Takes the first transform that the policy allows, one with 3DES only when there is no other. 0;
 * -ENOENT when none is acceptable; -EBADMSG when the payload does not parse.
 */
int proposal_choose_ike(const struct digest_part *sa, const struct ike_policy *policy,
			struct ike_suite *suite, struct proposal_choice *choice);

/* The same for ESP: AES-GCM first, then the peer's order, 3DES last. Bundles are refused. */
int proposal_choose_esp(const struct digest_part *sa, const struct esp_policy *policy,
			struct esp_choice *chosen, struct proposal_choice *choice);

/* What is not allowed of a transform: a set of these bits. */
enum proposal_refused {
	REFUSED_PROTOCOL = 1 << 0,
	REFUSED_BUNDLE = 1 << 1,
	REFUSED_SPI = 1 << 2,
	REFUSED_CIPHER = 1 << 3,
	REFUSED_KEY_LENGTH = 1 << 4,
	REFUSED_HASH = 1 << 5, /* of ESP: the authenticator */
	REFUSED_GROUP = 1 << 6,
	REFUSED_METHOD = 1 << 7,
	REFUSED_LIFETIME_TYPE = 1 << 8,
	REFUSED_ENCAPSULATION = 1 << 9, /* not transport mode */
	REFUSED_PATH = 1 << 10, /* transport mode, but not in the form that the path needs */
	REFUSED_KEY_EXCHANGE = 1 << 11, /* group and KE payload contradict each other */
	REFUSED_ATTRIBUTE = 1 << 12,
};

struct transform;
/* The refused bits of one transform, and what it would give. */
uint32_t proposal_examine_ike(const struct transform *t, const struct ike_policy *policy,
			      struct ike_suite *suite);
uint32_t proposal_examine_esp(const struct transform *t, const struct esp_policy *policy,
			      struct esp_choice *chosen);

/* Two proposals with one number are a bundle, "this and that" (RFC 2408 4.2). */
struct proposal_bundles {
	uint8_t seen[256];
};
void proposal_bundles_count(const struct digest_part *sa, struct proposal_bundles *bundles);

/* Why nothing was chosen: the cause, and the rest of its sentence. */
struct proposal_refusal {
	enum cause cause;
	char detail[256];
};
void proposal_refusal_ike(const struct digest_part *sa, const struct ike_policy *policy,
			  struct proposal_refusal *refusal);
void proposal_refusal_esp(const struct digest_part *sa, const struct esp_policy *policy,
			  struct proposal_refusal *refusal);

/* One transform with its generic header, as an initiator offers it; of `offer` not the SPI. */
void proposal_write_ike(struct writer *w, const struct ike_suite *suite);
void proposal_write_esp(struct writer *w, const struct esp_choice *offer);

/* Readable lists for the operator; a list that does not fit ends in "...". */
void proposal_offer_text_ike(const struct digest_part *sa, char *text, size_t size);
void proposal_offer_text_esp(const struct digest_part *sa, char *text, size_t size);
const char *proposal_accept_text_ike(enum ike_compatibility compatibility);
const char *proposal_accept_text_esp(enum ike_compatibility compatibility);
/* One transform; one attribute of it, by its bit among the refused; the number of transforms. */
void transform_text(const struct transform *t, char *text, size_t size);
void transform_attribute_text(const struct transform *t, uint32_t refused, char *text, size_t size);
unsigned proposal_transforms(const struct digest_part *sa);
void esp_choice_text(const struct esp_choice *choice, char *text, size_t size);
void ike_suite_text(const struct ike_suite *suite, char *text, size_t size);

#endif
