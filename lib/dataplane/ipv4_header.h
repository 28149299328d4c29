/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_IPV4_HEADER_H
#define DATAPLANE_IPV4_HEADER_H

/* Checking an IPv4 header (RFC 1812 5.2.2), outer or inner. */

#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

/* The total length of the packet at `at`, of which `available` bytes are there; 0 if its header is
 * wrong: version, lengths, checksum. */
static inline uint32_t ipv4_header_check(const uint8_t *at, uint32_t available)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)at;
	uint32_t total, header = sizeof(*ip);
	uint32_t words[5];
	uint64_t sum;

	if (available < sizeof(*ip))
		return 0;
	total = rte_be_to_cpu_16(ip->total_length);
	if (__builtin_expect(ip->version_ihl != RTE_IPV4_VHL_DEF, 0)) {
		header = rte_ipv4_hdr_len(ip);
		if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || header > available ||
		    rte_raw_cksum(ip, header) != 0xffff)
			return 0;
	} else {
		memcpy(words, at, sizeof(words));
		sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
		sum = (sum & 0xffffffff) + (sum >> 32);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		if ((uint16_t)sum != 0xffff)
			return 0;
	}
	return total < header || total > available ? 0 : total;
}

#endif
