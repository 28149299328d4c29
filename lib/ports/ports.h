/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PORTS_PORTS_H
#define PORTS_PORTS_H

/*
 * Ports and their kernel twins. A port is a DPDK device that the workers poll; its twin is a TAP
 * interface of the kernel with the port's addresses, which speaks ARP, answers pings and takes part
 * in routing. What is for the kernel goes in at the twin, and what the kernel sends there leaves
 * through the port. Routes, neighbours and local addresses come back by rtnetlink into the tables.
 * One more interface, "conc0", stands for all subscribers.
 *
 * Everything here runs on the control core. EAL must be up.
 */

#include "base/endpoint.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ports;
struct mailbox;
struct tables;

#define PORTS_MAX            16
#define PORT_ADDRESSES_MAX   8
#define PORT_NAME_BYTES      16 /* of an interface, with its NUL */
#define SUBSCRIBER_INTERFACE "conc0"

/* What the kernel knows our routes by (ip route show proto 201). */
#define ROUTE_PROTOCOL 201

struct port_address {
	struct endpoint address; /* IPv4 or IPv6 */
	uint8_t prefix_length;
};

struct port_config {
	char name[PORT_NAME_BYTES]; /* of the port and of its twin */
	char device[128];           /* "net_tap0,iface=wire" or a PCI address, as given to EAL */
	uint16_t mtu;
	struct port_address addresses[PORT_ADDRESSES_MAX];
	unsigned address_count;
};

struct ports_config {
	const struct port_config *ports;
	unsigned count;
	unsigned workers;
	bool rx_interrupts; /* workers sleep: let ports wake them where they can */
};

/* How the owner's event loop is told of a descriptor: readable(object) whenever it can be read. */
struct ports_loop {
	void *context;
	void (*watch)(void *context, int descriptor, void (*readable)(void *object), void *object);
};

/*
 * Configures and starts the devices, creates the twins and conc0, reads the kernel's addresses,
 * routes and neighbours into the tables, and watches for changes. NULL after one log line that says
 * what is wrong.
 */
struct ports *ports_new(const struct ports_config *config, struct mailbox *mailbox,
			struct tables *tables, const struct ports_loop *loop, struct log *log);

/* Stops the devices and removes the interfaces. The workers must have stopped. */
void ports_free(struct ports *ports);

/* DPDK's number of a port and its queues, for the workers' configuration. */
uint16_t ports_device(const struct ports *ports, unsigned port);
uint16_t ports_rx_queues(const struct ports *ports, unsigned port);
uint16_t ports_tx_queues(const struct ports *ports, unsigned port);
bool ports_rx_interrupt(const struct ports *ports, unsigned port);

/* A frame that arrived on `port` for the kernel; UINT16_MAX: an IPv4 packet of a subscriber. */
void ports_to_kernel(struct ports *ports, uint16_t port, const uint8_t *bytes, size_t length);

/* A packet waits for the link address of `next_hop`, of its own family, on `port`. Bytes are copied. */
void ports_neighbour_needed(struct ports *ports, uint16_t port, const struct endpoint *next_hop,
			    const uint8_t *packet, size_t length);

/* Packets given up because four waited for their next hop already; because it did not answer. */
uint64_t ports_neighbour_unresolved(const struct ports *ports);
uint64_t ports_neighbour_failed(const struct ports *ports);

/* A kernel route of ours to conc0, so that routing daemons can announce it. 0 or -errno. */
int ports_subscriber_route_add(struct ports *ports, uint32_t prefix_be, uint8_t length);
int ports_subscriber_route_delete(struct ports *ports, uint32_t prefix_be, uint8_t length);

/* Our end of every PPP link, as an address of conc0. 0 or -errno. */
int ports_subscriber_address_set(struct ports *ports, uint32_t address_be);

struct port_info {
	char name[PORT_NAME_BYTES];
	char device[128];
	char driver[32];
	uint8_t mac[6];
	uint16_t mtu;
	uint16_t rx_queues;
	uint16_t tx_queues;
	char spread[64]; /* what it chooses the receive queue by; "device": it does not say */
	bool link_up;
	uint64_t missed; /* received by the device, not by us */
	struct port_address addresses[PORT_ADDRESSES_MAX];
	unsigned address_count;
};

unsigned ports_count(const struct ports *ports);
void ports_info(const struct ports *ports, unsigned port, struct port_info *info);

#endif
