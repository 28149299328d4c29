/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/esp_engine.h"

#include "base/memory.h"
#include "crypto/esp_key.h"
#include "crypto/esp_known_answer.h"

#include <emmintrin.h>
#include <errno.h>
#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESP_HEADER_BYTES 8
#define SUBMIT_MAX       64

/* A stock of key stream that IVs are cut from. */
struct key_stream {
	struct gcm_key_data key;
	uint64_t counter;
	size_t left;
	uint8_t bytes[4096];
};

struct esp_engine {
	IMB_MGR *lane[ESP_LANE_COUNT];
	struct key_stream stream;
	alignas(64) struct gcm_context_data gcm;
	bool fast_3des;
	char name[64];
};

static const struct {
	IMB_HASH_ALG algorithm;
	uint8_t tag_bytes;
} lane_hash[ESP_LANE_COUNT] = {
	[ESP_LANE_CBC_SHA1] = {IMB_AUTH_HMAC_SHA_1, 12},
	[ESP_LANE_CBC_SHA2_256] = {IMB_AUTH_HMAC_SHA_256, 16},
	[ESP_LANE_CBC_SHA2_384] = {IMB_AUTH_HMAC_SHA_384, 24},
	[ESP_LANE_CBC_SHA2_512] = {IMB_AUTH_HMAC_SHA_512, 32},
	[ESP_LANE_3DES] = {IMB_AUTH_HMAC_SHA_1, 12},
};

static size_t round_to_line(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

size_t esp_key_bytes(const struct esp_suite *suite)
{
	switch (suite->cipher) {
	case ESP_CIPHER_AES_GCM_16:
		return sizeof(struct esp_gcm_keys);
	case ESP_CIPHER_AES_CBC:
		return offsetof(struct esp_hmac_keys, aes) +
		       sizeof(((struct esp_hmac_keys *)0)->aes);
	default:
		return round_to_line(sizeof(struct esp_hmac_keys));
	}
}

unsigned esp_suite_lane(const struct esp_suite *suite)
{
	if (suite->cipher == ESP_CIPHER_AES_GCM_16)
		return ESP_LANE_GCM;
	if (suite->cipher == ESP_CIPHER_3DES_CBC)
		return ESP_LANE_3DES;
	return ESP_LANE_CBC_SHA1 + (suite->authenticator - ESP_AUTHENTICATOR_HMAC_SHA1_96);
}

static const char *architecture_name(IMB_ARCH architecture)
{
	switch (architecture) {
	case IMB_ARCH_AVX512:
		return "avx512";
	case IMB_ARCH_AVX2:
		return "avx2";
	case IMB_ARCH_AVX:
		return "avx";
	default:
		return "sse";
	}
}

/* What all jobs of a lane have in common is written once: the library never changes it. */
static void jobs_prepare(IMB_MGR *manager, unsigned lane)
{
	for (unsigned i = 0; i < IMB_MAX_JOBS; i++) {
		IMB_JOB *job = &manager->jobs[i];

		job->cipher_mode = lane == ESP_LANE_3DES ? IMB_CIPHER_DES3 : IMB_CIPHER_CBC;
		job->hash_alg = lane_hash[lane].algorithm;
		job->auth_tag_output_len_in_bytes = lane_hash[lane].tag_bytes;
		job->iv_len_in_bytes = lane == ESP_LANE_3DES ? 8 : 16;
		job->cipher_start_src_offset_in_bytes = ESP_HEADER_BYTES + job->iv_len_in_bytes;
		job->hash_start_src_offset_in_bytes = 0;
	}
}

static void key_stream_init(struct esp_engine *engine)
{
	uint8_t key[16];

	if (RAND_bytes(key, sizeof(key)) != 1)
		abort();
	IMB_AES128_GCM_PRE(engine->lane[ESP_LANE_GCM], key, &engine->stream.key);
	memory_wipe(key, sizeof(key));
}

static void __attribute__((noinline)) stream_refill(struct esp_engine *engine)
{
	struct key_stream *stream = &engine->stream;
	struct gcm_context_data context;
	uint8_t nonce[12] = {0}, tag[16];

	stream->counter++;
	memcpy(nonce, &stream->counter, sizeof(stream->counter));
	memset(stream->bytes, 0, sizeof(stream->bytes));
	IMB_AES128_GCM_ENC(engine->lane[ESP_LANE_GCM], &stream->key, &context, stream->bytes,
			   stream->bytes, sizeof(stream->bytes), nonce, NULL, 0, tag, sizeof(tag));
	stream->left = sizeof(stream->bytes);
}

void esp_engine_unpredictable(struct esp_engine *engine, void *to, size_t bytes)
{
	struct key_stream *stream = &engine->stream;

	if (__builtin_expect(stream->left < bytes, 0))
		stream_refill(engine);
	stream->left -= bytes;
	if (__builtin_expect(bytes == 16, 1))
		memcpy(to, stream->bytes + stream->left, 16);
	else
		memcpy(to, stream->bytes + stream->left, bytes);
}

struct esp_engine *esp_engine_new(void)
{
	struct esp_engine *engine = memory_new_aligned(64, sizeof(*engine));
	IMB_ARCH architecture = IMB_ARCH_NONE;

	for (unsigned i = 0; i < ESP_LANE_COUNT; i++) {
		engine->lane[i] = alloc_mb_mgr(0);
		if (engine->lane[i] == NULL)
			goto unsupported;
		init_mb_mgr_auto(engine->lane[i], &architecture);
		if (imb_get_errno(engine->lane[i]) != 0)
			goto unsupported;
		if (i != ESP_LANE_GCM)
			jobs_prepare(engine->lane[i], i);
	}
	key_stream_init(engine);
	engine->fast_3des = architecture == IMB_ARCH_AVX512;
	snprintf(engine->name, sizeof(engine->name), "intel-ipsec-mb %s %s", imb_get_version_str(),
		 architecture_name(architecture));
	if (esp_known_answer_check(engine) != 0) {
		esp_engine_free(engine);
		errno = EIO;
		return NULL;
	}
	return engine;

unsupported:
	esp_engine_free(engine);
	errno = ENOTSUP;
	return NULL;
}

void esp_engine_free(struct esp_engine *engine)
{
	if (engine == NULL)
		return;
	for (unsigned i = 0; i < ESP_LANE_COUNT; i++)
		if (engine->lane[i] != NULL)
			free_mb_mgr(engine->lane[i]);
	memory_wipe(&engine->stream, sizeof(engine->stream));
	free(engine);
}

bool esp_engine_has_fast_3des(const struct esp_engine *engine)
{
	return engine->fast_3des;
}

const char *esp_engine_name(const struct esp_engine *engine)
{
	return engine->name;
}

/* The hash state after one block of key xor pad (RFC 2104), which each packet starts from. */
static void hmac_state(IMB_MGR *manager, uint8_t authenticator, const uint8_t *key,
		       size_t key_bytes, uint8_t pad, uint8_t state[64])
{
	alignas(16) uint8_t block[128];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key_bytes; i++)
		block[i] ^= key[i];
	switch (authenticator) {
	case ESP_AUTHENTICATOR_HMAC_SHA1_96:
		IMB_SHA1_ONE_BLOCK(manager, block, state);
		break;
	case ESP_AUTHENTICATOR_HMAC_SHA2_256_128:
		IMB_SHA256_ONE_BLOCK(manager, block, state);
		break;
	case ESP_AUTHENTICATOR_HMAC_SHA2_384_192:
		IMB_SHA384_ONE_BLOCK(manager, block, state);
		break;
	default:
		IMB_SHA512_ONE_BLOCK(manager, block, state);
		break;
	}
	memory_wipe(block, sizeof(block));
}

static void aes_cbc_expand(IMB_MGR *manager, const struct esp_keys *keys, bool encrypt,
			   uint8_t *schedule)
{
	alignas(16) uint8_t other[15 * 16];
	void *encryption = encrypt ? schedule : other;
	void *decryption = encrypt ? other : schedule;

	switch (keys->suite.cipher_key_bytes) {
	case 16:
		IMB_AES_KEYEXP_128(manager, keys->cipher_key, encryption, decryption);
		break;
	case 24:
		IMB_AES_KEYEXP_192(manager, keys->cipher_key, encryption, decryption);
		break;
	default:
		IMB_AES_KEYEXP_256(manager, keys->cipher_key, encryption, decryption);
		break;
	}
	memory_wipe(other, sizeof(other));
}

static int triple_des_expand(struct esp_engine *engine, const struct esp_keys *keys, bool encrypt,
			     struct esp_hmac_keys *expanded)
{
	if (engine->fast_3des) {
		for (unsigned i = 0; i < 3; i++) {
			IMB_DES_KEYSCHED(engine->lane[ESP_LANE_3DES], expanded->des.schedule[i],
					 keys->cipher_key + 8 * i);
			expanded->des.pointers[i] = expanded->des.schedule[i];
		}
		return 0;
	}
	expanded->des.openssl = EVP_CIPHER_CTX_new();
	if (expanded->des.openssl == NULL ||
	    !EVP_CipherInit_ex(expanded->des.openssl, EVP_des_ede3_cbc(), NULL, keys->cipher_key,
			       NULL, encrypt) ||
	    !EVP_CIPHER_CTX_set_padding(expanded->des.openssl, 0)) {
		EVP_CIPHER_CTX_free(expanded->des.openssl);
		expanded->des.openssl = NULL;
		return -EIO;
	}
	return 0;
}

static void gcm_expand(IMB_MGR *manager, const struct esp_keys *keys, struct gcm_key_data *expanded)
{
	switch (keys->suite.cipher_key_bytes) {
	case 16:
		IMB_AES128_GCM_PRE(manager, keys->cipher_key, expanded);
		break;
	case 24:
		IMB_AES192_GCM_PRE(manager, keys->cipher_key, expanded);
		break;
	default:
		IMB_AES256_GCM_PRE(manager, keys->cipher_key, expanded);
		break;
	}
}

static struct esp_key_head *head_of(struct esp_key *key, unsigned lane)
{
	return lane == ESP_LANE_GCM ? &key->gcm.head : &key->hmac.head;
}

int esp_key_init(struct esp_engine *engine, const struct esp_keys *keys, bool encrypt,
		 struct esp_key *key)
{
	const struct esp_suite *suite = &keys->suite;
	unsigned lane;
	IMB_MGR *manager;
	size_t bytes;

	if (!esp_suite_valid(suite))
		return -EINVAL;
	lane = esp_suite_lane(suite);
	manager = engine->lane[lane];
	*head_of(key, lane) = (struct esp_key_head){.suite = *suite, .encrypt = encrypt};
	if (lane == ESP_LANE_GCM) {
		gcm_expand(manager, keys, esp_key_gcm(key));
		memcpy(&key->gcm.head.salt, keys->cipher_key + suite->cipher_key_bytes,
		       sizeof(key->gcm.head.salt));
		return 0;
	}
	bytes = esp_suite_authenticator_keymat_bytes(suite);
	hmac_state(manager, suite->authenticator, keys->authenticator_key, bytes, 0x36,
		   key->hmac.inner);
	hmac_state(manager, suite->authenticator, keys->authenticator_key, bytes, 0x5c,
		   key->hmac.outer);
	if (lane == ESP_LANE_3DES)
		return triple_des_expand(engine, keys, encrypt, &key->hmac);
	aes_cbc_expand(manager, keys, encrypt, key->hmac.aes);
	return 0;
}

void esp_key_release(struct esp_key *key, unsigned lane)
{
	if (lane == ESP_LANE_3DES && key->hmac.des.openssl != NULL)
		EVP_CIPHER_CTX_free(key->hmac.des.openssl);
	memory_wipe(key, esp_key_bytes(&head_of(key, lane)->suite));
}

/* In place behind the IV, by OpenSSL. */
static bool triple_des_run(const struct esp_key *key, uint8_t *esp, uint32_t text_bytes)
{
	uint8_t *text = esp + ESP_HEADER_BYTES + 8;
	int written = 0;

	return EVP_CipherInit_ex(key->hmac.des.openssl, NULL, NULL, NULL, esp + ESP_HEADER_BYTES,
				 -1) &&
	       EVP_CipherUpdate(key->hmac.des.openssl, text, &written, text, (int)text_bytes) &&
	       (uint32_t)written == text_bytes;
}

/*
 * One packet by the library's own call: a job costs half as much again (AES-256, 64 bytes: 89 cycles
 * against 61), and GCM has no lanes to fill.
 */
static inline void gcm_run(struct esp_engine *engine, const struct esp_job *job, bool encrypt)
{
	const IMB_MGR *manager = engine->lane[ESP_LANE_GCM];
	const struct esp_key *key = job->key;
	uint8_t *text = job->esp + ESP_HEADER_BYTES + 8;
	alignas(16) uint8_t nonce[16];
	aes_gcm_enc_dec_t run;
	uint64_t iv;

	/* In one store: the library reads it in one load, which cannot be put together from two. */
	memcpy(&iv, job->esp + ESP_HEADER_BYTES, sizeof(iv));
	_mm_store_si128(
		(__m128i *)(void *)nonce,
		_mm_set_epi64x((long long)(iv >> 32), (long long)(key->gcm.head.salt | iv << 32)));
	switch (key->gcm.head.suite.cipher_key_bytes) {
	case 32:
		run = encrypt ? manager->gcm256_enc : manager->gcm256_dec;
		break;
	case 24:
		run = encrypt ? manager->gcm192_enc : manager->gcm192_dec;
		break;
	default:
		run = encrypt ? manager->gcm128_enc : manager->gcm128_dec;
		break;
	}
	run(esp_key_gcm(key), &engine->gcm, text, text, job->text_bytes, nonce, job->esp,
	    ESP_HEADER_BYTES, job->tag, 16);
}

static void fill_hmac(IMB_JOB *job, const struct esp_job *from, bool encrypt)
{
	const struct esp_key *key = from->key;

	job->src = from->esp;
	job->msg_len_to_cipher_in_bytes = from->text_bytes;
	job->cipher_direction = encrypt ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = encrypt ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->auth_tag_output = from->tag;
	job->user_data = from->user;
	job->dst = from->esp + job->cipher_start_src_offset_in_bytes;
	job->key_len_in_bytes = key->hmac.head.suite.cipher_key_bytes;
	job->enc_keys = key->hmac.aes;
	job->dec_keys = key->hmac.aes;
	job->iv = from->esp + ESP_HEADER_BYTES;
	job->u.HMAC._hashed_auth_key_xor_ipad = key->hmac.inner;
	job->u.HMAC._hashed_auth_key_xor_opad = key->hmac.outer;
	job->msg_len_to_hash_in_bytes = job->cipher_start_src_offset_in_bytes + from->text_bytes;
}

/* 3DES by the library's lanes, or by OpenSSL around the library's hash. */
static void fill_triple_des(struct esp_engine *engine, IMB_JOB *job, const struct esp_job *from,
			    bool encrypt)
{
	const struct esp_key *key = from->key;

	fill_hmac(job, from, encrypt);
	job->user_data2 = (void *)(uintptr_t)key;
	job->enc_keys = key->hmac.des.pointers;
	job->dec_keys = key->hmac.des.pointers;
	if (engine->fast_3des)
		return;
	job->cipher_mode = IMB_CIPHER_NULL;
	if (encrypt)
		(void)triple_des_run(key, from->esp, from->text_bytes);
}

/* Decryption by OpenSSL follows the hash, so that it happens once a job is complete. */
static struct esp_done finish(const struct esp_engine *engine, unsigned lane, const IMB_JOB *job)
{
	const struct esp_key *key = job->user_data2;
	struct esp_done done = {job->user_data, job->status != IMB_STATUS_COMPLETED};

	if (lane == ESP_LANE_3DES && !engine->fast_3des && !key->hmac.head.encrypt && !done.failed)
		done.failed = !triple_des_run(key, (uint8_t *)(uintptr_t)job->src,
					      (uint32_t)job->msg_len_to_cipher_in_bytes);
	return done;
}

void *esp_engine_oldest(const struct esp_engine *engine, unsigned lane)
{
	const IMB_MGR *manager = engine->lane[lane];

	if (manager->earliest_job < 0)
		return NULL;
	return ((const IMB_JOB *)(const void *)((const uint8_t *)manager->jobs +
						manager->earliest_job))
		->user_data;
}

unsigned esp_engine_flush_oldest(struct esp_engine *engine, unsigned lane, struct esp_done *done)
{
	const IMB_JOB *job = IMB_FLUSH_JOB(engine->lane[lane]);

	if (job == NULL)
		return 0;
	done[0] = finish(engine, lane, job);
	return 1;
}

/*
 * One job at a time: IMB_FLUSH_BURST of ipsec-mb 1.3 leaves the ring in a state in which a later
 * burst that wraps returns jobs twice (seen with bursts of 32 and then of 64).
 */
unsigned esp_engine_flush(struct esp_engine *engine, unsigned lane, struct esp_done *done)
{
	unsigned count = 0;

	while (esp_engine_flush_oldest(engine, lane, done + count) != 0)
		count++;
	return count;
}

unsigned esp_engine_parked(const struct esp_engine *engine, unsigned lane)
{
	return IMB_QUEUE_SIZE(engine->lane[lane]);
}

void esp_engine_gcm(struct esp_engine *engine, bool encrypt, const struct esp_job *jobs,
		    unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		gcm_run(engine, &jobs[i], encrypt);
}

unsigned esp_engine_submit(struct esp_engine *engine, unsigned lane, bool encrypt,
			   const struct esp_job *from, unsigned count, struct esp_done *done)
{
	IMB_MGR *manager = engine->lane[lane];
	IMB_JOB *jobs[SUBMIT_MAX];
	unsigned total = 0;
	unsigned completed;

	if (lane == ESP_LANE_GCM) {
		esp_engine_gcm(engine, encrypt, from, count);
		for (unsigned i = 0; i < count; i++)
			done[i] = (struct esp_done){from[i].user, false};
		return count;
	}
	if (IMB_GET_NEXT_BURST(manager, count, jobs) < count) {
		total = esp_engine_flush(engine, lane, done);
		(void)IMB_GET_NEXT_BURST(manager, count, jobs);
	}
	for (unsigned i = 0; i < count; i++) {
		if (lane == ESP_LANE_3DES)
			fill_triple_des(engine, jobs[i], &from[i], encrypt);
		else
			fill_hmac(jobs[i], &from[i], encrypt);
	}
	completed = IMB_SUBMIT_BURST_NOCHECK(manager, count, jobs);
	for (unsigned i = 0; i < completed; i++)
		done[total++] = finish(engine, lane, jobs[i]);
	return total;
}
