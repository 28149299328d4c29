/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/worker.h"

#define ICMP_TIME_EXCEEDED 11

bool hop_take(struct worker *w, struct rte_mbuf *mbuf)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, struct rte_ipv4_hdr *);
	uint32_t sum;

	if (packet_of(mbuf)->origin == PACKET_ORIGIN_SELF)
		return true;
	if (ip->time_to_live <= 1) {
		icmp_error_send(w, mbuf, ICMP_TIME_EXCEEDED, 0, 0);
		drop_packet(w, mbuf, DROP_ttl_expired);
		return false;
	}
	ip->time_to_live--;
	sum = ip->hdr_checksum + (uint32_t)rte_cpu_to_be_16(0x0100); /* RFC 1141 */
	ip->hdr_checksum = (uint16_t)(sum + (sum >= 0xffff));
	return true;
}
