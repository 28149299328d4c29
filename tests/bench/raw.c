/* SPDX-License-Identifier: BSD-3-Clause */
#include "raw.h"

#include "base/memory.h"
#include "crypto/esp_key.h"

#include <emmintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST    32
#define TAG_ROOM 32

struct raw {
	IMB_MGR *manager;
	struct esp_suite suite;
	unsigned lane;
	uint32_t iv_bytes;
	uint32_t tag_bytes;
	uint8_t tags[1024][TAG_ROOM]; /* by number of the packet, as many as can be in flight */
	uint8_t nonces[BURST][12];
};

struct raw *raw_new(const struct esp_suite *suite)
{
	struct raw *raw = memory_new_aligned(64, sizeof(*raw));

	raw->manager = alloc_mb_mgr(0);
	if (raw->manager == NULL)
		abort();
	init_mb_mgr_auto(raw->manager, NULL);
	raw->suite = *suite;
	raw->lane = esp_suite_lane(suite);
	raw->iv_bytes = (uint32_t)esp_suite_iv_bytes(suite);
	raw->tag_bytes = (uint32_t)esp_suite_tag_bytes(suite);
	return raw;
}

void raw_free(struct raw *raw)
{
	free_mb_mgr(raw->manager);
	free(raw);
}

static void fill(struct raw *raw, IMB_JOB *job, const struct esp_job *from, bool encrypt,
		 uint8_t *nonce, uint8_t *tag)
{
	const struct esp_key *key = from->key;
	uint32_t head = 8 + raw->iv_bytes;

	job->src = from->esp;
	job->dst = from->esp + head;
	job->cipher_start_src_offset_in_bytes = head;
	job->msg_len_to_cipher_in_bytes = from->text_bytes;
	job->key_len_in_bytes = raw->suite.cipher_key_bytes;
	job->cipher_direction = encrypt ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = encrypt ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = raw->tag_bytes;
	job->user_data = from->esp + head + from->text_bytes;
	if (raw->suite.cipher == ESP_CIPHER_AES_GCM_16) {
		memcpy(nonce, &key->gcm.head.salt, 4);
		memcpy(nonce + 4, from->esp + 8, 8);
		job->cipher_mode = IMB_CIPHER_GCM;
		job->hash_alg = IMB_AUTH_AES_GMAC;
		job->enc_keys = key;
		job->dec_keys = key;
		job->iv = nonce;
		job->iv_len_in_bytes = 12;
		job->u.GCM.aad = from->esp;
		job->u.GCM.aad_len_in_bytes = 8;
		job->hash_start_src_offset_in_bytes = head;
		job->msg_len_to_hash_in_bytes = from->text_bytes;
		return;
	}
	job->cipher_mode = IMB_CIPHER_CBC;
	job->hash_alg = IMB_AUTH_HMAC_SHA_1;
	job->enc_keys = key->hmac.aes;
	job->dec_keys = key->hmac.aes;
	job->iv = from->esp + 8;
	job->iv_len_in_bytes = raw->iv_bytes;
	job->u.HMAC._hashed_auth_key_xor_ipad = key->hmac.inner;
	job->u.HMAC._hashed_auth_key_xor_opad = key->hmac.outer;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = head + from->text_bytes;
}

static uint32_t right(const struct raw *raw, const IMB_JOB *job, bool encrypt)
{
	uint64_t computed[2] = {0}, received[2] = {0};

	if (encrypt)
		return job->status == IMB_STATUS_COMPLETED;
	memcpy(computed, job->auth_tag_output, raw->tag_bytes);
	memcpy(received, job->user_data, raw->tag_bytes);
	return ((computed[0] ^ received[0]) | (computed[1] ^ received[1])) == 0;
}

static uint32_t run_direct(struct raw *raw, bool encrypt, const struct esp_job *jobs,
			   uint32_t count)
{
	aes_gcm_enc_dec_t run = encrypt ? raw->manager->gcm256_enc : raw->manager->gcm256_dec;
	alignas(64) struct gcm_context_data context;
	uint32_t good = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct esp_key *key = jobs[i].key;
		uint8_t *esp = jobs[i].esp, *text = esp + 16;
		alignas(16) uint8_t nonce[16], tag[16];
		uint64_t iv, a[2], b[2];

		memcpy(&iv, esp + 8, sizeof(iv));
		_mm_store_si128((__m128i *)(void *)nonce,
				_mm_set_epi64x((long long)(iv >> 32),
					       (long long)(key->gcm.head.salt | iv << 32)));
		run(esp_key_gcm(key), &context, text, text, jobs[i].text_bytes, nonce, esp, 8,
		    encrypt ? jobs[i].tag : tag, 16);
		if (encrypt) {
			good++;
			continue;
		}
		memcpy(a, tag, sizeof(a));
		memcpy(b, text + jobs[i].text_bytes, sizeof(b));
		good += ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
	}
	return good;
}

uint32_t raw_run(struct raw *raw, enum raw_variant variant, bool encrypt,
		 const struct esp_job *jobs, uint32_t count)
{
	uint32_t good = 0;
	const IMB_JOB *job;

	if (variant == RAW_DIRECT)
		return run_direct(raw, encrypt, jobs, count);
	for (uint32_t at = 0; at < count; at += BURST) {
		uint32_t some = count - at < BURST ? count - at : BURST;
		IMB_JOB *burst[BURST];
		uint32_t completed;

		if (variant == RAW_PREFETCH)
			for (uint32_t i = at + some; i < at + some + BURST && i < count; i++)
				esp_key_prefetch(jobs[i].key, raw->lane, jobs[i].text_bytes);
		while (IMB_GET_NEXT_BURST(raw->manager, some, burst) < some)
			good += right(raw, IMB_FLUSH_JOB(raw->manager), encrypt);
		for (uint32_t i = 0; i < some; i++)
			fill(raw, burst[i], &jobs[at + i], encrypt, raw->nonces[i],
			     encrypt ? jobs[at + i].tag : raw->tags[(at + i) % 1024]);
		completed = IMB_SUBMIT_BURST_NOCHECK(raw->manager, some, burst);
		for (uint32_t i = 0; i < completed; i++)
			good += right(raw, burst[i], encrypt);
	}
	while ((job = IMB_FLUSH_JOB(raw->manager)) != NULL)
		good += right(raw, job, encrypt);
	return good;
}
