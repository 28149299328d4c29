/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer offers in main mode 1, and what is allowed for the address that it dialled. */

#include "ike/main_mode.h"

#include <errno.h>

void main_mode_offer_report(struct sa *sa, const struct packet *packet, const char *message,
			    const struct payloads *payloads)
{
	const struct vendor_findings *vendor = &sa->main_mode->vendor;

	report_step(sa, packet->path, true, message, "offers %u proposals, %s, profile %s%s",
		    proposal_transforms(&payloads->sa), nat_version_text(vendor->nat_version),
		    vendor_profile_name(vendor->profile), vendor->version);
}

void main_mode_offer_keep(struct sa *sa, const struct payloads *payloads,
			  const struct proposal_choice *choice, const struct ike_suite *suite)
{
	struct main_mode *mode = sa->main_mode;

	mode->sa_body = part_copy(&payloads->sa);
	mode->transform =
		part_copy(&(struct digest_part){choice->transform, choice->transform_bytes});
	mode->proposal_number = choice->number;
	sa->nat_version = (uint8_t)mode->vendor.nat_version;
	sa->dead_peer_detection = mode->vendor.dead_peer_detection;
	sa->keys.suite = *suite;
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

static struct ike_policy policy_of(const struct ike *ike, const struct ike_listener *listener)
{
	struct ike_policy policy = {.compatibility = ike->config.compatibility};

	if (listener == NULL)
		return policy;
	if (listener_key_count(listener) != 0)
		policy.methods |= 1u << IKE_METHOD_PRESHARED_KEY;
	if (listener->credentials != NULL)
		policy.methods |= method_of(listener->credentials);
	return policy;
}

void main_mode_turn_malformed_away(struct ike *ike, const struct packet *packet, const char *detail)
{
	ike_count(ike, IKE_COUNTER_malformed);
	report_turned_away(ike, packet, TURNED_AWAY_MALFORMED, CAUSE_ike_malformed, detail);
}

void main_mode_offer_refuse(struct sa *sa, struct main_mode_input *input,
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
	main_mode_step(sa, EVENT_OFFER_REFUSED, input);
}

/* Main mode 1, after its payloads were read. */
static void offer_take(struct ike *ike, const struct packet *packet,
		       const struct payloads *payloads)
{
	struct main_mode_input input = {.packet = packet, .payloads = payloads};
	const struct ike_listener *listener = listener_find(ike, &packet->path->local);
	const struct ike_policy policy = policy_of(ike, listener);
	struct ike_suite suite = {0};
	struct proposal_choice choice;
	struct sa *sa;
	int error = proposal_choose_ike(&payloads->sa, &policy, &suite, &choice);

	if (error == -EBADMSG) {
		main_mode_turn_malformed_away(ike, packet, "its proposals do not parse");
		return;
	}
	sa = sa_new(ike, packet);
	if (sa == NULL)
		return;
	sa->main_mode->listener = listener;
	sa->main_mode->vendor = vendor_find(payloads);
	main_mode_offer_report(sa, packet, "main mode 1", payloads);
	if (error != 0) {
		main_mode_offer_refuse(sa, &input, &policy);
		return;
	}
	main_mode_offer_keep(sa, payloads, &choice, &suite);
	main_mode_step(sa, EVENT_OFFER, &input);
}

void main_mode_duplicate(struct sa *sa, const struct main_mode_input *input)
{
	ike_count(sa->ike, IKE_COUNTER_duplicate);
	if (sa->main_mode->duplicates != UINT8_MAX)
		sa->main_mode->duplicates++;
	main_mode_step(sa, EVENT_DUPLICATE, input);
}

bool main_mode_first_payloads(struct ike *ike, const struct packet *packet,
			      struct payloads *payloads)
{
	if (packet->header.initiator_cookie == 0 ||
	    (packet->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0)
		main_mode_turn_malformed_away(ike, packet,
					      "its header is not that of a first message");
	else if (payloads_read(packet->bytes + ISAKMP_HEADER_BYTES,
			       packet->length - ISAKMP_HEADER_BYTES, packet->header.next_payload,
			       payloads) != 0)
		main_mode_turn_malformed_away(ike, packet, "its payloads do not parse");
	else if (payloads->first != ISAKMP_PAYLOAD_SA || payloads->sa.length > SA_BODY_BYTES_MAX)
		main_mode_turn_malformed_away(ike, packet, "it does not begin with proposals");
	else
		return true;
	return false;
}

bool main_mode_begun(struct ike *ike, const struct packet *packet)
{
	struct sa *sa =
		sa_find_half_open(ike, packet->header.initiator_cookie, &packet->path->remote);
	struct main_mode_input input = {.packet = packet};

	if (sa != NULL && sa->main_mode->reply.request_hash == packet->hash)
		main_mode_duplicate(sa, &input);
	else if (sa != NULL)
		ike_count(ike, IKE_COUNTER_unexpected);
	return sa != NULL;
}

/* A message without responder cookie: the first of an exchange, or its duplicate. */
void main_mode_first_message(struct ike *ike, const struct packet *packet)
{
	struct payloads payloads;

	if (!main_mode_begun(ike, packet) && main_mode_first_payloads(ike, packet, &payloads))
		offer_take(ike, packet, &payloads);
}
