/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_OUTER_H
#define DATAPLANE_OUTER_H

/*
 * Outer headers: what is the same for all packets of a peer is made once. A router on the way may cut
 * them, so "don't fragment" stays clear.
 */

#include "dataplane/objects.h"

#include <string.h>

#include <rte_byteorder.h>

#define OUTER_TIME_TO_LIVE 64
#define OUTER_IPV4_BYTES   20u
#define OUTER_IPV6_BYTES   40u
#define OUTER_UDP_BYTES    8u

/* Makes the header; ports are in host order. */
void outer_header_set(struct outer_header *header, uint32_t local_be, uint16_t local_port,
		      uint32_t remote_be, uint16_t remote_port);

/* An IPv6 address as one word, to tell two apart that differ by chance. */
static inline uint32_t outer_fold(const uint8_t address[16])
{
	uint32_t words[4];

	memcpy(words, address, sizeof(words));
	return words[0] ^ words[1] ^ words[2] ^ words[3];
}

/* IPv6 at `at`, in front of `bytes` bytes of `protocol`. */
void outer_ipv6_write(uint8_t *at, const uint8_t local[16], const uint8_t remote[16],
		      uint8_t protocol, uint32_t bytes);

/*
 * The checksum, never zero, of a datagram of `bytes` bytes whose checksum field is zero (RFC 8200 8.1).
 * Sent on all UDP over IPv6: Linux drops what has none, in ESP (RFC 3948 leaves it out) and around it.
 */
rte_be16_t outer_ipv6_udp_checksum(const uint8_t local[16], const uint8_t remote[16],
				   const uint8_t *udp, uint32_t bytes);

/*
 * IPv4 at `at` for a packet of `total` bytes, itself included. Written word by word: a structure that
 * is changed and then copied costs a failed store forwarding.
 */
static inline void outer_ipv4_write(uint8_t *at, const struct outer_header *header,
				    uint8_t protocol, uint32_t total, uint16_t identification)
{
	uint32_t length_be = rte_cpu_to_be_16((uint16_t)total);
	uint32_t identification_be = rte_cpu_to_be_16(identification);
	uint32_t hops = OUTER_TIME_TO_LIVE | (uint32_t)protocol << 8;
	uint32_t sum = header->sum + length_be + identification_be + hops;
	uint64_t first =
		RTE_IPV4_VHL_DEF | (uint64_t)length_be << 16 | (uint64_t)identification_be << 32;
	uint32_t second;
	uint64_t addresses;

	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	second = hops | (~sum & 0xffff) << 16;
	memcpy(&addresses, &header->local_be, sizeof(addresses));
	memcpy(at, &first, sizeof(first));
	memcpy(at + 8, &second, sizeof(second));
	memcpy(at + 12, &addresses, sizeof(addresses));
}

/* UDP behind it, without a checksum, for `total` bytes, itself included. */
static inline void outer_udp_write(uint8_t *at, const struct outer_header *header, uint32_t total)
{
	uint64_t udp = header->ports_be | (uint64_t)rte_cpu_to_be_16((uint16_t)total) << 32;

	memcpy(at, &udp, sizeof(udp));
}

#endif
