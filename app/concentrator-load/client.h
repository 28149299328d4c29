/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

/* The IPsec half of a peer: its IKE initiator and its pair of ESP SAs. */

#include "load.h"

/* Reads the key and makes the crypto. 0 or -errno, logged. */
int client_set_up(struct load *load);
void client_tear_down(struct load *load);

void client_dial(struct peer *peer);

/* Deletes what is up; nothing happens to a peer without IPsec. */
void client_close(struct peer *peer);

/* A UDP payload that came to the peer's own port 500 or 4500. Takes the buffer. */
void client_receive(struct peer *peer, uint16_t own_port, struct rte_mbuf *mbuf);

/* What begins with an ESP header. Takes the buffer. */
void client_receive_esp(struct peer *peer, struct rte_mbuf *mbuf);

/* Protects a UDP datagram and sends it, with client_flush() at the latest. Takes the buffer. */
void client_seal(struct peer *peer, struct rte_mbuf *mbuf);

/* Completes what was begun: opens what came, seals and sends what waits. */
void client_flush(struct load *load);

#endif
