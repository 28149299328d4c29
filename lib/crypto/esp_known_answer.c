/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/esp_known_answer.h"

#include "base/memory.h"
#include "crypto/block_cipher.h"
#include "crypto/digest.h"
#include "crypto/esp_engine.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_BYTES 1536
#define JOBS         32

/* ESP header, IV and text of job `n`: repeatable bytes, lengths from one block to a full frame. */
static uint32_t packet_make(const struct esp_suite *suite, unsigned n, uint8_t *esp)
{
	size_t block = esp_suite_block_bytes(suite);
	size_t text = (16 + n * 45) / block * block;

	for (size_t i = 0; i < PACKET_BYTES; i++)
		esp[i] = (uint8_t)(i * 7 + n * 31 + 3);
	return (uint32_t)text;
}

static struct esp_keys keys_make(const struct esp_suite *suite)
{
	struct esp_keys keys = {.suite = *suite};

	for (size_t i = 0; i < sizeof(keys.cipher_key); i++)
		keys.cipher_key[i] = (uint8_t)(0x10 + i * 5);
	for (size_t i = 0; i < sizeof(keys.authenticator_key); i++)
		keys.authenticator_key[i] = (uint8_t)(0x80 ^ (i * 3));
	return keys;
}

static int openssl_gcm(const struct esp_keys *keys, uint8_t *esp, uint32_t text_bytes, uint8_t *tag)
{
	const EVP_CIPHER *cipher = keys->suite.cipher_key_bytes == 16   ? EVP_aes_128_gcm()
				   : keys->suite.cipher_key_bytes == 24 ? EVP_aes_192_gcm()
									: EVP_aes_256_gcm();
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t nonce[12];
	int written;
	bool ok;

	memcpy(nonce, keys->cipher_key + keys->suite.cipher_key_bytes, 4);
	memcpy(nonce + 4, esp + 8, 8);
	ok = context != NULL &&
	     EVP_EncryptInit_ex(context, cipher, NULL, keys->cipher_key, nonce) &&
	     EVP_EncryptUpdate(context, NULL, &written, esp, 8) &&
	     EVP_EncryptUpdate(context, esp + 16, &written, esp + 16, (int)text_bytes) &&
	     EVP_EncryptFinal_ex(context, esp + 16 + text_bytes, &written) &&
	     EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, tag);
	EVP_CIPHER_CTX_free(context);
	return ok ? 0 : -EIO;
}

static int openssl_hmac(const struct esp_keys *keys, uint8_t *esp, uint32_t text_bytes,
			uint8_t *tag)
{
	static const enum digest_kind kinds[] = {0, DIGEST_SHA1, DIGEST_SHA2_256, DIGEST_SHA2_384,
						 DIGEST_SHA2_512};
	enum block_cipher cipher = keys->suite.cipher == ESP_CIPHER_AES_CBC ? BLOCK_CIPHER_AES_CBC
									    : BLOCK_CIPHER_3DES_CBC;
	size_t iv = esp_suite_iv_bytes(&keys->suite);
	struct digest_part part = {esp, 8 + iv + text_bytes};
	int error = block_cipher_run(cipher, true, keys->cipher_key, keys->suite.cipher_key_bytes,
				     esp + 8, esp + 8 + iv, esp + 8 + iv, text_bytes);

	if (error != 0)
		return error;
	return digest_hmac(kinds[keys->suite.authenticator], keys->authenticator_key,
			   esp_suite_authenticator_keymat_bytes(&keys->suite), &part, 1, tag);
}

struct trial {
	uint8_t packet[JOBS][PACKET_BYTES];
	uint8_t tag[JOBS][ESP_TAG_BYTES_MAX];
	struct esp_job jobs[JOBS];
	struct esp_done done[ESP_DONE_MAX];
};

static int run(struct esp_engine *engine, struct trial *trial, unsigned lane, bool encrypt,
	       const struct esp_key *key)
{
	unsigned count;

	for (unsigned i = 0; i < JOBS; i++) {
		trial->jobs[i].key = key;
		trial->jobs[i].esp = trial->packet[i];
		trial->jobs[i].tag = trial->tag[i];
		trial->jobs[i].user = trial->packet[i];
	}
	count = esp_engine_submit(engine, lane, encrypt, trial->jobs, JOBS, trial->done);
	count += esp_engine_flush(engine, lane, trial->done + count);
	if (count != JOBS)
		return -EIO;
	for (unsigned i = 0; i < JOBS; i++)
		if (trial->done[i].failed)
			return -EIO;
	return 0;
}

static int compare(const struct esp_keys *keys, struct trial *trial, bool encrypted)
{
	size_t head = 8 + esp_suite_iv_bytes(&keys->suite);
	size_t tag_bytes = esp_suite_tag_bytes(&keys->suite);
	uint8_t expected[PACKET_BYTES], plain[PACKET_BYTES], tag[DIGEST_BYTES_MAX];

	for (unsigned i = 0; i < JOBS; i++) {
		uint32_t text = packet_make(&keys->suite, i, expected);

		memcpy(plain, expected, sizeof(plain));
		if ((keys->suite.cipher == ESP_CIPHER_AES_GCM_16 ? openssl_gcm : openssl_hmac)(
			    keys, expected, text, tag) != 0)
			return -EIO;
		if (memcmp(trial->packet[i], encrypted ? expected : plain, head + text) != 0 ||
		    memcmp(trial->tag[i], tag, tag_bytes) != 0)
			return -EIO;
	}
	return 0;
}

static int suite_check(struct esp_engine *engine, const struct esp_suite *suite,
		       struct trial *trial)
{
	struct esp_keys keys = keys_make(suite);
	struct esp_key *out = memory_new_aligned(64, esp_key_bytes(suite));
	struct esp_key *in = memory_new_aligned(64, esp_key_bytes(suite));
	unsigned lane = esp_suite_lane(suite);
	int error = esp_key_init(engine, &keys, true, out);

	if (error == 0)
		error = esp_key_init(engine, &keys, false, in);
	for (unsigned i = 0; i < JOBS; i++)
		trial->jobs[i].text_bytes = packet_make(suite, i, trial->packet[i]);
	if (error == 0)
		error = run(engine, trial, lane, true, out);
	if (error == 0)
		error = compare(&keys, trial, true);
	if (error == 0)
		error = run(engine, trial, lane, false, in);
	if (error == 0)
		error = compare(&keys, trial, false);
	esp_key_release(out, lane);
	esp_key_release(in, lane);
	free(out);
	free(in);
	return error;
}

int esp_known_answer_check(struct esp_engine *engine)
{
	struct trial *trial = memory_new(sizeof(*trial));
	int error = 0;

	for (uint8_t cipher = 1; cipher < ESP_CIPHER_COUNT; cipher++) {
		for (uint8_t authenticator = 0; authenticator < ESP_AUTHENTICATOR_COUNT;
		     authenticator++) {
			for (uint8_t key = 16; error == 0 && key <= 32; key += 8) {
				struct esp_suite suite = {cipher, key, authenticator};

				if (esp_suite_valid(&suite))
					error = suite_check(engine, &suite, trial);
			}
		}
	}
	free(trial);
	return error;
}
