/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

/*
 * What dials did: the ladder of each, step by step, and how it ended. A bounded memory: the latest
 * dials of peers that answered us, and apart from them those of peers that sent one message only, so
 * that a flood of first messages leaves the others alone.
 *
 * A *dial* begins with a peer's first message. Before its peer group or tunnel exists it is found by a
 * key (the initiator's cookie, or the tunnel id); later its handle is kept by whoever it belongs to. A
 * handle whose dial was overwritten is stale: every call with it does nothing.
 *
 * Only the control core calls it.
 */

#include "base/cause.h"
#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct explain;

#define EXPLAIN_STEPS_FIRST 40 /* of each dial these are kept, */
#define EXPLAIN_STEPS_LAST  24 /* and the last ones */

enum explain_layer { EXPLAIN_IKE, EXPLAIN_L2TP, EXPLAIN_PPP, EXPLAIN_AAA };

enum explain_outcome {
	EXPLAIN_RUNNING, /* not up yet */
	EXPLAIN_UP,
	EXPLAIN_ENDED, /* it was up */
	EXPLAIN_FAILED,
};

/* A dial that is kept; 0: none. */
typedef uint64_t explain_dial;

/* Names a dial before anything else does; 0: no key. */
static inline uint64_t explain_key_tunnel(uint16_t tunnel)
{
	return UINT64_C(1) << 63 | tunnel;
}

/* Of the initiator's cookie, which the peer chose: never one of the others. */
static inline uint64_t explain_key_cookie(uint64_t cookie)
{
	return (cookie & ~(UINT64_C(3) << 62)) | 1;
}

/* Of peers that sent what belongs inside IPsec. */
#define EXPLAIN_KEY_IN_CLEAR (UINT64_C(1) << 62)

/* `dials` and `strangers` are how many are kept of each kind, at least 1; `secret` is random: peers choose
 * keys. */
struct explain *explain_new(uint32_t dials, uint32_t strangers, uint64_t secret);
void explain_free(struct explain *explain);

/*
 * Begins the dial of `key`, or finds the one that began: of this key and this peer's address, unless
 * it is over. `wall_ms` is the time since 1970.
 */
explain_dial explain_begin(struct explain *explain, uint64_t key, const struct endpoint *peer,
			   uint64_t now_ms, uint64_t wall_ms);

/* The dial of a key, also when it is over; 0: none. `peer` may be NULL where the key is unique. */
explain_dial explain_by_key(const struct explain *explain, uint64_t key,
			    const struct endpoint *peer);

/* What was told of `from` belongs to `to`; `from` is forgotten. */
void explain_join(struct explain *explain, explain_dial from, explain_dial to);

/* Begins a dial that goes on where `parent` (may be 0) is: another call in its tunnel. */
explain_dial explain_branch(struct explain *explain, explain_dial parent,
			    const struct endpoint *peer, uint64_t now_ms, uint64_t wall_ms);

/* The peer proved that it receives what we send: it is no stranger any more. Returns the new handle. */
explain_dial explain_known(struct explain *explain, explain_dial dial);

/* One line of the ladder. `message` is static; `meaning` is copied, may be "". */
void explain_step(struct explain *explain, explain_dial dial, enum explain_layer layer,
		  bool inbound, const char *message, const char *meaning, uint64_t now_ms);

/* Whose dial it is, as far as it is known. Texts are copied. */
void explain_user(struct explain *explain, explain_dial dial, const char *user);
void explain_profile(struct explain *explain, explain_dial dial, const char *profile);
void explain_session(struct explain *explain, explain_dial dial, uint32_t session);
void explain_peer(struct explain *explain, explain_dial dial, const struct endpoint *peer);

/* It has no session yet: the next one is this dial's own. */
bool explain_is_vacant(const struct explain *explain, explain_dial dial);

/* Neither up nor over. */
bool explain_is_running(const struct explain *explain, explain_dial dial);

/* It is up, perhaps after all; an ended one is not up again. */
void explain_up(struct explain *explain, explain_dial dial);

/* It is over: failed, or ended if it was up. `detail` is copied, may be "". The first end counts. */
void explain_end(struct explain *explain, explain_dial dial, enum cause cause, const char *detail,
		 uint64_t now_ms);

/* --- what operators ask --- */

struct explain_step_view {
	uint64_t after_ms; /* since the dial's begin */
	enum explain_layer layer;
	bool inbound;
	const char *message;
	const char *meaning;
};

struct explain_view {
	uint64_t number; /* in the order of their beginnings, from 1 */
	explain_dial parent;
	enum explain_outcome outcome;
	enum cause cause;
	struct endpoint peer;
	const char *user; /* "" while unknown, like the next one */
	const char *profile;
	const char *detail;
	uint32_t session; /* UINT32_MAX: none */
	uint64_t began_wall_ms;
	uint64_t began_ms;
	uint64_t ended_ms; /* 0: it is not over */
	unsigned steps;    /* kept */
	unsigned skipped;  /* left out after the first EXPLAIN_STEPS_FIRST */
};

enum explain_what {
	EXPLAIN_OF_PEER,    /* .peer; port 0: any */
	EXPLAIN_OF_USER,    /* .user */
	EXPLAIN_OF_SESSION, /* .number: the session's */
	EXPLAIN_OF_NUMBER,  /* .number: the dial's own */
	EXPLAIN_LAST,       /* the one that failed last; without a failure the newest */
};

struct explain_question {
	enum explain_what what;
	struct endpoint peer;
	const char *user;
	uint64_t number;
};

/* The newest dial that the question is about, and in `*more` how many others there are; 0: none. */
explain_dial explain_find(const struct explain *explain, const struct explain_question *question,
			  uint32_t *more);

/* False: the handle is stale. What the view points to lives until the next call that changes it. */
bool explain_view(const struct explain *explain, explain_dial dial, struct explain_view *view);

/* Step `index` below the view's `steps`. */
void explain_step_view(const struct explain *explain, explain_dial dial, unsigned index,
		       struct explain_step_view *view);

/* The newest dial whose number is below `*number` (UINT64_MAX at first), which it sets; 0: no more. */
explain_dial explain_next(const struct explain *explain, uint64_t *number);

const char *explain_layer_name(enum explain_layer layer);
const char *explain_outcome_name(enum explain_outcome outcome);

/* How many dials are kept, and how many bytes they take. */
void explain_size(const struct explain *explain, uint32_t *dials, uint64_t *bytes);

#endif
