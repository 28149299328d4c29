/* SPDX-License-Identifier: BSD-3-Clause */
/* The PPP frame of a session (RFC 1661 2, 1662 3.1): IPv4 goes on, everything else to control. */
#include "dataplane/worker.h"

#define PPP_ADDRESS_CONTROL 0xff03u
#define PPP_IPV4            0x0021
#define PPP_IPV6            0x0057

/* The protocol and the bytes in front of the information field; 0 bytes if malformed. */
static uint32_t header_read(const uint8_t *at, uint32_t length, uint16_t *protocol)
{
	uint32_t offset = 0;
	rte_be32_t word;

	if (__builtin_expect(length >= sizeof(word), 1)) {
		memcpy(&word, at, sizeof(word));
		if (word == RTE_BE32(PPP_ADDRESS_CONTROL << 16 | PPP_IPV4)) {
			*protocol = PPP_IPV4;
			return sizeof(word);
		}
	}
	if (length >= 2 && (at[0] << 8 | at[1]) == PPP_ADDRESS_CONTROL)
		offset = 2;
	if (length < offset + 1)
		return 0;
	if (at[offset] & 1) { /* compressed to one byte */
		*protocol = at[offset];
		return offset + 1;
	}
	if (length < offset + 2 || (at[offset + 1] & 1) == 0)
		return 0;
	*protocol = (uint16_t)(at[offset] << 8 | at[offset + 1]);
	return offset + 2;
}

void ppp_in_stage(struct worker *w, struct vector *packets)
{
	struct vector ipv4 = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		const struct session *session = packet_of(mbuf)->here;
		uint16_t protocol = 0;
		uint32_t header = header_read(rte_pktmbuf_mtod(mbuf, const uint8_t *),
					      mbuf->data_len, &protocol);

		if (header == 0) {
			drop_packet(w, mbuf, DROP_ppp_bad_header);
		} else if (protocol == PPP_IPV4) {
			if (!session->open) {
				drop_packet(w, mbuf, DROP_ppp_not_open);
				continue;
			}
			packet_cut(mbuf, header, mbuf->data_len - header);
			vector_add(&ipv4, mbuf);
		} else if (protocol == PPP_IPV6) {
			drop_packet(w, mbuf, DROP_inner_ipv6);
		} else {
			control_hand(w, CONTROL_CLASS_ppp_control, mbuf, 0, mbuf->data_len, 0);
		}
	}
	if (ipv4.count != 0)
		ip_in_stage(w, &ipv4);
}
