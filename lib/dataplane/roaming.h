/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_ROAMING_H
#define DATAPLANE_ROAMING_H

/*
 * A NAT gives a peer another address or port (RFC 3947 7). Another port is believed. At another address
 * the peer must answer before more is sent there than three times what came from it: somebody may have
 * forwarded a genuine packet with a source address of his choice.
 */

#include "dataplane/worker.h"

/* An authentic packet with the highest sequence so far on the newest pair came from elsewhere. */
void roaming_heard(struct worker *w, struct group *group, const struct packet *packet);

/* An authentic packet of `bytes` bytes came while the address is unproven. */
void roaming_earn(struct group *group, const struct packet *packet, uint32_t bytes);

/* Whether `bytes` bytes may be sent to the unproven address. */
bool roaming_spend(struct group *group, uint32_t bytes);

/* A group is where another one is. */
void roaming_follow(struct worker *w, struct group *group, const struct group *other);

/* Control says where the peer is, and that it answered there. */
void roaming_set(struct worker *w, const struct message *message);
void roaming_proven(struct worker *w, const struct message *message);

#endif
