/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_CTL_H
#define CTL_CTL_H

/*
 * The control socket: a UNIX stream socket on which each request is one JSON object a line and each
 * reply too. A request is {"command": "show sessions", "arguments": ["..."]}; a reply is
 * {"ok": true, "result": ..., "next": "..."} or {"ok": false, "error": "...", "code": "not_found"}.
 * Long listings are paged: "next" is sent back as "cursor" until it is absent.
 *
 * The table of commands is the owner's: help, completion and manual come from it.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct ctl;

enum ctl_role {
	CTL_ROLE_VIEWER, /* may look */
	CTL_ROLE_ADMIN,  /* may change: root and the daemon's own user */
};

enum ctl_status { CTL_OK, CTL_ERROR, CTL_USAGE, CTL_NOT_FOUND };

struct ctl_request {
	const char *const *arguments;
	unsigned argument_count;
	const char *cursor; /* NULL at the first page */
};

struct ctl_reply {
	enum ctl_status status;
	json_t *result; /* owned by the reply */
	char next[64];  /* cursor of the next page; "" at the end */
	char error[256];
};

struct ctl_command {
	const char *name;      /* "show sessions" */
	const char *arguments; /* "SESSION", or "" */
	unsigned argument_count;
	enum ctl_role role;
	const char *help;
	void (*handle)(void *context, const struct ctl_request *request, struct ctl_reply *reply);
};

/* How the owner's event loop watches a descriptor; unwatch before it is closed. */
struct ctl_loop {
	void *context;
	void (*watch)(void *context, int descriptor, void (*readable)(void *object), void *object);
	void (*unwatch)(void *context, int descriptor);
};

/*
 * Listens at `path` (mode 0660, group `group` if not ""). `commands` ends with a NULL name and is
 * borrowed, as are the others. NULL and errno on failure. A client that sends too long a line or does
 * not read its replies is closed; there are at most 32 at once.
 */
struct ctl *ctl_new(const char *path, const char *group, const struct ctl_command *commands,
		    void *context, const struct ctl_loop *loop);
void ctl_free(struct ctl *ctl);

#endif
