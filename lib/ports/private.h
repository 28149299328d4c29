/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PORTS_PRIVATE_H
#define PORTS_PRIVATE_H

#include "base/endpoint.h"
#include "mailbox/mailbox.h"
#include "ports/ports.h"
#include "tables/tables.h"

struct netlink;

/* The kernel's end of one port. */
struct twin {
	struct ports *ports;
	unsigned port;
	int descriptor;
	unsigned interface; /* index in the kernel */
	uint8_t mac[6];
};

struct port {
	struct port_config config;
	uint16_t device; /* number of the DPDK port */
	uint16_t rx_queues;
	uint16_t tx_queues;
	bool rx_interrupt;
	bool started;
	char spread[64]; /* what the device chooses the receive queue by */
	struct twin twin;
};

struct ports {
	struct port port[PORTS_MAX];
	unsigned count;
	unsigned workers;
	struct mailbox *mailbox;
	struct tables *tables;
	struct log *log;
	int subscribers; /* descriptor of conc0 */
	unsigned subscribers_interface;
	uint64_t neighbour_unresolved;
	uint64_t neighbour_failed;
	struct netlink *netlink;
};

/* device.c: the DPDK side. */
int device_open(struct ports *ports, struct port *port, bool rx_interrupts);
void device_close(struct port *port);

/* twin.c: the kernel side. */
int twin_open(struct ports *ports, unsigned port);
void twin_close(struct twin *twin);
int subscribers_open(struct ports *ports);
void twin_readable(void *object);
void subscribers_readable(void *object);

/* netlink.c: what the kernel knows, and changes to it. */
struct netlink *netlink_new(struct ports *ports);
void netlink_free(struct netlink *netlink);
int netlink_descriptor(const struct netlink *netlink);
void netlink_readable(void *object);
int netlink_address_add(struct netlink *netlink, unsigned interface,
			const struct port_address *address);
int netlink_route_change(struct netlink *netlink, bool add, uint32_t prefix_be, uint8_t length,
			 unsigned interface);

/* Resolve it now; keep it resolved, which is for neighbours that answered once: whoever walks
 * through a network must not fill the kernel's table with addresses that are asked for ever. */
int netlink_neighbour_ask(struct netlink *netlink, unsigned interface,
			  const struct endpoint *address);
int netlink_neighbour_keep(struct netlink *netlink, unsigned interface,
			   const struct endpoint *address);

/* Reads addresses, routes and neighbours as they are. */
int netlink_load(struct netlink *netlink);

/* neighbour.c: next hops by port and address. */
struct neighbours;
struct neighbours *neighbours_new(struct ports *ports);
void neighbours_free(struct neighbours *neighbours);

/* The adjacency of a next hop, made when there is none; held until released. -ENOSPC. */
int neighbours_hold(struct neighbours *neighbours, unsigned port, const struct endpoint *address);
void neighbours_release(struct neighbours *neighbours, unsigned port,
			const struct endpoint *address);

/* The kernel learned a link address, or lost it (`mac` NULL). */
void neighbours_update(struct neighbours *neighbours, unsigned port, const struct endpoint *address,
		       const uint8_t *mac);

/* False if the packet does not wait, since four do or there is no room for the next hop. */
bool neighbours_wait(struct neighbours *neighbours, unsigned port, const struct endpoint *address,
		     const uint8_t *packet, size_t length);

/* The kernel cannot resolve it: how many packets were thrown away. */
unsigned neighbours_give_up(struct neighbours *neighbours, unsigned port,
			    const struct endpoint *address);

/* True once for a next hop that packets waited for and that was resolved since: worth keeping. */
bool neighbours_worth_keeping(struct neighbours *neighbours, unsigned port,
			      const struct endpoint *address);
struct neighbours *netlink_neighbours(struct netlink *netlink);

/* route.c: the table of the address's family. Errors as tables_route_add(). */
int route_put(struct tables *tables, const struct endpoint *prefix, uint8_t length,
	      enum route_kind kind, uint32_t index);
int route_remove(struct tables *tables, const struct endpoint *prefix, uint8_t length);
enum route_kind route_find(const struct tables *tables, const struct endpoint *address,
			   uint32_t *index);
uint32_t address_hash(const struct endpoint *address);

/* route.c: the kernel's routes by prefix, the best metric in force. */
struct kernel_route {
	struct endpoint prefix;
	uint8_t length;
	uint32_t metric;
	enum route_kind kind;
	unsigned port;
	struct endpoint gateway; /* for ROUTE_ADJACENCY */
};

struct kernel_routes;
struct kernel_routes *kernel_routes_new(struct ports *ports, struct neighbours *neighbours);
void kernel_routes_free(struct kernel_routes *routes);

/* `replace`: it takes the place of every route of its prefix and metric. */
void kernel_routes_add(struct kernel_routes *routes, const struct kernel_route *route,
		       bool replace);

/* Around a reading of all routes: those that did not come again since the mark go. */
void kernel_routes_mark(struct kernel_routes *routes);
void kernel_routes_sweep(struct kernel_routes *routes);
void kernel_routes_delete(struct kernel_routes *routes, const struct kernel_route *route);

#endif
