/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/engine.h"

#include <errno.h>

/* Messages with tunnel id 0: the peer asks for a tunnel. */

/* One StopCCN without any state: it is answered again when the peer asks again. */
static void request_refuse(struct l2tp *l2tp, const struct message *sccrq,
			   const struct endpoint *from, const struct endpoint *local,
			   const struct verdict *verdict)
{
	uint8_t bytes[MESSAGE_SENT_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	l2tp_count(l2tp, L2TP_COUNTER_tunnel_refused);
	l2tp_step_begin(l2tp, 0);
	l2tp_down(l2tp, L2TP_TUNNEL_DOWN, 0, 0, from, false, verdict, NULL);
	l2tp_stopccn_compose(&w, sccrq->assigned_tunnel, 0, verdict->wire_code);
	l2tp_message_end(&w, 0, 1);
	l2tp_step(l2tp, false, MESSAGE_STOPCCN, "refuses the tunnel", 0, 0);
	l2tp_send(l2tp, 0, 0, from, local, bytes, writer_length(&w));
}

static struct verdict request_judge(struct l2tp *l2tp, const struct message *sccrq, uint16_t lac)
{
	const uint64_t required = 1u << AVP_PROTOCOL_VERSION | 1u << AVP_HOST_NAME |
				  1u << AVP_FRAMING_CAPABILITIES | 1u << AVP_ASSIGNED_TUNNEL_ID;
	uint16_t code = 0;
	enum cause cause = CAUSE_none;

	if (sccrq->unknown_mandatory) {
		l2tp_count(l2tp, L2TP_COUNTER_unknown_mandatory_avp);
		code = WIRE_CODE(STOPCCN_GENERAL_ERROR, ERROR_UNKNOWN_MANDATORY_AVP);
		cause = CAUSE_l2tp_unknown_avp;
	} else if (sccrq->wrong_length) {
		code = WIRE_CODE(STOPCCN_GENERAL_ERROR, ERROR_LENGTH);
		cause = CAUSE_l2tp_avp_length;
	} else if ((sccrq->present & required) != required ||
		   (message_has(sccrq, AVP_RECEIVE_WINDOW_SIZE) && sccrq->receive_window == 0)) {
		code = WIRE_CODE(STOPCCN_GENERAL_ERROR, ERROR_VALUE);
		cause = CAUSE_l2tp_avp_missing;
	} else if (sccrq->protocol_version >> 8 != 1) {
		code = WIRE_CODE(STOPCCN_VERSION_NOT_SUPPORTED, ERROR_NONE);
		cause = CAUSE_l2tp_version;
	} else if (message_has(sccrq, AVP_CHALLENGE) &&
		   l2tp_secret(l2tp->config, lac).bytes == NULL) {
		code = WIRE_CODE(STOPCCN_NOT_AUTHORIZED, ERROR_NONE);
		cause = CAUSE_l2tp_no_secret;
	} else if (l2tp->active_count >= l2tp->config->tunnels_total) {
		code = WIRE_CODE(STOPCCN_GENERAL_ERROR, ERROR_RESOURCES);
		cause = CAUSE_l2tp_too_many_tunnels;
	}
	return (struct verdict){code == 0 ? VERDICT_ACCEPT : VERDICT_PEER_FAULT, code, cause};
}

static void request_accept(struct l2tp *l2tp, const struct message *sccrq, uint16_t lac,
			   uint64_t digest, const struct endpoint *from,
			   const struct endpoint *local)
{
	const struct verdict evicted = {VERDICT_IGNORE, 0, CAUSE_l2tp_setup_timeout};
	struct tunnel *tunnel;

	if (l2tp->half_open_count >= L2TP_HALF_OPEN_MAX) {
		l2tp_count(l2tp, L2TP_COUNTER_half_open_evicted);
		tunnel = TAILQ_FIRST(&l2tp->half_open);
		l2tp_tunnel_vanish(tunnel, &evicted);
	}
	if (l2tp->lingering_count > l2tp->config->tunnels_total) {
		tunnel = TAILQ_FIRST(&l2tp->lingering);
		l2tp_tunnel_stop_lingering(tunnel);
	}
	tunnel = l2tp_tunnel_new(l2tp, from, local, lac);
	if (tunnel == NULL)
		return;
	l2tp_tunnel_know_peer(tunnel, sccrq);
	tunnel->sccrq_digest = digest;
	l2tp_tunnel_challenge(tunnel);
	tunnel->reliable.nr = 1;
	l2tp_step_begin(l2tp, tunnel->id);
	l2tp_tunnel_open(tunnel, sccrq);
}

/*
 * An SCCRQ with a tunnel id that this peer uses already. True when it is the first one repeated:
 * what we answered then is answered again. Otherwise the peer has begun anew: inside IPsec, where
 * nobody else can have sent it, the old tunnel goes without a word, since its StopCCN would hit
 * the new one.
 */
static bool request_repeated(struct tunnel *tunnel, uint64_t digest)
{
	struct l2tp *l2tp = tunnel->l2tp;
	const struct verdict replaced = {VERDICT_IGNORE, 0, CAUSE_l2tp_replaced};
	bool waits = tunnel->state == TUNNEL_WAIT_CTL_CONN;

	if (waits ? digest != tunnel->sccrq_digest
		  : l2tp->now_ms - tunnel->established_ms > L2TP_REPEATED_MS) {
		if (waits || l2tp->config->secured)
			l2tp_tunnel_vanish(tunnel, &replaced);
		return false;
	}
	l2tp_count(l2tp, L2TP_COUNTER_duplicate);
	l2tp_step(l2tp, true, MESSAGE_SCCRQ, "received again", tunnel->id, 0);
	l2tp_tunnel_repeat_first(tunnel);
	return true;
}

/* FNV-1a: enough to tell two requests of one peer apart. */
static uint64_t body_digest(struct cursor body)
{
	uint64_t digest = 14695981039346656037u;

	while (cursor_more(&body))
		digest = (digest ^ cursor_u8(&body)) * 1099511628211u;
	return digest;
}

/* What is hidden in an SCCRQ can be read once its host name, which is not, has told the secret. */
static int request_parse(const struct l2tp_config *config, struct cursor body,
			 struct message *message, uint16_t *lac)
{
	const struct secret none = {.bytes = NULL};

	*lac = L2TP_LAC_NONE;
	if (config->lac_count != 0) {
		if (l2tp_message_parse(body, none, message) != 0)
			return -EBADMSG;
		*lac = l2tp_lac_find(config, message->host_name);
	}
	return l2tp_message_parse(body, l2tp_secret(config, *lac), message);
}

void l2tp_tunnel_request(struct l2tp *l2tp, const struct message_header *header, struct cursor body,
			 const struct endpoint *from, const struct endpoint *local)
{
	struct message message;
	struct verdict verdict;
	struct tunnel *tunnel;
	uint64_t digest = body_digest(body);
	uint16_t lac;

	if (!cursor_more(&body)) {
		l2tp_count(l2tp, L2TP_COUNTER_tunnel_zero);
		return;
	}
	if (request_parse(l2tp->config, body, &message, &lac) != 0) {
		l2tp_count(l2tp, L2TP_COUNTER_malformed);
		return;
	}
	if (message.type == MESSAGE_STOPCCN && message.assigned_tunnel != 0) {
		tunnel = l2tp_tunnel_of_peer(l2tp, message.assigned_tunnel, from);
		if (tunnel != NULL) {
			l2tp_tunnel_receive(tunnel, header, body.at - MESSAGE_HEADER_BYTES,
					    MESSAGE_HEADER_BYTES + cursor_left(&body));
			return;
		}
	}
	if (message.type != MESSAGE_SCCRQ) {
		l2tp_count(l2tp, L2TP_COUNTER_tunnel_zero);
		return;
	}
	if (message.assigned_tunnel == 0) {
		l2tp_count(l2tp, L2TP_COUNTER_malformed);
		return;
	}
	tunnel = l2tp_tunnel_of_peer(l2tp, message.assigned_tunnel, from);
	if (tunnel != NULL && request_repeated(tunnel, digest))
		return;
	l2tp->counters->value[L2TP_COUNTER_unknown_avp_ignored] += message.unknown_ignored;
	verdict = request_judge(l2tp, &message, lac);
	if (verdict.kind == VERDICT_ACCEPT)
		request_accept(l2tp, &message, lac, digest, from, local);
	else
		request_refuse(l2tp, &message, from, local, &verdict);
}
