/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef AAA_ACCESS_H
#define AAA_ACCESS_H

/*
 * A login as RADIUS attributes: what an Access-Request says (RFC 2865, 2548, 2868), and what its
 * answer means. Only the control core calls it.
 */

#include "aaa/aaa.h"
#include "base/endpoint.h"
#include "base/writer.h"

/* Where the login comes in. Texts are borrowed for the call. */
struct aaa_line {
	const char *nas_identifier;
	uint32_t nas_address_be;
	const char *session_id; /* Acct-Session-Id */
	const char *calling;    /* the LAC's Calling Number; "": the peer's address stands for it */
	const char *called;     /* its Called Number; "": our address does */
	const char *connect_info;
	uint32_t port; /* its number, of no other session at the same time */
	uint16_t tunnel;
	uint16_t l2tp_session;
	const char *peer_name; /* the LAC's host name; "": it said none */
	const char *our_name;  /* ours, as L2TP says it */
	uint32_t call_serial;  /* the call's serial number at the LAC */
	struct endpoint local;
	struct endpoint remote; /* the peer's outer address */
};

/* All attributes but User-Password (PAP: the caller hides it) and Message-Authenticator. */
void aaa_access_request_write(const struct aaa_request *request, const struct aaa_line *line,
			      struct writer *w);

/*
 * Reads the answer with this code and these attributes to `request`, of which only method and
 * identifier count. An Access-Challenge is a reject (RFC 2865 4.4). An Access-Accept that cannot be
 * honoured is refused as radius_bad_answer, and `detail` says why.
 */
void aaa_access_answer_read(const struct aaa_request *request, uint8_t code,
			    const uint8_t *attributes, size_t length, struct aaa_answer *answer);

#endif
