/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_TUNNEL_H
#define DATAPLANE_TUNNEL_H

#include "dataplane/objects.h"

/* Makes what stands in front of each PPP frame to a peer; everything in host order. */
void tunnel_header_set(struct tunnel_header *header, uint16_t local_port, uint16_t remote_port,
		       uint16_t peer_tunnel, uint16_t peer_session);

#endif
