/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_EXPLAINED_H
#define TESTS_EXPLAINED_H

/*
 * What `concentrator-ctl explain` prints of a dial that an engine reported: through the ring of dials,
 * the daemon's reply and the client's table. Each end of a dial is checked: every step in its order,
 * the sentence of the cause with all that the engine knew, the cause's name and its cure.
 *
 * With EXPLAINED_CAUSES in the environment the names of the causes that passed go to that file.
 */

#include "base/cause.h"
#include "explain/explain.h"

#define EXPLAINED_STEPS_MAX 24 /* fewer than a dial keeps */

/* All zero: nothing was reported yet. */
struct explained {
	struct explain *explain;
	explain_dial dial; /* 0: the next step begins one */
	bool was_up;
	unsigned steps;                            /* told */
	const char *messages[EXPLAINED_STEPS_MAX]; /* the first ones */
};

/* `message` lives for ever. */
void explained_step(struct explained *dial, enum explain_layer layer, bool inbound,
		    const char *message, const char *meaning);
/* It came up: the end says so. */
void explained_up(struct explained *dial);
/* The dial is over, and what is printed of it is checked. Without a dial there is nothing to print. */
void explained_end(struct explained *dial, enum cause cause, const char *detail);
void explained_close(struct explained *dial);

#endif
