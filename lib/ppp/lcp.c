/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

#include <stdio.h>

/* The Link Control Protocol: our options and the peer's (RFC 1661 6, RFC 1570). */

enum lcp_code {
	PROTOCOL_REJECT = 8,
	ECHO_REQUEST = 9,
	ECHO_REPLY = 10,
	DISCARD_REQUEST = 11,
	IDENTIFICATION = 12,
	TIME_REMAINING = 13,
};

#define CHAP_MD5     5
#define CHAP_MS_V2   0x81
#define LOOPED_MAX   5 /* own magic numbers seen: the link is a loop */
#define MRU_NAKS_MAX 2 /* then the option is left out */
#define REFUSALS_MAX 20

const char *ppp_authentication_name(uint8_t method)
{
	static const char *const names[] = {"none", "PAP", "CHAP", "MS-CHAPv2"};

	return names[method];
}

uint32_t ppp_lcp_magic_new(struct ppp *ppp)
{
	uint32_t magic = random_u32(&ppp->random);

	return magic == 0 ? 1 : magic;
}

void ppp_lcp_authentication_write(struct writer *w, uint8_t method)
{
	static const uint8_t pap[] = {0xc0, 0x23};
	static const uint8_t chap_md5[] = {0xc2, 0x23, CHAP_MD5};
	static const uint8_t ms_chap_v2[] = {0xc2, 0x23, CHAP_MS_V2};

	if (method == PPP_AUTHENTICATION_PAP)
		option_write(w, LCP_OPTION_AUTHENTICATION, pap, sizeof(pap));
	else if (method == PPP_AUTHENTICATION_CHAP_MD5)
		option_write(w, LCP_OPTION_AUTHENTICATION, chap_md5, sizeof(chap_md5));
	else if (method == PPP_AUTHENTICATION_MS_CHAP_V2)
		option_write(w, LCP_OPTION_AUTHENTICATION, ms_chap_v2, sizeof(ms_chap_v2));
}

void ppp_lcp_request_write(struct ppp *ppp, struct writer *w)
{
	const struct lcp *lcp = &ppp->lcp;

	if (lcp->ask_mru && lcp->mru != MRU_DEFAULT)
		option_write_u16(w, LCP_OPTION_MRU, lcp->mru);
	ppp_lcp_authentication_write(w, lcp->method);
	if (lcp->ask_magic)
		option_write_u32(w, LCP_OPTION_MAGIC, lcp->magic);
}

/* ---- the peer's request ---- */

enum option_verdict { OPTION_FINE, OPTION_NAK, OPTION_REJECT };

/* Our own magic number came back: either chance or a loop. */
static void looped_seen(struct ppp *ppp)
{
	ppp_count(ppp, PPP_COUNTER_looped);
	if (++ppp->lcp.looped >= LOOPED_MAX)
		ppp_fail(ppp, CAUSE_link_looped, "own magic number %08x received %u times",
			 ppp->lcp.magic, LOOPED_MAX);
}

static enum option_verdict mru_judge(struct ppp *ppp, struct option *option, struct writer *nak)
{
	uint16_t mru = cursor_u16(&option->data);

	if (!cursor_finished(&option->data))
		return OPTION_REJECT;
	if (mru < MRU_LEAST) {
		option_write_u16(nak, LCP_OPTION_MRU, MRU_LEAST);
		return OPTION_NAK;
	}
	ppp->lcp.peer_mru = mru;
	return OPTION_FINE;
}

static enum option_verdict magic_judge(struct ppp *ppp, struct option *option, struct writer *nak)
{
	uint32_t magic = cursor_u32(&option->data);
	bool ours = ppp->lcp.ask_magic && magic == ppp->lcp.magic;

	if (!cursor_finished(&option->data))
		return OPTION_REJECT;
	if (!ours && magic != 0)
		return OPTION_FINE;
	if (ours)
		looped_seen(ppp);
	option_write_u32(nak, LCP_OPTION_MAGIC, ppp_lcp_magic_new(ppp));
	return OPTION_NAK;
}

static enum option_verdict flag_judge(struct option *option, bool *flag)
{
	if (!cursor_finished(&option->data))
		return OPTION_REJECT;
	*flag = true;
	return OPTION_FINE;
}

uint8_t ppp_lcp_method(struct ppp *ppp, struct cursor data)
{
	uint16_t protocol = cursor_u16(&data);
	uint8_t algorithm = cursor_more(&data) ? cursor_u8(&data) : 0;

	ppp->lcp.peer_wants_protocol = protocol;
	if (protocol == PROTOCOL_PAP)
		return PPP_AUTHENTICATION_PAP;
	if (protocol == PROTOCOL_CHAP && algorithm == CHAP_MD5)
		return PPP_AUTHENTICATION_CHAP_MD5;
	if (protocol == PROTOCOL_CHAP && algorithm == CHAP_MS_V2)
		return PPP_AUTHENTICATION_MS_CHAP_V2;
	return PPP_AUTHENTICATION_NONE;
}

/* The peer wants to know who we are: a client tells it in a way that it allows. */
static enum option_verdict authentication_judge(struct ppp *ppp, struct option *option,
						struct writer *nak)
{
	const struct ppp_config *config = ppp->config;
	uint8_t method = ppp_lcp_method(ppp, option->data);

	if (!ppp->client || config->authentication_count == 0)
		return OPTION_REJECT;
	for (uint8_t i = 0; i < config->authentication_count; i++) {
		if (config->authentication[i] == method) {
			ppp->login->method = method;
			return OPTION_FINE;
		}
	}
	ppp_lcp_authentication_write(nak, config->authentication[0]);
	return OPTION_NAK;
}

static enum option_verdict option_judge(struct ppp *ppp, struct option *option, struct writer *nak)
{
	switch (option->type) {
	case LCP_OPTION_MRU:
		return mru_judge(ppp, option, nak);
	case LCP_OPTION_ACCM:
		return cursor_left(&option->data) == 4 ? OPTION_FINE : OPTION_REJECT;
	case LCP_OPTION_AUTHENTICATION:
		return authentication_judge(ppp, option, nak);
	case LCP_OPTION_MAGIC:
		return magic_judge(ppp, option, nak);
	case LCP_OPTION_PFC:
		return flag_judge(option, &ppp->lcp.peer_pfc);
	case LCP_OPTION_ACFC:
		return flag_judge(option, &ppp->lcp.peer_acfc);
	default: /* callback, multilink and the rest */
		return OPTION_REJECT;
	}
}

uint8_t ppp_lcp_request_judge(struct ppp *ppp, struct cursor options, struct writer *reply)
{
	uint8_t nak_bytes[PACKET_BYTES_MAX];
	struct writer nak = writer_over(nak_bytes, sizeof(nak_bytes));
	bool naks_end = ppp->lcp.automaton.naks_sent >= ppp->config->max_failure;
	struct option option;

	ppp->lcp.peer_mru = MRU_DEFAULT;
	ppp->lcp.peer_pfc = false;
	ppp->lcp.peer_acfc = false;
	if (ppp->client)
		ppp->login->method = PPP_AUTHENTICATION_NONE;
	while (option_next(&options, &option)) {
		uint8_t wish_bytes[8];
		struct writer wish = writer_over(wish_bytes, sizeof(wish_bytes));
		enum option_verdict verdict = option_judge(ppp, &option, &wish);

		if (verdict == OPTION_REJECT || (verdict == OPTION_NAK && naks_end))
			writer_bytes(reply, option.bytes, option.length);
		else
			writer_bytes(&nak, wish_bytes, writer_length(&wish));
	}
	if (!cursor_finished(&options))
		return 0;
	if (writer_length(reply) != 0)
		return CONFIGURE_REJECT;
	if (writer_length(&nak) == 0)
		return CONFIGURE_ACK;
	writer_bytes(reply, nak_bytes, writer_length(&nak));
	return CONFIGURE_NAK;
}

/* ---- what the peer refuses of ours ---- */

bool ppp_lcp_method_left(const struct ppp *ppp, uint8_t method)
{
	for (uint8_t i = 0; i < ppp->config->authentication_count; i++)
		if (ppp->config->authentication[i] == method)
			return (ppp->lcp.methods_spent >> method & 1) == 0;
	return false;
}

static void no_common_authentication(struct ppp *ppp)
{
	const struct ppp_config *config = ppp->config;
	char allowed[64] = "";
	size_t at = 0;

	for (uint8_t i = 0; i < config->authentication_count; i++)
		at += (size_t)snprintf(allowed + at, sizeof(allowed) - at, "%s%s",
				       i == 0 ? "" : ", ",
				       ppp_authentication_name(config->authentication[i]));
	if (ppp->lcp.peer_wants_protocol == 0)
		ppp_fail(ppp, CAUSE_no_common_authentication,
			 "the peer refuses to authenticate; allowed: %s", allowed);
	else
		ppp_fail(ppp, CAUSE_no_common_authentication,
			 "the peer wants protocol 0x%04x; allowed: %s",
			 ppp->lcp.peer_wants_protocol, allowed);
}

/* The peer wants another way to authenticate: its own wish first, then our order. */
static void authentication_naked(struct ppp *ppp, struct cursor data)
{
	struct lcp *lcp = &ppp->lcp;
	uint8_t wish = ppp_lcp_method(ppp, data);

	if (lcp->method == PPP_AUTHENTICATION_NONE)
		return;
	lcp->methods_spent |= (uint8_t)(1u << lcp->method);
	if (ppp_lcp_method_left(ppp, wish)) {
		lcp->method = wish;
		return;
	}
	for (uint8_t i = 0; i < ppp->config->authentication_count; i++) {
		if (ppp_lcp_method_left(ppp, ppp->config->authentication[i])) {
			lcp->method = ppp->config->authentication[i];
			return;
		}
	}
	no_common_authentication(ppp);
}

/* A smaller size is as good; a peer that insists on a larger one gets no limit. */
static void mru_naked(struct ppp *ppp, struct cursor data)
{
	uint16_t mru = cursor_u16(&data);

	if (mru >= MRU_LEAST && mru < ppp->lcp.mru)
		ppp->lcp.mru = mru;
	else if (++ppp->lcp.mru_naks >= MRU_NAKS_MAX)
		ppp->lcp.ask_mru = false;
}

static void option_refused(struct ppp *ppp, bool rejected, const struct option *option)
{
	struct lcp *lcp = &ppp->lcp;

	switch (option->type) {
	case LCP_OPTION_MRU:
		if (rejected)
			lcp->ask_mru = false;
		else
			mru_naked(ppp, option->data);
		break;
	case LCP_OPTION_AUTHENTICATION:
		if (!rejected)
			authentication_naked(ppp, option->data);
		else if (lcp->method != PPP_AUTHENTICATION_NONE)
			no_common_authentication(ppp);
		break;
	case LCP_OPTION_MAGIC:
		if (rejected) {
			lcp->ask_magic = false;
		} else {
			looped_seen(ppp);
			lcp->magic = ppp_lcp_magic_new(ppp);
		}
		break;
	default: /* a wish for something that we did not ask */
		break;
	}
}

static void request_refused(struct ppp *ppp, bool rejected, struct cursor options)
{
	struct option option;

	while (ppp->phase == PHASE_ESTABLISH && option_next(&options, &option))
		option_refused(ppp, rejected, &option);
	if (ppp->phase == PHASE_ESTABLISH && ppp->lcp.automaton.refusals > REFUSALS_MAX)
		ppp_fail(ppp, CAUSE_lcp_failed, "the peer refused %u of our requests",
			 REFUSALS_MAX);
}

/* ---- layers ---- */

static void layer_up(struct ppp *ppp)
{
	ppp->lcp.looped = 0;
	ppp_enter(ppp, PHASE_AUTHENTICATE);
	ppp_echo_start(ppp);
	if (ppp->client)
		ppp_login_start(ppp);
	else
		ppp_authentication_start(ppp);
}

/* Only before IPCP is open: later restarts are the end (ppp_lcp_receive). */
static void layer_down(struct ppp *ppp)
{
	if (ppp->phase == PHASE_AUTHENTICATE)
		ppp_enter(ppp, PHASE_ESTABLISH);
	ppp_authentication_end(ppp);
	if (ppp->client) {
		ppp->login->state = LOGIN_IDLE;
		ppp->login->deadline_ms = UINT64_MAX;
	}
	ppp->echo.deadline_ms = UINT64_MAX;
}

static void layer_finished(struct ppp *ppp)
{
	if (!ppp->down_announced)
		ppp_fail(ppp, ppp->lcp.automaton.heard ? CAUSE_lcp_failed : CAUSE_lcp_timeout,
			 ppp->lcp.automaton.heard ? "LCP did not converge"
						  : "no LCP packet was received");
	ppp_finish(ppp);
}

static void peer_terminates(struct ppp *ppp, struct cursor text)
{
	size_t length = cursor_left(&text);

	ppp_fail(ppp, CAUSE_peer_request, "LCP Terminate-Request %.*s",
		 (int)(length > 64 ? 64 : length), length == 0 ? "" : (const char *)text.at);
}

static const struct automaton_protocol lcp_protocol = {
	.name = "LCP",
	.number = PROTOCOL_LCP,
	.offset = offsetof(struct ppp, lcp.automaton),
	.request_write = ppp_lcp_request_write,
	.request_judge = ppp_lcp_request_judge,
	.request_refused = request_refused,
	.layer_up = layer_up,
	.layer_down = layer_down,
	.layer_finished = layer_finished,
	.peer_terminates = peer_terminates,
};

void ppp_lcp_init(struct ppp *ppp)
{
	struct lcp *lcp = &ppp->lcp;

	ppp_automaton_init(&lcp->automaton, &lcp_protocol);
	lcp->mru = ppp->config->mru;
	lcp->ask_mru = true;
	lcp->ask_magic = true;
	lcp->magic = ppp_lcp_magic_new(ppp);
	lcp->peer_mru = MRU_DEFAULT;
	if (!ppp->client && ppp->config->authentication_count != 0)
		lcp->method = ppp->config->authentication[0];
}

/* ---- packets beyond the automaton ---- */

void ppp_lcp_protocol_reject(struct ppp *ppp, uint16_t protocol, struct cursor information)
{
	uint8_t bytes[PACKET_BYTES_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	size_t most = ppp->lcp.peer_mru < sizeof(bytes) ? ppp->lcp.peer_mru : sizeof(bytes);
	size_t length = cursor_left(&information);

	most -= PACKET_HEADER_BYTES + 2;
	if (length > most)
		length = most;
	writer_u16(&w, protocol);
	writer_bytes(&w, cursor_bytes(&information, length), length);
	ppp_count(ppp, PPP_COUNTER_protocol_rejected);
	ppp_send(ppp, PROTOCOL_LCP, PROTOCOL_REJECT, ++ppp->lcp.reject_identifier, bytes,
		 writer_length(&w));
}

static void protocol_reject_receive(struct ppp *ppp, const struct packet *packet)
{
	struct cursor data = packet->data;
	uint16_t protocol = cursor_u16(&data);

	if (cursor_failed(&data) || ppp->lcp.automaton.state != AUTOMATON_OPENED)
		return;
	switch (protocol) {
	case PROTOCOL_LCP:
		ppp_fail(ppp, CAUSE_lcp_rejected, "the peer rejects LCP");
		break;
	case PROTOCOL_PAP:
	case PROTOCOL_CHAP:
		if (ppp->phase == PHASE_AUTHENTICATE)
			ppp_fail(ppp, CAUSE_no_common_authentication,
				 "the peer rejects protocol 0x%04x", protocol);
		break;
	case PROTOCOL_IPCP:
		if (ppp->phase == PHASE_NETWORK || ppp->phase == PHASE_OPEN)
			ppp_fail(ppp, CAUSE_ipcp_refused, "the peer rejects IPCP");
		break;
	default:
		break;
	}
}

/* The owner was asked about the peer: its verdict belongs to this link. */
static bool verdict_asked(const struct ppp *ppp)
{
	if (ppp_authentication_runs(ppp))
		return ppp->authentication->state >= AUTHENTICATION_ASKED;
	return ppp->was_up && !ppp->client;
}

/* A new negotiation after that. */
static bool restarts_too_late(struct ppp *ppp, const struct packet *packet)
{
	struct automaton *automaton = &ppp->lcp.automaton;

	if (automaton->state != AUTOMATON_OPENED || !verdict_asked(ppp))
		return false;
	if (packet->code == TERMINATE_ACK)
		return true;
	return packet->code == CONFIGURE_REQUEST && !ppp_automaton_is_repeat(automaton, packet) &&
	       !ppp_automaton_was_refused(automaton, packet);
}

void ppp_lcp_receive(struct ppp *ppp, const struct packet *packet)
{
	switch (packet->code) {
	case PROTOCOL_REJECT:
		protocol_reject_receive(ppp, packet);
		return;
	case ECHO_REQUEST:
		ppp_automaton_receive_echo(&ppp->lcp.automaton, packet);
		return;
	case ECHO_REPLY:
		ppp_echo_receive_reply(ppp, packet);
		return;
	case DISCARD_REQUEST:
	case IDENTIFICATION:
	case TIME_REMAINING:
		return;
	default:
		break;
	}
	if (restarts_too_late(ppp, packet))
		ppp_fail(ppp, CAUSE_link_restarted, "the peer began LCP anew");
	else
		ppp_automaton_receive(&ppp->lcp.automaton, packet);
}
