/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/engine.h"
#include "l2tp/proxy.h"

#include <stdio.h>

/* The LAC: the end that asks for tunnels and for incoming calls in them (RFC 2661 5.1, 5.2). */

#define CONNECT_SPEED 1000000000 /* of ICCN: bits per second, for the peer's information */
#define FRAMING_SYNC  1

void l2tp_lac_send_sccrq(struct tunnel *tunnel)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_message_begin(&w, MESSAGE_SCCRQ, 0, 0);
	l2tp_tunnel_describe(tunnel, &w);
	l2tp_tunnel_send(tunnel, &w, MESSAGE_SCCRQ, 0);
}

void l2tp_lac_send_scccn(struct tunnel *tunnel, const struct message *sccrp)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	uint8_t response[CHALLENGE_RESPONSE_BYTES];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_message_begin(&w, MESSAGE_SCCCN, tunnel->peer_id, 0);
	if (message_has(sccrp, AVP_CHALLENGE) &&
	    l2tp_authentication_respond(l2tp_tunnel_secret(tunnel), MESSAGE_SCCCN, sccrp->challenge,
					sccrp->challenge_bytes, response) == 0)
		l2tp_avp_write_bytes(&w, AVP_CHALLENGE_RESPONSE, true, response, sizeof(response));
	l2tp_tunnel_send(tunnel, &w, MESSAGE_SCCCN, 0);
}

struct verdict l2tp_lac_judge_sccrp(const struct tunnel *tunnel, const struct message *sccrp)
{
	const uint64_t required = 1u << AVP_PROTOCOL_VERSION | 1u << AVP_HOST_NAME |
				  1u << AVP_FRAMING_CAPABILITIES | 1u << AVP_ASSIGNED_TUNNEL_ID;
	uint16_t code = 0;
	enum cause cause = CAUSE_l2tp_avp_missing;

	if ((sccrp->present & required) != required || sccrp->assigned_tunnel == 0) {
		code = WIRE_CODE(STOPCCN_GENERAL_ERROR, ERROR_VALUE);
	} else if (sccrp->protocol_version >> 8 != 1) {
		code = WIRE_CODE(STOPCCN_VERSION_NOT_SUPPORTED, ERROR_NONE);
		cause = CAUSE_l2tp_version;
	} else if (message_has(sccrp, AVP_CHALLENGE) && tunnel->l2tp->config->secret == NULL) {
		code = WIRE_CODE(STOPCCN_NOT_AUTHORIZED, ERROR_NONE);
		cause = CAUSE_l2tp_no_secret;
	}
	return (struct verdict){code == 0 ? VERDICT_ACCEPT : VERDICT_PEER_FAULT, code, cause};
}

uint16_t l2tp_tunnel_dial(struct l2tp *l2tp, const struct endpoint *peer,
			  const struct endpoint *local, uint64_t now_ms)
{
	struct tunnel *tunnel;

	l2tp->now_ms = now_ms;
	if (l2tp->active_count >= l2tp->config->tunnels_total)
		return 0;
	tunnel = l2tp_tunnel_new(l2tp, peer, local, L2TP_LAC_NONE);
	if (tunnel == NULL)
		return 0;
	l2tp_tunnel_challenge(tunnel);
	l2tp_tunnel_call(tunnel);
	return tunnel->id;
}

void l2tp_lac_send_icrq(struct session *session)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_message_begin(&w, MESSAGE_ICRQ, session->tunnel->peer_id, 0);
	l2tp_avp_write_u16(&w, AVP_ASSIGNED_SESSION_ID, true, session->id);
	l2tp_avp_write_u32(&w, AVP_CALL_SERIAL_NUMBER, true, session->setup->call_serial);
	if (session->setup->called_number[0] != '\0')
		l2tp_avp_write_bytes(&w, AVP_CALLED_NUMBER, true, session->setup->called_number,
				     strlen(session->setup->called_number));
	if (session->setup->calling_number[0] != '\0')
		l2tp_avp_write_bytes(&w, AVP_CALLING_NUMBER, true, session->setup->calling_number,
				     strlen(session->setup->calling_number));
	l2tp_tunnel_send(session->tunnel, &w, MESSAGE_ICRQ, session->id);
}

void l2tp_lac_send_iccn(struct session *session)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_message_begin(&w, MESSAGE_ICCN, session->tunnel->peer_id, session->peer_id);
	l2tp_avp_write_u32(&w, AVP_TX_CONNECT_SPEED, true, CONNECT_SPEED);
	l2tp_avp_write_u32(&w, AVP_FRAMING_TYPE, true, FRAMING_SYNC);
	if (session->setup->proxy != NULL)
		l2tp_proxy_write(&w, session->setup->proxy);
	l2tp_tunnel_send(session->tunnel, &w, MESSAGE_ICCN, session->id);
}

/* Takes `proxy` over. */
static uint16_t session_dial(struct l2tp *l2tp, uint16_t tunnel_id, const char *calling_number,
			     const char *called_number, struct l2tp_proxy *proxy, uint64_t now_ms)
{
	struct tunnel *tunnel = l2tp_id_table_find(&l2tp->tunnels, tunnel_id);
	struct session_setup *setup;
	struct session *session = NULL;

	l2tp->now_ms = now_ms;
	if (tunnel != NULL && tunnel->state == TUNNEL_ESTABLISHED)
		session = l2tp_session_new(tunnel);
	if (session == NULL) {
		l2tp_proxy_free(proxy);
		return 0;
	}
	setup = session->setup;
	setup->proxy = proxy;
	setup->call_serial = ++l2tp->call_serial;
	snprintf(setup->calling_number, sizeof(setup->calling_number), "%s", calling_number);
	snprintf(setup->called_number, sizeof(setup->called_number), "%s", called_number);
	l2tp_session_call(session);
	l2tp_tunnel_settle(tunnel);
	return session->id;
}

uint16_t l2tp_session_dial(struct l2tp *l2tp, uint16_t tunnel, const char *calling_number,
			   const char *called_number, uint64_t now_ms)
{
	return session_dial(l2tp, tunnel, calling_number, called_number, NULL, now_ms);
}

uint16_t l2tp_session_dial_proxied(struct l2tp *l2tp, uint16_t tunnel, const char *calling_number,
				   const char *called_number, const struct l2tp_proxy *proxy,
				   uint64_t now_ms)
{
	struct l2tp_proxy *copy = l2tp_proxy_copy(proxy);

	return copy == NULL
		       ? 0
		       : session_dial(l2tp, tunnel, calling_number, called_number, copy, now_ms);
}
