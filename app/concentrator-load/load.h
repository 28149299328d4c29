/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

/*
 * What the files of the load generator share. One thread does everything: it polls both ports, feeds
 * the engines, drives the timer wheel, dials, and sends.
 */

#include "base/cause.h"
#include "base/random_source.h"
#include "crypto/esp_engine.h"
#include "frame.h"
#include "histogram.h"
#include "l2tp/l2tp.h"
#include "options.h"
#include "port.h"
#include "ppp/ppp.h"
#include "timer/timer_wheel.h"

#include <sys/queue.h>

#define L2TP_PORT  1701
#define TUNNEL_IDS 65536

struct load;

enum direction {
	DIRECTION_UP, /* from the client to the server */
	DIRECTION_DOWN,
	DIRECTIONS
};

/* One direction of a session's traffic, as its receiver sees it. */
struct flow {
	uint64_t sent;
	uint64_t received;
	uint64_t highest; /* sequence number; they begin with 1 */
	uint64_t window;  /* bit n: highest - n was received */
};

enum session_phase {
	SESSION_PHASE_IDLE,
	SESSION_PHASE_WAITING,     /* for its tunnel */
	SESSION_PHASE_CALLING,     /* ICRQ sent */
	SESSION_PHASE_NEGOTIATING, /* PPP */
	SESSION_PHASE_UP,
	SESSION_PHASE_TERMINATING, /* PPP Terminate-Request sent */
	SESSION_PHASE_CLEARING,    /* CDN sent, or about to be */
	SESSION_PHASE_GONE,
};

struct session {
	struct timer_node timer; /* first; PPP's deadline */
	STAILQ_ENTRY(session) waiting;
	struct peer *peer;
	struct ppp *ppp;
	struct ppp_credentials credentials;
	uint64_t started_us;
	uint64_t closing_ms;
	uint32_t number;
	uint32_t address_be; /* what IPCP gave */
	uint16_t id;         /* L2TP, ours */
	uint16_t peer_id;
	uint8_t phase;                 /* enum session_phase */
	bool failed;                   /* counted as such */
	struct flow flows[DIRECTIONS]; /* by direction */
};

enum peer_phase {
	PEER_PHASE_IDLE,
	PEER_PHASE_KEYING,  /* IKE */
	PEER_PHASE_CALLING, /* SCCRQ sent */
	PEER_PHASE_UP,
	PEER_PHASE_STOPPING, /* StopCCN sent */
	PEER_PHASE_LEAVING,  /* waits for its turn to send IKE's Deletes */
	PEER_PHASE_DOWN,
};

STAILQ_HEAD(session_queue, session);

/* A hash table's place: which session has this L2TP id. Ids are never used twice. */
struct session_place {
	uint16_t id; /* 0: free */
	uint32_t number;
};

/* An outer identity: a client, or a LAC's tunnel. */
struct peer {
	struct timer_node timer; /* first; IKE's deadline */
	struct load *load;
	struct client *client;        /* with IPsec, once it dials */
	struct session_queue waiting; /* sessions that wait for the tunnel */
	STAILQ_ENTRY(peer) leaving;
	struct session_place *places; /* its sessions by id; NULL with one session */
	uint32_t place_mask;          /* number of places, a power of two, less one */
	uint32_t number;
	uint32_t open_sessions; /* neither down nor failed, idle ones not counted */
	uint16_t tunnel;
	uint16_t peer_tunnel;
	uint8_t phase; /* enum peer_phase */
};

STAILQ_HEAD(peer_queue, peer);

struct tally {
	uint32_t started;
	uint32_t up; /* now */
	uint32_t ever_up;
	uint32_t failed;          /* never came up */
	uint32_t dropped;         /* came up and went down by themselves */
	uint32_t closed;          /* as we wished */
	uint32_t unanswered;      /* Terminate-Requests */
	uint32_t tunnels_unclean; /* ended without the peer's acknowledgement */
	uint32_t causes[CAUSE_COUNT];
	uint64_t first_start_us;
	uint64_t last_up_us;
	uint64_t close_us;
	uint64_t closed_us;
	uint64_t control_refused; /* frames of control that found no buffer */
	uint64_t strays;          /* frames that belong to nobody */
	uint64_t esp_forged;
	uint64_t esp_replayed;
	uint64_t esp_late;
	uint32_t ike_dropped; /* ISAKMP SAs that ended by themselves */
	struct histogram time_to_up_us;
};

struct traffic_tally {
	uint64_t corrupt;
	uint64_t misdelivered;
	uint64_t late;
	uint64_t duplicate;
	uint64_t foreign; /* packets that are none of ours */
	uint64_t begun_us;
	uint64_t ended_us;
	uint64_t sent_bytes[DIRECTIONS];
	uint64_t received_bytes[DIRECTIONS];
	struct histogram latency_ns[DIRECTIONS];
};

struct load {
	const struct options *options;
	struct log *log;
	uint64_t now_us; /* of this turn */
	uint64_t now_ms;
	uint64_t start_cycles;
	uint64_t cycles_hz;
	struct random_source random;
	struct timer_wheel *wheel;
	struct rte_mempool *pool;
	struct port peers_port;
	struct port servers_port;

	struct client_set *clients; /* NULL without IPsec */
	struct l2tp *l2tp;
	struct timer_node l2tp_timer;
	struct l2tp_counters l2tp_counters;
	struct peer **by_tunnel; /* TUNNEL_IDS */
	struct ppp_config ppp_config;
	struct ppp_counters ppp_counters;
	uint8_t secret[256]; /* of tunnels */
	size_t secret_bytes;

	struct peer *peers;
	struct peer_queue leaving;
	uint64_t left_ms; /* when peers left last */
	struct session *sessions;
	uint32_t next_start; /* number of the session that is dialled next */
	uint32_t next_close;
	uint32_t in_progress;
	uint32_t closing_count;
	unsigned empty_polls;
	uint32_t next_send[DIRECTIONS]; /* number of the session that sends next, by direction */
	uint64_t sent[DIRECTIONS];
	unsigned next_size[DIRECTIONS];
	unsigned size_count; /* of `sizes` */
	uint16_t sizes[SIZES_MAX * 100];
	bool traffic_runs;
	bool closing;
	bool draining; /* the L2TP engine's events are being taken */

	struct tally tally;
	struct traffic_tally traffic;
};

/* run.c */
uint64_t load_microseconds(const struct load *load);

/* session.c */
void session_start(struct session *session);
/* The peer is as far as it gets: the session calls, or is up when dials end here. */
void session_peer_ready(struct session *session);
/* The call is answered: PPP begins. */
void session_called(struct session *session, uint16_t peer_id);
void session_fail(struct session *session, enum cause cause);
void session_receive_ppp(struct session *session, const uint8_t *bytes, size_t length);
/* Ends it, however far it is. */
void session_close(struct session *session);
/* The L2TP session is gone. */
void session_gone(struct session *session, enum cause cause);
/* Sends what begins with a PPP protocol field. Takes the buffer. */
void session_send(struct session *session, struct rte_mbuf *mbuf);

/* peer.c */
void peer_start(struct peer *peer);
/* The way to the LNS is there: L2TP may begin. */
void peer_secured(struct peer *peer);
void peer_tunnel_up(struct peer *peer, uint16_t peer_tunnel);
void peer_tunnel_down(struct peer *peer, enum cause cause);
void peer_session_ended(struct peer *peer);
/* The tunnel's lingering state is over. */
void peer_tunnel_gone(struct peer *peer);
/* The peer goes when it has no session left; one that is not up yet goes at once. */
void peer_close(struct peer *peer);
/* Looks whether a peer that stops has been acknowledged. */
void peer_check_stopped(struct peer *peer);
void peer_failed(struct peer *peer, enum cause cause);
/* Lets those leave whose turn it is. */
void peers_leave(struct load *load);
/* Makes room for so many sessions. */
void peer_make_places(struct peer *peer, uint32_t sessions);
void peer_session_add(struct peer *peer, uint16_t id, uint32_t number);
/* NULL if there is none, or it is gone. */
struct session *peer_session(const struct peer *peer, uint16_t id);
/* A UDP datagram of L2TP from the LNS, decrypted or in clear, with its UDP header. */
void peer_receive_l2tp(struct peer *peer, const uint8_t *udp, uint32_t length);
/* A frame from the LNS's side. Takes the buffer. */
void peers_receive(struct load *load, struct rte_mbuf *frame);
/* Sends what begins with an L2TP header. Takes the buffer. */
void peer_send_l2tp(struct peer *peer, struct rte_mbuf *mbuf);
/* The peer's outer address. */
uint32_t peer_address_be(const struct peer *peer);

/* lac.c */
void lac_set_up(struct load *load);
void lac_tear_down(struct load *load);
void lac_dial(struct peer *peer);
/* `handover`: what the LAC passes on; NULL: nothing. Returns the session's id, 0 if there is none. */
uint16_t lac_call(struct session *session, const struct ppp_handover *handover);
void lac_receive(struct peer *peer, const uint8_t *bytes, size_t length);
void lac_clear(struct session *session);
void lac_stop(struct peer *peer);
bool lac_stopped(const struct peer *peer);

/* traffic.c */
void traffic_begin(struct load *load);
/* Sends what is due. True if anything was. */
bool traffic_send(struct load *load);
void traffic_end(struct load *load);
/* An IPv4 packet that came out of a session's PPP. Does not take the buffer. */
void traffic_receive_down(struct session *session, const uint8_t *bytes, size_t length);
/* A frame that came to the server. Takes the buffer. */
void traffic_receive_up(struct load *load, struct rte_mbuf *frame);

/* report.c */
/* True when all went as it should. */
bool report_write(const struct load *load);

#endif
