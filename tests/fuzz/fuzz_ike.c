/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer harness of the IKE engine. The first byte says how far a true client dials before; the
 * rest is a datagram, or what stands inside a protected message behind a correct hash. Without the
 * inside form no fuzzer would get past the cipher. With FIRST_BYTE_CERTIFICATES the rest is the
 * certificates of main mode 5, which decrypts.
 */

#include "authority.h"
#include "ike_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum stage {
	STAGE_NOTHING,
	STAGE_MAIN_MODE_2,
	STAGE_MAIN_MODE_4,
	STAGE_ESTABLISHED,
	STAGE_INSIDE_INFORMATIONAL,
	STAGE_INSIDE_QUICK_MODE,
	STAGE_AGGRESSIVE_NOTHING,
	STAGE_AGGRESSIVE_2,
	STAGE_INSIDE_AGGRESSIVE_3,
	STAGES,
	STAGES_OF_MAIN_MODE = STAGE_AGGRESSIVE_NOTHING, /* those of a first byte below 128 */
};

#define FIRST_BYTE_CERTIFICATES 255
#define METHOD_ECDSA_256        9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ike_rig rig;
static struct rig_client client;

static void aggressive_key(struct ike_config *config)
{
	static const struct ike_named_key key = {"192.168.1.2", (const uint8_t *)"own", 3};

	rig.listener.aggressive_keys = &key;
	rig.listener.aggressive_key_count = 1;
	(void)config;
}

static bool aggressive(enum stage stage)
{
	return stage >= STAGE_AGGRESSIVE_NOTHING;
}

static void dial_until(enum stage stage)
{
	if (stage == STAGE_NOTHING || stage == STAGE_AGGRESSIVE_NOTHING)
		return;
	initiator_main_mode_1(&client.i);
	client_send(&rig, &client);
	if (stage == STAGE_MAIN_MODE_2 || stage == STAGE_AGGRESSIVE_2 ||
	    !client_collect(&rig, &client))
		return;
	if (stage == STAGE_INSIDE_AGGRESSIVE_3)
		return;
	client_send(&rig, &client);
	if (stage == STAGE_MAIN_MODE_4 || !client_collect(&rig, &client))
		return;
	client_exchange(&rig, &client);
	client_quick_mode(&rig, &client);
}

/* A datagram with the cookies that belong there. */
static void feed_outside(enum stage stage, const uint8_t *data, size_t size)
{
	uint8_t datagram[INITIATOR_BYTES_MAX + 4] = {0};
	size_t marker = client.path.local.port == 4500 ? 4 : 0;

	memcpy(datagram + marker, data, size);
	if (stage != STAGE_NOTHING && stage != STAGE_AGGRESSIVE_NOTHING && size >= 16 &&
	    rig.send_count != 0)
		memcpy(datagram + marker, rig.sends[0].bytes, 16);
	rig_feed(&rig, &client.path, datagram, size + marker);
}

/* A CA and what it issued, made once. */
static struct authority_subject root, server;

static struct credentials *credentials_of_server(void)
{
	static struct credentials *credentials;
	static const struct authority_wish wish = {.name = "server", .kind = "P-256", .serial = 2};
	char chain[] = "/tmp/fuzz-chain-XXXXXX", key[] = "/tmp/fuzz-key-XXXXXX",
	     authorities[] = "/tmp/fuzz-ca-XXXXXX", error[CREDENTIALS_ERROR_BYTES];
	const struct credentials_files files = {chain, key, authorities, ""};

	if (credentials != NULL)
		return credentials;
	close(mkstemp(chain));
	close(mkstemp(key));
	close(mkstemp(authorities));
	root = authority_new("root", "P-256");
	server = authority_issue(&root, &wish);
	authority_write_certificates(chain, &server.certificate, 1);
	authority_write_key(key, server.key);
	authority_write_certificates(authorities, &root.certificate, 1);
	credentials = credentials_load(&files, error);
	if (credentials == NULL)
		abort();
	unlink(chain);
	unlink(key);
	unlink(authorities);
	return credentials;
}

static void certified(struct ike_config *config)
{
	rig.listener.credentials = credentials_of_server();
	(void)config;
}

/* The first certificate has as many times 16 bytes as the first byte says, the next one the rest. */
static void feed_certificates(struct initiator_config *config, const uint8_t *data, size_t size)
{
	size_t first = (size_t)data[0] * 16 < size - 1 ? (size_t)data[0] * 16 : size - 1;
	struct initiator_signer signer = {
		.certificates = {{data + 1, first}, {data + 1 + first, size - 1 - first}},
		.certificate_count = 2,
	};

	rig_init(&rig, 1, certified);
	signer.server = server.certificate;
	signer.key = server.key;
	config->signer = &signer;
	config->method = METHOD_ECDSA_256;
	client_init(&client, config, 2, 31000);
	client_dial(&rig, &client);
	rig_advance(&rig, 120000);
	rig_free(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct initiator_transform transform = {7, 128, 2, 19};
	struct initiator_config config = client_config(true);
	enum stage stage;

	if (size < 2 || size > 4000)
		return 0;
	stage = (enum stage)(data[0] % STAGES_OF_MAIN_MODE);
	if (data[0] >= 128)
		stage = (enum stage)(STAGES_OF_MAIN_MODE +
				     data[0] % (STAGES - STAGES_OF_MAIN_MODE));
	config.transforms = &transform;
	config.vendors[config.vendor_count++] = &vendor_fragmentation_word;
	if (data[0] == FIRST_BYTE_CERTIFICATES) {
		feed_certificates(&config, data + 1, size - 1);
		return 0;
	}
	if (aggressive(stage)) {
		config.aggressive = true;
		config.behind_proof = (struct digest_part){data + 2, size - 2};
		config.behind_proof_type = data[1];
		config.preshared_key = "own";
		config.nonce_bytes = 32;
		config.vendors[config.vendor_count++] = &vendor_draft_02n;
		config.vendors[config.vendor_count++] = &vendor_draft_02;
	}
	rig_init(&rig, 1, aggressive(stage) ? aggressive_key : NULL);
	client_init(&client, &config, 2, 31000);
	dial_until(stage);
	if (stage == STAGE_INSIDE_INFORMATIONAL) {
		initiator_informational(&client.i, data[1], data + 2, size - 2, true);
		client_send(&rig, &client);
	} else if (stage == STAGE_INSIDE_QUICK_MODE) {
		initiator_quick_mode_raw(&client.i, data[1], data + 2, size - 2);
		client_send(&rig, &client);
	} else if (stage == STAGE_INSIDE_AGGRESSIVE_3) {
		client_send(&rig, &client);
		client_quick_mode(&rig, &client);
	} else {
		feed_outside(stage, data + 1, size - 1);
	}
	rig_advance(&rig, 120000);
	rig_free(&rig);
	return 0;
}
