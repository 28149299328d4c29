/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TABLES_TABLES_H
#define TABLES_TABLES_H

/*
 * What every worker reads and control alone writes: routes, next hops, pools, listeners, ports,
 * tunnels of plain L2TP, and which worker owns which SA, group and session. Steering arrays change
 * in place by release stores; objects are replaced by pointer and freed after a grace period.
 *
 * These functions are control's. Workers read through tables/lookup.h.
 */

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tables;
struct mailbox;

#define TABLES_PORTS_MAX     16
#define TABLES_POOLS_MAX     64
#define TABLES_LISTENERS_MAX 64

/* An owner from OWNER_MOVING on is no worker but the number of a move that is under way. */
#define OWNER_MOVING     64
#define TABLES_MOVES_MAX 64

struct tables_config {
	uint32_t sas; /* inbound SPIs at once, at most 1 << 22 */
	uint32_t groups;
	uint32_t sessions;
	uint32_t routes; /* prefixes of any kind */
	bool ipv6;       /* the outside has IPv6: another table, of the same number of routes */
};

/* What a route leads to. */
enum route_kind {
	ROUTE_NONE,      /* no route */
	ROUTE_LOCAL,     /* an address of ours: to the kernel, or ESP, IKE, L2TP */
	ROUTE_ADJACENCY, /* index: a next hop */
	ROUTE_CONNECTED, /* index: a port; the next hop is the destination itself */
	ROUTE_POOL,      /* index: a pool, where address minus base finds the session */
	ROUTE_SESSION,   /* index: a session's slot */
	ROUTE_BLACKHOLE,
};

enum listener_ipsec {
	LISTENER_IPSEC_REQUIRED, /* L2TP inside an SA only */
	LISTENER_IPSEC_OPTIONAL, /* both */
	LISTENER_IPSEC_OFF,      /* plain L2TP only; IKE and ESP are not answered */
};

/* NULL and errno when DPDK has no memory. `mailbox` is borrowed. */
struct tables *tables_new(const struct tables_config *config, struct mailbox *mailbox);
void tables_free(struct tables *tables);

const struct tables_config *tables_sizes(const struct tables *tables);

/* Addresses are in host order here. -ENOSPC when the table is full. */
int tables_route_add(struct tables *tables, uint32_t prefix, uint8_t length, enum route_kind kind,
		     uint32_t index);
int tables_route_delete(struct tables *tables, uint32_t prefix, uint8_t length);

/* What a route look-up gives right now, for control's own use and for listings. */
enum route_kind tables_route_find(const struct tables *tables, uint32_t address, uint32_t *index);

/* The same of IPv6, of kinds but ROUTE_POOL and ROUTE_SESSION. -EAFNOSUPPORT without `ipv6`. */
int tables_route_ipv6_add(struct tables *tables, const uint8_t prefix[16], uint8_t length,
			  enum route_kind kind, uint32_t index);
int tables_route_ipv6_delete(struct tables *tables, const uint8_t prefix[16], uint8_t length);
enum route_kind tables_route_ipv6_find(const struct tables *tables, const uint8_t address[16],
				       uint32_t *index);

/* A next hop, of IPv4 or IPv6: index, or -ENOSPC. It starts unresolved: packets for it go to control. */
int tables_adjacency_new(struct tables *tables, uint16_t port, const struct endpoint *address);
void tables_adjacency_resolve(struct tables *tables, uint32_t index, const uint8_t mac[6]);
void tables_adjacency_unresolve(struct tables *tables, uint32_t index);
void tables_adjacency_delete(struct tables *tables, uint32_t index);

/* A pool of addresses from `first` to `last`, in host order: index, or -ENOSPC. */
int tables_pool_new(struct tables *tables, uint32_t first, uint32_t last);

/* Which session owns an address of the pool; NO_SLOT: none. */
void tables_pool_session_set(struct tables *tables, uint32_t pool, uint32_t address, uint32_t slot);

/* Before the workers start. An address of no family: every one. */
int tables_listener_add(struct tables *tables, const struct endpoint *address,
			enum listener_ipsec ipsec);
void tables_port_set(struct tables *tables, uint16_t port, const uint8_t mac[6], uint16_t mtu);

/* An address that ICMP errors of this port's side come from. */
void tables_port_address_set(struct tables *tables, uint16_t port, uint32_t address_be);
uint16_t tables_port_mtu(const struct tables *tables, uint16_t port);

/* SPIs: slot, generation and a per-boot constant. 0 when no slot is free. */
uint32_t tables_spi_reserve(struct tables *tables, uint32_t *slot);
void tables_spi_release(struct tables *tables, uint32_t slot);

/* Lets the first SPIs be `first`, `first` plus one and so on, in place of unpredictable ones. Before the
 * first is reserved; for measurements. */
void tables_spi_begin(struct tables *tables, uint32_t first);
uint32_t tables_spi_slot(const struct tables *tables, uint32_t spi);

/* The worker that owns an SA's or a session's packets; while that changes, OWNER_MOVING and the
 * number of the move. */
void tables_sa_owner_set(struct tables *tables, uint32_t slot, unsigned worker);
void tables_session_owner_set(struct tables *tables, uint32_t slot, unsigned worker);

/* From which worker to which move number `move` leads; `turn` tells its uses apart. Before an owner
 * names it, and not again before every worker was quiescent since none does. */
void tables_move_set(struct tables *tables, unsigned move, uint32_t turn, unsigned from,
		     unsigned to);

/* Plain L2TP: tunnel ids are unique, so the id is the index. */
int tables_plain_tunnel_add(struct tables *tables, uint16_t tunnel, const struct endpoint *local,
			    const struct endpoint *remote);
void tables_plain_tunnel_delete(struct tables *tables, uint16_t tunnel);
void tables_plain_session_set(struct tables *tables, uint16_t tunnel, uint16_t session,
			      uint32_t slot);

#endif
