/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

/* The peer authenticates: PAP (RFC 1334), CHAP (RFC 1994), MS-CHAPv2 (RFC 2759). */

/* MS-CHAPv2 error codes (RFC 2759 6). */
#define MS_CHAP_AUTHENTICATION_FAILURE 691
#define MS_CHAP_NO_DIALIN_PERMISSION   649

#define ANSWER_KEPT_MS                 30000 /* for a peer that repeats its attempt though IPCP is open */

static uint16_t protocol_of(uint8_t method)
{
	return method == PPP_AUTHENTICATION_PAP ? PROTOCOL_PAP : PROTOCOL_CHAP;
}

static uint32_t restart_ms(const struct ppp *ppp)
{
	uint8_t index = ppp->authentication->tries < 4 ? ppp->authentication->tries : 3;

	return ppp->config->restart_ms[index];
}

static void challenge_send(struct ppp *ppp)
{
	struct authentication *a = ppp->authentication;
	uint8_t bytes[1 + sizeof(a->challenge) + sizeof(ppp->config->name)];
	struct writer w = writer_over(bytes, sizeof(bytes));

	writer_u8(&w, sizeof(a->challenge));
	writer_bytes(&w, a->challenge, sizeof(a->challenge));
	writer_bytes(&w, ppp->config->name, strnlen(ppp->config->name, sizeof(ppp->config->name)));
	ppp_send(ppp, PROTOCOL_CHAP, CHAP_CHALLENGE, a->identifier, bytes, writer_length(&w));
}

/* PAP's peer speaks first; with CHAP we do. */
static void wait_for_peer(struct ppp *ppp)
{
	struct authentication *a = ppp->authentication;

	a->deadline_ms = ppp->now_ms + restart_ms(ppp);
	a->tries++;
	if (a->method != PPP_AUTHENTICATION_PAP)
		challenge_send(ppp);
}

static struct authentication *authentication_new(struct ppp *ppp)
{
	struct authentication *a = memory_new(sizeof(*a));

	ppp_authentication_end(ppp);
	ppp->authentication = a;
	ppp->counters->authentications++;
	a->deadline_ms = UINT64_MAX;
	a->method = ppp->lcp.method;
	a->state = AUTHENTICATION_WAITS;
	return a;
}

void ppp_authentication_start(struct ppp *ppp)
{
	struct authentication *a = authentication_new(ppp);
	struct ppp_event *event;

	if (a->method == PPP_AUTHENTICATION_NONE) {
		a->state = AUTHENTICATION_ASKED;
		event = ppp_event_new(ppp, PPP_AUTHENTICATE, 0);
		event->authenticate.method = a->method;
		return;
	}
	random_fill(&ppp->random, &a->identifier, sizeof(a->identifier));
	random_fill(&ppp->random, a->challenge, sizeof(a->challenge));
	wait_for_peer(ppp);
}

void ppp_authentication_on_time(struct ppp *ppp)
{
	struct authentication *a = ppp->authentication;

	if (ppp->now_ms < a->deadline_ms)
		return;
	if (a->state == AUTHENTICATION_DONE) {
		ppp_authentication_end(ppp);
		return;
	}
	if (a->tries >= ppp->config->max_configure) {
		a->deadline_ms = UINT64_MAX;
		ppp_fail(ppp, CAUSE_authentication_timeout, "no answer to %s",
			 ppp_authentication_name(a->method));
		return;
	}
	if (a->method != PPP_AUTHENTICATION_PAP)
		ppp_count(ppp, PPP_COUNTER_retransmitted);
	wait_for_peer(ppp);
}

/* ---- the result ---- */

static void answer_send(struct ppp *ppp)
{
	const struct authentication *a = ppp->authentication;

	ppp_send(ppp, protocol_of(a->method), a->answer_code, a->identifier, a->answer,
		 a->answer_length);
}

static void answer_write_pap(struct authentication *a, bool accepted, const char *text)
{
	struct writer w = writer_over(a->answer, sizeof(a->answer));

	a->answer_code = accepted ? PAP_ACK : PAP_NAK;
	writer_u8(&w, (uint8_t)strlen(text));
	writer_bytes(&w, text, strlen(text));
	a->answer_length = (uint8_t)writer_length(&w);
}

/* RFC 2759 6: the challenge in a Failure is a new one, of use only when R=1. */
static void answer_write_failure(struct ppp *ppp, const char *text, int error)
{
	struct authentication *a = ppp->authentication;
	char digits[2 * sizeof(a->challenge) + 1];
	uint8_t fresh[sizeof(a->challenge)];

	random_fill(&ppp->random, fresh, sizeof(fresh));
	for (size_t i = 0; i < sizeof(fresh); i++)
		snprintf(digits + 2 * i, 3, "%02X", fresh[i]);
	a->answer_length = (uint8_t)snprintf((char *)a->answer, sizeof(a->answer),
					     "E=%d R=0 C=%s V=3 M=%s", error, digits, text);
}

static void answer_write(struct ppp *ppp, const struct ppp_authentication_result *result)
{
	struct authentication *a = ppp->authentication;
	bool no_address = !result->accepted && (result->cause == CAUSE_no_address_left ||
						result->cause == CAUSE_address_in_use);
	const char *text = result->message[0] != '\0' ? result->message
			   : result->accepted         ? "Welcome"
			   : no_address               ? "No address is left"
						      : "Authentication failed";

	if (a->method == PPP_AUTHENTICATION_PAP) {
		answer_write_pap(a, result->accepted, text);
		return;
	}
	a->answer_code = result->accepted ? CHAP_SUCCESS : CHAP_FAILURE;
	if (a->method == PPP_AUTHENTICATION_CHAP_MD5)
		a->answer_length =
			(uint8_t)snprintf((char *)a->answer, sizeof(a->answer), "%s", text);
	else if (result->accepted)
		a->answer_length = (uint8_t)snprintf((char *)a->answer, sizeof(a->answer),
						     "%.63s M=%s", result->success, text);
	else
		answer_write_failure(ppp, text,
				     result->ms_chap_error != 0 ? result->ms_chap_error
				     : no_address               ? MS_CHAP_NO_DIALIN_PERMISSION
								: MS_CHAP_AUTHENTICATION_FAILURE);
}

void ppp_authentication_settle(struct ppp *ppp, const struct ppp_authentication_result *result)
{
	struct authentication *a = ppp->authentication;

	if (a->state != AUTHENTICATION_ASKED)
		return;
	a->state = result->accepted ? AUTHENTICATION_DONE : AUTHENTICATION_REFUSED;
	if (a->method != PPP_AUTHENTICATION_NONE) {
		answer_write(ppp, result);
		answer_send(ppp);
	}
	memory_wipe(a->challenge, sizeof(a->challenge));
	if (!result->accepted) {
		ppp_fail(ppp, result->cause, "%s was refused%s%s",
			 ppp_authentication_name(a->method), result->detail[0] != '\0' ? ": " : "",
			 result->detail);
		return;
	}
	ppp->grant = result->grant;
	ppp_network_start(ppp);
}

void ppp_authentication_repeat_success(struct ppp *ppp)
{
	if (!ppp_authentication_runs(ppp) || ppp->authentication->answer_code != CHAP_SUCCESS ||
	    protocol_of(ppp->authentication->method) != PROTOCOL_CHAP)
		return;
	ppp_count(ppp, PPP_COUNTER_success_repeated);
	answer_send(ppp);
}

/* ---- what the peer sends ---- */

/* The whole name, control characters replaced; false if there is no room for it. */
static bool name_take(struct cursor name, char text[PPP_USER_NAME_BYTES])
{
	size_t length = cursor_left(&name);

	if (length >= PPP_USER_NAME_BYTES)
		return false;
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = cursor_u8(&name);

		text[i] = byte < 0x20 || byte == 0x7f ? '?' : (char)byte;
	}
	text[length] = '\0';
	return true;
}

static void name_refuse(struct ppp *ppp)
{
	const struct ppp_authentication_result refused = {.cause = CAUSE_user_name_too_long};

	ppp->authentication->state = AUTHENTICATION_ASKED;
	ppp_authentication_settle(ppp, &refused);
}

/* True when this attempt was answered before, or is being answered. */
static bool attempt_repeated(struct ppp *ppp)
{
	struct authentication *a = ppp->authentication;

	if (a->state == AUTHENTICATION_WAITS)
		return false;
	if (a->state == AUTHENTICATION_DONE || a->state == AUTHENTICATION_REFUSED) {
		ppp_count(ppp, PPP_COUNTER_repeated_response);
		answer_send(ppp);
	}
	return true;
}

static struct ppp_event *attempt_new(struct ppp *ppp)
{
	struct authentication *a = ppp->authentication;
	struct ppp_event *event = ppp_event_new(ppp, PPP_AUTHENTICATE, 0);

	a->state = AUTHENTICATION_ASKED;
	a->deadline_ms = UINT64_MAX;
	event->authenticate.method = a->method;
	event->authenticate.identifier = a->identifier;
	return event;
}

static void pap_attempt(struct ppp *ppp, struct cursor name, struct cursor password)
{
	char text[PPP_USER_NAME_BYTES];
	struct ppp_event *event;

	if (!name_take(name, text) ||
	    cursor_left(&password) > sizeof(event->authenticate.password)) {
		name_refuse(ppp);
		return;
	}
	event = attempt_new(ppp);
	memcpy(event->authenticate.user_name, text, sizeof(text));
	event->authenticate.password_bytes = (uint8_t)cursor_left(&password);
	cursor_copy(&password, event->authenticate.password, cursor_left(&password));
}

/* `challenge` and `response` have lengths that the event holds. */
static void chap_attempt(struct ppp *ppp, struct cursor name, struct cursor challenge,
			 struct cursor response)
{
	char text[PPP_USER_NAME_BYTES];
	struct ppp_event *event;

	if (!name_take(name, text)) {
		name_refuse(ppp);
		return;
	}
	event = attempt_new(ppp);
	memcpy(event->authenticate.user_name, text, sizeof(text));
	event->authenticate.challenge_bytes = (uint8_t)cursor_left(&challenge);
	cursor_copy(&challenge, event->authenticate.challenge, cursor_left(&challenge));
	event->authenticate.response_bytes = (uint8_t)cursor_left(&response);
	cursor_copy(&response, event->authenticate.response, cursor_left(&response));
}

void ppp_authentication_receive_pap(struct ppp *ppp, const struct packet *packet)
{
	struct authentication *a = ppp->authentication;
	struct cursor data = packet->data;
	struct cursor name = cursor_child(&data, cursor_u8(&data));
	struct cursor password = cursor_child(&data, cursor_u8(&data));

	if (a == NULL || a->method != PPP_AUTHENTICATION_PAP || packet->code != PAP_REQUEST) {
		ppp_count(ppp, PPP_COUNTER_unexpected);
		return;
	}
	if (cursor_failed(&data)) {
		ppp_count(ppp, PPP_COUNTER_malformed);
		return;
	}
	a->identifier = packet->identifier;
	if (!attempt_repeated(ppp))
		pap_attempt(ppp, name, password);
}

static size_t response_bytes(uint8_t method)
{
	return method == PPP_AUTHENTICATION_CHAP_MD5 ? CHAP_MD5_RESPONSE_BYTES
						     : MS_CHAP_V2_RESPONSE_BYTES;
}

void ppp_authentication_receive_chap(struct ppp *ppp, const struct packet *packet)
{
	struct authentication *a = ppp->authentication;
	struct cursor data = packet->data;
	struct cursor value = cursor_child(&data, cursor_u8(&data));

	if (a == NULL || a->method <= PPP_AUTHENTICATION_PAP || packet->code != CHAP_RESPONSE) {
		ppp_count(ppp, PPP_COUNTER_unexpected);
		return;
	}
	if (packet->identifier != a->identifier) {
		ppp_count(ppp, PPP_COUNTER_wrong_identifier);
		return;
	}
	if (cursor_failed(&data) || cursor_left(&value) != response_bytes(a->method)) {
		ppp_count(ppp, PPP_COUNTER_malformed);
		return;
	}
	if (!attempt_repeated(ppp))
		chap_attempt(ppp, data, cursor_over(a->challenge, sizeof(a->challenge)), value);
}

static struct cursor value_cursor(struct ppp_proxy_value value)
{
	return cursor_over(value.bytes, value.length);
}

void ppp_authentication_start_proxied(struct ppp *ppp, const struct ppp_proxy *proxy)
{
	authentication_new(ppp)->identifier = proxy->identifier;
	if (proxy->method == PPP_AUTHENTICATION_PAP)
		pap_attempt(ppp, value_cursor(proxy->name), value_cursor(proxy->response));
	else
		chap_attempt(ppp, value_cursor(proxy->name), value_cursor(proxy->challenge),
			     value_cursor(proxy->response));
}

void ppp_authentication_linger(struct ppp *ppp)
{
	if (ppp_authentication_runs(ppp))
		ppp->authentication->deadline_ms = ppp->now_ms + ANSWER_KEPT_MS;
}

void ppp_authentication_end(struct ppp *ppp)
{
	if (!ppp_authentication_runs(ppp))
		return;
	memory_wipe(ppp->authentication, sizeof(*ppp->authentication));
	free(ppp->authentication);
	ppp->authentication = NULL;
	ppp->counters->authentications--;
}
