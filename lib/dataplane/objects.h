/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_OBJECTS_H
#define DATAPLANE_OBJECTS_H

/*
 * SAs, peer groups and sessions as their owner worker keeps them, in storage that control
 * allocated. Only the owner reads and writes them, except the counters, which control reads.
 */

#include "crypto/esp_engine.h"
#include "dataplane/replay.h"
#include "messages/message.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

struct group;

/* A pair of SAs. The expanded keys lie behind it: inbound, then outbound. */
struct sa {
	struct traffic_counters counters;
	uint32_t spi_in;
	uint32_t spi_out;
	uint32_t slot;
	uint32_t jobs; /* in flight; a delete waits for zero */
	struct group *group;
	struct esp_key *key_in;
	struct esp_key *key_out;
	struct message *remove; /* the delete that waits */
	uint8_t lane;
	uint8_t iv_bytes;
	uint8_t block_bytes;
	uint8_t tag_bytes;       /* by the RFC */
	uint8_t tag_bytes_wire;  /* what the peer uses; 0 until the first packet proved it */
	bool truncation_unknown; /* SHA2-256: 16 or 12 bytes */
	bool encapsulated;
	bool confirmed;       /* may be sent on */
	bool outbound_closed; /* the peer deleted its half */
	bool used;
	bool policed;           /* 3DES */
	uint16_t peer_port;     /* selector; 0: any */
	uint32_t sequence_out;  /* of the last packet sent */
	uint64_t police_tokens; /* bytes */
	uint64_t police_cycles; /* when they were filled last */
	alignas(64) struct replay_window replay;
};

struct group_session {
	uint16_t tunnel;
	uint16_t session;
	uint32_t slot;
};

#define GROUP_PAIRS_MAX 8

/* One remote device. */
struct group {
	uint32_t slot;
	uint32_t local_be;
	uint32_t remote_be;
	uint16_t local_port; /* 4500; 500 or 0 without encapsulation */
	uint16_t remote_port;
	bool may_move;
	uint8_t pairs;
	uint8_t sessions;
	uint8_t moves_left; /* in the second of moves_cycles */
	uint16_t sas;
	uint64_t moves_cycles;
	struct sa *newest;                /* the newest confirmed pair that may be sent on */
	struct sa *pair[GROUP_PAIRS_MAX]; /* oldest first */
	struct group_session session[GROUP_SESSIONS_MAX];
};

struct session {
	struct traffic_counters counters; /* inner IP bytes that passed every check */
	struct group *group;              /* NULL: plain L2TP */
	uint32_t slot;
	uint32_t local_be; /* plain L2TP: outer addresses */
	uint32_t remote_be;
	uint32_t peer_address_be;
	uint16_t local_port; /* of UDP, inner with IPsec */
	uint16_t remote_port;
	uint16_t tunnel;
	uint16_t session;
	uint16_t peer_tunnel;
	uint16_t peer_session;
	uint16_t mtu;
	uint16_t mss;
	bool open;
	uint16_t identification; /* of fragments */
};

static_assert(sizeof(struct sa) <= SA_STORAGE_BYTES, "control allocates SA_STORAGE_BYTES");
static_assert(sizeof(struct group) <= GROUP_STORAGE_BYTES, "control allocates GROUP_STORAGE_BYTES");
static_assert(sizeof(struct session) <= SESSION_STORAGE_BYTES,
	      "control allocates SESSION_STORAGE_BYTES");

#endif
