/* SPDX-License-Identifier: BSD-3-Clause */
/* Dialling: main mode, quick mode, NAT, refusals. */

#include "ike_cmocka.h"
#include "ike_rig.h"

#include <arpa/inet.h>
#include <string.h>

static struct ike_rig rig;

static void keys_agree(const struct rig_client *client, const struct ike_event *add)
{
	assert_int_equal(add->child_add.spi_out, client->i.spi_in);
	assert_int_equal(add->child_add.spi_in, client->i.spi_out);
	assert_memory_equal(&add->child_add.keys_in, &client->i.keys_out, sizeof(struct esp_keys));
	assert_memory_equal(&add->child_add.keys_out, &client->i.keys_in, sizeof(struct esp_keys));
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
	keys_agree(&client, add);
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 1);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_dial_behind_a_nat_completes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
