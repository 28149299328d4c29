/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

/*
 * Packets for a bed: which session and size each of a fixed set has, the frames of a trial, and the
 * check of what came out. Sizes are those of inner IPv4 packets.
 */

#include "bed.h"

enum traffic_kind {
	TRAFFIC_DATA,
	TRAFFIC_ECHO,  /* LCP Echo-Request */
	TRAFFIC_HELLO, /* L2TP */
};

struct traffic {
	struct bed *bed;
	uint32_t count;
	bool up; /* from the peers; else from the servers */
	uint32_t *session;
	uint16_t *bytes;
	uint8_t *kind; /* enum traffic_kind; of packets from the peers */
	uint32_t
		stride; /* sessions are drawn among those whose number divided by it leaves `rest` */
	uint32_t rest;
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

/* Another packet number `i`, in a buffer of its own, for a session drawn at random. */
void traffic_make_one(struct traffic *traffic, uint32_t i, struct rte_mbuf *mbuf,
		      enum traffic_kind kind);

/* A packet that was sent and lost: it only uses up a sequence number. */
void traffic_skip_one(struct traffic *traffic);

/* Another random number; the sequence is the same in every run. */
uint64_t traffic_random(struct traffic *traffic);

/* Offers the frames to the bed. */
void traffic_offer(struct traffic *traffic);

/*
 * Takes back what the bed sent. `count` says how many came out. True if every packet is there; with
 * `contents`, true only if each byte of each inner packet is right.
 */
bool traffic_take(struct traffic *traffic, uint32_t count, bool contents);

#endif
