/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hop.h"

#define ICMP_TIME_EXCEEDED 11

void hop_expired(struct worker *w, struct rte_mbuf *mbuf)
{
	icmp_error_send(w, mbuf, ICMP_TIME_EXCEEDED, 0, 0);
	drop_packet(w, mbuf, DROP_ttl_expired);
}
