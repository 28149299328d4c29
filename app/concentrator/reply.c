/* SPDX-License-Identifier: BSD-3-Clause */
#include "reply.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *reply_text(const char *text)
{
	json_t *value = json_string(text);

	return value != NULL ? value : json_string("(not text)");
}

json_t *reply_endpoint(const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_BYTES];

	return json_string(endpoint_text(endpoint, text));
}

bool reply_number_read(const char *text, const char *what, struct ctl_reply *reply,
		       uint32_t *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*number = (uint32_t)value;
	if (end != text && *end == '\0' && value <= UINT32_MAX)
		return true;
	reply->status = CTL_USAGE;
	snprintf(reply->error, sizeof(reply->error), "a %s is a number", what);
	return false;
}

bool reply_endpoint_read(const char *text, struct endpoint *endpoint)
{
	char copy[ENDPOINT_TEXT_BYTES];
	char *address = copy, *port = NULL;

	*endpoint = (struct endpoint){0};
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return false;
	if (copy[0] == '[') {
		char *end = strchr(copy, ']');

		if (end == NULL)
			return false;
		*end = '\0';
		address = copy + 1;
		port = end[1] == ':' ? end + 2 : NULL;
	} else if ((port = strchr(copy, ':')) != NULL && strchr(port + 1, ':') == NULL) {
		*port++ = '\0';
	} else {
		port = NULL;
	}
	if (inet_pton(AF_INET, address, endpoint->address) == 1)
		endpoint->family = ENDPOINT_IPV4;
	else if (inet_pton(AF_INET6, address, endpoint->address) == 1)
		endpoint->family = ENDPOINT_IPV6;
	endpoint->port = port != NULL ? (uint16_t)strtoul(port, NULL, 10) : 0;
	return endpoint->family != ENDPOINT_NONE;
}
