/* SPDX-License-Identifier: BSD-3-Clause */
/* One JSON object a line for each step of a dial and each change of a session. */
#include "control/private.h"

#include <jansson.h>
#include <time.h>

static void line_write(struct control *control, json_t *line)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(line, "time",
			    json_real((double)now.tv_sec + (double)now.tv_nsec / 1e9));
	json_dumpf(line, control->events, JSON_COMPACT);
	fputc('\n', control->events);
	json_decref(line);
}

static void set_text(json_t *line, const char *key, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	/* What a peer sent may be anything but UTF-8. */
	json_t *value = json_string(text);

	json_object_set_new(line, key, value != NULL ? value : json_string("(not text)"));
}

static void set_peer(json_t *line, const struct endpoint *peer)
{
	char text[ENDPOINT_TEXT_BYTES];

	if (peer != NULL && peer->family != ENDPOINT_NONE)
		json_object_set_new(line, "peer", json_string(endpoint_text(peer, text)));
}

void event_step(struct control *control, const char *layer, bool inbound, const char *message,
		const char *meaning, const struct endpoint *peer, const struct session *session)
{
	json_t *line;

	if (control->events == NULL)
		return;
	line = json_object();
	json_object_set_new(line, "event", json_string("step"));
	json_object_set_new(line, "layer", json_string(layer));
	json_object_set_new(line, "direction", json_string(inbound ? "in" : "out"));
	set_text(line, "message", message);
	set_text(line, "meaning", meaning);
	set_peer(line, peer);
	if (session != NULL) {
		json_object_set_new(line, "session", json_integer(session->slot));
		set_text(line, "user", session->user);
	}
	line_write(control, line);
}

void event_write(struct control *control, const char *event, const struct endpoint *peer,
		 const char *user, const char *detail)
{
	json_t *line;

	if (control->events == NULL)
		return;
	line = json_object();
	json_object_set_new(line, "event", json_string(event));
	set_peer(line, peer);
	set_text(line, "user", user);
	set_text(line, "detail", detail);
	line_write(control, line);
}
