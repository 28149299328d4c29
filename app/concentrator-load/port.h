/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_PORT_H
#define LOAD_PORT_H

/* One DPDK port with the addresses that we play on its link, and the next hop behind it. */

#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#define PORT_WAITING 1024 /* frames that wait for room in the device */
#define PORT_BURST   32

struct port {
	const char *name;
	uint16_t device;
	bool started;
	bool link_up;
	bool gateway_known;
	struct rte_ether_addr mac;
	struct rte_ether_addr gateway_mac;
	uint32_t address_be; /* our own */
	uint32_t gateway_be;
	uint32_t first; /* more addresses that are ours, in host order */
	uint32_t count;
	uint64_t asked_ms; /* when we asked for the gateway last */
	uint64_t sent;
	uint64_t received;
	uint64_t refused;    /* frames without room */
	unsigned head, tail; /* of `waiting`; they run on, modulo PORT_WAITING */
	struct rte_mbuf *waiting[PORT_WAITING];
};

/* Opens and starts the device with these arguments, one queue each way. 0 or -errno, logged. */
int port_open(struct port *port, const char *device, struct rte_mempool *pool, struct log *log);
void port_close(struct port *port);

/* True once the link is up and the gateway has told its address; asks for both. */
bool port_ready(struct port *port, struct rte_mempool *pool, uint64_t now_ms);

/* True if the address is one of ours on this link. */
bool port_owns(const struct port *port, uint32_t address_be);

unsigned port_receive(struct port *port, struct rte_mbuf *frames[PORT_BURST]);

/* Takes an IPv4 packet and sends it to the gateway, with port_flush() at the latest. */
void port_send(struct port *port, struct rte_mbuf *packet);

/* The same with a frame that has its Ethernet header. */
void port_send_frame(struct port *port, struct rte_mbuf *frame);
void port_flush(struct port *port);

/* Frames that port_send() takes without refusing any. */
unsigned port_room(const struct port *port);

#endif
