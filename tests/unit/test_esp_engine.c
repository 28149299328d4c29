/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"
#include "crypto/esp_engine.h"
#include "crypto/esp_known_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_suite_agrees_with_openssl(void **state)
{
	struct esp_engine *engine = esp_engine_new(); /* runs the check itself */

	(void)state;
	assert_non_null(engine);
	assert_int_equal(esp_known_answer_check(engine), 0);
	esp_engine_free(engine);
}

static void a_job_stays_parked_until_flushed(void **state)
{
	struct esp_engine *engine = esp_engine_new();
	struct esp_keys keys = {.suite = {ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA1_96}};
	struct esp_key *key = memory_new_aligned(64, esp_key_bytes(&keys.suite));
	uint8_t packet[128] = {0}, tag[ESP_TAG_BYTES_MAX];
	struct esp_job job = {
		.user = packet, .key = key, .esp = packet, .text_bytes = 64, .tag = tag};
	struct esp_done done[ESP_DONE_MAX];

	(void)state;
	assert_int_equal(esp_key_init(engine, &keys, true, key), 0);
	assert_int_equal(esp_engine_submit(engine, ESP_LANE_CBC_SHA1, true, &job, 1, done), 0);
	assert_int_equal(esp_engine_parked(engine, ESP_LANE_CBC_SHA1), 1);
	assert_int_equal(esp_engine_flush(engine, ESP_LANE_CBC_SHA1, done), 1);
	assert_ptr_equal(done[0].user, packet);
	assert_false(done[0].failed);
	assert_int_equal(esp_engine_parked(engine, ESP_LANE_CBC_SHA1), 0);
	esp_key_release(key, ESP_LANE_CBC_SHA1);
	free(key);
	esp_engine_free(engine);
}

/* Bursts of every size, with and without flushes between them: each job comes back exactly once. */
static void every_job_completes_once(void **state)
{
	enum { JOBS = 20000, ROOM = 512 };
	struct esp_engine *engine = esp_engine_new();
	struct esp_keys keys = {
		.suite = {ESP_CIPHER_AES_CBC, 16, ESP_AUTHENTICATOR_HMAC_SHA2_512_256}};
	struct esp_key *key = memory_new_aligned(64, esp_key_bytes(&keys.suite));
	static uint8_t packets[ROOM][1600], tags[ROOM][ESP_TAG_BYTES_MAX], seen[JOBS];
	struct esp_done done[ESP_DONE_MAX];
	uint32_t random = 1;
	unsigned submitted = 0;

	(void)state;
	assert_int_equal(esp_key_init(engine, &keys, false, key), 0);
	while (submitted < JOBS) {
		struct esp_job jobs[64];
		unsigned count, completed;

		random = random * 1664525 + 1013904223;
		count = 1 + (random >> 16) % 64;
		if (count > JOBS - submitted)
			count = JOBS - submitted;
		for (unsigned j = 0; j < count; j++) {
			unsigned n = submitted + j;

			jobs[j] =
				(struct esp_job){.user = &seen[n],
						 .key = key,
						 .esp = packets[n % ROOM],
						 .text_bytes = n % 97 == 0 ? 1440 : 16 + n % 5 * 16,
						 .tag = tags[n % ROOM]};
		}
		submitted += count;
		completed =
			esp_engine_submit(engine, ESP_LANE_CBC_SHA2_512, false, jobs, count, done);
		if (random >> 30 == 0)
			completed +=
				esp_engine_flush(engine, ESP_LANE_CBC_SHA2_512, done + completed);
		for (unsigned j = 0; j < completed; j++)
			(*(uint8_t *)done[j].user)++;
	}
	for (unsigned j = esp_engine_flush(engine, ESP_LANE_CBC_SHA2_512, done); j-- > 0;)
		(*(uint8_t *)done[j].user)++;
	for (unsigned n = 0; n < JOBS; n++)
		assert_int_equal(seen[n], 1);
	esp_key_release(key, ESP_LANE_CBC_SHA1);
	free(key);
	esp_engine_free(engine);
}

static void an_invalid_suite_is_refused(void **state)
{
	struct esp_engine *engine = esp_engine_new();
	struct esp_keys keys = {.suite = {ESP_CIPHER_AES_CBC, 20, ESP_AUTHENTICATOR_HMAC_SHA1_96}};
	uint8_t *room = memory_new_aligned(64, 4096);

	(void)state;
	assert_true(esp_key_init(engine, &keys, true, (struct esp_key *)room) < 0);
	keys.suite = (struct esp_suite){ESP_CIPHER_AES_GCM_16, 16, ESP_AUTHENTICATOR_HMAC_SHA1_96};
	assert_true(esp_key_init(engine, &keys, true, (struct esp_key *)room) < 0);
	free(room);
	esp_engine_free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_agrees_with_openssl),
		cmocka_unit_test(a_job_stays_parked_until_flushed),
		cmocka_unit_test(every_job_completes_once),
		cmocka_unit_test(an_invalid_suite_is_refused),
	};

	return cmocka_run_group_tests_name("esp_engine", tests, NULL, NULL);
}
