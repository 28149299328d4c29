/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SIMULATION_WIRE_H
#define TESTS_SIMULATION_WIRE_H

/* A fake wire with loss, duplication and reordering, and a generator that repeats by its seed. */

#include "base/random_source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_PACKET_MAX 2048
#define WIRE_PACKETS    256

struct wire_packet {
	uint64_t arrives_ms;
	size_t length;
	uint8_t bytes[WIRE_PACKET_MAX];
};

struct wire {
	uint64_t *seed;
	unsigned loss_percent;
	unsigned duplicate_percent;
	unsigned reorder_percent;
	uint64_t delay_ms;
	bool cut; /* nothing passes */
	size_t count;
	struct wire_packet packets[WIRE_PACKETS];
};

/* xorshift64; `seed` is never 0. */
uint64_t generator_next(uint64_t *seed);

/* For engines: `context` is the seed. */
void generator_fill(void *seed, void *bytes, size_t length);

void wire_send(struct wire *wire, const uint8_t *bytes, size_t length, uint64_t now_ms);

/* Takes the packet that arrives first, if it has arrived by `now_ms`. */
bool wire_receive(struct wire *wire, struct wire_packet *packet, uint64_t now_ms);

/* UINT64_MAX if nothing is on the way. */
uint64_t wire_deadline(const struct wire *wire);

#endif
