/* SPDX-License-Identifier: BSD-3-Clause */
/* Main mode, the responder's side, with a pre-shared key or signatures (RFC 2409 5.1, 5.4). */

#include "base/memory.h"
#include "ike/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PROOFS_MAX 3 /* signatures verified for one main mode: each costs a computation */

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

enum main_mode_action {
	ACTION_SEND_2,
	ACTION_SEND_4,
	ACTION_ESTABLISH,
	ACTION_SEND_6,
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

static const char *const state_names[MAIN_MODE_STATES] = {
	"start",     "sent main mode 2", "computing", "sent main mode 4",
	"verifying", "established",      "lingering", "refused",
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

static void step(struct sa *sa, enum main_mode_event event, const struct main_mode_input *input)
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

/* INITIAL-CONTACT may stand inside main mode 5. */
static bool initial_contact(const struct payloads *payloads)
{
	struct notification n;

	for (size_t i = 0; i < payloads->notification_count; i++)
		if (notification_read(&payloads->notifications[i], &n) == 0 &&
		    n.type == ISAKMP_NOTIFY_INITIAL_CONTACT)
			return true;
	return false;
}

static void main_mode_act(void *object, unsigned action, const void *argument)
{
	struct sa *sa = object;
	const struct main_mode_input *input = argument;

	switch (action) {
	case ACTION_SEND_2:
		message_main_mode_2(sa);
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

static const struct ike_preshared_key *preshared_key_find(const struct ike *ike,
							  const struct endpoint *local)
{
	const struct ike_listener *listener = listener_find(ike, local);
	bool own = listener != NULL && listener->local.family != ENDPOINT_NONE;
	const struct ike_preshared_key *any = NULL;

	for (size_t i = 0; i < ike->config.preshared_key_count; i++) {
		const struct ike_preshared_key *key = &ike->preshared_keys[i];

		if (key->local.family == ENDPOINT_NONE)
			any = any != NULL ? any : key;
		else if (endpoint_same_address(&key->local, local))
			return key;
	}
	/* An address with a listener of its own does not fall back to everybody's key. */
	return own ? NULL : any;
}

static void offer_keep(struct main_mode *mode, const struct payloads *payloads,
		       const struct proposal_choice *choice)
{
	mode->sa_body = part_copy(&payloads->sa);
	mode->transform =
		part_copy(&(struct digest_part){choice->transform, choice->transform_bytes});
	mode->proposal_number = choice->number;
}

/* Both sides sign in one way: that of our own key. */
static uint32_t method_of(const struct credentials *credentials)
{
	switch (credentials_kind(credentials)) {
	case SIGNATURE_RSA:
		return 1u << IKE_METHOD_RSA_SIGNATURE;
	case SIGNATURE_ECDSA_256:
		return 1u << IKE_METHOD_ECDSA_256;
	case SIGNATURE_ECDSA_384:
		return 1u << IKE_METHOD_ECDSA_384;
	case SIGNATURE_ECDSA_521:
		return 1u << IKE_METHOD_ECDSA_521;
	case SIGNATURE_NONE:
		break;
	}
	return 0;
}

static struct ike_policy policy_of(const struct ike *ike, const struct endpoint *local)
{
	struct ike_policy policy = {.compatibility = ike->config.compatibility};

	if (preshared_key_find(ike, local) != NULL)
		policy.methods |= 1u << IKE_METHOD_PRESHARED_KEY;
	if (listener_credentials(ike, local) != NULL)
		policy.methods |= method_of(listener_credentials(ike, local));
	return policy;
}

static void turn_malformed_away(struct ike *ike, const struct packet *packet, const char *detail)
{
	ike_count(ike, IKE_COUNTER_malformed);
	report_turned_away(ike, packet, TURNED_AWAY_MALFORMED, CAUSE_ike_malformed, detail);
}

/* None of the proposals is allowed. */
static void offer_refuse(struct sa *sa, struct main_mode_input *input,
			 const struct ike_policy *policy)
{
	char offered[PROPOSAL_OFFER_TEXT_BYTES];
	struct proposal_refusal refusal = {CAUSE_no_preshared_key,
					   "no listener with a key has that address"};

	if (policy->methods != 0)
		proposal_refusal_ike(&input->payloads->sa, policy, &refusal);
	proposal_offer_text_ike(&input->payloads->sa, offered, sizeof(offered));
	input->verdict = (struct verdict){VERDICT_PEER_FAULT, ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN,
					  refusal.cause};
	input->detail = refusal.detail;
	input->offered = offered;
	input->accepted = proposal_accept_text_ike(policy->compatibility);
	step(sa, EVENT_OFFER_REFUSED, input);
}

/* Main mode 1, after its payloads were read. */
static void offer_take(struct ike *ike, const struct packet *packet,
		       const struct payloads *payloads)
{
	struct main_mode_input input = {.packet = packet, .payloads = payloads};
	const struct ike_policy policy = policy_of(ike, &packet->path->local);
	struct ike_suite suite = {0};
	struct proposal_choice choice;
	struct sa *sa;
	int error = proposal_choose_ike(&payloads->sa, &policy, &suite, &choice);

	if (error == -EBADMSG) {
		turn_malformed_away(ike, packet, "its proposals do not parse");
		return;
	}
	sa = sa_new(ike, packet);
	if (sa == NULL)
		return;
	sa->main_mode->reply.request_hash = packet->hash;
	if (suite.method == IKE_METHOD_PRESHARED_KEY)
		sa->main_mode->preshared_key = preshared_key_find(ike, &packet->path->local);
	sa->main_mode->vendor = vendor_find(payloads);
	report_step(sa, packet->path, true, "main mode 1", "offers %u proposals, %s, profile %s%s",
		    proposal_transforms(&payloads->sa),
		    nat_version_text(sa->main_mode->vendor.nat_version),
		    vendor_profile_name(sa->main_mode->vendor.profile),
		    sa->main_mode->vendor.version);
	if (error != 0) {
		offer_refuse(sa, &input, &policy);
		return;
	}
	offer_keep(sa->main_mode, payloads, &choice);
	sa->nat_version = (uint8_t)sa->main_mode->vendor.nat_version;
	sa->dead_peer_detection = sa->main_mode->vendor.dead_peer_detection;
	sa->keys.suite = suite;
	step(sa, EVENT_OFFER, &input);
}

static void duplicate(struct sa *sa, const struct main_mode_input *input)
{
	ike_count(sa->ike, IKE_COUNTER_duplicate);
	if (sa->main_mode->duplicates != UINT8_MAX)
		sa->main_mode->duplicates++;
	step(sa, EVENT_DUPLICATE, input);
}

/* A message without responder cookie: the first of an exchange, or its duplicate. */
static void first_message(struct ike *ike, const struct packet *packet)
{
	struct sa *sa =
		sa_find_half_open(ike, packet->header.initiator_cookie, &packet->path->remote);
	struct main_mode_input input = {.packet = packet};
	struct payloads payloads;

	if (sa != NULL && sa->main_mode->reply.request_hash == packet->hash) {
		duplicate(sa, &input);
		return;
	}
	if (sa != NULL) {
		ike_count(ike, IKE_COUNTER_unexpected);
		return;
	}
	if (packet->header.initiator_cookie == 0 ||
	    (packet->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0)
		turn_malformed_away(ike, packet, "its header is not that of a first message");
	else if (payloads_read(packet->bytes + ISAKMP_HEADER_BYTES,
			       packet->length - ISAKMP_HEADER_BYTES, packet->header.next_payload,
			       &payloads) != 0)
		turn_malformed_away(ike, packet, "its payloads do not parse");
	else if (payloads.first != ISAKMP_PAYLOAD_SA || payloads.sa.length > SA_BODY_BYTES_MAX)
		turn_malformed_away(ike, packet, "it does not begin with proposals");
	else
		offer_take(ike, packet, &payloads);
}

void aggressive_mode_refuse(struct ike *ike, const struct packet *packet)
{
	struct main_mode_input input = {
		.packet = packet,
		.verdict = {VERDICT_PEER_FAULT, ISAKMP_NOTIFY_UNSUPPORTED_EXCHANGE_TYPE,
			    CAUSE_aggressive_mode_refused},
		.detail = "it was refused with UNSUPPORTED-EXCHANGE-TYPE",
	};
	struct sa *sa;

	if (packet->header.responder_cookie != 0 || packet->header.initiator_cookie == 0) {
		ike_count(ike, IKE_COUNTER_unknown_cookie);
		return;
	}
	sa = sa_find_half_open(ike, packet->header.initiator_cookie, &packet->path->remote);
	if (sa != NULL) {
		ike_count(ike, IKE_COUNTER_duplicate);
		if (sa->main_mode->reply.request_hash == packet->hash)
			step(sa, EVENT_DUPLICATE, &input);
		return;
	}
	sa = sa_new(ike, packet);
	if (sa == NULL)
		return;
	sa->main_mode->reply.request_hash = packet->hash;
	report_step(sa, packet->path, true, "aggressive mode 1", "is not supported");
	step(sa, EVENT_OFFER_REFUSED, &input);
}

static bool nonce_length_valid(const struct digest_part *nonce)
{
	return nonce->length >= NONCE_BYTES_MIN && nonce->length <= NONCE_BYTES_MAX;
}

static void nat_take(struct sa *sa, const struct packet *packet, const struct payloads *payloads)
{
	const struct ike_path seen = {nat_own_address(sa->ike, &packet->path->local),
				      packet->path->remote};
	bool translated = !endpoint_same_address(&seen.local, &packet->path->local);
	struct main_mode *mode = sa->main_mode;
	struct nat_detection nat;
	uint8_t cookies[16];

	if (sa->nat_version == NAT_VERSION_NONE)
		return;
	sa_cookies(sa, cookies);
	nat = nat_detect(sa->keys.suite.hash, cookies, &seen, payloads);
	/* Windows refuses a server behind a NAT: it is told that it dialled the right address. */
	if (nat.local_behind_nat && mode->vendor.profile == VENDOR_PROFILE_WINDOWS &&
	    payloads->nat_d[0].length == digest_bytes(sa->keys.suite.hash)) {
		mode->nat_d_echo_bytes = (uint8_t)payloads->nat_d[0].length;
		memcpy(mode->nat_d_echo, payloads->nat_d[0].bytes, mode->nat_d_echo_bytes);
	}
	/* A NAT that we hide must still not see bare ESP. */
	mode->peer_hash_faked =
		sa->ike->config.force_encapsulation || translated || mode->nat_d_echo_bytes != 0;
	sa->peer_behind_nat = nat.peer_behind_nat;
	sa->local_behind_nat = nat.local_behind_nat || (nat.nat_d_came && translated);
	sa->encapsulated = nat.nat_d_came &&
			   (nat.peer_behind_nat || sa->local_behind_nat || mode->peer_hash_faked);
}

static const char *nat_text(const struct sa *sa)
{
	if (sa->nat_version == NAT_VERSION_NONE)
		return "no NAT traversal agreed on";
	if (sa->peer_behind_nat)
		return sa->local_behind_nat ? "a NAT in front of both"
					    : "a NAT in front of the peer";
	return sa->local_behind_nat ? "a NAT in front of us" : "no NAT on the way";
}

/* Main mode 3: key exchange and nonce. */
static void third_message(struct sa *sa, const struct packet *packet)
{
	struct main_mode_input input = {.packet = packet};
	uint16_t group = sa->keys.suite.group;
	struct payloads payloads;

	if ((packet->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0 ||
	    payloads_read(packet->bytes + ISAKMP_HEADER_BYTES, packet->length - ISAKMP_HEADER_BYTES,
			  packet->header.next_payload, &payloads) != 0 ||
	    payloads.key_exchange.length != key_exchange_public_bytes(group) ||
	    !nonce_length_valid(&payloads.nonce)) {
		ike_count(sa->ike, IKE_COUNTER_malformed);
		return;
	}
	if (job_start(sa->ike, sa, NULL, &packet->path->remote, group, &payloads.key_exchange) != 0)
		return;
	sa->main_mode->duplicates = 0;
	sa_third_message_came(sa);
	sa->main_mode->path = *packet->path;
	sa->main_mode->reply.request_hash = packet->hash;
	sa->main_mode->nonce_i = part_copy(&payloads.nonce);
	sa->main_mode->public_i = part_copy(&payloads.key_exchange);
	nat_take(sa, packet, &payloads);
	report_step(sa, packet->path, true, "main mode 3", "key exchange; %s", nat_text(sa));
	step(sa, EVENT_KEY_EXCHANGE, &input);
}

void main_mode_key_exchange_done(struct sa *sa, const struct key_exchange_result *result)
{
	struct main_mode_input input = {
		.verdict = {VERDICT_PEER_FAULT, ISAKMP_NOTIFY_INVALID_KEY_INFORMATION,
			    CAUSE_bad_public_value},
		.detail = "its value in main mode 3 is not in the group",
	};

	if (result->error == -EBUSY) {
		input.verdict =
			(struct verdict){VERDICT_OWN_FAULT, ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN,
					 CAUSE_too_many_key_exchanges};
		input.detail = "the queue of public-key work is full";
	}
	step(sa, main_mode_keys_take(sa, result) == 0 ? EVENT_KEYS_READY : EVENT_KEYS_FAILED,
	     &input);
}

static void report_identity(const struct sa *sa, const struct ike_path *path,
			    const struct digest_part *body)
{
	struct identification id;
	char text[128] = "";

	if (identification_read(body, &id) == 0)
		identification_text(&id, text, sizeof(text));
	report_step(sa, path, true, "main mode 5", "the peer is %s and proves it with the %s%s",
		    text, main_mode_signs(sa) ? "key of its certificate" : "pre-shared key",
		    path->local.port == ISAKMP_PORT_NAT_T ? "; on port 4500" : "");
}

/* The peer is authentic: establish with our proof, made already or NULL. */
static void authenticated(struct sa *sa, const struct packet *packet, const struct proof *proof,
			  const struct digest_part *id, const struct digest_part *signature)
{
	struct main_mode_input input = {
		.packet = packet, .id_i = *id, .initial_contact = proof->initial_contact};
	uint8_t hash_r[DIGEST_BYTES_MAX];
	uint8_t id_body[ID_BYTES_MAX];

	if (sa->ike->peers.used >= sa->ike->peers.limit &&
	    peer_find(sa->ike, &proof->path, id) == NULL) {
		ike_count(sa->ike, IKE_COUNTER_too_many_peers);
		report_turned_away(sa->ike, packet, TURNED_AWAY_PEERS, CAUSE_too_many_peers,
				   "max_sessions of them are up");
		if (sa->state == MAIN_MODE_VERIFYING)
			step(sa, EVENT_POSTPONED, &input);
		return;
	}
	if (main_mode_prove(sa, id_body, &input.id_r, hash_r) != 0) {
		ike_count(sa->ike, IKE_COUNTER_own_fault);
		return;
	}
	memcpy(sa->iv, proof->iv, sizeof(sa->iv));
	sa->main_mode->path = proof->path;
	sa->main_mode->reply.request_hash = proof->request_hash;
	input.proof_r = signature != NULL
				? *signature
				: (struct digest_part){hash_r, digest_bytes(sa->keys.suite.hash)};
	report_identity(sa, &proof->path, id);
	step(sa, EVENT_AUTHENTICATED, &input);
}

/* Main mode 5 proves nothing: answered once, since a genuine message may still come. */
static void not_authentic(struct sa *sa, const struct proof *proof, struct main_mode_input *input)
{
	ike_count(sa->ike, IKE_COUNTER_authentication_failed);
	if (sa->main_mode->failure_reported && sa->state != MAIN_MODE_VERIFYING)
		return;
	sa->main_mode->path = proof->path;
	sa->main_mode->reply.request_hash = proof->request_hash;
	report_step(sa, &proof->path, true, "main mode 5", "%s",
		    input->detail[0] != '\0' ? input->detail : cause_text(input->verdict.cause));
	step(sa, EVENT_AUTHENTICATION_FAILED, input);
}

/* A job verifies the signature; main mode 5 is kept meanwhile. */
static void proof_verify(struct sa *sa, const struct packet *packet, const struct proof *proof,
			 const struct payloads *payloads)
{
	struct main_mode_input input = {
		.packet = packet,
		.verdict = {VERDICT_PEER_FAULT, ISAKMP_NOTIFY_INVALID_SIGNATURE,
			    CAUSE_certificate_malformed},
		.detail = "main mode 5 has no identity and signature, or far too long ones",
	};
	struct signature_request *request = main_mode_signature_request(sa, payloads);
	struct main_mode *mode = sa->main_mode;

	if (request == NULL) {
		not_authentic(sa, proof, &input);
		return;
	}
	if (mode->proofs < PROOFS_MAX &&
	    job_start_signature(sa, &packet->path->remote, request) == 0) {
		mode->proofs++;
		free(mode->proof);
		mode->proof = memory_new(sizeof(*mode->proof));
		*mode->proof = *proof;
		step(sa, EVENT_SIGNED, &input);
	}
	signature_request_free(request);
}

static uint16_t refusal_of(enum cause cause)
{
	switch (cause) {
	case CAUSE_certificate_missing:
		return ISAKMP_NOTIFY_CERTIFICATE_UNAVAILABLE;
	case CAUSE_certificate_id_mismatch:
		return ISAKMP_NOTIFY_INVALID_ID_INFORMATION;
	case CAUSE_certificate_signature_wrong:
		return ISAKMP_NOTIFY_INVALID_SIGNATURE;
	case CAUSE_too_many_key_exchanges:
		return ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN;
	default:
		return ISAKMP_NOTIFY_INVALID_CERTIFICATE;
	}
}

void main_mode_signature_done(struct sa *sa, const struct signature_result *result)
{
	const struct digest_part signature = {result->signature, result->signature_bytes};
	const struct packet packet = {.header.initiator_cookie = sa->initiator_cookie,
				      .path = &sa->main_mode->path};
	struct proof *proof = sa->main_mode->proof;
	struct main_mode_input input = {
		.verdict = {VERDICT_PEER_FAULT, refusal_of(result->cause), result->cause},
		.detail = result->detail,
	};
	uint8_t body[ID_BYTES_MAX] = {ISAKMP_ID_DER_ASN1_DN};
	const struct digest_part id = {body, 4U + result->subject_bytes};

	if (proof == NULL || sa->state != MAIN_MODE_VERIFYING) {
		ike_count(sa->ike, IKE_COUNTER_stale_job);
		return;
	}
	sa->main_mode->proof = NULL;
	if (result->cause == CAUSE_none && id.length <= sizeof(body)) {
		memcpy(body + 4, result->subject, result->subject_bytes);
		authenticated(sa, &packet, proof, &id, &signature);
	} else {
		not_authentic(sa, proof, &input);
	}
	free(proof);
}

static void proof_check(struct sa *sa, const struct packet *packet, const struct proof *proof,
			const struct payloads *payloads)
{
	struct main_mode_input input = {
		.packet = packet,
		.verdict = {VERDICT_PEER_FAULT, ISAKMP_NOTIFY_PAYLOAD_MALFORMED,
			    CAUSE_wrong_preshared_key},
		.detail = "main mode 5 decrypts to something without identity and hash",
	};

	if (main_mode_peer_authentic(sa, payloads)) {
		authenticated(sa, packet, proof, &payloads->id[0], NULL);
		return;
	}
	if (payloads->id_count == 1 && payloads->hash.bytes != NULL) {
		/* It has the key: nothing else decrypts. */
		input.verdict.wire_code = ISAKMP_NOTIFY_INVALID_HASH_INFORMATION;
		input.verdict.cause = CAUSE_main_mode_hash_wrong;
		input.detail = "main mode 5 decrypts, but its hash is wrong";
	}
	not_authentic(sa, proof, &input);
}

/* Main mode 5: identity and proof, encrypted. */
static void fifth_message(struct sa *sa, const struct packet *packet)
{
	struct main_mode_input input = {
		.packet = packet,
		.verdict = {VERDICT_PEER_FAULT, ISAKMP_NOTIFY_PAYLOAD_MALFORMED,
			    main_mode_signs(sa) ? CAUSE_main_mode_hash_wrong
						: CAUSE_wrong_preshared_key},
		.detail = "main mode 5 does not decrypt to anything readable",
	};
	struct proof proof = {.path = *packet->path, .request_hash = packet->hash};
	uint8_t plain[PACKET_BYTES_MAX];
	struct payloads payloads;

	memcpy(proof.iv, sa->iv, sizeof(proof.iv));
	if (!(packet->header.flags & ISAKMP_FLAG_ENCRYPTION)) {
		ike_count(sa->ike, IKE_COUNTER_unprotected);
		return;
	}
	if (message_open(&sa->keys, &packet->header, packet->bytes, proof.iv, plain, &payloads) !=
	    0) {
		not_authentic(sa, &proof, &input);
		return;
	}
	proof.initial_contact = initial_contact(&payloads);
	if (main_mode_signs(sa))
		proof_verify(sa, packet, &proof, &payloads);
	else
		proof_check(sa, packet, &proof, &payloads);
}

/*
 * A main mode stays between the two addresses that it began with, of which only ports may change: what
 * was chosen for one listener must not serve another, and our larger answers must not go to somebody
 * who never asked.
 */
static bool between_the_same(const struct main_mode *mode, const struct ike_path *path)
{
	return endpoint_same_address(&mode->path.local, &path->local) &&
	       endpoint_same_address(&mode->first_remote, &path->remote);
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
		first_message(ike, packet);
		return;
	}
	sa = sa_find(ike, packet->header.initiator_cookie, packet->header.responder_cookie);
	if (sa == NULL) {
		ike_count(ike, IKE_COUNTER_unknown_cookie);
		return;
	}
	if (sa->main_mode != NULL && !between_the_same(sa->main_mode, packet->path)) {
		ike_count(ike, IKE_COUNTER_unexpected);
		return;
	}
	if (sa->main_mode != NULL && sa->main_mode->reply.request_hash == packet->hash) {
		duplicate(sa, &input);
	} else if (sa->state == MAIN_MODE_SENT_2) {
		third_message(sa, packet);
	} else if (sa->state == MAIN_MODE_SENT_4) {
		fifth_message(sa, packet);
	} else {
		ike_count(ike, IKE_COUNTER_unexpected);
	}
}

/* The peer said no more: which message of ours it did not answer, and what is known about it. */
static enum cause silence(const struct sa *sa, char *detail, size_t size)
{
	const struct main_mode *mode = sa->main_mode;
	bool second = sa->state == MAIN_MODE_SENT_2;
	char name[NOTIFICATION_NAME_BYTES];

	if (sa->state == MAIN_MODE_COMPUTING || sa->state == MAIN_MODE_VERIFYING) {
		snprintf(detail, size, "our part of the key exchange took longer than %u s",
			 sa->ike->config.half_open_ms / 1000);
		return CAUSE_key_exchange_slow;
	}
	if (mode->refusal != 0) {
		snprintf(detail, size,
			 "after our main mode %u it sent %s in clear and then nothing",
			 second ? 2 : 4, notification_name(mode->refusal, name));
		return notification_cause(mode->refusal);
	}
	if (mode->duplicates != 0)
		snprintf(detail, size,
			 "it repeated main mode %u %u times: our answer does not reach it",
			 second ? 1 : 3, mode->duplicates);
	else
		snprintf(detail, size,
			 "it got our main mode %u, or that was lost, and sent nothing more",
			 second ? 2 : 4);
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
	step(sa, EVENT_EXPIRED, &input);
}

void main_mode_evict(struct sa *sa)
{
	step(sa, EVENT_EVICTED, NULL);
}

void main_mode_deleted(struct sa *sa)
{
	const struct main_mode_input input = {.verdict = {VERDICT_IGNORE, 0, CAUSE_peer_request}};

	step(sa, EVENT_DELETED, &input);
}

void main_mode_closed(struct sa *sa)
{
	step(sa, EVENT_CLOSED, NULL);
}
