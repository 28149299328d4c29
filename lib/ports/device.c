/* SPDX-License-Identifier: BSD-3-Clause */
/* The DPDK side of a port: queues, link, receive-side scaling, interrupts. */
#include "ports/private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#define RX_DESCRIPTORS 1024
#define TX_DESCRIPTORS 1024

/* The name that EAL gave the device: its arguments up to the first comma. */
static int device_find(const char *arguments, uint16_t *device)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	size_t length = strcspn(arguments, ",");

	if (length >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, arguments, length);
	name[length] = '\0';
	return rte_eth_dev_get_port_by_name(name, device);
}

static int queues_set_up(struct ports *ports, struct port *port,
			 const struct rte_eth_dev_info *info)
{
	uint16_t rx = RX_DESCRIPTORS, tx = TX_DESCRIPTORS;
	int error = rte_eth_dev_adjust_nb_rx_tx_desc(port->device, &rx, &tx);

	for (uint16_t queue = 0; error == 0 && queue < port->rx_queues; queue++)
		error = rte_eth_rx_queue_setup(port->device, queue, rx, SOCKET_ID_ANY,
					       &info->default_rxconf,
					       mailbox_packet_pool(ports->mailbox));
	for (uint16_t queue = 0; error == 0 && queue < port->tx_queues; queue++)
		error = rte_eth_tx_queue_setup(port->device, queue, tx, SOCKET_ID_ANY,
					       &info->default_txconf);
	return error;
}

/* What a device may choose the receive queue by, for what arrives here. */
static const struct {
	uint64_t types;
	const char *name;
} spreads[] = {
	{RTE_ETH_RSS_ESP, "esp_spi"},
	{RTE_ETH_RSS_UDP, "udp_ports"},
	{RTE_ETH_RSS_L2TPV2, "l2tp_session"}, /* a LAC's sessions, else all of one flow */
	{RTE_ETH_RSS_IP, "addresses"},
};

/* Of these, what the device offers; its names go to the port. */
static uint64_t spread_choose(struct port *port, uint64_t offered)
{
	uint64_t chosen = 0;
	size_t at = 0;

	for (size_t i = 0; i < RTE_DIM(spreads); i++) {
		if ((spreads[i].types & offered) == 0)
			continue;
		chosen |= spreads[i].types & offered;
		at += (size_t)snprintf(port->spread + at, sizeof(port->spread) - at, "%s%s",
				       at != 0 ? "," : "", spreads[i].name);
	}
	return chosen;
}

static struct rte_eth_conf device_conf(struct port *port, const struct rte_eth_dev_info *info,
				       bool rx_interrupts)
{
	struct rte_eth_conf conf = {0};

	snprintf(port->spread, sizeof(port->spread), port->rx_queues > 1 ? "device" : "");
	if (port->rx_queues > 1) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			spread_choose(port, info->flow_type_rss_offloads);
	}
	conf.intr_conf.rxq = rx_interrupts;
	return conf;
}

/* True if the queue's descriptor is readable whenever packets wait, without being armed. */
static bool wakes_by_level(uint16_t device)
{
	return rte_eth_dev_rx_intr_ctl_q_get_fd(device, 0) >= 0 &&
	       rte_eth_dev_rx_intr_enable(device, 0) == -ENOTSUP;
}

int device_open(struct ports *ports, struct port *port, bool rx_interrupts)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	struct rte_eth_conf conf;
	int error;

	if (device_find(port->config.device, &port->device) != 0) {
		log_error(ports->log, LOG_PORTS, "no such DPDK device port=%s device=%s",
			  port->config.name, port->config.device);
		return -ENODEV;
	}
	error = rte_eth_dev_info_get(port->device, &info);
	if (error != 0)
		return error;
	port->rx_queues = (uint16_t)RTE_MIN(ports->workers, (unsigned)info.max_rx_queues);
	port->tx_queues = (uint16_t)RTE_MIN(ports->workers, (unsigned)info.max_tx_queues);
	if (strcmp(info.driver_name, "net_tap") == 0 ||
	    strcmp(info.driver_name, "net_af_packet") == 0)
		port->rx_queues = port->tx_queues = RTE_MIN(port->rx_queues, port->tx_queues);
	conf = device_conf(port, &info, rx_interrupts);
	error = rte_eth_dev_configure(port->device, port->rx_queues, port->tx_queues, &conf);
	if (error == 0)
		error = queues_set_up(ports, port, &info);
	if (error == 0)
		error = rte_eth_dev_set_mtu(port->device, port->config.mtu);
	if (error == -ENOTSUP)
		error = 0;
	if (error == 0)
		error = rte_eth_dev_start(port->device);
	if (error != 0) {
		log_error(ports->log, LOG_PORTS, "cannot start port=%s device=%s error=%s",
			  port->config.name, port->config.device, strerror(-error));
		return error;
	}
	port->started = true;
	log_info(ports->log, LOG_PORTS, "started port=%s rx_queues=%u tx_queues=%u spread_by=%s",
		 port->config.name, port->rx_queues, port->tx_queues,
		 port->spread[0] != '\0' ? port->spread : "nothing");
	(void)rte_eth_promiscuous_enable(port->device); /* the twin's address may be another */
	port->rx_interrupt = rx_interrupts && wakes_by_level(port->device);
	rte_eth_macaddr_get(port->device, &mac);
	memcpy(port->twin.mac, mac.addr_bytes, 6);
	/* The kernel end of net_tap has the device's address: ours must differ. */
	if (strcmp(info.driver_name, "net_tap") == 0) {
		port->twin.mac[0] = (uint8_t)((port->twin.mac[0] | 0x02) & ~0x01);
		port->twin.mac[1] ^= 0x80;
	}
	return 0;
}

void device_close(struct port *port)
{
	if (!port->started)
		return;
	rte_eth_dev_stop(port->device);
	rte_eth_dev_close(port->device);
}
