/* SPDX-License-Identifier: BSD-3-Clause */
#include "watch.h"

#include "client.h"
#include "pcapng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define READ_PAUSE_NS 100000000
#define DATAGRAM_MAX  9216

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

struct watch {
	int descriptor;
	bool trace;
	const struct watch_options *options;
	FILE *file;
	unsigned seen;
	uint64_t first_nanoseconds; /* of a trace */
};

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text != NULL ? text : "";
}

static void trace_print(struct watch *watch, const json_t *row)
{
	uint64_t nanoseconds = (uint64_t)json_integer_value(json_object_get(row, "nanoseconds"));

	if (watch->seen == 0)
		watch->first_nanoseconds = nanoseconds;
	printf("%+12.3f us  worker %" JSON_INTEGER_FORMAT "  packet %-6" JSON_INTEGER_FORMAT
	       " %-12s %5" JSON_INTEGER_FORMAT " bytes  %s\n",
	       (double)(int64_t)(nanoseconds - watch->first_nanoseconds) / 1e3,
	       json_integer_value(json_object_get(row, "worker")),
	       json_integer_value(json_object_get(row, "packet")), text_of(row, "point"),
	       json_integer_value(json_object_get(row, "length")), text_of(row, "meaning"));
}

/* Its family; 0: it is none. */
static int address_read(const char *text, uint8_t address[16])
{
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	return inet_pton(family, text, address) == 1 ? family : 0;
}

static size_t digits_read(const char *text, uint8_t *bytes, size_t room)
{
	size_t length = strlen(text) / 2;

	if (length > room)
		length = room;
	for (size_t i = 0; i < length; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return length;
}

static int capture_write(const struct watch *watch, const json_t *row)
{
	bool in = strcmp(text_of(row, "point"), "copy_in") == 0;
	uint8_t packet[40 + DATAGRAM_MAX], datagram[DATAGRAM_MAX], local[16], remote[16];
	size_t length = digits_read(text_of(row, "bytes"), datagram, sizeof(datagram)), header;
	int family = address_read(text_of(row, "local"), local);

	if (family == 0 || address_read(text_of(row, "remote"), remote) != family || length < 8)
		return 0;
	/* A NAT made it wrong, and the ESP around it has proved the rest. */
	datagram[6] = datagram[7] = 0;
	header = pcapng_ip_header(family, in ? remote : local, in ? local : remote, length, packet);
	memcpy(packet + header, datagram, length);
	return pcapng_packet(watch->file,
			     (uint64_t)json_integer_value(json_object_get(row, "wall_nanoseconds")),
			     packet, header + length);
}

static json_t *ask(const struct watch *watch, const char *command, json_t *arguments)
{
	json_t *reply = client_ask(watch->descriptor, command, arguments);

	json_decref(arguments);
	return reply;
}

static bool limit_reached(const struct watch *watch)
{
	return watch->options->count != 0 && watch->seen >= watch->options->count;
}

/* Reads what there is; false at the end. */
static bool read_once(struct watch *watch, json_int_t number, bool *failed)
{
	json_t *reply = ask(watch, "watch read", json_pack("[o]", json_sprintf("%lld", number)));
	const json_t *result = json_object_get(reply, "result");
	const json_t *rows = json_object_get(result, "records");
	bool more = json_is_true(json_object_get(reply, "ok"));
	json_t *row;
	size_t i;

	*failed |= !more;
	json_array_foreach(rows, i, row)
	{
		if (limit_reached(watch))
			break;
		if (watch->trace)
			trace_print(watch, row);
		else if (capture_write(watch, row) != 0)
			more = false;
		watch->seen++;
	}
	fflush(watch->trace ? stdout : watch->file);
	if (!watch->trace && ferror(watch->file)) {
		fprintf(stderr, "concentrator-ctl: cannot write %s\n", watch->options->output);
		*failed = true;
		more = false;
	}
	if (more && json_is_true(json_object_get(result, "over"))) {
		fprintf(stderr, "the session or peer is gone\n");
		more = false;
	}
	if (more && json_array_size(rows) == 0)
		nanosleep(&(struct timespec){0, READ_PAUSE_NS}, NULL);
	json_decref(reply);
	return more;
}

static bool file_open(struct watch *watch)
{
	const char *path = watch->options->output;

	if (watch->trace)
		return true;
	/* It holds what the subscriber said: nobody else's to read. */
	(void)umask(077);
	watch->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wx");
	if (watch->file == NULL) {
		fprintf(stderr, "concentrator-ctl: cannot create %s: %s\n", path, strerror(errno));
		return false;
	}
	return pcapng_begin(watch->file) == 0;
}

json_t *watch_run(int descriptor, bool trace, const char *target,
		  const struct watch_options *options, bool *failed)
{
	struct watch watch = {.descriptor = descriptor, .trace = trace, .options = options};
	const struct sigaction action = {.sa_handler = on_signal};
	time_t end = options->seconds != 0 ? time(NULL) + (time_t)options->seconds : 0;
	json_t *reply = ask(&watch, "watch begin",
			    json_pack("[s, s]", trace ? "trace" : "capture", target));
	json_int_t number =
		json_integer_value(json_object_get(json_object_get(reply, "result"), "watch"));

	*failed = reply == NULL;
	if (number == 0)
		return reply;
	json_decref(reply);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (file_open(&watch))
		while (!interrupted && !limit_reached(&watch) && (end == 0 || time(NULL) < end) &&
		       read_once(&watch, number, failed))
			;
	else
		*failed = true;
	json_decref(ask(&watch, "watch end", json_pack("[o]", json_sprintf("%lld", number))));
	if (!trace && watch.file != NULL) {
		fprintf(stderr, "%u packets\n", watch.seen);
		if (fclose(watch.file) != 0)
			*failed = true;
	}
	return NULL;
}
