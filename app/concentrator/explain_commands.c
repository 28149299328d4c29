/* SPDX-License-Identifier: BSD-3-Clause */
/* Ladders, causes and drops in the operator's words. */
#include "explain_commands.h"

#include "base/cause.h"
#include "control/control.h"
#include "daemon.h"
#include "explain/explain.h"
#include "explain_report.h"
#include "messages/drop.h"
#include "reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIALS_PAGE 16 /* each is searched for among all that are kept */

static void question_read(const char *text, struct explain_question *question)
{
	char *end;

	question->number = strtoul(text, &end, 10);
	question->user = text;
	if (strcmp(text, "last") == 0)
		question->what = EXPLAIN_LAST;
	else if (end != text && *end == '\0')
		question->what = EXPLAIN_OF_SESSION;
	else if (reply_endpoint_read(text, &question->peer))
		question->what = EXPLAIN_OF_PEER;
	else
		question->what = EXPLAIN_OF_USER;
}

static void answer(const struct explain *explain, const struct explain_question *question,
		   const char *text, struct ctl_reply *reply)
{
	uint32_t more;
	explain_dial dial = explain_find(explain, question, &more);

	if (dial != 0) {
		reply->result =
			explain_report(explain, dial, question->what == EXPLAIN_LAST ? 0 : more);
		return;
	}
	reply->status = CTL_NOT_FOUND;
	snprintf(reply->error, sizeof(reply->error), "no dial of %.64s is remembered", text);
}

void explain_command(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	const struct daemon *daemon = context;
	struct explain_question question = {0};

	question_read(request->arguments[0], &question);
	answer(control_explain(daemon->control), &question, request->arguments[0], reply);
}

void explain_dial_command(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	const struct daemon *daemon = context;
	struct explain_question question = {.what = EXPLAIN_OF_NUMBER};
	uint32_t number;

	if (!reply_number_read(request->arguments[0], "dial", reply, &number))
		return;
	question.number = number;
	answer(control_explain(daemon->control), &question, "that number", reply);
}

/* Engines may have a counter of the same name. */
void explain_drop_command(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	const struct daemon *daemon = context;
	const char *asked = request->arguments[0], *name, *text;
	uint64_t value;

	reply->result = json_array();
	for (unsigned i = 0; i < DROP_COUNT; i++)
		if (strcmp(drop_name(i), asked) == 0)
			json_array_append_new(reply->result,
					      json_pack("{s:s, s:s, s:s}", "name", asked, "meaning",
							drop_text(i), "advice", drop_advice(i)));
	for (unsigned i = 0; (name = control_counter(daemon->control, i, &text, &value)) != NULL;
	     i++)
		if (strcmp(name, asked) == 0)
			json_array_append_new(reply->result, json_pack("{s:s, s:s}", "name", asked,
								       "meaning", text));
	if (json_array_size(reply->result) != 0)
		return;
	reply->status = CTL_NOT_FOUND;
	snprintf(reply->error, sizeof(reply->error), "no drop is called %.64s: see show drops",
		 asked);
}

void explain_cause_command(void *context, const struct ctl_request *request,
			   struct ctl_reply *reply)
{
	(void)context;
	for (unsigned i = 0; i < CAUSE_COUNT; i++)
		if (strcmp(cause_name(i), request->arguments[0]) == 0) {
			reply->result = json_pack("{s:s, s:s, s:s}", "name", cause_name(i),
						  "meaning", cause_text(i), "cure", cause_cure(i));
			return;
		}
	reply->status = CTL_NOT_FOUND;
	snprintf(reply->error, sizeof(reply->error), "no cause is called %.64s",
		 request->arguments[0]);
}

void show_dials_command(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	const struct daemon *daemon = context;
	const struct explain *explain = control_explain(daemon->control);
	uint64_t number =
		request->cursor != NULL ? strtoull(request->cursor, NULL, 10) : UINT64_MAX;
	explain_dial dial;

	reply->result = json_array();
	while (json_array_size(reply->result) < DIALS_PAGE &&
	       (dial = explain_next(explain, &number)) != 0) {
		struct explain_view view;
		(void)explain_view(explain, dial, &view);
		json_array_append_new(reply->result, explain_report_row(&view));
	}
	if (json_array_size(reply->result) == DIALS_PAGE)
		snprintf(reply->next, sizeof(reply->next), "%" PRIu64, number);
}

static void sentence_print(FILE *to, const char *text)
{
	fprintf(to, "%c%s.", text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' + 'A' : text[0],
		text + 1);
}

void explain_manual_print(FILE *to)
{
	static const struct {
		const char *layer;
		const char *title;
	} parts[] = {{"ike", "IPsec (IKE)"},
		     {"l2tp", "L2TP"},
		     {"ppp", "PPP, users and addresses"},
		     {"aaa", "RADIUS"},
		     {"any", "Anywhere"}};

	fputs("# Why does it not connect?\n"
	      "\n"
	      "This page is generated: `concentrator --print-causes > "
	      "docs/why-it-does-not-connect.md`.\n"
	      "\n"
	      "Ask the concentrator first:\n"
	      "\n"
	      "```\n"
	      "concentrator-ctl explain last          # the dial that failed last\n"
	      "concentrator-ctl explain 203.0.113.7   # the newest one of that address\n"
	      "concentrator-ctl explain alice         # of that user\n"
	      "concentrator-ctl show dials            # all that are remembered\n"
	      "```\n"
	      "\n"
	      "It prints every message of the dial, why it ended, and what to do. The names below "
	      "are\n"
	      "those of the lines `cause` there, and of `cause=` in the log.\n",
	      to);
	for (unsigned part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
		fprintf(to, "\n## %s\n", parts[part].title);
		for (unsigned i = CAUSE_none + 1; i < CAUSE_COUNT; i++) {
			if (strcmp(cause_layer(i), parts[part].layer) != 0)
				continue;
			fprintf(to, "\n### `%s`\n\n", cause_name(i));
			sentence_print(to, cause_text(i));
			fprintf(to, "\n\n%s\n", cause_cure(i));
		}
	}
}
