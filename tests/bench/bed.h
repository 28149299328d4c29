/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_BED_H
#define BENCH_BED_H

/*
 * Workers of the product in this process, with sessions installed by the messages that control
 * sends, and two ports whose receive and transmit functions only move pointers: what a run costs is
 * the worker's own work. The caller's thread is worker 0's thread; it alone receives.
 */

#include "crypto/esp_engine.h"
#include "dataplane/dataplane.h"
#include "provision/plan.h"

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define BED_BURST       32
#define BED_WORKERS_MAX 2

enum bed_port { BED_PEERS, BED_SERVERS, BED_PORTS };

/* Host order. */
#define BED_LOCAL        0xc0000201u /* 192.0.2.1 */
#define BED_SERVER_FIRST 0xc6120000u /* 198.18.0.0/15 */

struct bed_options {
	uint32_t sessions;
	struct esp_suite suite; /* cipher NONE: plain L2TP, all sessions in tunnels of 60000 */
	unsigned workers;       /* session i belongs to worker i % workers */
	uint32_t packets;       /* buffers beside those that the workers need */
};

/* What a peer knows. */
struct bed_session {
	struct esp_key *key_peer; /* its outbound key: packets towards us are sealed with it */
	uint32_t sequence;        /* of the last packet that it sent */
};

struct bed_queue {
	struct rte_mbuf **packets;
	uint32_t count;
	uint32_t at; /* next to be received */
};

struct bed {
	struct bed_options options;
	struct plan plan;
	struct mailbox *mailbox;
	struct tables *tables;
	struct dataplane *dataplane;
	struct esp_engine *engine; /* the peers' */
	struct bed_session *session;
	struct bed_queue in[BED_PORTS];
	struct bed_queue out[BED_WORKERS_MAX]; /* what workers sent, of both ports */
};

/* Starts EAL, once. True if memory lies on huge pages. */
bool bed_eal_start(unsigned megabytes);

/* Aborts with a line if anything is missing. One bed at a time. */
struct bed *bed_new(const struct bed_options *options);
void bed_free(struct bed *bed);

/* The key with which the peer of a session opens what we send; `key` has esp_key_bytes(). */
void bed_peer_key(struct bed *bed, uint32_t session, struct esp_key *key);

/* Puts frames where `port` receives them; the array stays the caller's until they are polled. */
void bed_offer(struct bed *bed, enum bed_port port, struct rte_mbuf **packets, uint32_t count);

/* Polls worker 0 until everything offered came out or was dropped: the number that came out. */
uint32_t bed_run(struct bed *bed);

uint64_t bed_drops(const struct bed *bed);

#endif
