/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_MAIN_MODE_H
#define IKE_MAIN_MODE_H

/* What the files of main mode share: its state machine, and what each message of the peer does. */

#include "ike/engine.h"

enum main_mode_event {
	EVENT_OFFER,
	EVENT_OFFER_REFUSED,
	EVENT_KEY_EXCHANGE,
	EVENT_KEYS_READY,
	EVENT_KEYS_FAILED,
	EVENT_SIGNED,
	EVENT_POSTPONED, /* there is no room for another peer now */
	EVENT_AUTHENTICATED,
	EVENT_AUTHENTICATION_FAILED,
	EVENT_DUPLICATE,
	EVENT_EXPIRED,
	EVENT_EVICTED,
	EVENT_DELETED, /* by the peer */
	EVENT_CLOSED,  /* by us */
	EVENTS
};

/* What an event carries to the actions. */
struct main_mode_input {
	const struct packet *packet;
	const struct payloads *payloads;
	struct verdict verdict;
	const char *detail; /* readable or NULL, like the next two */
	const char *offered;
	const char *accepted;
	struct digest_part id_i;
	bool initial_contact;
	struct digest_part proof_r;
	struct digest_part id_r;
};

/* main_mode.c: the one writer of a main mode's state. */
void main_mode_step(struct sa *sa, enum main_mode_event event, const struct main_mode_input *input);

/* main_mode_offer.c: message 1, and what is repeated. */
void main_mode_first_message(struct ike *ike, const struct packet *packet);
void main_mode_duplicate(struct sa *sa, const struct main_mode_input *input);

/* main_mode_exchange.c: messages 3 and 5. */
void main_mode_third_message(struct sa *sa, const struct packet *packet);
void main_mode_fifth_message(struct sa *sa, const struct packet *packet);

#endif
