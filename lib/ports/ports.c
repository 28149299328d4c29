/* SPDX-License-Identifier: BSD-3-Clause */
#include "ports/ports.h"

#include "base/memory.h"
#include "ports/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

static int port_open(struct ports *ports, const struct ports_config *config, unsigned number)
{
	struct port *port = &ports->port[number];
	int error;

	port->config = config->ports[number];
	error = device_open(ports, port, config->rx_interrupts);
	if (error != 0)
		return error;
	tables_port_set(ports->tables, (uint16_t)number, port->twin.mac, port->config.mtu);
	return twin_open(ports, number);
}

static int addresses_add(struct ports *ports, const struct port *port)
{
	for (unsigned i = 0; i < port->config.address_count; i++) {
		int error = netlink_address_add(ports->netlink, port->twin.interface,
						&port->config.addresses[i]);

		if (error != 0) {
			log_error(ports->log, LOG_PORTS, "cannot set an address port=%s error=%s",
				  port->config.name, strerror(-error));
			return error;
		}
	}
	return 0;
}

struct ports *ports_new(const struct ports_config *config, struct mailbox *mailbox,
			struct tables *tables, const struct ports_loop *loop, struct log *log)
{
	struct ports *ports = memory_new(sizeof(*ports));
	int error = 0;

	ports->mailbox = mailbox;
	ports->tables = tables;
	ports->log = log;
	ports->workers = config->workers;
	ports->subscribers = -1;
	for (unsigned i = 0; i < PORTS_MAX; i++)
		ports->port[i].twin.descriptor = -1;
	for (unsigned i = 0; error == 0 && i < config->count; i++) {
		ports->count = i + 1;
		error = port_open(ports, config, i);
	}
	if (error == 0)
		error = subscribers_open(ports);
	if (error != 0)
		goto failed;
	ports->netlink = netlink_new(ports);
	if (ports->netlink == NULL) {
		log_error(log, LOG_PORTS, "cannot open rtnetlink error=%s", strerror(errno));
		goto failed;
	}
	for (unsigned i = 0; i < ports->count; i++)
		if (addresses_add(ports, &ports->port[i]) != 0)
			goto failed;
	error = netlink_load(ports->netlink);
	if (error != 0) {
		log_error(log, LOG_PORTS, "cannot read the kernel's routes error=%s",
			  strerror(-error));
		goto failed;
	}
	for (unsigned i = 0; i < ports->count; i++)
		loop->watch(loop->context, ports->port[i].twin.descriptor, twin_readable,
			    &ports->port[i].twin);
	loop->watch(loop->context, ports->subscribers, subscribers_readable, ports);
	loop->watch(loop->context, netlink_descriptor(ports->netlink), netlink_readable,
		    ports->netlink);
	return ports;

failed:
	ports_free(ports);
	return NULL;
}

void ports_free(struct ports *ports)
{
	if (ports == NULL)
		return;
	netlink_free(ports->netlink);
	for (unsigned i = 0; i < ports->count; i++) {
		twin_close(&ports->port[i].twin);
		device_close(&ports->port[i]);
	}
	if (ports->subscribers >= 0)
		close(ports->subscribers);
	free(ports);
}

uint16_t ports_device(const struct ports *ports, unsigned port)
{
	return ports->port[port].device;
}

uint16_t ports_rx_queues(const struct ports *ports, unsigned port)
{
	return ports->port[port].rx_queues;
}

uint16_t ports_tx_queues(const struct ports *ports, unsigned port)
{
	return ports->port[port].tx_queues;
}

bool ports_rx_interrupt(const struct ports *ports, unsigned port)
{
	return ports->port[port].rx_interrupt;
}

void ports_to_kernel(struct ports *ports, uint16_t port, const uint8_t *bytes, size_t length)
{
	int descriptor =
		port < ports->count ? ports->port[port].twin.descriptor : ports->subscribers;

	/* A full queue of the kernel is a lost packet, as on any wire. */
	if (write(descriptor, bytes, length) < 0)
		log_debug(ports->log, LOG_PORTS, "the kernel refused a packet error=%s",
			  strerror(errno));
}

void ports_neighbour_needed(struct ports *ports, uint16_t port, const struct endpoint *next_hop,
			    const uint8_t *packet, size_t length)
{
	struct neighbours *neighbours;
	int error;

	if (port >= ports->count)
		return;
	neighbours = netlink_neighbours(ports->netlink);
	if (!neighbours_wait(neighbours, port, next_hop, packet, length))
		ports->neighbour_unresolved++;
	error = netlink_neighbour_ask(ports->netlink, ports->port[port].twin.interface, next_hop);
	if (error == 0)
		return;
	/* Nothing will come of it: what waits is given up. */
	log_debug(ports->log, LOG_PORTS, "the kernel asks for no neighbour port=%s error=%s",
		  ports->port[port].config.name, strerror(-error));
	ports->neighbour_failed += neighbours_give_up(neighbours, port, next_hop);
}

uint64_t ports_neighbour_unresolved(const struct ports *ports)
{
	return ports->neighbour_unresolved;
}

uint64_t ports_neighbour_failed(const struct ports *ports)
{
	return ports->neighbour_failed;
}

int ports_subscriber_route_add(struct ports *ports, uint32_t prefix_be, uint8_t length)
{
	return netlink_route_change(ports->netlink, true, prefix_be, length,
				    ports->subscribers_interface);
}

int ports_subscriber_route_delete(struct ports *ports, uint32_t prefix_be, uint8_t length)
{
	return netlink_route_change(ports->netlink, false, prefix_be, length,
				    ports->subscribers_interface);
}

int ports_subscriber_address_set(struct ports *ports, uint32_t address_be)
{
	struct port_address address = {endpoint_ipv4(address_be, 0), 32};

	return netlink_address_add(ports->netlink, ports->subscribers_interface, &address);
}

unsigned ports_count(const struct ports *ports)
{
	return ports->count;
}

void ports_info(const struct ports *ports, unsigned number, struct port_info *info)
{
	const struct port *port = &ports->port[number];
	struct rte_eth_dev_info device;
	struct rte_eth_stats statistics;
	struct rte_eth_link link;

	memset(info, 0, sizeof(*info));
	memcpy(info->name, port->config.name, sizeof(info->name));
	memcpy(info->device, port->config.device, sizeof(info->device));
	memcpy(info->mac, port->twin.mac, sizeof(info->mac));
	memcpy(info->addresses, port->config.addresses, sizeof(info->addresses));
	info->address_count = port->config.address_count;
	info->mtu = port->config.mtu;
	info->rx_queues = port->rx_queues;
	info->tx_queues = port->tx_queues;
	memcpy(info->spread, port->spread, sizeof(info->spread));
	if (rte_eth_dev_info_get(port->device, &device) == 0)
		snprintf(info->driver, sizeof(info->driver), "%s", device.driver_name);
	if (rte_eth_stats_get(port->device, &statistics) == 0)
		info->missed = statistics.imissed + statistics.rx_nombuf;
	if (rte_eth_link_get_nowait(port->device, &link) == 0)
		info->link_up = link.link_status == RTE_ETH_LINK_UP;
}
