/* SPDX-License-Identifier: BSD-3-Clause */
#include "explained.h"

#include "../../app/concentrator-ctl/table.h"
#include "../../app/concentrator/explain_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY 1

void explained_step(struct explained *dial, enum explain_layer layer, bool inbound,
		    const char *message, const char *meaning)
{
	const struct endpoint peer = endpoint_ipv4(0x01020304, 500);

	if (dial->explain == NULL)
		dial->explain = explain_new(16, 4, 1);
	if (dial->dial == 0) {
		dial->dial = explain_known(dial->explain,
					   explain_begin(dial->explain, KEY, &peer, 0, 0));
		dial->steps = 0;
		dial->was_up = false;
	}
	explain_step(dial->explain, dial->dial, layer, inbound, message, meaning, 0);
	if (dial->steps < EXPLAINED_STEPS_MAX)
		dial->messages[dial->steps] = message;
	dial->steps++;
}

void explained_up(struct explained *dial)
{
	if (dial->dial != 0)
		explain_up(dial->explain, dial->dial);
	dial->was_up = true;
}

static void steps_check(const struct explained *dial, const json_t *report)
{
	const json_t *steps = json_object_get(report, "steps");

	for (unsigned i = 0; i < dial->steps && i < EXPLAINED_STEPS_MAX; i++) {
		const json_t *step = json_array_get(steps, i);

		assert_string_equal(json_string_value(json_object_get(step, "message")),
				    dial->messages[i]);
		assert_non_null(json_string_value(json_object_get(step, "meaning")));
	}
	assert_true(json_array_size(steps) != 0);
}

static const char *text_of(const json_t *report, const char *key)
{
	const char *text = json_string_value(json_object_get(report, key));

	assert_non_null(text);
	return text;
}

/* A line of the printed text: the key, and its value to the end. */
static void line_check(const char *printed, const char *key, const char *value)
{
	const char *at = printed;
	size_t length = strlen(value);

	assert_true(length != 0);
	while ((at = strstr(at, key)) != NULL) {
		const char *text = at + strlen(key) + strspn(at + strlen(key), " ");

		if ((at == printed || at[-1] == '\n') && strncmp(text, value, length) == 0 &&
		    text[length] == '\n')
			return;
		at++;
	}
	fail_msg("no line \"%s  %s\" in:\n%s", key, value, printed);
}

static void cause_note(enum cause cause)
{
	const char *path = getenv("EXPLAINED_CAUSES");
	FILE *file = path != NULL ? fopen(path, "a") : NULL;

	if (file == NULL)
		return;
	fprintf(file, "%s\n", cause_name(cause));
	fclose(file);
}

static void report_check(const struct explained *dial, enum cause cause, const char *detail)
{
	json_t *report = explain_report(dial->explain, dial->dial, 0);
	char *printed = NULL, why[2048];
	size_t printed_bytes;
	FILE *file = open_memstream(&printed, &printed_bytes);

	steps_check(dial, report);
	snprintf(why, sizeof(why), "%s%s%s", cause_text(cause), detail[0] != '\0' ? ": " : "",
		 detail);
	assert_string_equal(text_of(report, "why"), why);
	for (const char *c = why; *c != '\0'; c++)
		assert_true((unsigned char)*c >= ' '); /* one sentence, one line */
	assert_string_equal(text_of(report, "cause"), cause_name(cause));
	assert_string_equal(text_of(report, "cure"), cause_cure(cause));
	assert_string_equal(text_of(report, "outcome"), dial->was_up ? "ended" : "failed");
	table_print(file, report);
	fclose(file);
	line_check(printed, "why", why);
	line_check(printed, "cause", cause_name(cause));
	line_check(printed, "cure", cause_cure(cause));
	for (unsigned i = 0; i < dial->steps && i < EXPLAINED_STEPS_MAX; i++)
		assert_non_null(strstr(printed, dial->messages[i]));
	free(printed);
	json_decref(report);
}

void explained_end(struct explained *dial, enum cause cause, const char *detail)
{
	if (dial->dial == 0)
		return;
	assert_int_not_equal(cause, CAUSE_none);
	explain_end(dial->explain, dial->dial, cause, detail, 0);
	report_check(dial, cause, detail);
	cause_note(cause);
	dial->dial = 0;
}

void explained_close(struct explained *dial)
{
	explain_free(dial->explain);
	*dial = (struct explained){.explain = NULL};
}
