/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/engine.h"

#include <strings.h>

/* What a peer's host name decides: the secret of its tunnels, and how many sessions it may have. */

uint16_t l2tp_lac_find(const struct l2tp_config *config, const char *host_name)
{
	for (uint16_t i = 0; i < config->lac_count; i++)
		if (strcasecmp(config->lacs[i].host_name, host_name) == 0)
			return i;
	return L2TP_LAC_NONE;
}

static bool has_own_secret(const struct l2tp_config *config, uint16_t index)
{
	return index != L2TP_LAC_NONE && config->lacs[index].secret != NULL;
}

struct secret l2tp_secret(const struct l2tp_config *config, uint16_t index)
{
	if (has_own_secret(config, index))
		return (struct secret){config->lacs[index].secret,
				       config->lacs[index].secret_bytes};
	return (struct secret){config->secret, config->secret_bytes};
}

struct secret l2tp_tunnel_secret(const struct tunnel *tunnel)
{
	return l2tp_secret(tunnel->l2tp->config, tunnel->lac);
}

bool l2tp_secret_challenged(const struct l2tp_config *config, uint16_t index)
{
	return has_own_secret(config, index) || (config->challenge_peer && config->secret != NULL);
}

bool l2tp_lac_is_full(const struct tunnel *tunnel)
{
	const struct l2tp *l2tp = tunnel->l2tp;
	uint32_t most;

	if (tunnel->lac == L2TP_LAC_NONE)
		return false;
	most = l2tp->config->lacs[tunnel->lac].sessions_max;
	return most != 0 && l2tp->lac_use[tunnel->lac].sessions >= most;
}

struct l2tp_lac_view l2tp_lac_view(const struct l2tp *l2tp, uint16_t index)
{
	return (struct l2tp_lac_view){l2tp->lac_use[index].tunnels, l2tp->lac_use[index].sessions};
}
