/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_ESP_KEY_H
#define CRYPTO_ESP_KEY_H

/* Expanded keys as intel-ipsec-mb reads them. For the engine, and for the bench that compares with it. */

#include "crypto/esp_suite.h"

#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <stdalign.h>

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct esp_key_head {
	struct esp_suite suite;
	bool encrypt;
	uint32_t salt; /* of GCM's nonces */
};

/* Round keys at the begin, powers of the hash key up to the end; 16 bytes of the last line are free. */
#define ESP_GCM_BYTES 1008

struct esp_gcm_keys {
	alignas(64) uint8_t expanded[ESP_GCM_BYTES]; /* struct gcm_key_data */
	struct esp_key_head head;
};

/* The two HMAC states, and an AES schedule or three DES schedules. */
struct esp_hmac_keys {
	alignas(64) uint8_t inner[64];
	alignas(64) uint8_t outer[64];
	alignas(16) struct esp_key_head head;
	union {
		alignas(16) uint8_t aes[15 * 16];
		struct {
			alignas(16) uint64_t schedule[3][IMB_DES_KEY_SCHED_SIZE / 8];
			const void *pointers[3];
			EVP_CIPHER_CTX *openssl; /* instead, where intel-ipsec-mb is slow */
		} des;
	};
};

/* Which of the two it is follows from the lane of the suite. */
struct esp_key {
	union {
		struct esp_gcm_keys gcm;
		struct esp_hmac_keys hmac;
	};
};

static_assert(sizeof(struct gcm_key_data) == ESP_GCM_BYTES, "the head lies behind the powers");
static_assert(sizeof(struct esp_gcm_keys) == 1024, "no line more than the keys need");
static_assert(offsetof(struct esp_hmac_keys, aes) + 15 * 16 == 384, "six lines");

static inline struct gcm_key_data *esp_key_gcm(const struct esp_key *key)
{
	return (struct gcm_key_data *)(uintptr_t)key;
}

#endif
