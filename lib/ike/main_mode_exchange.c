/* SPDX-License-Identifier: BSD-3-Clause */
/* Main mode 3 and 5: the key exchange, and the peer's proof. */

#include "base/memory.h"
#include "ike/main_mode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TRIAL_BYTES_MAX 2048 /* of a message that is tried with more than one key */
#define PROOFS_MAX      3    /* signatures verified for one main mode: each costs a computation */

bool main_mode_nonce_valid(const struct digest_part *nonce)
{
	return nonce->length >= NONCE_BYTES_MIN && nonce->length <= NONCE_BYTES_MAX;
}

void main_mode_nat_hide(struct sa *sa, const struct ike_path *path)
{
	const struct endpoint own = nat_own_address(sa->ike, &path->local);

	/* A NAT that we hide must still not see bare ESP. */
	sa->main_mode->peer_hash_faked = sa->ike->config.force_encapsulation ||
					 !endpoint_same_address(&own, &path->local) ||
					 sa->main_mode->nat_d_echo_bytes != 0;
}

void main_mode_nat_take(struct sa *sa, const struct packet *packet, const struct payloads *payloads)
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
	main_mode_nat_hide(sa, packet->path);
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
void main_mode_third_message(struct sa *sa, const struct packet *packet)
{
	struct main_mode_input input = {.packet = packet};
	uint16_t group = sa->keys.suite.group;
	struct payloads payloads;

	if ((packet->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0 ||
	    payloads_read(packet->bytes + ISAKMP_HEADER_BYTES, packet->length - ISAKMP_HEADER_BYTES,
			  packet->header.next_payload, &payloads) != 0 ||
	    payloads.key_exchange.length != key_exchange_public_bytes(group) ||
	    !main_mode_nonce_valid(&payloads.nonce)) {
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
	main_mode_nat_take(sa, packet, &payloads);
	report_step(sa, packet->path, true, "main mode 3", "key exchange; %s", nat_text(sa));
	main_mode_step(sa, EVENT_KEY_EXCHANGE, &input);
}

void main_mode_key_exchange_done(struct sa *sa, const struct key_exchange_result *result)
{
	struct main_mode_input input = {
		.verdict = {VERDICT_PEER_FAULT, ISAKMP_NOTIFY_INVALID_KEY_INFORMATION,
			    CAUSE_bad_public_value},
		.detail = sa->main_mode->aggressive
				  ? "its value in aggressive mode 1 is not in the group"
				  : "its value in main mode 3 is not in the group",
	};

	if (result->error == -EBUSY) {
		input.verdict =
			(struct verdict){VERDICT_OWN_FAULT, ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN,
					 CAUSE_too_many_key_exchanges};
		input.detail = "the queue of public-key work is full";
	}
	main_mode_step(sa,
		       main_mode_keys_take(sa, result) == 0 ? EVENT_KEYS_READY : EVENT_KEYS_FAILED,
		       &input);
}

static const char *proof_message(const struct sa *sa)
{
	return sa->main_mode->aggressive ? "aggressive mode 3" : "main mode 5";
}

static void report_identity(const struct sa *sa, const struct ike_path *path,
			    const struct digest_part *body)
{
	const char *proof = main_mode_signs(sa) ? "key of its certificate" : "pre-shared key";
	const char *key = main_mode_key_name(sa);
	const char *quote = key[0] != '\0' ? "\"" : "";
	struct identification id;
	char text[128] = "";

	if (identification_read(body, &id) == 0)
		identification_text(&id, text, sizeof(text));
	report_step(sa, path, true, proof_message(sa),
		    "the peer is %s and proves it with the %s%s%s%.*s%s%s", text, proof,
		    key[0] != '\0' ? " " : "", quote, IKE_KEY_NAME_BYTES - 1, key, quote,
		    path->local.port == ISAKMP_PORT_NAT_T ? "; on port 4500" : "");
}

void main_mode_authenticated(struct sa *sa, const struct packet *packet, const struct proof *proof,
			     const struct digest_part *id, const struct digest_part *signature)
{
	struct main_mode_input input = {
		.packet = packet, .id_i = *id, .initial_contact = proof->initial_contact};
	uint8_t hash_r[DIGEST_BYTES_MAX];
	uint8_t id_body[ID_BYTES_MAX];

	if (sa->ike->peers.used >= sa->ike->peers.limit &&
	    peer_find(sa->ike, &proof->path, id, sa->main_mode->key) == NULL) {
		ike_count(sa->ike, IKE_COUNTER_too_many_peers);
		report_turned_away(sa->ike, packet, TURNED_AWAY_PEERS, CAUSE_too_many_peers,
				   "max_sessions of them are up");
		if (sa->state == MAIN_MODE_VERIFYING)
			main_mode_step(sa, EVENT_POSTPONED, &input);
		return;
	}
	if (!sa->main_mode->aggressive && main_mode_prove(sa, id_body, &input.id_r, hash_r) != 0) {
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
	main_mode_step(sa, EVENT_AUTHENTICATED, &input);
}

void main_mode_not_authentic(struct sa *sa, const struct proof *proof,
			     struct main_mode_input *input)
{
	ike_count(sa->ike, IKE_COUNTER_authentication_failed);
	if (sa->main_mode->failure_reported && sa->state != MAIN_MODE_VERIFYING)
		return;
	sa->main_mode->path = proof->path;
	sa->main_mode->reply.request_hash = proof->request_hash;
	report_step(sa, &proof->path, true, proof_message(sa), "%s",
		    input->detail[0] != '\0' ? input->detail : cause_text(input->verdict.cause));
	main_mode_step(sa, EVENT_AUTHENTICATION_FAILED, input);
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
		main_mode_not_authentic(sa, proof, &input);
		return;
	}
	if (mode->proofs < PROOFS_MAX &&
	    job_start_signature(sa, &packet->path->remote, request) == 0) {
		mode->proofs++;
		free(mode->proof);
		mode->proof = memory_new(sizeof(*mode->proof));
		*mode->proof = *proof;
		main_mode_step(sa, EVENT_SIGNED, &input);
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
		main_mode_authenticated(sa, &packet, proof, &id, &signature);
	} else if (result->cause == CAUSE_too_many_key_exchanges) {
		/* Nobody looked at it: the peer repeats it, and then there may be room. */
		sa->main_mode->proofs--;
		main_mode_step(sa, EVENT_POSTPONED, &input);
	} else {
		main_mode_not_authentic(sa, proof, &input);
	}
	free(proof);
}

bool main_mode_initial_contact(const struct payloads *payloads)
{
	struct notification n;

	for (size_t i = 0; i < payloads->notification_count; i++)
		if (notification_read(&payloads->notifications[i], &n) == 0 &&
		    n.type == ISAKMP_NOTIFY_INITIAL_CONTACT)
			return true;
	return false;
}

/* True if main mode 5 proves that the peer has the key in use; what is wrong goes into `input`. */
static bool key_fits(const struct sa *sa, const struct packet *packet, struct proof *proof,
		     uint8_t *plain, struct payloads *payloads, struct main_mode_input *input)
{
	memcpy(proof->iv, sa->iv, sizeof(proof->iv));
	if (message_open(&sa->keys, &packet->header, packet->bytes, proof->iv, plain, payloads) !=
	    0)
		return false;
	if (payloads->id_count == 1 &&
	    main_mode_peer_authentic(sa, &payloads->id[0], &payloads->hash))
		return true;
	if (payloads->id_count == 1 && payloads->hash.bytes != NULL) {
		/* It has the key: nothing else decrypts. */
		input->verdict.wire_code = ISAKMP_NOTIFY_INVALID_HASH_INFORMATION;
		input->verdict.cause = CAUSE_main_mode_hash_wrong;
		input->detail = "main mode 5 decrypts, but its hash is wrong";
	} else if (input->verdict.cause != CAUSE_main_mode_hash_wrong) {
		input->detail = "main mode 5 decrypts to something without identity and hash";
	}
	return false;
}

/*
 * Who the peer is stands encrypted in main mode 5, so the key must be found first: each of the
 * listener's is tried. A long message is no proof with a key and costs one trial only.
 */
static void key_find(struct sa *sa, const struct packet *packet, struct proof *proof,
		     struct main_mode_input *input)
{
	size_t count = listener_key_count(sa->main_mode->listener);
	uint8_t plain[PACKET_BYTES_MAX];
	struct payloads payloads;
	char detail[96];
	size_t tried = 0;

	do {
		tried++;
		if (!key_fits(sa, packet, proof, plain, &payloads, input))
			continue;
		proof->initial_contact = main_mode_initial_contact(&payloads);
		main_mode_authenticated(sa, packet, proof, &payloads.id[0], NULL);
		return;
	} while (tried < count && packet->length <= TRIAL_BYTES_MAX && main_mode_next_key(sa));
	if (count > 1 && input->verdict.cause != CAUSE_main_mode_hash_wrong) {
		snprintf(detail, sizeof(detail),
			 "main mode 5 decrypts with none of the %zu keys that were tried", tried);
		input->detail = detail;
	}
	main_mode_not_authentic(sa, proof, input);
}

/* Main mode 5: identity and proof, encrypted. */
void main_mode_fifth_message(struct sa *sa, const struct packet *packet)
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

	if (!(packet->header.flags & ISAKMP_FLAG_ENCRYPTION)) {
		ike_count(sa->ike, IKE_COUNTER_unprotected);
		return;
	}
	if (!main_mode_signs(sa)) {
		key_find(sa, packet, &proof, &input);
		return;
	}
	memcpy(proof.iv, sa->iv, sizeof(proof.iv));
	if (message_open(&sa->keys, &packet->header, packet->bytes, proof.iv, plain, &payloads) !=
	    0) {
		main_mode_not_authentic(sa, &proof, &input);
		return;
	}
	proof.initial_contact = main_mode_initial_contact(&payloads);
	proof_verify(sa, packet, &proof, &payloads);
}
