/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_VENDOR_H
#define IKE_VENDOR_H

/* Vendor ids: what the peer can do, and which client it probably is. */

#include "ike/nat.h"
#include "ike/payload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vendor_findings {
	enum nat_version nat_version; /* the best that was offered */
	bool dead_peer_detection;
	const char *profile; /* "windows", "apple", "android", "strongswan", "generic" */
};

struct vendor_findings vendor_find(const struct payloads *payloads);

/* The vendor ids that we answer with. */
struct digest_part vendor_nat_id(enum nat_version version);
struct digest_part vendor_dead_peer_detection_id(void);

#endif
