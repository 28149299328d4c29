/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_NAT_H
#define LOAD_NAT_H

/*
 * Which outer address and ports a peer has. Without a NAT each peer has an address of its own; with
 * one, `clients_per_address` peers share an address and differ in their ports, as a NAT's mappings
 * do. Everything is computed from the peer's number, both ways.
 */

#include "options.h"

/* The outer address of a peer, in network order. */
uint32_t nat_address_be(const struct options *options, uint32_t peer);

/* The outer port that stands for the peer's own port: 500, 4500 or 1701. */
uint16_t nat_port(const struct options *options, uint32_t peer, uint16_t own_port);

/* How many outer addresses there are. */
uint32_t nat_addresses(const struct options *options);

/*
 * The peer that a packet to this address (host order) and port belongs to, and its own port.
 * UINT32_MAX if there is none. For ESP without UDP, `port` and `own_port` are 0.
 */
uint32_t nat_peer(const struct options *options, uint32_t address, uint16_t port,
		  uint16_t *own_port);

#endif
