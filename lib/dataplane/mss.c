/* SPDX-License-Identifier: BSD-3-Clause */
/* The maximum segment size in TCP SYNs, so that segments fit the tunnel without fragments. */
#include "dataplane/mss.h"

#define TCP_HEADER_BYTES 20
#define TCP_FLAG_SYN     0x02
#define TCP_OPTION_END   0
#define TCP_OPTION_NOP   1
#define TCP_OPTION_MSS   2

/* RFC 1624: the checksum after a 16-bit word changed. */
static void checksum_update(uint8_t *checksum, uint16_t old, uint16_t fresh)
{
	uint32_t sum = (uint16_t) ~(checksum[0] << 8 | checksum[1]);

	sum += (uint16_t)~old;
	sum += fresh;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum;
	checksum[0] = (uint8_t)(sum >> 8);
	checksum[1] = (uint8_t)sum;
}

static void option_clamp(uint8_t *tcp, uint8_t *value, uint16_t mss)
{
	uint16_t old = (uint16_t)(value[0] << 8 | value[1]);
	bool odd = ((value - tcp) & 1) != 0;

	if (old <= mss)
		return;
	value[0] = (uint8_t)(mss >> 8);
	value[1] = (uint8_t)mss;
	/* At an odd offset the two bytes lie in two words: their swap has the same sum. */
	if (odd)
		checksum_update(tcp + 16, (uint16_t)(old << 8 | old >> 8),
				(uint16_t)(mss << 8 | mss >> 8));
	else
		checksum_update(tcp + 16, old, mss);
}

void mss_clamp_syn(struct rte_mbuf *mbuf, uint16_t mss)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	uint32_t header = rte_ipv4_hdr_len(ip);
	uint8_t *tcp = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, header);
	uint32_t options;

	if (mbuf->data_len < header + TCP_HEADER_BYTES ||
	    (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_OFFSET_MASK)) != 0 ||
	    (tcp[13] & TCP_FLAG_SYN) == 0)
		return;
	options = (uint32_t)(tcp[12] >> 4) * 4;
	if (options > mbuf->data_len - header)
		return;
	for (uint32_t at = TCP_HEADER_BYTES; at < options;) {
		uint8_t kind = tcp[at];

		if (kind == TCP_OPTION_END)
			return;
		if (kind == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 2 > options || tcp[at + 1] < 2 || at + tcp[at + 1] > options)
			return;
		if (kind == TCP_OPTION_MSS && tcp[at + 1] == 4)
			option_clamp(tcp, tcp + at + 2, mss);
		at += tcp[at + 1];
	}
}
