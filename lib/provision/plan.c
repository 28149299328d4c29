/* SPDX-License-Identifier: BSD-3-Clause */
#include "provision/plan.h"

#include "base/memory.h"
#include "crypto/digest.h"

#include <arpa/inet.h>
#include <string.h>

struct plan_session plan_session(const struct plan *plan, uint32_t number)
{
	uint32_t tunnel = 1 + number / PLAN_TUNNEL_SESSIONS;
	bool plain = plan->suite.cipher == ESP_CIPHER_NONE;

	return (struct plan_session){
		.peer = PLAN_PEER_FIRST + (plain ? tunnel : number),
		.subscriber = PLAN_SUBSCRIBER_FIRST + number,
		.spi_in = PLAN_SPI_IN_FIRST + number,
		.spi_out = PLAN_SPI_OUT_FIRST + number,
		.tunnel = (uint16_t)tunnel,
		.session = (uint16_t)(1 + number % PLAN_TUNNEL_SESSIONS),
	};
}

void plan_keys(const struct plan *plan, uint32_t number, enum plan_direction direction,
	       struct esp_keys *keys)
{
	uint8_t material[ESP_CIPHER_KEY_BYTES_MAX + ESP_AUTHENTICATOR_KEY_BYTES_MAX +
			 DIGEST_BYTES_MAX];
	size_t cipher_bytes = esp_suite_cipher_keymat_bytes(&plan->suite);
	size_t authenticator_bytes = esp_suite_authenticator_keymat_bytes(&plan->suite);
	uint32_t number_be = htonl(number);
	uint8_t input[6] = {direction == PLAN_IN ? 'i' : 'o'};
	struct digest_part part = {input, sizeof(input)};

	memcpy(input + 1, &number_be, sizeof(number_be));
	for (size_t bytes = 0; bytes < cipher_bytes + authenticator_bytes; bytes += 32) {
		input[5]++;
		(void)digest_hmac(DIGEST_SHA2_256, (const uint8_t *)plan->seed, strlen(plan->seed),
				  &part, 1, material + bytes);
	}
	*keys = (struct esp_keys){.suite = plan->suite};
	memcpy(keys->cipher_key, material, cipher_bytes);
	memcpy(keys->authenticator_key, material + cipher_bytes, authenticator_bytes);
	memory_wipe(material, sizeof(material));
}

int plan_suite(const char *name, struct esp_suite *suite)
{
	static const struct {
		const char *name;
		struct esp_suite suite;
	} suites[] = {
		{"none", {ESP_CIPHER_NONE, 0, ESP_AUTHENTICATOR_NONE}},
		{"aes-256-gcm", {ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE}},
		{"aes-128-gcm", {ESP_CIPHER_AES_GCM_16, 16, ESP_AUTHENTICATOR_NONE}},
		{"aes-256-cbc-sha1", {ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA1_96}},
	};

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		if (strcmp(suites[i].name, name) != 0)
			continue;
		*suite = suites[i].suite;
		return 0;
	}
	return -1;
}
