/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_OUTER_H
#define DATAPLANE_OUTER_H

/* Outer headers that are made once for a peer and completed for each packet. */

#include "dataplane/objects.h"

#include <string.h>

#include <rte_byteorder.h>

/* Makes the header; ports are in host order. */
void outer_header_set(struct outer_header *header, uint32_t local_be, uint16_t local_port,
		      uint32_t remote_be, uint16_t remote_port);

/* IPv4 at `at` for a packet of `total` bytes, itself included. */
static inline void outer_ipv4_write(uint8_t *at, const struct outer_header *header,
				    uint8_t protocol, uint32_t total, uint16_t identification)
{
	struct rte_ipv4_hdr ip = header->ipv4;
	uint32_t sum;

	ip.total_length = rte_cpu_to_be_16((uint16_t)total);
	ip.packet_id = rte_cpu_to_be_16(identification);
	ip.next_proto_id = protocol;
	sum = header->sum + ip.total_length + ip.packet_id + rte_cpu_to_be_16(protocol);
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	ip.hdr_checksum = (uint16_t)~sum;
	memcpy(at, &ip, sizeof(ip));
}

/* UDP behind it, without a checksum, for `total` bytes, itself included. */
static inline void outer_udp_write(uint8_t *at, const struct outer_header *header, uint32_t total)
{
	struct rte_udp_hdr udp = header->udp;

	udp.dgram_len = rte_cpu_to_be_16((uint16_t)total);
	memcpy(at, &udp, sizeof(udp));
}

#endif
