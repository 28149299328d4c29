/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_ESP_SUITE_H
#define CRYPTO_ESP_SUITE_H

/* The ESP transforms that we speak, and the key material that one direction of an SA needs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum esp_cipher {
	ESP_CIPHER_NONE,
	ESP_CIPHER_AES_CBC,
	ESP_CIPHER_3DES_CBC,
	ESP_CIPHER_AES_GCM_16,
	ESP_CIPHER_COUNT
};

enum esp_authenticator {
	ESP_AUTHENTICATOR_NONE, /* with AES-GCM */
	ESP_AUTHENTICATOR_HMAC_SHA1_96,
	ESP_AUTHENTICATOR_HMAC_SHA2_256_128,
	ESP_AUTHENTICATOR_HMAC_SHA2_384_192,
	ESP_AUTHENTICATOR_HMAC_SHA2_512_256,
	ESP_AUTHENTICATOR_COUNT
};

struct esp_suite {
	uint8_t cipher;           /* enum esp_cipher */
	uint8_t cipher_key_bytes; /* 16, 24 or 32, without the salt of GCM */
	uint8_t authenticator;    /* enum esp_authenticator */
};

#define ESP_CIPHER_KEY_BYTES_MAX        36 /* AES-256-GCM with its 4-byte salt */
#define ESP_AUTHENTICATOR_KEY_BYTES_MAX 64

/* Keys of one direction as cut from KEYMAT (RFC 2409 5.5; GCM: key then salt, RFC 4106 8.1). */
struct esp_keys {
	struct esp_suite suite;
	uint8_t cipher_key[ESP_CIPHER_KEY_BYTES_MAX];
	uint8_t authenticator_key[ESP_AUTHENTICATOR_KEY_BYTES_MAX];
};

/* Bytes of KEYMAT for the cipher: key and, for GCM, salt. */
size_t esp_suite_cipher_keymat_bytes(const struct esp_suite *suite);

/* Bytes of KEYMAT for the authenticator; 0 for GCM. */
size_t esp_suite_authenticator_keymat_bytes(const struct esp_suite *suite);

/* Length of the integrity check value by the RFCs; the 96-bit SHA2-256 variant is found later. */
size_t esp_suite_tag_bytes(const struct esp_suite *suite);

/* Length of the IV in the packet: 16, 8 (3DES, GCM). */
size_t esp_suite_iv_bytes(const struct esp_suite *suite);

/* What the ciphertext is a multiple of: 16 (AES-CBC), 8 (3DES), 4 (GCM). */
size_t esp_suite_block_bytes(const struct esp_suite *suite);

/* True if the combination is one that the packet path implements. */
bool esp_suite_valid(const struct esp_suite *suite);

#define ESP_SUITE_TEXT_BYTES 40

/* For example "aes-256-cbc/hmac-sha1-96"; returns `text`. */
const char *esp_suite_text(const struct esp_suite *suite, char text[ESP_SUITE_TEXT_BYTES]);

#endif
