/* SPDX-License-Identifier: BSD-3-Clause */
/* Several workers: packets that arrive elsewhere than at their owner, order, bursts, sleep. */
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

static void drain_messages(struct rig *rig)
{
	struct message *message;

	while ((message = rig_message(rig)) != NULL)
		rig_message_free(rig, message);
}

static uint64_t handed_over(const struct rig *rig, unsigned workers)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < workers; i++) {
		struct worker_view view;

		dataplane_worker_view(rig_dataplane(rig), i, &view);
		sum += view.handed_over;
	}
	return sum;
}

/* The next frame of port 1 on `queue` must carry payload number `seed` of `peer`. */
static void expect_up_on(struct rig *rig, unsigned queue, const struct rig_peer *peer,
			 uint32_t seed)
{
	struct bytes frame, ip;

	assert_true(rig_take_queue(rig, RIG_SERVER_SIDE, queue, &frame));
	bytes_cut(&frame, 14);
	wire_inner(&ip, peer->address, RIG_SERVER, 60, seed);
	ip.data[8]--;
	wire_ipv4_checksum(&ip);
	assert_int_equal(frame.length, ip.length);
	assert_memory_equal(frame.data, ip.data, ip.length);
}

/* From every queue to every owner, 500 packets each, both ways, in order. */
static void owner_is_not_receiver(bool plain, bool bare)
{
	struct rig_options rigged = {.workers = 3, .ipsec = LISTENER_IPSEC_OPTIONAL};
	enum { PACKETS = 500 };

	for (unsigned owner = 0; owner < 3; owner++)
		for (unsigned queue = 0; queue < 3; queue++) {
			struct rig *rig = rig_new(&rigged);
			struct rig_peer_options options = {
				.worker = owner, .plain = plain, .bare = bare};
			struct rig_peer *peer = rig_peer_add(rig, &options);
			struct bytes ip, frame;
			uint64_t expected = owner != queue ? PACKETS : 0;

			for (uint32_t i = 0; i < PACKETS; i++) {
				wire_inner(&ip, peer->address, RIG_SERVER, 60, i);
				rig_peer_send(rig, peer, queue, &ip);
			}
			rig_settle(rig);
			for (uint32_t i = 0; i < PACKETS; i++)
				expect_up_on(rig, owner, peer, i);
			assert_int_equal(handed_over(rig, 3), expected);
			for (uint32_t i = 0; i < PACKETS; i++) {
				wire_inner(&ip, RIG_SERVER, peer->address, 60, i);
				rig_server_send(rig, queue, &ip);
			}
			rig_settle(rig);
			for (uint32_t i = 0; i < PACKETS; i++) {
				struct bytes sent;

				assert_true(rig_take_queue(rig, RIG_PEER_SIDE, owner, &frame));
				rig_open_ip(peer, &frame);
				wire_inner(&sent, RIG_SERVER, peer->address, 60, i);
				sent.data[8]--;
				wire_ipv4_checksum(&sent);
				assert_int_equal(frame.length, sent.length);
				assert_memory_equal(frame.data, sent.data, sent.length);
			}
			assert_int_equal(handed_over(rig, 3), 2 * expected);
			rig_expect_no_drops(rig);
			drain_messages(rig);
			rig_expect_silence(rig);
			rig_free(rig);
		}
}

static void esp_in_udp_goes_to_its_owner(void **state)
{
	(void)state;
	owner_is_not_receiver(false, false);
}

static void esp_goes_to_its_owner(void **state)
{
	(void)state;
	owner_is_not_receiver(false, true);
}

static void plain_l2tp_goes_to_its_owner(void **state)
{
	(void)state;
	owner_is_not_receiver(true, false);
}

static void clients_of_different_owners_reach_each_other(void **state)
{
	struct rig_options rigged = {.workers = 3};
	struct rig *rig = rig_new(&rigged);
	struct rig_peer *peers[3];
	struct bytes ip;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		peers[i] = rig_peer_add(rig, &(struct rig_peer_options){.worker = i});
	for (uint32_t i = 0; i < 90; i++) {
		struct rig_peer *from = peers[i % 3], *to = peers[(i / 3) % 3];

		wire_inner(&ip, from->address, to->address, 10 * i, i);
		rig_peer_send(rig, from, i % 2, &ip);
		rig_expect_down(rig, to, &ip);
	}
	rig_expect_no_drops(rig);
	drain_messages(rig);
	rig_free(rig);
}

/* Too big at the owner, which answers; the time to live is taken once. */
static void errors_come_from_the_owner(void **state)
{
	struct rig_options rigged = {.workers = 2};
	struct rig *rig = rig_new(&rigged);
	struct rig_peer *peer = rig_peer_add(rig, &(struct rig_peer_options){.worker = 1});
	struct bytes ip, frame;

	(void)state;
	wire_inner(&ip, RIG_SERVER, peer->address, 1400, 1);
	bytes_set_u16(&ip, 6, 0x4000);
	wire_ipv4_checksum(&ip);
	rig_server_send(rig, 0, &ip);
	rig_expect_drops(rig, DROP_too_big, 1);
	assert_true(rig_take_queue(rig, RIG_SERVER_SIDE, 1, &frame));
	bytes_cut(&frame, 14);
	assert_int_equal(frame.data[20], 3);
	assert_int_equal(bytes_u32(&frame, 12), RIG_LOCAL_NONE);
	assert_int_equal(frame.data[28 + 8], 63);
	rig_free(rig);
}

/* A port with one transmit queue: the others send through its owner. */
static void a_worker_without_a_queue_sends_through_its_owner(void **state)
{
	struct rig_options rigged = {.workers = 3, .tx_queues = 1};
	struct rig *rig = rig_new(&rigged);
	struct rig_peer *peer = rig_peer_add(rig, &(struct rig_peer_options){.worker = 2});
	struct bytes ip;

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		wire_inner(&ip, peer->address, RIG_SERVER, 60, i);
		rig_peer_send(rig, peer, 1, &ip);
	}
	rig_settle(rig);
	for (uint32_t i = 0; i < 500; i++)
		expect_up_on(rig, 0, peer, i);
	rig_expect_no_drops(rig);
	drain_messages(rig);
	rig_free(rig);
}

/* What came out of one peer's session since the last look: strictly in order, gaps are drops. */
struct tally {
	uint32_t next_up, next_down;
	unsigned up, down;
};

static void tally_up(struct rig *rig, struct rig_peer **peers, struct tally *tallies,
		     unsigned count)
{
	struct bytes frame;

	while (rig_take(rig, RIG_SERVER_SIDE, &frame)) {
		bytes_cut(&frame, 14);
		assert_true(wire_ipv4_valid(&frame));
		for (unsigned i = 0; i < count; i++) {
			uint32_t number = bytes_u32(&frame, 28);

			if (bytes_u32(&frame, 12) != peers[i]->address)
				continue;
			assert_true(number >= tallies[i].next_up);
			tallies[i].next_up = number + 1;
			tallies[i].up++;
		}
	}
}

static void tally_down(struct rig *rig, struct rig_peer **peers, struct tally *tallies,
		       unsigned count)
{
	struct bytes frame;

	while (rig_take(rig, RIG_PEER_SIDE, &frame)) {
		unsigned i = 0;
		uint32_t number;

		while (i < count &&
		       (peers[i]->plain          ? bytes_u16(&frame, 44) != peers[i]->peer_tunnel
			: peers[i]->encapsulated ? bytes_u32(&frame, 42) != peers[i]->sa.spi_out
						 : bytes_u32(&frame, 34) != peers[i]->sa.spi_out))
			i++;
		assert_true(i < count);
		rig_open_ip(peers[i], &frame);
		number = bytes_u32(&frame, 28);
		assert_int_equal(bytes_u32(&frame, 16), peers[i]->address);
		assert_true(number >= tallies[i].next_down);
		tallies[i].next_down = number + 1;
		tallies[i].down++;
	}
}

/* `pace`: packets until the workers are waited for; fewer than a ring holds, and none is lost. */
static void burst(uint32_t pace)
{
	static const struct esp_suite suites[] = {
		{ESP_CIPHER_AES_GCM_16, 16, ESP_AUTHENTICATOR_NONE},
		{ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA1_96},
		{ESP_CIPHER_AES_CBC, 16, ESP_AUTHENTICATOR_HMAC_SHA2_256_128},
		{ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA2_512_256},
	};
	struct rig_options rigged = {.workers = 3, .ipsec = LISTENER_IPSEC_OPTIONAL};
	struct rig *rig = rig_new(&rigged);
	struct rig_peer *peers[9];
	struct tally tallies[9] = {{0}};
	uint64_t got = 0, dropped = 0;
	uint32_t random = 7;

	for (unsigned i = 0; i < 9; i++)
		peers[i] = rig_peer_add(rig, &(struct rig_peer_options){.worker = i % 3,
									.suite = suites[i % 4],
									.plain = i == 8,
									.bare = i == 7});
	for (unsigned i = 0; i < 9; i++) { /* every tag is known */
		struct bytes ip;

		wire_inner(&ip, peers[i]->address, RIG_SERVER, 60, 0);
		rig_peer_send(rig, peers[i], 0, &ip);
	}
	rig_settle(rig);
	tally_up(rig, peers, tallies, 9);
	drain_messages(rig);
	for (uint32_t i = 1; i <= 20000; i++) {
		unsigned n;
		struct bytes ip;

		random = random * 1664525 + 1013904223;
		n = (random >> 8) % 9;
		if (i % pace == 0)
			rig_settle(rig);
		/* Each peer's packets take one queue: so does a NIC hash them. */
		if (random >> 24 & 1) {
			wire_inner(&ip, peers[n]->address, RIG_SERVER, 8 + (random >> 12) % 700, i);
			rig_peer_send(rig, peers[n], (n + 1) % 3, &ip);
		} else {
			wire_inner(&ip, RIG_SERVER, peers[n]->address, 8 + (random >> 12) % 700, i);
			rig_server_send(rig, (n + 2) % 3, &ip);
		}
	}
	rig_settle(rig);
	tally_up(rig, peers, tallies, 9);
	tally_down(rig, peers, tallies, 9);
	for (unsigned i = 0; i < 9; i++)
		got += tallies[i].up + tallies[i].down;
	for (unsigned drop = 0; drop < DROP_COUNT; drop++) {
		uint64_t count = rig_drops(rig, (enum drop)drop);

		assert_true(count == 0 || drop == DROP_handoff_ring_full);
		dropped += count;
	}
	assert_int_equal(got + dropped, 20000 + 9);
	assert_true(dropped == 0 || pace > 20000);
	rig_expect_drops(rig, DROP_handoff_ring_full, dropped);
	drain_messages(rig);
	rig_free(rig);
}

static void a_burst_is_lost_only_by_name(void **state)
{
	(void)state;
	burst(UINT32_MAX);
}

static void what_fits_the_rings_is_not_lost(void **state)
{
	(void)state;
	burst(400);
}

static uint64_t sleeps_of(const struct rig *rig, unsigned worker)
{
	struct worker_view view;

	dataplane_worker_view(rig_dataplane(rig), worker, &view);
	return view.sleeps;
}

static void wait_for_sleep(const struct rig *rig, unsigned worker)
{
	uint64_t before = sleeps_of(rig, worker), deadline = rig_milliseconds() + 5000;

	while (sleeps_of(rig, worker) == before)
		assert_true(rig_milliseconds() < deadline);
	usleep(2000);
}

/*
 * A worker whose ports could wake it sleeps for 100 ms at a time; the bell must wake it at once.
 * Ring ports have no interrupts: only what rings the bell can wake it here.
 */
static void a_message_wakes_a_sleeping_worker(void **state)
{
	struct rig_options rigged = {.workers = 1, .rx_interrupt = true};
	struct rig *rig = rig_new(&rigged);
	unsigned slow = 0; /* some may be, on a busy machine */
	struct bytes frame;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct message *message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SEND_FRAME);
		uint64_t start, took;

		message->send_frame.port = RIG_PEER_SIDE;
		assert_int_equal(mailbox_packet_set(rig_mailbox(rig), message, "frame", 5), 0);
		wait_for_sleep(rig, 0);
		start = rig_milliseconds();
		mailbox_send(rig_mailbox(rig), 0, message);
		while (!rig_take(rig, RIG_PEER_SIDE, &frame))
			assert_true(rig_milliseconds() < start + 5000);
		took = rig_milliseconds() - start;
		slow += took > 60;
	}
	assert_in_range(slow, 0, 3);
	rig_free(rig);
}

/* A packet handed over wakes its sleeping owner, and what the owner says wakes control. */
static void a_packet_wakes_its_sleeping_owner(void **state)
{
	struct rig_options rigged = {.workers = 2, .rx_queues = 1};
	struct rig *rig = rig_new(&rigged);
	struct rig_peer *peer = rig_peer_add(rig, &(struct rig_peer_options){.worker = 1});
	struct bytes ip, frame;
	unsigned slow = 0; /* some may be, on a busy machine */

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		uint64_t start, took;

		wire_inner(&ip, peer->address, RIG_SERVER, 60, i);
		wait_for_sleep(rig, 1);
		start = rig_milliseconds();
		rig_peer_send(rig, peer, 0, &ip);
		while (!rig_take(rig, RIG_SERVER_SIDE, &frame))
			assert_true(rig_milliseconds() < start + 5000);
		took = rig_milliseconds() - start;
		slow += took > 60;
	}
	assert_in_range(slow, 0, 3);
	drain_messages(rig);
	rig_free(rig);
}

static void what_a_worker_says_rings_for_control(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct mailbox *mailbox = rig_mailbox(rig);
	struct bytes frame;
	struct message *message;
	uint64_t rings;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		uint64_t deadline = rig_milliseconds() + 5000;

		mailbox_doorbell_clear(mailbox);
		assert_null(rig_message(rig));
		assert_true(read(mailbox_descriptor(mailbox), &rings, sizeof(rings)) < 0);
		frame = (struct bytes){.length = 28};
		wire_ethernet(&frame, 0x0806);
		rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
		while (read(mailbox_descriptor(mailbox), &rings, sizeof(rings)) < 0)
			assert_true(rig_milliseconds() < deadline);
		message = rig_expect_message(rig, MESSAGE_PACKET);
		rig_message_free(rig, message);
	}
	rig_free(rig);
}

static void poll_never_sleeps(void **state)
{
	struct rig_options rigged = {.poll = true};
	struct rig *rig = rig_new(&rigged);
	struct worker_view view;
	struct bytes ip;
	struct rig_peer *peer = rig_peer_add(rig, NULL);

	(void)state;
	usleep(50000);
	wire_inner(&ip, peer->address, RIG_SERVER, 60, 1);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_up(rig, &ip);
	dataplane_worker_view(rig_dataplane(rig), 0, &view);
	assert_int_equal(view.sleeps, 0);
	assert_true(view.polls > 1000);
	drain_messages(rig);
	rig_free(rig);
}

/* More state messages at once than a ring holds: they wait in order and none is lost. */
static void state_messages_are_never_lost(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	struct message *last = NULL;
	struct wire_sa second;
	struct bytes ip;

	(void)state;
	rig_sa_add(rig, peer, NULL, 0, &second);
	for (uint32_t i = 0; i < 12000; i++) {
		struct message *message = mailbox_message_new(rig_mailbox(rig), MESSAGE_GROUP_MOVE);

		message->group_move.slot = peer->slot;
		message->group_move.local = endpoint_ipv4(htonl(RIG_LOCAL), 4500);
		message->group_move.remote =
			endpoint_ipv4(htonl(peer->remote), (uint16_t)(1024 + i));
		mailbox_send(rig_mailbox(rig), 0, message);
	}
	rig_sa_delete(rig, peer, &second); /* its acknowledgement comes after all of them */
	for (uint64_t end = rig_milliseconds() + 20000; last == NULL;) {
		assert_true(rig_milliseconds() < end);
		last = rig_message(rig);
	}
	assert_int_equal(last->kind, MESSAGE_SA_DELETE);
	rig_message_free(rig, last);
	peer->remote_port = 1024 + 11999;
	wire_inner(&ip, RIG_SERVER, peer->address, 60, 1);
	rig_server_send(rig, 0, &ip);
	rig_expect_down(rig, peer, &ip);
	assert_int_equal(mailbox_packets_refused(rig_mailbox(rig)), 0);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(esp_in_udp_goes_to_its_owner),
		cmocka_unit_test(esp_goes_to_its_owner),
		cmocka_unit_test(plain_l2tp_goes_to_its_owner),
		cmocka_unit_test(clients_of_different_owners_reach_each_other),
		cmocka_unit_test(errors_come_from_the_owner),
		cmocka_unit_test(a_worker_without_a_queue_sends_through_its_owner),
		cmocka_unit_test(a_burst_is_lost_only_by_name),
		cmocka_unit_test(what_fits_the_rings_is_not_lost),
		cmocka_unit_test(a_message_wakes_a_sleeping_worker),
		cmocka_unit_test(a_packet_wakes_its_sleeping_owner),
		cmocka_unit_test(what_a_worker_says_rings_for_control),
		cmocka_unit_test(poll_never_sleeps),
		cmocka_unit_test(state_messages_are_never_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
