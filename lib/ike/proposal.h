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

/* The algorithms of an ISAKMP SA. */
struct ike_suite {
	uint8_t cipher; /* enum block_cipher */
	uint8_t key_bytes;
	uint8_t hash; /* enum digest_kind */
	uint16_t group;
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
 * Takes the first transform that `compatibility` allows, one with 3DES only when there is no
 * other. 0; -ENOENT when none is acceptable; -EBADMSG when the payload does not parse.
 */
int proposal_choose_ike(const struct digest_part *sa, enum ike_compatibility compatibility,
			struct ike_suite *suite, struct proposal_choice *choice);

/* The same for ESP: AES-GCM first, then the peer's order, 3DES last. Bundles are refused. */
int proposal_choose_esp(const struct digest_part *sa, const struct esp_policy *policy,
			struct esp_choice *chosen, struct proposal_choice *choice);

/* One transform with its generic header, as an initiator offers it; of `offer` not the SPI. */
void proposal_write_ike(struct writer *w, const struct ike_suite *suite);
void proposal_write_esp(struct writer *w, const struct esp_choice *offer);

/* Readable lists for the operator; a list that does not fit ends in "...". */
void proposal_offer_text_ike(const struct digest_part *sa, char *text, size_t size);
void proposal_offer_text_esp(const struct digest_part *sa, char *text, size_t size);
const char *proposal_accept_text_ike(enum ike_compatibility compatibility);
const char *proposal_accept_text_esp(enum ike_compatibility compatibility);
void ike_suite_text(const struct ike_suite *suite, char *text, size_t size);

#endif
