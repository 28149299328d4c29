/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/engine.h"

#include <stdio.h>

#define L2TP_PORT    1701
#define PROTOCOL_UDP 17

/* True if the selectors are L2TP's: UDP (or any), our port 1701 or any. None at all is right too.
 */
bool selectors_accept(const struct payloads *payloads, struct identification ids[2])
{
	if (payloads->id_count == 0)
		return true;
	if (payloads->id_count != 2)
		return false;
	for (int i = 0; i < 2; i++)
		if (payloads->id[i].length > ID_BYTES_MAX ||
		    identification_read(&payloads->id[i], &ids[i]) != 0 ||
		    (ids[i].protocol != PROTOCOL_UDP && ids[i].protocol != 0))
			return false;
	return ids[1].port == L2TP_PORT || ids[1].port == 0;
}

void selectors_text(const struct payloads *payloads, char *text, size_t size)
{
	struct identification ids[2];

	if (payloads->id_count == 0)
		snprintf(text, size, "no selectors");
	else if (payloads->id_count != 2 || identification_read(&payloads->id[0], &ids[0]) != 0 ||
		 identification_read(&payloads->id[1], &ids[1]) != 0)
		snprintf(text, size, "one selector only");
	else
		snprintf(text, size, "protocol %u port %u to protocol %u port %u", ids[0].protocol,
			 ids[0].port, ids[1].protocol, ids[1].port);
}
