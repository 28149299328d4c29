/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_USERS_H
#define LOAD_USERS_H

/* Who the sessions log in as: by pattern, or by the lines of a file. */

#include "load.h"

/* Gives each session its credentials, which live as long as the sessions. 0, or -1 with a line on
 * standard error. */
int users_assign(struct load *load);
void users_release(struct load *load);

/* Writes the users file for the daemon. 0, or -1 with a line on standard error. */
int users_write(const struct options *options);

#endif
