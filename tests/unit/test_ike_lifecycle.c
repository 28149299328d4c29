/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens after the dial: rekeys, deletes, dead peers, moves, ends. */

#include "ike_cmocka.h"
#include "ike_rig.h"

#include <arpa/inet.h>
#include <string.h>

static struct ike_rig rig;
static struct rig_client client;

/* A connected client behind a NAT; the record starts empty. */
static uint32_t connect_client(void (*change)(struct ike_config *config))
{
	struct initiator_config config = client_config(true);
	uint32_t peer;

	rig_init(&rig, 1, change);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
	peer = rig_find(&rig, IKE_PEER_UP, 0)->peer;
	rig_forget(&rig);
	client.seen = 0;
	return peer;
}

static void send_and_collect(void)
{
	client_send(&rig, &client);
	client_collect(&rig, &client);
}

static void only_down_is_last(enum cause cause)
{
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 1);
	assert_int_equal(rig_find(&rig, IKE_PEER_DOWN, 0)->down.cause, cause);
	for (int i = rig_position(&rig, IKE_PEER_DOWN, 0); i < (int)rig.event_count; i++)
		assert_int_not_equal(rig.events[i].kind, IKE_CHILD_DELETE);
	assert_int_equal(rig.sends_at[rig_position(&rig, IKE_PEER_DOWN, 0)], rig.send_count);
}

static void no_probe(struct ike_config *config)
{
	config->dpd_idle_ms = 0;
}

static void a_duplicate_gets_the_stored_answer(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client again;

	(void)state;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 31000);
	initiator_main_mode_1(&client.i);
	for (int phase = 0; phase < 3; phase++) {
		rig_forget(&rig);
		client.seen = 0;
		client_send(&rig, &client);
		client_send(&rig, &client);
		assert_int_equal(rig.send_count, 2);
		assert_int_equal(rig.sends[0].length, rig.sends[1].length);
		assert_memory_equal(rig.sends[0].bytes, rig.sends[1].bytes, rig.sends[0].length);
		again = client;
		client_collect(&rig, &client);
	}
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	rig_forget(&rig);
	client.seen = 0;
	initiator_quick_mode_1(&client.i);
	again = client;
	client_send(&rig, &again);
	client_send(&rig, &again);
	assert_int_equal(rig_count(&rig, IKE_CHILD_ADD), 1);
	assert_int_equal(rig.send_count, 2);
	assert_memory_equal(rig.sends[0].bytes, rig.sends[1].bytes, rig.sends[0].length);
	client_collect(&rig, &client);
	client_send(&rig, &client); /* quick mode 3 */
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 1);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_unexpected), 0);
	/* Who sent quick mode 3 has read 2: the exchange is forgotten, but its id is not. */
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_replayed), 1);
	client_send(&rig, &again); /* quick mode 1 after all */
	assert_int_equal(rig.send_count, 2);
	assert_int_equal(rig_count(&rig, IKE_CHILD_ADD), 1);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_replayed), 2);
	rig_free(&rig);
}

static void quick_mode_2_is_sent_again_until_3_comes(void **state)
{
	(void)state;
	connect_client(no_probe);
	initiator_quick_mode_1(&client.i);
	client_send(&rig, &client);
	assert_int_equal(rig.send_count, 1);
	rig_advance(&rig, 1999);
	assert_int_equal(rig.send_count, 1);
	rig_advance(&rig, 1);
	assert_int_equal(rig.send_count, 2);
	assert_true(rig.sends[1].to_current_endpoint);
	assert_memory_equal(rig.sends[0].bytes, rig.sends[1].bytes, rig.sends[0].length);
	rig_advance(&rig, 4000);
	assert_int_equal(rig.send_count, 3);
	rig_advance(&rig, 8000);
	assert_int_equal(rig.send_count, 4);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 0);
	rig_advance(&rig, 16000);
	assert_int_equal(rig.send_count, 4);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 1); /* never confirmed */
	assert_int_equal(rig_count(&rig, IKE_FAILED), 1);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	rig_free(&rig);
}

static void the_first_packet_confirms_as_well(void **state)
{
	(void)state;
	connect_client(no_probe);
	initiator_quick_mode_1(&client.i);
	client_send(&rig, &client);
	ike_child_used(rig.ike, rig_find(&rig, IKE_CHILD_ADD, 0)->child_add.spi_in, rig.now_ms);
	rig_drain(&rig);
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 1);
	client_collect(&rig, &client);
	client_send(&rig, &client); /* a late quick mode 3 */
	rig_advance(&rig, 30000);
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 1);
	assert_int_equal(rig.send_count, 1);
	ike_child_used(rig.ike, 0xdeadbeef, rig.now_ms);
	rig_free(&rig);
}

static void a_rekeyed_child_stays_for_its_lifetime(void **state)
{
	(void)state;
	connect_client(no_probe);
	rig_advance(&rig, 3000000);
	client_quick_mode(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_CHILD_ADD), 1);
	assert_true(rig_position(&rig, IKE_CHILD_ADD, 0) <
		    rig_position(&rig, IKE_CHILD_CONFIRMED, 0));
	rig_advance(&rig, 629999);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 0);
	rig_advance(&rig, 1);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 1);
	assert_int_equal(rig.send_count, 1); /* quick mode 2; no Delete of ours */
	rig_free(&rig);
}

static void a_rekey_at_the_last_moment_still_lingers(void **state)
{
	(void)state;
	connect_client(no_probe);
	rig_advance(&rig, 3629000);
	client_quick_mode(&rig, &client);
	rig_advance(&rig, 29999);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 0);
	rig_advance(&rig, 1);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 1);
	rig_free(&rig);
}

static void a_delete_stops_sending_at_once_and_receiving_later(void **state)
{
	uint32_t spi = 0;

	(void)state;
	connect_client(no_probe);
	spi = client.i.spi_in;
	client_quick_mode(&rig, &client);
	rig_forget(&rig);
	initiator_delete_esp(&client.i, &spi, 1);
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_CHILD_OUTBOUND_DELETED), 1);
	assert_int_equal(rig_find(&rig, IKE_CHILD_OUTBOUND_DELETED, 0)->child.spi_out, spi);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 0);
	client_send(&rig, &client); /* the same again: a duplicate */
	initiator_delete_esp(&client.i, &spi, 1);
	client_send(&rig, &client); /* and once more in a new exchange */
	assert_int_equal(rig_count(&rig, IKE_CHILD_OUTBOUND_DELETED), 1);
	rig_advance(&rig, 29999);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 0);
	rig_advance(&rig, 1);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 1);
	assert_int_equal(rig_find(&rig, IKE_CHILD_DELETE, 0)->child.spi_out, spi);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	rig_free(&rig);
}

/* Windows: quick mode 1, 2, Delete of the old SA, and only then quick mode 3. */
static void a_delete_before_quick_mode_3_ends_nothing(void **state)
{
	uint32_t spi;
	uint8_t third[256];
	size_t third_bytes;

	(void)state;
	connect_client(no_probe);
	spi = client.i.spi_in;
	initiator_quick_mode_1(&client.i);
	client_send(&rig, &client);
	client_collect(&rig, &client);
	third_bytes = client.i.out_bytes;
	memcpy(third, client.i.out, third_bytes);
	initiator_delete_esp(&client.i, &spi, 1);
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_CHILD_OUTBOUND_DELETED), 1);
	memcpy(client.i.out, third, third_bytes);
	client.i.out_bytes = third_bytes;
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 1);
	rig_advance(&rig, 300000);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 1);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	rig_free(&rig);
}

static void the_end_of_the_isakmp_sa_leaves_the_children(void **state)
{
	(void)state;
	connect_client(NULL);
	initiator_delete_sa(&client.i, true);
	client_send(&rig, &client);
	rig_advance(&rig, 1000000);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 0);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	assert_int_equal(rig.send_count, 0); /* no probe without an SA */
	rig_advance(&rig, 2630000);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 1);
	rig_advance(&rig, 30000);
	only_down_is_last(CAUSE_peer_request);
	assert_int_equal(ike_deadline(rig.ike), UINT64_MAX);
	rig_free(&rig);
}

/* "Thanks Apple": a quick mode is answered after its ISAKMP SA was deleted. */
static void a_deleted_sa_answers_its_quick_modes_for_a_while(void **state)
{
	struct rig_client first;

	(void)state;
	connect_client(no_probe);
	initiator_quick_mode_1(&client.i);
	first = client;
	client_send(&rig, &client);
	initiator_delete_sa(&client.i, true);
	client_send(&rig, &client);
	client_send(&rig, &first);
	assert_int_equal(rig.send_count, 2);
	first.seen = 1;
	assert_true(client_collect(&rig, &first));
	client_send(&rig, &first);
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 1);
	initiator_quick_mode_1(&first.i);
	client_send(&rig, &first); /* a new one is refused */
	assert_int_equal(rig.send_count, 2);
	rig_free(&rig);
}

static void a_clean_disconnect_ends_the_peer(void **state)
{
	(void)state;
	connect_client(NULL);
	initiator_delete_esp(&client.i, &client.i.spi_in, 1);
	client_send(&rig, &client);
	initiator_delete_sa(&client.i, true);
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	rig_advance(&rig, 60000);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 1);
	only_down_is_last(CAUSE_peer_request);
	rig_free(&rig);
}

static void a_peer_without_child_ends(void **state)
{
	struct initiator_config config = client_config(true);

	(void)state;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	rig_advance(&rig, 119999);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	rig_advance(&rig, 1);
	only_down_is_last(CAUSE_silent_after_main_mode_6);
	client_collect(&rig, &client);
	assert_int_equal(client.i.last_delete_protocol, 1);
	assert_int_equal(ike_deadline(rig.ike), UINT64_MAX);
	rig_free(&rig);
}

static void deletes_and_notifications_in_clear_are_ignored(void **state)
{
	(void)state;
	connect_client(no_probe);
	initiator_delete_sa(&client.i, false);
	client_send(&rig, &client);
	initiator_notify(&client.i, 36136, 7, false);
	client_send(&rig, &client);
	initiator_notify(&client.i, 24578, 0, false);
	client_send(&rig, &client);
	assert_int_equal(rig.send_count, 0);
	assert_int_equal(rig.event_count, 0);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_unprotected), 3);
	rig_free(&rig);
}

static void a_damaged_or_unknown_informational_kills_nothing(void **state)
{
	static const uint8_t strange[] = {0, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	connect_client(no_probe);
	initiator_delete_sa(&client.i, true);
	client.i.out[40] ^= 1;
	client_send(&rig, &client);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_bad_hash), 1);
	initiator_informational(&client.i, 99, strange, sizeof(strange), true);
	client_send(&rig, &client);
	initiator_informational(&client.i, 12, strange, sizeof(strange), true);
	client_send(&rig, &client);
	initiator_notify(&client.i, 9999, 0, true);
	client_send(&rig, &client);
	initiator_notify(&client.i, 36136, 5, true);
	send_and_collect();
	assert_int_equal(client.i.last_notify, 36137);
	rig_free(&rig);
}

static void r_u_there_is_acknowledged_with_its_sequence(void **state)
{
	(void)state;
	connect_client(no_probe);
	initiator_notify(&client.i, 36136, 1000, true);
	send_and_collect();
	assert_int_equal(client.i.last_notify, 36137);
	assert_int_equal(client.i.last_notify_sequence, 1000);
	client_send(&rig, &client); /* nothing is in `out`, so nothing goes */
	initiator_notify(&client.i, 36136, 1001, true);
	send_and_collect();
	assert_int_equal(client.i.last_notify_sequence, 1001);
	initiator_notify(&client.i, 36136, 900, true);
	send_and_collect();
	assert_int_equal(client.i.last_notify_sequence, 1001);
	assert_int_equal(rig.send_count, 2);
	rig_free(&rig);
}

/* The last 64 message ids are known: the memory of them grows with their number. */
static void a_replay_is_known_among_many(void **state)
{
	static uint8_t sent[70][INITIATOR_BYTES_MAX];
	size_t lengths[70];

	(void)state;
	connect_client(no_probe);
	for (uint32_t n = 0; n < 70; n++) {
		initiator_notify(&client.i, 24578, n, true);
		lengths[n] = client.i.out_bytes;
		memcpy(sent[n], client.i.out, lengths[n]);
		client_send(&rig, &client);
		assert_int_equal(rig_count(&rig, IKE_PEER_INITIAL_CONTACT), n + 1);
	}
	for (uint32_t n = 70 - 64; n < 70; n++) {
		memcpy(client.i.out, sent[n], lengths[n]);
		client.i.out_bytes = lengths[n];
		client_send(&rig, &client);
		assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_replayed), n - 5);
	}
	assert_int_equal(rig_count(&rig, IKE_PEER_INITIAL_CONTACT), 70);
	rig_free(&rig);
}

static void a_silent_peer_dies_after_its_probes(void **state)
{
	uint32_t last = 0;

	(void)state;
	connect_client(NULL);
	rig_advance(&rig, 29999);
	assert_int_equal(rig.send_count, 0);
	rig_advance(&rig, 1);
	for (unsigned probe = 1; probe <= 5; probe++) {
		assert_int_equal(rig.send_count, probe);
		assert_true(rig.sends[probe - 1].to_current_endpoint);
		client_collect(&rig, &client);
		assert_int_equal(client.i.last_notify, 36136);
		if (probe > 1)
			assert_int_equal(client.i.last_notify_sequence, last + 1);
		last = client.i.last_notify_sequence;
		assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
		rig_advance(&rig, 5000);
	}
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 1);
	only_down_is_last(CAUSE_peer_silent);
	assert_int_equal(ike_deadline(rig.ike), UINT64_MAX);
	rig_free(&rig);
}

static void an_answer_or_traffic_puts_probes_off(void **state)
{
	uint32_t peer;

	(void)state;
	peer = connect_client(NULL);
	for (int second = 0; second < 100; second++) { /* traffic-based: never asked */
		ike_peer_alive(rig.ike, peer, rig.now_ms);
		rig_advance(&rig, 1000);
	}
	assert_int_equal(rig.send_count, 0);
	rig_advance(&rig, 30000);
	assert_int_equal(rig.send_count, 1);
	client_collect(&rig, &client);
	initiator_notify(&client.i, 36137, client.i.last_notify_sequence, true);
	client_send(&rig, &client);
	rig_advance(&rig, 29999);
	assert_int_equal(rig.send_count, 1);
	rig_advance(&rig, 2);
	assert_int_equal(rig.send_count, 2);
	ike_peer_alive(rig.ike, peer, rig.now_ms);
	rig_advance(&rig, 29000);
	assert_int_equal(rig.send_count, 2);
	rig_free(&rig);
}

static void a_peer_without_dpd_is_never_probed(void **state)
{
	struct initiator_config config = client_config(true);

	(void)state;
	config.vendor_count = 1;
	rig_init(&rig, 1, NULL);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	client_quick_mode(&rig, &client);
	assert_int_equal(client.i.vendor_in_count, 1);
	rig_forget(&rig);
	ike_peer_probe(rig.ike, 0x100000, 5000, rig.now_ms);
	rig_advance(&rig, 1000000);
	assert_int_equal(rig.send_count, 0);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	rig_free(&rig);
}

static void a_probe_on_demand_decides_in_its_time(void **state)
{
	uint32_t peer;

	(void)state;
	peer = connect_client(NULL);
	ike_peer_probe(rig.ike, peer, 5000, rig.now_ms);
	rig_drain(&rig);
	assert_int_equal(rig.send_count, 1);
	client_collect(&rig, &client);
	initiator_notify(&client.i, 36137, client.i.last_notify_sequence, true);
	client_send(&rig, &client);
	rig_advance(&rig, 10000);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	ike_peer_probe(rig.ike, peer, 5000, rig.now_ms);
	rig_advance(&rig, 4999);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	rig_advance(&rig, 1);
	only_down_is_last(CAUSE_peer_silent);
	ike_peer_probe(rig.ike, peer, 5000, rig.now_ms);
	ike_peer_alive(rig.ike, peer, rig.now_ms);
	ike_peer_close(rig.ike, peer, CAUSE_administrator, rig.now_ms);
	rig_free(&rig);
}

/* Only the acknowledgement of what was sent since counts, and nobody dies of silence. */
static void a_question_is_answered_by_its_acknowledgement(void **state)
{
	struct ike_path moved;
	uint32_t peer, before;

	(void)state;
	peer = connect_client(no_probe);
	assert_true(ike_peer_ask(rig.ike, peer, rig.now_ms));
	rig_drain(&rig);
	client_collect(&rig, &client);
	before = client.i.last_notify_sequence;
	moved = client.path;
	moved.remote.port = 999;
	ike_peer_moved(rig.ike, peer, &moved);
	client.path = moved;
	assert_true(ike_peer_ask(rig.ike, peer, rig.now_ms));
	assert_true(ike_peer_ask(rig.ike, peer, rig.now_ms));
	rig_drain(&rig);
	assert_int_equal(rig.send_count, 3);
	client_collect(&rig, &client);
	assert_int_equal(client.i.last_notify, 36136);
	assert_int_equal(client.i.last_notify_sequence, before + 2);
	initiator_notify(&client.i, 36137, before, true); /* of a question to the old address */
	client_send(&rig, &client);
	initiator_notify(&client.i, 36137, before + 3, true); /* never asked */
	client_send(&rig, &client);
	initiator_notify(&client.i, 36136, before + 1, true); /* no acknowledgement */
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_PEER_ANSWERED), 0);
	initiator_notify(&client.i, 36137, before + 1, true); /* the first of two */
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_PEER_ANSWERED), 1);
	assert_int_equal(rig_find(&rig, IKE_PEER_ANSWERED, 0)->peer, peer);
	initiator_notify(&client.i, 36137, before + 2, true);
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_PEER_ANSWERED), 1);
	assert_true(ike_peer_ask(rig.ike, peer, rig.now_ms));
	rig_advance(&rig, 100000);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	assert_false(ike_peer_ask(rig.ike, peer + 1, rig.now_ms));
	rig_free(&rig);
}

/* The address that the client says it has stands for the device, its port does not. */
static void children_of_one_device_are_told(void **state)
{
	uint64_t inner[4];

	(void)state;
	connect_client(no_probe);
	for (unsigned i = 0; i < 4; i++) {
		if (i == 2)
			client.i.config.own.address[3]++;
		if (i == 3)
			client.i.config.own.address[3]--;
		client_quick_mode(&rig, &client);
		inner[i] = rig_find(&rig, IKE_CHILD_ADD, i)->child_add.inner;
	}
	assert_true(inner[0] != 0);
	assert_true(inner[1] == inner[0]);
	assert_true(inner[2] != inner[0]);
	assert_true(inner[3] == inner[0]);
	rig_free(&rig);
}

static void moves_by_ike_are_limited(void **state)
{
	(void)state;
	connect_client(no_probe);
	for (uint32_t i = 0; i < 20; i++) {
		client.path.remote.port = (uint16_t)(40000 + i);
		initiator_notify(&client.i, 36136, 100 + i, true);
		client_send(&rig, &client);
	}
	assert_int_equal(rig_count(&rig, IKE_PEER_ENDPOINT), 4);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_endpoint_refused), 16);
	rig_advance(&rig, 1000);
	initiator_notify(&client.i, 36136, 200, true);
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_PEER_ENDPOINT), 5);
	rig_free(&rig);
}

static void closing_tells_the_peer_first(void **state)
{
	uint32_t peer;

	(void)state;
	peer = connect_client(NULL);
	client_quick_mode(&rig, &client);
	rig_forget(&rig);
	client.seen = 0;
	ike_peer_close(rig.ike, peer, CAUSE_administrator, rig.now_ms);
	rig_drain(&rig);
	assert_int_equal(rig.send_count, 2);
	assert_true(initiator_feed(&client.i, rig.sends[0].bytes, rig.sends[0].length));
	assert_int_equal(client.i.last_delete_protocol, 3);
	assert_int_equal(client.i.last_delete_count, 2);
	assert_true(initiator_feed(&client.i, rig.sends[1].bytes, rig.sends[1].length));
	assert_int_equal(client.i.last_delete_protocol, 1);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 2);
	only_down_is_last(CAUSE_administrator);
	assert_int_equal(ike_deadline(rig.ike), UINT64_MAX);
	ike_peer_close(rig.ike, peer, CAUSE_administrator, rig.now_ms);
	rig_drain(&rig);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 1);
	rig_free(&rig);
}

static void a_late_first_message_is_a_duplicate(void **state)
{
	struct initiator_config config = client_config(true);
	struct rig_client first;

	(void)state;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 31000);
	initiator_main_mode_1(&client.i);
	first = client;
	client_exchange(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	client_quick_mode(&rig, &client);
	rig_forget(&rig);
	client_send(&rig, &first);
	assert_int_equal(rig.send_count, 0);
	rig_advance(&rig, 40000);
	assert_int_equal(rig_count(&rig, IKE_FAILED), 0);
	client_send(&rig, &first); /* by now it is somebody's new beginning */
	assert_int_equal(rig.send_count, 1);
	rig_free(&rig);
}

static void a_redial_gets_its_time_for_a_quick_mode(void **state)
{
	static struct rig_client second;
	struct initiator_config config = client_config(true);

	(void)state;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	rig_advance(&rig, 100000);
	initiator_delete_sa(&client.i, true);
	client_send(&rig, &client);
	rig_advance(&rig, 25000);
	client_init(&second, &config, 99, 31000);
	second.path = client.path;
	second.i.config.own.port = 4500;
	second.i.config.server.port = 4500;
	client_dial(&rig, &second);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 1);
	rig_advance(&rig, 1000);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	client_quick_mode(&rig, &second);
	assert_int_equal(second.i.quick_state, INITIATOR_QUICK_DONE);
	rig_free(&rig);
}

/* Decrypts well, parses well, and yet is not what the peer said. */
static void a_wrong_hash_is_believed_nowhere(void **state)
{
	struct initiator_config config = client_config(true);

	(void)state;
	config.wrong_hash = true;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_SENT_5);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	rig_free(&rig);
	connect_client(no_probe);
	client.i.config.wrong_hash = true;
	initiator_quick_mode_1(&client.i);
	client_send(&rig, &client);
	initiator_delete_sa(&client.i, true);
	client_send(&rig, &client);
	initiator_notify(&client.i, 36136, 9, true);
	client_send(&rig, &client);
	assert_int_equal(rig.event_count, 0);
	assert_int_equal(rig.send_count, 0);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_bad_hash), 3);
	client.i.config.wrong_hash = false;
	initiator_quick_mode_1(&client.i);
	client_send(&rig, &client);
	client.i.config.wrong_hash = true;
	assert_true(client_collect(&rig, &client));
	client_send(&rig, &client); /* quick mode 3 */
	assert_int_equal(rig_count(&rig, IKE_CHILD_CONFIRMED), 0);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_bad_hash), 4);
	rig_free(&rig);
}

static void the_cause_of_the_end_is_the_peers_delete(void **state)
{
	(void)state;
	connect_client(no_probe);
	initiator_delete_esp(&client.i, &client.i.spi_in, 1);
	client_send(&rig, &client);
	rig_advance(&rig, 30000 + 120000);
	only_down_is_last(CAUSE_peer_request);
	rig_free(&rig);
}

/* A new main mode from the same place by the same identity. */
static void redial(struct rig_client *second, uint64_t seed)
{
	struct initiator_config config = client.i.config;

	config.own.port = 4500;
	config.server.port = 4500;
	client_init(second, &config, seed, 31000);
	second->path = client.path;
	client_dial(&rig, second);
	assert_int_equal(second->i.state, INITIATOR_ESTABLISHED);
}

static void a_new_main_mode_of_the_same_device_joins_its_peer(void **state)
{
	static struct rig_client second;
	uint32_t peer;

	(void)state;
	peer = connect_client(NULL);
	redial(&second, 99);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	client_quick_mode(&rig, &second);
	assert_int_equal(rig_find(&rig, IKE_CHILD_ADD, 0)->peer, peer);
	rig_forget(&rig);
	client.seen = second.seen = 0;
	rig_advance(&rig, 30000); /* probes go by the newest SA */
	assert_int_equal(rig.send_count, 1);
	assert_memory_equal(rig.sends[0].bytes, second.i.cookie_i, 8);
	client_collect(&rig, &second);
	initiator_notify(&second.i, 36137, second.i.last_notify_sequence, true);
	client_send(&rig, &second);
	initiator_delete_sa(&client.i, true); /* the old one goes */
	client_send(&rig, &client);
	client_quick_mode(&rig, &second);
	assert_int_equal(second.i.quick_state, INITIATOR_QUICK_DONE);
	rig_forget(&rig);
	ike_peer_close(rig.ike, peer, CAUSE_shutdown, rig.now_ms);
	rig_drain(&rig);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 3);
	only_down_is_last(CAUSE_shutdown);
	rig_free(&rig);
}

static void another_identity_or_port_is_another_peer(void **state)
{
	static struct rig_client second;
	struct initiator_config config;

	(void)state;
	connect_client(NULL);
	config = client.i.config;
	config.identity[7] = 3;
	client_init(&second, &config, 50, 31000);
	client_dial(&rig, &second);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 1);
	config = client.i.config;
	client_init(&second, &config, 51, 31001);
	client_dial(&rig, &second);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 2);
	rig_free(&rig);
}

static void a_new_port_moves_a_peer_behind_nat(void **state)
{
	struct rig_client old;
	uint32_t peer;

	(void)state;
	peer = connect_client(no_probe);
	old = client;
	client.path.remote.port = 999;
	initiator_notify(&client.i, 36136, 5, true);
	old.i = client.i;
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_PEER_ENDPOINT), 1);
	assert_int_equal(rig_find(&rig, IKE_PEER_ENDPOINT, 0)->endpoint.path.remote.port, 999);
	assert_int_equal(rig.sends[0].path.remote.port, 999);
	client_send(&rig, &old); /* replayed from elsewhere: does not move it back */
	assert_int_equal(rig_count(&rig, IKE_PEER_ENDPOINT), 1);
	ike_peer_close(rig.ike, peer, CAUSE_administrator, rig.now_ms);
	rig_drain(&rig);
	assert_int_equal(rig.sends[rig.send_count - 1].path.remote.port, 999);
	rig_free(&rig);
}

static void the_packet_path_moves_a_peer(void **state)
{
	static struct rig_client second;
	struct ike_path path;
	uint32_t peer;

	(void)state;
	peer = connect_client(no_probe);
	path = client.path;
	path.remote.port = 4242;
	ike_peer_moved(rig.ike, peer, &path);
	client.path = path;
	redial(&second, 7); /* found at its new place */
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	assert_int_equal(rig_count(&rig, IKE_PEER_ENDPOINT), 0);
	rig_free(&rig);
}

static void without_nat_nothing_moves(void **state)
{
	struct initiator_config config = client_config(false);

	(void)state;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 500);
	client_dial(&rig, &client);
	client_quick_mode(&rig, &client);
	client.path.remote.port = 999;
	initiator_notify(&client.i, 36136, 5, true);
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_PEER_ENDPOINT), 0);
	assert_int_equal(ike_counter_value(rig.ike, IKE_COUNTER_endpoint_refused), 1);
	rig_free(&rig);
}

static void initial_contact_is_told_and_deletes_nothing(void **state)
{
	struct initiator_config config = client_config(true);

	(void)state;
	connect_client(no_probe);
	initiator_notify(&client.i, 24578, 0, true);
	client_send(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_PEER_INITIAL_CONTACT), 1);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 0);
	rig_free(&rig);
	config.initial_contact_in_5 = true;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_PEER_INITIAL_CONTACT), 1);
	assert_true(rig_position(&rig, IKE_PEER_UP, 0) <
		    rig_position(&rig, IKE_PEER_INITIAL_CONTACT, 0));
	rig_free(&rig);
}

static void an_expired_isakmp_sa_is_deleted_by_us(void **state)
{
	struct initiator_config config = client_config(true);

	(void)state;
	config.ike_seconds = 600;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	client_quick_mode(&rig, &client);
	rig_forget(&rig);
	client.seen = 0;
	rig_advance(&rig, 629999);
	assert_int_equal(rig.send_count, 0);
	rig_advance(&rig, 1);
	assert_int_equal(rig.send_count, 1);
	client_collect(&rig, &client);
	assert_int_equal(client.i.last_delete_protocol, 1);
	assert_int_equal(rig_count(&rig, IKE_CHILD_DELETE), 0);
	assert_int_equal(rig_count(&rig, IKE_PEER_DOWN), 0);
	rig_free(&rig);
}

static void many_rekeys_keep_a_bound(void **state)
{
	int live = 1;

	(void)state;
	connect_client(no_probe);
	for (int n = 0; n < 200; n++) {
		client_quick_mode(&rig, &client);
		assert_int_equal(client.i.quick_state, INITIATOR_QUICK_DONE);
		live += (int)rig_count(&rig, IKE_CHILD_ADD) -
			(int)rig_count(&rig, IKE_CHILD_DELETE);
		rig_forget(&rig);
		client.seen = 0;
		assert_in_range(live, 1, 16);
	}
	rig_free(&rig);
}

static void many_main_modes_keep_a_bound(void **state)
{
	static struct rig_client second;
	struct ike_sa_view views[32];
	uint32_t cursor = 0;

	(void)state;
	connect_client(no_probe);
	for (uint64_t n = 0; n < 30; n++)
		redial(&second, 1000 + n);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	assert_in_range(ike_list_sas(rig.ike, &cursor, views, 32), 1, 8);
	client_quick_mode(&rig, &second);
	assert_int_equal(second.i.quick_state, INITIATOR_QUICK_DONE);
	rig_free(&rig);
}

static void sas_are_listed_by_pages(void **state)
{
	struct initiator_config config = client_config(true);
	static struct rig_client half;
	struct ike_sa_view view;
	uint32_t cursor = 0;

	(void)state;
	connect_client(no_probe);
	client_init(&half, &config, 77, 400);
	initiator_main_mode_1(&half.i);
	client_send(&rig, &half);
	assert_int_equal(ike_list_sas(rig.ike, &cursor, &view, 1), 1);
	assert_string_equal(view.state, "established");
	assert_string_equal(view.proposal, "aes-256-cbc/sha1/group 14");
	assert_int_not_equal(view.peer, 0);
	assert_int_equal(view.expires_ms, view.established_ms + 28830000);
	assert_int_equal(ike_list_sas(rig.ike, &cursor, &view, 1), 1);
	assert_string_equal(view.state, "sent main mode 2");
	assert_int_equal(view.peer, 0);
	assert_int_equal(ike_list_sas(rig.ike, &cursor, &view, 1), 0);
	rig_free(&rig);
}

static void the_ladder_has_every_message(void **state)
{
	static const char *const expected[] = {"main mode 1",  "main mode 2",  "main mode 3",
					       "main mode 4",  "main mode 5",  "main mode 6",
					       "quick mode 1", "quick mode 2", "quick mode 3"};
	struct initiator_config config = client_config(true);

	(void)state;
	rig_init(&rig, 1, no_probe);
	client_init(&client, &config, 2, 31000);
	client_dial(&rig, &client);
	client_quick_mode(&rig, &client);
	assert_int_equal(rig_count(&rig, IKE_STEP), 9);
	for (size_t n = 0; n < 9; n++) {
		const struct ike_event *e = rig_find(&rig, IKE_STEP, n);

		assert_string_equal(e->step.step.message, expected[n]);
		assert_int_equal(e->step.step.inbound, n < 6 ? n % 2 == 0 : n != 7);
		assert_int_equal(e->peer != 0, n > 4);
		assert_int_not_equal(e->negotiation, 0);
	}
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_duplicate_gets_the_stored_answer),
		cmocka_unit_test(quick_mode_2_is_sent_again_until_3_comes),
		cmocka_unit_test(the_first_packet_confirms_as_well),
		cmocka_unit_test(a_rekeyed_child_stays_for_its_lifetime),
		cmocka_unit_test(a_rekey_at_the_last_moment_still_lingers),
		cmocka_unit_test(a_delete_stops_sending_at_once_and_receiving_later),
		cmocka_unit_test(a_delete_before_quick_mode_3_ends_nothing),
		cmocka_unit_test(the_end_of_the_isakmp_sa_leaves_the_children),
		cmocka_unit_test(a_deleted_sa_answers_its_quick_modes_for_a_while),
		cmocka_unit_test(a_clean_disconnect_ends_the_peer),
		cmocka_unit_test(a_peer_without_child_ends),
		cmocka_unit_test(deletes_and_notifications_in_clear_are_ignored),
		cmocka_unit_test(a_damaged_or_unknown_informational_kills_nothing),
		cmocka_unit_test(r_u_there_is_acknowledged_with_its_sequence),
		cmocka_unit_test(a_replay_is_known_among_many),
		cmocka_unit_test(a_silent_peer_dies_after_its_probes),
		cmocka_unit_test(an_answer_or_traffic_puts_probes_off),
		cmocka_unit_test(a_peer_without_dpd_is_never_probed),
		cmocka_unit_test(a_probe_on_demand_decides_in_its_time),
		cmocka_unit_test(closing_tells_the_peer_first),
		cmocka_unit_test(a_new_main_mode_of_the_same_device_joins_its_peer),
		cmocka_unit_test(another_identity_or_port_is_another_peer),
		cmocka_unit_test(a_question_is_answered_by_its_acknowledgement),
		cmocka_unit_test(children_of_one_device_are_told),
		cmocka_unit_test(moves_by_ike_are_limited),
		cmocka_unit_test(a_new_port_moves_a_peer_behind_nat),
		cmocka_unit_test(the_packet_path_moves_a_peer),
		cmocka_unit_test(without_nat_nothing_moves),
		cmocka_unit_test(initial_contact_is_told_and_deletes_nothing),
		cmocka_unit_test(an_expired_isakmp_sa_is_deleted_by_us),
		cmocka_unit_test(many_rekeys_keep_a_bound),
		cmocka_unit_test(many_main_modes_keep_a_bound),
		cmocka_unit_test(sas_are_listed_by_pages),
		cmocka_unit_test(the_ladder_has_every_message),
		cmocka_unit_test(a_wrong_hash_is_believed_nowhere),
		cmocka_unit_test(the_cause_of_the_end_is_the_peers_delete),
		cmocka_unit_test(a_late_first_message_is_a_duplicate),
		cmocka_unit_test(a_redial_gets_its_time_for_a_quick_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
