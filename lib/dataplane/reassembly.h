/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_REASSEMBLY_H
#define DATAPLANE_REASSEMBLY_H

/*
 * Fragments of tunnelled packets (RFC 791 3.2, RFC 5722). All of a datagram meet at the worker that its
 * addresses and number name, whichever got them; what is complete is classified again. A worker's table
 * holds a bounded number of datagrams and, with the others', at most a quarter of the packet buffers.
 */

#include "dataplane/worker.h"

struct reassembly;

/* `fragments`: that the table may hold at once. */
struct reassembly *reassembly_new(unsigned fragments);
void reassembly_free(struct reassembly *reassembly);

/* A fragment as classify got it: a frame whose IPv4 header is valid and whose padding is cut. */
void reassembly_hand(struct worker *w, struct rte_mbuf *mbuf);

/* The same at the worker that its datagram belongs to. */
void reassembly_take(struct worker *w, struct rte_mbuf *mbuf);

/* Once a poll: looks whether a datagram waited too long. */
void reassembly_poll(struct worker *w);

#endif
