/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Aggressive mode, the responder's side, with pre-shared keys (RFC 2409 5.4; NAT-D in messages 2 and 3 by
 * RFC 3947 3.2). Only where the listener has keys for it, each for one identifier: message 2 gives
 * whoever names an identifier a hash that its key can be guessed with.
 */

#include "ike/main_mode.h"

#include <errno.h>
#include <stdio.h>

static void refuse(struct sa *sa, struct main_mode_input *input, uint16_t notification,
		   enum cause cause, const char *detail)
{
	input->verdict = (struct verdict){VERDICT_PEER_FAULT, notification, cause};
	input->detail = detail;
	main_mode_step(sa, EVENT_OFFER_REFUSED, input);
}

static void not_configured(struct ike *ike, const struct packet *packet)
{
	struct main_mode_input input = {.packet = packet};
	struct sa *sa = sa_new(ike, packet);

	if (sa == NULL)
		return;
	sa->main_mode->aggressive = true;
	report_step(sa, packet->path, true, "aggressive mode 1", "is not configured");
	refuse(sa, &input, ISAKMP_NOTIFY_UNSUPPORTED_EXCHANGE_TYPE, CAUSE_aggressive_mode_refused,
	       "it was refused with UNSUPPORTED-EXCHANGE-TYPE");
}

/* Names of all kinds are one text to the operator, since clients choose the kind on their own. */
static bool identifies(const struct identification *id, const char *name)
{
	char text[ENDPOINT_TEXT_BYTES];
	struct endpoint address;

	switch (id->type) {
	case ISAKMP_ID_FQDN:
	case ISAKMP_ID_USER_FQDN:
	case ISAKMP_ID_KEY_ID:
		return strlen(name) == id->data.length &&
		       memcmp(name, id->data.bytes, id->data.length) == 0;
	default:
		return identification_address(id, &address) &&
		       strcmp(name, endpoint_text(&address, text)) == 0;
	}
}

/* The key of that identifier; false if there is none. */
static bool key_choose(struct main_mode *mode, const struct identification *id)
{
	const struct ike_listener *listener = mode->listener;

	for (size_t i = 0; i < listener->aggressive_key_count; i++) {
		if (identifies(id, listener->aggressive_keys[i].name)) {
			mode->key = (uint16_t)(IKE_KEYS_MAX + i);
			return true;
		}
	}
	return false;
}

/* Nobody may have us send more than came. True if message 2 is short enough. */
static bool answer_fits(struct sa *sa, const struct packet *packet)
{
	size_t bytes = message_aggressive_mode_2_bytes(sa);

	if (bytes + MESSAGE_VENDOR_ID_BYTES > packet->length)
		sa->dead_peer_detection = false;
	return bytes <= packet->length;
}

/* A job computes our side of the key exchange; message 2 follows it. */
static void exchange_begin(struct sa *sa, struct main_mode_input *input)
{
	const size_t public_bytes = key_exchange_public_bytes(sa->keys.suite.group);
	const struct packet *packet = input->packet;
	const struct payloads *payloads = input->payloads;
	struct main_mode *mode = sa->main_mode;
	char text[128], detail[192];
	struct identification id;

	(void)identification_read(&payloads->id[0], &id);
	identification_text(&id, text, sizeof(text));
	main_mode_nat_hide(sa, packet->path);
	if (!key_choose(mode, &id)) {
		snprintf(detail, sizeof(detail), "it names itself %s", text);
		refuse(sa, input, ISAKMP_NOTIFY_INVALID_ID_INFORMATION,
		       CAUSE_aggressive_identifier_unknown, detail);
	} else if (payloads->key_exchange.length != public_bytes) {
		snprintf(detail, sizeof(detail),
			 "it sent %zu bytes, group %u of the chosen proposal has %zu",
			 payloads->key_exchange.length, sa->keys.suite.group, public_bytes);
		refuse(sa, input, ISAKMP_NOTIFY_INVALID_KEY_INFORMATION,
		       CAUSE_aggressive_group_mismatch, detail);
	} else if (!answer_fits(sa, packet)) {
		snprintf(detail, sizeof(detail),
			 "aggressive mode 1 has %zu bytes, 2 would have %zu", packet->length,
			 message_aggressive_mode_2_bytes(sa));
		ike_count(sa->ike, IKE_COUNTER_answer_too_long);
		refuse(sa, input, ISAKMP_NOTIFY_UNSUPPORTED_EXCHANGE_TYPE,
		       CAUSE_aggressive_answer_too_long, detail);
	} else if (job_start(sa->ike, sa, NULL, &packet->path->remote, sa->keys.suite.group,
			     &payloads->key_exchange) != 0) {
		refuse(sa, input, ISAKMP_NOTIFY_NO_PROPOSAL_CHOSEN, CAUSE_too_many_key_exchanges,
		       "too many of them are under way");
	} else {
		mode->nonce_i = part_copy(&payloads->nonce);
		mode->public_i = part_copy(&payloads->key_exchange);
		mode->id_i = part_copy(&payloads->id[0]);
		main_mode_step(sa, EVENT_KEY_EXCHANGE, input);
	}
}

static bool complete(const struct payloads *payloads)
{
	struct identification id;

	return main_mode_nonce_valid(&payloads->nonce) && payloads->key_exchange.length != 0 &&
	       payloads->id_count == 1 && payloads->id[0].length <= ID_BYTES_MAX &&
	       identification_read(&payloads->id[0], &id) == 0;
}

/* Aggressive mode 1: proposals, key exchange, nonce, identity. */
static void first_message(struct ike *ike, const struct packet *packet,
			  const struct ike_listener *listener)
{
	const struct ike_policy policy = {ike->config.compatibility,
					  1u << IKE_METHOD_PRESHARED_KEY};
	struct main_mode_input input = {.packet = packet};
	struct proposal_choice choice;
	struct ike_suite suite = {0};
	struct payloads payloads;
	struct sa *sa;
	int error;

	if (!main_mode_first_payloads(ike, packet, &payloads))
		return;
	error = proposal_choose_ike(&payloads.sa, &policy, &suite, &choice);
	if (error == -EBADMSG || !complete(&payloads)) {
		main_mode_turn_malformed_away(
			ike, packet,
			error == -EBADMSG
				? "its proposals do not parse"
				: "it lacks key exchange, nonce or identity of aggressive mode");
		return;
	}
	sa = sa_new(ike, packet);
	if (sa == NULL)
		return;
	input.payloads = &payloads;
	sa->main_mode->aggressive = true;
	sa->main_mode->listener = listener;
	sa->main_mode->vendor = vendor_find(&payloads);
	sa->main_mode->vendor.fragmentation = false; /* there is no room to agree on it */
	sa->main_mode->vendor.fragmentation_word = false;
	main_mode_offer_report(sa, packet, "aggressive mode 1", &payloads);
	if (error != 0) {
		main_mode_offer_refuse(sa, &input, &policy);
		return;
	}
	main_mode_offer_keep(sa, &payloads, &choice, &suite);
	exchange_begin(sa, &input);
}

/* Aggressive mode 3: the peer's proof, encrypted or not. */
static void third_message(struct sa *sa, const struct packet *packet)
{
	struct main_mode_input input = {
		.packet = packet,
		.verdict = {VERDICT_PEER_FAULT, ISAKMP_NOTIFY_PAYLOAD_MALFORMED,
			    CAUSE_wrong_preshared_key},
		.detail = "aggressive mode 3 does not decrypt to anything readable",
	};
	struct proof proof = {.path = *packet->path, .request_hash = packet->hash};
	bool encrypted = packet->header.flags & ISAKMP_FLAG_ENCRYPTION;
	const struct main_mode *mode = sa->main_mode;
	uint8_t plain[PACKET_BYTES_MAX];
	struct payloads payloads;
	int error;

	memcpy(proof.iv, sa->iv, sizeof(proof.iv));
	if (encrypted)
		error = message_open(&sa->keys, &packet->header, packet->bytes, proof.iv, plain,
				     &payloads);
	else
		error = payloads_read(packet->bytes + ISAKMP_HEADER_BYTES,
				      packet->length - ISAKMP_HEADER_BYTES,
				      packet->header.next_payload, &payloads);
	if (error != 0 && !encrypted) {
		ike_count(sa->ike, IKE_COUNTER_malformed);
		return;
	}
	if (error == 0 && main_mode_peer_authentic(sa, &mode->id_i, &payloads.hash)) {
		proof.initial_contact = main_mode_initial_contact(&payloads);
		main_mode_nat_take(sa, packet, &payloads);
		main_mode_authenticated(sa, packet, &proof, &mode->id_i, NULL);
		return;
	}
	if (error == 0) {
		input.verdict.wire_code = ISAKMP_NOTIFY_INVALID_HASH_INFORMATION;
		input.detail = "the hash of aggressive mode 3 is wrong";
	}
	main_mode_not_authentic(sa, &proof, &input);
}

void aggressive_mode_feed(struct ike *ike, const struct packet *packet)
{
	struct main_mode_input input = {.packet = packet};
	const struct ike_listener *listener;
	struct sa *sa;

	if (packet->header.message_id != 0 || packet->header.initiator_cookie == 0) {
		ike_count(ike, IKE_COUNTER_malformed);
		return;
	}
	if (packet->header.responder_cookie == 0) {
		if (main_mode_begun(ike, packet))
			return;
		listener = listener_find(ike, &packet->path->local);
		if (listener == NULL || listener->aggressive_key_count == 0)
			not_configured(ike, packet);
		else
			first_message(ike, packet, listener);
		return;
	}
	sa = sa_find(ike, packet->header.initiator_cookie, packet->header.responder_cookie);
	if (sa == NULL)
		ike_count(ike, IKE_COUNTER_unknown_cookie);
	else if (sa->main_mode == NULL || !main_mode_between_the_same(sa->main_mode, packet))
		ike_count(ike, IKE_COUNTER_unexpected);
	else if (sa->main_mode->reply.request_hash == packet->hash)
		main_mode_duplicate(sa, &input);
	else if (sa->state == MAIN_MODE_AGGRESSIVE_SENT_2)
		third_message(sa, packet);
	else
		ike_count(ike, IKE_COUNTER_unexpected);
}
