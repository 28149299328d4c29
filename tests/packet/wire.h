/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_PACKET_WIRE_H
#define TESTS_PACKET_WIRE_H

/*
 * Packets as a peer builds and reads them: headers are put in front of what is there, ESP is made
 * by OpenSSL, so that nothing here shares code with the packet path.
 */

#include "crypto/esp_suite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_BYTES_MAX 9000

struct bytes {
	size_t length;
	uint8_t data[WIRE_BYTES_MAX];
};

void bytes_prepend(struct bytes *bytes, const void *from, size_t length);
void bytes_append(struct bytes *bytes, const void *from, size_t length);
void bytes_cut(struct bytes *bytes, size_t length); /* from the front */
uint16_t bytes_u16(const struct bytes *bytes, size_t offset);
uint32_t bytes_u32(const struct bytes *bytes, size_t offset);
void bytes_set_u16(struct bytes *bytes, size_t offset, uint16_t value);

/* One's complement sum of `length` bytes, folded, starting from `sum`. */
uint16_t wire_sum(const uint8_t *at, size_t length, uint32_t sum);

/* Addresses are in host order. */
void wire_ipv4(struct bytes *bytes, uint8_t protocol, uint32_t source, uint32_t destination);
void wire_ipv4_checksum(struct bytes *bytes); /* again, after a change */
void wire_ipv6(struct bytes *bytes, uint8_t next_header, const uint8_t source[16],
	       const uint8_t destination[16]);
/* Gives the UDP datagram a checksum over IPv6; false if the one that it has is wrong or missing. */
void wire_udp_ipv6_sum(struct bytes *bytes, const uint8_t source[16],
		       const uint8_t destination[16]);
bool wire_udp_ipv6_valid(const struct bytes *bytes, const uint8_t source[16],
			 const uint8_t destination[16]);
bool wire_ipv4_valid(const struct bytes *bytes);
void wire_udp(struct bytes *bytes, uint16_t source, uint16_t destination);
void wire_ethernet(struct bytes *bytes, uint16_t type);

/* A data message with the flags given: 0x4000 length, 0x0800 sequence, 0x0200 offset. */
void wire_l2tp(struct bytes *bytes, uint16_t flags, uint16_t tunnel, uint16_t session,
	       uint16_t offset);

/* An IPv4 packet of UDP with `payload` bytes that `seed` makes. */
void wire_inner(struct bytes *bytes, uint32_t source, uint32_t destination, size_t payload,
		uint32_t seed);

/* A TCP SYN with an MSS option after `nops` no-operations, with a right checksum. */
void wire_tcp_syn(struct bytes *bytes, uint32_t source, uint32_t destination, uint16_t mss,
		  unsigned nops);

/* True if the TCP checksum of an IPv4 packet is right; its MSS option goes to `mss`. */
bool wire_tcp_valid(const struct bytes *bytes, uint16_t *mss);

/* An SA pair as its peer knows it: `in` is towards the concentrator. */
struct wire_sa {
	struct esp_keys in;
	struct esp_keys out;
	uint32_t spi_in;
	uint32_t spi_out;
	uint32_t slot;
	uint32_t sequence; /* of the last packet sent */
	uint8_t tag_bytes; /* on the wire */
};

struct wire_trailer {
	uint8_t next_header;
	uint8_t more_blocks;   /* of padding */
	bool wrong_padding;    /* bytes other than 1, 2, 3 */
	bool padding_too_long; /* pad length beyond the text */
};

void wire_keys_make(struct esp_keys *keys, const struct esp_suite *suite, uint32_t seed);

/* ESP around the bytes. `trailer` may be NULL: UDP, least padding. */
void wire_esp_seal(const struct wire_sa *sa, uint32_t sequence, struct bytes *bytes,
		   const struct wire_trailer *trailer);

/* Takes ESP off what the concentrator sent; false if anything about it is wrong. */
bool wire_esp_open(const struct wire_sa *sa, struct bytes *bytes, uint32_t *sequence);

#endif
