/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_WATCH_COMMANDS_H
#define CONCENTRATOR_WATCH_COMMANDS_H

/* Traces and captures: handlers of the control socket, see struct ctl_command. */

#include "ctl/ctl.h"

void watch_begin_command(void *context, const struct ctl_request *request, struct ctl_reply *reply);
void watch_read_command(void *context, const struct ctl_request *request, struct ctl_reply *reply);
void watch_end_command(void *context, const struct ctl_request *request, struct ctl_reply *reply);

#endif
