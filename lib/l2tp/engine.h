/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_ENGINE_H
#define L2TP_ENGINE_H

/* What the files of this engine share: tunnels, sessions and the way out. */

#include "base/event_queue.h"
#include "base/verdict.h"
#include "l2tp/authentication.h"
#include "l2tp/avp.h"
#include "l2tp/id_table.h"
#include "l2tp/l2tp.h"
#include "l2tp/message.h"
#include "l2tp/reliable.h"
#include "l2tp/schedule.h"

#include <sys/queue.h>

#define L2TP_HALF_OPEN_MAX 256  /* more unfinished tunnels than that: the oldest one goes */
#define L2TP_REPEATED_MS   3000 /* an SCCRQ so long after SCCCN is a new request */

enum tunnel_state {
	TUNNEL_IDLE,
	TUNNEL_WAIT_CTL_REPLY, /* SCCRQ sent: we are the LAC */
	TUNNEL_WAIT_CTL_CONN,  /* SCCRP sent */
	TUNNEL_ESTABLISHED,
	TUNNEL_STOPPED, /* lingers, to acknowledge what the peer repeats */
	TUNNEL_GONE,
	TUNNEL_STATES
};

enum session_state {
	SESSION_IDLE,
	SESSION_WAIT_REPLY,   /* ICRQ sent: we are the LAC */
	SESSION_WAIT_CONNECT, /* ICRP sent */
	SESSION_ESTABLISHED,
	SESSION_GONE,
	SESSION_STATES
};

TAILQ_HEAD(tunnel_list, tunnel);
TAILQ_HEAD(session_list, session);

/* What a call needs until it is up. */
struct session_setup {
	uint64_t deadline_ms;
	uint32_t call_serial;
	char calling_number[64];
	char called_number[64];
	struct l2tp_proxy *proxy; /* owned, where we dial; NULL: nothing is settled */
};

struct session {
	TAILQ_ENTRY(session) link; /* in setup, or dead */
	struct tunnel *tunnel;
	struct session_setup *setup; /* owned; NULL once it is up */
	uint16_t id;
	uint16_t peer_id;
	uint8_t state;
};

/* What a tunnel needs until it is up. */
struct tunnel_setup {
	bool challenged;
	uint8_t challenge[CHALLENGE_BYTES];
	char vendor_name[64];
};

struct tunnel {
	struct schedule_entry scheduled; /* first: the schedule hands out its address */
	TAILQ_ENTRY(tunnel) link;        /* half open, lingering or dead */
	struct tunnel *next_of_peer;     /* hash chain */
	bool found_by_peer;              /* in the hash */
	struct l2tp *l2tp;
	uint16_t id;
	uint16_t peer_id;
	uint16_t lac; /* index in the configuration, or L2TP_LAC_NONE */
	uint8_t state;
	bool acknowledge_now; /* something was received that nothing sent acknowledges yet */
	bool proved;          /* the peer answered our challenge rightly */
	bool asked;           /* an acknowledgement of asked_ns is to be reported */
	uint16_t asked_ns;
	struct endpoint peer;
	struct endpoint local;
	struct reliable reliable;
	struct id_table sessions;
	struct session_list setup; /* sessions in setup, the oldest first */
	uint32_t session_count;
	uint64_t sccrq_digest; /* tells a repeated SCCRQ from a new one */
	uint64_t established_ms;
	uint64_t last_seen_ms;
	uint64_t phase_deadline_ms; /* setup, idle or linger, by state */
	uint32_t hello_idle_ms;
	struct tunnel_setup *setup_data; /* owned; NULL once it is up */
	char *host_name;                 /* owned; NULL until the peer said it */
};

/* What a LAC of the configuration has. */
struct lac_use {
	uint32_t tunnels;
	uint32_t sessions;
};

struct l2tp {
	const struct l2tp_config *config;
	struct l2tp_config *own_config; /* what config points to, unless it is borrowed */
	struct random_source random;
	struct l2tp_counters *counters;
	struct event_queue events;
	struct lac_use *lac_use; /* owned, by index of the configuration; NULL: there are no LACs */
	struct id_table tunnels;
	struct schedule schedule;
	struct tunnel **by_peer; /* buckets, as many as tunnels; NULL: the one below */
	struct tunnel *by_peer_few;
	uint32_t by_peer_buckets; /* a power of two */
	uint32_t by_peer_count;
	struct tunnel_list half_open; /* the oldest first */
	struct tunnel_list lingering; /* the oldest first */
	struct tunnel_list dead;
	struct session_list dead_sessions;
	uint32_t tunnel_count; /* all that exist */
	uint32_t active_count; /* neither lingering nor gone */
	uint32_t half_open_count;
	uint32_t lingering_count;
	uint32_t call_serial; /* of the call that we dialled last */
	uint64_t now_ms;      /* of the call being served */
};

static inline void l2tp_count(struct l2tp *l2tp, enum l2tp_counter counter)
{
	l2tp->counters->value[counter]++;
}

/* l2tp.c: the way out */

/* `extra` bytes lie behind the event. */
struct l2tp_event *l2tp_event_new(struct l2tp *l2tp, enum l2tp_event_kind kind, uint16_t tunnel,
				  uint16_t session, size_t extra);
void l2tp_step(struct l2tp *l2tp, bool inbound, unsigned type, const char *meaning, uint16_t tunnel,
	       uint16_t session);
/* The SCCRQ that begins a tunnel; 0: it is refused. */
void l2tp_step_begin(struct l2tp *l2tp, uint16_t tunnel);
void l2tp_send(struct l2tp *l2tp, uint16_t tunnel, uint16_t session, const struct endpoint *to,
	       const struct endpoint *from, const uint8_t *bytes, size_t length);
void l2tp_down(struct l2tp *l2tp, enum l2tp_event_kind kind, uint16_t tunnel, uint16_t session,
	       const struct endpoint *peer, bool was_up, const struct verdict *verdict,
	       const struct message *message);

/* What the peer's result code says (RFC 2661 4.4.2). */
enum cause l2tp_stopccn_cause(uint16_t result_code);
enum cause l2tp_cdn_cause(uint16_t result_code);

/* secret.c: which secret counts, and which LAC a peer is */

uint16_t l2tp_lac_find(const struct l2tp_config *config, const char *host_name);
/* The secret of LAC `index`, or everybody's; without bytes where there is none. */
struct secret l2tp_secret(const struct l2tp_config *config, uint16_t index);
struct secret l2tp_tunnel_secret(const struct tunnel *tunnel);
/* The peer has to prove that it knows the secret. */
bool l2tp_secret_challenged(const struct l2tp_config *config, uint16_t index);
bool l2tp_lac_is_full(const struct tunnel *tunnel);

/* request.c */

/* A message with tunnel id 0. */
void l2tp_tunnel_request(struct l2tp *l2tp, const struct message_header *header, struct cursor body,
			 const struct endpoint *from, const struct endpoint *local);

/* tunnel.c */

/* Answers the SCCRQ that made this tunnel. */
void l2tp_tunnel_open(struct tunnel *tunnel, const struct message *sccrq);
/* The SCCRQ came again: so does our answer. */
void l2tp_tunnel_repeat_first(struct tunnel *tunnel);
/* Goes without a word to the peer. */
void l2tp_tunnel_vanish(struct tunnel *tunnel, const struct verdict *verdict);
void l2tp_tunnel_stop_lingering(struct tunnel *tunnel);
void l2tp_stopccn_compose(struct writer *w, uint16_t peer_tunnel, uint16_t tunnel,
			  uint16_t wire_code);
/* A message for this tunnel; `bytes` is the whole of it. */
void l2tp_tunnel_receive(struct tunnel *tunnel, const struct message_header *header,
			 const uint8_t *bytes, size_t length);
/* Sends StopCCN; the sessions go down. Nothing happens when the tunnel is closed already. */
void l2tp_tunnel_stop(struct tunnel *tunnel, const struct verdict *verdict);
void l2tp_tunnel_on_time(struct tunnel *tunnel);
/* HELLO, whose acknowledgement is reported. False if the tunnel is not established. */
bool l2tp_tunnel_ask(struct tunnel *tunnel);
/* Sends what may be sent and sets the next deadline. */
void l2tp_tunnel_settle(struct tunnel *tunnel);
/* Queues a finished message. */
void l2tp_tunnel_send(struct tunnel *tunnel, struct writer *w, enum message_type type,
		      uint16_t session);
/* The AVPs that SCCRQ and SCCRP have in common: who we are. */
void l2tp_tunnel_describe(const struct tunnel *tunnel, struct writer *w);
/* Sends the SCCRQ of a new tunnel. */
void l2tp_tunnel_call(struct tunnel *tunnel);
void l2tp_tunnel_free(struct tunnel *tunnel);
const char *l2tp_tunnel_state_name(uint8_t state);

/* tunnel_table.c: which tunnels there are */

/* `lac` as in the tunnel. NULL when there is no id left. */
struct tunnel *l2tp_tunnel_new(struct l2tp *l2tp, const struct endpoint *peer,
			       const struct endpoint *local, uint16_t lac);
/* Sends a challenge of ours along if the configuration says so. */
void l2tp_tunnel_challenge(struct tunnel *tunnel);
/* It is up, or over: what only the setup needed goes. */
void l2tp_tunnel_setup_done(struct tunnel *tunnel);
/* What SCCRQ or SCCRP says of the peer: its tunnel id, names and window. */
void l2tp_tunnel_know_peer(struct tunnel *tunnel, const struct message *message);
struct tunnel *l2tp_tunnel_of_peer(struct l2tp *l2tp, uint16_t peer_tunnel,
				   const struct endpoint *from);
bool l2tp_tunnel_is_peer(const struct l2tp *l2tp, const struct tunnel *tunnel,
			 const struct endpoint *from);
void l2tp_tunnel_forget_peer(struct tunnel *tunnel);
/* Inside IPsec the SA proved who it is: replies follow its address and port. */
void l2tp_tunnel_follow_peer(struct tunnel *tunnel, const struct endpoint *from);
/* A tunnel's state moved: keeps the lists of half-open, lingering and dead tunnels. */
void l2tp_tunnel_moved(struct tunnel *tunnel, uint8_t from, uint8_t to);

/* lac.c: what the end that dials sends and receives */
void l2tp_lac_send_sccrq(struct tunnel *tunnel);
void l2tp_lac_send_scccn(struct tunnel *tunnel, const struct message *sccrp);
/* What is wrong with an SCCRP. */
struct verdict l2tp_lac_judge_sccrp(const struct tunnel *tunnel, const struct message *sccrp);
void l2tp_lac_send_icrq(struct session *session);
void l2tp_lac_send_iccn(struct session *session);

/* session.c */

/* A new session in setup; NULL when the tunnel has no room. */
struct session *l2tp_session_new(struct tunnel *tunnel);
/* Our ICCN has left: data may follow it. */
void l2tp_session_connected(struct tunnel *tunnel, uint16_t id);
/* Sends the ICRQ of a new session. */
void l2tp_session_call(struct session *session);

/* A message about a session, parsed, on an established tunnel. */
void l2tp_session_receive(struct tunnel *tunnel, const struct message_header *header,
			  const struct message *message);
void l2tp_session_clear(struct session *session, const struct verdict *verdict);
/* The tunnel ends; nothing is sent. */
void l2tp_session_tunnel_down(struct session *session, const struct verdict *verdict,
			      const struct message *message);
void l2tp_session_setup_timeout(struct session *session);
bool l2tp_session_is_message(unsigned type);
void l2tp_session_free(struct session *session);

#endif
