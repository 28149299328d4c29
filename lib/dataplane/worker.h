/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_WORKER_H
#define DATAPLANE_WORKER_H

/*
 * One worker's state, and the stages. Each stage is one function over a vector of packets: it takes
 * over the packets that it is given and passes them to the next stage, to a job, to control, to
 * another worker, or drops them under a name.
 */

#include "crypto/esp_engine.h"
#include "dataplane/dataplane.h"
#include "dataplane/objects.h"
#include "dataplane/packet.h"
#include "mailbox/mailbox.h"
#include "messages/message.h"
#include "tables/lookup.h"

#include <rte_cycles.h>
#include <rte_prefetch.h>

#define WORKER_PORTS_MAX TABLES_PORTS_MAX

/* Expanded keys of so many pairs lie in the caches: asking for their lines ahead then costs more than
 * it brings (10 cycles a packet at 1024 pairs). */
#define SAS_IN_CACHE 4096

/* Jobs that completed and wait for their next stage: more than all lanes can park together. */
#define COMPLETED_MAX 2048

struct completed {
	unsigned head;
	unsigned tail;
	struct rte_mbuf *packets[COMPLETED_MAX];
};

struct transmit_buffer {
	unsigned count;
	struct rte_mbuf *packets[VECTOR_MAX];
};

/* A token bucket in thousandths of a packet. */
struct packet_policer {
	uint64_t filled_cycles;
	uint64_t tokens;
};

struct worker {
	/* set before the start, read by the worker */
	unsigned id;
	const struct dataplane_config *config;
	struct dataplane *dataplane;
	struct mailbox *mailbox;
	const struct tables *tables;
	struct sa **sas; /* of struct dataplane, as the two below */
	struct group **groups;
	struct session **sessions;
	struct esp_engine *engine;
	uint64_t hz;

	/* the worker's own */
	uint64_t now_cycles; /* at the start of this poll */
	struct esp_job jobs[ESP_LANE_COUNT][VECTOR_MAX];
	unsigned job_count[ESP_LANE_COUNT];
	struct completed decrypted;
	struct completed encrypted;
	struct transmit_buffer transmit[WORKER_PORTS_MAX];
	struct packet_policer class_policer[CONTROL_CLASS_COUNT];
	struct packet_policer icmp_policer;
	uint16_t identification; /* of outer IPv4 headers */
	/* Two that are tested at once for each packet to a peer. */
	bool watching : 1;     /* an operator watches something, see watch.h */
	bool ipv6 : 1;         /* a group over IPv6 is, or was, here */
	uint32_t watch_number; /* of the packet that was watched last */
	uint32_t natt_be;      /* our address in the last ESP in UDP that went the long way */
	uint32_t idle_polls;
	int epoll; /* of an adaptive worker */
	struct handoff *handoff;
	struct moves *moves;
	struct reassembly *reassembly;

	/* the worker writes, control reads */
	uint64_t drops[DROP_COUNT];
	struct worker_view view;
	struct port_view ports[WORKER_PORTS_MAX];
} __rte_cache_aligned;

struct dataplane {
	struct dataplane_config config;
	struct mailbox *mailbox;
	struct tables *tables;
	uint32_t stop; /* control writes, workers read */
	/* Each entry is written and read by the owner of its slot alone. */
	struct sa **sas;
	struct group **groups;
	struct session **sessions;
	struct worker *workers[MAILBOX_WORKERS_MAX];
};

/* --- the stages, in the order of the way up and then down --- */

/*
 * An IPv6 frame for our link address: the protocol, if it is UDP or ESP to an address of ours at `offset`
 * of the frame, with the packet's addresses set. Else it is gone, and 0.
 */
uint8_t classify_ipv6(struct worker *w, struct rte_mbuf *mbuf, uint32_t *offset);

/* Frames as received from a port. */
void classify_stage(struct worker *w, uint16_t port, struct vector *frames);

/* A datagram that was put together, as a frame. */
void classify_again(struct worker *w, struct rte_mbuf *mbuf);

/* ESP at the mbuf's data: checks, then a job. */
void esp_in_stage(struct worker *w, struct vector *packets);

/* Decrypted jobs: tag, replay, trailer, then up to IPv4; then route. */
void esp_in_complete(struct worker *w, struct vector *packets);

/* Plain L2TP: UDP at the mbuf's data; up to IPv4, then route. */
void l2tp_in_stage(struct worker *w, struct vector *packets);

/* An IPv4 packet at the mbuf's data, from a session or ours: to a session or a next hop. */
void route_stage(struct worker *w, struct vector *packets);

/* An IPv4 packet for the session packet_of()->session, wherever its owner is. */
void session_out_stage(struct worker *w, struct vector *packets);

/* Encrypted jobs: outer headers. */
void esp_out_complete(struct worker *w, struct vector *packets);

/* Complete IPv4 packets of ours, by their destination to a next hop. */
void outer_stage(struct worker *w, struct vector *packets);

/* The same of IPv6. */
void outer_ipv6_stage(struct worker *w, struct vector *packets);

/* --- shared by stages --- */

/* Submits what stages queued in worker.jobs, and gathers what completed. */
void crypto_submit(struct worker *w, unsigned lane, bool encrypt);
void crypto_submit_all(struct worker *w, bool encrypt);
void crypto_flush(struct worker *w, unsigned lane);

/* Completes the jobs that were queued more than `cycles` before this poll. */
void crypto_flush_older(struct worker *w, unsigned lane, uint32_t cycles);

/* IP and UDP headers in front of `mbuf`, with checksums; false if it is gone. */
bool outer_push_udp(struct worker *w, struct rte_mbuf *mbuf, const struct endpoint *local,
		    const struct endpoint *remote);

/* IP packets to the next hops that `next_hops` (values of routes) name. */
void egress_stage(struct worker *w, struct vector *packets, const uint64_t *next_hops);

/* A complete frame to a port's transmit queue; flush sends what is buffered. */
void transmit_frame(struct worker *w, struct rte_mbuf *mbuf, uint16_t port);
void transmit_flush(struct worker *w);

/* To the control core with its context; `offset` and `length` name the bytes that matter. `next_hop` of
 * class neighbour, else NULL. */
void control_hand(struct worker *w, enum control_class class, struct rte_mbuf *mbuf,
		  uint32_t offset, uint32_t length, const struct endpoint *next_hop);

/* An ICMP error about the IPv4 packet in `about` (which the caller still owns). */
void icmp_error_send(struct worker *w, const struct rte_mbuf *about, uint8_t type, uint8_t code,
		     uint16_t mtu);

/* Cuts an IPv4 packet into fragments of at most `mtu` bytes; consumes `mbuf`. */
void fragment_packet(struct worker *w, struct rte_mbuf *mbuf, uint16_t mtu, struct vector *out);

/* Messages from control. True if there were any. */
bool inbox_poll(struct worker *w);

/* --- packets of other owners (handoff.c) --- */

/* Makes and frees what a worker gathers for the others. */
struct handoff *handoff_new(unsigned workers);

/*
 * Sends a packet to `owner`, as it was looked up and found not to be this worker's number; the packet
 * is as `resume` says. True if the packet is this worker's after all, since the owner is changing;
 * else it is gone.
 */
bool handoff_packet(struct worker *w, struct rte_mbuf *mbuf, unsigned owner,
		    enum packet_resume resume);

/* A frame to a worker with a transmit queue. */
void handoff_frame(struct worker *w, struct rte_mbuf *mbuf, unsigned to);

/* Enqueues what was gathered: for all workers, or for one. */
void handoff_flush(struct worker *w);
void handoff_flush_to(struct worker *w, unsigned to);

/* Goes on with the packets in `vector`, which were handed over. */
void handoff_resume(struct worker *w, const struct vector *vector);

/* Takes what other workers handed over; returns the number of packets. */
unsigned handoff_poll(struct worker *w);

/* --- changes of the owner (move.c) --- */

struct moves *moves_new(void);
void moves_free(struct moves *moves);

/* This worker is the new owner of a packet's object under move number `move`: true if it may go on
 * with it, else the packet waits (or was dropped). */
bool move_admits(struct worker *w, unsigned move, struct rte_mbuf *mbuf);

/* From control; and from another worker. The message is the worker's from then on. */
void move_request(struct worker *w, struct message *message);
void move_take(struct worker *w, struct message *message);

/* True if lanes must be flushed, since an object leaves at the end of this poll. */
bool moves_leaving(const struct worker *w);

/* At the end of a poll, behind all that this worker sent. True while something waits for a ring. */
bool moves_poll(struct worker *w);

/* Answers a delete once the SA has no job in flight. */
void inbox_sa_idle(struct worker *w, struct sa *sa);

/* Chooses the pair to send on. */
void group_choose_newest(struct group *group);

/* Where we and the peer are: the outer headers are made again. */
struct endpoint group_local(const struct group *group);
struct endpoint group_remote(const struct group *group);
void group_set_endpoints(struct worker *w, struct group *group, const struct endpoint *local,
			 const struct endpoint *remote);

/* Frees it under a name. */
void drop_packet(struct worker *w, struct rte_mbuf *mbuf, enum drop drop);

/* True if the bucket of `rate` packets a second (and as many of burst) has one. */
static inline bool policer_take(struct packet_policer *policer, uint64_t rate, uint64_t now_cycles,
				uint64_t hz)
{
	uint64_t full = rate * 1000;
	uint64_t elapsed = now_cycles - policer->filled_cycles;
	/* A division, but only for the few packets that leave the packet path. */
	uint64_t earned = elapsed >= hz ? full : elapsed * rate / (hz / 1000);

	if (earned != 0) {
		policer->tokens += earned;
		policer->filled_cycles = now_cycles;
	}
	if (policer->tokens > full)
		policer->tokens = full;
	if (policer->tokens < 1000)
		return false;
	policer->tokens -= 1000;
	return true;
}

#endif
