/* SPDX-License-Identifier: BSD-3-Clause */
/* Quick mode, the responder's side (RFC 2409 5.5). */

#include "base/memory.h"
#include "base/writer.h"
#include "ike/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_RETRANSMISSION_MS 2000
#define RETRANSMISSIONS         3

enum quick_mode_state {
	QUICK_MODE_START,
	QUICK_MODE_COMPUTING,
	QUICK_MODE_SENT_2,
	QUICK_MODE_REFUSED,
	QUICK_MODE_GONE,
	QUICK_MODE_STATES
};

enum quick_mode_event {
	EVENT_OFFER_WITH_KEY_EXCHANGE,
	EVENT_ANSWER_READY,
	EVENT_ANSWER_REFUSED,
	EVENT_CONFIRMED, /* by quick mode 3 */
	EVENT_USED,      /* by the first packet */
	EVENT_DUPLICATE,
	EVENT_UNANSWERED,
	EVENT_EXPIRED,
	EVENTS
};

enum quick_mode_action {
	ACTION_SEND_2,
	ACTION_REFUSE,
	ACTION_REPORT_FAILURE,
	ACTION_CONFIRM,
	ACTION_RESEND,
	ACTION_SEND_2_AGAIN,
	ACTION_ARM_RETRANSMISSION,
	ACTION_ARM_COMPUTING,
	ACTION_ARM_KEPT,
	ACTION_END_CHILD,
	ACTION_BURY,
};

#define DO(action) (1U << ACTION_##action)

struct quick_mode_input {
	const struct packet *packet;
	struct verdict verdict;
	const char *detail; /* readable or NULL, like the next two */
	const char *offered;
	const char *accepted;
};

static const char *const state_names[QUICK_MODE_STATES] = {
	"start", "computing", "sent quick mode 2", "refused", "gone",
};

static const char *const event_names[EVENTS] = {
	"offer with key exchange",
	"answer ready",
	"answer refused",
	"confirmed",
	"used",
	"duplicate",
	"unanswered",
	"expired",
};

#define CELL(event, state, next_state, what)               \
	[EVENT_##event * QUICK_MODE_STATES + QUICK_MODE_## \
		state] = {.actions = (what), .next = QUICK_MODE_##next_state, .defined = true}

static const struct fsm_cell cells[EVENTS * QUICK_MODE_STATES] = {
	CELL(OFFER_WITH_KEY_EXCHANGE, START, COMPUTING, DO(ARM_COMPUTING)),
	CELL(ANSWER_READY, START, SENT_2, DO(SEND_2) | DO(ARM_RETRANSMISSION)),
	CELL(ANSWER_READY, COMPUTING, SENT_2, DO(SEND_2) | DO(ARM_RETRANSMISSION)),
	CELL(ANSWER_REFUSED, START, REFUSED, DO(REFUSE) | DO(REPORT_FAILURE) | DO(ARM_KEPT)),
	CELL(ANSWER_REFUSED, COMPUTING, REFUSED, DO(REFUSE) | DO(REPORT_FAILURE) | DO(ARM_KEPT)),
	CELL(CONFIRMED, SENT_2, GONE, DO(CONFIRM) | DO(BURY)),
	CELL(USED, SENT_2, GONE, DO(CONFIRM) | DO(BURY)),
	CELL(DUPLICATE, COMPUTING, COMPUTING, 0),
	CELL(DUPLICATE, SENT_2, SENT_2, DO(RESEND)),
	CELL(DUPLICATE, REFUSED, REFUSED, DO(RESEND)),
	CELL(UNANSWERED, SENT_2, SENT_2, DO(SEND_2_AGAIN) | DO(ARM_RETRANSMISSION)),
	CELL(EXPIRED, COMPUTING, GONE, DO(REPORT_FAILURE) | DO(BURY)),
	CELL(EXPIRED, SENT_2, GONE, DO(REPORT_FAILURE) | DO(END_CHILD) | DO(BURY)),
	CELL(EXPIRED, REFUSED, GONE, DO(BURY)),
};

static void quick_mode_act(void *object, unsigned action, const void *argument);

static const struct fsm_table machine = {
	.name = "quick mode",
	.states = QUICK_MODE_STATES,
	.events = EVENTS,
	.state_names = state_names,
	.event_names = event_names,
	.cells = cells,
	.act = quick_mode_act,
};

static void step(struct quick_mode *qm, enum quick_mode_event event,
		 const struct quick_mode_input *input)
{
	ike_step_machine(qm->sa->ike, &machine, &qm->state, event, qm, input);
}

static void offer_free(struct quick_offer *offer)
{
	if (offer == NULL)
		return;
	part_free(&offer->transform);
	part_free(&offer->id[0]);
	part_free(&offer->id[1]);
	part_free(&offer->public_i);
	memory_wipe(offer, sizeof(*offer));
	free(offer);
}

static void quick_mode_release(void *object)
{
	struct quick_mode *qm = object;

	offer_free(qm->offer);
	part_free(&qm->nonce_i);
	reply_free(&qm->reply);
	memory_wipe(qm, sizeof(*qm));
	free(qm);
}

void quick_mode_bury(struct quick_mode *qm)
{
	struct ike *ike = qm->sa->ike;

	if (qm->dead)
		return;
	qm->dead = true;
	if (qm->child != NULL && !qm->child->confirmed)
		child_end(qm->child);
	if (qm->child != NULL)
		qm->child->quick_mode = NULL;
	job_drop(ike, qm->job);
	deadline_clear(&ike->deadlines, &qm->deadline);
	LIST_REMOVE(qm, in_sa);
	qm->sa->quick_mode_count--;
	ike->quick_mode_count--;
	ike_bury(ike, qm, quick_mode_release);
}

static void deadline_in(struct quick_mode *qm, uint64_t after_ms)
{
	struct ike *ike = qm->sa->ike;

	deadline_set(&ike->deadlines, &qm->deadline, ike->now_ms + after_ms);
}

static void confirm(struct quick_mode *qm)
{
	ike_count(qm->sa->ike, IKE_COUNTER_quick_modes);
	part_free(&qm->nonce_i);
	memory_wipe(qm->nonce_r, sizeof(qm->nonce_r));
	if (qm->child != NULL)
		child_confirm(qm->child);
}

static void failed(struct quick_mode *qm, const struct quick_mode_input *input)
{
	const struct failure failure = {input->verdict.cause, input->detail, input->offered,
					input->accepted};

	report_failure(qm->sa, &failure);
	if (qm->sa->peer == NULL || qm->sa->peer->had_child)
		return;
	qm->sa->peer->failure_reported = true;
	qm->sa->peer->last_cause = (uint8_t)failure.cause;
}

static void quick_mode_act(void *object, unsigned action, const void *argument)
{
	struct quick_mode *qm = object;
	const struct quick_mode_input *input = argument;

	switch (action) {
	case ACTION_SEND_2:
		message_quick_mode_2(qm, qm->child->spi_in);
		offer_free(qm->offer);
		qm->offer = NULL;
		break;
	case ACTION_REFUSE:
		message_quick_mode_refusal(qm, input->verdict.wire_code);
		break;
	case ACTION_REPORT_FAILURE:
		failed(qm, input);
		break;
	case ACTION_CONFIRM:
		confirm(qm);
		break;
	case ACTION_RESEND:
		message_quick_mode_resend(qm, input->packet->path, false);
		break;
	case ACTION_SEND_2_AGAIN:
		qm->retransmissions++;
		message_quick_mode_resend(
			qm, qm->sa->peer != NULL ? &qm->sa->peer->path : &qm->path, true);
		break;
	case ACTION_ARM_RETRANSMISSION:
		deadline_in(qm, (uint64_t)FIRST_RETRANSMISSION_MS << qm->retransmissions);
		break;
	case ACTION_ARM_COMPUTING:
		deadline_in(qm, qm->sa->ike->config.half_open_ms);
		break;
	case ACTION_ARM_KEPT:
		deadline_in(qm, QUICK_MODE_KEPT_MS);
		break;
	case ACTION_END_CHILD:
		if (qm->child != NULL)
			child_end(qm->child);
		break;
	case ACTION_BURY:
		quick_mode_bury(qm);
		break;
	}
}

static struct esp_policy policy_of(const struct sa *sa, const struct packet *packet,
				   const struct payloads *payloads)
{
	bool floated = packet->path->local.port == ISAKMP_PORT_NAT_T;

	return (struct esp_policy){
		.compatibility = sa->ike->config.compatibility,
		.plain_allowed = !sa->encapsulated,
		.encapsulated_allowed =
			sa->nat_version != NAT_VERSION_NONE && (sa->encapsulated || floated),
		.key_exchange_bytes = payloads->key_exchange.length,
	};
}

static struct quick_mode *quick_mode_new(struct sa *sa, const struct packet *packet)
{
	struct quick_mode *qm = memory_new(sizeof(*qm));

	qm->sa = sa;
	qm->message_id = packet->header.message_id;
	qm->path = *packet->path;
	qm->reply.request_hash = packet->hash;
	qm->state = QUICK_MODE_START;
	qm->deadline.kind = DEADLINE_QUICK_MODE;
	LIST_INSERT_HEAD(&sa->quick_modes, qm, in_sa);
	sa->quick_mode_count++;
	sa->ike->quick_mode_count++;
	return qm;
}

#define ID_HEADER_BYTES 4 /* type, protocol, port (RFC 2407 4.6.2) */

/* IDci without its port, and the first NAT-OA, which is the peer's own address. */
static uint64_t inner_of(const struct ike *ike, const struct payloads *payloads)
{
	uint8_t key[2 * (ID_BYTES_MAX + 1)] = {0};
	struct writer w = writer_over(key, sizeof(key));

	if (payloads->id_count != 0 && payloads->id[0].length >= ID_HEADER_BYTES) {
		const uint8_t *id = payloads->id[0].bytes;

		writer_u8(&w, id[0]);
		writer_bytes(&w, id + ID_HEADER_BYTES, payloads->id[0].length - ID_HEADER_BYTES);
	}
	if (payloads->nat_oa_count != 0)
		writer_bytes(&w, payloads->nat_oa[0].bytes, payloads->nat_oa[0].length);
	return table_hash(&ike->hash_key, key, sizeof(key));
}

static struct quick_offer *offer_new(const struct payloads *payloads, const struct esp_choice *esp,
				     const struct proposal_choice *choice,
				     const struct identification ids[2])
{
	struct quick_offer *offer = memory_new(sizeof(*offer));

	offer->esp = *esp;
	offer->proposal_number = choice->number;
	offer->transform =
		part_copy(&(struct digest_part){choice->transform, choice->transform_bytes});
	offer->id_count = payloads->id_count;
	for (size_t i = 0; i < payloads->id_count; i++)
		offer->id[i] = part_copy(&payloads->id[i]);
	offer->nat_oa_count = payloads->nat_oa_count;
	if (payloads->id_count == 2) {
		offer->peer_port = ids[0].port;
		offer->local_port = ids[1].port;
	}
	return offer;
}

static void refuse(struct quick_mode *qm, uint16_t wire_code, const struct failure *why)
{
	const struct quick_mode_input input = {
		.verdict = {VERDICT_PEER_FAULT, wire_code, why->cause},
		.detail = why->detail,
		.offered = why->offered,
		.accepted = why->accepted,
	};

	step(qm, EVENT_ANSWER_REFUSED, &input);
}

/* Both directions' keys into `event`; its SPIs are set. */
static int child_keys(const struct quick_mode *qm, struct ike_event *event)
{
	const struct quick_offer *offer = qm->offer;
	const struct digest_part secret = {offer->shared_secret, offer->shared_bytes};
	const struct digest_part nonce_r = {qm->nonce_r, sizeof(qm->nonce_r)};
	const struct ike_keys *keys = &qm->sa->keys;
	int error = ike_keys_esp(keys, &offer->esp.suite, event->child_add.spi_in, &secret,
				 &qm->nonce_i, &nonce_r, &event->child_add.keys_in);

	return error != 0 ? error
			  : ike_keys_esp(keys, &offer->esp.suite, event->child_add.spi_out, &secret,
					 &qm->nonce_i, &nonce_r, &event->child_add.keys_out);
}

/* Makes the child and reports it, then answers: the inbound SA stands before quick mode 2 leaves.
 */
static void answer(struct quick_mode *qm)
{
	const struct quick_offer *offer = qm->offer;
	struct ike *ike = qm->sa->ike;
	uint32_t spi_in = ike->host.spi_reserve(ike->host.context, qm->sa->peer->name);
	struct ike_event add = {.kind = IKE_CHILD_ADD};
	struct ike_event *event;

	if (spi_in == 0) {
		refuse(qm, ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN,
		       &(struct failure){CAUSE_no_room_for_child, .detail = "no SPI is free"});
		return;
	}
	random_fill(&ike->host.random, qm->nonce_r, sizeof(qm->nonce_r));
	add.child_add.spi_in = spi_in;
	add.child_add.spi_out = offer->esp.spi;
	if (child_keys(qm, &add) != 0) {
		ike_count(ike, IKE_COUNTER_own_fault);
		ike->host.spi_release(ike->host.context, spi_in);
		memory_wipe(&add, sizeof(add));
		refuse(qm, ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN,
		       &(struct failure){CAUSE_no_room_for_child,
					 .detail = "its keys could not be computed"});
		return;
	}
	event = report_event(ike, IKE_CHILD_ADD, qm->sa, NULL, 0);
	event->child_add = add.child_add;
	event->child_add.encapsulated = offer->esp.encapsulated;
	event->child_add.path = qm->path;
	event->child_add.inner = offer->inner;
	event->child_add.peer_port = offer->peer_port;
	event->child_add.local_port = offer->local_port;
	event->child_add.lifetime_ms = offer->esp.lifetime_ms;
	event->child_add.lifetime_bytes = offer->esp.lifetime_bytes;
	memory_wipe(&add, sizeof(add));
	child_new(qm, spi_in, offer->esp.lifetime_ms);
	step(qm, EVENT_ANSWER_READY, NULL);
}

/* An acceptable offer: answer, or compute first. -EAGAIN when it cannot be computed now. */
static int offer_accept(struct quick_mode *qm, const struct payloads *payloads)
{
	int error;

	qm->nonce_i = part_copy(&payloads->nonce);
	if (qm->offer->esp.group == 0) {
		answer(qm);
		return 0;
	}
	error = job_start(qm->sa->ike, NULL, qm, &qm->path.remote, qm->offer->esp.group,
			  &payloads->key_exchange);
	if (error == 0)
		step(qm, EVENT_OFFER_WITH_KEY_EXCHANGE, NULL);
	return error;
}

void quick_mode_key_exchange_done(struct quick_mode *qm, const struct key_exchange_result *result)
{
	struct quick_offer *offer = qm->offer;

	if (result->error == -EBUSY) {
		refuse(qm, ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN,
		       &(struct failure){CAUSE_too_many_key_exchanges,
					 .detail = "the queue of public-key work is full"});
		return;
	}
	if (result->error != 0 || result->public_bytes > sizeof(offer->public_r) ||
	    result->shared_bytes > sizeof(offer->shared_secret)) {
		refuse(qm, ISAKMP_NOTIFY_INVALID_KEY_INFORMATION,
		       &(struct failure){CAUSE_bad_public_value,
					 .detail =
						 "its value in quick mode 1 is not in the group"});
		return;
	}
	memcpy(offer->public_r, result->public_value, result->public_bytes);
	memcpy(offer->shared_secret, result->shared_secret, result->shared_bytes);
	offer->public_r_bytes = result->public_bytes;
	offer->shared_bytes = result->shared_bytes;
	answer(qm);
}

/* None of the proposals is allowed. */
static void offer_refuse(struct quick_mode *qm, const struct digest_part *sa,
			 const struct esp_policy *policy)
{
	char offered[PROPOSAL_OFFER_TEXT_BYTES];
	struct proposal_refusal refusal;

	proposal_refusal_esp(sa, policy, &refusal);
	proposal_offer_text_esp(sa, offered, sizeof(offered));
	refuse(qm, ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN,
	       &(struct failure){refusal.cause, refusal.detail, offered,
				 proposal_accept_text_esp(policy->compatibility)});
}

/* Quick mode 1 whose hash is right. -EAGAIN: forget that it came. */
static int offer_take(struct quick_mode *qm, const struct packet *packet,
		      const struct payloads *payloads)
{
	const struct esp_policy policy = policy_of(qm->sa, packet, payloads);
	struct identification ids[2] = {0};
	struct proposal_choice choice;
	struct esp_choice esp;
	char offered[PROPOSAL_OFFER_TEXT_BYTES];
	int error = proposal_choose_esp(&payloads->sa, &policy, &esp, &choice);

	if (error == -EBADMSG) {
		ike_count(qm->sa->ike, IKE_COUNTER_malformed);
		return error;
	}
	if (error != 0) {
		offer_refuse(qm, &payloads->sa, &policy);
		return 0;
	}
	if (!selectors_accept(payloads, ids)) {
		selectors_text(payloads, offered, sizeof(offered));
		refuse(qm, ISAKMP_NOTIFY_INVALID_ID_INFORMATION,
		       &(struct failure){CAUSE_bad_quick_mode_selector, offered, offered,
					 "protocol 17 (UDP), our port 1701 or any"});
		return 0;
	}
	qm->offer = offer_new(payloads, &esp, &choice, ids);
	qm->offer->inner = inner_of(qm->sa->ike, payloads);
	return offer_accept(qm, payloads);
}

/* Room for one more: the oldest that is done goes. */
static bool room_make(struct sa *sa)
{
	struct quick_mode *oldest = NULL;
	struct quick_mode *qm;

	if (sa->quick_mode_count < QUICK_MODES_PER_SA)
		return true;
	LIST_FOREACH(qm, &sa->quick_modes, in_sa)
	if (qm->state == QUICK_MODE_REFUSED)
		oldest = qm;
	if (oldest != NULL)
		quick_mode_bury(oldest);
	return oldest != NULL;
}

static void first_message(struct sa *sa, const struct packet *packet)
{
	uint32_t message_id = packet->header.message_id;
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
	uint8_t plain[PACKET_BYTES_MAX];
	struct payloads payloads;
	struct quick_mode *qm;
	char selectors[96];

	if (ike_keys_exchange_iv(&sa->keys, sa->iv, message_id, iv) != 0 ||
	    message_open(&sa->keys, &packet->header, packet->bytes, iv, plain, &payloads) != 0 ||
	    !message_hash_right(&sa->keys, message_id, NULL, &payloads)) {
		ike_count(sa->ike, IKE_COUNTER_bad_hash);
		return;
	}
	peer_heard(sa->peer, packet->path);
	if (payloads.sa.bytes == NULL || payloads.nonce.length < NONCE_BYTES_MIN ||
	    payloads.nonce.length > NONCE_BYTES_MAX) {
		ike_count(sa->ike, IKE_COUNTER_malformed);
		return;
	}
	if (!room_make(sa)) {
		ike_count(sa->ike, IKE_COUNTER_too_many_quick_modes);
		return;
	}
	qm = quick_mode_new(sa, packet);
	memcpy(qm->iv, iv, sizeof(iv));
	selectors_text(&payloads, selectors, sizeof(selectors));
	report_step(sa, packet->path, true, "quick mode 1", "offers %u proposals for %s%s",
		    proposal_transforms(&payloads.sa), selectors,
		    payloads.nat_oa_count != 0 ? ", with its original addresses" : "");
	if (offer_take(qm, packet, &payloads) == 0)
		sa_message_id_remember(sa, message_id);
	else
		quick_mode_bury(qm);
}

static void third_message(struct quick_mode *qm, const struct packet *packet)
{
	const struct quick_mode_input input = {.packet = packet};
	const struct digest_part nonce_r = {qm->nonce_r, sizeof(qm->nonce_r)};
	struct sa *sa = qm->sa;
	size_t size = digest_bytes(sa->keys.suite.hash);
	uint8_t iv[IKE_BLOCK_BYTES_MAX];
	uint8_t plain[PACKET_BYTES_MAX];
	uint8_t expected[DIGEST_BYTES_MAX];
	struct payloads payloads;

	memcpy(iv, qm->iv, sizeof(iv));
	if (message_open(&sa->keys, &packet->header, packet->bytes, iv, plain, &payloads) != 0 ||
	    payloads.first != ISAKMP_PAYLOAD_HASH || payloads.hash.length != size ||
	    message_hash_3(&sa->keys, qm->message_id, &qm->nonce_i, &nonce_r, expected) != 0 ||
	    !memory_equal_constant_time(expected, payloads.hash.bytes, size)) {
		ike_count(sa->ike, IKE_COUNTER_bad_hash);
		return;
	}
	peer_heard(sa->peer, packet->path);
	report_step(sa, packet->path, true, "quick mode 3", "confirms");
	step(qm, EVENT_CONFIRMED, &input);
}

void quick_mode_feed(struct sa *sa, const struct packet *packet)
{
	const struct quick_mode_input input = {.packet = packet};
	struct ike *ike = sa->ike;
	struct quick_mode *qm;

	LIST_FOREACH(qm, &sa->quick_modes, in_sa)
	if (qm->message_id == packet->header.message_id)
		break;
	if (qm == NULL && sa_message_id_known(sa, packet->header.message_id)) {
		ike_count(ike, IKE_COUNTER_replayed);
	} else if (qm == NULL && sa->state == MAIN_MODE_ESTABLISHED) {
		first_message(sa, packet);
	} else if (qm == NULL) {
		ike_count(ike, IKE_COUNTER_unexpected);
	} else if (packet->hash == qm->reply.request_hash) {
		ike_count(ike, IKE_COUNTER_duplicate);
		step(qm, EVENT_DUPLICATE, &input);
	} else if (qm->state == QUICK_MODE_SENT_2) {
		third_message(qm, packet);
	} else {
		ike_count(ike, IKE_COUNTER_unexpected);
	}
}

void quick_mode_used(struct quick_mode *qm)
{
	step(qm, EVENT_USED, NULL);
}

/* What a quick mode that did not come to its end died of. */
static enum cause silence(const struct quick_mode *qm, char *detail, size_t size)
{
	const struct peer *peer = qm->sa->peer;
	char name[NOTIFICATION_NAME_BYTES];

	if (qm->state == QUICK_MODE_COMPUTING) {
		snprintf(detail, size, "our part of the key exchange took longer than %u s",
			 qm->sa->ike->config.half_open_ms / 1000);
		return CAUSE_key_exchange_slow;
	}
	if (peer != NULL && peer->refusal != 0) {
		snprintf(detail, size, "after our quick mode 2 it sent %s",
			 notification_name(peer->refusal, name));
		return notification_cause(peer->refusal);
	}
	snprintf(detail, size, "quick mode 2 was sent %u times", 1U + qm->retransmissions);
	return CAUSE_silent_after_quick_mode_2;
}

void quick_mode_due(struct quick_mode *qm)
{
	struct quick_mode_input input = {.verdict = {VERDICT_IGNORE, 0, CAUSE_none}};
	bool again = qm->state == QUICK_MODE_SENT_2 && qm->retransmissions < RETRANSMISSIONS;
	char detail[128];

	if (!again) {
		input.verdict.cause = silence(qm, detail, sizeof(detail));
		input.detail = detail;
	}
	step(qm, again ? EVENT_UNANSWERED : EVENT_EXPIRED, &input);
}
