/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_PPP_HEADER_H
#define DATAPLANE_PPP_HEADER_H

/* PPP in front of the information field (RFC 1661 2, 1662 3.1). */

#define PPP_ADDRESS_CONTROL 0xff03u
#define PPP_IPV4            0x0021u
#define PPP_IPV6            0x0057u

#endif
