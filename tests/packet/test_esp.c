/* SPDX-License-Identifier: BSD-3-Clause */
/* ESP through real workers: suites, replay, tags, lengths, trailers, the cut SHA2-256 tag. */
#include "rig.h"

#include <netinet/in.h>
#include <string.h>

#define CBC(bits, authenticator)                                                       \
	{                                                                              \
		ESP_CIPHER_AES_CBC, (bits) / 8, ESP_AUTHENTICATOR_HMAC_##authenticator \
	}

static const struct esp_suite suites[] = {
	CBC(128, SHA1_96),
	CBC(192, SHA1_96),
	CBC(256, SHA1_96),
	CBC(128, SHA2_256_128),
	CBC(192, SHA2_256_128),
	CBC(256, SHA2_256_128),
	CBC(128, SHA2_384_192),
	CBC(192, SHA2_384_192),
	CBC(256, SHA2_384_192),
	CBC(128, SHA2_512_256),
	CBC(192, SHA2_512_256),
	CBC(256, SHA2_512_256),
	{ESP_CIPHER_3DES_CBC, 24, ESP_AUTHENTICATOR_HMAC_SHA1_96},
	{ESP_CIPHER_AES_GCM_16, 16, ESP_AUTHENTICATOR_NONE},
	{ESP_CIPHER_AES_GCM_16, 24, ESP_AUTHENTICATOR_NONE},
	{ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE},
};

#define SUITES (sizeof(suites) / sizeof(suites[0]))

static void drain_messages(struct rig *rig)
{
	struct message *message;

	while ((message = rig_message(rig)) != NULL)
		rig_message_free(rig, message);
}

/* Packets of many sizes both ways, byte for byte. */
static void suite_carries(struct rig *rig, const struct esp_suite *suite, bool bare)
{
	struct rig_peer_options options = {.suite = *suite, .bare = bare};
	struct rig_peer *peer = rig_peer_add(rig, &options);
	struct bytes ip;

	assert_true(esp_suite_valid(suite));
	for (uint32_t size = 0; size < 64; size++) {
		wire_inner(&ip, peer->address, RIG_SERVER, size * 21, size);
		rig_peer_send(rig, peer, 0, &ip);
	}
	for (uint32_t size = 0; size < 64; size++) {
		wire_inner(&ip, peer->address, RIG_SERVER, size * 21, size);
		rig_expect_up(rig, &ip);
	}
	for (uint32_t size = 0; size < 64; size++) {
		wire_inner(&ip, RIG_SERVER, peer->address, size * 21, size);
		rig_server_send(rig, 0, &ip);
	}
	for (uint32_t size = 0; size < 64; size++) {
		wire_inner(&ip, RIG_SERVER, peer->address, size * 21, size);
		rig_expect_down(rig, peer, &ip);
	}
	drain_messages(rig);
	rig_expect_silence(rig);
	rig_expect_no_drops(rig);
}

static void every_suite_carries_both_ways_in_udp(void **state)
{
	struct rig *rig = rig_new(NULL);

	(void)state;
	for (size_t i = 0; i < SUITES; i++)
		suite_carries(rig, &suites[i], false);
	rig_free(rig);
}

static void every_suite_carries_both_ways_as_protocol_50(void **state)
{
	struct rig *rig = rig_new(NULL);

	(void)state;
	for (size_t i = 0; i < SUITES; i++)
		suite_carries(rig, &suites[i], true);
	rig_free(rig);
}

/* Jobs that are complete at once must not take along those of other lanes that still wait. */
static void suites_mix_in_one_burst(void **state)
{
	static const struct esp_suite gcm = {ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE};
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {.suite = gcm};
	struct rig_peer *a = rig_peer_add(rig, &options), *b = rig_peer_add(rig, NULL);
	struct bytes ip, frame;
	unsigned sent = 0, seen = 0;

	(void)state;
	for (unsigned round = 0; round < 64; round++) {
		for (unsigned i = 0; i < 8; i++, sent += 2) {
			wire_inner(&ip, a->address, b->address, 40 + i, sent);
			rig_peer_send(rig, a, 0, &ip);
			wire_inner(&ip, b->address, a->address, 40 + i, sent);
			rig_peer_send(rig, b, 0, &ip);
		}
		rig_settle(rig);
		for (; rig_take(rig, RIG_PEER_SIDE, &frame); seen++)
			rig_open_ip(bytes_u16(&frame, 36) == a->remote_port ? a : b, &frame);
	}
	drain_messages(rig);
	rig_expect_no_drops(rig);
	assert_int_equal(seen, sent);
	rig_free(rig);
}

static void outbound_sequence_counts_from_one(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	uint8_t ivs[40][16];
	struct bytes ip, frame;

	(void)state;
	wire_inner(&ip, RIG_SERVER, peer->address, 100, 1);
	for (uint32_t i = 0; i < 40; i++)
		rig_server_send(rig, 0, &ip);
	rig_settle(rig);
	for (uint32_t i = 0; i < 40; i++) {
		uint32_t sequence;

		assert_true(rig_take(rig, RIG_PEER_SIDE, &frame));
		memcpy(ivs[i], frame.data + 14 + 20 + 8 + 8, 16);
		rig_open_l2tp(peer, &frame, &sequence);
		assert_int_equal(sequence, i + 1);
		for (uint32_t j = 0; j < i; j++)
			assert_memory_not_equal(ivs[i], ivs[j], 16);
	}
	rig_free(rig);
}

static void send_sequence(struct rig *rig, struct rig_peer *peer, uint32_t sequence)
{
	struct bytes ip;

	wire_inner(&ip, peer->address, RIG_SERVER, 40, sequence);
	peer->sa.sequence = sequence - 1;
	rig_peer_send(rig, peer, 0, &ip);
}

static void expect_accepted(struct rig *rig, struct rig_peer *peer, uint32_t sequence)
{
	struct bytes ip;

	send_sequence(rig, peer, sequence);
	wire_inner(&ip, peer->address, RIG_SERVER, 40, sequence);
	rig_expect_up(rig, &ip);
	rig_expect_no_drops(rig);
}

static void expect_replayed(struct rig *rig, struct rig_peer *peer, uint32_t sequence)
{
	struct bytes frame;

	send_sequence(rig, peer, sequence);
	rig_expect_drops(rig, DROP_esp_replayed, 1);
	assert_false(rig_take(rig, RIG_SERVER_SIDE, &frame));
}

static void replayed_packets_are_dropped(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);

	(void)state;
	expect_replayed(rig, peer, 0);
	expect_accepted(rig, peer, 1);
	expect_replayed(rig, peer, 1);
	expect_accepted(rig, peer, 2000);
	expect_accepted(rig, peer, 2000 - 1023);
	expect_replayed(rig, peer, 2000 - 1023);
	expect_replayed(rig, peer, 2000 - 1024);
	expect_replayed(rig, peer, 2);
	expect_accepted(rig, peer, 1999);
	expect_replayed(rig, peer, 2000);
	expect_accepted(rig, peer, 1000000);
	expect_replayed(rig, peer, 2000);
	expect_accepted(rig, peer, 1000000 - 500);
	expect_replayed(rig, peer, 1000000 - 500);
	expect_accepted(rig, peer, UINT32_MAX);
	expect_accepted(rig, peer, UINT32_MAX - 1023);
	expect_replayed(rig, peer, UINT32_MAX - 1024);
	expect_replayed(rig, peer, UINT32_MAX);
	drain_messages(rig);
	rig_free(rig);
}

/* Copies that are in one burst pass the check before decryption; the one after it catches them. */
static void copies_in_one_burst_pass_once(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	struct bytes ip, frame;

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		send_sequence(rig, peer, 5);
	rig_expect_drops(rig, DROP_esp_replayed, 29);
	wire_inner(&ip, peer->address, RIG_SERVER, 40, 5);
	rig_expect_up(rig, &ip);
	assert_false(rig_take(rig, RIG_SERVER_SIDE, &frame));
	drain_messages(rig);
	rig_free(rig);
}

/* One wrong bit anywhere in the packet, the tag included; and it does not move the window. */
static void changed_packets_are_dropped(void **state)
{
	struct rig *rig = rig_new(NULL);

	(void)state;
	for (size_t s = 0; s < SUITES; s += 3) {
		struct rig_peer_options options = {.suite = suites[s], .bare = true};
		struct rig_peer *peer = rig_peer_add(rig, &options);
		struct bytes ip, good, frame;
		size_t esp = 14 + 20, count = 0;

		wire_inner(&ip, peer->address, RIG_SERVER, 30, 9);
		good = ip;
		rig_wrap_ip(peer, &good);
		for (size_t at = esp + 4; at < good.length; at++) {
			frame = good;
			frame.data[at] ^= (uint8_t)(1 << at % 8);
			if (at < esp + 8 && bytes_u32(&frame, esp + 4) == 0)
				continue;
			rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
			count++;
		}
		rig_expect_drops(rig, DROP_esp_bad_tag, count);
		rig_expect_silence(rig);
		rig_inject(rig, RIG_PEER_SIDE, 0, &good);
		rig_expect_up(rig, &ip);
		drain_messages(rig);
	}
	rig_free(rig);
}

static void spis_that_name_no_sa_are_dropped(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	uint32_t spi = peer->sa.spi_in;
	struct bytes ip;

	(void)state;
	wire_inner(&ip, peer->address, RIG_SERVER, 40, 1);
	peer->sa.spi_in = spi ^ 1u << 25; /* another generation */
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_drops(rig, DROP_esp_stale_spi, 1);
	peer->sa.spi_in = spi ^ 64; /* a slot without an SA */
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_drops(rig, DROP_esp_unknown_spi, 1);
	peer->sa.spi_in = spi ^ 1u << 20; /* a slot beyond the table */
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_drops(rig, DROP_esp_unknown_spi, 1);
	rig_expect_silence(rig);
	peer->sa.spi_in = spi;
	rig_peer_send(rig, peer, 0, &ip);
	rig_expect_up(rig, &ip);
	drain_messages(rig);
	rig_free(rig);
}

static void the_other_encapsulation_is_dropped(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options bare = {.bare = true};
	struct rig_peer *peers[2] = {rig_peer_add(rig, NULL), rig_peer_add(rig, &bare)};
	struct bytes ip;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		wire_inner(&ip, peers[i]->address, RIG_SERVER, 40, 1);
		peers[i]->encapsulated = !peers[i]->encapsulated;
		rig_peer_send(rig, peers[i], 0, &ip);
		rig_expect_drops(rig, DROP_esp_wrong_encapsulation, 1);
	}
	rig_expect_silence(rig);
	rig_free(rig);
}

/* Every length from nothing on, and lengths that are no whole blocks. */
static void wrong_lengths_are_dropped(void **state)
{
	struct rig_options rigged = {.exact = true};
	struct rig *rig = rig_new(&rigged);
	enum drop const allowed[] = {DROP_esp_too_short, DROP_esp_bad_length, DROP_esp_bad_tag,
				     DROP_frame_too_short, DROP_nat_keepalive};
	unsigned sent = 0;

	(void)state;
	for (size_t s = 0; s < SUITES; s++) {
		struct rig_peer_options options = {.suite = suites[s], .bare = s % 2 != 0};
		struct rig_peer *peer = rig_peer_add(rig, &options);
		struct bytes ip, esp;

		wire_inner(&ip, peer->address, RIG_SERVER, 40, 1);
		for (size_t length = 0; length < 140; length++) {
			esp = ip;
			wire_esp_seal(&peer->sa, 1, &esp, NULL);
			if (length >= esp.length)
				break;
			/* With four bytes less its tag is a right one of 96 bits. */
			if (suites[s].authenticator == ESP_AUTHENTICATOR_HMAC_SHA2_256_128 &&
			    length + 4 == esp.length)
				continue;
			esp.length = length;
			rig_wrap_esp(peer, &esp);
			rig_inject(rig, RIG_PEER_SIDE, 0, &esp);
			sent++;
		}
		rig_expect_silence(rig);
	}
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		sent -= (unsigned)rig_drops(rig, allowed[i]);
	assert_int_equal(sent, 0);
	assert_true(rig_drops(rig, DROP_esp_bad_length) > 100);
	assert_true(rig_drops(rig, DROP_esp_too_short) > 100);
	rig_free(rig);
}

static void send_trailer(struct rig *rig, struct rig_peer *peer, const struct bytes *ip,
			 const struct wire_trailer *trailer)
{
	static const uint8_t ppp[4] = {0xff, 0x03, 0x00, 0x21};
	struct bytes frame = *ip;

	bytes_prepend(&frame, ppp, sizeof(ppp));
	wire_l2tp(&frame, 0, peer->tunnel, peer->session, 0);
	wire_udp(&frame, 1701, 1701);
	wire_esp_seal(&peer->sa, ++peer->sa.sequence, &frame, trailer);
	rig_wrap_esp(peer, &frame);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
}

static void trailers_are_checked(void **state)
{
	struct rig_options rigged = {.exact = true};
	struct rig *rig = rig_new(&rigged);
	struct wire_trailer trailer = {.next_header = IPPROTO_UDP};

	(void)state;
	for (size_t s = 0; s < SUITES; s += 4) {
		struct rig_peer_options options = {.suite = suites[s]};
		struct rig_peer *peer = rig_peer_add(rig, &options);
		struct bytes ip;

		wire_inner(&ip, peer->address, RIG_SERVER, 33, 1);
		trailer = (struct wire_trailer){.next_header = 59};
		send_trailer(rig, peer, &ip, &trailer);
		rig_expect_drops(rig, DROP_esp_dummy, 1);
		for (unsigned i = 0; i < 256; i++) {
			trailer.next_header = (uint8_t)i;
			if (i != 59 && i != IPPROTO_UDP)
				send_trailer(rig, peer, &ip, &trailer);
		}
		rig_expect_drops(rig, DROP_esp_not_udp, 254);
		trailer = (struct wire_trailer){
			.next_header = IPPROTO_UDP, .more_blocks = 1, .wrong_padding = true};
		send_trailer(rig, peer, &ip, &trailer);
		rig_expect_drops(rig, DROP_esp_bad_trailer, 1);
		trailer =
			(struct wire_trailer){.next_header = IPPROTO_UDP, .padding_too_long = true};
		send_trailer(rig, peer, &ip, &trailer);
		rig_expect_drops(rig, DROP_esp_bad_trailer, 1);
		trailer = (struct wire_trailer){.next_header = IPPROTO_UDP, .more_blocks = 12};
		send_trailer(rig, peer, &ip, &trailer);
		rig_expect_up(rig, &ip);
		rig_expect_no_drops(rig);
		drain_messages(rig);
	}
	rig_free(rig);
}

/* RFC 4303 2.7: what lies behind the datagram is padding of the traffic flow. */
static void traffic_flow_padding_is_cut(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer *peer = rig_peer_add(rig, NULL);
	static const uint8_t ppp[4] = {0xff, 0x03, 0x00, 0x21};
	uint8_t padding[100];
	struct bytes ip, frame;

	(void)state;
	memset(padding, 0x5a, sizeof(padding));
	wire_inner(&ip, peer->address, RIG_SERVER, 33, 1);
	frame = ip;
	bytes_prepend(&frame, ppp, sizeof(ppp));
	wire_l2tp(&frame, 0, peer->tunnel, peer->session, 0);
	wire_udp(&frame, 1701, 1701);
	bytes_append(&frame, padding, sizeof(padding));
	wire_esp_seal(&peer->sa, ++peer->sa.sequence, &frame, NULL);
	rig_wrap_esp(peer, &frame);
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	rig_expect_up(rig, &ip);
	drain_messages(rig);
	rig_free(rig);
}

static void cut_tag(bool cut, bool confirmed)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {
		.suite = {ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA2_256_128},
		.unconfirmed = !confirmed};
	struct rig_peer *peer = rig_peer_add(rig, &options);
	struct bytes up, down;
	struct wire_sa second;

	peer->sa.tag_bytes = cut ? 12 : 16;
	wire_inner(&up, peer->address, RIG_SERVER, 33, 1);
	wire_inner(&down, RIG_SERVER, peer->address, 44, 2);
	rig_server_send(rig, 0, &down);
	rig_expect_drops(rig, DROP_no_outbound_sa, 1);
	rig_peer_send(rig, peer, 0, &up);
	rig_expect_up(rig, &up);
	rig_server_send(rig, 0, &down);
	rig_expect_down(rig, peer, &down);
	rig_expect_no_drops(rig);
	/* A pair that follows has the same tag at once. */
	rig_sa_add(rig, peer, &options.suite, 0, &second);
	rig_sa_confirm(rig, peer, &second);
	second.tag_bytes = peer->sa.tag_bytes;
	peer->sa = second;
	rig_server_send(rig, 0, &down);
	rig_expect_down(rig, peer, &down);
	rig_expect_no_drops(rig);
	drain_messages(rig);
	rig_free(rig);
}

static void the_tag_of_sha2_256_is_learnt(void **state)
{
	(void)state;
	cut_tag(false, false);
	cut_tag(true, false);
	cut_tag(false, true);
	cut_tag(true, true);
}

/* Another device in the same group, with the other length: the pair's own first packet decides. */
static void a_pair_may_have_another_tag_than_the_last(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {
		.suite = {ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA2_256_128}};
	struct rig_peer *peer = rig_peer_add(rig, &options);
	struct bytes up, down;

	(void)state;
	wire_inner(&up, peer->address, RIG_SERVER, 33, 1);
	wire_inner(&down, RIG_SERVER, peer->address, 44, 2);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t tag_bytes = i % 2 == 0 ? 16 : 12;

		if (i != 0)
			rig_sa_add(rig, peer, &options.suite, 0, &peer->sa);
		peer->sa.tag_bytes = tag_bytes;
		rig_peer_send(rig, peer, 0, &up);
		rig_expect_up(rig, &up);
		rig_server_send(rig, 0, &down);
		rig_expect_down(rig, peer, &down);
	}
	rig_expect_no_drops(rig);
	drain_messages(rig);
	rig_free(rig);
}

/* A forged packet with a 96-bit tag must teach nothing. */
static void a_forged_packet_teaches_no_tag(void **state)
{
	struct rig *rig = rig_new(NULL);
	struct rig_peer_options options = {
		.suite = {ESP_CIPHER_AES_CBC, 16, ESP_AUTHENTICATOR_HMAC_SHA2_256_128}};
	struct rig_peer *peer = rig_peer_add(rig, &options);
	struct bytes up, frame;

	(void)state;
	wire_inner(&up, peer->address, RIG_SERVER, 33, 1);
	frame = up;
	peer->sa.tag_bytes = 12;
	rig_wrap_ip(peer, &frame);
	frame.data[frame.length - 1] ^= 1;
	rig_inject(rig, RIG_PEER_SIDE, 0, &frame);
	rig_expect_drops(rig, DROP_esp_bad_tag, 1);
	peer->sa.tag_bytes = 16;
	rig_peer_send(rig, peer, 0, &up);
	rig_expect_up(rig, &up);
	drain_messages(rig);
	rig_free(rig);
}

static void triple_des_is_policed(void **state)
{
	struct rig_options few = {.triple_des_bytes_per_second = 20000};
	struct rig *rig = rig_new(&few);
	struct rig_peer_options options = {.suite = suites[12]};
	struct rig_peer *peer = rig_peer_add(rig, &options);
	struct bytes ip, frame;
	unsigned passed = 0;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		wire_inner(&ip, peer->address, RIG_SERVER, 1000, i);
		rig_peer_send(rig, peer, 0, &ip);
	}
	rig_settle(rig);
	while (rig_take(rig, RIG_SERVER_SIDE, &frame))
		passed++;
	assert_in_range(passed, 3, 10);
	rig_expect_drops(rig, DROP_triple_des_policed, 40 - passed);
	drain_messages(rig);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_carries_both_ways_in_udp),
		cmocka_unit_test(every_suite_carries_both_ways_as_protocol_50),
		cmocka_unit_test(suites_mix_in_one_burst),
		cmocka_unit_test(outbound_sequence_counts_from_one),
		cmocka_unit_test(replayed_packets_are_dropped),
		cmocka_unit_test(copies_in_one_burst_pass_once),
		cmocka_unit_test(changed_packets_are_dropped),
		cmocka_unit_test(spis_that_name_no_sa_are_dropped),
		cmocka_unit_test(the_other_encapsulation_is_dropped),
		cmocka_unit_test(wrong_lengths_are_dropped),
		cmocka_unit_test(trailers_are_checked),
		cmocka_unit_test(traffic_flow_padding_is_cut),
		cmocka_unit_test(the_tag_of_sha2_256_is_learnt),
		cmocka_unit_test(a_pair_may_have_another_tag_than_the_last),
		cmocka_unit_test(a_forged_packet_teaches_no_tag),
		cmocka_unit_test(triple_des_is_policed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
