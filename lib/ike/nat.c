/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/nat.h"

#include <string.h>

const char *nat_version_text(enum nat_version version)
{
	static const char *const texts[] = {
		[NAT_VERSION_NONE] = "no NAT traversal",
		[NAT_VERSION_DRAFT_02N] = "NAT traversal draft 02",
		[NAT_VERSION_DRAFT_02] = "NAT traversal draft 02",
		[NAT_VERSION_DRAFT_03] = "NAT traversal draft 03",
		[NAT_VERSION_RFC_3947] = "RFC 3947",
	};

	return texts[version];
}

int nat_d_hash(enum digest_kind hash, const uint8_t cookies[16], const struct endpoint *endpoint,
	       uint8_t *out)
{
	const uint8_t port_be[2] = {(uint8_t)(endpoint->port >> 8), (uint8_t)endpoint->port};
	const struct digest_part parts[] = {
		{cookies, 16},
		{endpoint->address, endpoint_address_bytes(endpoint)},
		{port_be, sizeof(port_be)},
	};

	return digest_compute(hash, parts, 3, out);
}

static bool nat_d_matches(enum digest_kind hash, const uint8_t cookies[16],
			  const struct endpoint *endpoint, const struct payloads *payloads)
{
	uint8_t expected[DIGEST_BYTES_MAX];

	if (nat_d_hash(hash, cookies, endpoint, expected) != 0)
		return false;
	for (size_t i = 0; i < payloads->nat_d_count; i++)
		if (payloads->nat_d[i].length == digest_bytes(hash) &&
		    memcmp(payloads->nat_d[i].bytes, expected, digest_bytes(hash)) == 0)
			return true;
	return false;
}

struct nat_detection nat_detect(enum digest_kind hash, const uint8_t cookies[16],
				const struct ike_path *path, const struct payloads *payloads)
{
	struct nat_detection detection = {.nat_d_came = payloads->nat_d_count != 0};

	if (!detection.nat_d_came)
		return detection;
	detection.local_behind_nat = !nat_d_matches(hash, cookies, &path->local, payloads);
	detection.peer_behind_nat = !nat_d_matches(hash, cookies, &path->remote, payloads);
	return detection;
}
