/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_PPP_SIMULATION_H
#define TESTS_PPP_SIMULATION_H

/* Both ends of a PPP link, the wire between them, and what the engine reported. */

#include "crypto/ms_chap.h"
#include "explained.h"
#include "ppp/ppp.h"
#include "ppp_peer.h"
#include "simulation_wire.h"

#define LOCAL_BE 0x0100000au
#define PEER_BE  0x0200000au
#define DNS1_BE  0x08080808u
#define DNS2_BE  0x01010101u

struct simulation {
	struct explained explained;
	uint64_t seed;
	uint64_t now_ms;
	struct ppp_config config;
	struct ppp_counters counters;
	struct ppp *ppp;
	struct ppp_peer peer;
	struct wire up;   /* from the peer to the engine */
	struct wire down; /* from the engine to the peer */
	struct ms_chap *ms_chap;
	const char *password; /* what the owner knows */
	enum cause refuse;    /* the owner's verdict when not none */
	const struct ppp_proxy *proxy;
	enum ppp_proxy_misfit misfit;
	bool no_verdict;
	bool echo_back; /* the engine's packets come back to it: a looped link */
	unsigned authenticates;
	struct ppp_event last_authenticate;
	unsigned ups;
	unsigned downs;
	unsigned finished;
	struct ppp_event last_up;
	struct ppp_event last_down;
	unsigned sends;
	uint64_t send_times[64];
	uint8_t send_bytes[64][64];
	size_t send_lengths[64];
	char ladder[8192];
};

/* Nothing runs yet: the test may change `config`, `peer` and the wires. */
struct simulation *simulation_new(uint8_t method);
/* The engine starts with what stands in `config`; and in `proxy`, when that is there. */
void simulation_start(struct simulation *s);
/* Starts both ends and runs for a second, without loss. */
void simulation_dial(struct simulation *s);
/* The same, and the link is up. */
struct simulation *simulation_up(uint8_t method);
void simulation_free(struct simulation *s);

void simulation_run(struct simulation *s, uint64_t until_ms);
void simulation_events(struct simulation *s);
void simulation_feed(struct simulation *s, const uint8_t *bytes, size_t length);
/* The verdict on the last attempt, when `no_verdict` kept it back. */
void simulation_authenticate(struct simulation *s);
/* Sends with this protocol and code so far. */
unsigned simulation_sent(const struct simulation *s, uint16_t protocol, uint8_t code);

#endif
