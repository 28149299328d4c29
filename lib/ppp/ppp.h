/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPP_PPP_H
#define PPP_PPP_H

/*
 * One end of a PPP link (RFC 1661, 1332, 1334, 1994, 2759, 1877) as an engine without I/O: LCP, then
 * authentication, then IPCP. One engine is one L2TP session. ppp_new() makes the network's end,
 * which authenticates the peer and grants it an address; ppp_client_new() the end that dials.
 * Only the control core calls it. IP packets never come here.
 */

#include "base/cause.h"
#include "base/random_source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ppp;
struct ms_chap;

enum ppp_authentication {
	PPP_AUTHENTICATION_NONE,
	PPP_AUTHENTICATION_PAP,
	PPP_AUTHENTICATION_CHAP_MD5,
	PPP_AUTHENTICATION_MS_CHAP_V2,
};

/* Borrowed for the life of every engine made with it. */
struct ppp_config {
	uint16_t mru;                 /* what we ask for: 1400 with IPsec; 1500 always received */
	uint8_t authentication[4];    /* enum ppp_authentication in order of preference */
	uint8_t authentication_count; /* 0: the peer need not authenticate, a client does not */
	char name[64];                /* our name in CHAP challenges */
	struct ms_chap *ms_chap;      /* of a client that may use MS-CHAPv2 */
	uint32_t restart_ms[4];       /* 1000, 1000, 1000, 3000: the last one repeats */
	uint8_t max_configure;        /* 10 */
	uint8_t max_terminate;        /* 2 */
	uint8_t max_failure;          /* 5 */
	uint32_t setup_ms;            /* 60000 from start to IPCP opened */
	uint32_t echo_idle_ms;        /* 30000: echo request after so much silence; 0: never */
	uint32_t echo_interval_ms;    /* 10000 between unanswered requests */
	uint8_t echo_attempts;        /* 3 unanswered: dead */
};

/* Addresses are IPv4 in network order; 0: none. */
struct ppp_grant {
	uint32_t local_address_be;
	uint32_t peer_address_be;
	uint32_t dns_be[2];
};

/* Who a client is. Borrowed, with the texts, for the life of its engine. */
struct ppp_credentials {
	const char *user_name;
	const char *password; /* UTF-8 */
};

/* Bytes that somebody else owns. */
struct ppp_proxy_value {
	size_t length;
	const uint8_t *bytes;
};

/*
 * What a LAC has negotiated with the peer before it handed the link over (RFC 2661 4.4.5). Borrowed
 * for the call.
 */
struct ppp_proxy {
	struct ppp_proxy_value lcp_sent;     /* options of the LAC's last Configure-Request */
	struct ppp_proxy_value lcp_received; /* options of the peer's last one */
	uint8_t method; /* enum ppp_authentication of the attempt below; NONE: there is none */
	uint8_t identifier;
	struct ppp_proxy_value name;
	struct ppp_proxy_value challenge;
	struct ppp_proxy_value response; /* CHAP's value, or the password */
};

/* What happens when it does not suit us. */
enum ppp_proxy_misfit { PPP_PROXY_RENEGOTIATE, PPP_PROXY_REFUSE };

enum ppp_event_kind {
	PPP_SEND,         /* .send */
	PPP_AUTHENTICATE, /* .authenticate: answer with ppp_authenticated(); once a link, and with
			   * PPP_AUTHENTICATION_NONE too, since the answer carries the grant;
			   * never from a client */
	PPP_UP,           /* .up: IPCP opened: packets may flow */
	PPP_DOWN,         /* .down: packets stop; once, also for a link that never came up */
	PPP_FINISHED,     /* LCP is closed: the L2TP session may be closed */
	PPP_STEP,         /* .step */
};

#define PPP_USER_NAME_BYTES 128

struct ppp_event {
	enum ppp_event_kind kind;
	union {
		struct {
			size_t length;
			const uint8_t
				*bytes; /* from the PPP protocol field on: the caller adds FF 03 */
		} send;
		struct {
			uint8_t method; /* enum ppp_authentication */
			uint8_t identifier;
			char user_name[PPP_USER_NAME_BYTES]; /* as received, printable, whole */
			uint8_t challenge[64];               /* ours, or the LAC's (CHAP) */
			uint8_t challenge_bytes;
			uint8_t response[64]; /* MD5: 16; MS-CHAPv2: the 49-byte value */
			uint8_t response_bytes;
			uint8_t password[128]; /* PAP */
			uint8_t password_bytes;
		} authenticate;
		struct {
			struct ppp_grant grant; /* a client's local address is the granted one */
			uint16_t peer_mru;      /* what we may send: the peer's MRU or 1500 */
			bool peer_accepts_acfc; /* we may leave out FF 03 */
			bool peer_accepts_pfc;  /* we may send one-byte protocols */
		} up;
		struct {
			enum cause cause;
			bool was_up;
			char detail[160]; /* what the peer wanted against what we accept */
		} down;
		struct {
			bool inbound;
			const char *message; /* "LCP Configure-Request"; static */
			const char *meaning; /* static, may be "" */
		} step;
	};
};

enum ppp_counter {
#define PPP_COUNTER(name, text) PPP_COUNTER_##name,
#include "ppp/counters.def"
#undef PPP_COUNTER
	PPP_COUNTER_COUNT
};

struct ppp_counters {
	uint64_t value[PPP_COUNTER_COUNT];
	uint32_t links; /* these and the next: how many there are now */
	uint32_t authentications;
};

const char *ppp_counter_name(enum ppp_counter counter);
const char *ppp_counter_text(enum ppp_counter counter);

/* The verdict on a PPP_AUTHENTICATE event. */
struct ppp_authentication_result {
	bool accepted;
	enum cause cause;       /* when refused: what the operator is told; the peer learns less */
	char detail[128];       /* more about the cause, for the operator; may be "" */
	char message[128];      /* what the peer is told in place of our own words; may be "" */
	uint16_t ms_chap_error; /* MS-CHAPv2, when refused: the code of the Failure; 0: ours */
	char success[64];       /* MS-CHAPv2: "S=" and 40 upper-case digits; else "" */
	struct ppp_grant grant; /* when accepted */
};

/* `config`, `counters` are borrowed, `random` is copied. The first Configure-Request is an event at once. */
struct ppp *ppp_new(const struct ppp_config *config, const struct random_source *random,
		    struct ppp_counters *counters, uint64_t now_ms);

/*
 * The same for a link whose LCP a LAC has opened already: it is taken over as it stands, with the
 * peer's attempt to authenticate if the LAC passed one on. LCP begins anew where its options do not
 * suit us, or the link ends at once (PPP_DOWN, CAUSE_lcp_proxy_unsuited).
 */
struct ppp *ppp_new_proxied(const struct ppp_config *config, const struct ppp_proxy *proxy,
			    enum ppp_proxy_misfit misfit, const struct random_source *random,
			    struct ppp_counters *counters, uint64_t now_ms);

/* The same for the end that dials and authenticates itself to the peer. */
struct ppp *ppp_client_new(const struct ppp_config *config,
			   const struct ppp_credentials *credentials,
			   const struct random_source *random, struct ppp_counters *counters,
			   uint64_t now_ms);

/* What a LAC passes on of a caller that it has negotiated with; as values of struct ppp_proxy. */
struct ppp_handover {
	struct ppp_proxy proxy; /* points into the rest, and to the credentials */
	uint8_t lcp_sent[32];
	uint8_t lcp_received[32];
	uint8_t challenge[16];
	uint8_t response[16];
};

/*
 * The same behind a LAC that has opened LCP with us and, with PAP or CHAP, asked who we are: writes
 * `handover` for the network's end, which has to take it. Its events are for the
 * time when that end is there.
 */
struct ppp *ppp_client_new_proxied(const struct ppp_config *config,
				   const struct ppp_credentials *credentials,
				   const struct random_source *random,
				   struct ppp_counters *counters, struct ppp_handover *handover,
				   uint64_t now_ms);
void ppp_free(struct ppp *ppp);

/*
 * One PPP control packet, `bytes` from the protocol field on (two bytes, or one when compressed);
 * a leading FF 03 is accepted too.
 */
void ppp_feed(struct ppp *ppp, const uint8_t *bytes, size_t length, uint64_t now_ms);

/* The answer to the last PPP_AUTHENTICATE, at once or later: meanwhile the peer's repetitions are
 * taken and not asked about again. Ignored when none waits. */
void ppp_authenticated(struct ppp *ppp, const struct ppp_authentication_result *result,
		       uint64_t now_ms);

/* Data of the session was seen until `seen_ms`: puts echo requests off. */
void ppp_alive(struct ppp *ppp, uint64_t seen_ms);

/* Begins an orderly end: Terminate-Request; PPP_DOWN at once, PPP_FINISHED when it is done. */
void ppp_close(struct ppp *ppp, enum cause cause, uint64_t now_ms);

uint64_t ppp_deadline(const struct ppp *ppp); /* UINT64_MAX: never */
void ppp_on_time(struct ppp *ppp, uint64_t now_ms);

/* "establish", "authenticate", "network", "open", "terminate", "dead". */
const char *ppp_phase(const struct ppp *ppp);

/* The oldest event or NULL; valid until the next call of this function. */
const struct ppp_event *ppp_next_event(struct ppp *ppp);

#endif
