/* SPDX-License-Identifier: BSD-3-Clause */
/* Main mode, the responder's side, with a pre-shared key or signatures (RFC 2409 5.1, 5.4). */

#include "ike/main_mode.h"

#include <stdio.h>

enum main_mode_action {
	ACTION_SEND_2,
	ACTION_SEND_AGGRESSIVE_2,
	ACTION_SEND_4,
	ACTION_ESTABLISH,
	ACTION_SEND_6,
	ACTION_STRIP,
	ACTION_TAKE_NOTIFICATIONS,
	ACTION_REFUSE,
	ACTION_REPORT_FAILURE,
	ACTION_RESEND,
	ACTION_SEND_DELETE,
	ACTION_LEAVE_PEER,
	ACTION_LINGER,
	ACTION_BURY,
};

#define DO(action) (1U << ACTION_##action)

static const char *const state_names[MAIN_MODE_STATES] = {
	"start",     "sent main mode 2",
	"computing", "sent main mode 4",
	"verifying", "established",
	"lingering", "refused",
	"computing", "sent aggressive mode 2",
	"gone",
};

static const char *const event_names[EVENTS] = {
	"offer",      "offer refused", "key exchange",
	"keys ready", "keys failed",   "signed",
	"postponed",  "authenticated", "authentication failed",
	"duplicate",  "expired",       "evicted",
	"deleted",    "closed",
};

#define CELL(event, state, next_state, what)             \
	[EVENT_##event * MAIN_MODE_STATES + MAIN_MODE_## \
		state] = {.actions = (what), .next = MAIN_MODE_##next_state, .defined = true}

static const struct fsm_cell cells[EVENTS * MAIN_MODE_STATES] = {
	CELL(OFFER, START, SENT_2, DO(SEND_2)),
	CELL(OFFER_REFUSED, START, REFUSED, DO(REFUSE) | DO(REPORT_FAILURE)),
	CELL(KEY_EXCHANGE, SENT_2, COMPUTING, 0),
	CELL(KEYS_READY, COMPUTING, SENT_4, DO(SEND_4)),
	CELL(KEYS_FAILED, COMPUTING, REFUSED, DO(REFUSE) | DO(REPORT_FAILURE)),
	CELL(SIGNED, SENT_4, VERIFYING, 0),
	CELL(POSTPONED, VERIFYING, SENT_4, 0),
	CELL(AUTHENTICATED, VERIFYING, ESTABLISHED,
	     DO(ESTABLISH) | DO(SEND_6) | DO(TAKE_NOTIFICATIONS)),
	CELL(AUTHENTICATION_FAILED, VERIFYING, SENT_4, DO(REFUSE) | DO(REPORT_FAILURE)),
	CELL(EXPIRED, VERIFYING, GONE, DO(REPORT_FAILURE) | DO(BURY)),
	CELL(AUTHENTICATED, SENT_4, ESTABLISHED,
	     DO(ESTABLISH) | DO(SEND_6) | DO(TAKE_NOTIFICATIONS)),
	CELL(AUTHENTICATION_FAILED, SENT_4, SENT_4, DO(REFUSE) | DO(REPORT_FAILURE)),
	CELL(KEY_EXCHANGE, START, AGGRESSIVE_COMPUTING, 0),
	CELL(KEYS_READY, AGGRESSIVE_COMPUTING, AGGRESSIVE_SENT_2, DO(SEND_AGGRESSIVE_2)),
	CELL(KEYS_FAILED, AGGRESSIVE_COMPUTING, REFUSED, DO(REFUSE) | DO(REPORT_FAILURE)),
	CELL(AUTHENTICATED, AGGRESSIVE_SENT_2, ESTABLISHED,
	     DO(ESTABLISH) | DO(STRIP) | DO(TAKE_NOTIFICATIONS)),
	CELL(AUTHENTICATION_FAILED, AGGRESSIVE_SENT_2, AGGRESSIVE_SENT_2,
	     DO(REFUSE) | DO(REPORT_FAILURE)),
	CELL(DUPLICATE, AGGRESSIVE_COMPUTING, AGGRESSIVE_COMPUTING, 0),
	CELL(DUPLICATE, AGGRESSIVE_SENT_2, AGGRESSIVE_SENT_2, DO(RESEND)),
	CELL(EXPIRED, AGGRESSIVE_COMPUTING, GONE, DO(REPORT_FAILURE) | DO(BURY)),
	CELL(EXPIRED, AGGRESSIVE_SENT_2, GONE, DO(REPORT_FAILURE) | DO(BURY)),
	CELL(EVICTED, AGGRESSIVE_COMPUTING, GONE, DO(BURY)),
	CELL(EVICTED, AGGRESSIVE_SENT_2, GONE, DO(BURY)),
	CELL(DUPLICATE, SENT_2, SENT_2, DO(RESEND)),
	CELL(DUPLICATE, COMPUTING, COMPUTING, 0),
	CELL(DUPLICATE, SENT_4, SENT_4, DO(RESEND)),
	CELL(DUPLICATE, VERIFYING, VERIFYING, 0),
	CELL(DUPLICATE, ESTABLISHED, ESTABLISHED, DO(RESEND)),
	CELL(DUPLICATE, REFUSED, REFUSED, DO(RESEND)),
	CELL(EXPIRED, SENT_2, GONE, DO(REPORT_FAILURE) | DO(BURY)),
	CELL(EXPIRED, COMPUTING, GONE, DO(REPORT_FAILURE) | DO(BURY)),
	CELL(EXPIRED, SENT_4, GONE, DO(REPORT_FAILURE) | DO(BURY)),
	CELL(EXPIRED, ESTABLISHED, LINGERING, DO(SEND_DELETE) | DO(LEAVE_PEER) | DO(LINGER)),
	CELL(EXPIRED, LINGERING, GONE, DO(BURY)),
	CELL(EXPIRED, REFUSED, GONE, DO(BURY)),
	CELL(EVICTED, SENT_2, GONE, DO(BURY)),
	CELL(EVICTED, REFUSED, GONE, DO(BURY)),
	CELL(DELETED, ESTABLISHED, LINGERING, DO(LEAVE_PEER) | DO(LINGER)),
	CELL(CLOSED, ESTABLISHED, GONE, DO(SEND_DELETE) | DO(BURY)),
	CELL(CLOSED, LINGERING, GONE, DO(BURY)),
};

static void main_mode_act(void *object, unsigned action, const void *argument);

static const struct fsm_table machine = {
	.name = "main mode",
	.states = MAIN_MODE_STATES,
	.events = EVENTS,
	.state_names = state_names,
	.event_names = event_names,
	.cells = cells,
	.act = main_mode_act,
};

void main_mode_step(struct sa *sa, enum main_mode_event event, const struct main_mode_input *input)
{
	ike_step_machine(sa->ike, &machine, &sa->state, event, sa, input);
}

const char *main_mode_state_name(uint8_t state)
{
	return state_names[state];
}

static void report_failure_once(struct sa *sa, const struct main_mode_input *input)
{
	const struct failure failure = {input->verdict.cause, input->detail, input->offered,
					input->accepted};

	if (sa->main_mode->failure_reported)
		return;
	sa->main_mode->failure_reported = true;
	report_failure(sa, &failure);
}

static void peer_up_report(const struct sa *sa, const struct digest_part *id)
{
	struct ike_event *event = report_event(sa->ike, IKE_PEER_UP, sa, NULL, 0);
	struct identification identification;

	event->peer_up.path = *sa_path(sa);
	event->peer_up.peer_behind_nat = sa->peer_behind_nat;
	event->peer_up.local_behind_nat = sa->local_behind_nat;
	event->peer_up.encapsulated = sa->encapsulated;
	event->peer_up.identity_hash =
		table_hash(&sa->ike->hash_key, id->bytes, id->length) + sa->main_mode->key;
	snprintf(event->peer_up.key, sizeof(event->peer_up.key), "%s", main_mode_key_name(sa));
	if (identification_read(id, &identification) == 0)
		identification_text(&identification, event->peer_up.identity,
				    sizeof(event->peer_up.identity));
	snprintf(event->peer_up.profile, sizeof(event->peer_up.profile), "%s",
		 vendor_profile_name(sa->main_mode->vendor.profile));
	ike_suite_text(&sa->keys.suite, event->peer_up.proposal, sizeof(event->peer_up.proposal));
}

static void establish(struct sa *sa, const struct main_mode_input *input)
{
	const struct digest_part *id = &input->id_i;
	struct ike *ike = sa->ike;

	sa_half_open_ended(sa);
	sa->established_ms = ike->now_ms;
	ike_count(ike, IKE_COUNTER_main_modes);
	if (peer_join(sa, id))
		peer_up_report(sa, id);
	else
		peer_heard(sa->peer, &sa->main_mode->path);
}

/* The last message came from the peer: a repeated one gets no answer. */
static void answer_forget(struct reply *reply)
{
	uint64_t request_hash = reply->request_hash;

	reply_free(reply);
	reply->request_hash = request_hash;
}

static void main_mode_act(void *object, unsigned action, const void *argument)
{
	struct sa *sa = object;
	const struct main_mode_input *input = argument;

	switch (action) {
	case ACTION_SEND_2:
		message_main_mode_2(sa);
		break;
	case ACTION_SEND_AGGRESSIVE_2:
		message_aggressive_mode_2(sa);
		break;
	case ACTION_SEND_4:
		message_main_mode_4(sa);
		break;
	case ACTION_ESTABLISH:
		establish(sa, input);
		break;
	case ACTION_SEND_6:
		message_main_mode_6(sa, &input->id_r, &input->proof_r);
		main_mode_strip(sa->main_mode);
		break;
	case ACTION_STRIP:
		answer_forget(&sa->main_mode->reply);
		main_mode_strip(sa->main_mode);
		break;
	case ACTION_TAKE_NOTIFICATIONS:
		if (input->initial_contact)
			report_event(sa->ike, IKE_PEER_INITIAL_CONTACT, sa, NULL, 0);
		break;
	case ACTION_REFUSE:
		message_main_mode_refusal(sa, input->verdict.wire_code);
		break;
	case ACTION_REPORT_FAILURE:
		report_failure_once(sa, input);
		break;
	case ACTION_RESEND:
		message_main_mode_resend(sa, input->packet->path);
		break;
	case ACTION_SEND_DELETE: {
		uint8_t cookies[16];

		sa_cookies(sa, cookies);
		message_delete(sa, ISAKMP_PROTOCOL_ISAKMP, sizeof(cookies), cookies, 1);
		break;
	}
	case ACTION_LEAVE_PEER:
		peer_leave(sa, input->verdict.cause);
		break;
	case ACTION_LINGER:
		deadline_set(&sa->ike->deadlines, &sa->deadline,
			     sa->ike->now_ms + QUICK_MODE_KEPT_MS);
		break;
	case ACTION_BURY:
		sa_bury(sa);
		break;
	}
}

/*
 * A main mode stays at the address of ours that it began at: what was chosen for one listener must not
 * serve another. And our larger answers in clear go to nobody who never asked. What is encrypted may come
 * from elsewhere: there are NATs that give UDP 500 and 4500 different addresses.
 */
bool main_mode_between_the_same(const struct main_mode *mode, const struct packet *packet)
{
	return endpoint_same_address(&mode->path.local, &packet->path->local) &&
	       ((packet->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0 ||
		endpoint_same_address(&mode->first_remote, &packet->path->remote));
}

void main_mode_feed(struct ike *ike, const struct packet *packet)
{
	struct main_mode_input input = {.packet = packet};
	struct sa *sa;

	if (packet->header.message_id != 0) {
		ike_count(ike, IKE_COUNTER_malformed);
		return;
	}
	if (packet->header.responder_cookie == 0) {
		main_mode_first_message(ike, packet);
		return;
	}
	sa = sa_find(ike, packet->header.initiator_cookie, packet->header.responder_cookie);
	if (sa == NULL) {
		ike_count(ike, IKE_COUNTER_unknown_cookie);
		return;
	}
	if (sa->main_mode != NULL && !main_mode_between_the_same(sa->main_mode, packet)) {
		ike_count(ike, IKE_COUNTER_unexpected);
		return;
	}
	if (sa->main_mode != NULL && sa->main_mode->reply.request_hash == packet->hash) {
		main_mode_duplicate(sa, &input);
	} else if (sa->state == MAIN_MODE_SENT_2) {
		main_mode_third_message(sa, packet);
	} else if (sa->state == MAIN_MODE_SENT_4) {
		main_mode_fifth_message(sa, packet);
	} else {
		ike_count(ike, IKE_COUNTER_unexpected);
	}
}

/* The peer said no more: which message of ours it did not answer, and what is known about it. */
static enum cause silence(const struct sa *sa, char *detail, size_t size)
{
	const struct main_mode *mode = sa->main_mode;
	bool second = sa->state == MAIN_MODE_SENT_2;
	const char *ours = mode->aggressive ? "aggressive mode 2"
			   : second         ? "main mode 2"
					    : "main mode 4";
	const char *its = mode->aggressive ? "aggressive mode 1"
			  : second         ? "main mode 1"
					   : "main mode 3";
	char name[NOTIFICATION_NAME_BYTES];

	if (sa->state == MAIN_MODE_COMPUTING || sa->state == MAIN_MODE_VERIFYING ||
	    sa->state == MAIN_MODE_AGGRESSIVE_COMPUTING) {
		snprintf(detail, size, "our part of the key exchange took longer than %u s",
			 sa->ike->config.half_open_ms / 1000);
		return CAUSE_key_exchange_slow;
	}
	if (mode->refusal != 0) {
		snprintf(detail, size, "after our %s it sent %s in clear and then nothing", ours,
			 notification_name(mode->refusal, name));
		return notification_cause(mode->refusal);
	}
	if (mode->duplicates != 0)
		snprintf(detail, size, "it repeated %s %u times: our answer does not reach it", its,
			 mode->duplicates);
	else
		snprintf(detail, size, "it got our %s, or that was lost, and sent nothing more",
			 ours);
	if (mode->aggressive)
		return CAUSE_silent_after_aggressive_mode_2;
	if (second)
		return CAUSE_silent_after_main_mode_2;
	return sa->local_behind_nat && !mode->peer_hash_faked ? CAUSE_nat_server_refused
							      : CAUSE_silent_after_main_mode_4;
}

void main_mode_expired(struct sa *sa)
{
	struct main_mode_input input = {
		.verdict = {VERDICT_IGNORE, 0, CAUSE_no_security_association},
	};
	char detail[128];

	if (sa->state == MAIN_MODE_ESTABLISHED && sa->main_mode != NULL) {
		sa_grow_up(sa);
		return;
	}
	if (sa->state != MAIN_MODE_ESTABLISHED && sa->main_mode != NULL) {
		input.verdict.cause = silence(sa, detail, sizeof(detail));
		input.detail = detail;
	}
	main_mode_step(sa, EVENT_EXPIRED, &input);
}

void main_mode_evict(struct sa *sa)
{
	main_mode_step(sa, EVENT_EVICTED, NULL);
}

void main_mode_deleted(struct sa *sa)
{
	const struct main_mode_input input = {.verdict = {VERDICT_IGNORE, 0, CAUSE_peer_request}};

	main_mode_step(sa, EVENT_DELETED, &input);
}

void main_mode_closed(struct sa *sa)
{
	main_mode_step(sa, EVENT_CLOSED, NULL);
}
