/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_EXPLAIN_COMMANDS_H
#define CONCENTRATOR_EXPLAIN_COMMANDS_H

/* Commands that say why: handlers of the control socket, see struct ctl_command. */

#include "ctl/ctl.h"

#include <stdio.h>

void explain_command(void *context, const struct ctl_request *request, struct ctl_reply *reply);
void explain_dial_command(void *context, const struct ctl_request *request,
			  struct ctl_reply *reply);
void explain_drop_command(void *context, const struct ctl_request *request,
			  struct ctl_reply *reply);
void explain_cause_command(void *context, const struct ctl_request *request,
			   struct ctl_reply *reply);
void show_dials_command(void *context, const struct ctl_request *request, struct ctl_reply *reply);

/* The manual page "why does it not connect", in Markdown. */
void explain_manual_print(FILE *to);

#endif
