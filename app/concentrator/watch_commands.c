/* SPDX-License-Identifier: BSD-3-Clause */
#include "watch_commands.h"

#include "control/control.h"
#include "daemon.h"
#include "messages/drop.h"
#include "reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_PAGE 32 /* copies of whole packets, in digits */

static bool target_read(const char *text, struct watch_target *target)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*target = (struct watch_target){.session = (uint32_t)number};
	if (end != text && *end == '\0')
		return number < UINT32_MAX;
	return reply_endpoint_read(text, &target->peer);
}

void watch_begin_command(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	bool trace = strcmp(request->arguments[0], "trace") == 0;
	struct watch_target target;
	int number;

	if ((!trace && strcmp(request->arguments[0], "capture") != 0) ||
	    !target_read(request->arguments[1], &target)) {
		reply->status = CTL_USAGE;
		snprintf(reply->error, sizeof(reply->error),
			 "a session is a number, a peer an address with or without port");
		return;
	}
	number = control_watch_begin(daemon->control, trace, &target);
	if (number > 0) {
		reply->result = json_pack("{s:i}", "watch", number);
		return;
	}
	reply->status = number == -ENOENT ? CTL_NOT_FOUND : CTL_ERROR;
	snprintf(reply->error, sizeof(reply->error), "%s",
		 number == -ENOENT ? "no such session or peer"
		 : number == -EEXIST
			 ? "several peers have that address: name the port, or a session"
			 : "too many traces and captures are under way");
}

static json_t *bytes_json(const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * length + 1);
	json_t *value;

	if (text == NULL)
		return json_null();
	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	value = json_stringn(text, 2 * length);
	free(text);
	return value;
}

static json_t *address_json(const struct endpoint *endpoint)
{
	struct endpoint address = *endpoint;

	address.port = 0;
	return reply_endpoint(&address);
}

static void record_add(void *context, const struct watch_view *view)
{
	json_t *row = json_object();

	json_object_set_new(row, "wall_nanoseconds",
			    json_integer((json_int_t)view->wall_nanoseconds));
	json_object_set_new(row, "worker", json_integer(view->worker));
	json_object_set_new(row, "point", json_string(watch_point_name(view->point)));
	if (view->bytes != NULL) {
		json_object_set_new(row, "local", address_json(&view->local));
		json_object_set_new(row, "remote", address_json(&view->remote));
		json_object_set_new(row, "bytes", bytes_json(view->bytes, view->length));
	} else {
		json_object_set_new(row, "nanoseconds",
				    json_integer((json_int_t)view->nanoseconds));
		json_object_set_new(row, "packet", json_integer(view->packet));
		json_object_set_new(row, "length", json_integer(view->length));
		json_object_set_new(row, "meaning",
				    json_string(view->point == WATCH_POINT_dropped
							? drop_name(view->drop)
							: watch_point_text(view->point)));
	}
	json_array_append_new(context, row);
}

void watch_read_command(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	uint32_t number;
	json_t *records;
	int error = -ENOENT;

	if (!reply_number_read(request->arguments[0], "watch", reply, &number))
		return;
	records = json_array();
	if (number <= UINT8_MAX)
		error = control_watch_read(daemon->control, (uint8_t)number, records, record_add,
					   RECORDS_PAGE);
	reply->result = json_pack("{s:o, s:b}", "records", records, "over", error == -ESHUTDOWN);
	if (error != -ENOENT)
		return;
	reply->status = CTL_NOT_FOUND;
	snprintf(reply->error, sizeof(reply->error), "no watch %u: it has ended", number);
}

void watch_end_command(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	uint32_t number;

	if (reply_number_read(request->arguments[0], "watch", reply, &number) &&
	    number <= UINT8_MAX)
		control_watch_end(daemon->control, (uint8_t)number);
}
