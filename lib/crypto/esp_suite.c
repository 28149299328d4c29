/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/esp_suite.h"

#include <stdio.h>

static const struct {
	const char *name;
	uint8_t iv_bytes;
	uint8_t block_bytes;
	uint8_t salt_bytes;
	uint8_t tag_bytes;
} ciphers[ESP_CIPHER_COUNT] = {
	[ESP_CIPHER_NONE] = {"none", 0, 1, 0, 0},
	[ESP_CIPHER_AES_CBC] = {"cbc", 16, 16, 0, 0},
	[ESP_CIPHER_3DES_CBC] = {"3des-cbc", 8, 8, 0, 0},
	[ESP_CIPHER_AES_GCM_16] = {"gcm-16", 8, 4, 4, 16},
};

static const struct {
	const char *name;
	uint8_t key_bytes;
	uint8_t tag_bytes;
} authenticators[ESP_AUTHENTICATOR_COUNT] = {
	[ESP_AUTHENTICATOR_NONE] = {"none", 0, 0},
	[ESP_AUTHENTICATOR_HMAC_SHA1_96] = {"hmac-sha1-96", 20, 12},
	[ESP_AUTHENTICATOR_HMAC_SHA2_256_128] = {"hmac-sha2-256-128", 32, 16},
	[ESP_AUTHENTICATOR_HMAC_SHA2_384_192] = {"hmac-sha2-384-192", 48, 24},
	[ESP_AUTHENTICATOR_HMAC_SHA2_512_256] = {"hmac-sha2-512-256", 64, 32},
};

size_t esp_suite_cipher_keymat_bytes(const struct esp_suite *suite)
{
	return (size_t)suite->cipher_key_bytes + ciphers[suite->cipher].salt_bytes;
}

size_t esp_suite_authenticator_keymat_bytes(const struct esp_suite *suite)
{
	return authenticators[suite->authenticator].key_bytes;
}

size_t esp_suite_tag_bytes(const struct esp_suite *suite)
{
	return (size_t)ciphers[suite->cipher].tag_bytes +
	       authenticators[suite->authenticator].tag_bytes;
}

size_t esp_suite_iv_bytes(const struct esp_suite *suite)
{
	return ciphers[suite->cipher].iv_bytes;
}

size_t esp_suite_block_bytes(const struct esp_suite *suite)
{
	return ciphers[suite->cipher].block_bytes;
}

bool esp_suite_valid(const struct esp_suite *suite)
{
	bool aes_key = suite->cipher_key_bytes == 16 || suite->cipher_key_bytes == 24 ||
		       suite->cipher_key_bytes == 32;

	switch (suite->cipher) {
	case ESP_CIPHER_AES_GCM_16:
		return aes_key && suite->authenticator == ESP_AUTHENTICATOR_NONE;
	case ESP_CIPHER_AES_CBC:
		return aes_key && suite->authenticator > ESP_AUTHENTICATOR_NONE &&
		       suite->authenticator < ESP_AUTHENTICATOR_COUNT;
	case ESP_CIPHER_3DES_CBC:
		return suite->cipher_key_bytes == 24 &&
		       suite->authenticator == ESP_AUTHENTICATOR_HMAC_SHA1_96;
	default:
		return false;
	}
}

const char *esp_suite_text(const struct esp_suite *suite, char text[ESP_SUITE_TEXT_BYTES])
{
	const char *cipher = suite->cipher < ESP_CIPHER_COUNT ? ciphers[suite->cipher].name : "?";

	if (suite->cipher == ESP_CIPHER_AES_GCM_16)
		snprintf(text, ESP_SUITE_TEXT_BYTES, "aes-%u-%s", suite->cipher_key_bytes * 8,
			 cipher);
	else if (suite->cipher == ESP_CIPHER_AES_CBC)
		snprintf(text, ESP_SUITE_TEXT_BYTES, "aes-%u-%s/%s", suite->cipher_key_bytes * 8,
			 cipher, authenticators[suite->authenticator].name);
	else
		snprintf(text, ESP_SUITE_TEXT_BYTES, "%s/%s", cipher,
			 authenticators[suite->authenticator].name);
	return text;
}
