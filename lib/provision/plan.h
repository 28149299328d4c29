/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROVISION_PLAN_H
#define PROVISION_PLAN_H

/*
 * Sessions that follow from their number, so that a traffic generator needs no dial to know their
 * addresses, ids, SPIs and keys. scripts/generators/benchplan.py has the same formulas.
 */

#include "crypto/esp_suite.h"

#include <stddef.h>
#include <stdint.h>

#define PLAN_SESSIONS_MAX    1048576u
#define PLAN_TUNNEL_SESSIONS 60000u /* in one plain tunnel */

/* In host order. */
#define PLAN_SUBSCRIBER_FIRST 0x0a400000u /* 10.64.0.0: session i has this plus i */
#define PLAN_SUBSCRIBER_BITS  12u         /* of the prefix that holds them all */
#define PLAN_PEER_FIRST       0x64400000u /* 100.64.0.0: client i, or plain tunnel t, has this plus it */
#define PLAN_SPI_IN_FIRST     0x40000000u /* towards the concentrator */
#define PLAN_SPI_OUT_FIRST    0xc0000000u

struct plan {
	uint32_t sessions;
	struct esp_suite suite; /* cipher NONE: plain L2TP */
	char seed[64];
};

/* What follows from the number of a session. Addresses are in host order. */
struct plan_session {
	uint32_t peer;       /* outer address */
	uint32_t subscriber; /* inner address */
	uint32_t spi_in;
	uint32_t spi_out;
	uint16_t tunnel; /* ids, the same on both sides */
	uint16_t session;
};

struct plan_session plan_session(const struct plan *plan, uint32_t number);

/* Towards the concentrator, and towards the peer. */
enum plan_direction { PLAN_IN, PLAN_OUT };

/*
 * Keys of one direction of a session: HMAC-SHA2-256 under the seed of the direction ("i" or "o"), the
 * number in four bytes, and a counter byte from 1 on, one after the other, cut to length.
 */
void plan_keys(const struct plan *plan, uint32_t number, enum plan_direction direction,
	       struct esp_keys *keys);

/* The suite of a name: "none", "aes-256-gcm", "aes-128-gcm", "aes-256-cbc-sha1"; -1 if there is none. */
int plan_suite(const char *name, struct esp_suite *suite);

#endif
