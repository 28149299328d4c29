/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_PACKET_RIG_H
#define TESTS_PACKET_RIG_H

/*
 * Real workers in this process over two ring ports: port 0 towards the peers, port 1 towards the
 * servers. The test plays control: it sends messages and receives acknowledgements. rig_free()
 * deletes what is left, stops the workers and fails the test if a packet buffer or a message leaked.
 */

#include "dataplane/dataplane.h"
#include "mailbox/mailbox.h"
#include "messages/message.h"
#include "tables/tables.h"
#include "wire.h"

/* cmocka.h wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RIG_WORKERS_MAX     4
#define RIG_PEERS_MAX       16

#define ADDRESS(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* As an address of the tables; lives until the end of the block. */
#define RIG_ENDPOINT(a)                                                             \
	(&(struct endpoint){.family = ENDPOINT_IPV4,                                \
			    .address = {(uint8_t)((a) >> 24), (uint8_t)((a) >> 16), \
					(uint8_t)((a) >> 8), (uint8_t)(a)}})

#define RIG_LOCAL      ADDRESS(192, 0, 2, 1)     /* ours on port 0, where the listener is */
#define RIG_LOCAL_NONE ADDRESS(198, 51, 100, 1)  /* ours on port 1, without a listener */
#define RIG_GATEWAY    ADDRESS(192, 0, 2, 254)   /* of the default route, on port 0 */
#define RIG_SERVER     ADDRESS(198, 51, 100, 10) /* resolved, on port 1 */
#define RIG_UNRESOLVED ADDRESS(198, 51, 100, 77) /* on port 1's network */
#define RIG_POOL       ADDRESS(10, 20, 0, 0)     /* to 10.20.3.255 */

/* 2001:db8::1, ours; 2001:db8:7::7, every peer, behind the gateway fe80::99. */
#define RIG_LOCAL_IPV6  ((const uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, [15] = 1})
#define RIG_REMOTE_IPV6 ((const uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, 0, 7, [15] = 7})

enum { RIG_PEER_SIDE, RIG_SERVER_SIDE };

struct rig_options {
	unsigned workers;              /* 0: one */
	uint16_t rx_queues, tx_queues; /* of both ports; 0: as many as workers */
	bool poll;                     /* never sleep */
	bool one_wire; /* all queues send into one ring, in order; as the first rig of a process says */
	bool exact;        /* injected frames end where their memory ends */
	bool rx_interrupt; /* claim that the ports can wake a worker */
	bool no_client_to_client;
	bool ipv6;         /* the outside has IPv6, and the listener listens to every address */
	bool all_to_self;  /* not only echo reaches our own addresses */
	uint32_t sessions; /* room in the tables; 0: 64 */
	enum listener_ipsec ipsec;
	uint32_t triple_des_bytes_per_second; /* 0: plenty */
};

/* A client: group, one SA pair, one tunnel and one session, owned by `worker`. */
struct rig_peer {
	unsigned worker;
	uint32_t slot;    /* of group and session */
	uint32_t address; /* inner */
	uint32_t remote;  /* outer */
	uint16_t remote_port;
	bool encapsulated;
	bool plain;        /* no IPsec */
	bool ipv6;         /* outside: from RIG_REMOTE_IPV6 to RIG_LOCAL_IPV6 */
	bool session_gone; /* deleted by the test */
	unsigned move_to;
	uint32_t move_turn;
	bool move_over; /* the new owner said so */
	uint16_t l2tp_port;
	uint16_t tunnel, session, peer_tunnel, peer_session;
	struct wire_sa sa;
};

struct rig_peer_options {
	struct esp_suite suite; /* none: AES-256-CBC with SHA1 */
	unsigned worker;
	bool bare;  /* protocol 50 */
	bool plain; /* no IPsec */
	bool ipv6;
	bool unconfirmed;
	bool not_open;
	bool fixed;   /* no NAT: the endpoint may not move */
	uint16_t mtu; /* 0: 1400 */
	uint16_t mss;
	uint16_t peer_port; /* selector */
};

struct rig;

/* Starts EAL once for the process. */
struct rig *rig_new(const struct rig_options *options);
void rig_free(struct rig *rig);

/* Stops in the middle of everything. */
void rig_end(struct rig *rig);

struct mailbox *rig_mailbox(const struct rig *rig);
struct tables *rig_tables(const struct rig *rig);
struct dataplane *rig_dataplane(const struct rig *rig);

/* A frame into a port's receive queue. */
void rig_inject(struct rig *rig, unsigned port, unsigned queue, const struct bytes *frame);

/* The same in a chain of buffers, the first of which has `first` bytes. */
void rig_inject_chain(struct rig *rig, unsigned port, unsigned queue, const struct bytes *frame,
		      size_t first);

/* Waits until the workers have nothing left to do. */
void rig_settle(struct rig *rig);

/* The next frame that a port sent, from any queue or from one; false if there is none. */
bool rig_take(struct rig *rig, unsigned port, struct bytes *frame);
bool rig_take_queue(struct rig *rig, unsigned port, unsigned queue, struct bytes *frame);

/* Fails if either port sent something or control got something. */
void rig_expect_silence(struct rig *rig);

/* The next message to control, or NULL; waits a little. The caller frees it. */
struct message *rig_message(struct rig *rig);
void rig_message_free(struct rig *rig, struct message *message);

/* A message of this kind must be next; and a packet of this class with its bytes. */
struct message *rig_expect_message(struct rig *rig, enum message_kind kind);
struct message *rig_expect_packet(struct rig *rig, enum control_class class, struct bytes *bytes);

uint64_t rig_drops(const struct rig *rig, enum drop drop);

/* Settles, then fails unless exactly `count` packets were dropped for this reason since the last
 * call (for any reason), and none for another. */
void rig_expect_drops(struct rig *rig, enum drop drop, uint64_t count);
void rig_expect_no_drops(struct rig *rig);

void *rig_storage(struct rig *rig, size_t bytes);

struct rig_peer *rig_peer_add(struct rig *rig, const struct rig_peer_options *options);

/* Another SA pair for the peer's group; `sa` gets it. */
void rig_sa_add(struct rig *rig, const struct rig_peer *peer, const struct esp_suite *suite,
		uint16_t peer_port, struct wire_sa *sa);
void rig_sa_confirm(struct rig *rig, const struct rig_peer *peer, const struct wire_sa *sa);
void rig_sa_delete(struct rig *rig, const struct rig_peer *peer, const struct wire_sa *sa);

/*
 * Gives a peer (its group, or its plain session) to another worker, as control does. Between begin
 * and end control sends nothing about it; end waits for the new owner, and frees other messages.
 */
void rig_move_begin(struct rig *rig, struct rig_peer *peer, unsigned to);
void rig_move_end(struct rig *rig, struct rig_peer *peer);

/* Their parts, for tests that want something in between: the tables, the old owner, the fence of one
 * worker; and when the message came back, the tables again. */
void rig_move_publish(struct rig *rig, struct rig_peer *peer, unsigned to);
void rig_move_ask(struct rig *rig, const struct rig_peer *peer);
void rig_move_fence(struct rig *rig, const struct rig_peer *peer, unsigned worker);
void rig_move_done(struct rig *rig, struct rig_peer *peer);

/* Wraps UDP payload (L2TP), or an IPv4 packet, as the peer sends it: a frame for port 0. */
void rig_wrap_esp(const struct rig_peer *peer, struct bytes *esp);
void rig_wrap_l2tp(struct rig_peer *peer, struct bytes *l2tp);
void rig_wrap_ip(struct rig_peer *peer, struct bytes *ip);

/* From the peer: an IPv4 packet through its tunnel, into queue `queue` of port 0. */
void rig_peer_send(struct rig *rig, struct rig_peer *peer, unsigned queue, const struct bytes *ip);

/* Opens a frame that port 0 sent to the peer, down to L2TP or to the inner IPv4 packet. */
void rig_open_l2tp(const struct rig_peer *peer, struct bytes *frame, uint32_t *sequence);
void rig_open_ip(const struct rig_peer *peer, struct bytes *frame);

/* The next frame of port 0 must be for the peer and hold this IPv4 packet, one hop older. */
void rig_expect_down(struct rig *rig, const struct rig_peer *peer, const struct bytes *ip);

/* The next frame of port 1 must hold this IPv4 packet, one hop older. */
void rig_expect_up(struct rig *rig, const struct bytes *ip);

/* From the server to a subscriber. */
void rig_server_send(struct rig *rig, unsigned queue, const struct bytes *ip);

uint64_t rig_milliseconds(void);

#endif
