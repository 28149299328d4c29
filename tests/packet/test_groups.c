/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer group's owner keeps: the endpoint behind a NAT, SA pairs over rekeys, deletes. */
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>

static void drain_messages(struct rig *rig)
{
	struct message *message;

	while ((message = rig_message(rig)) != NULL)
		rig_message_free(rig, message);
}

static void send_up(struct rig *rig, struct rig_peer *peer, uint32_t sequence)
{
	struct bytes ip;

	wire_inner(&ip, peer->address, RIG_SERVER, 60, sequence);
	peer->sa.sequence = sequence - 1;
	rig_peer_send(rig, peer, 0, &ip);
}

static void expect_answer(struct rig *rig, const struct rig_peer *peer)
{
	struct bytes ip;

	wire_inner(&ip, RIG_SERVER, peer->address, 60, 4711);
	rig_server_send(rig, 0, &ip);
	rig_expect_down(rig, peer, &ip);
}

/* A peer whose first packet is through and whose messages are gone. */
static struct rig_peer *warm_peer(struct rig *rig, const struct rig_peer_options *options)
{
	struct rig_peer *peer = rig_peer_add(rig, options);
	struct bytes frame;

	send_up(rig, peer, 10);
	drain_messages(rig);
	assert_true(rig_take(rig, RIG_SERVER_SIDE, &frame));
	return peer;
}

static void an_authentic_packet_moves_the_endpoint(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct message *message;

	(void)state;
	peer->remote_port = 50123;
	peer->remote = ADDRESS(203, 0, 113, 99);
	send_up(rig, peer, 11);
	message = rig_expect_message(rig, MESSAGE_GROUP_MOVED);
	assert_int_equal(message->group_move.slot, peer->slot);
	assert_int_equal(message->group_move.remote.port, 50123);
	assert_int_equal(endpoint_ipv4_address_be(&message->group_move.remote),
			 htonl(peer->remote));
	assert_true(message->group_move.unproven);
	assert_int_equal(message->group_move.local.port, 4500);
	assert_int_equal(endpoint_ipv4_address_be(&message->group_move.local), htonl(RIG_LOCAL));
	rig_message_free(rig, message);
	expect_answer(rig, peer);
	rig_free(rig);
}

static void keepalive_send(struct rig *rig, const struct rig_peer *peer)
{
	struct bytes frame = {.length = 1, .data = {0xff}};

	wire_udp(&frame, peer->remote_port, 4500);
	wire_ipv4(&frame, 17, peer->remote, RIG_LOCAL);
	wire_ethernet(&frame, 0x0800);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
}

static void nothing_else_moves_the_endpoint(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct rig_peer honest = *peer;
	struct bytes ip, frame;

	(void)state;
	peer->remote_port = 50123;
	keepalive_send(rig, peer);
	rig_expect_drops(rig, DROP_nat_keepalive, 1);
	send_up(rig, peer, 10); /* replayed */
	rig_expect_drops(rig, DROP_esp_replayed, 1);
	send_up(rig, peer, 9); /* authentic, but older */
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_SERVER_SIDE, &frame));
	wire_inner(&ip, peer->address, RIG_SERVER, 60, 11);
	peer->sa.sequence = 10;
	rig_wrap_ip(peer, &ip);
	ip.data[ip.length - 1] ^= 1;
	rig_inject(rig, RIG_PEER_SIDE, 0, &ip); /* forged */
	rig_expect_drops(rig, DROP_esp_bad_tag, 1);
	assert_null(rig_message(rig));
	expect_answer(rig, &honest);
	rig_free(rig);
}

static void a_peer_without_nat_does_not_move(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {.fixed = true};
	struct rig_peer *peer = warm_peer(rig, &options);
	struct rig_peer honest = *peer;
	struct worker_view view;

	(void)state;
	peer->remote_port = 50123;
	send_up(rig, peer, 11);
	assert_null(rig_message(rig));
	expect_answer(rig, &honest);
	dataplane_worker_view(rig_dataplane(rig), 0, &view);
	assert_int_equal(view.endpoints_refused, 1);
	assert_int_equal(view.endpoints_moved, 0);
	rig_free(rig);
}

/* Moves are limited to a few a second, so that a peer with two paths is no flood of messages. */
static void moves_are_limited(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	unsigned moves = 0;
	struct message *message;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		peer->remote_port = (uint16_t)(50000 + i % 2);
		send_up(rig, peer, 11 + i);
	}
	while ((message = rig_message(rig)) != NULL) {
		moves += message->kind == MESSAGE_GROUP_MOVED;
		rig_message_free(rig, message);
	}
	assert_in_range(moves, 1, 8);
	rig_free(rig);
}

static void expect_moved(struct rig *rig, const struct rig_peer *peer, bool unproven)
{
	struct message *message = rig_expect_message(rig, MESSAGE_GROUP_MOVED);

	assert_int_equal(message->group_move.remote.port, peer->remote_port);
	assert_int_equal(endpoint_ipv4_address_be(&message->group_move.remote),
			 htonl(peer->remote));
	assert_int_equal(message->group_move.unproven, unproven);
	rig_message_free(rig, message);
}

static void endpoint_say(struct rig *rig, const struct rig_peer *peer, enum message_kind kind)
{
	struct message *message = mailbox_message_new(rig_mailbox(rig), kind);

	message->group_move.slot = peer->slot;
	message->group_move.local = endpoint_ipv4(htonl(RIG_LOCAL), 4500);
	message->group_move.remote = endpoint_ipv4(htonl(peer->remote), peer->remote_port);
	mailbox_send(rig_mailbox(rig), peer->worker, message);
	rig_settle(rig);
}

#define FLOOD 50

/* What a server sends in one go: how many bytes of ESP reach the peer's address. */
static size_t flood(struct rig *rig, const struct rig_peer *peer)
{
	struct bytes ip, frame;
	size_t sum = 0;

	for (unsigned i = 0; i < FLOOD; i++) {
		wire_inner(&ip, RIG_SERVER, peer->address, 400, i);
		rig_server_send(rig, 0, &ip);
	}
	rig_settle(rig);
	while (rig_take(rig, RIG_PEER_SIDE, &frame)) {
		assert_int_equal(bytes_u32(&frame, 14 + 16), peer->remote);
		sum += frame.length - 14 - 20 - 8;
	}
	return sum;
}

static size_t esp_bytes(const struct rig_peer *peer)
{
	struct rig_peer copy = *peer;
	struct bytes ip;

	wire_inner(&ip, peer->address, RIG_SERVER, 60, 1);
	rig_wrap_ip(&copy, &ip);
	return ip.length - 14 - 20 - 8;
}

/* An address that somebody may have made up gets three times what came from it, until it answers. */
static void an_unproven_address_is_not_flooded(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	size_t earned, got;

	(void)state;
	peer->remote = ADDRESS(203, 0, 113, 99);
	send_up(rig, peer, 11);
	expect_moved(rig, peer, true);
	earned = 3 * esp_bytes(peer);
	got = flood(rig, peer);
	assert_in_range(got, 0, earned);
	for (uint32_t i = 0; i < 10; i++)
		send_up(rig, peer, 12 + i);
	rig_settle(rig);
	got += flood(rig, peer);
	assert_in_range(got, 8 * earned, 11 * earned);
	assert_true(rig_drops(rig, DROP_unproven_endpoint_limit) > FLOOD);
	endpoint_say(rig, peer, MESSAGE_GROUP_PROVEN);
	assert_true(flood(rig, peer) > FLOOD * 400);
	peer->remote_port++; /* the port alone is believed */
	send_up(rig, peer, 30);
	expect_moved(rig, peer, false);
	assert_true(flood(rig, peer) > FLOOD * 400);
	rig_free(rig);
}

/* The proven address needs no proof; an address that control gives up is left. */
static void the_proven_address_is_believed_again(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct rig_peer honest = *peer;
	struct bytes frame;

	(void)state;
	peer->remote = ADDRESS(203, 0, 113, 99);
	send_up(rig, peer, 11);
	expect_moved(rig, peer, true);
	peer->remote = honest.remote;
	send_up(rig, peer, 12);
	expect_moved(rig, peer, false);
	assert_true(flood(rig, peer) > FLOOD * 400);

	peer->remote = ADDRESS(203, 0, 113, 98);
	send_up(rig, peer, 13);
	expect_moved(rig, peer, true);
	peer->remote = ADDRESS(203, 0, 113, 97);          /* a third one has to answer, too */
	endpoint_say(rig, &honest, MESSAGE_GROUP_PROVEN); /* and this is not where it is */
	send_up(rig, peer, 14);
	expect_moved(rig, peer, true);
	assert_in_range(flood(rig, peer), 0, 3 * esp_bytes(peer));
	endpoint_say(rig, &honest, MESSAGE_GROUP_MOVE);
	assert_true(flood(rig, &honest) > FLOOD * 400);
	while (rig_take(rig, RIG_SERVER_SIDE, &frame))
		;
	rig_free(rig);
}

/* A pair that was replaced says nothing about where the peer is. */
static void an_old_pair_does_not_move_the_endpoint(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct rig_peer elsewhere = *peer;
	struct wire_sa fresh;

	(void)state;
	rig_sa_add(rig, peer, NULL, 0, &fresh);
	rig_sa_confirm(rig, peer, &fresh);
	elsewhere.remote_port = 50123;
	send_up(rig, &elsewhere, 11);
	assert_null(rig_message(rig));
	peer->sa = fresh;
	expect_answer(rig, peer);
	rig_free(rig);
}

static void control_moves_the_endpoint(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct message *message = mailbox_message_new(rig_mailbox(rig), MESSAGE_GROUP_MOVE);

	(void)state;
	peer->remote_port = 61000;
	message->group_move.slot = peer->slot;
	message->group_move.local = endpoint_ipv4(htonl(RIG_LOCAL), 4500);
	message->group_move.remote = endpoint_ipv4(htonl(peer->remote), peer->remote_port);
	mailbox_send(rig_mailbox(rig), peer->worker, message);
	rig_settle(rig);
	expect_answer(rig, peer);
	rig_free(rig);
}

static void sending_switches_when_control_confirms(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct wire_sa old = peer->sa, fresh;
	struct bytes frame;

	(void)state;
	rig_sa_add(rig, peer, NULL, 0, &fresh);
	rig_settle(rig);
	expect_answer(rig, peer); /* still the old pair */
	rig_sa_confirm(rig, peer, &fresh);
	rig_settle(rig);
	peer->sa = fresh;
	expect_answer(rig, peer);
	peer->sa = old;
	send_up(rig, peer, 12); /* the old pair still receives */
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_SERVER_SIDE, &frame));
	rig_sa_delete(rig, peer, &old);
	rig_settle(rig);
	send_up(rig, peer, 13);
	rig_expect_drops(rig, DROP_esp_unknown_spi, 1);
	peer->sa = fresh;
	expect_answer(rig, peer);
	drain_messages(rig);
	rig_free(rig);
}

static void an_unconfirmed_pair_is_never_sent_on(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct wire_sa pairs[2];

	(void)state;
	rig_sa_add(rig, peer, NULL, 0, &pairs[0]);
	rig_sa_add(rig, peer, NULL, 0, &pairs[1]);
	rig_sa_confirm(rig, peer, &pairs[0]);
	rig_settle(rig);
	peer->sa = pairs[0];
	expect_answer(rig, peer); /* not on the newer one */
	rig_sa_confirm(rig, peer, &pairs[1]);
	rig_settle(rig);
	peer->sa = pairs[1];
	expect_answer(rig, peer);
	rig_free(rig);
}

static void sending_switches_at_the_first_packet(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct wire_sa fresh;
	struct message *message;

	(void)state;
	rig_sa_add(rig, peer, NULL, 0, &fresh);
	rig_settle(rig);
	expect_answer(rig, peer);
	peer->sa = fresh;
	send_up(rig, peer, 1);
	message = rig_expect_message(rig, MESSAGE_SA_USED);
	assert_int_equal(message->sa_used.group, peer->slot);
	assert_int_equal(message->sa_used.slot, fresh.slot);
	assert_int_equal(message->sa_used.spi_in, fresh.spi_in);
	rig_message_free(rig, message);
	send_up(rig, peer, 2);
	assert_null(rig_message(rig)); /* said once */
	expect_answer(rig, peer);
	rig_free(rig);
}

static void a_closed_outbound_half_is_not_sent_on(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct message *message;
	struct wire_sa old = peer->sa, fresh;
	struct bytes ip;

	(void)state;
	rig_sa_add(rig, peer, NULL, 0, &fresh);
	rig_sa_confirm(rig, peer, &fresh);
	message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SA_STOP_OUTBOUND);
	message->sa.group = peer->slot;
	message->sa.slot = fresh.slot;
	mailbox_send(rig_mailbox(rig), peer->worker, message);
	rig_settle(rig);
	expect_answer(rig, peer); /* back to the old pair */
	rig_sa_delete(rig, peer, &old);
	drain_messages(rig);
	wire_inner(&ip, RIG_SERVER, peer->address, 60, 1);
	rig_server_send(rig, 0, &ip);
	rig_expect_drops(rig, DROP_no_outbound_sa, 1);
	rig_free(rig);
}

/* More rekeys than a group keeps pairs for. */
static void many_rekeys_keep_sending(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct wire_sa pairs[20];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		rig_sa_add(rig, peer, NULL, 0, &pairs[i]);
		rig_sa_confirm(rig, peer, &pairs[i]);
		rig_settle(rig);
		peer->sa = pairs[i];
		expect_answer(rig, peer);
	}
	for (unsigned i = 20; i-- > 1;) {
		rig_sa_delete(rig, peer, &pairs[i]);
		rig_settle(rig);
		if (i > 20 - 8) {
			peer->sa = pairs[i - 1];
			expect_answer(rig, peer);
		}
	}
	drain_messages(rig);
	rig_free(rig);
}

/*
 * Packets, then the delete, in one breath: the acknowledgement comes after every packet of before
 * and its counters have them all.
 */
static void a_delete_waits_for_jobs(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	struct message *message;
	struct bytes l2tp, frame;
	unsigned sent = 0, control = 0;
	uint32_t sequence;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SEND_L2TP);
		l2tp = (struct bytes){.length = 20, .data = {0xc8, 0x02, 0, 20, (uint8_t)i}};
		message->send_l2tp.group = peer->slot;
		message->send_l2tp.local.port = 1701;
		message->send_l2tp.remote.port = 1701;
		assert_int_equal(
			mailbox_packet_set(rig_mailbox(rig), message, l2tp.data, l2tp.length), 0);
		mailbox_send(rig_mailbox(rig), peer->worker, message);
	}
	for (uint32_t i = 1; i <= 20; i++)
		send_up(rig, peer, i);
	rig_sa_delete(rig, peer, &peer->sa);
	rig_settle(rig);
	while ((message = rig_message(rig)) != NULL) {
		if (message->kind == MESSAGE_SA_DELETE) {
			assert_int_equal(message->remove.slot, peer->sa.slot);
			assert_non_null(message->remove.storage);
			assert_int_equal(message->remove.final.packets_out, 50);
			control = (unsigned)message->remove.final.packets_in;
		}
		rig_message_free(rig, message);
	}
	while (rig_take(rig, RIG_PEER_SIDE, &frame)) {
		rig_open_l2tp(peer, &frame, &sequence);
		assert_int_equal(frame.length, 20);
		assert_int_equal(frame.data[4], sent);
		assert_int_equal(sequence, ++sent);
	}
	assert_int_equal(sent, 50);
	for (sent = 0; rig_take(rig, RIG_SERVER_SIDE, &frame);)
		sent++;
	assert_int_equal(sent, control);
	rig_expect_drops(rig, DROP_esp_unknown_spi, 20 - control);
	rig_free(rig);
}

static void counters_of_the_session_are_final(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct message *message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SESSION_DELETE);
	struct bytes ip;

	(void)state;
	expect_answer(rig, peer);
	expect_answer(rig, peer);
	message->remove.slot = peer->slot;
	mailbox_send(rig_mailbox(rig), peer->worker, message);
	message = rig_expect_message(rig, MESSAGE_SESSION_DELETE);
	assert_int_equal(message->remove.final.packets_in, 1);
	assert_int_equal(message->remove.final.bytes_in, 60 + 28);
	assert_int_equal(message->remove.final.packets_out, 2);
	assert_int_equal(message->remove.final.bytes_out, 2 * (60 + 28));
	rig_message_free(rig, message);
	wire_inner(&ip, RIG_SERVER, peer->address, 60, 1);
	rig_server_send(rig, 0, &ip);
	rig_expect_drops(rig, DROP_session_gone, 1);
	send_up(rig, peer, 11);
	rig_expect_drops(rig, DROP_l2tp_unknown_session, 1);
	peer->session_gone = true;
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_authentic_packet_moves_the_endpoint),
		cmocka_unit_test(nothing_else_moves_the_endpoint),
		cmocka_unit_test(a_peer_without_nat_does_not_move),
		cmocka_unit_test(moves_are_limited),
		cmocka_unit_test(an_unproven_address_is_not_flooded),
		cmocka_unit_test(the_proven_address_is_believed_again),
		cmocka_unit_test(an_old_pair_does_not_move_the_endpoint),
		cmocka_unit_test(control_moves_the_endpoint),
		cmocka_unit_test(sending_switches_when_control_confirms),
		cmocka_unit_test(an_unconfirmed_pair_is_never_sent_on),
		cmocka_unit_test(sending_switches_at_the_first_packet),
		cmocka_unit_test(a_closed_outbound_half_is_not_sent_on),
		cmocka_unit_test(many_rekeys_keep_sending),
		cmocka_unit_test(a_delete_waits_for_jobs),
		cmocka_unit_test(counters_of_the_session_are_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
