/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/vendor.h"

#include "base/cursor.h"

#include <string.h>

enum vendor {
	VENDOR_RFC_3947,
	VENDOR_NAT_DRAFT_03,
	VENDOR_NAT_DRAFT_02,
	VENDOR_NAT_DRAFT_02N,
	VENDOR_NAT_DRAFT_00,
	VENDOR_NAT_APPLE,
	VENDOR_NAT_DRAFT_08,
	VENDOR_NAT_DRAFT_07,
	VENDOR_NAT_DRAFT_06,
	VENDOR_NAT_DRAFT_05,
	VENDOR_NAT_DRAFT_04,
	VENDOR_FRAGMENTATION,
	VENDOR_LIBRESWAN,
	VENDOR_DEAD_PEER_DETECTION,
	VENDOR_XAUTH,
	VENDOR_MICROSOFT,
	VENDOR_COUNT
};

/* Matched by prefix: versions and capabilities follow (rule of every implementation). */
static const struct {
	uint8_t length;
	uint8_t bytes[16];
} ids[VENDOR_COUNT] = {
	[VENDOR_RFC_3947] = {16,
			     {0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28,
			      0xf2, 0x0e, 0x95, 0x45, 0x2f}},
	[VENDOR_NAT_DRAFT_03] = {16,
				 {0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d,
				  0x92, 0x15, 0x52, 0x9d, 0x56}},
	[VENDOR_NAT_DRAFT_02] = {16,
				 {0xcd, 0x60, 0x46, 0x43, 0x35, 0xdf, 0x21, 0xf8, 0x7c, 0xfd, 0xb2,
				  0xfc, 0x68, 0xb6, 0xa4, 0x48}},
	[VENDOR_NAT_DRAFT_02N] = {16,
				  {0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81,
				   0xb5, 0xec, 0x42, 0x7b, 0x1f}},
	[VENDOR_NAT_DRAFT_00] = {16,
				 {0x44, 0x85, 0x15, 0x2d, 0x18, 0xb6, 0xbb, 0xcd, 0x0b, 0xe8, 0xa8,
				  0x46, 0x95, 0x79, 0xdd, 0xcc}},
	[VENDOR_NAT_APPLE] = {16,
			      {0x4d, 0xf3, 0x79, 0x28, 0xe9, 0xfc, 0x4f, 0xd1, 0xb3, 0x26, 0x21,
			       0x70, 0xd5, 0x15, 0xc6, 0x62}},
	[VENDOR_NAT_DRAFT_08] = {16,
				 {0x8f, 0x8d, 0x83, 0x82, 0x6d, 0x24, 0x6b, 0x6f, 0xc7, 0xa8, 0xa6,
				  0xa4, 0x28, 0xc1, 0x1d, 0xe8}},
	[VENDOR_NAT_DRAFT_07] = {16,
				 {0x43, 0x9b, 0x59, 0xf8, 0xba, 0x67, 0x6c, 0x4c, 0x77, 0x37, 0xae,
				  0x22, 0xea, 0xb8, 0xf5, 0x82}},
	[VENDOR_NAT_DRAFT_06] = {16,
				 {0x4d, 0x1e, 0x0e, 0x13, 0x6d, 0xea, 0xfa, 0x34, 0xc4, 0xf3, 0xea,
				  0x9f, 0x02, 0xec, 0x72, 0x85}},
	[VENDOR_NAT_DRAFT_05] = {16,
				 {0x80, 0xd0, 0xbb, 0x3d, 0xef, 0x54, 0x56, 0x5e, 0xe8, 0x46, 0x45,
				  0xd4, 0xc8, 0x5c, 0xe3, 0xee}},
	[VENDOR_NAT_DRAFT_04] = {16,
				 {0x99, 0x09, 0xb6, 0x4e, 0xed, 0x93, 0x7c, 0x65, 0x73, 0xde, 0x52,
				  0xac, 0xe9, 0x52, 0xfa, 0x6b}},
	[VENDOR_FRAGMENTATION] = {16,
				  {0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7, 0xde,
				   0x7f, 0x00, 0xd6, 0xc2, 0xd3}},
	[VENDOR_LIBRESWAN] = {12, "OE-Libreswan"},
	[VENDOR_DEAD_PEER_DETECTION] = {14,
					{0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86,
					 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00}},
	[VENDOR_XAUTH] = {8, {0x09, 0x00, 0x26, 0x89, 0xdf, 0xd6, 0xb7, 0x12}},
	[VENDOR_MICROSOFT] = {16,
			      {0x1e, 0x2b, 0x51, 0x69, 0x05, 0x99, 0x1c, 0x7d, 0x7c, 0x96, 0xfc,
			       0xbf, 0xb5, 0x87, 0xe4, 0x61}},
};

static uint32_t vendors_seen(const struct payloads *payloads)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < payloads->vendor_id_count; i++) {
		const struct digest_part *id = &payloads->vendor_ids[i];

		for (unsigned v = 0; v < VENDOR_COUNT; v++)
			if (id->length >= ids[v].length &&
			    memcmp(id->bytes, ids[v].bytes, ids[v].length) == 0)
				seen |= 1U << v;
	}
	return seen;
}

static bool has(uint32_t seen, enum vendor vendor)
{
	return seen >> vendor & 1;
}

/* In this order; what is not told apart with certainty is "generic". */
static enum vendor_profile profile_of(uint32_t seen)
{
	bool apple_draft = has(seen, VENDOR_NAT_APPLE) || has(seen, VENDOR_NAT_DRAFT_08) ||
			   has(seen, VENDOR_NAT_DRAFT_07) || has(seen, VENDOR_NAT_DRAFT_06) ||
			   has(seen, VENDOR_NAT_DRAFT_05) || has(seen, VENDOR_NAT_DRAFT_04);

	if (has(seen, VENDOR_MICROSOFT))
		return VENDOR_PROFILE_WINDOWS;
	if (apple_draft)
		return VENDOR_PROFILE_APPLE;
	if (has(seen, VENDOR_RFC_3947) && has(seen, VENDOR_NAT_DRAFT_02) &&
	    has(seen, VENDOR_NAT_DRAFT_02N) && has(seen, VENDOR_NAT_DRAFT_00) &&
	    has(seen, VENDOR_DEAD_PEER_DETECTION) && !has(seen, VENDOR_NAT_DRAFT_03))
		return VENDOR_PROFILE_ANDROID;
	if (has(seen, VENDOR_LIBRESWAN))
		return VENDOR_PROFILE_LIBRESWAN;
	if (has(seen, VENDOR_XAUTH) && has(seen, VENDOR_DEAD_PEER_DETECTION) &&
	    has(seen, VENDOR_RFC_3947))
		return VENDOR_PROFILE_STRONGSWAN;
	return VENDOR_PROFILE_GENERIC;
}

/* Microsoft's last byte. */
static const char *windows_version(uint8_t version)
{
	static const char *const versions[] = {
		"",
		"",
		" 2000",
		" XP",
		" XP SP2 or 2003",
		" Vista",
		" 2008",
		" 7",
		" 7, 8 or 2008 R2",
		" 8, 10, 11 or a server since 2012",
	};

	return version < sizeof(versions) / sizeof(versions[0]) ? versions[version] : "";
}

/* The word behind a vendor id, or 0. */
static uint32_t word_behind(const struct payloads *payloads, enum vendor vendor)
{
	for (size_t i = 0; i < payloads->vendor_id_count; i++) {
		const struct digest_part *id = &payloads->vendor_ids[i];
		struct cursor c = cursor_over(id->bytes, id->length);

		if (id->length == ids[vendor].length + 4U &&
		    memcmp(id->bytes, ids[vendor].bytes, ids[vendor].length) == 0) {
			cursor_skip(&c, ids[vendor].length);
			return cursor_u32(&c);
		}
	}
	return 0;
}

const char *vendor_profile_name(enum vendor_profile profile)
{
	static const char *const names[] = {
		[VENDOR_PROFILE_GENERIC] = "generic",
		[VENDOR_PROFILE_WINDOWS] = "windows",
		[VENDOR_PROFILE_APPLE] = "apple",
		[VENDOR_PROFILE_ANDROID] = "android",
		[VENDOR_PROFILE_STRONGSWAN] = "strongswan",
		[VENDOR_PROFILE_LIBRESWAN] = "libreswan",
	};

	return names[profile];
}

struct vendor_findings vendor_find(const struct payloads *payloads)
{
	uint32_t seen = vendors_seen(payloads);
	struct vendor_findings findings = {
		.nat_version = NAT_VERSION_NONE,
		.dead_peer_detection = has(seen, VENDOR_DEAD_PEER_DETECTION),
		.fragmentation = has(seen, VENDOR_FRAGMENTATION),
		.profile = profile_of(seen),
		.version = "",
	};

	findings.fragmentation_word =
		(word_behind(payloads, VENDOR_FRAGMENTATION) & VENDOR_FRAGMENTATION_MAIN_MODE) != 0;
	if (findings.profile == VENDOR_PROFILE_WINDOWS)
		findings.version =
			windows_version((uint8_t)word_behind(payloads, VENDOR_MICROSOFT));
	if (has(seen, VENDOR_RFC_3947))
		findings.nat_version = NAT_VERSION_RFC_3947;
	else if (has(seen, VENDOR_NAT_DRAFT_03))
		findings.nat_version = NAT_VERSION_DRAFT_03;
	else if (has(seen, VENDOR_NAT_DRAFT_02))
		findings.nat_version = NAT_VERSION_DRAFT_02;
	else if (has(seen, VENDOR_NAT_DRAFT_02N))
		findings.nat_version = NAT_VERSION_DRAFT_02N;
	return findings;
}

struct digest_part vendor_nat_id(enum nat_version version)
{
	static const uint8_t vendor_of[] = {
		[NAT_VERSION_DRAFT_02N] = VENDOR_NAT_DRAFT_02N,
		[NAT_VERSION_DRAFT_02] = VENDOR_NAT_DRAFT_02,
		[NAT_VERSION_DRAFT_03] = VENDOR_NAT_DRAFT_03,
		[NAT_VERSION_RFC_3947] = VENDOR_RFC_3947,
	};

	return (struct digest_part){ids[vendor_of[version]].bytes, 16};
}

struct digest_part vendor_dead_peer_detection_id(void)
{
	return (struct digest_part){ids[VENDOR_DEAD_PEER_DETECTION].bytes, 16};
}

struct digest_part vendor_fragmentation_id(bool word)
{
	static const uint8_t id[] = {0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7,
				     0xde, 0x7f, 0x00, 0xd6, 0xc2, 0xd3, 0x80, 0x00, 0x00, 0x00};

	return (struct digest_part){id, word ? 20 : 16};
}
