/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

#include "base/memory.h"
#include "crypto/digest.h"
#include "crypto/ms_chap.h"

/* A client proves who it is: PAP (RFC 1334), CHAP (RFC 1994), MS-CHAPv2 (RFC 2759). */

static void pap_request_send(struct ppp *ppp)
{
	struct login *login = ppp->login;
	size_t user_bytes = strlen(ppp->login->credentials->user_name);
	size_t password_bytes = strlen(ppp->login->credentials->password);
	uint8_t bytes[2 + 2 * UINT8_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	uint8_t index = login->tries < 4 ? login->tries : 3;

	login->tries++;
	login->deadline_ms = ppp->now_ms + ppp->config->restart_ms[index];
	writer_u8(&w, (uint8_t)user_bytes);
	writer_bytes(&w, ppp->login->credentials->user_name, user_bytes);
	writer_u8(&w, (uint8_t)password_bytes);
	writer_bytes(&w, ppp->login->credentials->password, password_bytes);
	if (user_bytes > UINT8_MAX || password_bytes > UINT8_MAX)
		ppp_fail(ppp, CAUSE_wrong_password, "longer than PAP can say");
	else
		ppp_send(ppp, PROTOCOL_PAP, PAP_REQUEST, login->identifier, bytes,
			 writer_length(&w));
	memory_wipe(bytes, sizeof(bytes));
}

void ppp_login_start(struct ppp *ppp)
{
	struct login *login = ppp->login;
	uint8_t method = login->method;

	ppp_login_wipe(ppp);
	login->method = method;
	if (method == PPP_AUTHENTICATION_NONE) {
		login->state = LOGIN_DONE;
		ppp_network_start(ppp);
		return;
	}
	login->state = LOGIN_WAITS;
	if (method == PPP_AUTHENTICATION_PAP) {
		random_fill(&ppp->random, &login->identifier, sizeof(login->identifier));
		pap_request_send(ppp);
	}
}

static int md5_respond(struct ppp *ppp)
{
	struct login *login = ppp->login;
	const struct digest_part parts[] = {
		{&login->identifier, sizeof(login->identifier)},
		{ppp->login->credentials->password, strlen(ppp->login->credentials->password)},
		{login->challenge, login->challenge_bytes},
	};

	login->response_bytes = CHAP_MD5_RESPONSE_BYTES;
	return digest_compute(DIGEST_MD5, parts, 3, login->response);
}

void ppp_login_start_handed_over(struct ppp *ppp, struct ppp_handover *handover)
{
	struct login *login = ppp->login;
	struct ppp_proxy *proxy = &handover->proxy;
	const char *password = login->credentials->password;

	if (login->method == PPP_AUTHENTICATION_NONE ||
	    login->method == PPP_AUTHENTICATION_MS_CHAP_V2) {
		ppp_login_start(ppp);
		return;
	}
	login->state = LOGIN_WAITS;
	random_fill(&ppp->random, &login->identifier, sizeof(login->identifier));
	proxy->method = login->method;
	proxy->identifier = login->identifier;
	proxy->name = (struct ppp_proxy_value){strlen(login->credentials->user_name),
					       (const uint8_t *)login->credentials->user_name};
	proxy->response = (struct ppp_proxy_value){strlen(password), (const uint8_t *)password};
	if (login->method == PPP_AUTHENTICATION_PAP) {
		login->deadline_ms = ppp->now_ms + ppp->config->restart_ms[3];
		return;
	}
	login->challenge_bytes = sizeof(handover->challenge);
	random_fill(&ppp->random, login->challenge, login->challenge_bytes);
	if (md5_respond(ppp) != 0)
		ppp_fail(ppp, CAUSE_no_common_authentication,
			 "the response to the challenge cannot be computed");
	memcpy(handover->challenge, login->challenge, sizeof(handover->challenge));
	memcpy(handover->response, login->response, sizeof(handover->response));
	proxy->challenge =
		(struct ppp_proxy_value){sizeof(handover->challenge), handover->challenge};
	proxy->response = (struct ppp_proxy_value){sizeof(handover->response), handover->response};
}

void ppp_login_on_time(struct ppp *ppp)
{
	struct login *login = ppp->login;

	if (ppp->now_ms < login->deadline_ms)
		return;
	if (login->tries >= ppp->config->max_configure) {
		login->deadline_ms = UINT64_MAX;
		ppp_fail(ppp, CAUSE_authentication_timeout, "no answer to PAP");
		return;
	}
	ppp_count(ppp, PPP_COUNTER_retransmitted);
	pap_request_send(ppp);
}

static void accepted(struct ppp *ppp)
{
	ppp->login->state = LOGIN_DONE;
	ppp->login->deadline_ms = UINT64_MAX;
	if (ppp->phase == PHASE_AUTHENTICATE)
		ppp_network_start(ppp);
}

static void refused(struct ppp *ppp, struct cursor text)
{
	size_t length = cursor_left(&text);

	ppp_fail(ppp, CAUSE_wrong_password, "%s was refused: %.*s",
		 ppp_authentication_name(ppp->login->method), (int)(length > 96 ? 96 : length),
		 length == 0 ? "" : (const char *)text.at);
}

void ppp_login_receive_pap(struct ppp *ppp, const struct packet *packet)
{
	struct login *login = ppp->login;
	struct cursor data = packet->data;
	struct cursor text = cursor_child(&data, cursor_u8(&data));

	if (login->method != PPP_AUTHENTICATION_PAP || login->state == LOGIN_IDLE ||
	    (packet->code != PAP_ACK && packet->code != PAP_NAK)) {
		ppp_count(ppp, PPP_COUNTER_unexpected);
		return;
	}
	if (packet->identifier != login->identifier) {
		ppp_count(ppp, PPP_COUNTER_wrong_identifier);
		return;
	}
	if (login->state == LOGIN_DONE)
		return;
	if (packet->code == PAP_ACK)
		accepted(ppp);
	else
		refused(ppp, text);
}

/* ---- CHAP ---- */

/* The response is our challenge, eight zeroes, the NT-Response and flags (RFC 2759 4). */
static int ms_chap_v2_respond(struct ppp *ppp)
{
	struct login *login = ppp->login;
	struct ms_chap *ms_chap = ppp->config->ms_chap;
	const char *user = ppp->login->credentials->user_name;
	uint8_t *peer_challenge = login->response;
	uint8_t *nt_response = login->response + 24;
	uint8_t hash[MS_CHAP_HASH_BYTES];
	int error;

	if (ms_chap == NULL || login->challenge_bytes != 16)
		return -1;
	memset(login->response, 0, sizeof(login->response));
	random_fill(&ppp->random, peer_challenge, 16);
	login->response_bytes = MS_CHAP_V2_RESPONSE_BYTES;
	error = ms_chap_password_hash(ms_chap, ppp->login->credentials->password, hash);
	if (error == 0)
		error = ms_chap_nt_response(ms_chap, login->challenge, peer_challenge, user, hash,
					    nt_response);
	if (error == 0)
		error = ms_chap_authenticator_response(ms_chap, hash, nt_response, peer_challenge,
						       login->challenge, user,
						       login->authenticator_response);
	memory_wipe(hash, sizeof(hash));
	return error;
}

static void response_send(struct ppp *ppp)
{
	const struct login *login = ppp->login;
	const char *user = ppp->login->credentials->user_name;
	uint8_t bytes[1 + MS_CHAP_V2_RESPONSE_BYTES + PPP_USER_NAME_BYTES];
	struct writer w = writer_over(bytes, sizeof(bytes));

	writer_u8(&w, login->response_bytes);
	writer_bytes(&w, login->response, login->response_bytes);
	writer_bytes(&w, user, strnlen(user, PPP_USER_NAME_BYTES));
	ppp_send(ppp, PROTOCOL_CHAP, CHAP_RESPONSE, login->identifier, bytes, writer_length(&w));
}

/* The same challenge once more: our response was lost, and is the same. */
static bool challenge_repeated(const struct login *login, const struct packet *packet,
			       const struct cursor *value)
{
	return login->response_bytes != 0 && packet->identifier == login->identifier &&
	       cursor_left(value) == login->challenge_bytes &&
	       memcmp(value->at, login->challenge, login->challenge_bytes) == 0;
}

static void challenge_receive(struct ppp *ppp, const struct packet *packet)
{
	struct login *login = ppp->login;
	struct cursor data = packet->data;
	struct cursor value = cursor_child(&data, cursor_u8(&data));
	size_t length = cursor_left(&value);

	if (cursor_failed(&data) || length == 0 || length > sizeof(login->challenge)) {
		ppp_count(ppp, PPP_COUNTER_malformed);
		return;
	}
	if (!challenge_repeated(login, packet, &value)) {
		login->identifier = packet->identifier;
		login->challenge_bytes = (uint8_t)length;
		cursor_copy(&value, login->challenge, length);
		if ((login->method == PPP_AUTHENTICATION_CHAP_MD5 ? md5_respond(ppp)
								  : ms_chap_v2_respond(ppp)) != 0) {
			ppp_fail(ppp, CAUSE_no_common_authentication,
				 "the response to the challenge cannot be computed");
			return;
		}
	}
	response_send(ppp);
}

/* MS-CHAPv2: the peer proves that it knows the password too (RFC 2759 5). */
static void success_receive(struct ppp *ppp, struct cursor text)
{
	const char *expected = ppp->login->authenticator_response;
	size_t length = strlen(expected);

	if (ppp->login->method == PPP_AUTHENTICATION_MS_CHAP_V2 &&
	    (cursor_left(&text) < length ||
	     !memory_equal_constant_time(text.at, expected, length))) {
		ppp_fail(ppp, CAUSE_wrong_authenticator_response,
			 "the Success is not the right one");
		return;
	}
	accepted(ppp);
}

void ppp_login_receive_chap(struct ppp *ppp, const struct packet *packet)
{
	struct login *login = ppp->login;

	if (login->method <= PPP_AUTHENTICATION_PAP || login->state == LOGIN_IDLE ||
	    packet->code < CHAP_CHALLENGE || packet->code == CHAP_RESPONSE ||
	    packet->code > CHAP_FAILURE) {
		ppp_count(ppp, PPP_COUNTER_unexpected);
		return;
	}
	if (packet->code == CHAP_CHALLENGE) {
		challenge_receive(ppp, packet);
		return;
	}
	if (login->response_bytes == 0 || packet->identifier != login->identifier) {
		ppp_count(ppp, PPP_COUNTER_wrong_identifier);
		return;
	}
	if (packet->code == CHAP_FAILURE)
		refused(ppp, packet->data);
	else if (login->state == LOGIN_WAITS)
		success_receive(ppp, packet->data);
}

void ppp_login_wipe(struct ppp *ppp)
{
	const struct ppp_credentials *credentials = ppp->login->credentials;

	memory_wipe(ppp->login, sizeof(*ppp->login));
	ppp->login->credentials = credentials;
	ppp->login->deadline_ms = UINT64_MAX;
}
