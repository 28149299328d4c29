/* SPDX-License-Identifier: BSD-3-Clause */
/* Quick mode, the initiator's side (RFC 2409 5.5, 3947 5). */

#include "base/memory.h"
#include "fsm/fsm.h"
#include "ike/initiator_engine.h"

#include <stdlib.h>
#include <string.h>

#define L2TP_PORT    1701
#define PROTOCOL_UDP 17

enum quick_state {
	QUICK_START,
	QUICK_MAKING_PAIR,
	QUICK_SENT_1,
	QUICK_MAKING_SECRET,
	QUICK_DONE,
	QUICK_GONE,
	QUICK_STATES
};

enum quick_event {
	EVENT_STARTED,
	EVENT_STARTED_WITH_SECRECY,
	EVENT_PAIR_READY,
	EVENT_ANSWERED,
	EVENT_ANSWERED_WITH_SECRECY,
	EVENT_SECRET_READY,
	EVENT_FAILED,
	EVENTS
};

enum quick_action {
	ACTION_DISARM,
	ACTION_ASK_PAIR,
	ACTION_SEND_1,
	ACTION_ASK_SECRET,
	ACTION_FINISH,
	ACTION_FAIL,
};

#define DO(action) (1U << ACTION_##action)

struct quick_input {
	struct digest_part peer_public;
	struct digest_part secret;
	enum cause cause;
	uint16_t notification;
	const char *state;
};

static const char *const state_names[QUICK_STATES] = {
	"start", "making a key pair", "sent quick mode 1", "making a secret", "done", "gone",
};

static const char *const event_names[EVENTS] = {
	"started",  "started with secrecy",  "pair ready",
	"answered", "answered with secrecy", "secret ready",
	"failed",
};

#define CELL(event, state, next_state, what)     \
	[EVENT_##event * QUICK_STATES + QUICK_## \
		state] = {.actions = (what), .next = QUICK_##next_state, .defined = true}

static const struct fsm_cell cells[EVENTS * QUICK_STATES] = {
	CELL(STARTED, START, SENT_1, DO(SEND_1)),
	CELL(STARTED_WITH_SECRECY, START, MAKING_PAIR, DO(ASK_PAIR)),
	CELL(PAIR_READY, MAKING_PAIR, SENT_1, DO(SEND_1)),
	CELL(ANSWERED, SENT_1, DONE, DO(DISARM) | DO(FINISH)),
	CELL(ANSWERED_WITH_SECRECY, SENT_1, MAKING_SECRET, DO(DISARM) | DO(ASK_SECRET)),
	CELL(SECRET_READY, MAKING_SECRET, DONE, DO(FINISH)),
	CELL(FAILED, MAKING_PAIR, GONE, DO(FAIL)),
	CELL(FAILED, SENT_1, GONE, DO(FAIL)),
	CELL(FAILED, MAKING_SECRET, GONE, DO(FAIL)),
};

static void quick_act(void *object, unsigned action, const void *argument);

static const struct fsm_table machine = {
	.name = "quick mode of the initiator",
	.states = QUICK_STATES,
	.events = EVENTS,
	.state_names = state_names,
	.event_names = event_names,
	.cells = cells,
	.act = quick_act,
};

static void step(struct ike_initiator *i, enum quick_event event, const struct quick_input *input)
{
	(void)fsm_step(&machine, &i->quick->state, event, i, input);
}

void quick_free(struct quick *q)
{
	if (q == NULL)
		return;
	part_free(&q->nonce_r);
	memory_wipe(q, sizeof(*q));
	free(q);
}

static struct esp_choice offer_of(const struct ike_initiator *i)
{
	return (struct esp_choice){
		.suite = i->config->esp,
		.encapsulated = i->current->encapsulated,
		.group = i->config->esp_group,
		.lifetime_ms = i->config->esp_lifetime_ms,
	};
}

static void add_selector(struct message *m, const struct endpoint *address, uint16_t port)
{
	message_payload_open(m, ISAKMP_PAYLOAD_IDENTIFICATION);
	message_id_write(&m->w, address, PROTOCOL_UDP, port);
	message_payload_close(m);
}

static void send_1(struct ike_initiator *i)
{
	const struct association *a = i->current;
	const struct esp_choice offer = offer_of(i);
	struct quick *q = i->quick;
	uint8_t transform[64];
	struct writer w = writer_over(transform, sizeof(transform));
	struct message m;

	proposal_write_esp(&w, &offer);
	message_begin(&m, a->initiator_cookie, a->responder_cookie, ISAKMP_QUICK_MODE,
		      q->message_id);
	message_add_hash(&m, &a->keys);
	message_add_sa(&m, ISAKMP_PROTOCOL_ESP, 1, q->spi_in,
		       &(struct digest_part){transform, writer_length(&w)});
	message_add(&m, ISAKMP_PAYLOAD_NONCE, q->nonce_i, sizeof(q->nonce_i));
	if (q->pair.public_bytes != 0)
		message_add(&m, ISAKMP_PAYLOAD_KEY_EXCHANGE, q->pair.public_value,
			    q->pair.public_bytes);
	add_selector(&m, &i->own, i->config->own_port);
	add_selector(&m, &i->peer, L2TP_PORT);
	if (a->encapsulated) {
		message_add_nat_oa(&m, ISAKMP_PAYLOAD_NAT_OA, &i->own);
		message_add_nat_oa(&m, ISAKMP_PAYLOAD_NAT_OA, &i->peer);
	}
	message_hash_fill(&m, &a->keys, NULL);
	if (ike_keys_exchange_iv(&a->keys, a->iv, q->message_id, q->iv) != 0)
		m.w.failed = true;
	message_seal(&m, &a->keys, q->iv);
	initiator_send(i, &m, 0, true);
}

static void send_3(struct ike_initiator *i, uint64_t request_hash)
{
	const struct association *a = i->current;
	struct quick *q = i->quick;
	const struct digest_part nonce_i = {q->nonce_i, sizeof(q->nonce_i)};
	uint8_t hash[DIGEST_BYTES_MAX];
	struct message m;

	message_begin(&m, a->initiator_cookie, a->responder_cookie, ISAKMP_QUICK_MODE,
		      q->message_id);
	if (message_hash_3(&a->keys, q->message_id, &nonce_i, &q->nonce_r, hash) != 0)
		m.w.failed = true;
	message_add(&m, ISAKMP_PAYLOAD_HASH, hash, digest_bytes(a->keys.suite.hash));
	message_seal(&m, &a->keys, q->iv);
	initiator_send(i, &m, request_hash, false);
}

static int child_keys(const struct ike_initiator *i, const struct digest_part *secret,
		      struct esp_keys *in, struct esp_keys *out)
{
	const struct ike_keys *keys = &i->current->keys;
	const struct esp_suite *suite = &i->config->esp;
	const struct quick *q = i->quick;
	const struct digest_part nonce_i = {q->nonce_i, sizeof(q->nonce_i)};
	int error = ike_keys_esp(keys, suite, q->spi_in, secret, &nonce_i, &q->nonce_r, in);

	return error != 0
		       ? error
		       : ike_keys_esp(keys, suite, q->spi_out, secret, &nonce_i, &q->nonce_r, out);
}

static void report_child_up(struct ike_initiator *i, const struct esp_keys *in,
			    const struct esp_keys *out)
{
	struct ike_initiator_event *event = initiator_report(i, IKE_INITIATOR_CHILD_UP, 0);

	event->child_up.spi_in = i->quick->spi_in;
	event->child_up.spi_out = i->quick->spi_out;
	event->child_up.encapsulated = i->current->encapsulated;
	event->child_up.again = i->child.out != 0;
	event->child_up.keys_in = *in;
	event->child_up.keys_out = *out;
}

/* A first dial that fails leaves nothing; a rekey that fails leaves what there was. */
static void fail(struct ike_initiator *i, const struct quick_input *input)
{
	initiator_failed(i, input->cause, input->notification, input->state);
	quick_free(i->quick);
	i->quick = NULL;
	if (i->child.out != 0)
		return;
	initiator_delete_association(i, i->current);
	association_free(i->current);
	i->current = NULL;
}

/* The pair that was replaced before the one that is replaced now goes at once. */
static void child_replace(struct ike_initiator *i)
{
	if (i->old_child.out != 0)
		initiator_delete_child(i, &i->old_child);
	i->old_child = i->child;
	if (i->old_child.out != 0)
		i->old_child_ends_ms = i->now_ms + i->config->old_child_ms;
	i->child = (struct spi_pair){i->quick->spi_in, i->quick->spi_out};
}

static void finish(struct ike_initiator *i, const struct quick_input *input)
{
	struct esp_keys in;
	struct esp_keys out;

	if (child_keys(i, &input->secret, &in, &out) != 0) {
		fail(i, &(struct quick_input){.cause = CAUSE_ike_protocol_error,
					      .state = state_names[QUICK_DONE]});
	} else {
		report_child_up(i, &in, &out);
		send_3(i, i->sent.request_hash);
		child_replace(i);
		quick_free(i->quick);
		i->quick = NULL;
	}
	memory_wipe(&in, sizeof(in));
	memory_wipe(&out, sizeof(out));
}

static void quick_act(void *object, unsigned action, const void *argument)
{
	const struct quick_input *input = argument;
	struct ike_initiator *i = object;
	struct ike_initiator_job *job;

	switch (action) {
	case ACTION_DISARM:
		initiator_disarm(i);
		break;
	case ACTION_ASK_PAIR:
		initiator_job(i, i->config->esp_group);
		break;
	case ACTION_SEND_1:
		send_1(i);
		break;
	case ACTION_ASK_SECRET:
		job = initiator_job(i, i->config->esp_group);
		job->pair = i->quick->pair;
		job->peer_public_bytes = (uint16_t)input->peer_public.length;
		memcpy(job->peer_public, input->peer_public.bytes, input->peer_public.length);
		break;
	case ACTION_FINISH:
		finish(i, input);
		break;
	case ACTION_FAIL:
		fail(i, input);
		break;
	}
}

void quick_refused(struct ike_initiator *i, enum cause cause, uint16_t notification)
{
	const struct quick_input input = {
		.cause = cause,
		.notification = notification,
		.state = state_names[i->quick->state],
	};

	step(i, EVENT_FAILED, &input);
}

void quick_start(struct ike_initiator *i, uint32_t spi_in)
{
	struct quick *q = memory_new(sizeof(*q));

	q->message_id = initiator_message_id(i);
	q->spi_in = spi_in;
	random_fill(&i->random, q->nonce_i, sizeof(q->nonce_i));
	i->quick = q;
	step(i, i->config->esp_group != 0 ? EVENT_STARTED_WITH_SECRECY : EVENT_STARTED, NULL);
}

static bool answer_right(const struct ike_initiator *i, const struct payloads *payloads,
			 struct esp_choice *chosen)
{
	const struct esp_choice offer = offer_of(i);
	const struct esp_policy policy = {
		.compatibility = IKE_COMPATIBILITY_CLIENTS,
		.plain_allowed = !offer.encapsulated,
		.encapsulated_allowed = offer.encapsulated,
		.key_exchange_bytes = payloads->key_exchange.length,
	};
	struct proposal_choice choice;

	return proposal_choose_esp(&payloads->sa, &policy, chosen, &choice) == 0 &&
	       chosen->suite.cipher == offer.suite.cipher &&
	       chosen->suite.cipher_key_bytes == offer.suite.cipher_key_bytes &&
	       chosen->suite.authenticator == offer.suite.authenticator &&
	       chosen->group == offer.group;
}

/* Quick mode 2. What is not authentic is ignored: the genuine one may still come. */
static void second_message(struct ike_initiator *i, const struct datagram *d)
{
	const struct association *a = i->current;
	struct quick *q = i->quick;
	const struct digest_part nonce_i = {q->nonce_i, sizeof(q->nonce_i)};
	struct quick_input input = {0};
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
	uint8_t plain[PACKET_BYTES_MAX];
	struct payloads payloads;
	struct esp_choice chosen;

	memcpy(iv, q->iv, sizeof(iv));
	if (message_open(&a->keys, &d->header, d->bytes, iv, plain, &payloads) != 0 ||
	    !message_hash_right(&a->keys, q->message_id, &nonce_i, &payloads))
		return;
	if (payloads.nonce.length < NONCE_BYTES_MIN || payloads.nonce.length > NONCE_BYTES_MAX ||
	    !answer_right(i, &payloads, &chosen)) {
		quick_refused(i, CAUSE_no_common_esp_proposal, 0);
		return;
	}
	memcpy(q->iv, iv, sizeof(iv));
	q->nonce_r = part_copy(&payloads.nonce);
	q->spi_out = chosen.spi;
	i->sent.request_hash = d->hash;
	input.peer_public = payloads.key_exchange;
	step(i, chosen.group != 0 ? EVENT_ANSWERED_WITH_SECRECY : EVENT_ANSWERED, &input);
}

void quick_feed(struct ike_initiator *i, const struct datagram *d)
{
	if (i->quick != NULL && i->quick->state == QUICK_SENT_1 &&
	    i->quick->message_id == d->header.message_id)
		second_message(i, d);
	else if (i->quick == NULL && i->pending == NULL && i->sent.request_hash == d->hash)
		initiator_resend(i); /* quick mode 2 again: quick mode 3 was lost */
}

void quick_job_done(struct ike_initiator *i, const struct ike_initiator_job_result *result)
{
	struct quick_input input = {.secret = {result->secret, result->secret_bytes}};

	if (i->quick == NULL)
		return;
	if (result->error != 0) {
		quick_refused(i, CAUSE_ike_protocol_error, 0);
	} else if (i->quick->state == QUICK_MAKING_PAIR) {
		i->quick->pair = result->pair;
		step(i, EVENT_PAIR_READY, &input);
	} else {
		step(i, EVENT_SECRET_READY, &input);
	}
}
