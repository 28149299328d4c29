/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer harness of the IKE engine. The first byte says how far a true client dials before; the
 * rest is a datagram, or what stands inside a protected message behind a correct hash. Without the
 * inside form no fuzzer would get past the cipher.
 */

#include "ike_rig.h"

#include <string.h>

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
