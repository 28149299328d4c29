/* SPDX-License-Identifier: BSD-3-Clause */
/* L2TP and PPP headers from peers, inside IPsec and in clear, and every way to get them wrong. */
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t ppp_ipv4[4] = {0xff, 0x03, 0x00, 0x21};

static void drain_messages(struct rig *rig)
{
	struct message *message;

	while ((message = rig_message(rig)) != NULL)
		rig_message_free(rig, message);
}

static void drain(struct rig *rig)
{
	struct bytes frame;

	drain_messages(rig);
	while (rig_take(rig, RIG_SERVER_SIDE, &frame) || rig_take(rig, RIG_PEER_SIDE, &frame))
		;
}

/* Two rigs' worth of peers: each test runs inside IPsec and in clear. */
static struct rig *rig_with(bool plain, struct rig_peer **peer,
			    const struct rig_peer_options *options)
{
	struct rig_options rigged = {.ipsec = LISTENER_IPSEC_OPTIONAL, .exact = true};
	struct rig *rig = rig_new(&rigged);
	struct rig_peer_options fill = options != NULL ? *options : (struct rig_peer_options){0};

	fill.plain = plain;
	*peer = rig_peer_add(rig, &fill);
	return rig;
}

static void send_l2tp(struct rig *rig, struct rig_peer *peer, const struct bytes *l2tp)
{
	struct bytes frame = *l2tp;

	rig_wrap_l2tp(peer, &frame);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
}

static void every_header_form_is_read(bool plain)
{
	struct rig_peer *peer;
	struct rig *rig = rig_with(plain, &peer, NULL);
	static const uint16_t offsets[] = {0, 1, 2, 3, 16, 33};
	static const struct {
		size_t length;
		uint8_t bytes[4];
	} ppp[] = {
		{4, {0xff, 0x03, 0x00, 0x21}},
		{3, {0xff, 0x03, 0x21}}, /* protocol field compressed */
		{2, {0x00, 0x21}},       /* address and control compressed */
		{1, {0x21}},
	};
	struct bytes ip, l2tp;
	uint32_t seed = 0;

	for (unsigned flags = 0; flags < 16; flags++)
		for (size_t o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++)
			for (size_t p = 0; p < sizeof(ppp) / sizeof(ppp[0]); p++) {
				uint16_t bits = (uint16_t)((flags & 1 ? 0x4000 : 0) |
							   (flags & 2 ? 0x0800 : 0) |
							   (flags & 4 ? 0x0200 : 0) |
							   (flags & 8 ? 0x0100 : 0));

				wire_inner(&ip, peer->address, RIG_SERVER, 50 + p, seed++);
				l2tp = ip;
				bytes_prepend(&l2tp, ppp[p].bytes, ppp[p].length);
				wire_l2tp(&l2tp, bits, peer->tunnel, peer->session, offsets[o]);
				if (flags & 1 && p == 1) /* length says where it ends */
					bytes_append(&l2tp, "padding", 7);
				send_l2tp(rig, peer, &l2tp);
				rig_expect_up(rig, &ip);
			}
	rig_expect_no_drops(rig);
	drain_messages(rig);
	rig_free(rig);
}

static void every_header_form_is_read_in_ipsec(void **state)
{
	(void)state;
	every_header_form_is_read(false);
}

static void every_header_form_is_read_in_clear(void **state)
{
	(void)state;
	every_header_form_is_read(true);
}

static void ids_of_nobody_are_dropped(void **state)
{
	(void)state;
	for (unsigned plain = 0; plain < 2; plain++) {
		struct rig_peer *peer;
		struct rig *rig = rig_with(plain != 0, &peer, NULL);
		struct rig_peer other = *peer;
		struct bytes ip;

		wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
		for (int change = -1; change <= 1; change += 2) {
			other = *peer;
			other.tunnel = (uint16_t)(other.tunnel + change);
			rig_peer_send(rig, &other, 0, &ip);
			peer->sa.sequence++;
			other = *peer;
			other.session = (uint16_t)(other.session + change);
			rig_peer_send(rig, &other, 0, &ip);
			peer->sa.sequence++;
			other = *peer;
			other.tunnel = 0;
			rig_peer_send(rig, &other, 0, &ip);
			peer->sa.sequence++;
		}
		rig_expect_drops(rig, DROP_l2tp_unknown_session, 6);
		drain_messages(rig);
		rig_expect_silence(rig);
		rig_free(rig);
	}
}

/* All groups of this rig use the same ids: what a peer says reaches its own session alone. */
static void equal_ids_of_two_peers_do_not_mix(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *a = rig_peer_add(rig, NULL), *b = rig_peer_add(rig, NULL);
	struct bytes ip;

	(void)state;
	assert_int_equal(a->tunnel, b->tunnel);
	assert_int_equal(a->session, b->session);
	wire_inner(&ip, a->address, RIG_SERVER, 50, 1);
	rig_peer_send(rig, a, 0, &ip);
	rig_expect_up(rig, &ip);
	wire_inner(&ip, b->address, RIG_SERVER, 50, 1);
	rig_peer_send(rig, b, 0, &ip);
	rig_expect_up(rig, &ip);
	rig_expect_no_drops(rig);
	rig_peer_send(rig, a, 0, &ip); /* b's address from a */
	rig_expect_drops(rig, DROP_source_not_assigned, 1);
	drain_messages(rig);
	rig_free(rig);
}

static void only_its_own_address_may_send(void **state)
{
	static const uint32_t wrong[] = {0,
					 UINT32_MAX,
					 RIG_LOCAL,
					 RIG_SERVER,
					 ADDRESS(127, 0, 0, 1),
					 ADDRESS(224, 0, 0, 1),
					 RIG_POOL + 11,
					 RIG_POOL + 9};

	(void)state;
	for (unsigned plain = 0; plain < 2; plain++) {
		struct rig_peer *peer;
		struct rig *rig = rig_with(plain != 0, &peer, NULL);
		struct bytes ip;

		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			wire_inner(&ip, wrong[i], RIG_SERVER, 50, 1);
			rig_peer_send(rig, peer, 0, &ip);
		}
		rig_expect_drops(rig, DROP_source_not_assigned, sizeof(wrong) / sizeof(wrong[0]));
		drain_messages(rig);
		rig_expect_silence(rig);
		rig_free(rig);
	}
}

static void wrong_headers_are_dropped(void **state)
{
	(void)state;
	for (unsigned plain = 0; plain < 2; plain++) {
		struct rig_peer *peer;
		struct rig *rig = rig_with(plain != 0, &peer, NULL);
		struct bytes ip, l2tp, good;

		wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
		good = ip;
		bytes_prepend(&good, ppp_ipv4, sizeof(ppp_ipv4));
		wire_l2tp(&good, 0x4000, peer->tunnel, peer->session, 0);
		for (unsigned version = 0; version < 16; version++) {
			l2tp = good;
			l2tp.data[1] = (uint8_t)version;
			if (version != 2)
				send_l2tp(rig, peer, &l2tp);
		}
		rig_expect_drops(rig, DROP_l2tp_bad_header, 15);
		for (uint16_t length = 0; length < 8; length++) { /* within the header */
			l2tp = good;
			bytes_set_u16(&l2tp, 2, length);
			send_l2tp(rig, peer, &l2tp);
		}
		rig_expect_drops(rig, DROP_l2tp_bad_header, 8);
		l2tp = good;
		bytes_set_u16(&l2tp, 2, (uint16_t)(l2tp.length + 1)); /* behind the datagram */
		send_l2tp(rig, peer, &l2tp);
		rig_expect_drops(rig, DROP_l2tp_bad_header, 1);
		l2tp = ip;
		bytes_prepend(&l2tp, ppp_ipv4, sizeof(ppp_ipv4));
		wire_l2tp(&l2tp, 0x0200, peer->tunnel, peer->session, 0);
		bytes_set_u16(&l2tp, 6, 0xffff); /* offset */
		send_l2tp(rig, peer, &l2tp);
		rig_expect_drops(rig, DROP_l2tp_bad_header, 1);
		drain_messages(rig);
		rig_expect_silence(rig);
		rig_free(rig);
	}
}

static void wrong_inner_packets_are_dropped(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	struct bytes ip, bad;

	(void)state;
	wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
	bad = ip;
	bad.data[0] = 0x65;
	wire_ipv4_checksum(&bad);
	rig_peer_send(rig, peer, 0, &bad);
	bad = ip;
	bad.data[0] = 0x44;
	rig_peer_send(rig, peer, 0, &bad);
	bad = ip;
	bad.data[10] ^= 1;
	rig_peer_send(rig, peer, 0, &bad);
	bad = ip;
	bytes_set_u16(&bad, 2, (uint16_t)(bad.length + 1));
	wire_ipv4_checksum(&bad);
	rig_peer_send(rig, peer, 0, &bad);
	bad = ip;
	bytes_set_u16(&bad, 2, 19);
	wire_ipv4_checksum(&bad);
	rig_peer_send(rig, peer, 0, &bad);
	bad = ip;
	bad.length = 19;
	rig_peer_send(rig, peer, 0, &bad);
	bad = ip;
	bad.length = 0;
	rig_peer_send(rig, peer, 0, &bad);
	rig_expect_drops(rig, DROP_inner_bad_header, 7);
	bad = ip; /* what lies behind the packet is not forwarded */
	bytes_append(&bad, "garbage", 7);
	rig_peer_send(rig, peer, 0, &bad);
	rig_expect_up(rig, &ip);
	drain_messages(rig);
	rig_free(rig);
}

static void send_ppp(struct rig *rig, struct rig_peer *peer, const void *ppp, size_t length)
{
	struct bytes l2tp = {.length = 0};

	bytes_append(&l2tp, ppp, length);
	wire_l2tp(&l2tp, 0x4000, peer->tunnel, peer->session, 0);
	send_l2tp(rig, peer, &l2tp);
}

static void ppp_control_reaches_control(void **state)
{
	static const uint8_t lcp[] = {0xff, 0x03, 0xc0, 0x21, 1, 7, 0, 8, 5, 6, 1, 2, 3, 4};
	static const uint8_t short_form[] = {0x80, 0x21, 1, 9, 0, 4};
	static const uint8_t compressed[] = {0x3d, 1, 2, 3};

	(void)state;
	for (unsigned plain = 0; plain < 2; plain++) {
		struct rig_peer_options not_open = {.not_open = true};
		struct rig_peer *peer;
		struct rig *rig = rig_with(plain != 0, &peer, &not_open);
		struct message *message;
		struct bytes got, ip;

		wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
		rig_peer_send(rig, peer, 0, &ip);
		rig_expect_drops(rig, DROP_ppp_not_open, 1);
		drain_messages(rig);
		send_ppp(rig, peer, lcp, sizeof(lcp));
		message = rig_expect_packet(rig, CONTROL_CLASS_ppp_control, &got);
		assert_int_equal(got.length, sizeof(lcp));
		assert_memory_equal(got.data, lcp, sizeof(lcp));
		assert_int_equal(message->packet_in.session, peer->slot);
		assert_int_equal(message->packet_in.group, plain ? NO_SLOT : peer->slot);
		rig_message_free(rig, message);
		send_ppp(rig, peer, short_form, sizeof(short_form));
		message = rig_expect_packet(rig, CONTROL_CLASS_ppp_control, &got);
		assert_int_equal(got.length, sizeof(short_form));
		rig_message_free(rig, message);
		send_ppp(rig, peer, compressed, sizeof(compressed));
		message = rig_expect_packet(rig, CONTROL_CLASS_ppp_control, &got);
		assert_int_equal(got.length, sizeof(compressed));
		rig_message_free(rig, message);
		rig_expect_no_drops(rig);
		send_ppp(rig, peer, "\xff\x03\x00\x57", 4);
		rig_expect_drops(rig, DROP_inner_ipv6, 1);
		send_ppp(rig, peer, "\xff\x03\x00\x20", 4); /* no protocol ends even */
		send_ppp(rig, peer, "\xff\x03", 2);
		send_ppp(rig, peer, "\xff\x03\xc0", 3);
		send_ppp(rig, peer, "", 0);
		rig_expect_drops(rig, DROP_ppp_bad_header, 4);
		rig_expect_silence(rig);
		rig_free(rig);
	}
}

static void l2tp_control_reaches_control(void **state)
{
	static const uint8_t hello[] = {0xc8, 0x02, 0,    20, 0, 77, 0, 0, 0, 1,
					0,    2,    0x80, 8,  0, 0,  0, 0, 0, 6};

	(void)state;
	for (unsigned plain = 0; plain < 2; plain++) {
		struct rig_peer *peer;
		struct rig *rig = rig_with(plain != 0, &peer, NULL);
		struct bytes l2tp = {.length = sizeof(hello)}, got;
		struct message *message;

		memcpy(l2tp.data, hello, sizeof(hello));
		peer->l2tp_port = 50001; /* an SCCRQ may come from any port */
		send_l2tp(rig, peer, &l2tp);
		do
			message = rig_message(rig);
		while (message != NULL && message->kind == MESSAGE_SA_USED &&
		       (rig_message_free(rig, message), true));
		assert_non_null(message);
		assert_int_equal(message->kind, MESSAGE_PACKET);
		assert_int_equal(message->packet_in.class, CONTROL_CLASS_l2tp_control);
		assert_int_equal(message->packet_in.group, plain ? NO_SLOT : peer->slot);
		assert_int_equal(message->packet_in.remote.port, 50001);
		assert_int_equal(message->packet_in.local.port, 1701);
		assert_int_equal(endpoint_ipv4_address_be(&message->packet_in.remote),
				 htonl(peer->remote));
		assert_int_equal(endpoint_ipv4_address_be(&message->packet_in.local),
				 htonl(RIG_LOCAL));
		got.length = message->packet_in.length;
		assert_int_equal(got.length, sizeof(hello));
		assert_memory_equal(mailbox_packet_bytes(rig_mailbox(rig), message, &got.length), hello,
				    sizeof(hello));
		rig_message_free(rig, message);
		rig_expect_no_drops(rig);
		rig_expect_silence(rig);
		rig_free(rig);
	}
}

/* Protected is UDP from the peer's port to our 1701, nothing else. */
static void selectors_are_checked(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {.peer_port = 1701};
	struct rig_peer *peer = rig_peer_add(rig, &options);
	static const uint16_t ports[][2] = {{1702, 1701}, {1701, 1702}, {1701, 500}, {0, 1701}};
	struct bytes ip, frame;

	(void)state;
	wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
	for (size_t i = 0; i < 4; i++) {
		frame = ip;
		bytes_prepend(&frame, ppp_ipv4, sizeof(ppp_ipv4));
		wire_l2tp(&frame, 0, peer->tunnel, peer->session, 0);
		wire_udp(&frame, ports[i][0], ports[i][1]);
		wire_esp_seal(&peer->sa, ++peer->sa.sequence, &frame, NULL);
		rig_wrap_esp(peer, &frame);
		rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	}
	rig_expect_drops(rig, DROP_selector_mismatch, 4);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_up(rig, &ip);
	drain_messages(rig);
	rig_free(rig);
}

static void plain_l2tp_of_another_peer_is_dropped(void **state)
{
	struct rig_peer *peer;
	struct rig *rig = rig_with(true, &peer, NULL);
	struct rig_peer thief = *peer;
	struct bytes ip;

	(void)state;
	wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
	thief.remote++;
	rig_peer_send(rig, &thief, 0, &ip);
	thief = *peer;
	thief.l2tp_port++;
	rig_peer_send(rig, &thief, 0, &ip);
	rig_expect_drops(rig, DROP_l2tp_wrong_peer, 2);
	rig_expect_silence(rig);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_up(rig, &ip);
	wire_inner(&ip, RIG_SERVER, peer->address, 50, 1);
	rig_server_send(rig, 0, &ip);
	rig_expect_down(rig, peer, &ip);
	rig_free(rig);
}

/* A session inside IPsec is not reached in clear with the same ids, nor the other way round. */
static void clear_and_protected_do_not_mix(void **state)
{
	struct rig_peer *peer;
	struct rig *rig = rig_with(false, &peer, NULL);
	struct rig_peer_options plain = {.plain = true};
	struct rig_peer *lac = rig_peer_add(rig, &plain), mixed;
	struct bytes ip;

	(void)state;
	wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
	mixed = *peer;
	mixed.plain = true;
	rig_peer_send(rig, &mixed, 0, &ip);
	rig_expect_drops(rig, DROP_l2tp_unknown_session, 1);
	mixed = *peer;
	mixed.tunnel = lac->tunnel;
	mixed.session = lac->session;
	rig_peer_send(rig, &mixed, 0, &ip);
	rig_expect_drops(rig, DROP_l2tp_unknown_session, 1);
	drain_messages(rig);
	rig_free(rig);
}

static void required_and_off_mean_it(void **state)
{
	struct rig_options options = {.ipsec = LISTENER_IPSEC_REQUIRED};
	struct rig *rig = rig_new(&options);
	struct rig_peer_options plain = {.plain = true};
	struct rig_peer *peer = rig_peer_add(rig, &plain);
	struct bytes ip, seen, l2tp = {.length = 12, .data = {0xc8, 2, 0, 12}};

	(void)state;
	wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
	rig_peer_send(rig, peer, 0, &ip);
	send_l2tp(rig, peer, &l2tp);
	rig_expect_drops(rig, DROP_ipsec_required, 2);
	/* Control hears of the control message, to tell why the dial fails. */
	rig_message_free(rig, rig_expect_packet(rig, CONTROL_CLASS_l2tp_in_clear, &seen));
	assert_int_equal(seen.length, 12);
	rig_expect_silence(rig);
	rig_free(rig);
	options.ipsec = LISTENER_IPSEC_OFF;
	rig = rig_new(&options);
	peer = rig_peer_add(rig, &plain);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_up(rig, &ip);
	rig_expect_no_drops(rig);
	rig_free(rig);
}

/*
 * Each kind of datagram cut at each length, in IPsec and in clear: dropped or taken, never read
 * beyond its end (the sanitizers watch), and the worker is alive afterwards.
 */
static void cut_datagrams_do_no_harm(void **state)
{
	(void)state;
	for (unsigned plain = 0; plain < 2; plain++) {
		struct rig_peer *peer;
		struct rig *rig = rig_with(plain != 0, &peer, NULL);
		struct bytes kinds[20], ip, cut;
		unsigned count = 0;

		wire_inner(&ip, peer->address, RIG_SERVER, 0, 1);
		for (uint16_t bits = 0; bits < 8; bits++) {
			kinds[count] = ip;
			bytes_prepend(&kinds[count], ppp_ipv4, 4);
			wire_l2tp(&kinds[count++],
				  (uint16_t)((bits & 1) << 14 | (bits & 2) << 10 | (bits & 4) << 7),
				  peer->tunnel, peer->session, 5);
		}
		wire_tcp_syn(&kinds[count], peer->address, RIG_SERVER, 1460, 3);
		bytes_prepend(&kinds[count], ppp_ipv4, 4);
		wire_l2tp(&kinds[count++], 0, peer->tunnel, peer->session, 0);
		kinds[count] = (struct bytes){.length = 40, .data = {0xc8, 2, 0, 40}};
		count++;
		kinds[count] =
			(struct bytes){.length = 10, .data = {0xff, 3, 0xc0, 0x21, 1, 1, 0, 6}};
		wire_l2tp(&kinds[count++], 0, peer->tunnel, peer->session, 0);
		for (unsigned kind = 0; kind < count; kind++)
			for (size_t length = 0; length <= 60 && length <= kinds[kind].length;
			     length++)
				for (unsigned fix = 0; fix < 2; fix++) {
					cut = kinds[kind];
					cut.length = length;
					if (fix && length >= 4 && (cut.data[0] & 0x40))
						bytes_set_u16(&cut, 2, (uint16_t)length);
					send_l2tp(rig, peer, &cut);
				}
		rig_settle(rig);
		drain(rig);
		wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
		rig_peer_send(rig, peer, 0, &ip);
		rig_expect_up(rig, &ip);
		rig_free(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_header_form_is_read_in_ipsec),
		cmocka_unit_test(every_header_form_is_read_in_clear),
		cmocka_unit_test(ids_of_nobody_are_dropped),
		cmocka_unit_test(equal_ids_of_two_peers_do_not_mix),
		cmocka_unit_test(only_its_own_address_may_send),
		cmocka_unit_test(wrong_headers_are_dropped),
		cmocka_unit_test(wrong_inner_packets_are_dropped),
		cmocka_unit_test(ppp_control_reaches_control),
		cmocka_unit_test(l2tp_control_reaches_control),
		cmocka_unit_test(selectors_are_checked),
		cmocka_unit_test(plain_l2tp_of_another_peer_is_dropped),
		cmocka_unit_test(clear_and_protected_do_not_mix),
		cmocka_unit_test(required_and_off_mean_it),
		cmocka_unit_test(cut_datagrams_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
