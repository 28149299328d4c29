/* SPDX-License-Identifier: BSD-3-Clause */
#include "port.h"

#include "arp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>

#define DESCRIPTORS 1024
#define ASK_EACH_MS 500

static int device_start(struct port *port, struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = {0};
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	int error = rte_eth_dev_configure(port->device, 1, 1, &conf);

	if (error == 0)
		error = rte_eth_dev_adjust_nb_rx_tx_desc(port->device, &rx, &tx);
	if (error == 0)
		error = rte_eth_rx_queue_setup(port->device, 0, rx, SOCKET_ID_ANY, NULL, pool);
	if (error == 0)
		error = rte_eth_tx_queue_setup(port->device, 0, tx, SOCKET_ID_ANY, NULL);
	if (error == 0)
		error = rte_eth_dev_start(port->device);
	if (error == 0)
		error = rte_eth_macaddr_get(port->device, &port->mac);
	return error;
}

int port_open(struct port *port, const char *device, struct rte_mempool *pool, struct log *log)
{
	char name[RTE_ETH_NAME_MAX_LEN] = "";
	size_t length = strcspn(device, ",");
	int error = -ENODEV;

	if (length < sizeof(name)) {
		memcpy(name, device, length);
		error = rte_eth_dev_get_port_by_name(name, &port->device);
	}
	if (error == 0)
		error = device_start(port, pool);
	if (error != 0) {
		log_error(log, LOG_PORTS, "cannot start the port port=%s device=%s error=%s",
			  port->name, device, strerror(-error));
		return error;
	}
	port->started = true;
	(void)rte_eth_promiscuous_enable(port->device);
	return 0;
}

void port_close(struct port *port)
{
	while (port->head != port->tail)
		rte_pktmbuf_free(port->waiting[port->head++ % PORT_WAITING]);
	if (!port->started)
		return;
	rte_eth_dev_stop(port->device);
	rte_eth_dev_close(port->device);
	port->started = false;
}

bool port_ready(struct port *port, struct rte_mempool *pool, uint64_t now_ms)
{
	struct rte_eth_link link = {0};

	if (port->link_up && port->gateway_known)
		return true;
	if (now_ms - port->asked_ms < ASK_EACH_MS && port->asked_ms != 0)
		return false;
	port->asked_ms = now_ms;
	/* net_memif connects while it is asked for its link. */
	if (rte_eth_link_get_nowait(port->device, &link) == 0)
		port->link_up = link.link_status == RTE_ETH_LINK_UP;
	if (port->link_up)
		arp_ask(port, pool);
	return false;
}

bool port_owns(const struct port *port, uint32_t address_be)
{
	return address_be == port->address_be || ntohl(address_be) - port->first < port->count;
}

unsigned port_receive(struct port *port, struct rte_mbuf *frames[PORT_BURST])
{
	unsigned count = rte_eth_rx_burst(port->device, 0, frames, PORT_BURST);

	port->received += count;
	return count;
}

void port_send(struct port *port, struct rte_mbuf *packet)
{
	struct rte_ether_hdr *header =
		(struct rte_ether_hdr *)rte_pktmbuf_prepend(packet, sizeof(*header));

	if (header == NULL) {
		port->refused++;
		rte_pktmbuf_free(packet);
		return;
	}
	header->dst_addr = port->gateway_mac;
	header->src_addr = port->mac;
	header->ether_type = htons(RTE_ETHER_TYPE_IPV4);
	port_send_frame(port, packet);
}

void port_send_frame(struct port *port, struct rte_mbuf *frame)
{
	if (port_room(port) == 0)
		port_flush(port);
	if (port_room(port) == 0) {
		port->refused++;
		rte_pktmbuf_free(frame);
		return;
	}
	port->waiting[port->tail++ % PORT_WAITING] = frame;
	if (port->tail - port->head >= PORT_BURST)
		port_flush(port);
}

void port_flush(struct port *port)
{
	while (port->head != port->tail) {
		unsigned at = port->head % PORT_WAITING;
		unsigned count = RTE_MIN(port->tail - port->head, PORT_WAITING - at);
		unsigned done =
			rte_eth_tx_burst(port->device, 0, port->waiting + at, (uint16_t)count);

		port->head += done;
		port->sent += done;
		if (done < count)
			return;
	}
}

unsigned port_room(const struct port *port)
{
	return PORT_WAITING - (port->tail - port->head);
}
