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

/* True if the message may belong to the main mode, by its addresses. */
bool main_mode_between_the_same(const struct main_mode *mode, const struct packet *packet);

/* main_mode_offer.c: message 1, and what is repeated. From here on aggressive mode shares what has no
 * message's number in its name. */
void main_mode_first_message(struct ike *ike, const struct packet *packet);
/* True if a negotiation with that cookie runs: then the message is dealt with. */
bool main_mode_begun(struct ike *ike, const struct packet *packet);
/* Reads a first message; false if it is none, which is reported. */
bool main_mode_first_payloads(struct ike *ike, const struct packet *packet,
			      struct payloads *payloads);
void main_mode_turn_malformed_away(struct ike *ike, const struct packet *packet,
				   const char *detail);
void main_mode_offer_report(struct sa *sa, const struct packet *packet, const char *message,
			    const struct payloads *payloads);
void main_mode_offer_keep(struct sa *sa, const struct payloads *payloads,
			  const struct proposal_choice *choice, const struct ike_suite *suite);
/* None of the proposals is allowed. */
void main_mode_offer_refuse(struct sa *sa, struct main_mode_input *input,
			    const struct ike_policy *policy);
void main_mode_duplicate(struct sa *sa, const struct main_mode_input *input);

/* main_mode_exchange.c: messages 3 and 5. */
void main_mode_third_message(struct sa *sa, const struct packet *packet);
void main_mode_fifth_message(struct sa *sa, const struct packet *packet);
bool main_mode_nonce_valid(const struct digest_part *nonce);
/* The answer of our NAT-D must already say what we hide. */
void main_mode_nat_hide(struct sa *sa, const struct ike_path *path);
/* What the peer's NAT-D tells. */
void main_mode_nat_take(struct sa *sa, const struct packet *packet,
			const struct payloads *payloads);
/* INITIAL-CONTACT may stand in the message with the proof. */
bool main_mode_initial_contact(const struct payloads *payloads);
/* The peer is authentic: establish with our proof, made already or NULL. */
void main_mode_authenticated(struct sa *sa, const struct packet *packet, const struct proof *proof,
			     const struct digest_part *id, const struct digest_part *signature);
/* Its message proves nothing: answered once, since a genuine one may still come. */
void main_mode_not_authentic(struct sa *sa, const struct proof *proof,
			     struct main_mode_input *input);

#endif
