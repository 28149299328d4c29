/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/ctl.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX         32
#define REQUEST_BYTES_MAX   4096
#define REPLY_BYTES_PENDING (4u << 20)
#define ARGUMENTS_MAX       8

struct client {
	struct ctl *ctl;
	int descriptor; /* -1: free */
	enum ctl_role role;
	size_t length;
	char request[REQUEST_BYTES_MAX];
};

struct ctl {
	int descriptor;
	int spare; /* given up for a moment to turn a client away when no other is left */
	char *path;
	const struct ctl_command *commands;
	void *context;
	struct ctl_loop loop;
	struct client clients[CLIENTS_MAX];
};

static const char *const status_codes[] = {"ok", "error", "usage", "not_found"};

static void client_close(struct client *client)
{
	client->ctl->loop.unwatch(client->ctl->loop.context, client->descriptor);
	close(client->descriptor);
	client->descriptor = -1;
}

/* One line out; a client that does not read loses its connection. */
static void reply_send(struct client *client, json_t *reply)
{
	char *text = json_dumps(reply, JSON_COMPACT);
	size_t length = text != NULL ? strlen(text) : 0;

	json_decref(reply);
	if (text == NULL) {
		client_close(client); /* better than to let it wait for ever */
		return;
	}
	text[length++] = '\n'; /* in place of the NUL */
	if (send(client->descriptor, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length)
		client_close(client);
	free(text);
}

static json_t *reply_error(enum ctl_status status, const char *message)
{
	json_t *text = json_string(message); /* NULL when a client's own text is not UTF-8 */

	return json_pack("{s:b, s:s, s:o}", "ok", 0, "code", status_codes[status], "error",
			 text != NULL ? text : json_string("(not text)"));
}

static const struct ctl_command *command_find(const struct ctl *ctl, const char *name)
{
	for (const struct ctl_command *command = ctl->commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

/* The table itself, for help and completion. */
static json_t *help_reply(const struct ctl *ctl)
{
	json_t *list = json_array();

	for (const struct ctl_command *command = ctl->commands; command->name != NULL; command++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s}", "name", command->name, "arguments",
					command->arguments, "role",
					command->role == CTL_ROLE_ADMIN ? "admin" : "viewer",
					"help", command->help));
	return json_pack("{s:b, s:o}", "ok", 1, "result", list);
}

static json_t *command_run(const struct client *client, const struct ctl_command *command,
			   const struct ctl_request *request)
{
	struct ctl_reply reply = {.status = CTL_OK};
	json_t *answer;

	if (command->role == CTL_ROLE_ADMIN && client->role != CTL_ROLE_ADMIN)
		return reply_error(CTL_ERROR, "this command needs root");
	if (request->argument_count != command->argument_count)
		return reply_error(CTL_USAGE, "wrong number of arguments");
	command->handle(client->ctl->context, request, &reply);
	if (reply.status != CTL_OK) {
		json_decref(reply.result);
		return reply_error(reply.status, reply.error);
	}
	answer = json_pack("{s:b, s:o}", "ok", 1, "result",
			   reply.result != NULL ? reply.result : json_null());
	if (reply.next[0] != '\0')
		json_object_set_new(answer, "next", json_string(reply.next));
	return answer;
}

static json_t *request_answer(const struct client *client, json_t *parsed)
{
	const char *arguments[ARGUMENTS_MAX];
	struct ctl_request request = {.arguments = arguments};
	const char *name = json_string_value(json_object_get(parsed, "command"));
	json_t *list = json_object_get(parsed, "arguments");
	const struct ctl_command *command;

	if (name == NULL)
		return reply_error(CTL_USAGE, "a request has a \"command\"");
	if (strcmp(name, "help") == 0)
		return help_reply(client->ctl);
	command = command_find(client->ctl, name);
	if (command == NULL)
		return reply_error(CTL_USAGE, "no such command");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *argument = json_string_value(json_array_get(list, i));

		if (argument == NULL || i == ARGUMENTS_MAX)
			return reply_error(CTL_USAGE, "arguments are at most 8 strings");
		arguments[request.argument_count++] = argument;
	}
	request.cursor = json_string_value(json_object_get(parsed, "cursor"));
	return command_run(client, command, &request);
}

static void line_handle(struct client *client, const char *line, size_t length)
{
	json_error_t error;
	json_t *parsed = json_loadb(line, length, 0, &error);

	if (parsed == NULL) {
		reply_send(client, reply_error(CTL_USAGE, error.text));
		return;
	}
	reply_send(client, request_answer(client, parsed));
	json_decref(parsed);
}

/* Takes what has come, but nothing behind a newline. As recv(). */
static ssize_t line_take(struct client *client)
{
	char *to = client->request + client->length;
	size_t room = sizeof(client->request) - client->length;
	ssize_t count = recv(client->descriptor, to, room, MSG_DONTWAIT | MSG_PEEK);
	const char *newline = count > 0 ? memchr(to, '\n', (size_t)count) : NULL;

	if (count <= 0)
		return count;
	if (newline != NULL)
		count = newline + 1 - to;
	return recv(client->descriptor, to, (size_t)count, MSG_DONTWAIT);
}

/* One command a turn: what a client sends ahead waits in its socket. */
static void client_readable(void *object)
{
	struct client *client = object;
	ssize_t count = line_take(client);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		client_close(client);
		return;
	}
	client->length += (size_t)count;
	if (client->request[client->length - 1] == '\n') {
		size_t length = client->length - 1;

		client->length = 0;
		line_handle(client, client->request, length);
	} else if (client->length == sizeof(client->request)) {
		client_close(client);
	}
}

static enum ctl_role role_of(int descriptor)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid()))
		return CTL_ROLE_ADMIN;
	return CTL_ROLE_VIEWER;
}

static int spare_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A connection that nobody takes would keep the socket readable, and the loop turning. */
static void turn_away(struct ctl *ctl)
{
	int descriptor;

	if (ctl->spare >= 0)
		close(ctl->spare);
	descriptor = accept4(ctl->descriptor, NULL, NULL, SOCK_CLOEXEC);
	if (descriptor >= 0)
		close(descriptor);
	ctl->spare = spare_open();
}

static void listener_readable(void *object)
{
	struct ctl *ctl = object;
	int descriptor = accept4(ctl->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int bytes = REPLY_BYTES_PENDING;

	if (descriptor < 0 && (errno == EMFILE || errno == ENFILE))
		turn_away(ctl);
	if (descriptor < 0)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &ctl->clients[i];

		if (client->descriptor >= 0)
			continue;
		client->descriptor = descriptor;
		client->length = 0;
		client->role = role_of(descriptor);
		(void)setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
		ctl->loop.watch(ctl->loop.context, descriptor, client_readable, client);
		return;
	}
	close(descriptor);
}

/* Removes what an ended daemon left at the path; -errno if something else stands there. */
static int path_clear(int descriptor, const struct sockaddr_un *address)
{
	struct stat status;

	if (lstat(address->sun_path, &status) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	/* A socket that does not refuse belongs to a running daemon, though it may be busy. */
	if (connect(descriptor, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) == 0 ? 0 : -errno;
}

static int group_set(const char *path, const char *group)
{
	const struct group *entry;

	if (group[0] == '\0')
		return 0;
	entry = getgrnam(group);
	if (entry == NULL)
		return -ENOENT;
	return chown(path, (uid_t)-1, entry->gr_gid) == 0 ? 0 : -errno;
}

static int socket_bind(const struct ctl *ctl, const char *group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t before;
	int error;

	if (strlen(ctl->path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, ctl->path, strlen(ctl->path) + 1);
	error = path_clear(ctl->descriptor, &address);
	if (error != 0)
		return error;
	before = umask(0117);
	error = bind(ctl->descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0
			? 0
			: -errno;
	umask(before);
	if (error != 0)
		return error;
	if (listen(ctl->descriptor, CLIENTS_MAX) != 0)
		error = -errno;
	if (error == 0)
		error = group_set(ctl->path, group);
	if (error != 0)
		unlink(ctl->path);
	return error;
}

struct ctl *ctl_new(const char *path, const char *group, const struct ctl_command *commands,
		    void *context, const struct ctl_loop *loop)
{
	struct ctl *ctl = memory_new(sizeof(*ctl));
	int error;

	ctl->path = memory_copy_text(path);
	ctl->commands = commands;
	ctl->context = context;
	ctl->loop = *loop;
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		ctl->clients[i].ctl = ctl;
		ctl->clients[i].descriptor = -1;
	}
	ctl->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	error = ctl->descriptor < 0 ? -errno : socket_bind(ctl, group);
	if (error != 0) {
		if (ctl->descriptor >= 0)
			close(ctl->descriptor);
		free(ctl->path);
		free(ctl);
		errno = -error;
		return NULL;
	}
	ctl->spare = spare_open();
	loop->watch(loop->context, ctl->descriptor, listener_readable, ctl);
	return ctl;
}

void ctl_free(struct ctl *ctl)
{
	if (ctl == NULL)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (ctl->clients[i].descriptor >= 0)
			client_close(&ctl->clients[i]);
	ctl->loop.unwatch(ctl->loop.context, ctl->descriptor);
	close(ctl->descriptor);
	if (ctl->spare >= 0)
		close(ctl->spare);
	unlink(ctl->path);
	free(ctl->path);
	free(ctl);
}
