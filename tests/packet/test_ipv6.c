/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6 outside: ESP both ways, IKE, and what is not ours or not understood. */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const struct rig_options with_ipv6 = {.ipv6 = true};

static const uint8_t stranger[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 9, [15] = 9};

static void drain_messages(struct rig *rig)
{
	struct message *message;

	while ((message = rig_message(rig)) != NULL)
		rig_message_free(rig, message);
}

static void carries(const struct esp_suite *suite, bool bare)
{
	const struct rig_peer_options ipv6 = {.suite = *suite, .bare = bare, .ipv6 = true};
	const struct rig_peer_options ipv4 = {.suite = *suite, .bare = bare};
	struct rig *rig = rig_new(&with_ipv6);
	struct rig_peer *peers[] = {rig_peer_add(rig, &ipv6), rig_peer_add(rig, &ipv4)};
	struct bytes ip;

	/* Peers of both families in one vector. */
	for (uint32_t size = 0; size < 64; size++) {
		wire_inner(&ip, peers[size % 2]->address, RIG_SERVER, size * 21, size);
		rig_peer_send(rig, peers[size % 2], 0, &ip);
	}
	rig_settle(rig);
	for (unsigned family = 0; family < 2; family++)
		assert_true(peers[family]->sa.sequence == 32);
	drain_messages(rig);
	for (uint32_t size = 0; size < 64; size++) {
		struct bytes frame;

		assert_true(rig_take(rig, RIG_SERVER_SIDE, &frame));
	}
	rig_expect_no_drops(rig);
	for (uint32_t size = 0; size < 64; size++) {
		wire_inner(&ip, peers[0]->address, RIG_SERVER, size * 21, size);
		rig_peer_send(rig, peers[0], 0, &ip);
		rig_expect_up(rig, &ip);
		wire_inner(&ip, RIG_SERVER, peers[size % 2]->address, size * 21, size);
		rig_server_send(rig, 0, &ip);
		rig_expect_down(rig, peers[size % 2], &ip);
	}
	rig_expect_silence(rig);
	rig_expect_no_drops(rig);
	rig_free(rig);
}

static const struct esp_suite gcm = {ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE};
static const struct esp_suite cbc = {ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA2_256_128};
static const struct esp_suite sha512 = {ESP_CIPHER_AES_CBC, 32,
					ESP_AUTHENTICATOR_HMAC_SHA2_512_256};

static void esp_goes_both_ways_in_protocol_50(void **state)
{
	(void)state;
	carries(&gcm, true);
	carries(&cbc, true);
	carries(&sha512, true);
}

static void esp_goes_both_ways_in_udp(void **state)
{
	(void)state;
	carries(&gcm, false);
	carries(&cbc, false);
	carries(&sha512, false);
}

/* A message of control inside ESP has a checksum too. */
static void l2tp_messages_have_a_checksum(void **state)
{
	struct rig *rig = rig_new(&with_ipv6);
	struct rig_peer *peer =
		rig_peer_add(rig, &(struct rig_peer_options){.bare = true, .ipv6 = true});
	struct message *message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SEND_L2TP);
	static const uint8_t hello[] = {0xc8, 2, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0};
	struct bytes frame;
	uint32_t sequence;

	(void)state;
	message->send_l2tp.group = peer->slot;
	message->send_l2tp.local = endpoint_ipv6(RIG_LOCAL_IPV6, 1701);
	message->send_l2tp.remote = endpoint_ipv6(RIG_REMOTE_IPV6, 1701);
	assert_int_equal(mailbox_packet_set(rig_mailbox(rig), message, hello, sizeof(hello)), 0);
	mailbox_send(rig_mailbox(rig), 0, message);
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_PEER_SIDE, &frame));
	rig_open_l2tp(peer, &frame, &sequence);
	assert_int_equal(frame.length, sizeof(hello));
	assert_memory_equal(frame.data, hello, sizeof(hello));
	rig_free(rig);
}

static void ike_frame(struct bytes *frame, uint16_t port, const uint8_t destination[16])
{
	frame->length = 60;
	memset(frame->data, 0, frame->length);
	if (port == 500) /* else the first word is the marker */
		frame->data[0] = 1;
	wire_udp(frame, port == 500 ? 500 : 40000, port);
	wire_udp_ipv6_sum(frame, RIG_REMOTE_IPV6, destination);
	wire_ipv6(frame, IPPROTO_UDP, RIG_REMOTE_IPV6, destination);
	wire_ethernet(frame, 0x86dd);
}

/* To control with both addresses; and what control answers goes back. */
static void ike_goes_both_ways(void **state)
{
	static const uint16_t ports[] = {500, 4500};
	const struct endpoint local = endpoint_ipv6(RIG_LOCAL_IPV6, 0);
	const struct endpoint remote = endpoint_ipv6(RIG_REMOTE_IPV6, 0);
	struct rig *rig = rig_new(&with_ipv6);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct message *message;
		struct bytes frame, got;

		ike_frame(&frame, ports[i], RIG_LOCAL_IPV6);
		rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
		message = rig_expect_packet(rig, CONTROL_CLASS_ike_new, &got);
		assert_int_equal(got.length, 60);
		assert_true(endpoint_same_address(&message->packet_in.local, &local));
		assert_true(endpoint_same_address(&message->packet_in.remote, &remote));
		assert_int_equal(message->packet_in.local.port, ports[i]);
		assert_int_equal(message->packet_in.remote.port, i == 0 ? 500 : 40000);
		rig_message_free(rig, message);

		message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SEND_IKE);
		message->send_ike.group = NO_SLOT;
		message->send_ike.local = endpoint_ipv6(RIG_LOCAL_IPV6, ports[i]);
		message->send_ike.remote = endpoint_ipv6(RIG_REMOTE_IPV6, 40000);
		assert_int_equal(
			mailbox_packet_set(rig_mailbox(rig), message, got.data, got.length), 0);
		mailbox_send(rig_mailbox(rig), 0, message);
		rig_settle(rig);
		assert_true(rig_take(rig, RIG_PEER_SIDE, &frame));
		bytes_cut(&frame, 14 + 40);
		assert_true(wire_udp_ipv6_valid(&frame, RIG_LOCAL_IPV6, RIG_REMOTE_IPV6));
		assert_int_equal(bytes_u16(&frame, 0), ports[i]);
		assert_int_equal(bytes_u16(&frame, 2), 40000);
		bytes_cut(&frame, 8);
		assert_int_equal(frame.length, 60);
		assert_memory_equal(frame.data, got.data, 60);
	}
	rig_expect_no_drops(rig);
	rig_free(rig);
}

static void inject(struct rig *rig, uint8_t next_header, const uint8_t destination[16],
		   size_t bytes)
{
	struct bytes frame = {.length = bytes};

	wire_ipv6(&frame, next_header, RIG_REMOTE_IPV6, destination);
	wire_ethernet(&frame, 0x86dd);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
}

static void the_kernel_gets_the_rest(void **state)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t on_the_link[16] = {0xfe, 0x80, [15] = 1};
	const struct {
		const uint8_t *destination;
		uint8_t next_header;
	} packets[] = {{RIG_LOCAL_IPV6, IPPROTO_ICMPV6},
		       {RIG_LOCAL_IPV6, IPPROTO_TCP},
		       {RIG_LOCAL_IPV6, IPPROTO_HOPOPTS},
		       {all_nodes, IPPROTO_ICMPV6},
		       {on_the_link, IPPROTO_ICMPV6}};
	struct rig *rig = rig_new(&with_ipv6);

	(void)state;
	for (unsigned i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct bytes got;

		inject(rig, packets[i].next_header, packets[i].destination, 30);
		rig_message_free(rig, rig_expect_packet(rig, CONTROL_CLASS_to_self, &got));
		assert_int_equal(got.length, 14 + 40 + 30);
	}
	rig_expect_no_drops(rig);
	rig_free(rig);
}

static void what_is_wrong_is_dropped_under_its_name(void **state)
{
	struct rig *rig = rig_new(&with_ipv6);
	struct bytes frame = {.length = 30};

	(void)state;
	inject(rig, IPPROTO_ICMPV6, stranger, 30);
	rig_expect_drops(rig, DROP_not_ours, 1);
	inject(rig, IPPROTO_FRAGMENT, RIG_LOCAL_IPV6, 30);
	rig_expect_drops(rig, DROP_outer_ipv6_fragment, 1);
	inject(rig, IPPROTO_ESP, RIG_LOCAL_IPV6, 7);
	rig_expect_drops(rig, DROP_esp_too_short, 1);
	inject(rig, IPPROTO_UDP, RIG_LOCAL_IPV6, 7);
	rig_expect_drops(rig, DROP_frame_too_short, 1);
	wire_ipv6(&frame, IPPROTO_UDP, RIG_REMOTE_IPV6, RIG_LOCAL_IPV6);
	frame.data[5]++; /* one byte more than there is */
	wire_ethernet(&frame, 0x86dd);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	rig_expect_drops(rig, DROP_ipv6_bad_header, 1);
	frame.data[14] = 0x50;
	frame.data[14 + 5]--;
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	rig_expect_drops(rig, DROP_ipv6_bad_header, 1);
	frame.length = 14 + 39;
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	rig_expect_drops(rig, DROP_frame_too_short, 1);
	rig_free(rig);
}

static void l2tp_in_clear_is_told_or_dropped(void **state)
{
	static const enum listener_ipsec kinds[] = {LISTENER_IPSEC_REQUIRED,
						    LISTENER_IPSEC_OPTIONAL};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig *rig = rig_new(&(struct rig_options){.ipv6 = true, .ipsec = kinds[i]});
		struct bytes frame = {.length = 20};

		frame.data[0] = 0xc8;
		frame.data[1] = 2;
		wire_udp(&frame, 1701, 1701);
		wire_ipv6(&frame, IPPROTO_UDP, RIG_REMOTE_IPV6, RIG_LOCAL_IPV6);
		wire_ethernet(&frame, 0x86dd);
		rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
		if (i == 0) {
			rig_message_free(
				rig, rig_expect_packet(rig, CONTROL_CLASS_l2tp_in_clear, &frame));
			rig_expect_drops(rig, DROP_ipsec_required, 1);
		} else {
			rig_expect_drops(rig, DROP_l2tp_clear_over_ipv6, 1);
		}
		rig_free(rig);
	}
}

/* The new owner had no peer over IPv6 before. */
static void a_peer_gets_another_worker(void **state)
{
	struct rig *rig = rig_new(&(struct rig_options){.ipv6 = true, .workers = 2});
	struct rig_peer *peer = rig_peer_add(rig, &(struct rig_peer_options){.ipv6 = true});
	struct bytes ip;

	(void)state;
	rig_move_begin(rig, peer, 1);
	rig_move_end(rig, peer);
	wire_inner(&ip, peer->address, RIG_SERVER, 20, 1);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_up(rig, &ip);
	drain_messages(rig);
	wire_inner(&ip, RIG_SERVER, peer->address, 20, 1);
	rig_server_send(rig, 0, &ip);
	rig_expect_down(rig, peer, &ip);
	rig_expect_no_drops(rig);
	rig_free(rig);
}

/* A next hop without a link address: control is told which, and what waited goes when it is sent again. */
static void a_next_hop_is_asked_for(void **state)
{
	static const uint8_t neighbour[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x55};
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 77};
	const struct endpoint expected = endpoint_ipv6(neighbour, 0);
	struct rig *rig = rig_new(&with_ipv6);
	struct message *message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SEND_IKE);
	struct bytes waits, frame;
	int adjacency;

	(void)state;
	message->send_ike.group = NO_SLOT;
	message->send_ike.local = endpoint_ipv6(RIG_LOCAL_IPV6, 500);
	message->send_ike.remote = endpoint_ipv6(neighbour, 500);
	assert_int_equal(mailbox_packet_set(rig_mailbox(rig), message, mac, sizeof(mac)), 0);
	mailbox_send(rig_mailbox(rig), 0, message);
	message = rig_expect_packet(rig, CONTROL_CLASS_neighbour, &waits);
	assert_true(endpoint_equal(&message->packet_in.next_hop, &expected));
	assert_int_equal(message->packet_in.port, RIG_PEER_SIDE);
	rig_message_free(rig, message);
	adjacency = tables_adjacency_new(rig_tables(rig), RIG_PEER_SIDE, &expected);
	assert_true(adjacency >= 0);
	tables_adjacency_resolve(rig_tables(rig), (uint32_t)adjacency, mac);
	assert_int_equal(tables_route_ipv6_add(rig_tables(rig), neighbour, 128, ROUTE_ADJACENCY,
					       (uint32_t)adjacency),
			 0);
	message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SEND_IPV6);
	assert_int_equal(mailbox_packet_set(rig_mailbox(rig), message, waits.data, waits.length),
			 0);
	mailbox_send(rig_mailbox(rig), 0, message);
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_PEER_SIDE, &frame));
	assert_memory_equal(frame.data, mac, sizeof(mac));
	assert_int_equal(bytes_u16(&frame, 12), 0x86dd);
	bytes_cut(&frame, 14);
	assert_int_equal(frame.length, waits.length);
	assert_memory_equal(frame.data, waits.data, waits.length);
	rig_expect_no_drops(rig);
	rig_free(rig);
}

/* An authentic packet from elsewhere does not take an IPv6 peer with it: there is no NAT to follow. */
static void a_peer_does_not_move(void **state)
{
	struct rig *rig = rig_new(&with_ipv6);
	struct rig_peer *peer = rig_peer_add(rig, &(struct rig_peer_options){.ipv6 = true});
	struct bytes ip, frame;

	(void)state;
	wire_inner(&ip, peer->address, RIG_SERVER, 20, 1);
	frame = ip;
	rig_wrap_ip(peer, &frame);
	memcpy(frame.data + 14 + 8, stranger, sizeof(stranger));
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	rig_expect_up(rig, &ip);
	drain_messages(rig);
	wire_inner(&ip, RIG_SERVER, peer->address, 20, 1);
	rig_server_send(rig, 0, &ip);
	rig_expect_down(rig, peer, &ip);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(esp_goes_both_ways_in_protocol_50),
		cmocka_unit_test(esp_goes_both_ways_in_udp),
		cmocka_unit_test(l2tp_messages_have_a_checksum),
		cmocka_unit_test(ike_goes_both_ways),
		cmocka_unit_test(the_kernel_gets_the_rest),
		cmocka_unit_test(what_is_wrong_is_dropped_under_its_name),
		cmocka_unit_test(l2tp_in_clear_is_told_or_dropped),
		cmocka_unit_test(a_peer_gets_another_worker),
		cmocka_unit_test(a_next_hop_is_asked_for),
		cmocka_unit_test(a_peer_does_not_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
