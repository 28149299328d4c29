/* SPDX-License-Identifier: BSD-3-Clause */
/* Main mode with a pre-shared key, the initiator's side (RFC 2409 5.4, 3947). */

#include "base/memory.h"
#include "fsm/fsm.h"
#include "ike/initiator_engine.h"
#include "ike/nat.h"
#include "ike/vendor.h"

#include <stdlib.h>
#include <string.h>

enum initiation_state {
	INITIATION_START,
	INITIATION_SENT_1,
	INITIATION_MAKING_PAIR,
	INITIATION_SENT_3,
	INITIATION_MAKING_SECRET,
	INITIATION_SENT_5,
	INITIATION_ESTABLISHED,
	INITIATION_GONE,
	INITIATION_STATES
};

enum initiation_event {
	EVENT_STARTED,
	EVENT_ANSWERED,
	EVENT_PAIR_READY,
	EVENT_KEY_EXCHANGE,
	EVENT_SECRET_READY,
	EVENT_PROVED,
	EVENT_FAILED,
	EVENTS
};

enum initiation_action {
	ACTION_DISARM,
	ACTION_SEND_1,
	ACTION_ASK_PAIR,
	ACTION_SEND_3,
	ACTION_ASK_SECRET,
	ACTION_SEND_5,
	ACTION_ESTABLISH,
	ACTION_FAIL,
};

#define DO(action) (1U << ACTION_##action)

struct initiation_input {
	enum cause cause;
	uint16_t notification;
	const char *state;
};

static const char *const state_names[INITIATION_STATES] = {
	"start",           "sent main mode 1", "making a key pair", "sent main mode 3",
	"making a secret", "sent main mode 5", "established",       "gone",
};

static const char *const event_names[EVENTS] = {
	"started", "answered", "pair ready", "key exchange", "secret ready", "proved", "failed",
};

#define CELL(event, state, next_state, what)               \
	[EVENT_##event * INITIATION_STATES + INITIATION_## \
		state] = {.actions = (what), .next = INITIATION_##next_state, .defined = true}

static const struct fsm_cell cells[EVENTS * INITIATION_STATES] = {
	CELL(STARTED, START, SENT_1, DO(SEND_1)),
	CELL(ANSWERED, SENT_1, MAKING_PAIR, DO(DISARM) | DO(ASK_PAIR)),
	CELL(PAIR_READY, MAKING_PAIR, SENT_3, DO(SEND_3)),
	CELL(KEY_EXCHANGE, SENT_3, MAKING_SECRET, DO(DISARM) | DO(ASK_SECRET)),
	CELL(SECRET_READY, MAKING_SECRET, SENT_5, DO(SEND_5)),
	CELL(PROVED, SENT_5, ESTABLISHED, DO(DISARM) | DO(ESTABLISH)),
	CELL(FAILED, SENT_1, GONE, DO(FAIL)),
	CELL(FAILED, MAKING_PAIR, GONE, DO(FAIL)),
	CELL(FAILED, SENT_3, GONE, DO(FAIL)),
	CELL(FAILED, MAKING_SECRET, GONE, DO(FAIL)),
	CELL(FAILED, SENT_5, GONE, DO(FAIL)),
};

static void initiation_act(void *object, unsigned action, const void *argument);

static const struct fsm_table machine = {
	.name = "main mode of the initiator",
	.states = INITIATION_STATES,
	.events = EVENTS,
	.state_names = state_names,
	.event_names = event_names,
	.cells = cells,
	.act = initiation_act,
};

/* An event without a cell changes nothing: it is a duplicate or comes too late. */
static void step(struct ike_initiator *i, enum initiation_event event,
		 const struct initiation_input *input)
{
	(void)fsm_step(&machine, &i->pending->state, event, i, input);
}

static void initiation_free(struct initiation *initiation)
{
	if (initiation == NULL)
		return;
	part_free(&initiation->sa_body);
	part_free(&initiation->nonce_r);
	part_free(&initiation->public_r);
	memory_wipe(initiation, sizeof(*initiation));
	free(initiation);
}

void association_free(struct association *a)
{
	if (a == NULL)
		return;
	initiation_free(a->initiation);
	memory_wipe(a, sizeof(*a));
	free(a);
}

void association_cookies(const struct association *a, uint8_t cookies[16])
{
	ike_cookies_write(a->initiator_cookie, a->responder_cookie, cookies);
}

static void begin(struct message *m, const struct association *a)
{
	message_begin(m, a->initiator_cookie, a->responder_cookie, ISAKMP_MAIN_MODE, 0);
}

static void send_1(struct ike_initiator *i)
{
	struct association *a = i->pending;
	uint8_t transform[64];
	struct writer w = writer_over(transform, sizeof(transform));
	struct digest_part id;
	struct message m;
	size_t body_at = ISAKMP_HEADER_BYTES + ISAKMP_GENERIC_BYTES;

	begin(&m, a);
	proposal_write_ike(&w, &i->config->ike);
	message_add_sa(&m, ISAKMP_PROTOCOL_ISAKMP, 1, 0,
		       &(struct digest_part){transform, writer_length(&w)});
	a->initiation->sa_body =
		part_copy(&(struct digest_part){m.bytes + body_at, writer_length(&m.w) - body_at});
	if (i->config->nat != IKE_INITIATOR_NAT_NONE) {
		id = vendor_nat_id(NAT_VERSION_RFC_3947);
		message_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
	}
	if (i->config->dead_peer_detection) {
		id = vendor_dead_peer_detection_id();
		message_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
	}
	message_finish(&m);
	initiator_send(i, &m, 0, true);
}

/* NAT-D: the peer's address, then our own, which a forced NAT makes wrong (RFC 3947 3.2). */
static void add_nat_d(struct message *m, const struct ike_initiator *i)
{
	enum digest_kind hash = i->config->ike.hash;
	uint8_t value[DIGEST_BYTES_MAX];
	uint8_t cookies[16];

	association_cookies(i->pending, cookies);
	if (nat_d_hash(hash, cookies, &i->peer, value) != 0)
		m->w.failed = true;
	message_add(m, ISAKMP_PAYLOAD_NAT_D, value, digest_bytes(hash));
	if (nat_d_hash(hash, cookies, &i->own, value) != 0)
		m->w.failed = true;
	if (i->config->nat == IKE_INITIATOR_NAT_FORCED)
		random_fill(&i->random, value, digest_bytes(hash));
	message_add(m, ISAKMP_PAYLOAD_NAT_D, value, digest_bytes(hash));
}

static void send_3(struct ike_initiator *i)
{
	struct association *a = i->pending;
	struct initiation *initiation = a->initiation;
	struct message m;

	random_fill(&i->random, initiation->nonce_i, sizeof(initiation->nonce_i));
	begin(&m, a);
	message_add(&m, ISAKMP_PAYLOAD_KEY_EXCHANGE, initiation->pair.public_value,
		    initiation->pair.public_bytes);
	message_add(&m, ISAKMP_PAYLOAD_NONCE, initiation->nonce_i, sizeof(initiation->nonce_i));
	if (a->nat_traversal)
		add_nat_d(&m, i);
	message_finish(&m);
	initiator_send(i, &m, 0, true);
}

static struct ike_key_inputs key_inputs(const struct ike_initiator *i,
					const struct digest_part *secret)
{
	const struct initiation *initiation = i->pending->initiation;
	struct ike_key_inputs inputs = {
		.preshared_key = {i->config->preshared_key, i->config->preshared_key_bytes},
		.nonce_i = {initiation->nonce_i, sizeof(initiation->nonce_i)},
		.nonce_r = initiation->nonce_r,
		.public_i = {initiation->pair.public_value, initiation->pair.public_bytes},
		.public_r = initiation->public_r,
	};

	if (secret != NULL)
		inputs.shared_secret = *secret;
	association_cookies(i->pending, inputs.cookies);
	return inputs;
}

static void send_5(struct ike_initiator *i)
{
	const struct ike_key_inputs inputs = key_inputs(i, NULL);
	struct association *a = i->pending;
	uint8_t id_body[20];
	uint8_t hash[DIGEST_BYTES_MAX];
	struct writer w = writer_over(id_body, sizeof(id_body));
	struct digest_part id;
	struct message m;

	if (a->encapsulated)
		i->port = ISAKMP_PORT_NAT_T;
	message_id_write(&w, &i->own, 0, 0);
	id = (struct digest_part){id_body, writer_length(&w)};
	begin(&m, a);
	if (ike_keys_main_mode_hash(&a->keys, a->initiation->skeyid, true, &inputs,
				    &a->initiation->sa_body, &id, hash) != 0)
		m.w.failed = true;
	message_add_part(&m, ISAKMP_PAYLOAD_IDENTIFICATION, &id);
	message_add(&m, ISAKMP_PAYLOAD_HASH, hash, digest_bytes(a->keys.suite.hash));
	message_seal(&m, &a->keys, a->iv);
	initiator_send(i, &m, 0, true);
}

/* The new ISAKMP SA takes the place of the old one, which is deleted. */
static void establish(struct ike_initiator *i)
{
	struct association *a = i->pending;
	struct association *old = i->current;
	struct ike_initiator_event *event;

	initiation_free(a->initiation);
	a->initiation = NULL;
	reply_free(&i->sent);
	i->current = a;
	i->pending = NULL;
	event = initiator_report(i, IKE_INITIATOR_UP, 0);
	event->up.encapsulated = a->encapsulated;
	event->up.own_behind_nat = a->own_behind_nat;
	event->up.peer_behind_nat = a->peer_behind_nat;
	event->up.again = old != NULL;
	if (old != NULL)
		initiator_delete_association(i, old);
	else
		quick_start(i, i->first_spi);
	association_free(old);
}

static void initiation_act(void *object, unsigned action, const void *argument)
{
	const struct initiation_input *input = argument;
	struct ike_initiator *i = object;
	struct initiation *initiation = i->pending->initiation;
	struct ike_initiator_job *job;

	switch (action) {
	case ACTION_DISARM:
		initiator_disarm(i);
		break;
	case ACTION_SEND_1:
		send_1(i);
		break;
	case ACTION_ASK_PAIR:
		initiator_job(i, i->config->ike.group);
		break;
	case ACTION_SEND_3:
		send_3(i);
		break;
	case ACTION_ASK_SECRET:
		job = initiator_job(i, i->config->ike.group);
		job->pair = initiation->pair;
		job->peer_public_bytes = (uint16_t)initiation->public_r.length;
		memcpy(job->peer_public, initiation->public_r.bytes, initiation->public_r.length);
		break;
	case ACTION_SEND_5:
		send_5(i);
		break;
	case ACTION_ESTABLISH:
		establish(i);
		break;
	case ACTION_FAIL:
		initiator_failed(i, input->cause, input->notification, input->state);
		association_free(i->pending);
		i->pending = NULL;
		break;
	}
}

void initiation_refused(struct ike_initiator *i, enum cause cause, uint16_t notification)
{
	const struct initiation_input input = {cause, notification, state_names[i->pending->state]};

	step(i, EVENT_FAILED, &input);
}

void initiation_start(struct ike_initiator *i)
{
	struct association *a = memory_new(sizeof(*a));

	do
		random_fill(&i->random, &a->initiator_cookie, sizeof(a->initiator_cookie));
	while (a->initiator_cookie == 0);
	a->initiation = memory_new(sizeof(*a->initiation));
	a->keys.suite = i->config->ike;
	i->pending = a;
	step(i, EVENT_STARTED, NULL);
}

static bool same_algorithms(const struct ike_suite *a, const struct ike_suite *b)
{
	return a->cipher == b->cipher && a->key_bytes == b->key_bytes && a->hash == b->hash &&
	       a->group == b->group;
}

/* Main mode 2: our proposal comes back. */
static void second_message(struct ike_initiator *i, const struct datagram *d,
			   const struct payloads *payloads)
{
	struct association *a = i->pending;
	struct proposal_choice choice;
	const struct ike_policy policy = {IKE_COMPATIBILITY_CLIENTS,
					  1u << IKE_METHOD_PRESHARED_KEY};
	struct ike_suite suite;

	if (d->header.responder_cookie == 0 || payloads->sa.bytes == NULL)
		return;
	if (proposal_choose_ike(&payloads->sa, &policy, &suite, &choice) != 0 ||
	    !same_algorithms(&suite, &i->config->ike)) {
		initiation_refused(i, CAUSE_no_common_ike_proposal, 0);
		return;
	}
	a->responder_cookie = d->header.responder_cookie;
	a->nat_traversal = i->config->nat != IKE_INITIATOR_NAT_NONE &&
			   vendor_find(payloads).nat_version == NAT_VERSION_RFC_3947;
	step(i, EVENT_ANSWERED, NULL);
}

static void nat_take(struct ike_initiator *i, const struct payloads *payloads)
{
	const struct ike_path path = {.local = i->own, .remote = i->peer};
	struct association *a = i->pending;
	struct nat_detection nat;
	uint8_t cookies[16];

	association_cookies(a, cookies);
	nat = nat_detect(i->config->ike.hash, cookies, &path, payloads);
	a->own_behind_nat = nat.local_behind_nat;
	a->peer_behind_nat = nat.peer_behind_nat;
	a->encapsulated = nat.nat_d_came && (nat.local_behind_nat || nat.peer_behind_nat ||
					     i->config->nat == IKE_INITIATOR_NAT_FORCED);
}

/* Main mode 4: key exchange and nonce. */
static void fourth_message(struct ike_initiator *i, const struct payloads *payloads)
{
	struct initiation *initiation = i->pending->initiation;

	if (payloads->key_exchange.length != key_exchange_public_bytes(i->config->ike.group) ||
	    payloads->nonce.length < NONCE_BYTES_MIN || payloads->nonce.length > NONCE_BYTES_MAX)
		return;
	part_free(&initiation->nonce_r);
	part_free(&initiation->public_r);
	initiation->nonce_r = part_copy(&payloads->nonce);
	initiation->public_r = part_copy(&payloads->key_exchange);
	if (i->pending->nat_traversal)
		nat_take(i, payloads);
	step(i, EVENT_KEY_EXCHANGE, NULL);
}

/* Main mode 6: the peer's identity and HASH_R. */
static void sixth_message(struct ike_initiator *i, const struct datagram *d)
{
	const struct ike_key_inputs inputs = key_inputs(i, NULL);
	struct association *a = i->pending;
	size_t size = digest_bytes(a->keys.suite.hash);
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
	uint8_t plain[PACKET_BYTES_MAX];
	uint8_t expected[DIGEST_BYTES_MAX];
	struct payloads payloads;

	memcpy(iv, a->iv, sizeof(iv));
	if (message_open(&a->keys, &d->header, d->bytes, iv, plain, &payloads) != 0 ||
	    payloads.id_count != 1 || payloads.hash.length != size ||
	    ike_keys_main_mode_hash(&a->keys, a->initiation->skeyid, false, &inputs,
				    &a->initiation->sa_body, &payloads.id[0], expected) != 0 ||
	    !memory_equal_constant_time(expected, payloads.hash.bytes, size))
		return;
	memcpy(a->iv, iv, sizeof(iv));
	step(i, EVENT_PROVED, NULL);
}

void initiation_feed(struct ike_initiator *i, const struct datagram *d)
{
	struct payloads payloads;

	if (i->pending->state == INITIATION_SENT_5) {
		sixth_message(i, d);
		return;
	}
	if ((d->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0 ||
	    payloads_read(d->bytes + ISAKMP_HEADER_BYTES, d->header.length - ISAKMP_HEADER_BYTES,
			  d->header.next_payload, &payloads) != 0)
		return;
	if (i->pending->state == INITIATION_SENT_1)
		second_message(i, d, &payloads);
	else if (i->pending->state == INITIATION_SENT_3)
		fourth_message(i, &payloads);
}

void initiation_job_done(struct ike_initiator *i, const struct ike_initiator_job_result *result)
{
	struct association *a = i->pending;
	struct digest_part secret = {result->secret, result->secret_bytes};
	struct ike_key_inputs inputs;

	if (result->error != 0) {
		initiation_refused(i, CAUSE_ike_protocol_error, 0);
	} else if (a->state == INITIATION_MAKING_PAIR) {
		a->initiation->pair = result->pair;
		step(i, EVENT_PAIR_READY, NULL);
	} else {
		inputs = key_inputs(i, &secret);
		if (ike_keys_derive(&a->keys, &inputs, a->initiation->skeyid) != 0 ||
		    ike_keys_main_mode_iv(&a->keys, &inputs, a->iv) != 0)
			initiation_refused(i, CAUSE_ike_protocol_error, 0);
		else
			step(i, EVENT_SECRET_READY, NULL);
	}
}
