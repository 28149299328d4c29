/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_PRIVATE_H
#define CONTROL_PRIVATE_H

#include "aaa/aaa.h"
#include "address/address_pool.h"
#include "base/slab.h"
#include "base/slot_pool.h"
#include "config/config.h"
#include "control/balance.h"
#include "control/control.h"
#include "control/jobs.h"
#include "control/loop.h"
#include "explain/explain.h"
#include "ike/ike.h"
#include "l2tp/l2tp.h"
#include "mailbox/mailbox.h"
#include "ppp/ppp.h"
#include "radius/radius.h"
#include "tables/tables.h"
#include "timer/timer_wheel.h"

#include <stdio.h>

/* A space of L2TP tunnel ids: a peer group's, or that of all plain listeners. */
struct l2tp_space {
	struct control *control;
	struct peer_group *group; /* NULL: plain */
	struct l2tp *l2tp;
	struct timer_node timer;
	uint32_t tunnels; /* its part of control's sums, as it was when it was drained last */
	bool busy;
};

struct login;
struct login_servers;
struct move;
struct narrow_path;
struct proof;
struct session;

/* A pair of ESP SAs as control knows it. */
struct child {
	struct child *next; /* of the same group */
	struct child *next_outbound;
	struct peer_group *group;
	uint32_t slot;
	uint32_t spi_in;
	uint32_t spi_out;
	bool encapsulated;
	bool confirmed;
	bool lingering; /* the peer deleted its half: packets in flight are still taken */
	bool deleting;
	struct esp_suite suite;
	uint64_t since_ms;
	struct traffic_counters *counters; /* the worker's storage begins with them */
	uint64_t packets_seen;
};

struct peer_group {
	struct control *control;
	struct peer_group *next_indexed; /* by identity and outer address */
	uint32_t slot;
	uint32_t ike_peer; /* 0 once the engine has forgotten it */
	unsigned worker;
	struct move *move;     /* to another worker; NULL when there is none */
	double weight;         /* of its sessions together, as the balance knows it */
	struct endpoint local; /* group_endpoint_set() alone writes these two */
	struct endpoint remote;
	struct proof *proof;        /* owned; NULL unless the address is in question */
	struct narrow_path *narrow; /* owned; NULL unless a router said so */
	uint32_t moves;             /* of the endpoint, and of those in this minute */
	uint32_t minute_moves;
	uint64_t minute_ms;
	void *storage;          /* the worker's, freed when it has let go */
	struct child *children; /* newest first */
	unsigned child_count;
	bool pairs_evicted; /* the worker may have let go of the oldest pairs: they name the group still */
	struct session *session_list; /* linked by next_in_group */
	unsigned sessions;
	bool deleting;
	bool down;                /* the IKE engine gave it up */
	bool merging;             /* the worker was asked to give its pairs to another group */
	uint64_t inner;           /* stands for the client's own address as it says it; see ike.h */
	uint64_t silent_since_ms; /* and with how many packets; 0: nobody asked */
	uint64_t silent_packets;
	struct l2tp_space space;
	explain_dial dial;               /* the latest one */
	struct timer_node silence_timer; /* what follows IKE has so long to come */
	bool esp_came;                   /* on a pair that is gone */
	bool had_pair;
	uint64_t identity_hash; /* tells identities apart, also where the texts are alike */
	char *identity;         /* owned, like the next two */
	char *key;              /* the name of the pre-shared key; "": it has none */
	char *profile;
};

/* How long a session may be up, and without data. UINT64_MAX: for ever. */
struct session_limits {
	uint64_t ends_ms;
	uint64_t idle_check_ms; /* when to look for data again */
	uint64_t idle_since_ms;
	uint64_t idle_packets; /* of both directions, when it was looked last */
};

/* What we say in CDN (RFC 2661 4.4.2). */
enum { RESULT_CARRIER_LOST = 1, RESULT_GENERAL_ERROR = 2, RESULT_ADMINISTRATIVE = 3 };

struct session {
	struct control *control;
	struct session *next_indexed; /* by space, tunnel and session id */
	uint32_t slot;
	struct l2tp_space *space;
	struct peer_group *group; /* NULL: plain */
	struct session *next_in_group;
	struct session *next_of_user;
	unsigned worker;   /* of a plain session; else the group's counts */
	struct move *move; /* of a plain session */
	double weight;
	uint64_t packets_weighed;
	uint64_t bytes_weighed;
	uint64_t weighed_ms;
	uint16_t tunnel;
	uint16_t l2tp_session;
	uint16_t lac; /* index in the configuration, or L2TP_LAC_NONE */
	struct endpoint local;
	struct endpoint remote;
	struct ppp *ppp;     /* NULL before ICCN and after the end */
	struct login *login; /* owned; NULL unless a RADIUS server is asked */
	struct timer_node timer;
	bool up;
	bool finished; /* LCP is closed */
	bool deleting; /* the worker was asked to forget it */
	enum cause cause;
	explain_dial dial;
	char *user;           /* owned; "" until it says its name */
	char *calling_number; /* of a LAC, owned; NULL: it said none */
	char *called_number;
	uint32_t address; /* host order; 0: none */
	int pool;         /* index of the pool that it came from; -1: the user's own */
	uint16_t peer_mru;
	uint16_t mtu;
	uint16_t mtu_limit; /* by RADIUS, like the next one; 0: none */
	uint32_t seconds_limit;
	bool of_user; /* found by its user */
	uint32_t idle_seconds_limit;
	struct session_limits limits;
	uint64_t number;      /* of this start of the daemon's, in Acct-Session-Id */
	uint32_t call_serial; /* of the LAC's call */
	uint64_t since_ms;
	struct traffic_counters *counters;
	uint64_t packets_seen;
};

/* A worker's counters, as they were, and what they said about the time before. */
struct worker_meter {
	struct worker_sample last;
	double busy; /* share of the time */
	double packet_rate;
};

struct load {
	struct balance balance;
	struct worker_meter meter[BALANCE_WORKERS_MAX];
	void (*sample)(void *context, unsigned worker, struct worker_sample *sample);
	void *sample_context;
	struct timer_node timer;
	uint64_t next_slice_ms;
	uint64_t round_ms;
	uint64_t sampled_ms;
	uint32_t position; /* slots below it were weighed in this round */
	unsigned uneven_rounds;
	struct rebalance rebalance;
	uint32_t rebalance_position;
	bool automatic; /* the timer advances the rebalancing, nobody else */
};

enum shutdown_phase { SHUTDOWN_NO, SHUTDOWN_PPP, SHUTDOWN_L2TP, SHUTDOWN_IKE, SHUTDOWN_DONE };

struct pool {
	const struct config_pool *config;
	struct address_pool *addresses;
	uint32_t table; /* index in the tables */
};

#define WATCHES_MAX 4

struct watch;
struct removal;

struct removal_queue {
	struct removal *head; /* not sent yet */
	struct removal *tail;
	uint32_t sent; /* and not acknowledged yet */
};

struct control {
	const struct config *config;
	struct mailbox *mailbox;
	struct tables *tables;
	struct loop *loop;
	struct timer_node turn_timer; /* another turn soon, while something waits for a worker */
	struct control_ports ports;
	struct log *log;
	FILE *events;
	struct explain *explain;
	struct random_source random;

	struct ike *ike;
	struct timer_node ike_timer;
	unsigned ike_worker; /* whose packet is being handled, for a new group */
	size_t ike_bytes;    /* of that packet */
	struct jobs *jobs;

	struct l2tp_config client_l2tp;
	struct l2tp_config plain_l2tp;
	struct l2tp_lac *lacs; /* of the configuration, for plain_l2tp; owned */
	struct l2tp_counters l2tp_counters;
	struct l2tp_space plain;
	unsigned l2tp_worker;      /* whose packet is being handled, for its new sessions */
	struct endpoint l2tp_peer; /* who sent it */
	struct ppp_config protected_ppp;
	struct ppp_config protected_ipv6_ppp;
	struct ppp_config plain_ppp;
	struct ppp_counters ppp_counters;

	struct aaa *aaa;                     /* NULL: no users file */
	struct dynamic *dynamic;             /* NULL: no port for it */
	struct login_servers *login_servers; /* owned; NULL: RADIUS is not asked */
	struct pool pools[CONFIG_POOLS_MAX];
	unsigned pool_count;

	struct slabs *storage; /* the workers' SAs, groups and sessions */
	unsigned index_bits;   /* of both indexes below, by max_sessions */
	struct slot_pool *group_slots;
	struct peer_group **groups;
	struct peer_group **group_by_peer; /* by the index in the IKE engine's number */
	struct peer_group **group_index;   /* hash by identity and outer address */
	struct slot_pool *session_slots;
	struct session **sessions;
	struct session **user_index;    /* hash by user */
	struct session **session_index; /* hash by space, tunnel and session id */
	struct child **children;        /* by SA slot */
	struct child **outbound_index;  /* hash by the SPI that the peer chose */
	uint64_t path_mtu_refused;
	struct removal_queue removals;
	struct watch *watches[WATCHES_MAX]; /* owned; NULL: free */
	uint8_t watch_last;                 /* number given last */
	struct move *moves;                 /* [TABLES_MOVES_MAX] */
	unsigned moves_busy;
	struct load load;
	uint32_t child_count;
	uint32_t tunnels;     /* of all spaces */
	uint32_t busy_spaces; /* that still have something to say; kept while shutting down */
	uint32_t sessions_up;
	uint64_t dials_failed;
	uint64_t sessions_started;
	uint64_t started_ms; /* since 1970: no other start of the daemon's has the same */
	uint64_t last_session_number;

	bool answering;
	enum shutdown_phase shutdown;
	uint32_t shutdown_position; /* slots below it were closed in this phase */
	struct timer_node shutdown_timer;
	void (*finished)(void *object);
	void *finished_object;
};

/* dispatch.c: messages of workers. */
void dispatch_readable(void *object);

/* ike_glue.c: the IKE engine. drain() handles what it has to say. */
int ike_set_up(struct control *control);
void ike_drain(struct control *control);

/* group.c: peer groups. */
struct peer_group *group_of(const struct control *control, uint32_t ike_peer);
void group_up(struct control *control, const struct ike_event *event);
void group_alone(struct control *control, const struct ike_event *event);
void group_endpoint_set(struct peer_group *group, const struct ike_path *path);
void group_down(struct control *control, const struct ike_event *event);
void group_check_gone(struct peer_group *group);
void group_removed(struct control *control, struct message *message);

/* These three also free the worker's storage: it has let go, or it has stopped. */
void group_free(struct peer_group *group);
void child_free(struct child *child);
void session_free(struct session *session);

/* silence.c: nothing follows IKE. The group has a pair of SAs: */
void silence_watch(struct peer_group *group);
/* The peer deleted a pair: if that was all and nothing came through it, its dial is over. */
void silence_deleted(struct peer_group *group);
/* The peer goes: if its dial is not over yet, it is now. */
void silence_over(struct peer_group *group, enum cause cause);
/* roaming.c: where a peer behind a NAT is. */
void group_endpoint(struct control *control, const struct ike_event *event);
void group_endpoint_send(struct peer_group *group);
void group_moved(struct control *control, const struct message *message);
/* Something that was sent to where the peer is now is acknowledged. `group` may be NULL. */
void group_answered(struct peer_group *group);
void proof_end(struct peer_group *group);

/* The first of those that may have the group's identity and address; linked by next_indexed. */
struct peer_group *group_neighbours(const struct peer_group *group);
/* The IKE engine's peer of `from` is that of `group`; `from` has none any more. */
void group_peer_take(struct peer_group *group, struct peer_group *from);

/* path_mtu.c: what routers say about packets that are too big. */
void path_mtu_receive(struct control *control, const struct message *message);
void path_mtu_forget(struct peer_group *group);
void path_mtu_anew(struct peer_group *group); /* and its sessions hear of it */
/* The largest packet to the peer; `group` may be NULL. */
uint16_t path_mtu(const struct peer_group *group, uint16_t link_mtu);

/* merge.c: a client that is back under a new main mode. */
void group_missed(struct control *control, const struct message *message);
void group_merged(struct control *control, const struct message *message);

/* child.c: pairs of ESP SAs. */
void child_add(struct control *control, const struct ike_event *event);
void child_tell(struct control *control, const struct ike_event *event, enum message_kind kind);
void child_delete(struct control *control, const struct ike_event *event);
void child_removed(struct control *control, struct message *message);
void child_used(struct control *control, const struct message *message);

/* The first of those that may have this outbound SPI; linked by next_outbound. */
struct child **child_outbound(const struct control *control, uint32_t spi_out);

/* owner.c: which worker owns a group or a session, how to reach it, and how to change it. */
unsigned session_worker(const struct session *session);

/* To the owner. While that changes the message waits for the new one, in order. */
void group_send(struct peer_group *group, struct message *message);
void session_send(struct session *session, struct message *message);

/* The owner, or the one that it will be. */
unsigned group_destination(const struct peer_group *group);
unsigned session_destination(const struct session *session);

/* What the tables name as the owner. */
unsigned group_owner(const struct peer_group *group);
unsigned session_owner(const struct session *session);

void moves_set_up(struct control *control);
void moves_clear(struct control *control);

/* Begins a change of the owner. -EBUSY: one is under way, or too many are; -EALREADY: it is the owner;
 * -ENOENT: the object is about to go. */
int group_move(struct peer_group *group, unsigned to);
int session_move(struct session *session, unsigned to);

/* The new owner has it, and nothing is on its way by the old one. */
void move_over(struct control *control, const struct message *message);

/* load.c: what sessions cost; a new one's worker, `receiver` being the one that heard of it. */
void load_set_up(struct control *control);
void load_clear(struct control *control);
void load_group_add(struct peer_group *group, unsigned receiver);
/* Begins a move and counts the weight at once where it will be; errors as group_move(). */
int load_group_shift(struct peer_group *group, unsigned to);
void load_group_remove(const struct peer_group *group);
void load_session_add(struct session *session, unsigned receiver);
void load_session_remove(const struct session *session);

/* removal.c: requests to forget an SA, a session or a group. */
void removal_ask(struct control *control, enum message_kind kind, uint32_t group, uint32_t slot);
void removal_acknowledged(struct control *control);
void removals_clear(struct control *control);

/* watch.c: traces and captures. */
void watch_receive(struct control *control, const struct message *message);
void watches_clear(struct control *control);
void watches_target_gone(struct control *control, bool group, uint32_t slot);

/* tunnel.c: L2TP engines, one for each group and one for plain listeners. */
void l2tp_set_up(struct control *control);
void l2tp_receive(struct control *control, const struct message *message);
void l2tp_in_clear(struct control *control, const struct message *message);
void l2tp_space_open(struct l2tp_space *space, struct control *control, struct peer_group *group);
void l2tp_space_close(struct l2tp_space *space);
void l2tp_space_drain(struct l2tp_space *space);

/* proxy.c: the PPP link of a call, as far as the LAC has brought it if the policy says so. */
struct ppp *proxy_link_new(struct control *control, const struct ppp_config *config,
			   const struct l2tp_event *event);

/* login.c: Acct-Session-Id, of no other session, also after a restart. */
#define SESSION_ID_BYTES 40
void session_id_text(const struct session *session, char text[SESSION_ID_BYTES]);

/* limits.c: the times that a session is allowed. */
void session_limits_none(struct session *session);
void session_limits_begin(struct session *session, uint64_t now_ms);
/* From now on; 0: for ever. */
void session_limits_set_seconds(struct session *session, uint32_t seconds, uint64_t now_ms);
void session_limits_set_idle(struct session *session, uint32_t seconds, uint64_t now_ms);
/* When session_limit_reached() is to be asked again. */
uint64_t session_limits_deadline(const struct session *session);
/* Why the session is over now, or CAUSE_none. */
enum cause session_limit_reached(struct session *session, uint64_t now_ms);

/* session.c: PPP sessions. */
void ppp_set_up(struct control *control);
struct session *session_opening(struct l2tp_space *space, const struct l2tp_event *event);
void session_start(struct l2tp_space *space, const struct l2tp_event *event);
void session_end(struct session *session, enum cause cause, const char *detail);
/* The path to its peer takes packets of another size. */
void session_path_changed(struct session *session);
void session_receive(struct control *control, const struct message *message);
void session_removed(struct control *control, struct message *message);
void session_drain(struct session *session);

/* The outer address of its peer. */
const struct endpoint *session_peer(const struct session *session);

/* The session of an L2TP call, or NULL. */
struct session *session_find(struct control *control, const struct l2tp_space *space,
			     uint16_t tunnel, uint16_t l2tp_session);

static inline uint32_t session_hash(const struct l2tp_space *space, uint16_t tunnel,
				    uint16_t l2tp_session)
{
	uint32_t id = (uint32_t)tunnel << 16 | l2tp_session;
	uint32_t scope = space->group != NULL ? space->group->slot + 1 : 0;

	return ((id ^ scope * 0x9e3779b9u) * 2654435761u) >> (32 - space->control->index_bits);
}

/* single_session.c */

/* May the user have this session, which he was granted? CAUSE_none, or why not; others may end. */
enum cause single_session_admit(struct session *session);
/* It is not the user's any more. */
void single_session_remove(struct session *session);

/* subscriber.c: users and addresses. */
int subscriber_set_up(struct control *control);
void subscriber_authenticate(struct session *session, const struct ppp_event *event);
/* The answer to it, at once or later; session_drain() is left to the caller. */
void subscriber_settle(struct session *session, const struct aaa_answer *answer);
/* Points into the event. */
struct aaa_request subscriber_request(const struct ppp_event *event);
void subscriber_route_set(struct session *session, bool present);
void subscriber_release(struct session *session);

/* login.c: users that RADIUS servers know. */
int login_set_up(struct control *control);
void login_close(struct control *control);
const char *login_nas_identifier(const struct config *config);
/* subscriber_settle() follows, at once or when a server answered or none did. */
void login_ask(struct session *session, const struct ppp_event *event);
/* The answer is of no use any more. */
void login_end(struct session *session);
/* Replies that were none, by reason; NULL ends the list. */
const char *control_radius_bad(const struct control *control, unsigned index, const char **text,
			       uint64_t *value);

/* dynamic.c: what RADIUS servers ask about sessions that are up */
int dynamic_set_up(struct control *control);
void dynamic_close(struct control *control);
/* Counter `index` below RADIUS_DYNAMIC_COUNT: its name. */
const char *dynamic_counter(const struct control *control, unsigned index, const char **text,
			    uint64_t *value);

/* shutdown.c */
void shutdown_progress(struct control *control);

/* dial_failed.c: the one sentence about a dial that came to nothing. `user` may be NULL; `detail` says
 * more about the cause, may be "". */
void dial_failed(struct control *control, enum log_topic topic, explain_dial dial, enum cause cause,
		 const struct endpoint *peer, const char *user, const char *detail);

/* ladder.c: the steps of dials, for `explain` and the event file. */

/* The dial that an event of the IKE engine is about. */
explain_dial ladder_negotiation(struct control *control, const struct ike_event *event,
				const struct endpoint *peer);
void ladder_ike_step(struct control *control, const struct ike_event *event);

/* The dial of a peer that sends L2TP where IPsec is required; 0: it was told of a short while ago. */
explain_dial ladder_in_clear(struct control *control, const struct endpoint *peer);

/* The dial of a tunnel. */
explain_dial ladder_tunnel(struct l2tp_space *space, uint16_t tunnel);
void ladder_l2tp_step(struct l2tp_space *space, const struct l2tp_event *event);

/* Finds out which dial a new session is, or begins one. */
void ladder_session_open(struct session *session);
void ladder_ppp_step(struct session *session, const struct ppp_event *event);
void ladder_aaa_step(struct session *session, bool inbound, const char *message,
		     const char *meaning);

/* event_line.c: one JSON object a line. */
void event_step(struct control *control, const char *layer, bool inbound, const char *message,
		const char *meaning, const struct endpoint *peer, const struct session *session);
void event_write(struct control *control, const char *event, const struct endpoint *peer,
		 const char *user, const char *detail);

#endif
