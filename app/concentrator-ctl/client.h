/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_CTL_CLIENT_H
#define CONCENTRATOR_CTL_CLIENT_H

#include <jansson.h>

/* Connects to the daemon's socket: a descriptor, or -1 and errno. */
int client_connect(const char *path);

/*
 * Sends one request and reads its reply, all pages of it joined. The caller owns the reply. NULL
 * when the daemon went away.
 */
json_t *client_ask(int descriptor, const char *command, json_t *arguments);

#endif
