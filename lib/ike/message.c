/* SPDX-License-Identifier: BSD-3-Clause */
/* Composition: the order of payloads is the one that every client takes. */

#include "ike/engine.h"

#include <errno.h>
#include <stdlib.h>

#define CERTIFICATE_REQUESTS 4

/* Keeps the message as the answer to `request_hash` and sends it. */
static void main_mode_send(struct sa *sa, struct message *m)
{
	struct main_mode *mode = sa->main_mode;

	if (writer_failed(&m->w)) {
		ike_count(sa->ike, IKE_COUNTER_own_fault);
		return;
	}
	reply_set(&mode->reply, mode->reply.request_hash, m->bytes, writer_length(&m->w));
	if (!fragments_send(sa, &mode->path, m->bytes, writer_length(&m->w), false))
		report_send(sa->ike, sa, &mode->path, false, m->bytes, writer_length(&m->w));
}

void message_main_mode_resend(struct sa *sa, const struct ike_path *path)
{
	const struct reply *reply = &sa->main_mode->reply;

	if (reply->length != 0 && !fragments_send(sa, path, reply->bytes, reply->length, true))
		report_send(sa->ike, sa, path, false, reply->bytes, reply->length);
}

void message_main_mode_2(struct sa *sa)
{
	const struct main_mode *mode = sa->main_mode;
	char chosen[PROPOSAL_TEXT_BYTES];
	struct digest_part id;
	struct message m;

	message_begin(&m, sa->initiator_cookie, sa->responder_cookie, ISAKMP_MAIN_MODE, 0);
	message_add_sa(&m, ISAKMP_PROTOCOL_ISAKMP, mode->proposal_number, 0, &mode->transform);
	if (sa->nat_version != NAT_VERSION_NONE) {
		id = vendor_nat_id(sa->nat_version);
		message_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
	}
	if (sa->dead_peer_detection) {
		id = vendor_dead_peer_detection_id();
		message_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
	}
	if (mode->vendor.fragmentation) {
		id = vendor_fragmentation_id(mode->vendor.fragmentation_word);
		message_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
	}
	message_finish(&m);
	main_mode_send(sa, &m);
	ike_suite_text(&sa->keys.suite, chosen, sizeof(chosen));
	report_step(sa, sa_path(sa), false, "main mode 2", "takes %s%s", chosen,
		    sa->dead_peer_detection ? ", dead-peer detection" : "");
}

/* NAT-D: the peer's address as we see it, then our own (RFC 3947 3.2). */
static void add_nat_d(struct message *m, struct sa *sa)
{
	uint8_t type = sa->nat_version == NAT_VERSION_RFC_3947 ? ISAKMP_PAYLOAD_NAT_D
							       : ISAKMP_PAYLOAD_NAT_D_DRAFT;
	enum digest_kind hash = sa->keys.suite.hash;
	struct endpoint own = nat_own_address(sa->ike, &sa->main_mode->path.local);
	uint8_t value[DIGEST_BYTES_MAX];
	uint8_t cookies[16];
	int error = 0;

	sa_cookies(sa, cookies);
	if (sa->main_mode->peer_hash_faked)
		random_fill(&sa->ike->host.random, value, digest_bytes(hash));
	else
		error = nat_d_hash(hash, cookies, &sa->main_mode->path.remote, value);
	message_add(m, type, value, digest_bytes(hash));
	if (sa->main_mode->nat_d_echo_bytes != 0)
		memcpy(value, sa->main_mode->nat_d_echo, sa->main_mode->nat_d_echo_bytes);
	else if (error == 0)
		error = nat_d_hash(hash, cookies, &own, value);
	message_add(m, type, value, digest_bytes(hash));
	if (error != 0)
		m->w.failed = true;
}

size_t message_aggressive_mode_2_bytes(const struct sa *sa)
{
	const struct ike_suite *suite = &sa->keys.suite;
	uint8_t body[ID_BYTES_MAX];
	size_t hash = ISAKMP_GENERIC_BYTES + digest_bytes(suite->hash);
	size_t bytes = ISAKMP_HEADER_BYTES + ISAKMP_GENERIC_BYTES + 16 +
		       sa->main_mode->transform.length + ISAKMP_GENERIC_BYTES +
		       key_exchange_public_bytes(suite->group) + ISAKMP_GENERIC_BYTES +
		       NONCE_BYTES + ISAKMP_GENERIC_BYTES + main_mode_own_id(sa, body) + hash;

	return sa->nat_version == NAT_VERSION_NONE ? bytes
						   : bytes + MESSAGE_VENDOR_ID_BYTES + 2 * hash;
}

void message_aggressive_mode_2(struct sa *sa)
{
	const struct main_mode *mode = sa->main_mode;
	uint8_t body[ID_BYTES_MAX], hash[DIGEST_BYTES_MAX];
	char chosen[PROPOSAL_TEXT_BYTES];
	struct digest_part id;
	struct message m;

	message_begin(&m, sa->initiator_cookie, sa->responder_cookie, ISAKMP_AGGRESSIVE_MODE, 0);
	message_add_sa(&m, ISAKMP_PROTOCOL_ISAKMP, mode->proposal_number, 0, &mode->transform);
	message_add_part(&m, ISAKMP_PAYLOAD_KEY_EXCHANGE, &mode->public_r);
	message_add(&m, ISAKMP_PAYLOAD_NONCE, mode->nonce_r, sizeof(mode->nonce_r));
	if (main_mode_prove(sa, body, &id, hash) != 0)
		m.w.failed = true;
	message_add_part(&m, ISAKMP_PAYLOAD_IDENTIFICATION, &id);
	message_add(&m, ISAKMP_PAYLOAD_HASH, hash, digest_bytes(sa->keys.suite.hash));
	if (sa->nat_version != NAT_VERSION_NONE) {
		id = vendor_nat_id(sa->nat_version);
		message_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
		add_nat_d(&m, sa);
	}
	if (sa->dead_peer_detection) {
		id = vendor_dead_peer_detection_id();
		message_add_part(&m, ISAKMP_PAYLOAD_VENDOR_ID, &id);
	}
	message_finish(&m);
	main_mode_send(sa, &m);
	ike_suite_text(&sa->keys.suite, chosen, sizeof(chosen));
	report_step(sa, sa_path(sa), false, "aggressive mode 2", "takes %s%s, and proves our key",
		    chosen, sa->dead_peer_detection ? ", dead-peer detection" : "");
}

static void add_encoded(struct message *m, uint8_t type, const struct digest_part *part)
{
	message_payload_open(m, type);
	writer_u8(&m->w, ISAKMP_CERTIFICATE_X509_SIGNATURE);
	writer_bytes(&m->w, part->bytes, part->length);
	message_payload_close(m);
}

/* The CAs that we trust; clients choose their certificate by them, as far as they fit. */
static void add_certificate_requests(struct message *m, const struct sa *sa)
{
	const struct credentials *credentials = sa->main_mode->listener->credentials;
	struct digest_part name;

	for (size_t i = 0; credentials != NULL && i < CERTIFICATE_REQUESTS &&
			   credentials_authority(credentials, i, &name);
	     i++)
		add_encoded(m, ISAKMP_PAYLOAD_CERTIFICATE_REQUEST, &name);
}

static void add_certificates(struct message *m, const struct sa *sa)
{
	const struct credentials *credentials = sa->main_mode->listener->credentials;
	struct digest_part certificate;

	for (size_t i = 0;
	     credentials != NULL && credentials_certificate(credentials, i, &certificate); i++)
		add_encoded(m, ISAKMP_PAYLOAD_CERTIFICATE, &certificate);
}

void message_main_mode_4(struct sa *sa)
{
	const struct main_mode *mode = sa->main_mode;
	struct message m;

	message_begin(&m, sa->initiator_cookie, sa->responder_cookie, ISAKMP_MAIN_MODE, 0);
	message_add_part(&m, ISAKMP_PAYLOAD_KEY_EXCHANGE, &mode->public_r);
	message_add(&m, ISAKMP_PAYLOAD_NONCE, mode->nonce_r, sizeof(mode->nonce_r));
	if (main_mode_signs(sa))
		add_certificate_requests(&m, sa);
	if (sa->nat_version != NAT_VERSION_NONE)
		add_nat_d(&m, sa);
	message_finish(&m);
	main_mode_send(sa, &m);
	report_step(sa, sa_path(sa), false, "main mode 4", "key exchange");
}

void message_main_mode_6(struct sa *sa, const struct digest_part *id,
			 const struct digest_part *proof)
{
	struct identification own;
	char text[128] = "";
	struct message m;

	message_begin(&m, sa->initiator_cookie, sa->responder_cookie, ISAKMP_MAIN_MODE, 0);
	message_add_part(&m, ISAKMP_PAYLOAD_IDENTIFICATION, id);
	if (main_mode_signs(sa))
		add_certificates(&m, sa);
	message_add_part(&m, main_mode_signs(sa) ? ISAKMP_PAYLOAD_SIGNATURE : ISAKMP_PAYLOAD_HASH,
			 proof);
	message_seal(&m, &sa->keys, sa->iv);
	main_mode_send(sa, &m);
	if (identification_read(id, &own) == 0)
		identification_text(&own, text, sizeof(text));
	report_step(sa, sa_path(sa), false, "main mode 6", "we are %s and prove it", text);
}

/* In clear: there are no common keys yet, and every client logs it. */
void message_main_mode_refusal(struct sa *sa, uint16_t notification)
{
	const struct message_notification n = {.protocol = ISAKMP_PROTOCOL_ISAKMP,
					       .type = notification};
	char name[NOTIFICATION_NAME_BYTES];
	struct message m;

	message_begin(&m, sa->initiator_cookie, sa->responder_cookie, ISAKMP_INFORMATIONAL,
		      sa_message_id_new(sa));
	message_add_notification(&m, &n);
	message_finish(&m);
	main_mode_send(sa, &m);
	report_step(sa, sa_path(sa), false, "notification", "refuses: %s",
		    notification_name(notification, name));
}

static void quick_mode_send(struct quick_mode *qm, struct message *m)
{
	struct ike *ike = qm->sa->ike;

	if (writer_failed(&m->w)) {
		ike_count(ike, IKE_COUNTER_own_fault);
		return;
	}
	reply_set(&qm->reply, qm->reply.request_hash, m->bytes, writer_length(&m->w));
	report_send(ike, qm->sa, &qm->path, false, m->bytes, writer_length(&m->w));
}

void message_quick_mode_resend(struct quick_mode *qm, const struct ike_path *path,
			       bool to_current_endpoint)
{
	if (qm->reply.length != 0)
		report_send(qm->sa->ike, qm->sa, path, to_current_endpoint, qm->reply.bytes,
			    qm->reply.length);
}

/* NAT-OA as the peer did it: two with the RFC, ours alone with the drafts, none for none. */
static void add_nat_oas(struct message *m, const struct quick_mode *qm)
{
	if (qm->offer->nat_oa_count == 0 || !qm->offer->esp.encapsulated)
		return;
	if (qm->sa->nat_version == NAT_VERSION_RFC_3947) {
		message_add_nat_oa(m, ISAKMP_PAYLOAD_NAT_OA, &qm->path.remote);
		message_add_nat_oa(m, ISAKMP_PAYLOAD_NAT_OA, &qm->path.local);
	} else {
		message_add_nat_oa(m, ISAKMP_PAYLOAD_NAT_OA_DRAFT, &qm->path.local);
	}
}

void message_quick_mode_2(struct quick_mode *qm, uint32_t spi_in)
{
	const struct quick_offer *offer = qm->offer;
	const struct ike_keys *keys = &qm->sa->keys;
	char chosen[PROPOSAL_TEXT_BYTES];
	struct message m;

	message_begin(&m, qm->sa->initiator_cookie, qm->sa->responder_cookie, ISAKMP_QUICK_MODE,
		      qm->message_id);
	message_add_hash(&m, keys);
	message_add_sa(&m, ISAKMP_PROTOCOL_ESP, offer->proposal_number, spi_in, &offer->transform);
	message_add(&m, ISAKMP_PAYLOAD_NONCE, qm->nonce_r, sizeof(qm->nonce_r));
	if (offer->public_r_bytes != 0)
		message_add(&m, ISAKMP_PAYLOAD_KEY_EXCHANGE, offer->public_r,
			    offer->public_r_bytes);
	for (size_t i = 0; i < offer->id_count; i++)
		message_add_part(&m, ISAKMP_PAYLOAD_IDENTIFICATION, &offer->id[i]);
	add_nat_oas(&m, qm);
	message_hash_fill(&m, keys, &qm->nonce_i);
	message_seal(&m, keys, qm->iv);
	quick_mode_send(qm, &m);
	esp_choice_text(&offer->esp, chosen, sizeof(chosen));
	report_step(qm->sa, &qm->path, false, "quick mode 2", "takes %s", chosen);
}

static void notification_compose(struct message *m, struct sa *sa,
				 const struct message_notification *notification)
{
	message_begin(m, sa->initiator_cookie, sa->responder_cookie, ISAKMP_INFORMATIONAL,
		      sa_message_id_new(sa));
	message_add_hash(m, &sa->keys);
	message_add_notification(m, notification);
	message_seal_informational(m, &sa->keys, sa->iv);
}

void message_quick_mode_refusal(struct quick_mode *qm, uint16_t notification)
{
	const struct message_notification n = {.protocol = ISAKMP_PROTOCOL_ESP,
					       .type = notification};
	char name[NOTIFICATION_NAME_BYTES];
	struct message m;

	notification_compose(&m, qm->sa, &n);
	quick_mode_send(qm, &m);
	report_step(qm->sa, &qm->path, false, "notification", "refuses: %s",
		    notification_name(notification, name));
}

void message_notify(struct sa *sa, const struct ike_path *path, bool to_current_endpoint,
		    const struct message_notification *notification)
{
	struct message m;

	notification_compose(&m, sa, notification);
	if (writer_failed(&m.w))
		ike_count(sa->ike, IKE_COUNTER_own_fault);
	else
		report_send(sa->ike, sa, path, to_current_endpoint, m.bytes, writer_length(&m.w));
}

void message_delete(struct sa *sa, uint8_t protocol, uint8_t spi_bytes, const uint8_t *spis,
		    uint16_t count)
{
	const struct ike_path *path = sa_path(sa);
	struct message m;

	message_begin(&m, sa->initiator_cookie, sa->responder_cookie, ISAKMP_INFORMATIONAL,
		      sa_message_id_new(sa));
	message_add_hash(&m, &sa->keys);
	message_add_delete(&m, protocol, spi_bytes, spis, count);
	message_seal_informational(&m, &sa->keys, sa->iv);
	if (writer_failed(&m.w)) {
		ike_count(sa->ike, IKE_COUNTER_own_fault);
		return;
	}
	report_send(sa->ike, sa, path, true, m.bytes, writer_length(&m.w));
	report_step(sa, path, false, "delete", "%u %s", count,
		    protocol == ISAKMP_PROTOCOL_ESP ? "ESP SAs" : "ISAKMP SA");
}
