/* SPDX-License-Identifier: BSD-3-Clause */
/* Bad input and bounds: nothing crashes, nothing grows, honest clients still get in. */

#include "ike_cmocka.h"
#include "ike_rig.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static struct ike_rig rig;
static struct rig_client clients[80];

static void small(struct ike_config *config)
{
	config->half_open_per_source = 4;
	config->half_open_total = 6;
	config->dpd_idle_ms = 0;
}

static void no_probe(struct ike_config *config)
{
	config->dpd_idle_ms = 0;
}

static struct initiator_config quick_config(void)
{
	static const struct initiator_transform transform = {7, 128, 2, 19};
	struct initiator_config config = client_config(true);

	config.transforms = &transform;
	return config;
}

/* Sends main mode 1 from `source`; the answer waits. */
static void knock(struct rig_client *client, uint64_t seed, uint8_t source)
{
	struct initiator_config config = quick_config();

	client_init(client, &config, seed, 500);
	client->path.remote.address[3] = source;
	client->seen = rig.send_count;
	initiator_main_mode_1(&client->i);
	client_send(&rig, client);
}

static bool half_open_exists(const struct rig_client *client)
{
	struct ike_sa_view views[64];
	uint32_t cursor = 0;
	uint64_t cookie = 0;
	size_t count = ike_list_sas(rig.ike, &cursor, views, 64);

	for (int n = 0; n < 8; n++)
		cookie = cookie << 8 | client->i.cookie_i[n];
	while (count-- != 0)
		if (views[count].initiator_cookie == cookie)
			return true;
	return false;
}

static void the_oldest_of_a_source_makes_room(void **state)
{
	(void)state;
	rig_init(&rig, 1, small);
	for (uint64_t n = 0; n < 4; n++)
		knock(&clients[n], n + 1, 7);
	assert_true(half_open_exists(&clients[0]));
	knock(&clients[4], 5, 7);
	assert_false(half_open_exists(&clients[0]));
	for (int n = 1; n < 5; n++)
		assert_true(half_open_exists(&clients[n]));
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause, CAUSE_too_many_half_open);
	knock(&clients[5], 6, 7);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1); /* once a second is enough */
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_half_open_evicted), 2);
	rig_free(&rig);
}

static void the_oldest_of_all_makes_room(void **state)
{
	(void)state;
	rig_init(&rig, 1, small);
	for (uint64_t n = 0; n < 6; n++)
		knock(&clients[n], n + 1, (uint8_t)(10 + n));
	knock(&clients[6], 7, 30);
	assert_false(half_open_exists(&clients[0]));
	assert_true(half_open_exists(&clients[6]));
	rig_advance(&rig, 31000);
	assert_int_equal(ike_deadline(rig.ike), UINT64_MAX);
	rig_free(&rig);
}

/* Who sent a third message proved its address: it is not put out by who did not. */
static void a_third_message_protects(void **state)
{
	(void)state;
	rig_init(&rig, 1, small);
	rig.hold_jobs = true;
	for (uint64_t n = 0; n < 4; n++) {
		knock(&clients[n], n + 1, 7);
		assert_true(client_collect(&rig, &clients[n]));
		client_send(&rig, &clients[n]);
	}
	assert_int_equal(rig.job_count, 4);
	knock(&clients[4], 5, 7);
	assert_false(half_open_exists(&clients[4]));
	for (int n = 0; n < 4; n++)
		assert_true(half_open_exists(&clients[n]));
	rig.hold_jobs = false;
	rig_run_jobs(&rig);
	for (int n = 0; n < 4; n++) {
		assert_true(client_collect(&rig, &clients[n]));
		client_exchange(&rig, &clients[n]);
		assert_int_equal(clients[n].i.state, INITIATOR_ESTABLISHED);
	}
	knock(&clients[4], 5, 7); /* established ones do not count */
	assert_true(half_open_exists(&clients[4]));
	rig_free(&rig);
}

static void the_result_of_a_stale_job_is_dropped(void **state)
{
	struct initiator_config config = quick_config();
	struct initiator_esp esp = {0, 3, 12, 256, 2, 4, 19};
	struct key_exchange_result result = {0};

	(void)state;
	rig_init(&rig, 1, no_probe);
	rig.hold_jobs = true;
	knock(&clients[0], 1, 7);
	client_collect(&rig, &clients[0]);
	client_send(&rig, &clients[0]);
	assert_int_equal(rig.job_count, 1);
	rig_advance(&rig, 31000);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause, CAUSE_key_exchange_slow);
	rig_run_jobs(&rig);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_stale_job), 1);
	rig.hold_jobs = false;
	config.esp = &esp;
	config.esp_pfs_group = 19;
	client_init(&clients[1], &config, 9, 500);
	client_dial(&rig, &clients[1]);
	rig.hold_jobs = true;
	initiator_quick_mode_1(&clients[1].i);
	client_send(&rig, &clients[1]);
	client_send(&rig, &clients[1]); /* a duplicate starts no second job */
	assert_int_equal(rig.job_count, 1);
	ike_peer_close(rig.ike, rig_find(&rig, IKE_PEER_UP, 0)->peer, CAUSE_administrator,
		       rig.now_ms);
	rig_run_jobs(&rig);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_stale_job), 2);
	assert_int_equal(rig_count(&rig, IKE_CHILD_ADD), 0);
	ike_key_exchange_done(rig.ike, UINT64_MAX, &result, rig.now_ms);
	ike_key_exchange_done(rig.ike, 0, &result, rig.now_ms);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_stale_job), 4);
	rig_free(&rig);
}

static void jobs_of_a_source_are_bounded(void **state)
{
	(void)state;
	rig_init(&rig, 1, no_probe);
	rig.hold_jobs = true;
	for (uint64_t n = 0; n < 70; n++) {
		rig_forget(&rig);
		knock(&clients[n], n + 1, 7);
		assert_true(client_collect(&rig, &clients[n]));
		client_send(&rig, &clients[n]);
	}
	assert_int_equal(rig.job_count, 64);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_too_many_jobs), 6);
	rig_forget(&rig);
	rig.hold_jobs = false;
	rig_run_jobs(&rig);
	rig_forget(&rig);
	clients[69].seen = 0;
	client_exchange(&rig, &clients[69]); /* its retransmission is served */
	assert_int_equal(clients[69].i.state, INITIATOR_ESTABLISHED);
	rig_free(&rig);
}

static void few_peers(struct ike_config *config)
{
	config->peers_total = 2;
}

static void peers_are_bounded(void **state)
{
	(void)state;
	rig_init(&rig, 1, few_peers);
	for (uint64_t n = 0; n < 3; n++) {
		knock(&clients[n], n + 1, (uint8_t)(n + 5));
		client_collect(&rig, &clients[n]);
		client_exchange(&rig, &clients[n]);
	}
	assert_int_equal(clients[1].i.state, INITIATOR_ESTABLISHED);
	assert_int_not_equal(clients[2].i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 2);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_too_many_peers), 1);
	ike_peer_close(rig.ike, rig_find(&rig, IKE_PEER_UP, 0)->peer, CAUSE_administrator,
		       rig.now_ms);
	client_exchange(&rig, &clients[2]);
	assert_int_equal(clients[2].i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 3);
	assert_int_not_equal(rig_find(&rig, IKE_PEER_UP, 0)->peer,
			     rig_find(&rig, IKE_PEER_UP, 2)->peer); /* same slot, other name */
	rig_free(&rig);
}

static void a_bad_public_value_is_refused(void **state)
{
	static const uint16_t groups[] = {2, 14, 19, 20, 21};
	struct initiator_transform transform = {7, 128, 2, 2};
	struct initiator_config config = client_config(true);

	(void)state;
	config.transforms = &transform;
	for (size_t n = 0; n < 5; n++) {
		transform.group = groups[n];
		rig_init(&rig, n, no_probe);
		client_init(&clients[0], &config, n, 500);
		initiator_main_mode_1(&clients[0].i);
		client_send(&rig, &clients[0]);
		client_collect(&rig, &clients[0]);
		memset(clients[0].i.out + 32, 0, clients[0].i.public_bytes); /* 1, or (0, 1) */
		clients[0].i.out[32 + clients[0].i.public_bytes - 1] = 1;
		client_send(&rig, &clients[0]);
		client_collect(&rig, &clients[0]);
		assert_int_equal(clients[0].i.last_notify, 17);
		assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause,
				 CAUSE_bad_public_value);
		rig_free(&rig);
	}
}

/* A copy on the heap, so that a sanitizer sees each byte read beyond it. */
static void feed_exact(const struct ike_path *path, const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length == 0 ? 1 : length);

	memcpy(copy, bytes, length);
	rig_feed(&rig, path, copy, length);
	free(copy);
}

static void short_and_foreign_datagrams_are_counted(void **state)
{
	static const uint8_t keepalive = 0xff;
	uint8_t bytes[200] = {0};
	struct ike_path path = {.local = endpoint_ipv4(htonl(0xc6336401), 4500),
				.remote = endpoint_ipv4(htonl(0xcb007107), 4500)};

	(void)state;
	rig_init(&rig, 1, no_probe);
	feed_exact(&path, &keepalive, 1);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_keepalives), 1);
	for (size_t length = 0; length < 200; length++)
		feed_exact(&path, bytes, length);
	path.local.port = 500;
	for (size_t length = 0; length < 200; length++)
		feed_exact(&path, bytes, length);
	bytes[0] = 1;
	bytes[27] = 28;
	bytes[17] = 0x20; /* IKEv2 */
	feed_exact(&path, bytes, 28);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_unsupported_version), 1);
	bytes[17] = 0x10;
	bytes[18] = 6;
	feed_exact(&path, bytes, 28);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_unsupported_exchange), 1);
	bytes[18] = 5;
	bytes[8] = 1;
	feed_exact(&path, bytes, 28);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_unknown_cookie), 1);
	assert_int_equal(rig.send_count, 0);
	rig_free(&rig);
}

static void mutate(struct initiator_random *random, uint8_t *bytes, size_t *length)
{
	static const uint8_t interesting[] = {0, 1, 2, 3, 4, 0x7f, 0x80, 0xff};
	unsigned changes = 1 + (unsigned)(initiator_random_u64(random) % 4);

	while (changes-- != 0) {
		size_t at = initiator_random_u64(random) % *length;

		switch (initiator_random_u64(random) % 4) {
		case 0:
			bytes[at] = interesting[initiator_random_u64(random) % 8];
			break;
		case 1:
			bytes[at] = (uint8_t)initiator_random_u64(random);
			break;
		case 2:
			bytes[at] ^= (uint8_t)(1U << initiator_random_u64(random) % 8);
			break;
		default:
			if (initiator_random_u64(random) % 4 == 0 && at > 0)
				*length = at;
			break;
		}
	}
}

/* Feeds copies of the client's message, each damaged in another way. */
static void feed_damaged(struct initiator_random *random, const struct rig_client *client)
{
	const struct ike_path path = client->path;
	size_t marker = path.local.port == 4500 ? 4 : 0;

	for (int n = 0; n < 20; n++) {
		uint8_t damaged[INITIATOR_BYTES_MAX + 4] = {0};
		size_t length = client->i.out_bytes;

		memcpy(damaged + marker, client->i.out, length);
		mutate(random, damaged + marker, &length);
		if (n % 2 == 0 && length >= 28) { /* the length made to fit */
			damaged[marker + 26] = (uint8_t)(length >> 8);
			damaged[marker + 27] = (uint8_t)length;
		}
		feed_exact(&path, damaged, length + marker);
		rig_advance(&rig, 1);
	}
}

/* One dial; true if all of it came about. `before`: the damaged copies come before the true one. */
static bool dial_among_damaged(struct initiator_random *random, uint64_t seed, bool before)
{
	struct rig_client *client = &clients[0];
	struct initiator_config config = quick_config();

	client_init(client, &config, seed, 500);
	initiator_main_mode_1(&client->i);
	for (int phase = 0; phase < 6; phase++) {
		struct rig_client copy;

		if (phase >= 3 && client->i.state != INITIATOR_ESTABLISHED)
			return false;
		if (phase == 3)
			initiator_quick_mode_1(&client->i);
		if (phase == 5)
			initiator_delete_sa(&client->i, true);
		if (before)
			feed_damaged(random, client);
		rig_forget(&rig);
		client->seen = 0;
		client_send(&rig, client);
		copy = *client;
		client_collect(&rig, client);
		if (!before)
			feed_damaged(random, &copy);
	}
	return client->i.quick_state == INITIATOR_QUICK_DONE;
}

static void damaged_messages_do_no_harm(void **state)
{
	struct initiator_random random = {.state = 4711};

	(void)state;
	for (uint64_t run = 0; run < 150; run++) {
		bool before = run % 2 == 0; /* then one may take the place of the true one */

		rig_init(&rig, run, no_probe);
		assert_true(dial_among_damaged(&random, run, before) || before);
		rig_advance(&rig, 40ULL * 3600 * 1000);
		assert_int_equal(ike_deadline(rig.ike), UINT64_MAX);
		rig_free(&rig);
	}
}

static void truncated_messages_do_no_harm(void **state)
{
	struct initiator_config config = quick_config();
	struct rig_client *client = &clients[0];

	(void)state;
	rig_init(&rig, 1, no_probe);
	client_init(client, &config, 1, 500);
	initiator_main_mode_1(&client->i);
	for (int phase = 0; phase < 2; phase++) {
		for (size_t length = 0; length < client->i.out_bytes; length++) {
			uint8_t cut[INITIATOR_BYTES_MAX];

			memcpy(cut, client->i.out, length);
			feed_exact(&client->path, cut, length);
			if (length >= 28) {
				cut[26] = (uint8_t)(length >> 8);
				cut[27] = (uint8_t)length;
				cut[0] ^= phase == 0 ? 0x40 : 0;
				feed_exact(&client->path, cut, length);
			}
			rig_forget(&rig);
		}
		client->seen = 0;
		client_send(&rig, client);
		assert_true(client_collect(&rig, client));
	}
	client_exchange(&rig, client);
	assert_int_equal(client->i.state, INITIATOR_ESTABLISHED);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_of_a_source_makes_room),
		cmocka_unit_test(the_oldest_of_all_makes_room),
		cmocka_unit_test(a_third_message_protects),
		cmocka_unit_test(the_result_of_a_stale_job_is_dropped),
		cmocka_unit_test(jobs_of_a_source_are_bounded),
		cmocka_unit_test(peers_are_bounded),
		cmocka_unit_test(a_bad_public_value_is_refused),
		cmocka_unit_test(short_and_foreign_datagrams_are_counted),
		cmocka_unit_test(damaged_messages_do_no_harm),
		cmocka_unit_test(truncated_messages_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
