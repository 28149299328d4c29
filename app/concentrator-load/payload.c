/* SPDX-License-Identifier: BSD-3-Clause */
#include "payload.h"

#include <arpa/inet.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

#define MAGIC         0x4c544c44
#define PORT_UP       40000
#define PORT_DOWN     40001
#define TIME_TO_LIVE  64
#define DIRECTION_BIT 63

struct headers {
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
} __rte_packed;

/* The word of the pattern after `word`; the first is made of the stamp. */
static uint64_t pattern_first(const struct stamp *stamp)
{
	return (stamp->sequence ^ (uint64_t)stamp->session << 32) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t pattern_next(uint64_t word)
{
	return word + UINT64_C(0xd1b54a32d192ed03);
}

void payload_write(uint8_t *packet, size_t length, uint32_t source_be, uint32_t destination_be,
		   uint32_t session, uint8_t direction, uint64_t sequence, uint64_t sent_cycles)
{
	struct headers headers = {
		.ip = {.version_ihl = RTE_IPV4_VHL_DEF,
		       .total_length = htons((uint16_t)length),
		       .packet_id = htons((uint16_t)sequence),
		       .time_to_live = TIME_TO_LIVE,
		       .next_proto_id = IPPROTO_UDP,
		       .src_addr = source_be,
		       .dst_addr = destination_be},
		.udp = {.src_port = htons(PORT_UP),
			.dst_port = htons(PORT_DOWN),
			.dgram_len = htons((uint16_t)(length - sizeof(struct rte_ipv4_hdr)))},
	};
	const struct stamp stamp = {MAGIC, session, sequence | (uint64_t)direction << DIRECTION_BIT,
				    sent_cycles};
	uint64_t word = pattern_first(&stamp);
	uint8_t *at = packet + sizeof(headers);
	uint8_t *end = packet + length;

	headers.ip.hdr_checksum = rte_ipv4_cksum(&headers.ip);
	memcpy(packet, &headers, sizeof(headers));
	memcpy(at, &stamp, sizeof(stamp));
	for (at += sizeof(stamp); at < end; at += sizeof(word)) {
		size_t left = (size_t)(end - at);

		memcpy(at, &word, left < sizeof(word) ? left : sizeof(word));
		word = pattern_next(word);
	}
}

static bool pattern_right(const struct stamp *stamp, const uint8_t *at, const uint8_t *end)
{
	uint64_t word = pattern_first(stamp);

	for (; at < end; at += sizeof(word)) {
		size_t left = (size_t)(end - at);

		if (memcmp(at, &word, left < sizeof(word) ? left : sizeof(word)) != 0)
			return false;
		word = pattern_next(word);
	}
	return true;
}

enum payload_verdict payload_read(const uint8_t *packet, size_t length, uint8_t direction,
				  struct stamp *stamp)
{
	struct headers headers;

	if (length < sizeof(headers) + sizeof(*stamp))
		return PAYLOAD_FOREIGN;
	memcpy(&headers, packet, sizeof(headers));
	if (headers.ip.version_ihl != RTE_IPV4_VHL_DEF || headers.ip.next_proto_id != IPPROTO_UDP ||
	    headers.udp.src_port != htons(PORT_UP) || headers.udp.dst_port != htons(PORT_DOWN))
		return PAYLOAD_FOREIGN;
	memcpy(stamp, packet + sizeof(headers), sizeof(*stamp));
	if (stamp->magic != MAGIC || ntohs(headers.ip.total_length) != length ||
	    ntohs(headers.udp.dgram_len) != length - sizeof(headers.ip) ||
	    rte_ipv4_cksum(&headers.ip) != 0 || stamp->sequence >> DIRECTION_BIT != direction ||
	    !pattern_right(stamp, packet + sizeof(headers) + sizeof(*stamp), packet + length))
		return PAYLOAD_CORRUPT;
	stamp->sequence &= ~(UINT64_C(1) << DIRECTION_BIT);
	return PAYLOAD_RIGHT;
}
