/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_CTL_WATCH_H
#define CONCENTRATOR_CTL_WATCH_H

/* `trace` and `capture`: they go on until they are told to stop. */

#include <jansson.h>
#include <stdbool.h>

struct watch_options {
	const char *output; /* of a capture; "-": standard output */
	unsigned count;     /* packets, of a trace lines; 0: no limit */
	unsigned seconds;   /* 0: until a signal or the end of the daemon */
};

/* `target`: a session's number or a peer's address. Returns the reply that refused it, or NULL at the
 * end, with `*failed` set if the file could not be written or the daemon went away. */
json_t *watch_run(int descriptor, bool trace, const char *target,
		  const struct watch_options *options, bool *failed);

#endif
