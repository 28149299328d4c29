/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_VENDOR_H
#define IKE_VENDOR_H

/* Vendor ids: what the peer can do, and which client it probably is. */

#include "ike/nat.h"
#include "ike/payload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which client it probably is. Profiles relax and re-order, they never weaken authentication. */
enum vendor_profile {
	VENDOR_PROFILE_GENERIC,
	VENDOR_PROFILE_WINDOWS,
	VENDOR_PROFILE_APPLE,
	VENDOR_PROFILE_ANDROID, /* and others with racoon */
	VENDOR_PROFILE_STRONGSWAN,
	VENDOR_PROFILE_LIBRESWAN,
};
const char *vendor_profile_name(enum vendor_profile profile);

#define VENDOR_FRAGMENTATION_MAIN_MODE 0x80000000 /* capability: fragments are welcome */

struct vendor_findings {
	enum nat_version nat_version; /* the best that was offered */
	bool dead_peer_detection;
	bool fragmentation;      /* its vendor id came */
	bool fragmentation_word; /* with the capability word, and its bit */
	enum vendor_profile profile;
	const char *version; /* of Windows, with a blank in front, or "" */
};

struct vendor_findings vendor_find(const struct payloads *payloads);

/* The vendor ids that we answer with. */
struct digest_part vendor_nat_id(enum nat_version version);
struct digest_part vendor_fragmentation_id(bool word);
struct digest_part vendor_dead_peer_detection_id(void);

#endif
