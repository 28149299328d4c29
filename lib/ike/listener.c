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

static bool has_nameless(const struct ike_listener *listener)
{
	return listener->preshared_key_bytes != 0;
}

size_t listener_key_count(const struct ike_listener *listener)
{
	size_t count = has_nameless(listener) + listener->named_key_count;

	return count < IKE_KEYS_MAX ? count : IKE_KEYS_MAX;
}

struct ike_named_key listener_key(const struct ike_listener *listener, size_t index)
{
	if (index >= IKE_KEYS_MAX)
		return listener->aggressive_keys[index - IKE_KEYS_MAX];
	if (!has_nameless(listener))
		return listener->named_keys[index];
	if (index != 0)
		return listener->named_keys[index - 1];
	return (struct ike_named_key){"", listener->preshared_key, listener->preshared_key_bytes};
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
