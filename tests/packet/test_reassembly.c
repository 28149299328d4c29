/* SPDX-License-Identifier: BSD-3-Clause */
/* Tunnelled packets that somebody on the way cut, and frames in several buffers. */
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include <rte_mempool.h>

#define REMOTE     ADDRESS(203, 0, 113, 50)
#define PIECES_MAX 8

struct cut {
	unsigned count;
	struct bytes piece[PIECES_MAX];
};

static void piece_make(struct bytes *piece, const struct bytes *whole, size_t offset, size_t bytes,
		       bool more, uint16_t number)
{
	*piece = (struct bytes){.length = 0};
	bytes_append(piece, whole->data + 14, 20);
	bytes_append(piece, whole->data + 14 + 20 + (offset < whole->length ? offset : 0), bytes);
	bytes_set_u16(piece, 2, (uint16_t)(20 + bytes));
	bytes_set_u16(piece, 4, number);
	bytes_set_u16(piece, 6, (uint16_t)(offset / 8 | (more ? 0x2000 : 0)));
	wire_ipv4_checksum(piece);
	wire_ethernet(piece, 0x0800);
}

/* An Ethernet frame with IPv4 without options becomes fragments with `step` bytes of payload. */
static void cut(struct cut *cut, const struct bytes *whole, size_t step, uint16_t number)
{
	size_t payload = whole->length - 14 - 20;

	cut->count = 0;
	for (size_t offset = 0; offset < payload; offset += step) {
		size_t bytes = payload - offset < step ? payload - offset : step;

		assert_true(cut->count < PIECES_MAX);
		piece_make(&cut->piece[cut->count++], whole, offset, bytes,
			   offset + bytes < payload, number);
	}
}

/* Every order of three fragments, on the queues of two workers. */
static void fragments_in_any_order_are_one_packet(void **state)
{
	static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					      {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct rig_options options = {.workers = 2};
	struct rig *rig = rig_new(&options);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	struct rig_peer *bare = rig_peer_add(rig, &(struct rig_peer_options){.bare = true});
	struct bytes ip, frame;
	struct cut pieces;

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		struct rig_peer *from = i % 2 ? peer : bare;

		wire_inner(&ip, from->address, RIG_SERVER, 1300, i);
		frame = ip;
		rig_wrap_ip(from, &frame);
		cut(&pieces, &frame, 496, (uint16_t)(i * 257));
		assert_int_equal(pieces.count, 3);
		for (unsigned j = 0; j < 3; j++)
			rig_inject(rig, RIG_PEER_SIDE, (i / 6 + j) % 2,
				   &pieces.piece[orders[i % 6][j]]);
		rig_expect_up(rig, &ip);
	}
	rig_expect_no_drops(rig);
	rig_free(rig);
}

static void ike_make(struct bytes *frame, struct bytes *ike, size_t length, bool natt)
{
	static const uint8_t marker[4] = {0};

	ike->length = length;
	for (size_t i = 0; i < length; i++)
		ike->data[i] = (uint8_t)(i * 7 + 1);
	if (natt)
		bytes_prepend(ike, marker, sizeof(marker));
	*frame = *ike;
	wire_udp(frame, natt ? 40000 : 500, natt ? 4500 : 500);
	wire_ipv4(frame, IPPROTO_UDP, REMOTE, RIG_LOCAL);
	wire_ethernet(frame, 0x0800);
}

/* With its certificates it may be larger than a packet buffer. */
static void large_ike_reaches_control(void **state)
{
	struct rig *rig = rig_new(NULL);
	static const size_t lengths[] = {1600, 2200, 4000, 8000};
	struct bytes frame, ike, got;
	struct message *message;
	struct cut pieces;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		ike_make(&frame, &ike, lengths[i / 2], i % 2);
		cut(&pieces, &frame, 1480, (uint16_t)i);
		for (unsigned j = 0; j < pieces.count; j++)
			rig_inject(rig, RIG_PEER_SIDE, 0, &pieces.piece[j]);
		message = rig_expect_packet(rig, CONTROL_CLASS_ike_known, &got);
		assert_int_equal(got.length, ike.length);
		assert_memory_equal(got.data, ike.data, ike.length);
		assert_int_equal(message->packet_in.remote.port, i % 2 ? 40000 : 500);
		assert_int_equal(message->packet_in.local.port, i % 2 ? 4500 : 500);
		rig_message_free(rig, message);
	}
	rig_expect_no_drops(rig);
	rig_free(rig);
}

static void what_does_not_fit_together_is_dropped(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct bytes frame, ike, odd;
	struct cut pieces;

	(void)state;
	ike_make(&frame, &ike, 1600, false);
	cut(&pieces, &frame, 800, 1);
	assert_int_equal(pieces.count, 3);
	rig_inject(rig, RIG_PEER_SIDE, 0, &pieces.piece[0]);
	piece_make(&odd, &frame, 792, 816, true, 1); /* over the end of the first */
	rig_inject(rig, RIG_PEER_SIDE, 0, &odd);
	rig_expect_drops(rig, DROP_fragment_overlap, 2);

	cut(&pieces, &frame, 800, 2);
	rig_inject(rig, RIG_PEER_SIDE, 0, &pieces.piece[2]);
	piece_make(&odd, &frame, 1608, 8, true, 2); /* behind the end */
	rig_inject(rig, RIG_PEER_SIDE, 0, &odd);
	rig_expect_drops(rig, DROP_fragment_overlap, 2);

	cut(&pieces, &frame, 800, 3);
	rig_inject(rig, RIG_PEER_SIDE, 0, &pieces.piece[1]);
	piece_make(&odd, &frame, 400, 80, false, 3); /* an end before what is there */
	rig_inject(rig, RIG_PEER_SIDE, 0, &odd);
	rig_expect_drops(rig, DROP_fragment_overlap, 2);

	piece_make(&odd, &frame, 0, 801, true, 4);
	rig_inject(rig, RIG_PEER_SIDE, 0, &odd);
	piece_make(&odd, &frame, 0, 0, true, 5);
	rig_inject(rig, RIG_PEER_SIDE, 0, &odd);
	piece_make(&odd, &frame, 0xfff8, 800, false, 6); /* beyond 65535 */
	rig_inject(rig, RIG_PEER_SIDE, 0, &odd);
	rig_expect_drops(rig, DROP_fragment_malformed, 3);

	cut(&pieces, &frame, 800, 7); /* twice the same is once too often, no more */
	rig_inject(rig, RIG_PEER_SIDE, 0, &pieces.piece[0]);
	rig_inject(rig, RIG_PEER_SIDE, 0, &pieces.piece[0]);
	rig_expect_drops(rig, DROP_fragment_overlap, 1);
	rig_inject(rig, RIG_PEER_SIDE, 0, &pieces.piece[1]);
	rig_inject(rig, RIG_PEER_SIDE, 0, &pieces.piece[2]);
	rig_message_free(rig, rig_expect_packet(rig, CONTROL_CLASS_ike_known, &frame));
	rig_free(rig);
}

/* Never more than a quarter of the buffers, and none for longer than three seconds. */
static void waiting_fragments_are_bounded(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rte_mempool *pool = mailbox_packet_pool(rig_mailbox(rig));
	struct bytes frame, ike, piece;
	uint64_t gone;

	(void)state;
	ike_make(&frame, &ike, 1000, false);
	for (unsigned i = 0; i < 20000; i++) {
		piece_make(&piece, &frame, 8 * (1 + i % 50), 8, true, (uint16_t)(i / 50));
		rig_inject(rig, RIG_PEER_SIDE, 0, &piece);
	}
	rig_settle(rig);
	assert_in_range(rte_mempool_in_use_count(pool), 1000, pool->size / 4 + 600);
	gone = rig_drops(rig, DROP_fragment_table_full);
	assert_in_range(gone, 20000 - pool->size / 4, 19999);
	sleep(3);
	rig_settle(rig);
	usleep(100000);
	rig_settle(rig);
	assert_int_equal(rig_drops(rig, DROP_fragment_table_full), gone);
	assert_int_equal(rig_drops(rig, DROP_fragment_timeout), 20000 - gone);
	rig_free(rig);
}

static void frames_in_several_buffers_are_taken(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	struct bytes ip, frame, ike;

	(void)state;
	wire_inner(&ip, peer->address, RIG_SERVER, 1200, 1);
	frame = ip;
	rig_wrap_ip(peer, &frame);
	for (size_t first = 10; first < 70; first += 7) {
		rig_inject_chain(rig, RIG_PEER_SIDE, 0, &frame, first);
		if (first == 10)
			rig_expect_up(rig, &ip);
		else
			rig_expect_drops(rig, DROP_esp_replayed, 1);
	}
	ike_make(&frame, &ike, 5000, false);
	rig_inject_chain(rig, RIG_PEER_SIDE, 0, &frame, 2000);
	rig_expect_drops(rig, DROP_frame_too_long, 1);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_in_any_order_are_one_packet),
		cmocka_unit_test(large_ike_reaches_control),
		cmocka_unit_test(what_does_not_fit_together_is_dropped),
		cmocka_unit_test(waiting_fragments_are_bounded),
		cmocka_unit_test(frames_in_several_buffers_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
