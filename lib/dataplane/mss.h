/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_MSS_H
#define DATAPLANE_MSS_H

/* The maximum segment size of TCP connections through a session. */

#include "dataplane/worker.h"

#include <netinet/in.h>

/* A TCP segment. */
void mss_clamp_syn(struct rte_mbuf *mbuf, uint16_t mss);

/* Lowers the MSS option of a TCP SYN in the IPv4 packet to `mss` (host order); 0: leaves it. */
static inline void mss_clamp(struct rte_mbuf *mbuf, uint16_t mss)
{
	if (rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *)->next_proto_id == IPPROTO_TCP &&
	    mss != 0)
		mss_clamp_syn(mbuf, mss);
}

#endif
