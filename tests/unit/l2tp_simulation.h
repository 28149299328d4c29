/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_L2TP_SIMULATION_H
#define TESTS_L2TP_SIMULATION_H

#include "explained.h"
#include "l2tp/l2tp.h"
#include "l2tp_lac.h"
#include "simulation_wire.h"

#define EVENTS_MAX 512

/* Both ends, the wire between them, and what the engine reported. */
struct simulation {
	struct explained explained;
	uint64_t seed;
	uint64_t now_ms;
	struct l2tp_config config;
	struct l2tp_counters counters;
	struct l2tp *lns;
	struct lac lac;
	struct lac *other; /* a second one without a wire, on other_client */
	struct endpoint other_client;
	struct endpoint client;
	struct endpoint local;
	struct wire up;
	struct wire down;
	unsigned sends;
	unsigned steps;
	unsigned tunnels_up;
	unsigned tunnels_down;
	unsigned tunnels_gone;
	unsigned sessions_up;
	unsigned sessions_opening;
	unsigned sessions_down;
	unsigned answers;
	uint16_t tunnel;
	uint16_t session;
	struct l2tp_event last_up;
	struct l2tp_event last_down;
	struct l2tp_event last_session;
	char last_proxy[512]; /* what the last session's event says of proxies; "": nothing */
	uint64_t send_times[64];
	uint16_t send_types[64];
	uint16_t send_ns[64];
	uint16_t send_nr[64];
	uint16_t acknowledged; /* the Nr that the engine saw last */
	int flight_most;       /* messages sent and not acknowledged, at most */
	char ladder[EVENTS_MAX * 12];
};

/* Nothing runs yet: the test may change `config`, `lac` and the wires. */
struct simulation *simulation_new(void);
/* The engine starts with what stands in `config`. */
void simulation_start(struct simulation *s);
/* Dials without loss: tunnel and session are up after one second. */
struct simulation *simulation_up(void);
void simulation_free(struct simulation *s);

void simulation_run(struct simulation *s, uint64_t until_ms);
/* Feeds one message as if it came from the client now. */
void simulation_feed(struct simulation *s, const uint8_t *bytes, size_t length);
/* Feeds one message from somewhere else. */
void simulation_feed_from(struct simulation *s, const struct endpoint *from, const uint8_t *bytes,
			  size_t length);
void simulation_events(struct simulation *s);
/* Sends of `type` (0: ZLB) so far. */
unsigned simulation_sent(const struct simulation *s, uint16_t type);
uint64_t simulation_counter(const struct simulation *s, enum l2tp_counter counter);

#endif
