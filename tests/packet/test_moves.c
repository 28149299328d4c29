/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups and sessions that change their worker under traffic: nothing is lost, nothing overtakes. */
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>

#define WORKERS 4
#define PEERS   10

static const struct esp_suite suites[] = {
	{ESP_CIPHER_AES_GCM_16, 16, ESP_AUTHENTICATOR_NONE},
	{ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA1_96},
	{ESP_CIPHER_AES_CBC, 16, ESP_AUTHENTICATOR_HMAC_SHA2_256_128},
	{ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA2_512_256},
};

static struct rig *moving_rig(uint16_t tx_queues)
{
	struct rig_options options = {.workers = WORKERS,
				      .tx_queues = tx_queues,
				      .one_wire = true,
				      .ipsec = LISTENER_IPSEC_OPTIONAL};

	return rig_new(&options);
}

static void drain_messages(struct rig *rig)
{
	struct message *message;

	while ((message = rig_message(rig)) != NULL)
		rig_message_free(rig, message);
}

static uint64_t parked(const struct rig *rig, unsigned worker)
{
	struct worker_view view;

	dataplane_worker_view(rig_dataplane(rig), worker, &view);
	return view.parked;
}

/* Numbers of one peer's packets, by direction. */
struct numbers {
	uint32_t up_sent, up_got;
	uint32_t down_sent, down_got;
};

static void send_up(struct rig *rig, struct rig_peer *peer, struct numbers *numbers, unsigned queue,
		    size_t payload)
{
	struct bytes ip;

	wire_inner(&ip, peer->address, RIG_SERVER, payload, ++numbers->up_sent);
	rig_peer_send(rig, peer, queue, &ip);
}

static void send_down(struct rig *rig, const struct rig_peer *peer, struct numbers *numbers,
		      unsigned queue, size_t payload)
{
	struct bytes ip;

	wire_inner(&ip, RIG_SERVER, peer->address, payload, ++numbers->down_sent);
	rig_server_send(rig, queue, &ip);
}

/* Everything that came out so far: each peer's next number and no other. */
static void check_up(struct rig *rig, struct rig_peer **peers, struct numbers *numbers,
		     unsigned count)
{
	struct bytes frame;

	while (rig_take(rig, RIG_SERVER_SIDE, &frame)) {
		unsigned i = 0;

		bytes_cut(&frame, 14);
		assert_true(wire_ipv4_valid(&frame));
		while (i < count && bytes_u32(&frame, 12) != peers[i]->address)
			i++;
		assert_true(i < count);
		assert_int_equal(bytes_u32(&frame, 28), ++numbers[i].up_got);
	}
}

static void check_down(struct rig *rig, struct rig_peer **peers, struct numbers *numbers,
		       unsigned count)
{
	struct bytes frame;

	while (rig_take(rig, RIG_PEER_SIDE, &frame)) {
		unsigned i = 0;

		while (i < count &&
		       (peers[i]->plain ? bytes_u16(&frame, 44) != peers[i]->peer_tunnel
					: bytes_u32(&frame, 42) != peers[i]->sa.spi_out))
			i++;
		assert_true(i < count);
		rig_open_ip(peers[i], &frame);
		assert_int_equal(bytes_u32(&frame, 28), ++numbers[i].down_got);
	}
}

static void check_all(struct rig *rig, struct rig_peer **peers, struct numbers *numbers,
		      unsigned count)
{
	rig_settle(rig);
	check_up(rig, peers, numbers, count);
	check_down(rig, peers, numbers, count);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(numbers[i].up_got, numbers[i].up_sent);
		assert_int_equal(numbers[i].down_got, numbers[i].down_sent);
	}
	rig_expect_no_drops(rig);
}

static uint32_t random_next(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* Each peer's packets of one direction take one queue, as a card spreads them. */
static void traffic(struct rig *rig, struct rig_peer **peers, struct numbers *numbers,
		    unsigned packets, uint32_t *random)
{
	for (unsigned i = 0; i < packets; i++) {
		uint32_t value = random_next(random);
		unsigned n = value % PEERS;
		size_t payload = 8 + (value >> 5) % 500;

		if (value >> 16 & 1)
			send_up(rig, peers[n], &numbers[n], (n + 1) % WORKERS, payload);
		else
			send_down(rig, peers[n], &numbers[n], (n + 2) % WORKERS, payload);
	}
}

/* Peers of every kind, half of them on the move at any time. */
static void move_under_traffic(uint16_t tx_queues)
{
	enum { ROUNDS = 150, PACKETS = 120 };
	struct rig *rig = moving_rig(tx_queues);
	struct rig_peer *peers[PEERS];
	struct numbers numbers[PEERS] = {{0}};
	uint32_t random = 11;

	for (unsigned i = 0; i < PEERS; i++) {
		peers[i] = rig_peer_add(rig, &(struct rig_peer_options){.worker = i % WORKERS,
									.suite = suites[i % 4],
									.plain = i % 3 == 2});
		send_up(rig, peers[i], &numbers[i], (i + 1) % WORKERS, 60); /* tells the tag */
	}
	check_all(rig, peers, numbers, PEERS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned first = random_next(&random) % PEERS;

		traffic(rig, peers, numbers, PACKETS, &random);
		for (unsigned i = 0; i < PEERS / 2; i++) {
			struct rig_peer *peer = peers[(first + i) % PEERS];

			rig_move_begin(rig, peer,
				       (peer->worker + 1 + random_next(&random) % (WORKERS - 1)) %
					       WORKERS);
			traffic(rig, peers, numbers, PACKETS / 4, &random);
		}
		traffic(rig, peers, numbers, PACKETS, &random);
		for (unsigned i = 0; i < PEERS / 2; i++)
			rig_move_end(rig, peers[(first + i) % PEERS]);
		check_all(rig, peers, numbers, PEERS);
	}
	drain_messages(rig);
	rig_free(rig);
}

static void nothing_is_lost_or_overtaken(void **state)
{
	(void)state;
	move_under_traffic(0);
}

static void neither_where_others_transmit(void **state)
{
	(void)state;
	move_under_traffic(1);
	move_under_traffic(2);
}

/* Without its worker's fence a packet waits, with it it goes; the old owner's need none. */
static void packets_wait_for_their_fence(bool plain)
{
	struct rig *rig = moving_rig(0);
	struct rig_peer *peer =
		rig_peer_add(rig, &(struct rig_peer_options){.worker = 0, .plain = plain});
	struct numbers numbers = {0}, expected;
	struct message *message;

	send_up(rig, peer, &numbers, 0, 60);
	check_all(rig, &peer, &numbers, 1);
	drain_messages(rig);
	rig_move_publish(rig, peer, 1);
	send_down(rig, peer, &numbers, 0, 60); /* the old owner hands it on before it was asked */
	rig_settle(rig);
	check_down(rig, &peer, &numbers, 1);
	assert_int_equal(numbers.down_got, 0);
	assert_int_equal(parked(rig, 1), 1);
	rig_move_ask(rig, peer);
	check_all(rig, &peer, &numbers, 1);
	send_down(rig, peer, &numbers, 0, 60);
	check_all(rig, &peer, &numbers, 1);
	assert_int_equal(parked(rig, 1), 1);
	for (unsigned queue = 1; queue < WORKERS; queue++) {
		expected = numbers;
		for (unsigned i = 0; i < 100; i++)
			send_up(rig, peer, &numbers, queue, 60);
		rig_settle(rig);
		check_up(rig, &peer, &expected, 1);
		assert_int_equal(expected.up_got, numbers.up_got);
		assert_int_equal(parked(rig, 1), 1 + 100 * queue);
		assert_null(rig_message(rig));
		rig_move_fence(rig, peer, queue);
		check_all(rig, &peer, &numbers, 1);
		send_up(rig, peer, &numbers, queue, 60);
		check_all(rig, &peer, &numbers, 1);
	}
	message = rig_expect_message(rig, MESSAGE_OWNER_MOVE);
	assert_int_equal(message->worker, 1);
	rig_message_free(rig, message);
	/* Until control has named the new owner, packets keep passing. */
	send_up(rig, peer, &numbers, 3, 60);
	check_all(rig, &peer, &numbers, 1);
	rig_move_done(rig, peer);
	send_up(rig, peer, &numbers, 1, 60);
	check_all(rig, &peer, &numbers, 1);
	rig_free(rig);
}

static void packets_of_a_group_wait_for_their_fence(void **state)
{
	(void)state;
	packets_wait_for_their_fence(false);
}

static void packets_of_a_session_wait_for_their_fence(void **state)
{
	(void)state;
	packets_wait_for_their_fence(true);
}

static void what_waits_is_bounded(void **state)
{
	enum { BOUND = 4096, MORE = 50 };
	struct rig *rig = moving_rig(0);
	struct rig_peer *peer =
		rig_peer_add(rig, &(struct rig_peer_options){.worker = 0, .plain = true});
	struct numbers numbers = {0};

	(void)state;
	rig_move_publish(rig, peer, 2);
	for (unsigned i = 0; i < BOUND + MORE; i++)
		send_up(rig, peer, &numbers, 2, 8);
	rig_expect_drops(rig, DROP_moving_full, MORE);
	rig_move_ask(rig, peer);
	for (unsigned worker = 1; worker < WORKERS; worker++)
		rig_move_fence(rig, peer, worker);
	rig_move_end(rig, peer);
	numbers.up_sent -= MORE;
	check_all(rig, &peer, &numbers, 1);
	/* The room is free again. */
	rig_move_publish(rig, peer, 3);
	for (unsigned i = 0; i < BOUND; i++)
		send_up(rig, peer, &numbers, 3, 8);
	rig_expect_no_drops(rig);
	rig_move_ask(rig, peer);
	for (unsigned worker = 0; worker < WORKERS; worker++)
		if (worker != 2)
			rig_move_fence(rig, peer, worker);
	rig_move_end(rig, peer);
	check_all(rig, &peer, &numbers, 1);
	rig_free(rig);
}

/* Replay window, outbound sequence, newest pair and counters come along. */
static void the_state_comes_along(void **state)
{
	struct rig *rig = moving_rig(0);
	struct rig_peer *peer = rig_peer_add(rig, &(struct rig_peer_options){.worker = 0});
	struct numbers numbers = {0};
	struct bytes ip, frame;
	struct message *message;
	uint32_t sequence, last = 0;

	(void)state;
	for (unsigned to = 1; to < 12; to++) {
		for (unsigned i = 0; i < 5; i++) {
			send_up(rig, peer, &numbers, to % WORKERS, 60);
			wire_inner(&ip, RIG_SERVER, peer->address, 60, i);
			rig_server_send(rig, to % WORKERS, &ip);
		}
		rig_move_begin(rig, peer, to % WORKERS);
		rig_move_end(rig, peer);
		peer->sa.sequence--; /* the same number once more */
		wire_inner(&ip, peer->address, RIG_SERVER, 60, 1);
		rig_peer_send(rig, peer, to % WORKERS, &ip);
		rig_expect_drops(rig, DROP_esp_replayed, 1);
		while (rig_take(rig, RIG_PEER_SIDE, &frame)) {
			rig_open_l2tp(peer, &frame, &sequence);
			assert_int_equal(sequence, ++last);
		}
		assert_int_equal(last, 5 * to);
	}
	check_up(rig, &peer, &numbers, 1);
	assert_int_equal(numbers.up_got, 55);
	rig_sa_delete(rig, peer, &peer->sa);
	message = rig_expect_message(rig, MESSAGE_SA_DELETE);
	assert_int_equal(message->worker, peer->worker);
	assert_int_equal(message->remove.final.packets_in, 55);
	assert_int_equal(message->remove.final.packets_out, 55);
	rig_message_free(rig, message);
	rig_free(rig);
}

/* In one breath: packets, a new pair, the delete of the old one, the move. */
static void a_rekey_and_a_delete_before_the_move(void **state)
{
	struct rig *rig = moving_rig(0);
	struct rig_peer *peer = rig_peer_add(rig, &(struct rig_peer_options){.worker = 0});
	struct numbers numbers = {0};

	(void)state;
	send_up(rig, peer, &numbers, 0, 60);
	check_all(rig, &peer, &numbers, 1);
	drain_messages(rig);
	for (unsigned round = 0; round < 50; round++) {
		struct wire_sa fresh, old = peer->sa;
		unsigned deleted = 0, moved = 0;
		struct message *message;

		for (unsigned i = 0; i < 20; i++) {
			send_up(rig, peer, &numbers, round % WORKERS, 60);
			send_down(rig, peer, &numbers, (round + 1) % WORKERS, 60);
		}
		check_all(rig, &peer, &numbers, 1);
		rig_sa_add(rig, peer, &suites[round % 4], 0, &fresh);
		rig_sa_confirm(rig, peer, &fresh);
		rig_settle(rig);
		peer->sa = fresh;
		for (unsigned i = 0; i < 5; i++)
			send_up(rig, peer, &numbers, peer->worker, 60);
		rig_sa_delete(rig, peer, &old);
		rig_move_begin(rig, peer, (peer->worker + 1) % WORKERS);
		for (unsigned i = 0; i < 20; i++)
			send_up(rig, peer, &numbers, peer->worker, 60);
		rig_settle(rig);
		while ((message = rig_message(rig)) != NULL) {
			deleted += message->kind == MESSAGE_SA_DELETE;
			moved += message->kind == MESSAGE_OWNER_MOVE;
			rig_message_free(rig, message);
		}
		assert_int_equal(deleted, 1);
		assert_int_equal(moved, 1);
		rig_move_done(rig, peer);
		check_all(rig, &peer, &numbers, 1);
	}
	drain_messages(rig);
	rig_free(rig);
}

static void an_end_in_the_middle_of_a_move(void **state)
{
	struct rig *rig = moving_rig(0);
	struct rig_peer *peer =
		rig_peer_add(rig, &(struct rig_peer_options){.worker = 0, .plain = true});
	struct numbers numbers = {0};

	(void)state;
	rig_move_publish(rig, peer, 2);
	for (unsigned i = 0; i < 100; i++)
		send_up(rig, peer, &numbers, i % WORKERS, 60);
	rig_move_ask(rig, peer);
	rig_move_fence(rig, peer, 1);
	rig_settle(rig);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_or_overtaken),
		cmocka_unit_test(neither_where_others_transmit),
		cmocka_unit_test(packets_of_a_group_wait_for_their_fence),
		cmocka_unit_test(packets_of_a_session_wait_for_their_fence),
		cmocka_unit_test(what_waits_is_bounded),
		cmocka_unit_test(the_state_comes_along),
		cmocka_unit_test(a_rekey_and_a_delete_before_the_move),
		cmocka_unit_test(an_end_in_the_middle_of_a_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
