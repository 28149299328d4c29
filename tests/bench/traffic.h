/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

/*
 * Packets for a bed: which session and size each of a fixed set has, the frames of a trial, and the
 * check of what came out. Sizes are those of inner IPv4 packets.
 */

#include "bed.h"

struct traffic {
	struct bed *bed;
	uint32_t count;
	bool up; /* from the peers; else from the servers */
	uint32_t *session;
	uint16_t *bytes;
	struct rte_mbuf **packets; /* what came out last, or what goes in */
	uint64_t random;
};

#define TRAFFIC_IMIX 0 /* 64, 576 and 1400 bytes at 7:4:1 */

/* `bytes` is a size or TRAFFIC_IMIX; sessions are drawn at random from all of the bed. */
struct traffic *traffic_new(struct bed *bed, uint32_t count, bool up, uint16_t bytes);
void traffic_free(struct traffic *traffic);

/* Writes the frames: new sequence numbers, other sessions than last time. */
void traffic_make(struct traffic *traffic);

/* The same up to the ciphertext: what raw crypto gets to seal. `jobs` gets `count` entries. */
void traffic_make_text(struct traffic *traffic, struct esp_job *jobs);

/* Offers the frames to the bed. */
void traffic_offer(struct traffic *traffic);

/*
 * Takes back what the bed sent. `count` says how many came out. True if every packet is there; with
 * `contents`, true only if each byte of each inner packet is right.
 */
bool traffic_take(struct traffic *traffic, uint32_t count, bool contents);

#endif
