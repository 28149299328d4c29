/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef AAA_AAA_H
#define AAA_AAA_H

/*
 * Whether a user may in, by the local users. Takes what the PPP peer sent, as plain values. Only the
 * control core calls it; the answer comes at once. What a RADIUS server says is in access.h.
 */

#include "aaa/users.h"
#include "base/cause.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aaa;

enum aaa_method {
	AAA_METHOD_NONE,
	AAA_METHOD_PAP,
	AAA_METHOD_CHAP_MD5,
	AAA_METHOD_MS_CHAP_V2,
};

/* Pointers are borrowed for the call. */
struct aaa_request {
	enum aaa_method method;
	uint8_t identifier;       /* of the CHAP packet */
	const char *user_name;    /* as the peer gave it */
	const uint8_t *challenge; /* ours; MS-CHAPv2: 16 bytes */
	size_t challenge_bytes;
	const uint8_t *response; /* MD5: 16 bytes; MS-CHAPv2: the 49 bytes of the value */
	size_t response_bytes;
	const uint8_t *password; /* PAP */
	size_t password_bytes;
};

struct aaa_answer {
	bool accepted;
	enum cause cause;         /* when refused; the peer must not learn which it is */
	char detail[128];         /* when refused: more about it for the operator; may be "" */
	char message[128];        /* for the peer, in place of our own words; may be "" */
	char success[64];         /* MS-CHAPv2: "S=" and 40 digits; else "" */
	uint32_t address_be;      /* the user's own address in network order; 0: none */
	char pool[32];            /* the pool that the address is to come from; "": any */
	uint32_t dns_be[2];       /* name servers in place of the configured ones; 0: none */
	uint32_t mtu;             /* most that a packet to the peer may have; 0: no such bound */
	uint32_t session_seconds; /* the session's longest time; 0: no bound */
	uint32_t idle_seconds;    /* without data in either direction; 0: as configured */
	uint16_t ms_chap_error;   /* MS-CHAPv2, when refused: the code of its Failure; 0: ours */
};

/* Takes `users` over, also when it fails. NULL without MS-CHAPv2's arithmetic (errno ENOTSUP). */
struct aaa *aaa_new(struct users *users);
void aaa_free(struct aaa *aaa);

/* New users from now on; the old ones are wiped. Takes `users` over. */
void aaa_replace_users(struct aaa *aaa, struct users *users);

/*
 * Verifies one attempt. A user is looked up by the whole name, then by what stands behind
 * "DOMAIN\". An unknown user costs the time of a known one. AAA_METHOD_NONE is always accepted,
 * without an address.
 */
void aaa_verify(struct aaa *aaa, const struct aaa_request *request, struct aaa_answer *answer);

#endif
