/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RADIUS_SERVER_H
#define RADIUS_SERVER_H

/* A RADIUS server's half for tests: replies made with OpenSSL, apart from the code under test. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_BYTES 4096

enum reply_fault {
	REPLY_RIGHT,
	REPLY_WRONG_SECRET,
	REPLY_NO_MESSAGE_AUTHENTICATOR,
	REPLY_WRONG_MESSAGE_AUTHENTICATOR,
};

/* The reply to `request`, signed with `secret`; its length. */
size_t reply_make(const uint8_t *request, uint8_t code, const char *secret,
		  const uint8_t *attributes, size_t attributes_bytes, enum reply_fault fault,
		  uint8_t reply[REPLY_BYTES]);

/* Message-Authenticator is the request's first attribute and right. */
bool request_is_signed(const uint8_t *request, size_t length, const char *secret);

#endif
