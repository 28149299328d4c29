/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPP_AUTOMATON_H
#define PPP_AUTOMATON_H

/* The option negotiation automaton (RFC 1661 4), once for LCP and once for IPCP. */

#include "base/cursor.h"
#include "base/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ppp;
struct automaton;

#define AUTOMATON_OPTIONS_MAX 256 /* bytes of our own requests */
#define AUTOMATON_REFUSED_MAX 4   /* refused requests that are remembered */

enum configure_code {
	CONFIGURE_REQUEST = 1,
	CONFIGURE_ACK = 2,
	CONFIGURE_NAK = 3,
	CONFIGURE_REJECT = 4,
	TERMINATE_REQUEST = 5,
	TERMINATE_ACK = 6,
	CODE_REJECT = 7,
};

enum automaton_state {
	AUTOMATON_INITIAL,
	AUTOMATON_STARTING,
	AUTOMATON_CLOSED,
	AUTOMATON_STOPPED,
	AUTOMATON_CLOSING,
	AUTOMATON_STOPPING,
	AUTOMATON_REQUEST_SENT,
	AUTOMATON_ACK_RECEIVED,
	AUTOMATON_ACK_SENT,
	AUTOMATON_OPENED,
	AUTOMATON_STATES
};

enum automaton_event {
	AUTOMATON_UP,
	AUTOMATON_DOWN,
	AUTOMATON_OPEN,
	AUTOMATON_CLOSE,
	AUTOMATON_TIMEOUT,      /* TO+ */
	AUTOMATON_TIMEOUT_LAST, /* TO- */
	AUTOMATON_GOOD_REQUEST, /* RCR+ */
	AUTOMATON_BAD_REQUEST,  /* RCR- */
	AUTOMATON_ACKED,        /* RCA */
	AUTOMATON_NAKED,        /* RCN: Nak or Reject */
	AUTOMATON_TERMINATE,    /* RTR */
	AUTOMATON_TERMINATED,   /* RTA */
	AUTOMATON_UNKNOWN_CODE, /* RUC */
	AUTOMATON_REJECT_FINE,  /* RXJ+ */
	AUTOMATON_REJECT_FATAL, /* RXJ- */
	AUTOMATON_ECHO,         /* RXR */
	AUTOMATON_EVENTS
};

/* One control packet: code, identifier, length and the data that the length covers. */
struct packet {
	uint8_t code;
	uint8_t identifier;
	struct cursor data;
};

/* What LCP and IPCP fill in. */
struct automaton_protocol {
	const char *name;
	uint16_t number;
	uint16_t offset; /* of its automaton in struct ppp */
	/* Writes our options. */
	void (*request_write)(struct ppp *ppp, struct writer *w);
	/* Judges the peer's options: CONFIGURE_ACK, or NAK or REJECT with options in `reply`; 0 if
	 * they are broken. */
	uint8_t (*request_judge)(struct ppp *ppp, struct cursor options, struct writer *reply);
	/* The peer wants our options otherwise; `options` is well-formed. */
	void (*request_refused)(struct ppp *ppp, bool rejected, struct cursor options);
	void (*layer_up)(struct ppp *ppp);
	void (*layer_down)(struct ppp *ppp);
	void (*layer_finished)(struct ppp *ppp);
	/* The peer asks for the end. */
	void (*peer_terminates)(struct ppp *ppp, struct cursor text);
};

struct automaton {
	const struct automaton_protocol *protocol;
	uint8_t *request; /* our last one, owned; NULL in the opened state */
	uint64_t deadline_ms;
	uint16_t request_length;
	uint8_t state;
	uint8_t identifier;    /* of our last Configure- or Terminate-Request */
	uint8_t restart_count; /* requests that may still be sent */
	uint8_t tries;         /* requests sent since the counter was set */
	uint8_t naks_sent;     /* in a row: Max-Failure bounds them */
	uint8_t refusals;      /* Naks and Rejects received without an Ack between */
	uint8_t repeats;       /* equal requests acknowledged again while opened */
	bool answered;         /* the last request has got its Ack, Nak or Reject */
	bool heard;            /* the peer has sent something of this protocol */
	uint8_t refused_next;
	uint32_t acked_digest; /* of the peer's options that we acknowledged last */
	uint32_t refused[AUTOMATON_REFUSED_MAX]; /* digests with identifier; 0: none */
};

void ppp_automaton_init(struct automaton *automaton, const struct automaton_protocol *protocol);
/* Frees what it owns. */
void ppp_automaton_clear(struct automaton *automaton);

/* Opened by somebody before us, who acknowledged the peer's `options`; no layer is told. */
void ppp_automaton_adopt(struct automaton *automaton, struct cursor options);

/* UP, OPEN, CLOSE, DOWN, REJECT_FATAL and their like: events without a packet. */
void ppp_automaton_step(struct automaton *automaton, enum automaton_event event);

/* A packet with one of the codes above, or one that nobody knows. */
void ppp_automaton_receive(struct automaton *automaton, const struct packet *packet);

/* An Echo-Request: answered in the opened state only. */
void ppp_automaton_receive_echo(struct automaton *automaton, const struct packet *packet);

/*
 * Opened, and the request that we acknowledged comes once more: our Ack was lost. It is sent again
 * without a new negotiation, so that the layers above stay. A peer that insists starts anew.
 */
bool ppp_automaton_is_repeat(struct automaton *automaton, const struct packet *packet);

/* Opened, and a request that we refused on the way there comes late: it is ignored once. */
bool ppp_automaton_was_refused(struct automaton *automaton, const struct packet *packet);

void ppp_automaton_on_time(struct automaton *automaton, uint64_t now_ms);

/* Checks that an option list is well-formed. */
bool ppp_options_valid(struct cursor options);

#endif
