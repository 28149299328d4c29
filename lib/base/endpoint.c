/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct endpoint endpoint_ipv4(uint32_t address_be, uint16_t port)
{
	struct endpoint e = {.family = ENDPOINT_IPV4, .port = port};

	memcpy(e.address, &address_be, sizeof(address_be));
	return e;
}

struct endpoint endpoint_ipv6(const uint8_t address[16], uint16_t port)
{
	struct endpoint e = {.family = ENDPOINT_IPV6, .port = port};

	memcpy(e.address, address, sizeof(e.address));
	return e;
}

uint32_t endpoint_ipv4_address_be(const struct endpoint *e)
{
	uint32_t address_be = 0;

	if (e->family == ENDPOINT_IPV4)
		memcpy(&address_be, e->address, sizeof(address_be));
	return address_be;
}

size_t endpoint_address_bytes(const struct endpoint *e)
{
	switch (e->family) {
	case ENDPOINT_IPV4:
		return 4;
	case ENDPOINT_IPV6:
		return 16;
	default:
		return 0;
	}
}

bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && endpoint_same_address(a, b);
}

const char *endpoint_text(const struct endpoint *e, char text[ENDPOINT_TEXT_BYTES])
{
	char address[INET6_ADDRSTRLEN] = "none";

	if (e->family == ENDPOINT_IPV4)
		inet_ntop(AF_INET, e->address, address, sizeof(address));
	else if (e->family == ENDPOINT_IPV6)
		inet_ntop(AF_INET6, e->address, address, sizeof(address));
	if (e->port == 0)
		snprintf(text, ENDPOINT_TEXT_BYTES, "%s", address);
	else if (e->family == ENDPOINT_IPV6)
		snprintf(text, ENDPOINT_TEXT_BYTES, "[%s]:%u", address, e->port);
	else
		snprintf(text, ENDPOINT_TEXT_BYTES, "%s:%u", address, e->port);
	return text;
}
