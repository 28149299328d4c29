/* SPDX-License-Identifier: BSD-3-Clause */
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>

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
