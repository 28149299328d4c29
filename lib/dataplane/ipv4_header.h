/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_IPV4_HEADER_H
#define DATAPLANE_IPV4_HEADER_H

/* Checking an IPv4 header (RFC 1812 5.2.2), outer or inner. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

/* True if the one's complement sum of the 20 bytes at `at` is right. */
static inline bool ipv4_sum_right(const uint8_t *at)
{
	uint64_t a, b, sum;
	uint32_t c;

	memcpy(&a, at, sizeof(a));
	memcpy(&b, at + 8, sizeof(b));
	memcpy(&c, at + 16, sizeof(c));
	sum = a + b;
	sum += sum < b;
	sum += c;
	sum += sum < c;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	return (uint16_t)((sum >> 16) + sum) == 0xffff;
}

/* The total length of the packet at `at`, of which `available` bytes are there; 0 if its header is
 * wrong: version, lengths, checksum. */
static inline uint32_t ipv4_header_check(const uint8_t *at, uint32_t available)
{
	uint32_t header = sizeof(struct rte_ipv4_hdr);
	uint32_t total;

	if (available < header)
		return 0;
	total = (uint32_t)(at[2] << 8 | at[3]);
	if (__builtin_expect(at[0] != RTE_IPV4_VHL_DEF, 0)) {
		header = rte_ipv4_hdr_len((const struct rte_ipv4_hdr *)at);
		if (at[0] >> 4 != 4 || header < sizeof(struct rte_ipv4_hdr) || header > available ||
		    rte_raw_cksum(at, header) != 0xffff)
			return 0;
	} else if (!ipv4_sum_right(at)) {
		return 0;
	}
	return total < header || total > available ? 0 : total;
}

#endif
