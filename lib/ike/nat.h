/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_NAT_H
#define IKE_NAT_H

/* NAT traversal (RFC 3947 and its drafts): versions, NAT-D hashes, detection. */

#include "base/endpoint.h"
#include "crypto/digest.h"
#include "ike/ike.h"
#include "ike/payload.h"

#include <stdbool.h>
#include <stdint.h>

/* In order of preference. */
enum nat_version {
	NAT_VERSION_NONE,
	NAT_VERSION_DRAFT_02N,
	NAT_VERSION_DRAFT_02,
	NAT_VERSION_DRAFT_03,
	NAT_VERSION_RFC_3947,
};

struct nat_detection {
	bool peer_behind_nat;
	bool local_behind_nat;
	bool nat_d_came; /* false: the peer sent no NAT-D, there is no traversal */
};

/* "RFC 3947", "no NAT traversal" and so on. */
const char *nat_version_text(enum nat_version version);

/* hash(CKY-I | CKY-R | address | port); `out` has digest_bytes(). */
int nat_d_hash(enum digest_kind hash, const uint8_t cookies[16], const struct endpoint *endpoint,
	       uint8_t *out);

/* Compares the NAT-D payloads, in any order and number, with the addresses that we see. */
struct nat_detection nat_detect(enum digest_kind hash, const uint8_t cookies[16],
				const struct ike_path *path, const struct payloads *payloads);

#endif
