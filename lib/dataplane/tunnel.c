/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/tunnel.h"

#include "dataplane/ppp_header.h"

#define L2TP_DATA_FLAGS 0x0002 /* version 2, no optional field */

void tunnel_header_set(struct tunnel_header *header, uint16_t local_port, uint16_t remote_port,
		       uint16_t peer_tunnel, uint16_t peer_session)
{
	header->udp = rte_cpu_to_be_16(local_port) | (uint32_t)rte_cpu_to_be_16(remote_port) << 16;
	header->l2tp =
		rte_cpu_to_be_64((uint64_t)L2TP_DATA_FLAGS << 48 | (uint64_t)peer_tunnel << 32 |
				 (uint64_t)peer_session << 16 | PPP_ADDRESS_CONTROL);
}
