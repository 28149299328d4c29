/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_INITIATOR_ENGINE_H
#define IKE_INITIATOR_ENGINE_H

/* The initiator's objects and the functions through which its files call each other. */

#include "base/event_queue.h"
#include "ike/compose.h"
#include "ike/initiator.h"
#include "ike/isakmp.h"
#include "ike/keys.h"
#include "ike/reply.h"

/* What main mode needs until it is done. */
struct initiation {
	struct digest_part sa_body; /* owned, like nonce_r and public_r */
	struct digest_part nonce_r;
	struct digest_part public_r;
	struct key_pair pair;
	uint8_t nonce_i[NONCE_BYTES];
	uint8_t skeyid[DIGEST_BYTES_MAX];
};

/* An ISAKMP SA, from main mode 1 on. */
struct association {
	struct ike_keys keys;
	uint64_t initiator_cookie;
	uint64_t responder_cookie; /* 0 until main mode 2 */
	struct initiation *initiation;
	uint32_t informational_id; /* of the last one that was taken */
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
	uint8_t state; /* enum initiation_state */
	bool nat_traversal;
	bool encapsulated;
	bool own_behind_nat;
	bool peer_behind_nat;
};

/* A quick mode that runs. */
struct quick {
	struct digest_part nonce_r; /* owned */
	struct key_pair pair;       /* with perfect forward secrecy */
	uint32_t message_id;
	uint32_t spi_in;
	uint32_t spi_out;
	uint8_t state; /* enum quick_state */
	uint8_t nonce_i[NONCE_BYTES];
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
};

struct spi_pair {
	uint32_t in;
	uint32_t out; /* 0: there is none */
};

struct ike_initiator {
	const struct ike_initiator_config *config;
	struct random_source random;
	struct event_queue events;
	struct endpoint own;
	struct endpoint peer;
	struct association *current; /* established */
	struct association *pending; /* main mode runs */
	struct quick *quick;
	struct spi_pair child;
	struct spi_pair old_child;
	uint64_t old_child_ends_ms; /* UINT64_MAX: there is none */
	struct reply sent;          /* the last message of the negotiation that runs or ran */
	uint64_t due_ms;            /* its retransmission; UINT64_MAX: none */
	uint64_t now_ms;            /* of the call under way */
	uint32_t job;               /* handle of the one that runs; 0: none */
	uint32_t jobs;              /* handles given out */
	uint32_t first_spi;
	uint16_t port;
	uint8_t attempts;
};

/* A datagram behind its marker, with header read. */
struct datagram {
	const uint8_t *bytes;
	struct isakmp_header header;
	uint64_t hash;
};

/* initiator.c */
struct ike_initiator_event *initiator_report(struct ike_initiator *i,
					     enum ike_initiator_event_kind kind,
					     size_t extra_bytes);
/* Hands bytes out to the port in use. */
void initiator_hand_out(struct ike_initiator *i, const uint8_t *bytes, size_t length);
/* Sends a message and keeps it; `waits`: for an answer, so it is sent again. */
void initiator_send(struct ike_initiator *i, const struct message *m, uint64_t request_hash,
		    bool waits);
void initiator_resend(struct ike_initiator *i);
void initiator_disarm(struct ike_initiator *i);
/* The next job's handle goes into the event, whose other fields the caller fills in. */
struct ike_initiator_job *initiator_job(struct ike_initiator *i, uint16_t group);
uint32_t initiator_message_id(const struct ike_initiator *i);
/* What a peer's error notification means in this state of affairs. */
enum cause initiator_refusal_cause(const struct ike_initiator *i, uint16_t notification);
void initiator_failed(struct ike_initiator *i, enum cause cause, uint16_t notification,
		      const char *state);

/* initiator_main_mode.c */
void association_cookies(const struct association *a, uint8_t cookies[16]);
void association_free(struct association *a);
void initiation_start(struct ike_initiator *i);
void initiation_feed(struct ike_initiator *i, const struct datagram *d);
void initiation_job_done(struct ike_initiator *i, const struct ike_initiator_job_result *result);
void initiation_refused(struct ike_initiator *i, enum cause cause, uint16_t notification);

/* initiator_quick_mode.c */
void quick_free(struct quick *q);
void quick_start(struct ike_initiator *i, uint32_t spi_in);
void quick_feed(struct ike_initiator *i, const struct datagram *d);
void quick_job_done(struct ike_initiator *i, const struct ike_initiator_job_result *result);
void quick_refused(struct ike_initiator *i, enum cause cause, uint16_t notification);

/* initiator_informational.c */
void initiator_informational_feed(struct ike_initiator *i, struct association *a,
				  const struct datagram *d);
void initiator_delete_child(struct ike_initiator *i, const struct spi_pair *child);
void initiator_delete_association(struct ike_initiator *i, const struct association *a);

#endif
