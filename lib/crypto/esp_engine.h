/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_ESP_ENGINE_H
#define CRYPTO_ESP_ENGINE_H

/*
 * The packet path's crypto over intel-ipsec-mb: submit and collect. A submitted job may complete in
 * a later call; jobs of one suite complete in order. One engine belongs to one worker; nothing is
 * allocated after esp_engine_new(), except by OpenSSL when the CPU has no AVX-512 and a 3DES key is
 * set up.
 *
 * The authenticator is computed, never compared, here: the caller holds the expected tag.
 */

#include "crypto/esp_suite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct esp_engine;

/* One direction of an SA with its keys expanded; the bytes behind it depend on the suite. */
struct esp_key;

/* Bytes that esp_key_init() fills for a suite; a multiple of 64. */
size_t esp_key_bytes(const struct esp_suite *suite);

/*
 * Makes an engine with one manager for each suite and checks every suite against OpenSSL (known
 * answer tests). NULL and errno: ENOTSUP when the CPU lacks what ipsec-mb needs, EIO when an answer
 * is wrong.
 */
struct esp_engine *esp_engine_new(void);
void esp_engine_free(struct esp_engine *engine);

/* Expands `keys` into `key`, which has esp_key_bytes() aligned to 64. 0 or -errno. */
int esp_key_init(struct esp_engine *engine, const struct esp_keys *keys, bool encrypt,
		 struct esp_key *key);

/* Releases what esp_key_init() took and wipes the key; `lane` is that of its suite. */
void esp_key_release(struct esp_key *key, unsigned lane);

/* Largest tag that a job writes. */
#define ESP_TAG_BYTES_MAX 32

struct esp_job {
	void *user; /* comes back from collect */
	const struct esp_key *key;
	uint8_t *esp;        /* ESP header, IV and text in one piece */
	uint32_t text_bytes; /* plain or cipher text behind the IV, a multiple of the block */
	uint8_t *tag; /* computed tag, ESP_TAG_BYTES_MAX of room; encrypting: behind the text */
};

/* How a job ended. */
struct esp_done {
	void *user;
	bool failed;
};

/*
 * Submits `count` jobs (at most 64), all of one direction and of suites of one lane (see
 * esp_suite_lane()). Completed jobs, also of earlier calls, go to `done`, which has room for
 * ESP_DONE_MAX. Returns their number.
 */
#define ESP_DONE_MAX 384
unsigned esp_engine_submit(struct esp_engine *engine, unsigned lane, bool encrypt,
			   const struct esp_job *jobs, unsigned count, struct esp_done *done);

/* The same for jobs of ESP_LANE_GCM, which are all complete when it returns, in their order. */
void esp_engine_gcm(struct esp_engine *engine, bool encrypt, const struct esp_job *jobs,
		    unsigned count);

/* The job that has been in the lane for the longest time: its `user`, or NULL. */
void *esp_engine_oldest(const struct esp_engine *engine, unsigned lane);

/* Completes the oldest job: 1, with `done`; 0 if the lane is empty. */
unsigned esp_engine_flush_oldest(struct esp_engine *engine, unsigned lane, struct esp_done *done);

/* Completes everything that is parked in the lane. */
unsigned esp_engine_flush(struct esp_engine *engine, unsigned lane, struct esp_done *done);

/* Jobs parked in the lane. */
unsigned esp_engine_parked(const struct esp_engine *engine, unsigned lane);

/* Suites whose jobs complete in order with each other: one manager each. */
enum esp_lane {
	ESP_LANE_GCM,
	ESP_LANE_CBC_SHA1,
	ESP_LANE_CBC_SHA2_256,
	ESP_LANE_CBC_SHA2_384,
	ESP_LANE_CBC_SHA2_512,
	ESP_LANE_3DES,
	ESP_LANE_COUNT
};

/*
 * Asks for the lines of a key of `lane` that a text of that length needs: the round keys, and of
 * GCM's powers of the hash key those at the end, one for each block.
 */
static inline void esp_key_prefetch(const struct esp_key *key, unsigned lane, uint32_t text_bytes)
{
	const char *line = (const char *)key;
	uint32_t powers;

	for (unsigned i = 0; i < 4; i++)
		__builtin_prefetch(line + i * 64);
	if (lane != ESP_LANE_GCM) {
		__builtin_prefetch(line + 256);
		__builtin_prefetch(line + 320);
		return;
	}
	powers = text_bytes + 48; /* bytes of text and its two extra blocks, rounded up */
	if (powers > 768)
		powers = 768;
	for (uint32_t bytes = 16; bytes < powers + 16; bytes += 64)
		__builtin_prefetch(line + 1024 - bytes);
}

unsigned esp_suite_lane(const struct esp_suite *suite);

/* `bytes` (at most 16) that nobody can predict, for the IV of a CBC packet: the key stream of AES-CTR
 * under a random key of the engine. */
void esp_engine_unpredictable(struct esp_engine *engine, void *to, size_t bytes);

/* True if 3DES runs in ipsec-mb (AVX-512), false if in OpenSSL. */
bool esp_engine_has_fast_3des(const struct esp_engine *engine);

/* "intel-ipsec-mb 1.3.0 avx512" */
const char *esp_engine_name(const struct esp_engine *engine);

#endif
