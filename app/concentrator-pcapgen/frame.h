/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PCAPGEN_FRAME_H
#define PCAPGEN_FRAME_H

/* Frames of the sessions of a plan, as their peers or the servers send them. */

#include "crypto/esp_engine.h"
#include "provision/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES_MAX 2048

struct frame_source {
	struct plan plan;
	bool down;       /* from the servers, in clear */
	uint32_t local;  /* the concentrator's address, host order */
	uint32_t server; /* the address behind it */
	uint8_t our_mac[6];
	uint8_t peer_mac[6];
	struct esp_engine *engine; /* NULL: no ESP */
};

/*
 * Writes packet number `sequence` (from 1 on) of a session, whose inner packet has `inner_bytes`, at
 * least 28. `key` is the session's key towards the concentrator, for encryption; NULL for plain L2TP.
 * Returns the length of the frame.
 */
size_t frame_write(const struct frame_source *source, uint32_t number, uint32_t sequence,
		   uint16_t inner_bytes, const struct esp_key *key, uint8_t frame[FRAME_BYTES_MAX]);

#endif
