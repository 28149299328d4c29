/* SPDX-License-Identifier: BSD-3-Clause */
/* Fragments of ISAKMP messages: taken in any order, bounded, and never of a stranger. */

#include "ike_cmocka.h"
#include "ike_rig.h"

#include <string.h>

static struct ike_rig rig;
static struct rig_client client;
static uint8_t fifth[INITIATOR_BYTES_MAX];
static size_t fifth_bytes;

/* Dials until main mode 5 is ready to leave. */
static void dial(bool announced, uint64_t seed, uint8_t host)
{
	struct initiator_config config = client_config(false);

	if (announced)
		config.vendors[config.vendor_count++] = &vendor_fragmentation;
	client_init(&client, &config, seed, 500);
	client.path.remote.address[3] = host;
	initiator_main_mode_1(&client.i);
	client_send(&rig, &client);
	assert_true(client_collect(&rig, &client));
	client_send(&rig, &client);
	assert_true(client_collect(&rig, &client));
	assert_int_equal(client.i.state, INITIATOR_SENT_5);
	memcpy(fifth, client.i.out, client.i.out_bytes);
	fifth_bytes = client.i.out_bytes;
}

static void prepare(bool announced)
{
	rig_init(&rig, 1, NULL);
	dial(announced, 2, 1);
}

struct piece {
	uint16_t id;
	uint8_t number;
	uint8_t flags;
	size_t from;
	size_t length;
};

/* One fragment of `bytes` on the wire. */
static void send_piece(const uint8_t *bytes, struct piece piece)
{
	size_t length = 36 + piece.length;
	uint8_t *out = client.i.out;

	memmove(out + 36, bytes + piece.from, piece.length);
	memcpy(out, fifth, 28);
	out[16] = 132;
	memcpy(out + 24, (uint8_t[]){0, 0, (uint8_t)(length >> 8), (uint8_t)length}, 4);
	memcpy(out + 28,
	       (uint8_t[]){0, 0, (uint8_t)((length - 28) >> 8), (uint8_t)(length - 28),
			   (uint8_t)(piece.id >> 8), (uint8_t)piece.id, piece.number, piece.flags},
	       8);
	client.i.out_bytes = length;
	client_send(&rig, &client);
}

static void whole_arrives(void)
{
	client_collect(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 1);
	rig_free(&rig);
}

static uint64_t bad(void)
{
	return ike_counter_value(rig.ike, IKE_COUNTER_bad_fragments);
}

static void fragments_come_in_any_order(void **state)
{
	(void)state;
	prepare(true);
	send_piece(fifth, (struct piece){7, 3, 1, 60, fifth_bytes - 60});
	send_piece(fifth, (struct piece){7, 1, 0, 0, 30});
	send_piece(fifth, (struct piece){7, 1, 0, 0, 30}); /* once more */
	assert_int_equal(bad(), 1);
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	send_piece(fifth, (struct piece){7, 2, 0, 30, 30});
	whole_arrives();
}

/* A new id: the peer cut the message anew. What was there is forgotten. */
static void another_id_begins_anew(void **state)
{
	(void)state;
	prepare(true);
	send_piece(fifth, (struct piece){7, 1, 0, 0, 40});
	send_piece(fifth, (struct piece){8, 2, 1, 30, fifth_bytes - 30});
	assert_int_equal(rig_count(&rig, IKE_PEER_UP), 0);
	send_piece(fifth, (struct piece){8, 1, 0, 0, 30});
	whole_arrives();
}

static void a_repeated_message_gets_its_answer_again(void **state)
{
	size_t sent;

	(void)state;
	prepare(true);
	send_piece(fifth, (struct piece){1, 1, 0, 0, 40});
	send_piece(fifth, (struct piece){1, 2, 1, 40, fifth_bytes - 40});
	sent = rig.send_count;
	send_piece(fifth, (struct piece){2, 1, 0, 0, 50});
	send_piece(fifth, (struct piece){2, 2, 1, 50, fifth_bytes - 50});
	assert_int_equal(rig.send_count, sent + 1);
	assert_int_equal(rig.sends[sent].length, rig.sends[sent - 1].length);
	whole_arrives();
}

/* What is broken is dropped, and the genuine message still counts. */
static void broken_ones_are_dropped(void **state)
{
	static uint8_t much[20000];
	uint8_t nested[128];

	(void)state;
	prepare(true);
	send_piece(fifth, (struct piece){1, 0, 0, 0, 30});  /* no number */
	send_piece(fifth, (struct piece){1, 33, 0, 0, 30}); /* too high */
	send_piece(fifth, (struct piece){1, 1, 0, 0, 0});   /* empty */
	assert_int_equal(bad(), 3);
	send_piece(fifth, (struct piece){2, 2, 1, 0, 30});
	send_piece(fifth, (struct piece){2, 3, 0, 0, 30}); /* behind the last */
	send_piece(fifth, (struct piece){2, 1, 1, 0, 30}); /* another last */
	assert_int_equal(bad(), 5);
	send_piece(fifth, (struct piece){3, 3, 0, 0, 30});
	send_piece(fifth, (struct piece){3, 2, 1, 0, 30}); /* a last one before others */
	assert_int_equal(bad(), 6);
	for (uint8_t n = 1; n <= 5; n++) /* 16 KiB in all */
		send_piece(much, (struct piece){4, n, 0, 0, 4000});
	assert_int_equal(bad(), 7);
	memcpy(nested, fifth, 28);
	nested[16] = 132;
	memcpy(nested + 24, (uint8_t[]){0, 0, 0, 128}, 4);
	send_piece(nested, (struct piece){5, 1, 1, 0, 128}); /* a fragment in a fragment */
	assert_int_equal(bad(), 8);
	memcpy(nested, fifth, 28);
	nested[8] ^= 1;
	memcpy(nested + 24, (uint8_t[]){0, 0, 0, 128}, 4);
	send_piece(nested, (struct piece){6, 1, 1, 0, 128}); /* another negotiation's */
	assert_int_equal(bad(), 9);
	assert_int_equal(rig.send_count, 2);
	send_piece(fifth, (struct piece){9, 1, 1, 0, fifth_bytes});
	whole_arrives();
}

static void strangers_have_no_fragments(void **state)
{
	(void)state;
	prepare(false); /* they were not announced */
	send_piece(fifth, (struct piece){1, 1, 1, 0, fifth_bytes});
	assert_int_equal(bad(), 1);
	fifth[8] ^= 1; /* our cookie is not known */
	send_piece(fifth, (struct piece){1, 1, 0, 0, 30});
	assert_int_equal(bad(), 2);
	assert_int_equal(rig.send_count, 2);
	rig_advance(&rig, 31000);
	assert_true(rig_empty(&rig));
	rig_free(&rig);
}

static void pieces_go_with_their_negotiation(void **state)
{
	(void)state;
	prepare(true);
	send_piece(fifth, (struct piece){1, 1, 0, 0, 40});
	rig_advance(&rig, 31000);
	assert_true(rig_empty(&rig)); /* a leak checker sees the rest */
	rig_free(&rig);
}

/* One address may take half of the memory for pieces; another one's message still fits. */
static void one_source_leaves_room_for_others(void **state)
{
	static uint8_t much[4000];

	(void)state;
	rig_init(&rig, 1, NULL);
	for (uint64_t n = 0; n < 132; n++) { /* 131 * 16000 bytes fit into 2 MiB */
		dial(true, 2 + n, 1);
		for (uint8_t number = 1; number <= 4; number++)
			send_piece(much, (struct piece){1, number, 0, 0, sizeof(much)});
		assert_int_equal(bad(), n < 131 ? 0 : 4);
		rig_forget(&rig);
	}
	dial(true, 1000, 2);
	send_piece(fifth, (struct piece){7, 1, 0, 0, 30});
	send_piece(fifth, (struct piece){7, 2, 1, 30, fifth_bytes - 30});
	assert_int_equal(bad(), 4);
	client_collect(&rig, &client);
	assert_int_equal(client.i.state, INITIATOR_ESTABLISHED);
	rig_advance(&rig, 31000);
	dial(true, 2000, 1); /* and the first one has its share again */
	rig_forget(&rig);
	client.seen = 0;
	send_piece(fifth, (struct piece){7, 1, 0, 0, 30});
	send_piece(fifth, (struct piece){7, 2, 1, 30, fifth_bytes - 30});
	assert_int_equal(bad(), 4);
	whole_arrives();
}

/* The vendor id is given back as it came, and only then. */
static void they_are_announced_to_who_knows_them(void **state)
{
	static const struct initiator_vendor *const vendors[] = {NULL, &vendor_fragmentation,
								 &vendor_fragmentation_word};

	(void)state;
	for (size_t n = 0; n < 3; n++) {
		struct initiator_config config = client_config(false);
		bool found = false;

		if (n != 0)
			config.vendors[config.vendor_count++] = vendors[n];
		rig_init(&rig, n, NULL);
		client_init(&client, &config, 2, 500);
		client_dial(&rig, &client);
		for (size_t v = 0; n != 0 && v < client.i.vendor_in_count; v++)
			found |= client.i.vendors_in_bytes[v] == vendors[n]->length &&
				 memcmp(client.i.vendors_in[v], vendors[n]->bytes,
					vendors[n]->length) == 0;
		assert_int_equal(found, n != 0);
		assert_int_equal(client.i.vendor_in_count, config.vendor_count);
		rig_free(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_come_in_any_order),
		cmocka_unit_test(another_id_begins_anew),
		cmocka_unit_test(a_repeated_message_gets_its_answer_again),
		cmocka_unit_test(broken_ones_are_dropped),
		cmocka_unit_test(strangers_have_no_fragments),
		cmocka_unit_test(pieces_go_with_their_negotiation),
		cmocka_unit_test(one_source_leaves_room_for_others),
		cmocka_unit_test(they_are_announced_to_who_knows_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
