/* SPDX-License-Identifier: BSD-3-Clause */
/* What is configured for the address that a peer dialled. */

#include "ike/engine.h"

const struct ike_listener *listener_find(const struct ike *ike, const struct endpoint *local)
{
	const struct ike_listener *any = NULL;

	for (size_t i = 0; i < ike->config.listener_count; i++) {
		const struct ike_listener *listener = &ike->listeners[i];

		if (listener->local.family == ENDPOINT_NONE)
			any = any != NULL ? any : listener;
		else if (endpoint_same_address(&listener->local, local))
			return listener;
	}
	return any;
}

const struct endpoint *listener_public(const struct ike *ike, const struct endpoint *local)
{
	const struct ike_listener *listener = listener_find(ike, local);

	return listener != NULL && listener->public_address.family == local->family
		       ? &listener->public_address
		       : NULL;
}

struct endpoint nat_own_address(const struct ike *ike, const struct endpoint *local)
{
	const struct endpoint *public_address = listener_public(ike, local);
	struct endpoint own = public_address != NULL ? *public_address : *local;

	own.port = local->port;
	return own;
}
