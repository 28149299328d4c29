/* SPDX-License-Identifier: BSD-3-Clause */
/* What operators ask about dials. */
#include "explain/ring.h"

#include <string.h>

static bool matches(const struct dial *dial, const struct explain_question *question)
{
	switch (question->what) {
	case EXPLAIN_OF_PEER:
		return question->peer.port == 0
			       ? endpoint_same_address(&dial->peer, &question->peer)
			       : endpoint_equal(&dial->peer, &question->peer);
	case EXPLAIN_OF_USER:
		return dial->user != NULL && strcmp(dial->user, question->user) == 0;
	case EXPLAIN_OF_SESSION:
		return dial->session == question->number;
	case EXPLAIN_OF_NUMBER:
		return dial->number == question->number;
	case EXPLAIN_LAST:
		return true;
	}
	return false;
}

/* The one that failed last stands before all others. */
static bool is_rather(const struct dial *dial, const struct dial *best, enum explain_what what)
{
	if (best == NULL)
		return true;
	if (what == EXPLAIN_LAST) {
		bool failed = dial->outcome == EXPLAIN_FAILED;

		if (failed != (best->outcome == EXPLAIN_FAILED))
			return failed;
		if (failed && dial->ended_ms != best->ended_ms)
			return dial->ended_ms > best->ended_ms;
	}
	return dial->number > best->number;
}

explain_dial explain_find(const struct explain *explain, const struct explain_question *question,
			  uint32_t *more)
{
	const struct dial *best = NULL;
	uint32_t count = 0;

	for (unsigned kind = 0; kind < RING_KINDS; kind++)
		for (uint32_t i = 0; i < explain->rings[kind].size; i++) {
			const struct dial *dial = &explain->rings[kind].dials[i];

			if (dial->number == 0 || !matches(dial, question))
				continue;
			count++;
			if (is_rather(dial, best, question->what))
				best = dial;
		}
	*more = count > 0 ? count - 1 : 0;
	return best != NULL ? ring_handle(explain, best) : 0;
}

explain_dial explain_next(const struct explain *explain, uint64_t *number)
{
	const struct dial *best = NULL;

	for (unsigned kind = 0; kind < RING_KINDS; kind++)
		for (uint32_t i = 0; i < explain->rings[kind].size; i++) {
			const struct dial *dial = &explain->rings[kind].dials[i];

			if (dial->number != 0 && dial->number < *number &&
			    (best == NULL || dial->number > best->number))
				best = dial;
		}
	if (best == NULL)
		return 0;
	*number = best->number;
	return ring_handle(explain, best);
}

bool explain_view(const struct explain *explain, explain_dial handle, struct explain_view *view)
{
	const struct dial *dial = ring_dial(explain, handle);

	if (dial == NULL)
		return false;
	*view = (struct explain_view){
		.number = dial->number,
		.parent = dial->parent,
		.outcome = dial->outcome,
		.cause = dial->cause,
		.peer = dial->peer,
		.user = dial->user != NULL ? dial->user : "",
		.profile = dial->profile != NULL ? dial->profile : "",
		.detail = dial->detail != NULL ? dial->detail : "",
		.session = dial->session,
		.began_wall_ms = dial->began_wall_ms,
		.began_ms = dial->began_ms,
		.ended_ms = dial->ended_ms,
		.steps = dial->steps_told < STEPS_MAX ? dial->steps_told : STEPS_MAX,
		.skipped = dial->steps_told < STEPS_MAX ? 0 : dial->steps_told - STEPS_MAX,
	};
	return true;
}

void explain_step_view(const struct explain *explain, explain_dial handle, unsigned index,
		       struct explain_step_view *view)
{
	const struct dial *dial = ring_dial(explain, handle);
	unsigned place = index;
	const struct step *step;

	/* Of the last ones the oldest stands where the next would be written. */
	if (dial->steps_told > STEPS_MAX && index >= EXPLAIN_STEPS_FIRST)
		place = EXPLAIN_STEPS_FIRST +
			(index - EXPLAIN_STEPS_FIRST + dial->steps_told - EXPLAIN_STEPS_FIRST) %
				EXPLAIN_STEPS_LAST;
	step = &dial->steps[place];
	*view = (struct explain_step_view){
		.after_ms = step->after_ms,
		.layer = step->layer,
		.inbound = step->inbound,
		.message = step->message,
		.meaning = step->meaning != NULL ? step->meaning : "",
	};
}

const char *explain_layer_name(enum explain_layer layer)
{
	static const char *const names[] = {"ike", "l2tp", "ppp", "aaa"};

	return names[layer];
}

const char *explain_outcome_name(enum explain_outcome outcome)
{
	static const char *const names[] = {"running", "up", "ended", "failed"};

	return names[outcome];
}

void explain_size(const struct explain *explain, uint32_t *dials, uint64_t *bytes)
{
	*dials = 0;
	for (unsigned kind = 0; kind < RING_KINDS; kind++)
		for (uint32_t i = 0; i < explain->rings[kind].size; i++)
			*dials += explain->rings[kind].dials[i].number != 0;
	*bytes = explain->bytes;
}
