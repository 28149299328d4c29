/* SPDX-License-Identifier: BSD-3-Clause */
/* Cutting an inner packet before encryption (RFC 791 3.2): jobs need each piece in one buffer. */
#include "dataplane/worker.h"

static struct rte_mbuf *piece_new(struct worker *w, const struct rte_mbuf *whole, uint32_t offset,
				  uint32_t bytes, bool more)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(whole, const struct rte_ipv4_hdr *);
	uint32_t header = rte_ipv4_hdr_len(ip);
	uint16_t field = rte_be_to_cpu_16(ip->fragment_offset);
	struct rte_mbuf *piece = rte_pktmbuf_alloc(mailbox_packet_pool(w->mailbox));
	struct rte_ipv4_hdr *out;

	if (piece == NULL)
		return NULL;
	packet_of(piece)->watch = 0;
	piece->data_off = MAILBOX_HEADROOM_BYTES;
	out = (struct rte_ipv4_hdr *)rte_pktmbuf_append(piece, (uint16_t)(header + bytes));
	if (out == NULL) {
		rte_pktmbuf_free(piece);
		return NULL;
	}
	memcpy(out, ip, header);
	memcpy((uint8_t *)out + header, (const uint8_t *)ip + header + offset, bytes);
	field = (uint16_t)((field & RTE_IPV4_HDR_MF_FLAG) |
			   ((field & RTE_IPV4_HDR_OFFSET_MASK) + offset / 8));
	if (more)
		field |= RTE_IPV4_HDR_MF_FLAG;
	out->fragment_offset = rte_cpu_to_be_16(field);
	out->total_length = rte_cpu_to_be_16((uint16_t)(header + bytes));
	out->hdr_checksum = 0;
	out->hdr_checksum = (uint16_t)~rte_raw_cksum(out, header);
	*packet_of(piece) = *(struct packet *)rte_mbuf_to_priv((struct rte_mbuf *)(uintptr_t)whole);
	return piece;
}

void fragment_packet(struct worker *w, struct rte_mbuf *mbuf, uint16_t mtu, struct vector *out)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	uint32_t header = rte_ipv4_hdr_len(ip);
	uint32_t payload = mbuf->data_len - header;
	uint32_t step = (mtu - header) & ~7u;

	for (uint32_t offset = 0; offset < payload && out->count < VECTOR_MAX; offset += step) {
		uint32_t bytes = RTE_MIN(step, payload - offset);
		struct rte_mbuf *piece =
			piece_new(w, mbuf, offset, bytes, offset + bytes < payload);

		if (piece == NULL) {
			counter_add(&w->drops[DROP_no_packet_memory], 1);
			break;
		}
		vector_add(out, piece);
	}
	rte_pktmbuf_free(mbuf);
}
