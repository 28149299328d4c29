/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_ARP_H
#define LOAD_ARP_H

/* ARP (RFC 826) for the addresses that a port plays, and for its gateway. */

#include "port.h"

/* Asks for the gateway's link address. */
void arp_ask(struct port *port, struct rte_mempool *pool);

/* Takes an ARP frame: answers a question about one of our addresses, learns the gateway's. */
void arp_receive(struct port *port, struct rte_mbuf *frame);

#endif
