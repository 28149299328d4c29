/* SPDX-License-Identifier: BSD-3-Clause */
/* Several pre-shared keys at one address: which is a client's, and who is told of it; aggressive mode. */

#include "ike_cmocka.h"
#include "ike_rig.h"

#include <arpa/inet.h>
#include <string.h>

static struct ike_rig rig;

#define KEY(name, text)                                         \
	{                                                       \
		name, (const uint8_t *)(text), sizeof(text) - 1 \
	}

static const struct ike_named_key named[] = {
	KEY("phones", "secret of the phones"),
	KEY("routers", "secret of the routers"),
};

static void three_keys(struct ike_config *config)
{
	rig.listener.named_keys = named;
	rig.listener.named_key_count = 2;
	(void)config;
}

static void only_named_keys(struct ike_config *config)
{
	three_keys(config);
	rig.listener.preshared_key_bytes = 0;
}

static void many_keys(struct ike_config *config)
{
	static struct ike_named_key keys[IKE_KEYS_MAX + 1];

	for (size_t i = 0; i <= IKE_KEYS_MAX; i++)
		keys[i] = (struct ike_named_key)KEY("another", "secret of others");
	keys[IKE_KEYS_MAX - 1] = named[0];
	keys[IKE_KEYS_MAX] = named[1];
	only_named_keys(config);
	rig.listener.named_keys = keys;
	rig.listener.named_key_count = IKE_KEYS_MAX + 1;
}

static void dial_with(struct rig_client *client, const char *key, uint64_t seed, uint16_t port)
{
	struct initiator_config config = client_config(true);

	config.preshared_key = key;
	client_init(client, &config, seed, port);
	client_dial(&rig, client);
}

static bool told(const char *text)
{
	for (size_t i = 0; i < rig.event_count; i++)
		if (rig.events[i].kind == IKE_STEP &&
		    strstr(rig.events[i].step.step.meaning, text) != NULL)
			return true;
	return false;
}

static void each_key_of_a_listener_is_found(void **state)
{
	static const struct {
		const char *name;
		const char *key;
		const char *step;
	} rows[] = {
		{"routers", "secret of the routers", "with the pre-shared key \"routers\"; on"},
		{"", "secret", "with the pre-shared key; on port"},
		{"phones", "secret of the phones", "with the pre-shared key \"phones\"; on"},
	};
	uint64_t hashes[3];

	(void)state;
	rig_init(&rig, 1, three_keys);
	for (size_t i = 0; i < 3; i++) {
		struct rig_client client;
		const struct ike_event *up;

		dial_with(&client, rows[i].key, 3 + i, (uint16_t)(31000 + i));
		assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
		up = rig_find(&rig, IKE_PEER_UP, i);
		assert_non_null(up);
		assert_string_equal(up->peer_up.key, rows[i].name);
		assert_true(told(rows[i].step));
		hashes[i] = up->peer_up.identity_hash;
		client_quick_mode(&rig, &client);
		assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	}
	assert_int_equal(rig_count(&rig, IKE_FAILED), 0);
	/* One private address, but nobody may pass for whoever has another key. */
	assert_true(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
	rig_free(&rig);
}

static void the_same_mapping_with_another_key_is_another_peer(void **state)
{
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, three_keys);
	dial_with(&client, "secret of the phones", 3, 31000);
	dial_with(&client, "secret of the phones", 4, 31000);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 1);
	dial_with(&client, "secret of the routers", 5, 31000);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 2);
	rig_free(&rig);
}

static void a_key_beyond_the_last_is_none(void **state)
{
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, many_keys);
	dial_with(&client, "secret of the phones", 3, 31000);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_string_equal(rig_find(&rig, IKE_PEER_UP, 0)->peer_up.key, "phones");
	dial_with(&client, "secret of the routers", 4, 31001);
	assert_int_not_equal(client.i.state, INITIATOR_ESTABLISHED);
	rig_free(&rig);
}

static void a_wrong_key_says_how_many_were_tried(void **state)
{
	struct rig_client client;
	const struct ike_event *failed;

	(void)state;
	rig_init(&rig, 1, three_keys);
	dial_with(&client, "secret of nobody", 3, 31000);
	failed = rig_find(&rig, IKE_FAILED, 0);
	assert_non_null(failed);
	assert_int_equal(failed->failed.cause, CAUSE_wrong_preshared_key);
	assert_string_equal(failed->failed.detail,
			    "main mode 5 decrypts with none of the 3 keys that were tried");
	assert_int_equal(client.i.last_notify, 16);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	rig_advance(&rig, 60000);
	assert_true(rig_empty(&rig));
	rig_free(&rig);
}

/* Up to main mode 5 of a client, which stays in its `out`. */
static void dial_until_5(struct rig_client *client, const char *key)
{
	struct initiator_config config = client_config(true);

	config.preshared_key = key;
	client_init(client, &config, 3, 31000);
	initiator_main_mode_1(&client->i);
	for (unsigned i = 0; i < 2; i++) {
		client_send(&rig, client);
		assert_true(client_collect(&rig, client));
	}
}

/* Main mode 5 with its last byte another: never the same message twice. */
static void feed_forged(const struct rig_client *client, uint8_t number)
{
	struct rig_client forger = *client;

	forger.i.out[forger.i.out_bytes - 1] ^= number;
	forger.i.out[28] ^= 1;
	client_send(&rig, &forger);
}

static void a_forged_proof_does_not_end_a_dial(void **state)
{
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, three_keys);
	dial_until_5(&client, "secret of the routers");
	for (uint8_t i = 1; i <= 5; i++)
		feed_forged(&client, i);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	client_exchange(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	rig_free(&rig);
}

/* Twenty-four trials of other keys, then a proof costs no more than with one key. */
static void trials_are_bounded(void **state)
{
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, many_keys);
	dial_until_5(&client, "secret of the phones");
	for (uint8_t i = 1; i <= 10; i++)
		feed_forged(&client, i);
	client_exchange(&rig, &client);
	assert_int_not_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_authentication_failed), 11);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	rig_free(&rig);
}

static void named_keys_alone_make_an_engine(void **state)
{
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, only_named_keys);
	dial_with(&client, "secret of the routers", 3, 31000);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	dial_with(&client, "secret", 4, 31001);
	assert_int_not_equal(client.i.state, INITIATOR_ESTABLISHED);
	rig_free(&rig);
}

/* ---- aggressive mode ---- */

static const struct ike_named_key groups[] = {
	KEY("office", "key of the office"),
	KEY("pc@example.net", "key of the pc"),
	KEY("192.168.1.2", "key of an address"),
	KEY("4141:4141:4141:4141:4141:4141:4141:4141", "key of an IPv6 address"),
};

static void aggressive_keys(struct ike_config *config)
{
	rig.listener.aggressive_keys = groups;
	rig.listener.aggressive_key_count = 4;
	(void)config;
}

static void aggressive_keys_alone(struct ike_config *config)
{
	aggressive_keys(config);
	rig.listener.preshared_key_bytes = 0;
}

/* Two proposals, so that there is room for the answer. */
static struct initiator_config aggressive_config(uint8_t kind, const char *name, const char *key,
						 bool nat)
{
	static const struct initiator_transform transforms[] = {{7, 256, 2, 14}, {7, 128, 2, 14}};
	struct initiator_config config = client_config(nat);

	config.aggressive = true;
	config.transforms = transforms;
	config.transform_count = 2;
	config.nonce_bytes = 32;
	config.vendors[config.vendor_count++] = &vendor_draft_02n;
	config.preshared_key = key;
	if (name != NULL) {
		config.identity[0] = kind;
		config.identity_bytes = 4 + strlen(name);
		memcpy(config.identity + 4, name, strlen(name));
	}
	return config;
}

static void aggressive_mode_with_a_key_for_each_identifier(void **state)
{
	static const struct {
		uint8_t kind;
		const char *name; /* NULL: the address */
		const char *key;
		bool nat, in_clear;
		const char *reported;
	} rows[] = {
		{11, "office", "key of the office", true, false, "office"},
		{11, "office", "key of the office", true, true, "office"},
		{2, "office", "key of the office", false, false, "office"},
		{2, "office", "key of the office", false, true, "office"},
		{3, "pc@example.net", "key of the pc", true, false, "pc@example.net"},
		{1, NULL, "key of an address", true, false, "192.168.1.2"},
		{5, "AAAAAAAAAAAAAAAA", "key of an IPv6 address", true, false,
		 "4141:4141:4141:4141:4141:4141:4141:4141"},
	};

	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		struct initiator_config config =
			aggressive_config(rows[n].kind, rows[n].name, rows[n].key, rows[n].nat);
		struct rig_client client;
		const struct ike_event *up;
		size_t sends;

		config.aggressive_in_clear = rows[n].in_clear;
		config.initial_contact_in_5 = true;
		rig_init(&rig, 1, aggressive_keys);
		client_init(&client, &config, 3, rows[n].nat ? 31000 : 500);
		client_dial(&rig, &client);
		assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal(client.i.nat_self, rows[n].nat);
		up = rig_find(&rig, IKE_PEER_UP, 0);
		assert_non_null(up);
		assert_string_equal(up->peer_up.key, rows[n].reported);
		assert_int_equal(up->peer_up.encapsulated, rows[n].nat);
		assert_int_equal(up->peer_up.peer_behind_nat, rows[n].nat);
		assert_false(up->peer_up.local_behind_nat);
		assert_string_equal(rig_find(&rig, IKE_STEP, 2)->step.step.message,
				    "aggressive mode 3");
		assert_int_equal(rig_count(&rig, IKE_PEER_INITIAL_CONTACT), 1);
		assert_int_equal(rig.send_count, 1);
		/* Message 3 once more: nothing answers it. */
		sends = rig.send_count;
		client_send(&rig, &client);
		assert_int_equal(rig.send_count, sends);
		assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_duplicate), 1);
		client_quick_mode(&rig, &client);
		assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
		assert_int_equal(rig_count(&rig, IKE_FAILED), 0);
		rig_free(&rig);
	}
}

/* The key of one identifier opens no other, nor main mode; main mode's opens none. */
static void aggressive_keys_stay_apart(void **state)
{
	static const char *const wrong[] = {"key of the pc", "secret"};
	struct initiator_config config;
	struct rig_client client;

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		config = aggressive_config(11, "office", wrong[n % 2], true);
		config.trusting = true;
		config.aggressive_in_clear = n / 2;
		rig_init(&rig, 1, aggressive_keys);
		client_init(&client, &config, 3, 31000);
		client_dial(&rig, &client);
		assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
		assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause,
				 CAUSE_wrong_preshared_key);
		assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
		rig_advance(&rig, 60000);
		assert_true(rig_empty(&rig));
		rig_free(&rig);
	}
	rig_init(&rig, 1, aggressive_keys);
	dial_with(&client, "key of the office", 3, 31000);
	assert_int_not_equal(client.i.state, INITIATOR_ESTABLISHED);
	rig_free(&rig);
	rig_init(&rig, 1, aggressive_keys_alone);
	dial_with(&client, "key of the office", 3, 31000);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause, CAUSE_no_preshared_key);
	rig_free(&rig);
}

static const struct ike_named_key *long_name;

static void aggressive_key_of_a_long_name(struct ike_config *config)
{
	rig.listener.aggressive_keys = long_name;
	rig.listener.aggressive_key_count = 1;
	(void)config;
}

/* The bound itself: a message 1 of exactly the answer's length has one, a shorter one has none. */
static void no_answer_is_longer_than_the_question(void **state)
{
	bool answered = false, refused = false;

	(void)state;
	for (size_t name = 1; name < 100; name++) {
		struct ike_named_key key = {NULL, (const uint8_t *)"k", 1};
		char text[128] = {0};
		struct initiator_config config;
		struct rig_client client;

		memset(text, 'n', name);
		key.name = text;
		config = aggressive_config(11, text, "k", true);
		config.transform_count = 1;
		config.vendor_count = 2;
		long_name = &key;
		rig_init(&rig, 1, aggressive_key_of_a_long_name);
		client_init(&client, &config, 3, 31000);
		initiator_main_mode_1(&client.i);
		client_send(&rig, &client);
		assert_int_equal(rig.send_count, 1);
		assert_true(rig.sends[0].length <= client.i.out_bytes);
		if (rig.sends[0].bytes[18] == 4 && !answered)
			assert_int_equal(rig.sends[0].length, client.i.out_bytes);
		answered |= rig.sends[0].bytes[18] == 4;
		refused |= rig.sends[0].bytes[18] == 5;
		rig_free(&rig);
	}
	assert_true(answered && refused);
}

static void aggressive_keys_of_few(struct ike_config *config)
{
	aggressive_keys(config);
	config->half_open_total = 4;
}

/* A flood of first messages: each is evicted by the next, at work or not, and costs a bounded part. */
static void unanswered_aggressive_modes_give_way(void **state)
{
	struct initiator_config config = aggressive_config(11, "office", "key of the office", true);
	struct ike_objects objects;

	(void)state;
	for (unsigned hold = 0; hold < 2; hold++) {
		rig_init(&rig, 1, aggressive_keys_of_few);
		rig.hold_jobs = hold;
		for (unsigned n = 0; n < 20; n++) {
			struct rig_client client;

			client_init(&client, &config, 3 + n, (uint16_t)(31000 + n));
			initiator_main_mode_1(&client.i);
			client_send(&rig, &client);
		}
		ike_objects(rig.ike, &objects);
		assert_int_equal(objects.sas, 4);
		assert_int_equal(objects.jobs, hold ? 4 : 0);
		rig_run_jobs(&rig);
		rig_advance(&rig, 60000);
		assert_true(rig_empty(&rig));
		rig_free(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_of_a_listener_is_found),
		cmocka_unit_test(the_same_mapping_with_another_key_is_another_peer),
		cmocka_unit_test(a_key_beyond_the_last_is_none),
		cmocka_unit_test(a_wrong_key_says_how_many_were_tried),
		cmocka_unit_test(a_forged_proof_does_not_end_a_dial),
		cmocka_unit_test(trials_are_bounded),
		cmocka_unit_test(named_keys_alone_make_an_engine),
		cmocka_unit_test(aggressive_mode_with_a_key_for_each_identifier),
		cmocka_unit_test(aggressive_keys_stay_apart),
		cmocka_unit_test(no_answer_is_longer_than_the_question),
		cmocka_unit_test(unanswered_aggressive_modes_give_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
