/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_ESP_KEY_H
#define CRYPTO_ESP_KEY_H

/* Expanded keys as intel-ipsec-mb reads them. For the engine, and for the bench that compares with it. */

#include "crypto/esp_suite.h"

#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <stdalign.h>

/* AES schedule, or three DES schedules, and the two HMAC states. */
struct hmac_cipher_keys {
	alignas(16) uint8_t inner[64];
	alignas(16) uint8_t outer[64];
	union {
		alignas(16) uint8_t aes[15 * 16];
		struct {
			alignas(16) uint64_t schedule[3][IMB_DES_KEY_SCHED_SIZE / 8];
			const void *pointers[3];
			EVP_CIPHER_CTX *openssl; /* instead, where ipsec-mb is slow */
		} des;
	};
};

struct esp_key {
	struct esp_suite suite;
	bool encrypt;
	uint8_t iv_bytes;
	uint8_t tag_bytes;
	uint32_t salt;
	union {
		alignas(64) struct gcm_key_data gcm;
		struct hmac_cipher_keys hmac;
	};
};

#endif
