/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_HOP_H
#define DATAPLANE_HOP_H

/* The time to live of forwarded packets. */

#include "dataplane/worker.h"

/* The packet died: ICMP, and it is gone. */
void hop_expired(struct worker *w, struct rte_mbuf *mbuf);

/* Takes one hop off a forwarded packet; false if it died of that and is gone. */
static inline bool hop_take(struct worker *w, struct rte_mbuf *mbuf)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, struct rte_ipv4_hdr *);
	uint32_t sum;

	if (packet_of(mbuf)->origin == PACKET_ORIGIN_SELF)
		return true;
	if (__builtin_expect(ip->time_to_live <= 1, 0)) {
		hop_expired(w, mbuf);
		return false;
	}
	ip->time_to_live--;
	sum = ip->hdr_checksum + (uint32_t)rte_cpu_to_be_16(0x0100); /* RFC 1141 */
	ip->hdr_checksum = (uint16_t)(sum + (sum >= 0xffff));
	return true;
}

#endif
