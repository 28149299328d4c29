/* SPDX-License-Identifier: BSD-3-Clause */
/* What a received frame is: IKE, keepalive, for the kernel, or nothing of ours. */
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>

#define REMOTE ADDRESS(203, 0, 113, 50)

/* An ISAKMP message; `known`: with a responder cookie. */
static void ike_make(struct bytes *bytes, bool known, size_t length)
{
	bytes->length = length;
	for (size_t i = 0; i < length; i++)
		bytes->data[i] = (uint8_t)(i + 1);
	memset(bytes->data + 8, 0, 8);
	bytes->data[15] = known;
}

static void inject_udp(struct rig *rig, struct bytes *bytes, uint16_t source, uint16_t destination)
{
	wire_udp(bytes, source, destination);
	wire_ipv4(bytes, IPPROTO_UDP, REMOTE, RIG_LOCAL);
	wire_ethernet(bytes, 0x0800);
	rig_inject(rig, RIG_PEER_SIDE, 0, bytes);
}

static void expect_ike(struct rig *rig, const struct bytes *sent, enum control_class class,
		       uint16_t source, uint16_t destination)
{
	struct bytes got;
	struct message *message = rig_expect_packet(rig, class, &got);

	assert_int_equal(got.length, sent->length);
	assert_memory_equal(got.data, sent->data, sent->length);
	assert_int_equal(message->packet_in.remote.port, source);
	assert_int_equal(message->packet_in.local.port, destination);
	assert_int_equal(endpoint_ipv4_address_be(&message->packet_in.remote), htonl(REMOTE));
	assert_int_equal(endpoint_ipv4_address_be(&message->packet_in.local), htonl(RIG_LOCAL));
	assert_int_equal(message->packet_in.group, NO_SLOT);
	rig_message_free(rig, message);
}

static void ike_reaches_control(void **state)
{
	struct rig *rig = rig_new(NULL);
	static const uint8_t marker[4] = {0};
	struct bytes ike, frame;

	(void)state;
	for (unsigned known = 0; known < 2; known++) {
		enum control_class class = known ? CONTROL_CLASS_ike_known : CONTROL_CLASS_ike_new;

		ike_make(&ike, known, 300);
		frame = ike;
		inject_udp(rig, &frame, 500, 500);
		expect_ike(rig, &ike, class, 500, 500);
		bytes_prepend(&ike, marker, 4);
		frame = ike;
		inject_udp(rig, &frame, 41234, 4500);
		expect_ike(rig, &ike, class, 41234, 4500);
	}
	ike_make(&ike, false, 28); /* the least */
	frame = ike;
	inject_udp(rig, &frame, 500, 500);
	expect_ike(rig, &ike, CONTROL_CLASS_ike_new, 500, 500);
	rig_expect_no_drops(rig);
	for (size_t length = 0; length < 28; length++) {
		ike_make(&frame, false, 28);
		frame.length = length;
		inject_udp(rig, &frame, 500, 500);
		if (length < 4)
			continue;
		ike_make(&frame, false, 28);
		frame.length = length;
		bytes_prepend(&frame, marker, 4);
		inject_udp(rig, &frame, 41234, 4500);
	}
	rig_expect_drops(rig, DROP_frame_too_short, 28 + 24);
	rig_expect_silence(rig);
	rig_free(rig);
}

static void ethernet_padding_is_not_ike(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct bytes ike, frame;

	(void)state;
	ike_make(&ike, false, 28);
	frame = ike;
	bytes_append(&frame, "udp says less", 13);
	wire_udp(&frame, 500, 500);
	bytes_set_u16(&frame, 4, 8 + 28);
	wire_ipv4(&frame, IPPROTO_UDP, REMOTE, RIG_LOCAL);
	wire_ethernet(&frame, 0x0800);
	bytes_append(&frame, "ethernet", 8);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	expect_ike(rig, &ike, CONTROL_CLASS_ike_new, 500, 500);
	rig_free(rig);
}

static void keepalives_are_dropped_by_name(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct bytes frame = {.length = 1, .data = {0xff}};

	(void)state;
	inject_udp(rig, &frame, 41234, 4500);
	rig_expect_drops(rig, DROP_nat_keepalive, 1);
	frame = (struct bytes){.length = 1, .data = {0xfe}};
	inject_udp(rig, &frame, 41234, 4500);
	frame = (struct bytes){.length = 0};
	inject_udp(rig, &frame, 41234, 4500);
	frame = (struct bytes){.length = 3, .data = {0xff, 0xff, 0xff}};
	inject_udp(rig, &frame, 41234, 4500);
	rig_expect_drops(rig, DROP_frame_too_short, 3);
	frame = (struct bytes){.length = 7, .data = {0xff, 0xff, 0xff, 0xff}};
	inject_udp(rig, &frame, 41234, 4500);
	rig_expect_drops(rig, DROP_esp_too_short, 1);
	rig_expect_silence(rig);
	rig_free(rig);
}

static void expect_kernel(struct rig *rig, unsigned port, const struct bytes *frame)
{
	struct message *message;
	struct bytes got;

	rig_inject(rig, port, 0, frame);
	message = rig_expect_packet(rig, CONTROL_CLASS_to_self, &got);
	assert_int_equal(message->packet_in.port, port);
	assert_int_equal(got.length, frame->length);
	assert_memory_equal(got.data + 6, frame->data + 6,
			    frame->length - 6); /* see rig_inject() */
	rig_message_free(rig, message);
}

static void the_kernel_gets_what_is_its_own(void **state)
{
	struct rig_options options = {.ipsec = LISTENER_IPSEC_OFF};
	struct rig *rig = rig_new(&options);
	struct bytes frame;

	(void)state;
	for (unsigned port = 0; port < 2; port++) {
		frame = (struct bytes){.length = 28};
		wire_ethernet(&frame, 0x0806);
		expect_kernel(rig, port, &frame);
		frame = (struct bytes){.length = 60};
		wire_ethernet(&frame, 0x86dd);
		expect_kernel(rig, port, &frame);
		frame = (struct bytes){.length = 8, .data = {8}}; /* ping to us */
		wire_ipv4(&frame, IPPROTO_ICMP, REMOTE, RIG_LOCAL);
		wire_ethernet(&frame, 0x0800);
		expect_kernel(rig, port, &frame);
		frame = (struct bytes){.length = 20}; /* TCP to us */
		wire_ipv4(&frame, IPPROTO_TCP, REMOTE, RIG_LOCAL_NONE);
		wire_ethernet(&frame, 0x0800);
		expect_kernel(rig, port, &frame);
		wire_inner(&frame, REMOTE, RIG_LOCAL_NONE, 10, 1); /* no listener there */
		wire_ethernet(&frame, 0x0800);
		expect_kernel(rig, port, &frame);
		wire_inner(&frame, REMOTE, ADDRESS(224, 0, 0, 5), 10, 1);
		wire_ethernet(&frame, 0x0800);
		expect_kernel(rig, port, &frame);
		ike_make(&frame, false, 28); /* the listener is for plain L2TP only */
		wire_udp(&frame, 500, 500);
		wire_ipv4(&frame, IPPROTO_UDP, REMOTE, RIG_LOCAL);
		wire_ethernet(&frame, 0x0800);
		expect_kernel(rig, port, &frame);
	}
	rig_expect_no_drops(rig);
	rig_free(rig);
}

static void what_is_not_ours_is_dropped(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct bytes ip, frame;

	(void)state;
	wire_inner(&ip, REMOTE, RIG_SERVER, 10, 1); /* from port to port */
	frame = ip;
	wire_ethernet(&frame, 0x0800);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	wire_inner(&ip, RIG_SERVER, REMOTE, 10, 1);
	rig_server_send(rig, 0, &ip);
	rig_expect_drops(rig, DROP_not_ours, 2);
	frame = (struct bytes){.length = 60};
	wire_ethernet(&frame, 0x8847);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	rig_expect_drops(rig, DROP_not_ip, 1);
	wire_inner(&frame, REMOTE, RIG_LOCAL, 10, 1); /* flooded by a switch, for somebody else */
	wire_ethernet(&frame, 0x0800);
	frame.data[4] = 7;
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	rig_expect_drops(rig, DROP_foreign_frame, 1);
	wire_inner(&ip, RIG_SERVER, RIG_POOL + 500, 10, 1); /* an address that nobody has */
	rig_server_send(rig, 0, &ip);
	rig_expect_drops(rig, DROP_session_gone, 1);
	rig_expect_silence(rig);
	rig_free(rig);
}

static void wrong_ipv4_is_dropped(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct bytes ip, bad;
	unsigned count = 0;

	(void)state;
	wire_inner(&ip, REMOTE, RIG_LOCAL, 10, 1);
	for (unsigned first = 0; first < 256; first++) {
		bad = ip;
		bad.data[0] = (uint8_t)first;
		if (first >> 4 == 4 && (first & 15) >= 5)
			bad.data[11] ^= 0x55; /* a wrong checksum */
		wire_ethernet(&bad, 0x0800);
		rig_inject(rig, RIG_PEER_SIDE, 0, &bad);
		count++;
	}
	bad = ip;
	bytes_set_u16(&bad, 2, (uint16_t)(bad.length + 1));
	wire_ipv4_checksum(&bad);
	wire_ethernet(&bad, 0x0800);
	rig_inject(rig, RIG_PEER_SIDE, 0, &bad);
	rig_expect_drops(rig, DROP_ipv4_bad_header, count + 1);
	rig_expect_silence(rig);
	rig_free(rig);
}

/* A flood of one class is policed and leaves the other classes their share. */
static void a_flood_of_one_class_leaves_the_others(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct bytes ike, frame;
	struct message *message;
	unsigned got = 0, known = 0;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		ike_make(&frame, false, 40);
		inject_udp(rig, &frame, 500, 500);
	}
	ike_make(&ike, true, 40);
	frame = ike;
	inject_udp(rig, &frame, 500, 500);
	rig_settle(rig);
	while ((message = rig_message(rig)) != NULL) {
		got++;
		known += message->packet_in.class == CONTROL_CLASS_ike_known;
		rig_message_free(rig, message);
	}
	assert_int_equal(known, 1);
	assert_int_equal(got, 256 + 1); /* the share of the class */
	assert_int_equal(got + rig_drops(rig, DROP_control_ring_full) +
				 rig_drops(rig, DROP_control_policed),
			 4001);
	frame = ike; /* freed messages gave their share back */
	frame.data[15] = 0;
	inject_udp(rig, &frame, 500, 500);
	message = rig_message(rig);
	if (message != NULL) /* unless the rate is used up */
		rig_message_free(rig, message);
	else
		assert_true(rig_drops(rig, DROP_control_policed) > 0);
	rig_free(rig);
}

/* Frames of every kind cut at every length, as they are and with lengths that fit again. */
static void cut_frames_do_no_harm(void **state)
{
	struct rig_options options = {.exact = true};
	struct rig *rig = rig_new(&options);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	struct bytes kinds[6], frame, ip;
	struct message *message;

	(void)state;
	ike_make(&kinds[0], false, 30);
	wire_udp(&kinds[0], 500, 500);
	wire_ipv4(&kinds[0], IPPROTO_UDP, REMOTE, RIG_LOCAL);
	ike_make(&kinds[1], false, 30);
	bytes_prepend(&kinds[1], "\0\0\0", 4);
	wire_udp(&kinds[1], 500, 4500);
	wire_ipv4(&kinds[1], IPPROTO_UDP, REMOTE, RIG_LOCAL);
	wire_inner(&kinds[2], REMOTE, RIG_LOCAL, 30, 1);
	wire_inner(&kinds[3], RIG_SERVER, peer->address, 30, 1);
	wire_tcp_syn(&kinds[4], RIG_SERVER, peer->address, 1460, 1);
	ike_make(&kinds[5], true, 50);
	wire_ipv4(&kinds[5], IPPROTO_ESP, REMOTE, RIG_LOCAL);
	for (unsigned kind = 0; kind < 6; kind++) {
		struct bytes whole = kinds[kind];

		wire_ethernet(&whole, 0x0800);
		for (size_t length = 0; length <= whole.length; length++) {
			frame = whole;
			frame.length = length;
			rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
			if (length < 34)
				continue;
			bytes_cut(&frame, 14);
			bytes_set_u16(&frame, 2, (uint16_t)frame.length);
			wire_ipv4_checksum(&frame);
			wire_ethernet(&frame, 0x0800);
			rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
		}
	}
	rig_settle(rig);
	while (rig_take(rig, RIG_PEER_SIDE, &frame))
		;
	while ((message = rig_message(rig)) != NULL)
		rig_message_free(rig, message);
	wire_inner(&ip, peer->address, RIG_SERVER, 50, 1);
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_up(rig, &ip);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ike_reaches_control),
		cmocka_unit_test(ethernet_padding_is_not_ike),
		cmocka_unit_test(keepalives_are_dropped_by_name),
		cmocka_unit_test(the_kernel_gets_what_is_its_own),
		cmocka_unit_test(what_is_not_ours_is_dropped),
		cmocka_unit_test(wrong_ipv4_is_dropped),
		cmocka_unit_test(a_flood_of_one_class_leaves_the_others),
		cmocka_unit_test(cut_frames_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
