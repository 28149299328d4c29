/* SPDX-License-Identifier: BSD-3-Clause */
/* Dialling: main mode, quick mode, NAT, refusals. */

#include "ike_cmocka.h"
#include "ike_rig.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static struct ike_rig rig;

static void keys_agree(const struct rig_client *client, const struct ike_event *add)
{
	assert_non_null(add);
	assert_int_equal(add->child_add.spi_out, client->i.spi_in);
	assert_int_equal(add->child_add.spi_in, client->i.spi_out);
	assert_memory_equal(&add->child_add.keys_in, &client->i.keys_out, sizeof(struct esp_keys));
	assert_memory_equal(&add->child_add.keys_out, &client->i.keys_in, sizeof(struct esp_keys));
}

/* Dials with `config` and expects success of both phases. */
static void dial(struct rig_client *client, const struct initiator_config *config, uint64_t seed)
{
	client_init(client, config, seed, 31000);
	client_dial(&rig, client);
	assert_int_equal(client->i.state, INITIATOR_ESTABLISHED);
	assert_true(client->i.transform_echoed);
	client_quick_mode(&rig, client);
	assert_int_equal(client->i.quick_state, INITIATOR_QUICK_DONE);
	assert_true(client->i.ids_echoed);
	keys_agree(client, rig_find(&rig, IKE_CHILD_ADD, 0));
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 1);
}

static void a_dial_behind_a_nat_completes(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;
	const struct ike_event *up;
	const struct ike_event *add;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_true(client.i.transform_echoed);
	assert_true(client.i.nat_self);
	assert_false(client.i.nat_server);
	up = rig_find(&rig, IKE_PEER_UP, 0);
	assert_non_null(up);
	assert_true(up->peer_up.peer_behind_nat);
	assert_false(up->peer_up.local_behind_nat);
	assert_true(up->peer_up.encapsulated);
	assert_string_equal(up->peer_up.identity, "192.168.1.2 (ipv4)");
	assert_string_equal(up->peer_up.proposal, "aes-256-cbc/sha1/group 14");
	assert_string_equal(up->peer_up.profile, "generic");
	assert_int_equal(up->peer_up.path.remote.port, 35000);
	assert_int_equal(up->peer_up.path.local.port, 4500);
	assert_int_not_equal(up->peer, 0);
	rig_forget(&rig);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	assert_true(client.i.ids_echoed);
	assert_int_equal(client.i.nat_oa_in, 2);
	add = rig_find(&rig, IKE_CHILD_ADD, 0);
	assert_non_null(add);
	assert_int_equal(rig.sends_at[rig_position(&rig, IKE_CHILD_ADD, 0)], 0);
	assert_int_equal(rig.send_count, 1);
	assert_true(add->child_add.encapsulated);
	assert_int_equal(add->child_add.peer_port, 1701);
	assert_int_equal(add->child_add.local_port, 1701);
	assert_int_equal(add->child_add.lifetime_ms, 3600000);
	assert_int_equal(add->child_add.lifetime_bytes, 0);
	keys_agree(&client, add);
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 1);
	rig_free(&rig);
}

static void every_ike_suite_completes(void **state)
{
	static const uint16_t groups[] = {2, 5, 14, 15, 19, 20, 21};
	static const uint16_t hashes[] = {2, 4, 5, 6};
	static const struct {
		uint16_t cipher;
		uint16_t key_bits;
	} ciphers[] = {{7, 128}, {7, 192}, {7, 256}, {7, 0}, {5, 0}};
	struct initiator_config config = client_config(true);
	struct initiator_transform transform;
	struct rig_client client;
	uint64_t seed = 10;

	(void)state;
	config.transforms = &transform;
	for (size_t g = 0; g < 7; g++)
		for (size_t h = 0; h < 4; h++)
			for (size_t c = 0; c < 5; c++) {
				transform = (struct initiator_transform){ciphers[c].cipher,
									 ciphers[c].key_bits,
									 hashes[h], groups[g]};
				rig_init(&rig, seed, NULL);
				dial(&client, &config, ++seed);
				rig_free(&rig);
			}
}

static void every_esp_suite_completes(void **state)
{
	static const struct initiator_esp suites[] = {
		{0, 3, 12, 128, 2, 4, 0}, {0, 3, 12, 192, 2, 4, 0}, {0, 3, 12, 256, 2, 4, 0},
		{0, 3, 12, 128, 5, 4, 0}, {0, 3, 12, 256, 5, 4, 0}, {0, 3, 12, 256, 6, 4, 0},
		{0, 3, 12, 256, 7, 4, 0}, {0, 3, 3, 0, 2, 4, 0},    {0, 3, 20, 128, 0, 4, 0},
		{0, 3, 20, 192, 0, 4, 0}, {0, 3, 20, 256, 0, 4, 0}, {0, 3, 12, 0, 2, 4, 0},
	};
	static const struct initiator_transform ikes[] = {
		{7, 256, 2, 19}, {7, 128, 4, 19}, {7, 256, 6, 19}};
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++)
		for (size_t k = 0; k < 3; k++) {
			config.esp = &suites[s];
			config.transforms = &ikes[k];
			rig_init(&rig, s, NULL);
			dial(&client, &config, s + 500);
			rig_free(&rig);
		}
}

static void perfect_forward_secrecy_is_done_when_offered(void **state)
{
	static const uint16_t groups[] = {2, 5, 14, 15, 19, 20, 21};
	struct initiator_config config = client_config(true);
	struct initiator_esp esp = config.esp[0];
	struct rig_client client;

	(void)state;
	config.esp = &esp;
	for (size_t g = 0; g < 7; g++) {
		esp.group = groups[g];
		config.esp_pfs_group = groups[g];
		rig_init(&rig, g, NULL);
		dial(&client, &config, g + 77);
		assert_int_not_equal(client.i.quick_shared_bytes, 0);
		rig_free(&rig);
	}
}

/* The habits of real clients in one go: see each field's comment. */
static void habits_of_clients_are_taken(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	for (unsigned habit = 0; habit < 9; habit++) {
		struct initiator_config c = config;

		c.random_padding = habit == 0;
		c.nonzero_reserved = habit == 1;
		c.tv_lifetime = habit == 2;
		c.kilobytes = habit == 3;
		c.commit_bit = habit == 4;
		c.nat_d_reversed = habit == 5;
		c.no_ids = habit == 6;
		if (habit == 7) {
			c.id_peer_port = 0;
			c.id_local_port = 0;
		}
		if (habit == 8) {
			c.id_peer_port = 54321;
			c.nat_oa = 0;
		}
		rig_init(&rig, habit, NULL);
		dial(&client, &c, habit + 900);
		assert_int_equal(client.i.nat_oa_in, c.nat_oa);
		if (habit == 3)
			assert_int_equal(rig_find(&rig, IKE_CHILD_ADD, 0)->child_add.lifetime_bytes,
					 256000000);
		if (habit == 8)
			assert_int_equal(rig_find(&rig, IKE_CHILD_ADD, 0)->child_add.peer_port,
					 54321);
		rig_free(&rig);
	}
}

static void a_second_marker_is_stripped(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 2, 500);
	client.extra_marker = true;
	client_dial(&rig, &client);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	rig_free(&rig);
}

static void main_mode_may_start_on_4500(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, NULL);
	config.own.port = 4500;
	config.server.port = 4500;
	client_init(&client, &config, 2, 40000);
	client_dial(&rig, &client);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	for (size_t n = 0; n < rig.send_count; n++) {
		assert_int_equal(rig.sends[n].path.local.port, 4500);
		assert_int_equal(rig.sends[n].path.remote.port, 40000);
	}
	rig_free(&rig);
}

static void answers_go_to_the_exact_source(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	assert_int_equal(rig.send_count, 3);
	assert_int_equal(rig.sends[0].path.remote.port, 31000);
	assert_int_equal(rig.sends[1].path.remote.port, 31000);
	assert_int_equal(rig.sends[2].path.remote.port, 35000);
	assert_int_equal(rig.sends[2].path.local.port, 4500);
	rig_free(&rig);
}

static void nat_is_detected_four_ways(void **state)
{
	struct rig_client client;
	const struct ike_event *up;

	(void)state;
	for (unsigned way = 0; way < 4; way++) {
		struct initiator_config config = client_config(way & 1);

		if (way & 2) /* the client dialled another address than ours */
			config.server = endpoint_ipv4(htonl(0x0a000001), 500);
		rig_init(&rig, way, NULL);
		client_init(&client, &config, way + 1, 500);
		client.path.local = endpoint_ipv4(htonl(0xc6336401), 500);
		client_dial(&rig, &client);
		up = rig_find(&rig, IKE_PEER_UP, 0);
		assert_non_null(up);
		assert_int_equal(up->peer_up.peer_behind_nat, way & 1);
		assert_int_equal(up->peer_up.local_behind_nat, way >> 1);
		assert_int_equal(up->peer_up.encapsulated, way != 0);
		assert_int_equal(client.i.nat_self, way & 1);
		assert_int_equal(client.i.nat_server, way >> 1);
		rig_free(&rig);
	}
}

static void without_nat_esp_is_plain(void **state)
{
	struct initiator_config config = client_config(false);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 2, 500);
	client_dial(&rig, &client);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	assert_false(rig_find(&rig, IKE_CHILD_ADD, 0)->child_add.encapsulated);
	assert_int_equal(client.path.local.port, 500);
	rig_free(&rig);
}

static void without_nat_vendor_id_there_is_no_traversal(void **state)
{
	struct initiator_config config = client_config(false);
	struct rig_client client;

	(void)state;
	config.vendor_count = 0;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 2, 500);
	client_dial(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(client.i.vendor_in_count, 0);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	rig_free(&rig);
}

static void encapsulate(struct ike_config *config)
{
	config->force_encapsulation = true;
}

static void forced_encapsulation_fakes_only_the_peers_hash(void **state)
{
	struct initiator_config config = client_config(false);
	struct initiator_esp esp = {0, 3, 12, 256, 2, 4, 0};
	struct rig_client client;

	(void)state;
	config.esp = &esp;
	rig_init(&rig, 1, encapsulate);
	client_init(&client, &config, 2, 500);
	client_dial(&rig, &client);
	assert_true(client.i.nat_self);
	assert_false(client.i.nat_server);
	assert_true(rig_find(&rig, IKE_PEER_UP, 0)->peer_up.encapsulated);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	assert_true(rig_find(&rig, IKE_CHILD_ADD, 0)->child_add.encapsulated);
	rig_free(&rig);
}

static void the_best_nat_version_is_answered_alone(void **state)
{
	static const struct {
		const struct initiator_vendor *offers[4];
		const struct initiator_vendor *answer;
		uint16_t mode;
		uint8_t nat_oas;
	} cases[] = {
		{{&vendor_draft_02n, &vendor_draft_03, &vendor_rfc_3947, &vendor_draft_02},
		 &vendor_rfc_3947,
		 4,
		 2},
		{{&vendor_draft_02n, &vendor_draft_02, &vendor_draft_03, &vendor_draft_00},
		 &vendor_draft_03,
		 61444,
		 1},
		{{&vendor_draft_02n, &vendor_draft_02, &vendor_draft_00, &vendor_draft_00},
		 &vendor_draft_02,
		 61444,
		 1},
		{{&vendor_draft_02n, &vendor_draft_00, &vendor_draft_00, &vendor_microsoft},
		 &vendor_draft_02n,
		 61444,
		 1},
	};
	struct rig_client client;

	(void)state;
	for (size_t n = 0; n < 4; n++) {
		struct initiator_config config = client_config(true);
		struct initiator_esp esp = {0, 3, 12, 256, 2, cases[n].mode, 0};

		config.esp = &esp;
		memcpy(config.vendors, cases[n].offers, sizeof(cases[n].offers));
		config.vendor_count = 4;
		rig_init(&rig, n, NULL);
		dial(&client, &config, n + 70);
		assert_int_equal(client.i.vendor_in_count, 1);
		assert_memory_equal(client.i.vendors_in[0], cases[n].answer->bytes, 16);
		assert_int_equal(client.i.nat_oa_in, cases[n].nat_oas);
		rig_free(&rig);
	}
}

static void profiles_are_told_by_vendor_ids(void **state)
{
	static const struct {
		const struct initiator_vendor *offers[6];
		size_t count;
		const char *profile;
	} cases[] = {
		{{&vendor_microsoft, &vendor_rfc_3947, &vendor_draft_02n}, 3, "windows"},
		{{&vendor_rfc_3947, &vendor_apple, &vendor_draft_02n, &vendor_dpd}, 4, "apple"},
		{{&vendor_rfc_3947, &vendor_draft_02, &vendor_draft_02n, &vendor_draft_00,
		  &vendor_dpd},
		 5,
		 "android"},
		{{&vendor_xauth, &vendor_dpd, &vendor_rfc_3947, &vendor_draft_02n},
		 4,
		 "strongswan"},
		{{&vendor_xauth, &vendor_dpd, &vendor_rfc_3947, &vendor_libreswan}, 4, "libreswan"},
		{{&vendor_rfc_3947, &vendor_microsoft, &vendor_apple}, 3, "windows"},
		{{&vendor_rfc_3947, &vendor_draft_03, &vendor_draft_02, &vendor_draft_02n,
		  &vendor_draft_00, &vendor_dpd},
		 6,
		 "generic"},
	};
	struct rig_client client;

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct initiator_config config = client_config(true);

		memcpy(config.vendors, cases[n].offers, sizeof(cases[n].offers));
		config.vendor_count = cases[n].count;
		rig_init(&rig, n, NULL);
		dial(&client, &config, n + 70);
		assert_string_equal(rig_find(&rig, IKE_PEER_UP, 0)->peer_up.profile,
				    cases[n].profile);
		rig_free(&rig);
	}
}

static const uint32_t public_server = 0xcb0071c8;

static void public_address(struct ike_config *config)
{
	static struct ike_listener listener;

	listener = config->listeners[0];
	listener.public_address = endpoint_ipv4(htonl(public_server), 0);
	config->listeners = &listener;
}

/* The concentrator itself behind a 1:1 NAT: who is told the public address, or gets its own view of
 * it back, sees no NAT in front of us, but one in front of itself, so that ESP goes in UDP. */
static void a_nat_in_front_of_us_is_hidden(void **state)
{
	static const struct {
		const struct initiator_vendor *first;
		bool configured;
		bool hidden;
	} cases[] = {
		{&vendor_microsoft, false, true},
		{&vendor_dpd, false, false},
		{&vendor_microsoft, true, true},
		{&vendor_dpd, true, true},
	};
	struct rig_client client;

	(void)state;
	for (size_t n = 0; n < 4; n++) {
		struct initiator_config config = client_config(false);
		const uint8_t *id;

		config.vendors[1] = cases[n].first;
		config.server = endpoint_ipv4(htonl(public_server), 500);
		rig_init(&rig, n, cases[n].configured ? public_address : NULL);
		client_init(&client, &config, n, 500);
		client.path.local = endpoint_ipv4(htonl(0x0a000005), 500);
		client_dial(&rig, &client);
		assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal(client.i.nat_server, !cases[n].hidden);
		assert_int_equal(client.i.nat_self, cases[n].hidden);
		assert_int_equal(client.path.local.port, 4500);
		assert_true(rig_find(&rig, IKE_PEER_UP, 0)->peer_up.local_behind_nat);
		assert_true(rig_find(&rig, IKE_PEER_UP, 0)->peer_up.encapsulated);
		id = client.i.identity_in;
		assert_int_equal(id[4], cases[n].configured ? 0xcb : 0x0a);
		rig_free(&rig);
	}
}

static const struct initiator_transform windows_transforms[] = {
	{7, 256, 2, 20}, {7, 128, 2, 19}, {7, 256, 2, 14}, {5, 0, 2, 14}, {5, 0, 2, 2}};
static const struct initiator_transform mixed_transforms[] = {{1, 0, 2, 2},    {5, 0, 2, 14},
							      {7, 256, 1, 14}, {7, 256, 2, 1},
							      {7, 128, 4, 14}, {7, 256, 4, 14}};
static const struct initiator_transform weak_transforms[] = {
	{1, 0, 2, 2}, {7, 256, 1, 14}, {7, 256, 2, 1}};

static void the_clients_order_holds_with_3des_last(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	config.transforms = windows_transforms;
	config.transform_count = 5;
	rig_init(&rig, 1, NULL);
	dial(&client, &config, 3);
	assert_ptr_equal(client.i.chosen, &windows_transforms[0]);
	rig_free(&rig);
	config.transforms = mixed_transforms;
	config.transform_count = 6;
	rig_init(&rig, 1, NULL);
	dial(&client, &config, 3);
	assert_ptr_equal(client.i.chosen, &mixed_transforms[4]);
	rig_free(&rig);
	config.transform_count = 2;
	rig_init(&rig, 1, NULL);
	dial(&client, &config, 3);
	assert_ptr_equal(client.i.chosen, &mixed_transforms[1]);
	rig_free(&rig);
}

static void modern(struct ike_config *config)
{
	config->compatibility = IKE_COMPATIBILITY_MODERN;
}

static void the_modern_policy_refuses_old_algorithms(void **state)
{
	static const struct initiator_transform old[] = {
		{7, 256, 2, 14}, {7, 256, 4, 2}, {7, 256, 4, 5}, {5, 0, 4, 14}};
	static const struct initiator_transform good = {7, 256, 4, 14};
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	config.transforms = old;
	config.transform_count = 4;
	rig_init(&rig, 1, modern);
	client_init(&client, &config, 3, 500);
	client_dial(&rig, &client);
	assert_int_equal(client.i.last_notify, 14);
	rig_free(&rig);
	config.transforms = &good;
	config.transform_count = 1;
	rig_init(&rig, 1, modern);
	dial(&client, &config, 3);
	rig_free(&rig);
}

static void no_common_proposal_is_explained_once(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;
	const struct ike_event *failed;
	size_t first;

	(void)state;
	config.transforms = weak_transforms;
	config.transform_count = 3;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 3, 500);
	initiator_main_mode_1(&client.i);
	first = client.i.out_bytes;
	client_send(&rig, &client);
	client_send(&rig, &client);
	client_send(&rig, &client);
	failed = rig_find(&rig, IKE_FAILED, 0);
	assert_non_null(failed);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	assert_int_equal(failed->failed.cause, CAUSE_ike_cipher_refused);
	assert_string_equal(failed->failed.detail,
			    "the nearest of 3 offers, des-cbc/sha1/group 2, has des-cbc; "
			    "aes and 3des-cbc are allowed");
	assert_string_equal(failed->failed.offered, "des-cbc/sha1/group 2, "
						    "aes-256-cbc/md5/group 14, "
						    "aes-256-cbc/sha1/group 1");
	assert_non_null(strstr(failed->failed.accepted, "group 2 5 14"));
	assert_int_equal(rig.send_count, 3); /* one for each */
	for (size_t n = 0; n < 3; n++)
		assert_true(rig.sends[n].length <= first);
	client_collect(&rig, &client);
	assert_int_equal(client.i.last_notify, 14);
	rig_free(&rig);
}

static void a_wrong_key_is_explained_once(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;
	size_t sent;

	(void)state;
	config.preshared_key = "wrong";
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 3, 500);
	client_dial(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_SENT_5);
	assert_int_equal(client.i.last_notify, 16);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause, CAUSE_wrong_preshared_key);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	sent = rig.send_count;
	assert_true(rig.sends[sent - 1].length <= 28 + 12 + 24 + 8);
	rig_advance(&rig, 60000);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	assert_int_equal(rig.send_count, sent);
	assert_int_equal(ike_deadline(rig.ike), UINT64_MAX);
	rig_free(&rig);
}

static void a_silent_client_times_out(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 3, 500);
	initiator_main_mode_1(&client.i);
	client_send(&rig, &client);
	rig_advance(&rig, 29999);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 0);
	rig_advance(&rig, 2);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause,
			 CAUSE_silent_after_main_mode_2);
	assert_int_equal(rig.send_count, 1); /* we never retransmit in main mode */
	rig_free(&rig);
}

static const struct {
	const char *name;
	struct initiator_esp esp[4];
	size_t count;
	int chosen; /* -1: refused */
	enum cause cause;
} esp_cases[] = {
	{"gcm first",
	 {{1, 3, 12, 256, 2, 4, 0}, {2, 3, 3, 0, 2, 4, 0}, {3, 3, 20, 128, 0, 4, 0}},
	 3,
	 2,
	 CAUSE_none},
	{"order", {{1, 3, 12, 128, 5, 4, 0}, {2, 3, 12, 256, 2, 4, 0}}, 2, 0, CAUSE_none},
	{"3des last", {{1, 3, 3, 0, 2, 4, 0}, {2, 3, 12, 128, 2, 4, 0}}, 2, 1, CAUSE_none},
	{"null and des never",
	 {{1, 3, 11, 0, 2, 4, 0}, {2, 3, 2, 0, 2, 4, 0}},
	 2,
	 -1,
	 CAUSE_esp_cipher_refused},
	{"md5 never", {{1, 3, 12, 256, 1, 4, 0}}, 1, -1, CAUSE_esp_authenticator_refused},
	{"no authenticator", {{1, 3, 12, 256, 0, 4, 0}}, 1, -1, CAUSE_esp_authenticator_refused},
	{"tunnel",
	 {{1, 3, 12, 256, 2, 3, 0}, {2, 3, 12, 256, 2, 1, 0}, {3, 3, 12, 256, 2, 61443, 0}},
	 3,
	 -1,
	 CAUSE_esp_encapsulation_refused},
	{"plain through a nat",
	 {{1, 3, 12, 256, 2, 2, 0}},
	 1,
	 -1,
	 CAUSE_esp_encapsulation_mismatch},
	{"absent mode", {{1, 3, 12, 256, 2, 0, 0}}, 1, 0, CAUSE_none},
	{"ah", {{1, 2, 3, 0, 2, 4, 0}}, 1, -1, CAUSE_esp_protocol_refused},
	{"bundle",
	 {{1, 2, 3, 0, 2, 4, 0}, {1, 3, 12, 256, 2, 4, 0}},
	 2,
	 -1,
	 CAUSE_esp_bundle_refused},
	{"bundle or single",
	 {{1, 2, 3, 0, 2, 4, 0}, {1, 3, 12, 256, 2, 4, 0}, {2, 3, 12, 128, 2, 4, 0}},
	 3,
	 2,
	 CAUSE_none},
	{"group without key exchange",
	 {{1, 3, 12, 256, 2, 4, 14}},
	 1,
	 -1,
	 CAUSE_esp_key_exchange_mismatch},
};

static void esp_proposals_are_chosen_by_the_rules(void **state)
{
	struct rig_client client;

	(void)state;
	for (size_t n = 0; n < sizeof(esp_cases) / sizeof(esp_cases[0]); n++) {
		struct initiator_config config = client_config(true);

		print_message("%s\n", esp_cases[n].name);
		config.esp = esp_cases[n].esp;
		config.esp_count = esp_cases[n].count;
		rig_init(&rig, n, NULL);
		client_init(&client, &config, n, 500);
		client_dial(&rig, &client);
		client_quick_mode(&rig, &client);
		if (esp_cases[n].chosen >= 0) {
			assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
			assert_ptr_equal(client.i.esp_chosen,
					 &esp_cases[n].esp[esp_cases[n].chosen]);
			keys_agree(&client, rig_find(&rig, IKE_CHILD_ADD, 0));
		} else {
			assert_int_equal(client.i.last_notify, 14);
			assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
			assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause,
					 esp_cases[n].cause);
			assert_int_equal(rig_count(&rig, IKE_CHILD_ADD), 0);
		}
		rig_free(&rig);
	}
}

static void foreign_selectors_are_refused(void **state)
{
	static const struct {
		uint8_t protocol;
		uint16_t peer_port;
		uint16_t local_port;
		bool right;
	} cases[] = {{17, 1701, 1701, true}, {17, 0, 1701, true},   {17, 50000, 0, true},
		     {0, 0, 0, true},        {17, 1701, 53, false}, {6, 0, 1701, false}};
	struct rig_client client;

	(void)state;
	for (size_t n = 0; n < 6; n++) {
		struct initiator_config config = client_config(true);

		config.id_protocol = cases[n].protocol;
		config.id_peer_port = cases[n].peer_port;
		config.id_local_port = cases[n].local_port;
		rig_init(&rig, n, NULL);
		client_init(&client, &config, n, 500);
		client_dial(&rig, &client);
		client_quick_mode(&rig, &client);
		assert_int_equal(client.i.quick_state == INITIATOR_QUICK_DONE, cases[n].right);
		if (!cases[n].right) {
			assert_int_equal(client.i.last_notify, 18);
			assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause,
					 CAUSE_bad_quick_mode_selector);
		}
		rig_free(&rig);
	}
}

static void without_an_spi_quick_mode_is_refused(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 3, 500);
	client_dial(&rig, &client);
	rig.no_spi = true;
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.last_notify, 14);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause, CAUSE_no_room_for_child);
	rig_free(&rig);
}

static void another_address_has_another_key(struct ike_config *config)
{
	static struct ike_listener listeners[2];

	listeners[0] = (struct ike_listener){.preshared_key = (const uint8_t *)"other",
					     .preshared_key_bytes = 5};
	listeners[1] = (struct ike_listener){.local = endpoint_ipv4(htonl(0xc6336401), 0),
					     .preshared_key = (const uint8_t *)"secret",
					     .preshared_key_bytes = 6};
	config->listeners = listeners;
	config->listener_count = 2;
}

static void the_key_of_the_dialled_address_is_used(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, another_address_has_another_key);
	dial(&client, &config, 4);
	rig_free(&rig);
	config.server = endpoint_ipv4(htonl(0xc6336402), 500);
	rig_init(&rig, 1, another_address_has_another_key);
	client_init(&client, &config, 3, 500);
	client_dial(&rig, &client);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause, CAUSE_wrong_preshared_key);
	rig_free(&rig);
}

static void another_address_has_no_key(struct ike_config *config)
{
	static struct ike_listener listeners[2];

	listeners[0] = config->listeners[0];
	listeners[1] = (struct ike_listener){.local = endpoint_ipv4(htonl(0xc6336402), 0)};
	config->listeners = listeners;
	config->listener_count = 2;
}

/* The key for every address is not one for an address with a listener of its own. */
static void a_listener_without_key_takes_nobodys(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, another_address_has_no_key);
	dial(&client, &config, 4);
	config.server = endpoint_ipv4(htonl(0xc6336402), 500);
	client_init(&client, &config, 5, 501);
	client_dial(&rig, &client);
	assert_int_not_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	rig_free(&rig);
}

/* Main mode 3 with another source or destination: nothing is computed, nothing sent. */
static void a_main_mode_keeps_its_addresses(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		struct ike_path *path = &client.path;
		struct endpoint *moved = side == 0 ? &path->remote : &path->local;
		uint64_t before;
		size_t sends;

		rig_init(&rig, 1, NULL);
		client_init(&client, &config, 3, 500);
		initiator_main_mode_1(&client.i);
		client_send(&rig, &client);
		assert_true(client_collect(&rig, &client)); /* main mode 3 is ready */
		before = ike_counter_value(rig.ike, IKE_COUNTER_unexpected);
		sends = rig.send_count;
		moved->address[3] ^= 1;
		client_send(&rig, &client);
		assert_int_equal(rig.send_count, sends);
		assert_int_equal(rig.job_count, 0);
		assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_unexpected), before + 1);
		moved->address[3] ^= 1;
		client_send(&rig, &client);
		client_exchange(&rig, &client);
		assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
		rig_free(&rig);
	}
}

static void without_a_key_there_is_no_engine(void **state)
{
	struct ike_config config = {.listener_count = 0};
	struct ike_host host = {0};

	(void)state;
	assert_null(ike_new(&config, &host));
}

static void aggressive_mode_is_explained(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client client;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 3, 500);
	initiator_main_mode_1(&client.i);
	client.i.out[18] = 4;
	client_send(&rig, &client);
	client_send(&rig, &client);
	client_collect(&rig, &client);
	assert_int_equal(client.i.last_notify, 29);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	assert_int_equal(rig_find(&rig, IKE_FAILED, 0)->failed.cause,
			 CAUSE_aggressive_mode_refused);
	rig_free(&rig);
}

static void clients_with_one_cookie_behind_two_addresses_are_two(void **state)
{
	struct initiator_config config = client_config(true);
	static struct rig_client a;
	static struct rig_client b;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&a, &config, 3, 500);
	client_init(&b, &config, 3, 500); /* the same seed: the same cookie */
	b.path.remote.address[3] ^= 1;
	client_dial(&rig, &a);
	client_dial(&rig, &b);
	assert_int_equal(a.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(b.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 2);
	assert_int_not_equal(rig_find(&rig, IKE_PEER_UP, 0)->peer,
			     rig_find(&rig, IKE_PEER_UP, 1)->peer);
	rig_free(&rig);
}

static void clients_behind_one_nat_with_one_port_are_two(void **state)
{
	struct initiator_config config = client_config(true);
	static struct rig_client a;
	static struct rig_client b;

	(void)state;
	rig_init(&rig, 1, NULL);
	client_init(&a, &config, 3, 500);
	client_init(&b, &config, 4, 500); /* the NAT keeps port 500 and tells them by cookie */
	b.nat_port = 7777;
	initiator_main_mode_1(&a.i);
	initiator_main_mode_1(&b.i);
	client_send(&rig, &a);
	client_send(&rig, &b);
	for (int turn = 0; turn < 3; turn++) {
		client_collect(&rig, &a);
		client_collect(&rig, &b);
		client_send(&rig, &a);
		client_send(&rig, &b);
	}
	client_collect(&rig, &a);
	client_collect(&rig, &b);
	assert_int_equal(a.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(b.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 2);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dial_behind_a_nat_completes),
		cmocka_unit_test(every_ike_suite_completes),
		cmocka_unit_test(every_esp_suite_completes),
		cmocka_unit_test(perfect_forward_secrecy_is_done_when_offered),
		cmocka_unit_test(habits_of_clients_are_taken),
		cmocka_unit_test(a_second_marker_is_stripped),
		cmocka_unit_test(main_mode_may_start_on_4500),
		cmocka_unit_test(answers_go_to_the_exact_source),
		cmocka_unit_test(nat_is_detected_four_ways),
		cmocka_unit_test(without_nat_esp_is_plain),
		cmocka_unit_test(without_nat_vendor_id_there_is_no_traversal),
		cmocka_unit_test(forced_encapsulation_fakes_only_the_peers_hash),
		cmocka_unit_test(the_best_nat_version_is_answered_alone),
		cmocka_unit_test(profiles_are_told_by_vendor_ids),
		cmocka_unit_test(a_nat_in_front_of_us_is_hidden),
		cmocka_unit_test(the_clients_order_holds_with_3des_last),
		cmocka_unit_test(the_modern_policy_refuses_old_algorithms),
		cmocka_unit_test(no_common_proposal_is_explained_once),
		cmocka_unit_test(a_wrong_key_is_explained_once),
		cmocka_unit_test(a_silent_client_times_out),
		cmocka_unit_test(esp_proposals_are_chosen_by_the_rules),
		cmocka_unit_test(foreign_selectors_are_refused),
		cmocka_unit_test(without_an_spi_quick_mode_is_refused),
		cmocka_unit_test(the_key_of_the_dialled_address_is_used),
		cmocka_unit_test(a_listener_without_key_takes_nobodys),
		cmocka_unit_test(a_main_mode_keeps_its_addresses),
		cmocka_unit_test(without_a_key_there_is_no_engine),
		cmocka_unit_test(aggressive_mode_is_explained),
		cmocka_unit_test(clients_with_one_cookie_behind_two_addresses_are_two),
		cmocka_unit_test(clients_behind_one_nat_with_one_port_are_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
