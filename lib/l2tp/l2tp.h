/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_L2TP_H
#define L2TP_L2TP_H

/*
 * The L2TPv2 control channel (RFC 2661) as an engine without I/O: the LNS, which answers tunnels
 * and calls, and the LAC, which dials them.
 *
 * One engine is one space of tunnel ids: each IPsec peer group has an engine of its own, and all
 * listeners for plain L2TP share one. Only the control core calls it. Data messages never come here.
 */

#include "base/cause.h"
#include "base/endpoint.h"
#include "base/random_source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct l2tp;

/*
 * What is different for the peers that call themselves so (AVP 7). Anybody may do that: only a secret
 * says more.
 */
struct l2tp_lac {
	char host_name[64];
	const uint8_t *secret; /* it has to prove that it knows it; NULL: that of l2tp_config */
	size_t secret_bytes;
	uint32_t sessions_max; /* in all its tunnels; 0: no bound of its own */
};

#define L2TP_LAC_NONE UINT16_MAX

/* Secrets and LACs are borrowed for the engine's life. */
struct l2tp_config {
	char host_name[64];    /* AVP 7 of SCCRP and SCCRQ */
	const uint8_t *secret; /* tunnel secret; NULL: no challenge is sent or answered */
	size_t secret_bytes;
	bool challenge_peer;     /* send a challenge of our own (needs the secret) */
	uint16_t receive_window; /* 8 */
	uint32_t tunnels_total;  /* per engine: 4 for an IPsec client's group */
	uint32_t sessions_per_tunnel;
	uint32_t hello_idle_ms;       /* 60000: HELLO after so much silence; 0: never */
	uint32_t retransmit_first_ms; /* 1000, doubled up to the next line */
	uint32_t retransmit_cap_ms;   /* 8000 */
	uint32_t retransmit_attempts; /* 5 */
	uint32_t setup_ms;            /* 30000 for a tunnel, and for a call, to complete */
	uint32_t idle_tunnel_ms;      /* 30000: an established tunnel without a session */
	uint32_t closed_linger_ms;    /* 31000: state kept after StopCCN (RFC 2661 5.7) */
	const struct l2tp_lac *lacs;
	uint16_t lac_count;
	bool secured; /* inside IPsec: the SA is the peer's identity, its address may change */
};

/*
 * A tunnel or a session that was refused before it had an id is reported too: L2TP_TUNNEL_DOWN with
 * tunnel 0 (no L2TP_TUNNEL_GONE follows), L2TP_SESSION_DOWN with session 0.
 */
enum l2tp_event_kind {
	L2TP_SEND,        /* .send */
	L2TP_TUNNEL_UP,   /* .tunnel_up: SCCCN accepted; SCCRP where we dialled */
	L2TP_TUNNEL_DOWN, /* .down: no session of it is up any more; data messages end at once */
	L2TP_TUNNEL_GONE, /* the lingering state is over: the tunnel id is free */
	L2TP_SESSION_OPENING, /* .session_up, its addresses and ids: comes before the L2TP_SEND of ICRP,
				 since the peer may send data right behind its ICCN */
	L2TP_SESSION_UP,      /* .session_up: ICCN accepted, or sent where we dialled; PPP starts */
	L2TP_SESSION_DOWN, /* .down: one for each session, before L2TP_TUNNEL_DOWN */
	L2TP_ANSWERED,     /* the peer acknowledged what l2tp_ask() sent */
	L2TP_STEP,         /* .step: one line of the ladder */
};

/* Proxy Authen Type (RFC 2661 4.4.5). */
enum l2tp_proxy_type {
	L2TP_PROXY_ABSENT = 0,
	L2TP_PROXY_TEXTUAL = 1,
	L2TP_PROXY_CHAP = 2,
	L2TP_PROXY_PAP = 3,
	L2TP_PROXY_NONE = 4,
	L2TP_PROXY_MS_CHAP_V1 = 5,
};

/* Bytes of one such AVP. */
struct l2tp_proxy_value {
	uint16_t length;
	const uint8_t *bytes;
};

/* What a LAC has negotiated with the caller before it called us (RFC 2661 4.4.5). */
struct l2tp_proxy {
	struct l2tp_proxy_value lcp_sent;     /* options of its last Configure-Request */
	struct l2tp_proxy_value lcp_received; /* options of the caller's last one */
	uint16_t type;                        /* as received: enum l2tp_proxy_type, or more */
	uint16_t identifier;                  /* of the CHAP Challenge or the PAP request */
	struct l2tp_proxy_value name;
	struct l2tp_proxy_value challenge;
	struct l2tp_proxy_value response; /* CHAP's value, or the password of PAP */
};

struct l2tp_event {
	enum l2tp_event_kind kind;
	uint16_t tunnel;  /* our id */
	uint16_t session; /* our id; 0 where the event is the tunnel's */
	union {
		struct {
			struct endpoint to; /* the peer's address as in l2tp_feed() */
			struct endpoint from;
			size_t length;
			const uint8_t *bytes; /* the L2TP message from its header on */
		} send;
		struct {
			uint16_t peer_tunnel;
			struct endpoint peer;
			struct endpoint local;
			char host_name[64];
			char vendor_name[64];
		} tunnel_up;
		struct {
			uint16_t peer_tunnel;
			uint16_t peer_session;
			struct endpoint peer;
			struct endpoint local;
			bool sequencing_required; /* AVP 39 */
			uint32_t call_serial;
			uint32_t tx_speed;
			char calling_number[64];
			char called_number[64];
			uint16_t lac;     /* index in `lacs`, or L2TP_LAC_NONE */
			bool peer_proved; /* it knows the secret: it answered our challenge */
			const struct l2tp_proxy
				*proxy; /* lives as long as the event; NULL: no AVP of LCP's */
		} session_up;
		struct {
			struct endpoint peer;
			enum cause cause;
			bool was_up;
			uint16_t result_code;
			uint16_t error_code;
			uint16_t q931_cause;          /* AVP 12; 0: none */
			uint16_t ppp_disconnect_code; /* AVP 46, RFC 3145; 0: none */
			char message[128];            /* the peer's words, printable */
		} down;
		struct {
			bool inbound;
			bool begins;         /* the SCCRQ of a new tunnel, or of a refused one */
			const char *message; /* "SCCRQ"; static */
			const char *meaning; /* static, may be "" */
		} step;
	};
};

enum l2tp_counter {
#define L2TP_COUNTER(name, text) L2TP_COUNTER_##name,
#include "l2tp/counters.def"
#undef L2TP_COUNTER
	L2TP_COUNTER_COUNT
};

/* Shared by all engines of a daemon, so that they outlive a peer. One thread writes. */
struct l2tp_counters {
	uint64_t value[L2TP_COUNTER_COUNT];
	uint32_t engines; /* these and the next: how many there are now */
	uint32_t tunnels;
	uint32_t sessions;
};

const char *l2tp_counter_name(enum l2tp_counter counter);
const char *l2tp_counter_text(enum l2tp_counter counter);

/* `config` and `random` are copied, `counters` is borrowed for the engine's life. */
struct l2tp *l2tp_new(const struct l2tp_config *config, const struct random_source *random,
		      struct l2tp_counters *counters);
/* The same for one engine of many: `config` is borrowed for the engine's life. */
struct l2tp *l2tp_new_small(const struct l2tp_config *config, const struct random_source *random,
			    struct l2tp_counters *counters);
void l2tp_free(struct l2tp *l2tp);

/*
 * One control message: `bytes` begin at the L2TP header. `from` is the peer's address and port; for
 * an engine inside IPsec only its port counts, since the SA is the identity. `local` is the address
 * that was called. Replies go from `local` to `from`.
 */
void l2tp_feed(struct l2tp *l2tp, const struct endpoint *from, const struct endpoint *local,
	       const uint8_t *bytes, size_t length, uint64_t now_ms);

/*
 * Asks for a tunnel, as LAC: SCCRQ goes from `local` to `peer`; L2TP_TUNNEL_UP or L2TP_TUNNEL_DOWN
 * follows. Returns our tunnel id, or 0 when there are tunnels_total already.
 */
uint16_t l2tp_tunnel_dial(struct l2tp *l2tp, const struct endpoint *peer,
			  const struct endpoint *local, uint64_t now_ms);

/*
 * Asks for an incoming call in an established tunnel, as LAC: ICRQ; L2TP_SESSION_UP or
 * L2TP_SESSION_DOWN follows. Returns our session id, or 0 when the tunnel is not established or has
 * sessions_per_tunnel already.
 */
uint16_t l2tp_session_dial(struct l2tp *l2tp, uint16_t tunnel, const char *calling_number,
			   const char *called_number, uint64_t now_ms);

/*
 * The same for a caller with whom LCP, and perhaps authentication, has been settled already. `proxy` is
 * borrowed for the call. 0 also when its values are longer than L2TP_PROXY_BYTES_MAX together.
 */
#define L2TP_PROXY_BYTES_MAX 400
uint16_t l2tp_session_dial_proxied(struct l2tp *l2tp, uint16_t tunnel, const char *calling_number,
				   const char *called_number, const struct l2tp_proxy *proxy,
				   uint64_t now_ms);

/* Data of this tunnel was seen until `seen_ms`: puts HELLO off. */
void l2tp_tunnel_alive(struct l2tp *l2tp, uint16_t tunnel, uint64_t seen_ms);

/* The peer's host name (AVP 7), valid until the next call; "": none, or no such tunnel. */
const char *l2tp_tunnel_host_name(const struct l2tp *l2tp, uint16_t tunnel);

/*
 * Sends HELLO in each established tunnel; L2TP_ANSWERED follows the acknowledgement of it, which only
 * what is sent from now on can bring about. False if there is no such tunnel.
 */
bool l2tp_ask(struct l2tp *l2tp, uint64_t now_ms);

/* Sends CDN; L2TP_SESSION_DOWN follows. -ENOENT if there is no such session. `result_code` as in
 * RFC 2661 4.4.2 for CDN. */
int l2tp_session_close(struct l2tp *l2tp, uint16_t tunnel, uint16_t session, uint16_t result_code,
		       enum cause cause, uint64_t now_ms);

/* Sends StopCCN; the sessions go down first. -ENOENT if there is no such tunnel. */
int l2tp_tunnel_close(struct l2tp *l2tp, uint16_t tunnel, uint16_t result_code, enum cause cause,
		      uint64_t now_ms);

/* l2tp_tunnel_close() on every tunnel. */
void l2tp_close_all(struct l2tp *l2tp, uint16_t result_code, enum cause cause, uint64_t now_ms);

/* Tunnels that still have something to say: neither gone nor lingering with everything acked. */
size_t l2tp_busy_tunnels(const struct l2tp *l2tp);

/* True when there is nothing left to say in this tunnel: it is closed and all that we sent is
 * acknowledged, or it is gone. */
bool l2tp_tunnel_is_quiet(const struct l2tp *l2tp, uint16_t tunnel);

/* All tunnels, lingering ones included. */
size_t l2tp_tunnels(const struct l2tp *l2tp);

uint64_t l2tp_deadline(const struct l2tp *l2tp); /* UINT64_MAX: never */
void l2tp_on_time(struct l2tp *l2tp, uint64_t now_ms);

/* The oldest event or NULL; valid until the next call of this function. */
const struct l2tp_event *l2tp_next_event(struct l2tp *l2tp);

/* The codes and words of a `down` event, for the operator: what stands behind its cause; may be "". */
#define L2TP_DOWN_TEXT_BYTES 256
void l2tp_down_text(const struct l2tp_event *event, char text[L2TP_DOWN_TEXT_BYTES]);

/* What LAC `index` has now. */
struct l2tp_lac_view {
	uint32_t tunnels; /* lingering ones not counted */
	uint32_t sessions;
};

struct l2tp_lac_view l2tp_lac_view(const struct l2tp *l2tp, uint16_t index);

/* One line of the listing. */
struct l2tp_tunnel_view {
	uint16_t tunnel;
	uint16_t peer_tunnel;
	struct endpoint peer;
	struct endpoint local;
	const char *state;
	char host_name[64];
	uint32_t sessions;
	uint16_t send_next;    /* Ns of our next message */
	uint16_t receive_next; /* Nr that we send */
	uint32_t unacknowledged;
};

/* Copies up to `count` tunnels from position `*cursor` on, which it advances; 0 at the end. */
size_t l2tp_list_tunnels(const struct l2tp *l2tp, uint32_t *cursor, struct l2tp_tunnel_view *views,
			 size_t count);

#endif
