/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_REPLY_H
#define CONCENTRATOR_REPLY_H

/* Values of replies on the control socket, and the reading of arguments. */

#include "base/endpoint.h"
#include "ctl/ctl.h"

#include <stdbool.h>
#include <stdint.h>

/* What a peer sent may be anything but UTF-8. */
json_t *reply_text(const char *text);
json_t *reply_endpoint(const struct endpoint *endpoint);

/* False, and the reply says so, if the argument is not a number. */
bool reply_number_read(const char *text, const char *what, struct ctl_reply *reply,
		       uint32_t *number);

/* An IPv4 or IPv6 address, with or without port: 192.0.2.1, 192.0.2.1:4500, 2001:db8::1, [..]:500. False
 * if it is something else. */
bool reply_endpoint_read(const char *text, struct endpoint *endpoint);

#endif
