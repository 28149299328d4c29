/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops by port and address: their adjacency, and packets that wait until it is resolved. */
#include "ports/private.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS     4096
#define WAITING_MAX 4

struct waiting_packet {
	size_t length;
	uint8_t *bytes;
};

struct neighbour {
	struct neighbour *next;
	unsigned port;
	struct endpoint address;
	int adjacency;
	unsigned holders; /* routes through it */
	bool resolved;
	bool host_route; /* a /32 of ours stands in the tables */
	bool wanted;     /* packets waited for it, and the kernel does not keep it yet */
	unsigned waiting;
	struct waiting_packet packets[WAITING_MAX];
};

struct neighbours {
	struct ports *ports;
	struct neighbour *bucket[BUCKETS];
};

struct neighbours *neighbours_new(struct ports *ports)
{
	struct neighbours *neighbours = memory_new(sizeof(*neighbours));

	neighbours->ports = ports;
	return neighbours;
}

static void waiting_clear(struct neighbour *neighbour)
{
	for (unsigned i = 0; i < neighbour->waiting; i++)
		free(neighbour->packets[i].bytes);
	neighbour->waiting = 0;
}

void neighbours_free(struct neighbours *neighbours)
{
	if (neighbours == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (neighbours->bucket[i] != NULL) {
			struct neighbour *next = neighbours->bucket[i]->next;

			waiting_clear(neighbours->bucket[i]);
			free(neighbours->bucket[i]);
			neighbours->bucket[i] = next;
		}
	}
	free(neighbours);
}

static uint8_t host_bits(const struct endpoint *address)
{
	return (uint8_t)(endpoint_address_bytes(address) * 8);
}

static struct neighbour **bucket_of(struct neighbours *neighbours, unsigned port,
				    const struct endpoint *address)
{
	uint32_t hash = (address_hash(address) + port * 0x9e3779b9u) * 2654435761u;

	return &neighbours->bucket[hash >> 20];
}

static struct neighbour *find(struct neighbours *neighbours, unsigned port,
			      const struct endpoint *address)
{
	struct neighbour *at = *bucket_of(neighbours, port, address);

	while (at != NULL && (at->port != port || !endpoint_same_address(&at->address, address)))
		at = at->next;
	return at;
}

static struct neighbour *find_or_make(struct neighbours *neighbours, unsigned port,
				      const struct endpoint *address)
{
	struct neighbour *neighbour = find(neighbours, port, address);
	struct neighbour **bucket;
	int adjacency;

	if (neighbour != NULL)
		return neighbour;
	adjacency = tables_adjacency_new(neighbours->ports->tables, (uint16_t)port, address);
	if (adjacency < 0)
		return NULL;
	neighbour = memory_new(sizeof(*neighbour));
	neighbour->port = port;
	neighbour->address = *address;
	neighbour->adjacency = adjacency;
	bucket = bucket_of(neighbours, port, address);
	neighbour->next = *bucket;
	*bucket = neighbour;
	return neighbour;
}

/* A neighbour that nothing needs any more goes away. */
static void reap(struct neighbours *neighbours, struct neighbour *neighbour)
{
	struct neighbour **link;

	if (neighbour->holders != 0 || neighbour->resolved || neighbour->waiting != 0)
		return;
	link = bucket_of(neighbours, neighbour->port, &neighbour->address);
	while (*link != neighbour)
		link = &(*link)->next;
	*link = neighbour->next;
	tables_adjacency_delete(neighbours->ports->tables, (uint32_t)neighbour->adjacency);
	free(neighbour);
}

int neighbours_hold(struct neighbours *neighbours, unsigned port, const struct endpoint *address)
{
	struct neighbour *neighbour = find_or_make(neighbours, port, address);

	if (neighbour == NULL)
		return -1;
	neighbour->holders++;
	return neighbour->adjacency;
}

void neighbours_release(struct neighbours *neighbours, unsigned port,
			const struct endpoint *address)
{
	struct neighbour *neighbour = find(neighbours, port, address);

	if (neighbour == NULL)
		return;
	neighbour->holders--;
	reap(neighbours, neighbour);
}

static void waiting_send(struct neighbours *neighbours, struct neighbour *neighbour)
{
	struct mailbox *mailbox = neighbours->ports->mailbox;
	enum message_kind kind =
		neighbour->address.family == ENDPOINT_IPV6 ? MESSAGE_SEND_IPV6 : MESSAGE_SEND_IPV4;

	for (unsigned i = 0; i < neighbour->waiting; i++) {
		struct message *message = mailbox_message_new(mailbox, kind);

		if (mailbox_packet_set(mailbox, message, neighbour->packets[i].bytes,
				       neighbour->packets[i].length) == 0)
			mailbox_send(mailbox, 0, message);
		else
			mailbox_message_free(mailbox, message);
	}
	waiting_clear(neighbour);
}

/* A host of a connected network gets a route of its own; anything more exact stays. */
static void host_route_put(struct tables *tables, struct neighbour *neighbour)
{
	uint32_t index;

	if (route_find(tables, &neighbour->address, &index) == ROUTE_CONNECTED &&
	    index == neighbour->port)
		neighbour->host_route =
			route_put(tables, &neighbour->address, host_bits(&neighbour->address),
				  ROUTE_ADJACENCY, (uint32_t)neighbour->adjacency) == 0;
}

/* The kernel may have put a route of its own in that place since: then it stays. */
static void host_route_remove(struct tables *tables, struct neighbour *neighbour)
{
	uint32_t index;

	if (neighbour->host_route &&
	    route_find(tables, &neighbour->address, &index) == ROUTE_ADJACENCY &&
	    index == (uint32_t)neighbour->adjacency)
		route_remove(tables, &neighbour->address, host_bits(&neighbour->address));
	neighbour->host_route = false;
}

void neighbours_update(struct neighbours *neighbours, unsigned port, const struct endpoint *address,
		       const uint8_t *mac)
{
	struct tables *tables = neighbours->ports->tables;
	struct neighbour *neighbour;

	if (mac == NULL) {
		neighbour = find(neighbours, port, address);
		if (neighbour == NULL)
			return;
		neighbour->resolved = false;
		tables_adjacency_unresolve(tables, (uint32_t)neighbour->adjacency);
		host_route_remove(tables, neighbour);
		neighbours->ports->neighbour_failed += neighbour->waiting;
		waiting_clear(neighbour);
		reap(neighbours, neighbour);
		return;
	}
	neighbour = find_or_make(neighbours, port, address);
	if (neighbour == NULL)
		return;
	tables_adjacency_resolve(tables, (uint32_t)neighbour->adjacency, mac);
	neighbour->resolved = true;
	host_route_put(tables, neighbour);
	waiting_send(neighbours, neighbour);
}

bool neighbours_wait(struct neighbours *neighbours, unsigned port, const struct endpoint *address,
		     const uint8_t *packet, size_t length)
{
	struct neighbour *neighbour = find_or_make(neighbours, port, address);
	struct waiting_packet *waiting;

	if (neighbour == NULL || neighbour->waiting == WAITING_MAX)
		return false;
	neighbour->wanted = true;
	waiting = &neighbour->packets[neighbour->waiting++];
	waiting->length = length;
	waiting->bytes = memory_new(length);
	memcpy(waiting->bytes, packet, length);
	if (neighbour->resolved) {
		/* A kernel's route stood in the place of ours and is gone: else it would come back. */
		host_route_put(neighbours->ports->tables, neighbour);
		waiting_send(neighbours, neighbour);
	}
	return true;
}

bool neighbours_worth_keeping(struct neighbours *neighbours, unsigned port,
			      const struct endpoint *address)
{
	struct neighbour *neighbour = find(neighbours, port, address);

	if (neighbour == NULL || !neighbour->resolved || !neighbour->wanted)
		return false;
	neighbour->wanted = false;
	return true;
}

unsigned neighbours_give_up(struct neighbours *neighbours, unsigned port,
			    const struct endpoint *address)
{
	struct neighbour *neighbour = find(neighbours, port, address);
	unsigned count;

	if (neighbour == NULL)
		return 0;
	count = neighbour->waiting;
	waiting_clear(neighbour);
	reap(neighbours, neighbour);
	return count;
}
