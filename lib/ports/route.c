/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's routes: all of a prefix are kept, the one with the lowest metric is in the tables. */
#include "ports/private.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384

struct entry {
	struct entry *next;
	struct kernel_route route;
	bool in_force;
	bool stale; /* since the mark it was not seen */
};

struct kernel_routes {
	struct ports *ports;
	struct neighbours *neighbours;
	struct entry *bucket[BUCKETS];
};

struct kernel_routes *kernel_routes_new(struct ports *ports, struct neighbours *neighbours)
{
	struct kernel_routes *routes = memory_new(sizeof(*routes));

	routes->ports = ports;
	routes->neighbours = neighbours;
	return routes;
}

void kernel_routes_free(struct kernel_routes *routes)
{
	if (routes == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (routes->bucket[i] != NULL) {
			struct entry *next = routes->bucket[i]->next;

			free(routes->bucket[i]);
			routes->bucket[i] = next;
		}
	}
	free(routes);
}

int route_put(struct tables *tables, const struct endpoint *prefix, uint8_t length,
	      enum route_kind kind, uint32_t index)
{
	if (prefix->family == ENDPOINT_IPV6)
		return tables_route_ipv6_add(tables, prefix->address, length, kind, index);
	return tables_route_add(tables, ntohl(endpoint_ipv4_address_be(prefix)), length, kind,
				index);
}

int route_remove(struct tables *tables, const struct endpoint *prefix, uint8_t length)
{
	if (prefix->family == ENDPOINT_IPV6)
		return tables_route_ipv6_delete(tables, prefix->address, length);
	return tables_route_delete(tables, ntohl(endpoint_ipv4_address_be(prefix)), length);
}

enum route_kind route_find(const struct tables *tables, const struct endpoint *address,
			   uint32_t *index)
{
	if (address->family == ENDPOINT_IPV6)
		return tables_route_ipv6_find(tables, address->address, index);
	return tables_route_find(tables, ntohl(endpoint_ipv4_address_be(address)), index);
}

uint32_t address_hash(const struct endpoint *address)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < sizeof(address->address); i += sizeof(uint32_t)) {
		uint32_t word;

		memcpy(&word, address->address + i, sizeof(word));
		hash = hash * 0x85ebca6bu + ntohl(word);
	}
	return hash;
}

static struct entry **bucket_of(struct kernel_routes *routes, const struct kernel_route *route)
{
	uint32_t hash = (address_hash(&route->prefix) + route->length * 0x9e3779b9u) * 2654435761u;

	return &routes->bucket[hash >> 18];
}

static bool same_prefix(const struct kernel_route *a, const struct kernel_route *b)
{
	return endpoint_same_address(&a->prefix, &b->prefix) && a->length == b->length;
}

static void put_in_force(struct kernel_routes *routes, struct entry *entry)
{
	const struct kernel_route *route = &entry->route;
	uint32_t index = route->port;

	if (route->kind == ROUTE_ADJACENCY) {
		int adjacency = neighbours_hold(routes->neighbours, route->port, &route->gateway);

		if (adjacency < 0) {
			log_warning(routes->ports->log, LOG_PORTS, "no room for a next hop");
			return;
		}
		index = (uint32_t)adjacency;
	}
	if (route_put(routes->ports->tables, &route->prefix, route->length, route->kind, index) !=
	    0) {
		log_warning(routes->ports->log, LOG_PORTS, "no room for a route: raise max_routes");
		if (route->kind == ROUTE_ADJACENCY)
			neighbours_release(routes->neighbours, route->port, &route->gateway);
		return;
	}
	entry->in_force = true;
}

static void take_out_of_force(struct kernel_routes *routes, struct entry *entry, bool replaced)
{
	if (!entry->in_force)
		return;
	entry->in_force = false;
	if (!replaced)
		route_remove(routes->ports->tables, &entry->route.prefix, entry->route.length);
	if (entry->route.kind == ROUTE_ADJACENCY)
		neighbours_release(routes->neighbours, entry->route.port, &entry->route.gateway);
}

/* Chooses among the routes of one prefix. */
static void choose(struct kernel_routes *routes, const struct kernel_route *prefix)
{
	struct entry *best = NULL, *current = NULL;

	for (struct entry *at = *bucket_of(routes, prefix); at != NULL; at = at->next) {
		if (!same_prefix(&at->route, prefix))
			continue;
		if (at->in_force)
			current = at;
		if (best == NULL || at->route.metric < best->route.metric)
			best = at;
	}
	if (best == current)
		return;
	if (best != NULL)
		put_in_force(routes, best);
	if (current != NULL)
		take_out_of_force(routes, current, best != NULL && best->in_force);
}

static bool same_route(const struct kernel_route *a, const struct kernel_route *b)
{
	return same_prefix(a, b) && a->metric == b->metric && a->kind == b->kind &&
	       a->port == b->port && endpoint_same_address(&a->gateway, &b->gateway);
}

/* Whoever had the prefix and metric of `route` before. */
static void replaced_delete(struct kernel_routes *routes, const struct kernel_route *route)
{
	struct entry *entry = *bucket_of(routes, route);

	while (entry != NULL) {
		struct kernel_route old = entry->route;

		entry = entry->next;
		if (same_prefix(&old, route) && old.metric == route->metric &&
		    !same_route(&old, route) && old.kind != ROUTE_LOCAL)
			kernel_routes_delete(routes, &old);
	}
}

static void route_add(struct kernel_routes *routes, const struct kernel_route *route)
{
	struct entry **bucket = bucket_of(routes, route);
	struct entry *entry;

	for (entry = *bucket; entry != NULL; entry = entry->next) {
		if (same_route(&entry->route, route)) {
			entry->stale = false;
			return;
		}
	}
	entry = memory_new(sizeof(*entry));
	entry->route = *route;
	entry->next = *bucket;
	*bucket = entry;
	choose(routes, route);
}

void kernel_routes_delete(struct kernel_routes *routes, const struct kernel_route *route)
{
	for (struct entry **link = bucket_of(routes, route); *link != NULL; link = &(*link)->next) {
		struct entry *entry = *link;

		if (!same_route(&entry->route, route))
			continue;
		*link = entry->next;
		/* The next best replaces it in one step, if there is one. */
		if (entry->in_force) {
			struct entry *other = NULL;

			for (struct entry *at = *bucket_of(routes, route); at != NULL;
			     at = at->next)
				if (same_prefix(&at->route, route) &&
				    (other == NULL || at->route.metric < other->route.metric))
					other = at;
			if (other != NULL)
				put_in_force(routes, other);
			take_out_of_force(routes, entry, other != NULL && other->in_force);
		}
		free(entry);
		return;
	}
}

void kernel_routes_add(struct kernel_routes *routes, const struct kernel_route *route, bool replace)
{
	route_add(routes, route);
	if (replace && route->kind != ROUTE_LOCAL)
		replaced_delete(routes, route);
}

void kernel_routes_mark(struct kernel_routes *routes)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct entry *at = routes->bucket[i]; at != NULL; at = at->next)
			at->stale = true;
}

void kernel_routes_sweep(struct kernel_routes *routes)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct entry *at = routes->bucket[i];

		while (at != NULL) {
			struct kernel_route route = at->route;
			bool stale = at->stale;

			at = at->next;
			if (stale)
				kernel_routes_delete(routes, &route);
		}
	}
}
