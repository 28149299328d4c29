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
#include <stddef.h>
#include <stdint.h>

#include <rte_ip.h>
#include <rte_udp.h>

struct group;
struct session;

/*
 * A pair of SAs. The expanded keys lie behind it: inbound, then outbound. A packet of the peer needs
 * the first line and one of the window's, a packet to it the first and the last.
 */
struct sa {
	struct traffic_counters counters;
	struct group *group;
	uint32_t spi_in;
	uint32_t jobs; /* in flight; a delete waits for zero */
	uint8_t lane;
	uint8_t iv_bytes;
	uint8_t block_bytes;
	uint8_t tag_bytes;           /* by the RFC */
	uint8_t tag_bytes_wire;      /* what the peer uses; 0 until the first packet proved it */
	bool truncation_unknown : 1; /* SHA2-256: 16 or 12 bytes */
	bool encapsulated : 1;
	bool confirmed : 1;       /* may be sent on */
	bool outbound_closed : 1; /* the peer deleted its half */
	bool used : 1;
	bool policed : 1;            /* 3DES */
	bool removing : 1;           /* a delete waits */
	bool replay_off : 1;         /* for measurements: packets may come again */
	uint16_t peer_port;          /* selector; 0: any */
	struct replay_window replay; /* the rest of this line, and then its bits */
	uint32_t spi_out;
	uint32_t sequence_out; /* of the last packet sent */
	struct esp_key *key_out;
	uint32_t slot;
	struct message *remove; /* the delete that waits */
	uint64_t police_tokens; /* bytes */
	uint64_t police_cycles; /* when they were filled last */
};

/* The inbound keys of an SA. */
static inline struct esp_key *sa_key_in(const struct sa *sa)
{
	return (struct esp_key *)((uintptr_t)sa + SA_STORAGE_BYTES);
}

/* What the outer headers towards a peer have in common. */
struct outer_header {
	uint32_t sum;      /* of the IPv4 header's words that do not change */
	uint32_t local_be; /* the two addresses stand as in the header */
	uint32_t remote_be;
	uint32_t ports_be; /* as in the UDP header */
};

struct group_session {
	uint32_t ids_be; /* tunnel and session id, as the header has them */
	uint32_t slot;
	struct session *here;
};

/* One remote device. A packet of a client with one session needs the first line only. */
struct group {
	uint32_t slot;
	uint32_t remote_be;
	uint32_t local_be;
	uint16_t remote_port;
	uint16_t local_port; /* 4500; 500 or 0 without encapsulation */
	bool may_move;
	uint8_t pairs;
	uint8_t sessions;
	uint8_t moves_left; /* in the second of moves_cycles */
	uint16_t sas;
	bool unproven;     /* the peer did not answer at its address yet */
	uint8_t watch;     /* number of the watch; 0: not watched */
	struct sa *newest; /* the newest confirmed pair that may be sent on */
	struct group_session session[GROUP_SESSIONS_MAX];
	struct outer_header outer;
	/* Two that are tested at once for each packet. */
	bool limited : 1;   /* while it is unproven: `allowance` bounds what is sent */
	bool ipv6 : 1;      /* outside: the addresses above are what outer_fold() makes of them */
	uint32_t allowance; /* bytes */
	uint32_t proven_be; /* where the peer was proven to be last */
	uint64_t moves_cycles;
	uint64_t missed_cycles;           /* when control was told of a session that is not here */
	struct sa *pair[GROUP_PAIRS_MAX]; /* oldest first */
	uint8_t local_ipv6[16];
	uint8_t remote_ipv6[16];
};

/* UDP, L2TP and the first two bytes of PPP in front of each packet to a peer, in words as a
 * little-endian processor stores them; the length of UDP is left out. */
struct tunnel_header {
	uint64_t udp;
	uint64_t l2tp;
};

/* Everything that a packet needs lies in the first line, and in the second on the way out. */
struct session {
	struct traffic_counters counters; /* inner IP bytes that passed every check */
	struct group *group;              /* NULL: plain L2TP */
	uint32_t slot;
	uint32_t peer_address_be;
	uint16_t mtu;
	uint16_t mss;
	bool open;
	uint8_t watch; /* of a session in clear; 0: not watched */
	alignas(64) struct tunnel_header header;
	struct outer_header outer; /* plain L2TP */
};

static_assert(offsetof(struct sa, replay) + offsetof(struct replay_window, seen) == 64,
	      "what is checked before decryption lies in one line");
static_assert(offsetof(struct group, session) + sizeof(struct group_session) <= 64,
	      "a client's session is found in the group's first line");
static_assert(sizeof(struct sa) <= SA_STORAGE_BYTES, "control allocates SA_STORAGE_BYTES");
static_assert(sizeof(struct group) <= GROUP_STORAGE_BYTES, "control allocates GROUP_STORAGE_BYTES");
static_assert(sizeof(struct session) <= SESSION_STORAGE_BYTES,
	      "control allocates SESSION_STORAGE_BYTES");

#endif
