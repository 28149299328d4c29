/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

/*
 * The control core: it owns the engines and every peer group, tunnel and session, feeds the engines
 * with what workers hand over, and turns the engines' events into messages to workers, log lines
 * and event lines. One thread, one loop.
 */

#include "base/cause.h"
#include "base/endpoint.h"
#include "base/log.h"
#include "messages/counters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control;
struct config;
struct loop;
struct mailbox;
struct tables;

/* The way to ports, which control does not know. */
struct control_ports {
	void *context;
	void (*to_kernel)(void *context, uint16_t port, const uint8_t *bytes, size_t length);
	void (*neighbour_needed)(void *context, uint16_t port, const struct endpoint *next_hop,
				 const uint8_t *packet, size_t length);
	/* A kernel route that leads to the subscribers. */
	int (*subscriber_route_add)(void *context, uint32_t prefix_be, uint8_t length);
	int (*subscriber_route_delete)(void *context, uint32_t prefix_be, uint8_t length);
};

/* Everything is borrowed for control's life. NULL after one log line that says what is wrong. */
struct control *control_new(const struct config *config, struct mailbox *mailbox,
			    struct tables *tables, struct loop *loop,
			    const struct control_ports *ports, struct log *log);

/* The workers must have stopped. */
void control_free(struct control *control);

/* Begins to answer. Until then packets of peers are thrown away, so that nobody is refused by half a
 * configuration. */
void control_start(struct control *control);

/*
 * Closes every session cleanly: LCP Terminate, CDN, StopCCN, IKE Delete, each when the peer has
 * answered the one before or was given its time. Then finished(object).
 */
void control_shut_down(struct control *control, void (*finished)(void *object), void *object);

/* What a worker counted since it started. */
struct worker_sample {
	uint64_t cycles_busy;
	uint64_t cycles_total;
	uint64_t packets;
	uint64_t handed_over;
};

/* How control learns what the workers do; before the loop runs. */
void control_workers_set(struct control *control, void *context,
			 void (*sample)(void *context, unsigned worker,
					struct worker_sample *sample));

/* What a worker has to do. Rates are of about the last second; the unit of load is the work of one
 * packet of plain L2TP a second. */
struct worker_load_view {
	double busy_percent; /* of its time, also when it polls */
	double packet_rate;
	double handed_rate; /* packets a second that it hands to other workers */
	double load;
	double percent_of_mean;
};

void control_worker_load(const struct control *control, unsigned worker,
			 struct worker_load_view *view);

/* The largest load of a worker over the mean. */
double control_imbalance(const struct control *control);

struct move_view {
	bool group; /* else a plain session */
	uint32_t number;
	unsigned from;
	unsigned to;
	double load;
};

/*
 * Moves groups and plain sessions until no worker is much above the mean, or no move helps. Begin,
 * then control_rebalance() as long as it sets `more`: each call does a part, and says what moves.
 */
void control_rebalance_begin(struct control *control);
size_t control_rebalance(struct control *control, struct move_view *views, size_t room, bool *more);

/* Moves one group or session, with a session of a group the whole group. 0; -ENOENT: no such group,
 * session or worker; -EALREADY: it is there; -EBUSY: it is moving, or too many others are. */
int control_move(struct control *control, bool group, uint32_t slot, unsigned worker);

/* --- listings; positions start at 0 and a count below the room means the end --- */

struct session_view {
	uint32_t session; /* the number that commands take */
	uint32_t group;   /* NO_SLOT: plain L2TP */
	unsigned worker;
	struct endpoint peer; /* outer */
	uint16_t tunnel;
	uint16_t l2tp_session;
	char session_id[40]; /* Acct-Session-Id */
	char user[128];
	uint32_t address_be; /* 0 while it is not up */
	uint16_t mtu;
	const char *phase;
	char host_name[64];
	char profile[32];
	char key[64]; /* name of the pre-shared key; "": it has none */
	uint64_t up_seconds;
	struct traffic_counters traffic;
};

struct tunnel_view {
	uint32_t group; /* NO_SLOT: plain L2TP */
	struct endpoint peer;
	uint16_t tunnel;
	uint16_t peer_tunnel;
	const char *state;
	char host_name[64];
	uint32_t sessions;
	uint32_t unacknowledged;
};

struct sa_view {
	bool ike;       /* an ISAKMP SA, else a pair of ESP SAs */
	uint32_t group; /* NO_SLOT while main mode runs */
	struct endpoint peer;
	char proposal[96];
	char identity[128];
	const char *state;
	uint64_t initiator_cookie; /* ISAKMP SA */
	uint64_t responder_cookie;
	uint32_t spi_in; /* ESP */
	uint32_t spi_out;
	bool encapsulated;
	uint64_t age_seconds;
	struct traffic_counters traffic;
};

size_t control_list_sessions(struct control *control, uint32_t *position,
			     struct session_view *views, size_t room);
size_t control_list_tunnels(struct control *control, uint32_t *position, struct tunnel_view *views,
			    size_t room);
size_t control_list_sas(struct control *control, uint32_t *position, struct sa_view *views,
			size_t room);

/* Routers' complaints about packets that were too big, which quoted none of ours. */
uint64_t control_path_mtu_refused(const struct control *control);

/* Ends a session by LCP Terminate and CDN. -ENOENT if there is none of that number. */
int control_disconnect(struct control *control, uint32_t session);

struct control_totals {
	uint32_t groups;
	uint32_t sas;
	uint32_t tunnels;
	uint32_t sessions; /* all */
	uint32_t sessions_up;
	uint64_t dials_failed;
	uint64_t sessions_started;
	bool answering;
	bool shutting_down;
};

void control_totals(const struct control *control, struct control_totals *totals);

/* What dials did; borrowed. */
struct explain;
const struct explain *control_explain(const struct control *control);

/*
 * Watching packets of one peer or session, for an operator. A *trace* tells where each packet is; a
 * *capture* has copies of the UDP datagrams above ESP. At most four at once; one that nobody reads for
 * 10 s ends.
 */
struct watch_target {
	struct endpoint peer; /* outer address, port 0: any; or family ENDPOINT_NONE: */
	uint32_t session;
};

struct watch_view {
	uint64_t wall_nanoseconds; /* since 1970, when control heard of it */
	uint64_t nanoseconds;      /* of a clock of all workers */
	uint32_t packet;           /* its number in its worker, of a trace */
	unsigned worker;
	uint8_t point; /* enum watch_point */
	uint16_t drop; /* enum drop, at point `dropped` */
	uint32_t length;
	const uint8_t *bytes; /* of a capture; valid during the call */
	struct endpoint local;
	struct endpoint remote;
};

/* The watch's number; -ENOENT: no such peer or session; -EEXIST: several peers at that address;
 * -EBUSY: too many watches. */
int control_watch_begin(struct control *control, bool trace, const struct watch_target *target);

/* each() with what was not read yet, at most `most`. -ENOENT: no such watch, or it has ended;
 * -ESHUTDOWN: all is read and the session or peer is gone, so it ends now. */
int control_watch_read(struct control *control, uint8_t number, void *context,
		       void (*each)(void *context, const struct watch_view *view), size_t most);
void control_watch_end(struct control *control, uint8_t number);

/* Named counters of the engines and of control, for "show drops"; NULL ends the list. */
const char *control_counter(const struct control *control, unsigned index, const char **text,
			    uint64_t *value);

/*
 * Objects by kind, for "show memory": how many there are, and how many there may be (0: no bound of
 * their own). False at the end of the kinds. Those that belong to peers return to 0 with the last
 * peer.
 */
bool control_objects(const struct control *control, unsigned index, const char **name,
		     uint64_t *used, uint64_t *limit);

/* The memory of the packet path's objects, by size; false at the end. */
struct slab_figures;
bool control_storage(const struct control *control, unsigned index, struct slab_figures *figures);

/* A LAC of the configuration. False behind the last. */
struct lac_view {
	const char *host_name; /* borrowed, like the next */
	const char *pool;      /* "": every pool */
	bool own_secret;
	uint32_t tunnels;
	uint32_t sessions;
	uint32_t sessions_max; /* 0: no bound of its own */
};

bool control_lac(const struct control *control, unsigned index, struct lac_view *view);

/* A RADIUS server and what came of its requests. False behind the last. */
struct radius_server_view;
bool control_radius_server(const struct control *control, unsigned index,
			   struct radius_server_view *view);

/* Addresses of a pool: in use and in all. False at the end of the pools. */
bool control_pool(const struct control *control, unsigned index, const char **name, uint32_t *used,
		  uint32_t *size);

#endif
