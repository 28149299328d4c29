/* SPDX-License-Identifier: BSD-3-Clause */
/* The transforms that an initiator offers (RFC 2408 3.6, 2407 4.5, 2409 A). */

#include "ike/isakmp.h"
#include "ike/proposal.h"

static void attribute(struct writer *w, uint16_t type, uint16_t value)
{
	writer_u16(w, 0x8000 | type);
	writer_u16(w, value);
}

/* Life type and duration, whose attributes follow each other in both phases. */
static void lifetime(struct writer *w, uint16_t type, uint64_t lifetime_ms)
{
	attribute(w, type, 1);
	writer_u16(w, type + 1);
	writer_u16(w, 4);
	writer_u32(w, (uint32_t)(lifetime_ms / 1000));
}

static size_t transform_begin(struct writer *w, uint8_t id)
{
	size_t at = writer_length(w);

	writer_u32(w, 0);
	writer_u8(w, 1);
	writer_u8(w, id);
	writer_u16(w, 0);
	return at;
}

static void transform_end(struct writer *w, size_t at)
{
	writer_patch_u16(w, at + 2, (uint16_t)(writer_length(w) - at));
}

void proposal_write_ike(struct writer *w, const struct ike_suite *suite)
{
	static const uint16_t hashes[DIGEST_COUNT] = {1, 2, 4, 5, 6};
	size_t at = transform_begin(w, 1);

	if (suite->cipher == BLOCK_CIPHER_AES_CBC) {
		attribute(w, 1, 7);
		attribute(w, 14, (uint16_t)(suite->key_bytes * 8));
	} else {
		attribute(w, 1, 5);
	}
	attribute(w, 2, hashes[suite->hash]);
	attribute(w, 3, 1);
	attribute(w, 4, suite->group);
	lifetime(w, 11, suite->lifetime_ms);
	transform_end(w, at);
}

void proposal_write_esp(struct writer *w, const struct esp_choice *offer)
{
	static const uint8_t ids[ESP_CIPHER_COUNT] = {
		[ESP_CIPHER_AES_CBC] = 12, [ESP_CIPHER_3DES_CBC] = 3, [ESP_CIPHER_AES_GCM_16] = 20};
	static const uint16_t authenticators[ESP_AUTHENTICATOR_COUNT] = {0, 2, 5, 6, 7};
	size_t at = transform_begin(w, ids[offer->suite.cipher]);

	attribute(w, 4, offer->encapsulated ? 4 : 2);
	if (offer->suite.cipher != ESP_CIPHER_3DES_CBC)
		attribute(w, 6, (uint16_t)(offer->suite.cipher_key_bytes * 8));
	if (offer->suite.authenticator != ESP_AUTHENTICATOR_NONE)
		attribute(w, 5, authenticators[offer->suite.authenticator]);
	if (offer->group != 0)
		attribute(w, 3, offer->group);
	lifetime(w, 1, offer->lifetime_ms);
	transform_end(w, at);
}
