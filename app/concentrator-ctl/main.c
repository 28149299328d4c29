/* SPDX-License-Identifier: BSD-3-Clause */
/* The operator's command line: one command from the arguments, or a prompt without any. */
#include "client.h"
#include "table.h"
#include "watch.h"

#include <errno.h>
#include <getopt.h>
#include <histedit.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE       2
#define EXIT_NOT_FOUND   3
#define EXIT_UNREACHABLE 4
#define WORDS_MAX        16

struct session {
	const char *path;
	int descriptor;
	bool json;
	struct watch_options watch;
	json_t *commands; /* the daemon's table */
};

static const char usage[] =
	"concentrator-ctl [-s SOCKET] [--json] [COMMAND]\n"
	"\n"
	"Without a command it asks for them. Commands:\n"
	"  trace SESSION|PEER [-n LINES] [-t SECONDS]\n"
	"                           Follow packets through the workers.\n"
	"  capture SESSION|PEER -o FILE [-n PACKETS] [-t SECONDS]\n"
	"                           Write what lies above ESP, for Wireshark.\n";

static void help_print(FILE *to, const struct session *session)
{
	size_t i;
	json_t *command;

	fputs(usage, to);
	json_array_foreach(session->commands, i, command)
	{
		char text[96];

		snprintf(text, sizeof(text), "%s %s",
			 json_string_value(json_object_get(command, "name")),
			 json_string_value(json_object_get(command, "arguments")));
		fprintf(to, "  %-24s %s\n", text,
			json_string_value(json_object_get(command, "help")));
	}
}

/* Words of a command's name that the words begin with; 0: it is another command. */
static unsigned name_words(const char *name, char *const *words, unsigned count)
{
	unsigned matched = 0;

	while (*name != '\0') {
		size_t length = strcspn(name, " ");

		if (matched == count || strlen(words[matched]) != length ||
		    strncmp(words[matched], name, length) != 0)
			return 0;
		matched++;
		name += length;
		name += strspn(name, " ");
	}
	return matched;
}

/* One object a line, so that grep and scripts can use it. */
static void json_print(const json_t *result)
{
	size_t count = json_is_array(result) ? json_array_size(result) : 1;

	for (size_t i = 0; i < count; i++) {
		json_dumpf(json_is_array(result) ? json_array_get(result, i) : result, stdout,
			   JSON_COMPACT | JSON_ENCODE_ANY);
		fputc('\n', stdout);
	}
}

static int reply_print(const struct session *session, const json_t *reply)
{
	const char *code = json_string_value(json_object_get(reply, "code"));

	if (json_is_true(json_object_get(reply, "ok"))) {
		const json_t *result = json_object_get(reply, "result");

		if (session->json)
			json_print(result);
		else
			table_print(stdout, result);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "concentrator-ctl: %s\n",
		json_string_value(json_object_get(reply, "error")));
	if (code != NULL && strcmp(code, "usage") == 0)
		return EXIT_USAGE;
	if (code != NULL && strcmp(code, "not_found") == 0)
		return EXIT_NOT_FOUND;
	return EXIT_FAILURE;
}

/* They go on until they are told to stop. */
static int watch_words(const struct session *session, char *const *words, unsigned count)
{
	bool trace = strcmp(words[0], "trace") == 0;
	bool failed;
	json_t *reply;
	int status;

	if (count != 2 || trace == (session->watch.output != NULL)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	reply = watch_run(session->descriptor, trace, words[1], &session->watch, &failed);
	if (reply == NULL)
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;
	status = reply_print(session, reply);
	json_decref(reply);
	return status;
}

static int words_run(const struct session *session, char *const *words, unsigned count)
{
	size_t i;
	json_t *command;

	if (count == 1 && strcmp(words[0], "help") == 0) {
		help_print(stdout, session);
		return EXIT_SUCCESS;
	}
	if (strcmp(words[0], "trace") == 0 || strcmp(words[0], "capture") == 0)
		return watch_words(session, words, count);
	json_array_foreach(session->commands, i, command)
	{
		const char *name = json_string_value(json_object_get(command, "name"));
		unsigned matched = name_words(name, words, count);
		json_t *arguments, *reply;
		int status;

		if (matched == 0)
			continue;
		arguments = json_array();
		for (unsigned word = matched; word < count; word++)
			json_array_append_new(arguments, json_string(words[word]));
		reply = client_ask(session->descriptor, name, arguments);
		json_decref(arguments);
		if (reply == NULL) {
			fputs("concentrator-ctl: the daemon went away\n", stderr);
			return EXIT_UNREACHABLE;
		}
		status = reply_print(session, reply);
		json_decref(reply);
		return status;
	}
	fprintf(stderr, "concentrator-ctl: no such command; try: concentrator-ctl help\n");
	return EXIT_USAGE;
}

static const char *prompt(EditLine *line)
{
	(void)line;
	return "concentrator> ";
}

static int interact(const struct session *session)
{
	EditLine *line = el_init("concentrator-ctl", stdin, stdout, stderr);
	History *lines = history_init();
	const char *text;
	HistEvent event;
	int length, status = EXIT_SUCCESS;

	history(lines, &event, H_SETSIZE, 200);
	el_set(line, EL_PROMPT, prompt);
	el_set(line, EL_EDITOR, "emacs");
	el_set(line, EL_HIST, history, lines);
	while (status != EXIT_UNREACHABLE && (text = el_gets(line, &length)) != NULL &&
	       length > 0) {
		char *words[WORDS_MAX];
		unsigned count = 0;
		char *copy = strdup(text), *rest = copy, *word;

		while (count < WORDS_MAX && (word = strsep(&rest, " \t\n")) != NULL)
			if (word[0] != '\0')
				words[count++] = word;
		if (count != 0) {
			history(lines, &event, H_ENTER, text);
			if (strcmp(words[0], "quit") == 0 || strcmp(words[0], "exit") == 0) {
				free(copy);
				break;
			}
			status = words_run(session, words, count);
		}
		free(copy);
	}
	history_end(lines);
	el_end(line);
	return status;
}

static int session_open(struct session *session)
{
	json_t *none = json_array();
	json_t *reply;

	session->descriptor = client_connect(session->path);
	if (session->descriptor < 0) {
		fprintf(stderr, "concentrator-ctl: cannot reach the daemon at %s: %s\n",
			session->path, strerror(errno));
		json_decref(none);
		return EXIT_UNREACHABLE;
	}
	reply = client_ask(session->descriptor, "help", none);
	json_decref(none);
	session->commands = json_incref(json_object_get(reply, "result"));
	json_decref(reply);
	if (session->commands == NULL) {
		fputs("concentrator-ctl: the daemon does not answer\n", stderr);
		return EXIT_UNREACHABLE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"socket", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct session session = {.path = "/run/concentrator.sock", .descriptor = -1};
	bool help = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "s:jho:n:t:", options, NULL)) != -1) {
		switch (option) {
		case 's':
			session.path = optarg;
			break;
		case 'o':
			session.watch.output = optarg;
			break;
		case 'n':
			session.watch.count = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			session.watch.seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			session.json = true;
			break;
		case 'h':
			help = true;
			break;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	status = session_open(&session);
	if (status == EXIT_SUCCESS) {
		if (help)
			help_print(stdout, &session);
		else if (optind < argc)
			status = words_run(&session, argv + optind, (unsigned)(argc - optind));
		else
			status = interact(&session);
	}
	json_decref(session.commands);
	if (session.descriptor >= 0)
		close(session.descriptor);
	return status;
}
