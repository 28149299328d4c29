/* SPDX-License-Identifier: BSD-3-Clause */
#include "nat.h"

#include <arpa/inet.h>

#define PORT_FIRST 10000 /* of the mappings; each peer has two */

static uint32_t clients_per_address(const struct options *options)
{
	return options->clients_per_address == 0 ? 1 : options->clients_per_address;
}

uint32_t nat_address_be(const struct options *options, uint32_t peer)
{
	return htonl(options->peers_first + peer / clients_per_address(options));
}

uint16_t nat_port(const struct options *options, uint32_t peer, uint16_t own_port)
{
	if (options->clients_per_address == 0)
		return own_port;
	return (uint16_t)(PORT_FIRST + 2 * (peer % options->clients_per_address) +
			  (own_port == 4500));
}

uint32_t nat_addresses(const struct options *options)
{
	uint32_t share = clients_per_address(options);

	return (options->tunnels + share - 1) / share;
}

uint32_t nat_peer(const struct options *options, uint32_t address, uint16_t port,
		  uint16_t *own_port)
{
	uint32_t rank = 0, peer;

	if (address - options->peers_first >= nat_addresses(options))
		return UINT32_MAX;
	*own_port = port;
	if (options->clients_per_address != 0) {
		rank = (uint32_t)(port - PORT_FIRST) / 2;
		if (port < PORT_FIRST || rank >= options->clients_per_address)
			return UINT32_MAX;
		*own_port = (port - PORT_FIRST) % 2 != 0 ? 4500 : options->ipsec ? 500 : 1701;
	}
	peer = (address - options->peers_first) * clients_per_address(options) + rank;
	return peer < options->tunnels ? peer : UINT32_MAX;
}
