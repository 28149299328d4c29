/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EXPLAIN_RING_H
#define EXPLAIN_RING_H

/* What the files of this room share: dials in two rings, the oldest overwritten first. */

#include "explain/explain.h"

#define STEPS_MAX (EXPLAIN_STEPS_FIRST + EXPLAIN_STEPS_LAST)

struct step {
	uint32_t after_ms;
	uint8_t layer;
	bool inbound;
	const char *message;
	char *meaning; /* owned; NULL: none */
};

struct dial {
	uint64_t number; /* 0: the place was never used */
	uint64_t key;    /* 0: not in the index */
	struct dial *next_of_key;
	explain_dial parent;
	uint8_t outcome;
	uint16_t cause;
	uint32_t session;
	struct endpoint peer;
	uint64_t began_ms;
	uint64_t began_wall_ms;
	uint64_t ended_ms;
	char *user; /* owned like the next ones; NULL: not known */
	char *profile;
	char *detail;
	struct step *steps; /* owned, steps_room of them */
	uint32_t steps_told;
	uint16_t steps_room;
};

struct ring {
	struct dial *dials;
	uint32_t size;
	uint32_t next; /* the place that is overwritten next */
};

enum ring_kind { RING_KNOWN, RING_STRANGERS, RING_KINDS };

#define KEY_BUCKET_BITS 16

struct explain {
	struct ring rings[RING_KINDS];
	uint64_t last_number;
	uint64_t bytes;
	uint64_t secret; /* of the index, whose keys peers choose */
	struct dial *by_key[1 << KEY_BUCKET_BITS];
};

/* ring.c */

/* NULL: the handle is stale. */
struct dial *ring_dial(const struct explain *explain, explain_dial handle);
explain_dial ring_handle(const struct explain *explain, const struct dial *dial);

/* An empty dial in the place of the ring's oldest one. */
struct dial *ring_take(struct explain *explain, enum ring_kind kind);

/* Moves a dial to another ring; its old place is empty. */
struct dial *ring_move(struct explain *explain, struct dial *dial, enum ring_kind kind);

struct dial *ring_by_key(const struct explain *explain, uint64_t key, const struct endpoint *peer);
void ring_key_set(struct explain *explain, struct dial *dial, uint64_t key);
bool ring_is_stranger(const struct explain *explain, const struct dial *dial);
void ring_clear(struct explain *explain, struct dial *dial);

/* Replaces an owned text. */
void ring_text_set(struct explain *explain, char **field, const char *text);

#endif
