/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 between subscribers, servers and ourselves: hops, sizes, MSS, next hops, ICMP errors. */
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>

static void drain_messages(struct rig *rig)
{
	struct message *message;

	while ((message = rig_message(rig)) != NULL)
		rig_message_free(rig, message);
}

/* A client that already sent something, so that its first-use message is gone. */
static struct rig_peer *warm_peer(struct rig *rig, const struct rig_peer_options *options)
{
	struct rig_peer *peer = rig_peer_add(rig, options);
	struct bytes ip;

	wire_inner(&ip, peer->address, RIG_SERVER, 10, 1);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_up(rig, &ip);
	drain_messages(rig);
	return peer;
}

/* `error` is an IPv4 packet: an ICMP error of ours about `about`. */
static void check_icmp(const struct bytes *error, const struct bytes *about, uint32_t from,
		       uint8_t type, uint8_t code, uint16_t mtu)
{
	size_t quoted = error->length - 28;

	assert_true(wire_ipv4_valid(error));
	assert_true(error->length <= 576);
	assert_int_equal(error->data[9], IPPROTO_ICMP);
	assert_int_equal(bytes_u32(error, 12), from);
	assert_int_equal(bytes_u32(error, 16), bytes_u32(about, 12));
	assert_int_equal(wire_sum(error->data + 20, error->length - 20, 0), 0xffff);
	assert_int_equal(error->data[20], type);
	assert_int_equal(error->data[21], code);
	assert_int_equal(bytes_u16(error, 26), mtu);
	assert_true(quoted >= 28 && quoted <= about->length);
	assert_memory_equal(error->data + 28 + 12, about->data + 12, quoted - 12);
	assert_memory_equal(error->data + 28, about->data, 8);
}

static void take_server_ip(struct rig *rig, struct bytes *ip)
{
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_SERVER_SIDE, ip));
	bytes_cut(ip, 14);
}

static void take_peer_ip(struct rig *rig, const struct rig_peer *peer, struct bytes *ip)
{
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_PEER_SIDE, ip));
	rig_open_ip(peer, ip);
}

static void ttl_set(struct bytes *ip, uint8_t ttl)
{
	ip->data[8] = ttl;
	wire_ipv4_checksum(ip);
}

static void expired_packets_are_answered(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct bytes ip, error;

	(void)state;
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		wire_inner(&ip, peer->address, RIG_SERVER, 100, 1);
		ttl_set(&ip, ttl);
		rig_peer_send(rig, peer, 0, &ip);
		take_peer_ip(rig, peer, &error);
		check_icmp(&error, &ip, RIG_LOCAL, 11, 0, 0);
		rig_expect_drops(rig, DROP_ttl_expired, 1);
		wire_inner(&ip, RIG_SERVER, peer->address, 100, 1);
		ttl_set(&ip, ttl);
		rig_server_send(rig, 0, &ip);
		take_server_ip(rig, &error);
		check_icmp(&error, &ip, RIG_LOCAL_NONE, 11, 0, 0);
		rig_expect_drops(rig, DROP_ttl_expired, 1);
	}
	rig_expect_silence(rig);
	for (unsigned ttl = 2; ttl < 256; ttl++) { /* the checksum of each follows */
		wire_inner(&ip, RIG_SERVER, peer->address, 100, ttl);
		ttl_set(&ip, (uint8_t)ttl);
		rig_server_send(rig, 0, &ip);
		rig_expect_down(rig, peer, &ip);
	}
	rig_free(rig);
}

/* The checksum that becomes "negative zero" when the time to live falls by one. */
static void the_checksum_carries(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct bytes ip;

	(void)state;
	for (uint32_t wanted = 0xfe00; wanted < 0xff00; wanted++) {
		uint32_t id;

		wire_inner(&ip, RIG_SERVER, peer->address, 10, wanted);
		bytes_set_u16(&ip, 4, 0);
		wire_ipv4_checksum(&ip);
		id = bytes_u16(&ip, 10) + (uint32_t)(uint16_t)~wanted;
		bytes_set_u16(&ip, 4, (uint16_t)((id & 0xffff) + (id >> 16)));
		wire_ipv4_checksum(&ip);
		assert_int_equal(bytes_u16(&ip, 10), wanted);
		rig_server_send(rig, 0, &ip);
		rig_expect_down(rig, peer, &ip);
	}
	rig_free(rig);
}

static void errors_are_not_answered(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct bytes ip;

	(void)state;
	ip = (struct bytes){.length = 36, .data = {11}}; /* an ICMP error */
	wire_ipv4(&ip, IPPROTO_ICMP, peer->address, RIG_SERVER);
	ttl_set(&ip, 1);
	rig_peer_send(rig, peer, 0, &ip);
	wire_inner(&ip, peer->address, RIG_SERVER, 100, 1); /* a later fragment */
	bytes_set_u16(&ip, 6, 0x0010);
	ttl_set(&ip, 1);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_drops(rig, DROP_ttl_expired, 2);
	rig_expect_silence(rig);
	ip = (struct bytes){.length = 36, .data = {8}}; /* an echo request is answered */
	wire_ipv4(&ip, IPPROTO_ICMP, peer->address, RIG_SERVER);
	ttl_set(&ip, 1);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_drops(rig, DROP_ttl_expired, 1);
	take_peer_ip(rig, peer, &ip);
	rig_free(rig);
}

static void icmp_errors_are_limited(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct bytes ip, frame;
	unsigned errors = 0;

	(void)state;
	wire_inner(&ip, RIG_SERVER, peer->address, 10, 1);
	ttl_set(&ip, 1);
	for (unsigned i = 0; i < 1000; i++)
		rig_server_send(rig, 0, &ip);
	rig_settle(rig);
	while (rig_take(rig, RIG_SERVER_SIDE, &frame))
		errors++;
	assert_int_equal(rig_drops(rig, DROP_ttl_expired), 1000);
	assert_in_range(errors, 200, 400);
	assert_int_equal(rig_drops(rig, DROP_icmp_rate_limited), 1000 - errors);
	rig_free(rig);
}

static void too_big_with_df_is_answered(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {.mtu = 1000};
	struct rig_peer *peer = warm_peer(rig, &options);
	struct bytes ip, error, about;

	(void)state;
	wire_inner(&ip, RIG_SERVER, peer->address, 1000 - 28, 1);
	bytes_set_u16(&ip, 6, 0x4000);
	wire_ipv4_checksum(&ip);
	rig_server_send(rig, 0, &ip);
	rig_expect_down(rig, peer, &ip); /* exactly the MTU */
	wire_inner(&ip, RIG_SERVER, peer->address, 1001 - 28, 1);
	bytes_set_u16(&ip, 6, 0x4000);
	wire_ipv4_checksum(&ip);
	rig_server_send(rig, 0, &ip);
	rig_expect_drops(rig, DROP_too_big, 1);
	take_server_ip(rig, &error);
	about = ip;
	check_icmp(&error, &about, RIG_LOCAL_NONE, 3, 4, 1000);
	rig_expect_silence(rig);
	rig_free(rig);
}

/* Fragments that together are the packet; `first` is the fragment offset of what was sent. */
static void check_fragments(struct rig *rig, const struct rig_peer *peer, const struct bytes *ip,
			    uint16_t mtu)
{
	uint8_t whole[WIRE_BYTES_MAX];
	uint16_t first = bytes_u16(ip, 6);
	size_t header = (size_t)(ip->data[0] & 15) * 4, at = 0;
	bool more = true;

	rig_settle(rig);
	while (more) {
		struct bytes piece;
		uint16_t field;

		take_peer_ip(rig, peer, &piece);
		field = bytes_u16(&piece, 6);
		assert_true(piece.length <= mtu);
		assert_int_equal((piece.data[0] & 15) * 4, header);
		assert_int_equal(piece.data[8], ip->data[8] - 1);
		assert_int_equal(bytes_u16(&piece, 4), bytes_u16(ip, 4));
		assert_memory_equal(piece.data + 12, ip->data + 12, header - 12);
		assert_int_equal((field & 0x1fff) - (first & 0x1fff), at / 8);
		assert_int_equal(field & 0xc000, 0);
		memcpy(whole + at, piece.data + header, piece.length - header);
		at += piece.length - header;
		more = at < ip->length - header;
		assert_int_equal((field & 0x2000) != 0, more || (first & 0x2000) != 0);
		assert_true(!more || (piece.length - header) % 8 == 0);
	}
	assert_int_equal(at, ip->length - header);
	assert_memory_equal(whole, ip->data + header, at);
}

static void too_big_without_df_is_cut(void **state)
{
	static const uint16_t mtus[] = {576, 577, 580, 583, 1000, 1400};
	static const uint16_t offsets[] = {0, 0x2000, 0x2010, 0x0020};

	(void)state;
	for (size_t m = 0; m < sizeof(mtus) / sizeof(mtus[0]); m++) {
		struct rig *rig = rig_new(NULL);
		struct rig_peer_options options = {.mtu = mtus[m]};
		struct rig_peer *peer = warm_peer(rig, &options);
		struct bytes ip;

		for (size_t size = mtus[m] - 27u; size <= 1472; size += 111)
			for (size_t o = 0; o < 4; o++) {
				wire_inner(&ip, RIG_SERVER, peer->address, size & ~7u, 1);
				bytes_set_u16(&ip, 6, offsets[o]);
				wire_ipv4_checksum(&ip);
				if (ip.length <= mtus[m])
					continue;
				rig_server_send(rig, 0, &ip);
				check_fragments(rig, peer, &ip, mtus[m]);
			}
		rig_expect_no_drops(rig);
		rig_expect_silence(rig);
		rig_free(rig);
	}
}

/* With options in the header, which every fragment keeps. */
static void options_are_kept_in_fragments(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {.mtu = 700};
	struct rig_peer *peer = warm_peer(rig, &options);
	struct bytes ip, moved;

	(void)state;
	wire_inner(&ip, RIG_SERVER, peer->address, 1200, 1);
	moved = ip;
	bytes_cut(&moved, 20);
	bytes_prepend(&moved, "\x94\x04\0\0", 4); /* router alert, copied */
	bytes_prepend(&moved, ip.data, 20);
	moved.data[0] = 0x46;
	bytes_set_u16(&moved, 2, (uint16_t)moved.length);
	wire_ipv4_checksum(&moved);
	rig_server_send(rig, 0, &moved);
	check_fragments(rig, peer, &moved, 700);
	rig_free(rig);
}

static void the_mss_is_lowered_both_ways(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {.mss = 1360};
	struct rig_peer *peer = warm_peer(rig, &options);
	static const uint16_t values[] = {0, 536, 1359, 1360, 1361, 1460, 0x55aa, 0xffff};
	struct bytes ip;
	uint16_t mss;

	(void)state;
	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
		for (unsigned nops = 0; nops <= 8; nops++) {
			uint16_t expected = values[v] < 1360 ? values[v] : 1360;

			wire_tcp_syn(&ip, peer->address, RIG_SERVER, values[v], nops);
			rig_peer_send(rig, peer, 0, &ip);
			take_server_ip(rig, &ip);
			assert_true(wire_tcp_valid(&ip, &mss));
			assert_int_equal(mss, expected);
			wire_tcp_syn(&ip, RIG_SERVER, peer->address, values[v], nops);
			rig_server_send(rig, 0, &ip);
			take_peer_ip(rig, peer, &ip);
			assert_true(wire_tcp_valid(&ip, &mss));
			assert_int_equal(mss, expected);
		}
	wire_tcp_syn(&ip, RIG_SERVER, peer->address, 1460, 0);
	ip.data[33] = 0x10; /* no SYN: not touched */
	rig_server_send(rig, 0, &ip);
	rig_expect_down(rig, peer, &ip);
	wire_tcp_syn(&ip, RIG_SERVER, peer->address, 1460, 0);
	bytes_set_u16(&ip, 6, 0x0010); /* a later fragment: no header of TCP */
	wire_ipv4_checksum(&ip);
	rig_server_send(rig, 0, &ip);
	rig_expect_down(rig, peer, &ip);
	for (unsigned at = 40; at < 52; at++) { /* options that lie about their length */
		wire_tcp_syn(&ip, RIG_SERVER, peer->address, 1460, 0);
		memset(ip.data + 40, 1, 12);
		ip.data[at] = 5;
		if (at < 51)
			ip.data[at + 1] = at % 2 ? 0 : 200;
		rig_server_send(rig, 0, &ip);
		rig_expect_down(rig, peer, &ip);
	}
	rig_free(rig);
}

static void clients_reach_each_other(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *a = warm_peer(rig, NULL), *b = warm_peer(rig, NULL);
	struct bytes ip;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		wire_inner(&ip, a->address, b->address, 10 * i, i);
		rig_peer_send(rig, a, 0, &ip);
		rig_expect_down(rig, b, &ip);
		wire_inner(&ip, b->address, a->address, 10 * i, i);
		rig_peer_send(rig, b, 0, &ip);
		rig_expect_down(rig, a, &ip);
	}
	rig_expect_no_drops(rig);
	rig_free(rig);
}

static void clients_do_not_reach_each_other_when_off(void **state)
{
	struct rig_options options = {.no_client_to_client = true};
	struct rig *rig = rig_new(&options);
	struct rig_peer *a = warm_peer(rig, NULL), *b = warm_peer(rig, NULL);
	struct bytes ip;

	(void)state;
	wire_inner(&ip, a->address, b->address, 10, 1);
	rig_peer_send(rig, a, 0, &ip);
	rig_expect_drops(rig, DROP_client_to_client_off, 1);
	rig_expect_silence(rig);
	rig_free(rig);
}

static void only_echo_reaches_ourselves(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct bytes ip, got;
	struct message *message;

	(void)state;
	ip = (struct bytes){.length = 64, .data = {8}};
	wire_ipv4(&ip, IPPROTO_ICMP, peer->address, RIG_LOCAL);
	rig_peer_send(rig, peer, 0, &ip);
	message = rig_expect_packet(rig, CONTROL_CLASS_to_self, &got);
	assert_int_equal(got.length, ip.length);
	assert_memory_equal(got.data, ip.data, ip.length);
	assert_int_equal(message->packet_in.port, UINT16_MAX);
	rig_message_free(rig, message);
	rig_expect_no_drops(rig);
	ip.data[20] = 0; /* an echo reply */
	rig_peer_send(rig, peer, 0, &ip);
	wire_inner(&ip, peer->address, RIG_LOCAL, 10, 1);
	rig_peer_send(rig, peer, 0, &ip);
	wire_tcp_syn(&ip, peer->address, RIG_LOCAL_NONE, 1460, 0);
	rig_peer_send(rig, peer, 0, &ip);
	ip = (struct bytes){.length = 0};
	wire_ipv4(&ip, IPPROTO_ICMP, peer->address, RIG_LOCAL);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_drops(rig, DROP_destination_local_filtered, 4);
	rig_expect_silence(rig);
	rig_free(rig);
}

static void an_unknown_next_hop_goes_to_control(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct tables *tables = rig_tables(rig);
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 88};
	struct bytes ip, got;
	struct message *message;
	int adjacency;

	(void)state;
	wire_inner(&ip, peer->address, RIG_UNRESOLVED, 10, 1);
	rig_peer_send(rig, peer, 0, &ip);
	message = rig_expect_packet(rig, CONTROL_CLASS_neighbour, &got);
	assert_true(endpoint_equal(&message->packet_in.next_hop, RIG_ENDPOINT(RIG_UNRESOLVED)));
	assert_int_equal(message->packet_in.port, RIG_SERVER_SIDE);
	assert_true(wire_ipv4_valid(&got));
	assert_int_equal(got.data[8], 63);
	rig_message_free(rig, message);
	/* A route by way of a router that is not resolved. */
	adjacency = tables_adjacency_new(tables, RIG_SERVER_SIDE, RIG_ENDPOINT(RIG_UNRESOLVED));
	assert_int_equal(tables_route_add(tables, ADDRESS(100, 64, 0, 0), 10, ROUTE_ADJACENCY,
					  (uint32_t)adjacency),
			 0);
	wire_inner(&ip, peer->address, ADDRESS(100, 64, 1, 2), 10, 1);
	rig_peer_send(rig, peer, 0, &ip);
	message = rig_expect_packet(rig, CONTROL_CLASS_neighbour, &got);
	assert_true(endpoint_equal(&message->packet_in.next_hop, RIG_ENDPOINT(RIG_UNRESOLVED)));
	assert_int_equal(message->packet_in.port, RIG_SERVER_SIDE);
	rig_message_free(rig, message);
	tables_adjacency_resolve(tables, (uint32_t)adjacency, mac);
	/* What control held back goes its way without another hop taken. */
	message = mailbox_message_new(rig_mailbox(rig), MESSAGE_SEND_IPV4);
	assert_int_equal(mailbox_packet_set(rig_mailbox(rig), message, got.data, got.length), 0);
	mailbox_send(rig_mailbox(rig), 0, message);
	rig_expect_up(rig, &ip);
	tables_adjacency_unresolve(tables, (uint32_t)adjacency);
	rig_peer_send(rig, peer, 0, &ip);
	message = rig_expect_packet(rig, CONTROL_CLASS_neighbour, &got);
	rig_message_free(rig, message);
	tables_adjacency_delete(tables, (uint32_t)adjacency);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_drops(rig, DROP_no_route, 1);
	assert_int_equal(tables_route_delete(tables, ADDRESS(100, 64, 0, 0), 10), 0);
	assert_int_equal(tables_route_add(tables, ADDRESS(100, 64, 0, 0), 10, ROUTE_BLACKHOLE, 0),
			 0);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_drops(rig, DROP_no_route, 1);
	rig_expect_silence(rig);
	rig_free(rig);
}

/* A route to a session that does not own the destination: a drop, never a cross-delivery. */
static void a_session_takes_only_its_own_address(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *a = warm_peer(rig, NULL);
	struct bytes ip;

	(void)state;
	tables_pool_session_set(rig_tables(rig), 0, RIG_POOL + 200, a->slot);
	wire_inner(&ip, RIG_SERVER, RIG_POOL + 200, 10, 1);
	rig_server_send(rig, 0, &ip);
	rig_expect_drops(rig, DROP_destination_mismatch, 1);
	rig_expect_silence(rig);
	rig_free(rig);
}

/* What the kernel and the engines send: routed, in the tunnel, and in clear. */
static void what_control_sends_arrives(void **state)
{
	static const uint8_t lcp[] = {0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4};
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = warm_peer(rig, NULL);
	struct mailbox *mailbox = rig_mailbox(rig);
	struct bytes ip, frame;
	struct message *message;
	uint32_t sequence;

	(void)state;
	message = mailbox_message_new(mailbox, MESSAGE_SEND_IPV4);
	wire_inner(&ip, RIG_LOCAL, peer->address, 10, 1);
	assert_int_equal(mailbox_packet_set(mailbox, message, ip.data, ip.length), 0);
	mailbox_send(mailbox, 0, message);
	take_peer_ip(rig, peer, &frame);
	assert_int_equal(frame.length, ip.length);
	assert_memory_equal(frame.data, ip.data, ip.length);
	message = mailbox_message_new(mailbox, MESSAGE_SEND_PPP);
	message->send_ppp.slot = peer->slot;
	assert_int_equal(mailbox_packet_set(mailbox, message, lcp, sizeof(lcp)), 0);
	mailbox_send(mailbox, 0, message);
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_PEER_SIDE, &frame));
	rig_open_l2tp(peer, &frame, &sequence);
	assert_int_equal(bytes_u16(&frame, 6), 0xff03);
	bytes_cut(&frame, 8);
	assert_int_equal(frame.length, sizeof(lcp));
	assert_memory_equal(frame.data, lcp, sizeof(lcp));
	message = mailbox_message_new(mailbox, MESSAGE_SEND_IKE);
	message->send_ike.group = peer->slot;
	assert_int_equal(mailbox_packet_set(mailbox, message, lcp, 9), 0); /* odd */
	mailbox_send(mailbox, 0, message);
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_PEER_SIDE, &frame));
	bytes_cut(&frame, 14);
	assert_true(wire_ipv4_valid(&frame));
	assert_int_equal(bytes_u16(&frame, 20), 4500);
	assert_int_equal(bytes_u16(&frame, 22), peer->remote_port);
	assert_int_equal(wire_sum(frame.data + 20, frame.length - 20,
				  wire_sum(frame.data + 12, 8, 17u + 17u)),
			 0xffff);
	assert_memory_equal(frame.data + 28, lcp, 9);
	message = mailbox_message_new(mailbox, MESSAGE_SEND_FRAME);
	message->send_frame.port = RIG_SERVER_SIDE;
	assert_int_equal(mailbox_packet_set(mailbox, message, lcp, sizeof(lcp)), 0);
	mailbox_send(mailbox, 0, message);
	rig_settle(rig);
	assert_true(rig_take(rig, RIG_SERVER_SIDE, &frame));
	assert_int_equal(frame.length, sizeof(lcp));
	assert_memory_equal(frame.data, lcp, sizeof(lcp));
	rig_expect_no_drops(rig);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expired_packets_are_answered),
		cmocka_unit_test(the_checksum_carries),
		cmocka_unit_test(errors_are_not_answered),
		cmocka_unit_test(icmp_errors_are_limited),
		cmocka_unit_test(too_big_with_df_is_answered),
		cmocka_unit_test(too_big_without_df_is_cut),
		cmocka_unit_test(options_are_kept_in_fragments),
		cmocka_unit_test(the_mss_is_lowered_both_ways),
		cmocka_unit_test(clients_reach_each_other),
		cmocka_unit_test(clients_do_not_reach_each_other_when_off),
		cmocka_unit_test(only_echo_reaches_ourselves),
		cmocka_unit_test(an_unknown_next_hop_goes_to_control),
		cmocka_unit_test(a_session_takes_only_its_own_address),
		cmocka_unit_test(what_control_sends_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
