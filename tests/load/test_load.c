/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of concentrator-load: that it finds what is wrong with a packet, and whose it is. */
#include "histogram.h"
#include "nat.h"
#include "payload.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLIENT_BE 0x0200140au
#define SERVER_BE 0x0a6433c6u

static void packet_make(uint8_t *packet, size_t length)
{
	payload_write(packet, length, CLIENT_BE, SERVER_BE, 7, 0, 1234, 5678);
}

static void stamp_comes_back(void **state)
{
	uint8_t packet[1400];
	struct stamp stamp;

	(void)state;
	for (size_t length = 56; length <= sizeof(packet); length++) {
		packet_make(packet, length);
		assert_int_equal(payload_read(packet, length, 0, &stamp), PAYLOAD_RIGHT);
		assert_int_equal(stamp.session, 7);
		assert_int_equal(stamp.sequence, 1234);
		assert_int_equal(stamp.sent_cycles, 5678);
		assert_int_equal(payload_read(packet, length, 1, &stamp), PAYLOAD_CORRUPT);
	}
}

/* Every bit counts, but for the time of sending, which only the latency is made of. */
static void every_changed_bit_is_noticed(void **state)
{
	const size_t length = 203;
	uint8_t packet[203];
	struct stamp stamp;

	(void)state;
	for (size_t bit = 0; bit < length * 8; bit++) {
		size_t byte = bit / 8;

		if (byte >= 44 && byte < 52)
			continue;
		packet_make(packet, length);
		packet[byte] ^= (uint8_t)(1 << bit % 8);
		if (byte == 26 || byte == 27) /* UDP's checksum is not used */
			continue;
		assert_int_not_equal(payload_read(packet, length, 0, &stamp), PAYLOAD_RIGHT);
	}
}

static void shorter_or_longer_is_noticed(void **state)
{
	uint8_t packet[204] = {0};
	struct stamp stamp;

	(void)state;
	packet_make(packet, 203);
	for (size_t length = 0; length < sizeof(packet); length++)
		if (length != 203)
			assert_int_not_equal(payload_read(packet, length, 0, &stamp),
					     PAYLOAD_RIGHT);
	assert_int_equal(payload_read(packet, 204, 0, &stamp), PAYLOAD_CORRUPT);
}

/* A router lowers the time to live and corrects the checksum. */
static void hop_is_no_fault(void **state)
{
	uint8_t packet[100];
	struct stamp stamp;
	uint32_t sum = 0;

	(void)state;
	packet_make(packet, sizeof(packet));
	packet[8]--;
	packet[10] = packet[11] = 0;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	packet[10] = (uint8_t)(sum >> 8);
	packet[11] = (uint8_t)sum;
	assert_int_equal(payload_read(packet, sizeof(packet), 0, &stamp), PAYLOAD_RIGHT);
}

/* Each peer is found by the address and port that it has, and nobody by others. */
static void mappings_go_both_ways(void **state)
{
	static const uint32_t shares[] = {0, 1, 7, 50, 25000};
	static const uint16_t ports[] = {500, 4500};

	(void)state;
	for (unsigned s = 0; s < sizeof(shares) / sizeof(shares[0]); s++) {
		const struct options options = {.peers_first = 0x64400001,
						.tunnels = 60000,
						.clients_per_address = shares[s],
						.ipsec = true};
		uint16_t own = 0;

		for (uint32_t peer = 0; peer < options.tunnels; peer++) {
			uint32_t address = ntohl(nat_address_be(&options, peer));

			for (unsigned i = 0; i < 2; i++) {
				uint16_t port = nat_port(&options, peer, ports[i]);

				assert_int_equal(nat_peer(&options, address, port, &own), peer);
				assert_int_equal(own, ports[i]);
			}
		}
		assert_int_equal(nat_peer(&options, options.peers_first - 1, 10000, &own),
				 UINT32_MAX);
		assert_int_equal(nat_peer(&options, options.peers_first + nat_addresses(&options),
					  10000, &own),
				 UINT32_MAX);
		if (shares[s] != 0)
			assert_int_equal(nat_peer(&options, options.peers_first, 9999, &own),
					 UINT32_MAX);
	}
}

static void percentiles_are_right(void **state)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	static const double shares[] = {0.01, 0.5, 0.9, 0.99, 0.999};

	(void)state;
	assert_int_equal(histogram_percentile(histogram, 0.5), 0);
	for (uint64_t value = 1; value <= 100000; value++)
		histogram_add(histogram, value);
	for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double right = shares[i] * 100000;
		double found = (double)histogram_percentile(histogram, shares[i]);

		assert_true(found >= right && found <= right * 1.035);
	}
	assert_int_equal(histogram_percentile(histogram, 1), 100000);
	histogram_add(histogram, UINT64_MAX);
	assert_int_equal(histogram->highest, UINT64_MAX);
	free(histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamp_comes_back),
		cmocka_unit_test(every_changed_bit_is_noticed),
		cmocka_unit_test(shorter_or_longer_is_noticed),
		cmocka_unit_test(hop_is_no_fault),
		cmocka_unit_test(mappings_go_both_ways),
		cmocka_unit_test(percentiles_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
