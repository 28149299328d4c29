/* SPDX-License-Identifier: BSD-3-Clause */
/* A stranger with a source address of his choice: nobody gets more bytes than he sent, and no more later. */
#include "dialler.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define STRANGER ADDRESS(198, 18, 0, 66)

/* Sends UDP or ESP from the stranger's address; how many bytes went there within 50 ms. */
static size_t answer(struct dialler *dialler, const struct bytes *payload, uint16_t source,
		     uint16_t destination)
{
	struct bytes frame = *payload;

	if (destination != 0)
		wire_udp(&frame, source, destination);
	wire_ipv4(&frame, destination != 0 ? IPPROTO_UDP : IPPROTO_ESP, STRANGER, RIG_LOCAL);
	wire_ethernet(&frame, 0x0800);
	rig_inject(dialler->rig, RIG_PEER_SIDE, 0, &frame);
	dialler->astray_bytes = 0;
	dialler_run(dialler, 50, NULL);
	return dialler->astray_bytes;
}

static void esp_that_nobody_knows_is_not_answered(void **state)
{
	struct dialler *dialler = dialler_up(NULL);
	struct bytes esp = {.length = 200};

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		uint32_t spi = i < 10 ? 0x1000u * (i + 1) : dialler->sa[0].spi_in ^ 1u << (i + 10);

		for (unsigned byte = 0; byte < 4; byte++)
			esp.data[byte] = (uint8_t)(spi >> (24 - 8 * byte));
		assert_int_equal(answer(dialler, &esp, 4500, 4500), 0);
		assert_int_equal(answer(dialler, &esp, 0, 0), 0);
	}
	for (unsigned byte = 0; byte < 4; byte++) /* a right SPI, and forged */
		esp.data[byte] = (uint8_t)(dialler->sa[0].spi_in >> (24 - 8 * byte));
	esp.data[7] = 0xff;
	assert_int_equal(answer(dialler, &esp, 4500, 4500), 0);
	esp = (struct bytes){.length = 1, .data = {0xff}};
	assert_int_equal(answer(dialler, &esp, 4500, 4500), 0);
	esp = (struct bytes){.length = 20, .data = {0xc8, 2, 0, 20, [13] = 8, [19] = 1}};
	assert_int_equal(answer(dialler, &esp, 1701, 1701), 0); /* L2TP in clear */
	assert_int_equal(dialler->astray, 0);
	dialler_free(dialler);
}

static void ike_make(struct bytes *ike, uint8_t exchange, uint8_t flags, const uint8_t cookies[16],
		     uint8_t payload, size_t length)
{
	*ike = (struct bytes){.length = length};
	for (size_t i = 0; i < length; i++)
		ike->data[i] = (uint8_t)(i * 31 + exchange);
	memcpy(ike->data, cookies, 16);
	ike->data[16] = payload;
	ike->data[17] = 0x10;
	ike->data[18] = exchange;
	ike->data[19] = flags;
	memset(ike->data + 20, flags ? 7 : 0, 4);
	bytes_set_u16(ike, 24, 0);
	bytes_set_u16(ike, 26, (uint16_t)length);
}

/* Informational, quick mode, aggressive mode, transactions: with cookies that are not known, or are. */
static void ike_out_of_nowhere_is_not_reflected(void **state)
{
	static const uint8_t exchanges[] = {0, 1, 2, 3, 4, 5, 6, 32, 33, 34, 35, 36, 37, 200};
	struct dialler *dialler = dialler_up(NULL);
	uint64_t initiator = ike_initiator_cookie(dialler->ike);
	uint8_t cookies[3][16] = {{1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3, 4, 5, 6, 7, 9, 9}};
	struct bytes ike;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		cookies[2][i] = (uint8_t)(initiator >> (56 - 8 * i));
	for (unsigned i = 0; i < sizeof(exchanges) * 3 * 2 * 2; i++) {
		size_t length = i / 2 % 2 ? 28 : 120;

		ike_make(&ike, exchanges[i / 12], i % 2, cookies[i / 4 % 3], (uint8_t)(i % 14),
			 length);
		assert_in_range(answer(dialler, &ike, 500, 500), 0, length);
	}
	dialler->astray = 0;
	dialler_run(dialler, 3000, NULL);
	assert_int_equal(dialler->astray, 0);
	dialler_free(dialler);
}

/* The first message of main mode, with all payloads or with the least. */
static void main_mode_is_no_amplifier(void **state)
{
	struct dialler *dialler = dialler_up(NULL);
	struct endpoint own = endpoint_ipv4(htonl(STRANGER), 500);
	struct endpoint peer = endpoint_ipv4(htonl(RIG_LOCAL), 500);
	const struct ike_initiator_event *event;
	struct bytes whole = {.length = 0};
	size_t sent, got, sum = 0;

	(void)state;
	for (unsigned least = 0; least < 2; least++) {
		struct ike_initiator *stranger =
			ike_initiator_new(&dialler->ike_config, &dialler->random);

		ike_initiator_start(stranger, &own, &peer, 0x9000, rig_milliseconds());
		whole.length = 0;
		while ((event = ike_initiator_next_event(stranger)) != NULL)
			if (event->kind == IKE_INITIATOR_SEND)
				bytes_append(&whole, event->send.bytes, event->send.length);
		ike_initiator_free(stranger);
		assert_int_equal(whole.data[16], 1); /* SA */
		if (least) {
			whole.length = 28u + bytes_u16(&whole, 30);
			whole.data[28] = 0; /* no payload follows */
			bytes_set_u16(&whole, 26, (uint16_t)whole.length);
		}
		sent = whole.length;
		got = answer(dialler, &whole, 500, 500);
		print_message("main mode 1 of %zu bytes, answer of %zu\n", sent, got);
		assert_in_range(got, 1, sent);
		sum += got;
	}
	dialler->astray_bytes = 0;
	dialler_run(dialler, 4000, NULL); /* nor is it repeated: that is the initiator's */
	assert_int_equal(dialler->astray_bytes, 0);
	assert_true(sum > 0);
	dialler_free(dialler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(esp_that_nobody_knows_is_not_answered),
		cmocka_unit_test(ike_out_of_nowhere_is_not_reflected),
		cmocka_unit_test(main_mode_is_no_amplifier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
