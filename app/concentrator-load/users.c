/* SPDX-License-Identifier: BSD-3-Clause */
#include "users.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD_BYTES 128

/* Puts the session's number in the place of "%d"; returns `text`. */
static const char *pattern_fill(const char *pattern, uint32_t number, char text[WORD_BYTES])
{
	const char *place = strstr(pattern, "%d");

	if (place == NULL)
		snprintf(text, WORD_BYTES, "%s", pattern);
	else
		snprintf(text, WORD_BYTES, "%.*s%u%s", (int)(place - pattern), pattern, number,
			 place + 2);
	return text;
}

static void credentials_set(struct session *session, const char *user, const char *password)
{
	session->credentials.user_name = memory_copy_text(user);
	session->credentials.password = memory_copy_text(password);
}

static int complain(const char *path, const char *what)
{
	fprintf(stderr, "concentrator-load: %s: %s\n", path, what);
	return -1;
}

/* A line has a user, a password, and perhaps an address; no quotes. */
static int file_assign(struct load *load)
{
	const struct options *options = load->options;
	FILE *file = fopen(options->users_file, "r");
	char line[4 * WORD_BYTES], user[WORD_BYTES], password[WORD_BYTES];
	uint32_t count = 0;

	if (file == NULL)
		return complain(options->users_file, strerror(errno));
	while (count < options->sessions && fgets(line, sizeof(line), file) != NULL)
		if (line[0] != '#' && sscanf(line, "%127s %127s", user, password) == 2)
			credentials_set(&load->sessions[count++], user, password);
	memory_wipe(line, sizeof(line));
	memory_wipe(password, sizeof(password));
	fclose(file);
	return count == options->sessions
		       ? 0
		       : complain(options->users_file, "fewer users than --sessions");
}

int users_assign(struct load *load)
{
	const struct options *options = load->options;
	char user[WORD_BYTES], password[WORD_BYTES];

	if (options->users_file != NULL)
		return file_assign(load);
	for (uint32_t i = 0; i < options->sessions; i++)
		credentials_set(&load->sessions[i], pattern_fill(options->user, i, user),
				pattern_fill(options->password, i, password));
	return 0;
}

static void text_free(const char *text)
{
	union {
		const char *constant;
		char *text;
	} owned = {text};

	if (text == NULL)
		return;
	memory_wipe(owned.text, strlen(text));
	free(owned.text);
}

void users_release(struct load *load)
{
	for (uint32_t i = 0; i < load->options->sessions; i++) {
		text_free(load->sessions[i].credentials.user_name);
		text_free(load->sessions[i].credentials.password);
	}
}

int users_write(const struct options *options)
{
	int descriptor = open(options->write_users, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
	char user[WORD_BYTES], password[WORD_BYTES];
	bool failed;

	if (file == NULL)
		return complain(options->write_users, strerror(errno));
	failed = fchmod(descriptor, 0600) != 0;
	for (uint32_t i = 0; i < options->sessions; i++)
		fprintf(file, "%s %s\n", pattern_fill(options->user, i, user),
			pattern_fill(options->password, i, password));
	failed |= ferror(file) != 0;
	failed |= fclose(file) != 0;
	return failed ? complain(options->write_users, strerror(errno)) : 0;
}
