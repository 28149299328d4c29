/* SPDX-License-Identifier: BSD-3-Clause */
#include "explain_report.h"

#include "reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static json_t *time_json(uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char text[32];
	struct tm local;
	size_t length =
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &local));

	snprintf(text + length, sizeof(text) - length, ".%03u", (unsigned)(wall_ms % 1000));
	return json_string(text);
}

static json_t *step_json(const struct explain_step_view *step)
{
	char at[24];

	snprintf(at, sizeof(at), "+%" PRIu64 ".%03u", step->after_ms / 1000,
		 (unsigned)(step->after_ms % 1000));
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "at", at, "layer",
			 explain_layer_name(step->layer), "way", step->inbound ? "<-" : "->",
			 "message", step->message, "meaning", reply_text(step->meaning));
}

/*
 * What led to this call comes first: the dial of its tunnel, without what was said on the link of the
 * tunnel's first call. Of many calls in a row only one is told.
 */
static void steps_add(const struct explain *explain, explain_dial dial, json_t *steps,
		      bool is_parent)
{
	struct explain_view view;

	if (!explain_view(explain, dial, &view))
		return;
	if (view.parent != 0 && !is_parent)
		steps_add(explain, view.parent, steps, true);
	for (unsigned i = 0; i < view.steps; i++) {
		struct explain_step_view step;

		explain_step_view(explain, dial, i, &step);
		if (!is_parent || step.layer <= EXPLAIN_L2TP)
			json_array_append_new(steps, step_json(&step));
		if (i + 1 == EXPLAIN_STEPS_FIRST && view.skipped != 0)
			json_array_append_new(steps, json_pack("{s:s, s:i}", "at", "...", "skipped",
							       view.skipped));
	}
}

static void head_add(json_t *to, const struct explain_view *view)
{
	json_object_set_new(to, "dial", json_integer((json_int_t)view->number));
	json_object_set_new(to, "began", time_json(view->began_wall_ms));
	json_object_set_new(to, "peer", reply_endpoint(&view->peer));
	json_object_set_new(to, "profile", reply_text(view->profile));
	json_object_set_new(to, "user", reply_text(view->user));
	json_object_set_new(to, "session",
			    view->session == UINT32_MAX ? json_null()
							: json_integer(view->session));
	json_object_set_new(to, "outcome", json_string(explain_outcome_name(view->outcome)));
}

static bool is_over(const struct explain_view *view)
{
	return view->outcome == EXPLAIN_ENDED || view->outcome == EXPLAIN_FAILED;
}

/* One sentence: why, and what the engines know besides. */
static json_t *why_json(const struct explain_view *view)
{
	char text[1200];

	switch (view->outcome) {
	case EXPLAIN_RUNNING:
		return json_string("it is not over yet: the last step is what it waits at");
	case EXPLAIN_UP:
		return json_string("it is up");
	default:
		break;
	}
	snprintf(text, sizeof(text), "%s%s%s", cause_text(view->cause),
		 view->detail[0] != '\0' ? ": " : "", view->detail);
	return reply_text(text);
}

json_t *explain_report(const struct explain *explain, explain_dial dial, uint32_t more)
{
	struct explain_view view;
	json_t *steps = json_array();
	json_t *report = json_object();

	(void)explain_view(explain, dial, &view);
	head_add(report, &view);
	steps_add(explain, dial, steps, false);
	json_object_set_new(report, "steps", steps);
	json_object_set_new(report, "why", why_json(&view));
	if (is_over(&view)) {
		json_object_set_new(report, "cause", json_string(cause_name(view.cause)));
		json_object_set_new(report, "cure", json_string(cause_cure(view.cause)));
	}
	if (more != 0)
		json_object_set_new(report, "others", json_integer(more));
	return report;
}

json_t *explain_report_row(const struct explain_view *view)
{
	json_t *row = json_object();

	head_add(row, view);
	json_object_set_new(row, "cause",
			    is_over(view) ? json_string(cause_name(view->cause)) : json_null());
	return row;
}
