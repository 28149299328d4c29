/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TABLES_LOOKUP_H
#define TABLES_LOOKUP_H

/* The workers' view of the tables: inline reads, nothing is written. */

#include "messages/message.h"
#include "tables/tables.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_prefetch.h>

struct adjacency {
	uint16_t unused;               /* so that the header and this are one word of 16 bytes */
	struct rte_ether_hdr ethernet; /* of a frame to it */
	uint16_t port;
	bool resolved;
	struct endpoint address;
};

struct pool_table {
	uint32_t first; /* host order */
	uint32_t count;
	uint32_t session[]; /* slots, NO_SLOT where none */
};

/* Session slots of one plain tunnel by session id, in two levels of 256. */
struct session_directory {
	uint32_t *level[256];
};

struct plain_tunnel {
	uint32_t local_be;
	uint32_t remote_be;
	uint16_t local_port;
	uint16_t remote_port;
	struct session_directory sessions;
};

struct listener {
	struct endpoint address; /* of no family: every one */
	enum listener_ipsec ipsec;
};

struct port_row {
	struct rte_ether_addr mac;
	uint16_t mtu;
	uint32_t address_be;
};

/* The owner of an SA or a session changes; see dataplane/move.c. */
struct owner_move {
	uint32_t turn;
	uint8_t from;
	uint8_t to;
};

struct tables {
	struct tables_config config;
	struct mailbox *mailbox;
	struct rte_fib *fib;
	struct rte_fib6 *fib_ipv6; /* NULL: no IPv6 outside */
	uint32_t spi_constant;
	uint32_t listeners;
	uint32_t pools;
	struct listener listener[TABLES_LISTENERS_MAX];
	struct port_row port[TABLES_PORTS_MAX];
	struct pool_table *pool[TABLES_POOLS_MAX];
	struct owner_move move[TABLES_MOVES_MAX];
	struct adjacency **adjacency;      /* [ADJACENCIES_MAX] */
	struct plain_tunnel **plain;       /* [65536] */
	uint8_t *sa_owner;                 /* [config.sas] */
	uint8_t *session_owner;            /* [config.sessions] */
	struct slot_pool *spi_slots;       /* control only */
	struct slot_pool *adjacency_slots; /* control only */
};

#define ADJACENCIES_MAX  65536

#define ROUTE_KIND_SHIFT 28
#define ROUTE_INDEX_MASK ((UINT32_C(1) << ROUTE_KIND_SHIFT) - 1)

static inline enum route_kind route_kind_of(uint64_t next_hop)
{
	return (enum route_kind)(next_hop >> ROUTE_KIND_SHIFT);
}

static inline uint32_t route_index_of(uint64_t next_hop)
{
	return (uint32_t)next_hop & ROUTE_INDEX_MASK;
}

/* `addresses` in host order; `count` at most 64. */
static inline void lookup_routes(const struct tables *tables, uint32_t *addresses,
				 uint64_t *next_hops, unsigned count)
{
	rte_fib_lookup_bulk(tables->fib, addresses, next_hops, (int)count);
}

/* `count` at most 64. There is a table of IPv6. */
static inline void lookup_routes_ipv6(const struct tables *tables, uint8_t (*addresses)[16],
				      uint64_t *next_hops, unsigned count)
{
	rte_fib6_lookup_bulk(tables->fib_ipv6, addresses, next_hops, (int)count);
}

static inline const struct adjacency *lookup_adjacency(const struct tables *tables, uint32_t index)
{
	return __atomic_load_n(&tables->adjacency[index], __ATOMIC_ACQUIRE);
}

/* The slot of the session that owns `address` (host order), or NO_SLOT. */
static inline uint32_t lookup_pool(const struct tables *tables, uint32_t pool, uint32_t address)
{
	const struct pool_table *table = __atomic_load_n(&tables->pool[pool], __ATOMIC_ACQUIRE);
	uint32_t offset = address - table->first;

	if (offset >= table->count)
		return NO_SLOT;
	return __atomic_load_n(&table->session[offset], __ATOMIC_ACQUIRE);
}

/* Asks for the line that lookup_pool() will read. */
static inline void lookup_pool_prefetch(const struct tables *tables, uint32_t pool,
					uint32_t address)
{
	const struct pool_table *table = __atomic_load_n(&tables->pool[pool], __ATOMIC_ACQUIRE);

	rte_prefetch0(&table->session[address - table->first]);
}

static inline uint32_t lookup_spi_slot(const struct tables *tables, uint32_t spi)
{
	return (spi ^ tables->spi_constant) & ((UINT32_C(1) << 22) - 1);
}

static inline unsigned lookup_sa_owner(const struct tables *tables, uint32_t slot)
{
	return __atomic_load_n(&tables->sa_owner[slot], __ATOMIC_ACQUIRE);
}

static inline unsigned lookup_session_owner(const struct tables *tables, uint32_t slot)
{
	return __atomic_load_n(&tables->session_owner[slot], __ATOMIC_ACQUIRE);
}

/* The listener of an address of `bytes` bytes: 4 or 16. */
static inline const struct listener *lookup_listener_of(const struct tables *tables,
							enum endpoint_family family,
							const void *address, size_t bytes)
{
	const struct listener *every = NULL;

	for (uint32_t i = 0; i < tables->listeners; i++) {
		const struct listener *listener = &tables->listener[i];

		if (listener->address.family == family &&
		    memcmp(listener->address.address, address, bytes) == 0)
			return listener;
		if (listener->address.family == ENDPOINT_NONE)
			every = listener;
	}
	return every;
}

static inline const struct listener *lookup_listener(const struct tables *tables,
						     uint32_t address_be)
{
	return lookup_listener_of(tables, ENDPOINT_IPV4, &address_be, sizeof(address_be));
}

static inline const struct listener *lookup_listener_ipv6(const struct tables *tables,
							  const uint8_t address[16])
{
	return lookup_listener_of(tables, ENDPOINT_IPV6, address, 16);
}

static inline const struct plain_tunnel *lookup_plain_tunnel(const struct tables *tables,
							     uint16_t tunnel)
{
	return __atomic_load_n(&tables->plain[tunnel], __ATOMIC_ACQUIRE);
}

static inline uint32_t lookup_plain_session(const struct plain_tunnel *tunnel, uint16_t session)
{
	const uint32_t *level =
		__atomic_load_n(&tunnel->sessions.level[session >> 8], __ATOMIC_ACQUIRE);

	if (level == NULL)
		return NO_SLOT;
	return __atomic_load_n(&level[session & 0xff], __ATOMIC_ACQUIRE);
}

#endif
