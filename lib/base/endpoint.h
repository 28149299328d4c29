/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

/* An IPv4 or IPv6 address with a UDP port. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum endpoint_family {
	ENDPOINT_NONE = 0,
	ENDPOINT_IPV4 = 4,
	ENDPOINT_IPV6 = 6,
};

/* IPv4 uses the first four bytes of `address` in network order, the rest is zero. */
struct endpoint {
	uint8_t family;
	uint8_t reserved;
	uint16_t port; /* host order */
	uint8_t address[16];
};

/* Room for "[xxxx:...:xxxx]:65535" with its final NUL. */
#define ENDPOINT_TEXT_BYTES 56

/* `address_be` is an IPv4 address in network order as found in a header. */
struct endpoint endpoint_ipv4(uint32_t address_be, uint16_t port);

/* `address` as in a header. */
struct endpoint endpoint_ipv6(const uint8_t address[16], uint16_t port);

/* The IPv4 address in network order; 0 if the endpoint is not IPv4. */
uint32_t endpoint_ipv4_address_be(const struct endpoint *e);

/* Length of the address in bytes: 4, 16, or 0 for ENDPOINT_NONE. */
size_t endpoint_address_bytes(const struct endpoint *e);

bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* Writes "192.0.2.1:500" (or only the address when `port` is 0) and returns `text`. */
const char *endpoint_text(const struct endpoint *e, char text[ENDPOINT_TEXT_BYTES]);

#endif
