/* SPDX-License-Identifier: BSD-3-Clause */
#include "tables/tables.h"

#include "base/memory.h"
#include "base/slot_pool.h"
#include "mailbox/mailbox.h"
#include "tables/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_rib.h>

#define SPI_SLOT_BITS  22
#define SPI_GENERATION ((UINT32_C(1) << (32 - SPI_SLOT_BITS)) - 1)
#define SPI_RESERVED   256 /* RFC 4303 2.1 */

/* 4 MB of trie beside the 64 MB of its first three bytes: a neighbour takes at most 8 KB of it. */
#define IPV6_TRIE_BLOCKS (1u << 12)

static struct rte_fib6 *fib_ipv6_new(uint32_t routes)
{
	struct rte_fib6_conf fib = {
		.type = RTE_FIB6_TRIE,
		.default_nh = ROUTE_NONE,
		.max_routes = (int)routes,
		.rib_ext_sz = 0,
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = IPV6_TRIE_BLOCKS},
	};

	return rte_fib6_create("routes_ipv6", SOCKET_ID_ANY, &fib);
}

struct tables *tables_new(const struct tables_config *config, struct mailbox *mailbox)
{
	struct tables *tables = memory_new(sizeof(*tables));
	struct rte_fib_conf fib = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = ROUTE_NONE,
		.max_routes = (int)config->routes,
		.rib_ext_sz = 0,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 1u << 12},
	};

	tables->config = *config;
	tables->mailbox = mailbox;
	tables->fib = rte_fib_create("routes", SOCKET_ID_ANY, &fib);
	if (tables->fib != NULL && config->ipv6)
		tables->fib_ipv6 = fib_ipv6_new(config->routes);
	if (tables->fib == NULL || (config->ipv6 && tables->fib_ipv6 == NULL)) {
		rte_fib_free(tables->fib);
		free(tables);
		errno = rte_errno != 0 ? rte_errno : ENOMEM;
		return NULL;
	}
	if (getrandom(&tables->spi_constant, sizeof(tables->spi_constant), 0) !=
	    sizeof(tables->spi_constant))
		abort();
	tables->adjacency = memory_new_array(ADJACENCIES_MAX, sizeof(void *));
	tables->plain = memory_new_array(65536, sizeof(void *));
	tables->sa_owner = memory_new_array(config->sas, 1);
	tables->session_owner = memory_new_array(config->sessions, 1);
	tables->spi_slots = slot_pool_new(config->sas);
	tables->adjacency_slots = slot_pool_new(ADJACENCIES_MAX);
	return tables;
}

static void plain_tunnel_free(void *object)
{
	struct plain_tunnel *tunnel = object;

	for (unsigned i = 0; i < 256; i++)
		free(tunnel->sessions.level[i]);
	free(tunnel);
}

void tables_free(struct tables *tables)
{
	if (tables == NULL)
		return;
	for (uint32_t i = 0; i < ADJACENCIES_MAX; i++)
		free(tables->adjacency[i]);
	for (uint32_t i = 0; i < 65536; i++)
		if (tables->plain[i] != NULL)
			plain_tunnel_free(tables->plain[i]);
	for (uint32_t i = 0; i < tables->pools; i++)
		free(tables->pool[i]);
	free(tables->adjacency);
	free(tables->plain);
	free(tables->sa_owner);
	free(tables->session_owner);
	slot_pool_free(tables->spi_slots);
	slot_pool_free(tables->adjacency_slots);
	rte_fib_free(tables->fib);
	rte_fib6_free(tables->fib_ipv6);
	free(tables);
}

const struct tables_config *tables_sizes(const struct tables *tables)
{
	return &tables->config;
}

static uint64_t next_hop_of(enum route_kind kind, uint32_t index)
{
	return (uint64_t)kind << ROUTE_KIND_SHIFT | (index & ROUTE_INDEX_MASK);
}

int tables_route_add(struct tables *tables, uint32_t prefix, uint8_t length, enum route_kind kind,
		     uint32_t index)
{
	return rte_fib_add(tables->fib, prefix, length, next_hop_of(kind, index));
}

int tables_route_delete(struct tables *tables, uint32_t prefix, uint8_t length)
{
	return rte_fib_delete(tables->fib, prefix, length);
}

enum route_kind tables_route_find(const struct tables *tables, uint32_t address, uint32_t *index)
{
	uint64_t next_hop = 0;

	lookup_routes(tables, &address, &next_hop, 1);
	*index = route_index_of(next_hop);
	return route_kind_of(next_hop);
}

int tables_route_ipv6_add(struct tables *tables, const uint8_t prefix[16], uint8_t length,
			  enum route_kind kind, uint32_t index)
{
	if (tables->fib_ipv6 == NULL)
		return -EAFNOSUPPORT;
	return rte_fib6_add(tables->fib_ipv6, prefix, length, next_hop_of(kind, index));
}

int tables_route_ipv6_delete(struct tables *tables, const uint8_t prefix[16], uint8_t length)
{
	if (tables->fib_ipv6 == NULL)
		return -EAFNOSUPPORT;
	return rte_fib6_delete(tables->fib_ipv6, prefix, length);
}

enum route_kind tables_route_ipv6_find(const struct tables *tables, const uint8_t address[16],
				       uint32_t *index)
{
	uint8_t addresses[1][16];
	uint64_t next_hop = ROUTE_NONE;

	memcpy(addresses[0], address, sizeof(addresses[0]));
	if (tables->fib_ipv6 != NULL)
		lookup_routes_ipv6(tables, addresses, &next_hop, 1);
	*index = route_index_of(next_hop);
	return route_kind_of(next_hop);
}

/* Replaces what readers see; the old object goes after a grace period. */
static void adjacency_publish(struct tables *tables, uint32_t index, struct adjacency *fresh)
{
	struct adjacency *old = tables->adjacency[index];

	__atomic_store_n(&tables->adjacency[index], fresh, __ATOMIC_RELEASE);
	if (old != NULL)
		mailbox_defer(tables->mailbox, free, old);
}

int tables_adjacency_new(struct tables *tables, uint16_t port, const struct endpoint *address)
{
	uint32_t index = slot_pool_take(tables->adjacency_slots);
	struct adjacency *adjacency;

	if (index == UINT32_MAX)
		return -ENOSPC;
	adjacency = memory_new(sizeof(*adjacency));
	adjacency->ethernet.src_addr = tables->port[port].mac;
	adjacency->ethernet.ether_type = address->family == ENDPOINT_IPV6
						 ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
						 : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	adjacency->port = port;
	adjacency->address = *address;
	adjacency_publish(tables, index, adjacency);
	return (int)index;
}

void tables_adjacency_resolve(struct tables *tables, uint32_t index, const uint8_t mac[6])
{
	struct adjacency *fresh = memory_new(sizeof(*fresh));

	*fresh = *tables->adjacency[index];
	memcpy(fresh->ethernet.dst_addr.addr_bytes, mac, 6);
	fresh->resolved = true;
	adjacency_publish(tables, index, fresh);
}

void tables_adjacency_unresolve(struct tables *tables, uint32_t index)
{
	struct adjacency *fresh = memory_new(sizeof(*fresh));

	*fresh = *tables->adjacency[index];
	fresh->resolved = false;
	adjacency_publish(tables, index, fresh);
}

void tables_adjacency_delete(struct tables *tables, uint32_t index)
{
	adjacency_publish(tables, index, NULL);
	slot_pool_give_back(tables->adjacency_slots, index);
}

int tables_pool_new(struct tables *tables, uint32_t first, uint32_t last)
{
	uint32_t count = last - first + 1;
	struct pool_table *pool;

	if (tables->pools == TABLES_POOLS_MAX)
		return -ENOSPC;
	pool = memory_new(sizeof(*pool) + (size_t)count * sizeof(pool->session[0]));
	pool->first = first;
	pool->count = count;
	memset(pool->session, 0xff, (size_t)count * sizeof(pool->session[0]));
	__atomic_store_n(&tables->pool[tables->pools], pool, __ATOMIC_RELEASE);
	return (int)tables->pools++;
}

void tables_pool_session_set(struct tables *tables, uint32_t pool, uint32_t address, uint32_t slot)
{
	struct pool_table *table = tables->pool[pool];

	if (address - table->first < table->count)
		__atomic_store_n(&table->session[address - table->first], slot, __ATOMIC_RELEASE);
}

int tables_listener_add(struct tables *tables, const struct endpoint *address,
			enum listener_ipsec ipsec)
{
	if (tables->listeners == TABLES_LISTENERS_MAX)
		return -ENOSPC;
	tables->listener[tables->listeners++] = (struct listener){*address, ipsec};
	return 0;
}

void tables_port_set(struct tables *tables, uint16_t port, const uint8_t mac[6], uint16_t mtu)
{
	memcpy(tables->port[port].mac.addr_bytes, mac, 6);
	tables->port[port].mtu = mtu;
}

void tables_port_address_set(struct tables *tables, uint16_t port, uint32_t address_be)
{
	__atomic_store_n(&tables->port[port].address_be, address_be, __ATOMIC_RELAXED);
}

uint16_t tables_port_mtu(const struct tables *tables, uint16_t port)
{
	return tables->port[port].mtu;
}

uint32_t tables_spi_reserve(struct tables *tables, uint32_t *slot)
{
	for (;;) {
		uint32_t spi;

		*slot = slot_pool_take(tables->spi_slots);
		if (*slot == UINT32_MAX)
			return 0;
		spi = (slot_pool_generation(tables->spi_slots, *slot) & SPI_GENERATION)
			      << SPI_SLOT_BITS |
		      *slot;
		spi ^= tables->spi_constant;
		if (spi >= SPI_RESERVED)
			return spi;
		slot_pool_give_back(tables->spi_slots, *slot);
	}
}

void tables_spi_begin(struct tables *tables, uint32_t first)
{
	tables->spi_constant = first;
}

void tables_spi_release(struct tables *tables, uint32_t slot)
{
	slot_pool_give_back(tables->spi_slots, slot);
}

uint32_t tables_spi_slot(const struct tables *tables, uint32_t spi)
{
	return lookup_spi_slot(tables, spi);
}

void tables_sa_owner_set(struct tables *tables, uint32_t slot, unsigned worker)
{
	__atomic_store_n(&tables->sa_owner[slot], (uint8_t)worker, __ATOMIC_RELEASE);
}

void tables_session_owner_set(struct tables *tables, uint32_t slot, unsigned worker)
{
	__atomic_store_n(&tables->session_owner[slot], (uint8_t)worker, __ATOMIC_RELEASE);
}

void tables_move_set(struct tables *tables, unsigned move, uint32_t turn, unsigned from,
		     unsigned to)
{
	tables->move[move] = (struct owner_move){turn, (uint8_t)from, (uint8_t)to};
}

int tables_plain_tunnel_add(struct tables *tables, uint16_t tunnel, const struct endpoint *local,
			    const struct endpoint *remote)
{
	struct plain_tunnel *row;

	if (tables->plain[tunnel] != NULL)
		return -EEXIST;
	row = memory_new(sizeof(*row));
	row->local_be = endpoint_ipv4_address_be(local);
	row->remote_be = endpoint_ipv4_address_be(remote);
	row->local_port = local->port;
	row->remote_port = remote->port;
	__atomic_store_n(&tables->plain[tunnel], row, __ATOMIC_RELEASE);
	return 0;
}

void tables_plain_tunnel_delete(struct tables *tables, uint16_t tunnel)
{
	struct plain_tunnel *row = tables->plain[tunnel];

	if (row == NULL)
		return;
	__atomic_store_n(&tables->plain[tunnel], NULL, __ATOMIC_RELEASE);
	mailbox_defer(tables->mailbox, plain_tunnel_free, row);
}

void tables_plain_session_set(struct tables *tables, uint16_t tunnel, uint16_t session,
			      uint32_t slot)
{
	struct plain_tunnel *row = tables->plain[tunnel];
	uint32_t **level;

	if (row == NULL)
		return;
	level = &row->sessions.level[session >> 8];
	if (*level == NULL) {
		uint32_t *fresh = memory_new_array(256, sizeof(uint32_t));

		memset(fresh, 0xff, 256 * sizeof(uint32_t));
		__atomic_store_n(level, fresh, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&(*level)[session & 0xff], slot, __ATOMIC_RELEASE);
}
