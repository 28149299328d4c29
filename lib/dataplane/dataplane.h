/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_DATAPLANE_H
#define DATAPLANE_DATAPLANE_H

/*
 * The packet path: one worker for each worker core, which polls ports, takes packets through the
 * stages and exchanges messages with control. Nothing here allocates, locks or logs once the
 * workers run; the only system calls are those of an idle worker that goes to sleep.
 */

#include "messages/drop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dataplane;
struct mailbox;
struct tables;

enum dataplane_idle {
	DATAPLANE_IDLE_ADAPTIVE, /* sleeps after a while without packets */
	DATAPLANE_IDLE_POLL,     /* never sleeps */
};

struct dataplane_config {
	unsigned workers;
	unsigned ports;
	uint16_t devices[16];   /* DPDK's number of each port */
	uint16_t rx_queues[16]; /* by port; a worker polls the queue of its own number */
	uint16_t tx_queues[16];
	bool rx_interrupt[16]; /* the port can wake an epoll */
	enum dataplane_idle idle;
	bool client_to_client;
	bool ping_only; /* subscribers reach our own addresses by ICMP echo only */
	uint32_t triple_des_bytes_per_second; /* of each SA */
};

/* Bytes that the packet path needs in the private area of each packet buffer. */
size_t dataplane_packet_private_bytes(void);

/*
 * Makes the workers; `mailbox` and `tables` are borrowed. NULL and errno: ENOTSUP when the CPU
 * cannot run the crypto, EIO when a known-answer test failed, ENOMEM.
 */
struct dataplane *dataplane_new(const struct dataplane_config *config, struct mailbox *mailbox,
				struct tables *tables);
void dataplane_free(struct dataplane *dataplane);

/* The loop of worker `worker`, on its own lcore, until dataplane_stop(). Returns 0. */
int dataplane_run(struct dataplane *dataplane, unsigned worker);

/*
 * One turn of that loop: messages, hand-offs, at most a burst from each port, jobs that completed.
 * True if it found anything to do. For the bench, which owns the thread and the time in between.
 */
bool dataplane_poll(struct dataplane *dataplane, unsigned worker);

/* Asks every worker to return; control calls it, then waits for the lcores. */
void dataplane_stop(struct dataplane *dataplane);

/* For listings; relaxed reads, any time. */
struct worker_view {
	uint64_t polls;
	uint64_t packets;
	uint64_t cycles_busy; /* in polls that did something */
	uint64_t cycles_total;
	uint64_t sleeps;
	uint64_t handed_over; /* packets to other workers: their owners, or those with a queue */
	uint64_t taken_over;
	uint64_t moved_in; /* groups and sessions that changed their owner */
	uint64_t moved_out;
	uint64_t parked;            /* packets that waited for that */
	uint64_t endpoints_moved;   /* a NAT gave a peer another address or port */
	uint64_t endpoints_refused; /* and this was not believed: no NAT, or too often */
	uint64_t jobs_parked;
	uint64_t sas;
	uint64_t groups;
	uint64_t sessions;
	uint64_t classes[CONTROL_CLASS_COUNT]; /* handed to control */
};

void dataplane_worker_view(const struct dataplane *dataplane, unsigned worker,
			   struct worker_view *view);
uint64_t dataplane_drops(const struct dataplane *dataplane, enum drop drop);

struct port_view {
	uint64_t packets_in;
	uint64_t bytes_in;
	uint64_t packets_out;
	uint64_t bytes_out;
};

void dataplane_port_view(const struct dataplane *dataplane, uint16_t port, struct port_view *view);

/* "intel-ipsec-mb 1.3.0 avx512", and whether 3DES is fast with it. */
const char *dataplane_crypto_name(const struct dataplane *dataplane);
bool dataplane_fast_3des(const struct dataplane *dataplane);

#endif
