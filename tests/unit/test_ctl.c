/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket against clients of every kind, over a real socket in a directory of its own. */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define WATCHES_MAX 64

/* A loop that is turned by hand. */
struct rig {
	char directory[32];
	char path[64];
	struct ctl *ctl;
	struct {
		int descriptor; /* -1: free */
		void (*readable)(void *object);
		void *object;
	} watches[WATCHES_MAX];
};

static void watch(void *context, int descriptor, void (*readable)(void *object), void *object)
{
	struct rig *rig = context;

	for (unsigned i = 0; i < WATCHES_MAX; i++) {
		if (rig->watches[i].descriptor >= 0)
			continue;
		rig->watches[i].descriptor = descriptor;
		rig->watches[i].readable = readable;
		rig->watches[i].object = object;
		return;
	}
	fail_msg("too many descriptors are watched");
}

static void unwatch(void *context, int descriptor)
{
	struct rig *rig = context;

	for (unsigned i = 0; i < WATCHES_MAX; i++)
		if (rig->watches[i].descriptor == descriptor)
			rig->watches[i].descriptor = -1;
}

/* Nothing here blocks, so everything may be called whether it can be read or not. */
static void turn(struct rig *rig)
{
	for (unsigned again = 0; again < 3; again++)
		for (unsigned i = 0; i < WATCHES_MAX; i++)
			if (rig->watches[i].descriptor >= 0)
				rig->watches[i].readable(rig->watches[i].object);
}

static void echo(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	(void)context;
	reply->result = json_string(request->arguments[0]);
}

static void large(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	char *text = malloc(1 << 20);

	(void)context;
	(void)request;
	assert_non_null(text);
	memset(text, 'x', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	reply->result = json_string(text);
	free(text);
}

static const struct ctl_command commands[] = {
	{"echo", "TEXT", 1, CTL_ROLE_VIEWER, "Says it again.", echo},
	{"large", "", 0, CTL_ROLE_VIEWER, "Says much.", large},
	{NULL, NULL, 0, CTL_ROLE_VIEWER, NULL, NULL},
};

static struct ctl *ctl_open(struct rig *rig, const char *group)
{
	struct ctl_loop loop = {rig, watch, unwatch};

	return ctl_new(rig->path, group, commands, rig, &loop);
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	strcpy(rig->directory, "/tmp/test_ctl.XXXXXX");
	assert_non_null(mkdtemp(rig->directory));
	snprintf(rig->path, sizeof(rig->path), "%s/socket", rig->directory);
	for (unsigned i = 0; i < WATCHES_MAX; i++)
		rig->watches[i].descriptor = -1;
	rig->ctl = ctl_open(rig, "");
	assert_non_null(rig->ctl);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	ctl_free(rig->ctl);
	unlink(rig->path);
	assert_int_equal(rmdir(rig->directory), 0);
	free(rig);
	return 0;
}

static int dial(const struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, rig->path);
	assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
	return descriptor;
}

static void say(int descriptor, const char *text)
{
	assert_int_equal(send(descriptor, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One reply, parsed; NULL when there is none. */
static json_t *hear(int descriptor)
{
	char text[8192];
	ssize_t count = recv(descriptor, text, sizeof(text) - 1, 0);

	if (count <= 0)
		return NULL;
	assert_int_equal(text[count - 1], '\n');
	return json_loadb(text, (size_t)count - 1, 0, NULL);
}

static void expect_code(int descriptor, const char *code)
{
	json_t *reply = hear(descriptor);

	assert_non_null(reply);
	assert_true(json_is_false(json_object_get(reply, "ok")));
	assert_string_equal(json_string_value(json_object_get(reply, "code")), code);
	json_decref(reply);
}

static void expect_echo(struct rig *rig, int descriptor)
{
	json_t *reply;

	say(descriptor, "{\"command\": \"echo\", \"arguments\": [\"hello\"]}\n");
	turn(rig);
	reply = hear(descriptor);
	assert_non_null(reply);
	assert_string_equal(json_string_value(json_object_get(reply, "result")), "hello");
	json_decref(reply);
}

static bool closed(int descriptor)
{
	char byte;

	return recv(descriptor, &byte, 1, 0) == 0;
}

static void answers_a_line_that_comes_in_halves(void **state)
{
	struct rig *rig = *state;
	int client = dial(rig);
	json_t *reply;

	turn(rig);
	say(client, "{\"command\": \"echo\", \"argu");
	turn(rig);
	assert_null(hear(client));
	say(client, "ments\": [\"half\"]}\n");
	turn(rig);
	reply = hear(client);
	assert_string_equal(json_string_value(json_object_get(reply, "result")), "half");
	json_decref(reply);
	close(client);
}

static void answers_one_line_a_turn(void **state)
{
	struct rig *rig = *state;
	int client = dial(rig);
	json_t *reply;

	turn(rig);
	for (unsigned i = 0; i < 4; i++)
		say(client, "{\"command\": \"echo\", \"arguments\": [\"one\"]}\n");
	for (unsigned i = 0; i < WATCHES_MAX; i++)
		if (rig->watches[i].descriptor >= 0)
			rig->watches[i].readable(rig->watches[i].object);
	reply = hear(client); /* it would not be one object if there were more */
	assert_non_null(reply);
	json_decref(reply);
	turn(rig);
	assert_null(hear(client)); /* three objects */
	assert_null(hear(client)); /* and no more */
	close(client);
}

static const char nine_arguments[] = "{\"command\": \"large\", \"arguments\": "
				     "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}\n";

static void refuses_what_is_no_request(void **state)
{
	const char *const lines[] = {
		"\n",
		"garbage\n",
		"[]\n",
		"{}\n",
		"{\"command\": 7}\n",
		"{\"command\": \"none\"}\n",
		"{\"command\": \"echo\"}\n",
		"{\"command\": \"echo\", \"arguments\": [7]}\n",
		nine_arguments,
		"{\"command\": \"\xff\xfe\"}\n",
		"\xff\n",
		"\"\xc3\x28\n",
	};
	struct rig *rig = *state;
	int client = dial(rig);

	turn(rig);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		say(client, lines[i]);
		turn(rig);
		expect_code(client, "usage");
	}
	expect_echo(rig, client);
	close(client);
}

static void closes_who_sends_a_line_without_end(void **state)
{
	struct rig *rig = *state;
	int client = dial(rig);
	char much[8192];

	memset(much, 'a', sizeof(much));
	turn(rig);
	assert_int_equal(send(client, much, sizeof(much), MSG_NOSIGNAL), sizeof(much));
	turn(rig);
	assert_int_equal(send(client, "\n", 1, MSG_NOSIGNAL), -1);
	close(client);
	client = dial(rig);
	turn(rig);
	expect_echo(rig, client);
	close(client);
}

static void closes_who_does_not_read(void **state)
{
	struct rig *rig = *state;
	int client = dial(rig), other = dial(rig);
	bool refused = false;

	turn(rig);
	for (unsigned i = 0; i < 64 && !refused; i++) {
		refused = send(client, "{\"command\": \"large\"}\n", 21, MSG_NOSIGNAL) < 0;
		turn(rig);
	}
	assert_true(refused);
	expect_echo(rig, other);
	close(client);
	close(other);
}

static void serves_32_clients_and_refuses_more(void **state)
{
	struct rig *rig = *state;
	int clients[40];

	for (unsigned i = 0; i < 40; i++) {
		clients[i] = dial(rig);
		turn(rig);
	}
	for (unsigned i = 0; i < 32; i++)
		expect_echo(rig, clients[i]);
	for (unsigned i = 32; i < 40; i++)
		assert_true(closed(clients[i]));
	close(clients[0]);
	turn(rig);
	clients[0] = dial(rig);
	turn(rig);
	expect_echo(rig, clients[0]);
	for (unsigned i = 0; i < 40; i++)
		close(clients[i]);
}

static void leaves_a_running_daemon_its_socket(void **state)
{
	struct rig *rig = *state;
	int client;

	assert_null(ctl_open(rig, ""));
	assert_int_equal(errno, EADDRINUSE);
	turn(rig);
	client = dial(rig);
	turn(rig);
	expect_echo(rig, client);
	close(client);
}

static void takes_the_place_of_a_dead_socket_only(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct rig *rig = *state;
	struct stat status;
	int dead;

	ctl_free(rig->ctl);
	dead = open(rig->path, O_CREAT | O_WRONLY, 0600);
	close(dead);
	rig->ctl = ctl_open(rig, "");
	assert_null(rig->ctl);
	assert_int_equal(stat(rig->path, &status), 0); /* a file is not ours to remove */
	unlink(rig->path);
	strcpy(address.sun_path, rig->path);
	dead = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
	close(dead);
	rig->ctl = ctl_open(rig, "");
	assert_non_null(rig->ctl);
	assert_int_equal(stat(rig->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
}

static void leaves_nothing_behind_without_the_group(void **state)
{
	struct rig *rig = *state;
	struct stat status;

	ctl_free(rig->ctl);
	rig->ctl = ctl_open(rig, "no such group");
	assert_null(rig->ctl);
	assert_int_equal(stat(rig->path, &status), -1);
}

/* Else the socket stays readable, and the daemon's loop turns for ever. */
static void without_descriptors_a_client_is_turned_away(void **state)
{
	struct rig *rig = *state;
	struct rlimit limit, none;
	int client = dial(rig), next = dial(rig), highest;
	char byte;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	highest = dup(client);
	close(highest);
	none = limit;
	none.rlim_cur = (rlim_t)highest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(rig);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(recv(client, &byte, 1, 0), 0);
	assert_int_equal(recv(next, &byte, 1, 0), 0);
	close(client);
	close(next);
	client = dial(rig);
	say(client, "{\"command\": \"echo\", \"arguments\": [\"back\"]}\n");
	turn(rig);
	assert_true(recv(client, &byte, 1, 0) == 1);
	close(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_a_line_that_comes_in_halves),
		TEST(answers_one_line_a_turn),
		TEST(refuses_what_is_no_request),
		TEST(closes_who_sends_a_line_without_end),
		TEST(closes_who_does_not_read),
		TEST(serves_32_clients_and_refuses_more),
		TEST(leaves_a_running_daemon_its_socket),
		TEST(takes_the_place_of_a_dead_socket_only),
		TEST(leaves_nothing_behind_without_the_group),
		TEST(without_descriptors_a_client_is_turned_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
