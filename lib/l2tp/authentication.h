/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_AUTHENTICATION_H
#define L2TP_AUTHENTICATION_H

/* Tunnel authentication (RFC 2661 5.1.1): MD5 of message type, secret and challenge. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHALLENGE_BYTES          16
#define CHALLENGE_RESPONSE_BYTES 16

/* Borrowed; NULL: there is none. */
struct secret {
	const uint8_t *bytes;
	size_t length;
};

/*
 * The response that belongs to `challenge` and goes into a message of `type` (SCCRP or SCCCN).
 * 0 or -errno.
 */
int l2tp_authentication_respond(struct secret secret, uint8_t type, const uint8_t *challenge,
				size_t challenge_bytes, uint8_t response[CHALLENGE_RESPONSE_BYTES]);

/* Compares a received response in constant time. */
bool l2tp_authentication_verify(struct secret secret, uint8_t type, const uint8_t *challenge,
				size_t challenge_bytes,
				const uint8_t response[CHALLENGE_RESPONSE_BYTES]);

#endif
