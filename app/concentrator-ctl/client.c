/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int client_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int descriptor;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return -1;
	if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		int error = errno;

		close(descriptor);
		errno = error;
		return -1;
	}
	return descriptor;
}

/* One line, without its newline; the caller frees it. */
static char *line_read(int descriptor)
{
	size_t length = 0, room = 65536;
	char *line = malloc(room);

	while (line != NULL) {
		ssize_t count = recv(descriptor, line + length, room - length - 1, 0);

		if (count < 0 && errno == EINTR)
			continue; /* the reply is on its way */
		if (count <= 0)
			break;
		length += (size_t)count;
		if (line[length - 1] == '\n') {
			line[length - 1] = '\0';
			return line;
		}
		if (length + 1 == room) {
			char *larger = realloc(line, room *= 2);

			if (larger == NULL)
				break;
			line = larger;
		}
	}
	free(line);
	return NULL;
}

static json_t *ask_page(int descriptor, const char *command, json_t *arguments, const char *cursor)
{
	json_t *request = json_pack("{s:s, s:O}", "command", command, "arguments", arguments);
	json_t *reply;
	char *line;

	if (cursor != NULL)
		json_object_set_new(request, "cursor", json_string(cursor));
	line = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (line == NULL || send(descriptor, line, strlen(line), MSG_NOSIGNAL) < 0 ||
	    send(descriptor, "\n", 1, MSG_NOSIGNAL) < 0) {
		free(line);
		return NULL;
	}
	free(line);
	line = line_read(descriptor);
	if (line == NULL)
		return NULL;
	reply = json_loads(line, 0, NULL);
	free(line);
	return reply;
}

json_t *client_ask(int descriptor, const char *command, json_t *arguments)
{
	json_t *whole = ask_page(descriptor, command, arguments, NULL);
	const char *next = json_string_value(json_object_get(whole, "next"));

	while (next != NULL) {
		json_t *page = ask_page(descriptor, command, arguments, next);

		json_object_del(whole, "next");
		if (page == NULL) {
			json_decref(whole); /* half a listing is none */
			return NULL;
		}
		json_array_extend(json_object_get(whole, "result"),
				  json_object_get(page, "result"));
		next = json_string_value(json_object_get(page, "next"));
		if (next != NULL) {
			json_object_set_new(whole, "next", json_string(next));
			next = json_string_value(json_object_get(whole, "next"));
		}
		json_decref(page);
	}
	return whole;
}
