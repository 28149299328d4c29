/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPP_ENGINE_H
#define PPP_ENGINE_H

/* What the files of this engine share. */

#include "base/event_queue.h"
#include "ppp/automaton.h"
#include "ppp/option.h"
#include "ppp/ppp.h"

enum protocol_number {
	PROTOCOL_IP = 0x0021,
	PROTOCOL_IPCP = 0x8021,
	PROTOCOL_LCP = 0xc021,
	PROTOCOL_PAP = 0xc023,
	PROTOCOL_CHAP = 0xc223,
};

enum pap_code { PAP_REQUEST = 1, PAP_ACK = 2, PAP_NAK = 3 };
enum chap_code { CHAP_CHALLENGE = 1, CHAP_RESPONSE = 2, CHAP_SUCCESS = 3, CHAP_FAILURE = 4 };

#define CHAP_MD5_RESPONSE_BYTES   16
#define MS_CHAP_V2_RESPONSE_BYTES 49

enum lcp_option {
	LCP_OPTION_MRU = 1,
	LCP_OPTION_ACCM = 2,
	LCP_OPTION_AUTHENTICATION = 3,
	LCP_OPTION_MAGIC = 5,
	LCP_OPTION_PFC = 7,
	LCP_OPTION_ACFC = 8,
};

enum ipcp_option {
	IPCP_OPTION_ADDRESS = 3,
	IPCP_OPTION_PRIMARY_DNS = 129,
	IPCP_OPTION_SECONDARY_DNS = 131,
};

#define PACKET_HEADER_BYTES 4
#define PACKET_BYTES_MAX    1500
#define MRU_DEFAULT         1500
#define MRU_LEAST           128

enum phase {
	PHASE_ESTABLISH,
	PHASE_AUTHENTICATE,
	PHASE_NETWORK,
	PHASE_OPEN,
	PHASE_TERMINATE,
	PHASE_DEAD,
};

struct lcp {
	struct automaton automaton;
	bool ask_mru;
	bool ask_magic;
	uint8_t mru_naks;
	uint16_t mru;
	uint32_t magic;
	uint8_t method;               /* enum ppp_authentication that we ask for */
	uint8_t methods_spent;        /* bit by enum: refused by the peer */
	uint16_t peer_wants_protocol; /* what its last Nak asked for instead */
	uint8_t looped;
	uint16_t peer_mru;
	bool peer_pfc;
	bool peer_acfc;
	uint8_t reject_identifier; /* of our Code- and Protocol-Rejects */
};

enum authentication_state {
	AUTHENTICATION_WAITS, /* for the peer */
	AUTHENTICATION_ASKED, /* for the owner's verdict */
	AUTHENTICATION_DONE,  /* accepted */
	AUTHENTICATION_REFUSED,
};

struct authentication {
	uint8_t state;
	uint8_t method;
	uint8_t identifier; /* of the Challenge; of the answered request with PAP */
	uint8_t tries;
	uint64_t deadline_ms;
	uint8_t challenge[16];
	uint8_t answer_code; /* the result packet, kept to send it again */
	uint8_t answer_length;
	uint8_t answer[256];
};

enum login_state {
	LOGIN_IDLE,
	LOGIN_WAITS, /* PAP: for the answer; CHAP: for the challenge or the result */
	LOGIN_DONE,
};

/* A client proves to the peer who it is. */
struct login {
	const struct ppp_credentials *credentials;
	uint8_t state;
	uint8_t method; /* enum ppp_authentication that the peer asks for */
	uint8_t identifier;
	uint8_t tries;
	uint64_t deadline_ms;
	uint8_t challenge_bytes;
	uint8_t challenge[64]; /* the one that `response` answers */
	uint8_t response_bytes;
	uint8_t response[MS_CHAP_V2_RESPONSE_BYTES];
	char authenticator_response[44]; /* what the peer's Success has to say */
};

struct ipcp {
	struct automaton automaton;
};

struct echo {
	uint64_t deadline_ms;
	uint64_t last_seen_ms;
	uint32_t idle_ms; /* with jitter */
	uint8_t unanswered;
	uint8_t identifier;
	bool refused; /* the peer rejected the code */
};

struct ppp {
	const struct ppp_config *config;
	struct random_source random;
	struct ppp_counters *counters;
	struct event_queue events;
	uint64_t now_ms; /* of the call being served */
	uint8_t phase;   /* enum phase */
	bool was_up;
	bool down_announced;
	bool finished_announced;
	bool client;
	bool ask_address; /* in IPCP */
	bool ask_dns[2];  /* clients only */
	uint64_t setup_deadline_ms;
	struct lcp lcp;
	union {
		struct authentication *authentication; /* owned; NULL before and long after */
		struct login *login;                   /* of a client, owned */
	};
	struct ipcp ipcp;
	struct echo echo;
	struct ppp_grant grant;
};

/* The peer authenticates, or has done so a short while ago. */
static inline bool ppp_authentication_runs(const struct ppp *ppp)
{
	return !ppp->client && ppp->authentication != NULL;
}

_Static_assert(sizeof(struct ppp) <= 256, "there is one for each session");

static inline void ppp_count(struct ppp *ppp, enum ppp_counter counter)
{
	ppp->counters->value[counter]++;
}

/* ppp.c */

/* Sends one control packet and its line of the ladder. */
void ppp_send(struct ppp *ppp, uint16_t protocol, uint8_t code, uint8_t identifier,
	      const void *data, size_t length);

/* The link has to end: PPP_DOWN with what `format` says, then LCP closes. */
void ppp_fail(struct ppp *ppp, enum cause cause, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void ppp_enter(struct ppp *ppp, enum phase phase);
void ppp_finish(struct ppp *ppp);
/* Authentication is over: IPCP begins. */
void ppp_network_start(struct ppp *ppp);
struct ppp_event *ppp_event_new(struct ppp *ppp, enum ppp_event_kind kind, size_t extra);

/* step.c: the ladder's words */
const char *ppp_step_message(uint16_t protocol, uint8_t code);

/* lcp.c */
void ppp_lcp_init(struct ppp *ppp);
void ppp_lcp_receive(struct ppp *ppp, const struct packet *packet);
/* Protocol-Reject with `information` cut to what the peer receives. */
void ppp_lcp_protocol_reject(struct ppp *ppp, uint16_t protocol, struct cursor information);
/* The method that the peer names in its option, NONE if we do not know it. */
uint8_t ppp_lcp_method(struct ppp *ppp, struct cursor data);
/* Allowed, and not refused by the peer. */
bool ppp_lcp_method_left(const struct ppp *ppp, uint8_t method);
/* See struct automaton_protocol, both. */
void ppp_lcp_request_write(struct ppp *ppp, struct writer *w);
uint8_t ppp_lcp_request_judge(struct ppp *ppp, struct cursor options, struct writer *reply);
void ppp_lcp_authentication_write(struct writer *w, uint8_t method);
uint32_t ppp_lcp_magic_new(struct ppp *ppp);
const char *ppp_authentication_name(uint8_t method);

/* proxy.c: what a LAC has negotiated before us */

/* Takes LCP, and the attempt to authenticate, from where the LAC left them. NULL, or why that
 * cannot be: then nothing has changed. */
const char *ppp_proxy_take(struct ppp *ppp, const struct ppp_proxy *proxy);

/* handover.c: a client behind a LAC */

/* LCP is open, and `handover` says how. */
void ppp_handover_make(struct ppp *ppp, struct ppp_handover *handover);

/* authentication.c */
void ppp_authentication_start(struct ppp *ppp);
/* The attempt that the LAC received, complete, in place of one that the peer sends us. */
void ppp_authentication_start_proxied(struct ppp *ppp, const struct ppp_proxy *proxy);
void ppp_authentication_receive_pap(struct ppp *ppp, const struct packet *packet);
void ppp_authentication_receive_chap(struct ppp *ppp, const struct packet *packet);
void ppp_authentication_settle(struct ppp *ppp, const struct ppp_authentication_result *result);
void ppp_authentication_on_time(struct ppp *ppp);
/* IPCP stays unanswered: perhaps the peer never saw its CHAP Success. */
void ppp_authentication_repeat_success(struct ppp *ppp);
/* IPCP is open: soon nobody repeats an attempt any more. */
void ppp_authentication_linger(struct ppp *ppp);
/* Wipes and frees what it kept. */
void ppp_authentication_end(struct ppp *ppp);

/* login.c: a client authenticates itself */
void ppp_login_start(struct ppp *ppp);
/* The LAC has got what `handover` says of it: only the verdict is missing. */
void ppp_login_start_handed_over(struct ppp *ppp, struct ppp_handover *handover);
void ppp_login_receive_pap(struct ppp *ppp, const struct packet *packet);
void ppp_login_receive_chap(struct ppp *ppp, const struct packet *packet);
void ppp_login_on_time(struct ppp *ppp);
void ppp_login_wipe(struct ppp *ppp);

/* ipcp_client.c: a client asks for its address, see struct automaton_protocol */
void ppp_ipcp_client_request_write(struct ppp *ppp, struct writer *w);
uint8_t ppp_ipcp_client_request_judge(struct ppp *ppp, struct cursor options, struct writer *reply);
void ppp_ipcp_client_request_refused(struct ppp *ppp, bool rejected, struct cursor options);

/* ipcp.c */
/* An address as the four bytes of an option; `address_be` is in network order. */
void ppp_ipcp_address_write(struct writer *w, uint8_t type, uint32_t address_be);
void ppp_ipcp_init(struct ppp *ppp);
void ppp_ipcp_receive(struct ppp *ppp, const struct packet *packet);

/* echo.c */
void ppp_echo_start(struct ppp *ppp);
void ppp_echo_seen(struct ppp *ppp, uint64_t seen_ms);
void ppp_echo_receive_request(struct ppp *ppp, const struct packet *packet);
void ppp_echo_receive_reply(struct ppp *ppp, const struct packet *packet);
void ppp_echo_on_time(struct ppp *ppp);

#endif
