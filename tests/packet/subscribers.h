/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_PACKET_SUBSCRIBERS_H
#define TESTS_PACKET_SUBSCRIBERS_H

/*
 * Subscribers behind one LAC: one plain tunnel, a PPP session for each, and traffic of unequal rates,
 * three packets down for each one up, whose every packet is numbered. Frames go by the rig's ports: the LAC's come on one queue, since
 * they are one flow; those of servers come on the queue that the subscriber's address hashes to.
 * A packet that is lost, or overtakes another of its session and direction, fails the test.
 */

#include "../unit/l2tp_lac.h"
#include "../unit/ppp_peer.h"
#include "rig.h"

#define SUBSCRIBERS 1000

enum subscriber_state {
	SUBSCRIBER_AWAY,
	SUBSCRIBER_DIALLING,
	SUBSCRIBER_UP,
	SUBSCRIBER_LEAVING, /* says nothing any more; then hangs up */
};

struct subscribers;

struct subscriber {
	struct subscribers *all;
	unsigned index;
	enum subscriber_state state;
	uint64_t since_ms;
	struct ppp_peer ppp;
	uint32_t address; /* host order */
	uint32_t up_sent, up_got;
	uint32_t down_sent, down_got;
	uint64_t delivered; /* in both directions, by all its sessions */
	unsigned worker;    /* as the concentrator lists it */
	uint32_t session;
};

struct subscribers {
	struct rig *rig;
	struct lac lac;
	uint64_t now_ms;
	unsigned queues;
	unsigned up;
	unsigned dialled;    /* since the start */
	unsigned on_the_way; /* packets sent and not received */
	uint32_t random;
	double share[SUBSCRIBERS]; /* of all packets, added up: Zipf */
	struct subscriber subscriber[SUBSCRIBERS];
	struct subscriber *by_address[1024]; /* less RIG_POOL */
};

void subscribers_init(struct subscribers *all, struct rig *rig, unsigned queues);

/* The next one, and the tunnel before the first. */
void subscriber_dial(struct subscribers *all, unsigned index);
void subscriber_leave(struct subscribers *all, unsigned index);

/* At most `count` packets of subscribers who are up, each by its share, in either direction; fewer when
 * the workers do not keep up. */
void subscribers_send(struct subscribers *all, unsigned count);

/* Takes what came out of the ports, and lets time pass. */
void subscribers_advance(struct subscribers *all, uint64_t now_ms);

/* The concentrator lists this session of ours. */
void subscriber_listed(struct subscribers *all, uint16_t l2tp_session, uint32_t session,
		       unsigned worker, uint32_t address);

/* True if nothing is on its way, and nobody comes or goes. */
bool subscribers_quiet(const struct subscribers *all);

#endif
