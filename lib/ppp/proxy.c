/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

/* Proxy LCP and proxy authentication: a LAC has begun the link and hands it over (RFC 2661 4.4.5). */

static struct cursor value_cursor(struct ppp_proxy_value value)
{
	return cursor_over(value.bytes, value.length);
}

/* One option that the LAC asked for and the peer acknowledged: from now on it is ours. */
static const char *sent_option_take(struct ppp *ppp, struct option *option)
{
	struct lcp *lcp = &ppp->lcp;

	switch (option->type) {
	case LCP_OPTION_MRU:
		lcp->mru = cursor_u16(&option->data);
		if (lcp->mru > MRU_DEFAULT && lcp->mru > ppp->config->mru)
			return "the LAC lets the peer send larger packets than we take";
		return NULL;
	case LCP_OPTION_AUTHENTICATION:
		lcp->method = ppp_lcp_method(ppp, option->data);
		if (!ppp_lcp_method_left(ppp, lcp->method))
			return "the LAC agreed on an authentication that `ppp.authentication` does "
			       "not allow";
		return NULL;
	case LCP_OPTION_MAGIC:
		lcp->magic = cursor_u32(&option->data);
		lcp->ask_magic = lcp->magic != 0;
		return NULL;
	case LCP_OPTION_ACCM: /* of no meaning in a tunnel */
	case LCP_OPTION_PFC:  /* we take short headers always */
	case LCP_OPTION_ACFC:
		return NULL;
	default:
		return "the LAC asked for an option that we do not have";
	}
}

static const char *sent_take(struct ppp *ppp, struct cursor options)
{
	struct option option;

	ppp->lcp.ask_magic = false;
	ppp->lcp.method = PPP_AUTHENTICATION_NONE;
	while (option_next(&options, &option)) {
		const char *unsuited = sent_option_take(ppp, &option);

		if (unsuited != NULL)
			return unsuited;
		if (cursor_failed(&option.data))
			return "an option of the LAC is broken";
	}
	if (!cursor_finished(&options))
		return "the LAC's options are broken";
	if (ppp->lcp.method == PPP_AUTHENTICATION_NONE && ppp->config->authentication_count != 0)
		return "the LAC did not ask the peer to authenticate";
	return NULL;
}

static const char *lcp_take(struct ppp *ppp, const struct ppp_proxy *proxy)
{
	uint8_t bytes[PACKET_BYTES_MAX];
	struct writer reply = writer_over(bytes, sizeof(bytes));
	const char *unsuited = NULL;

	if (proxy->lcp_sent.length > AUTOMATON_OPTIONS_MAX ||
	    proxy->lcp_received.length > AUTOMATON_OPTIONS_MAX)
		return "the LAC passed on too many options";
	unsuited = sent_take(ppp, value_cursor(proxy->lcp_sent));
	if (unsuited == NULL &&
	    ppp_lcp_request_judge(ppp, value_cursor(proxy->lcp_received), &reply) != CONFIGURE_ACK)
		return "the LAC granted the peer an option that we refuse";
	return unsuited;
}

/* The LAC passed on all that a verdict needs, by the method that LCP agreed on. */
static bool attempt_whole(const struct ppp *ppp, const struct ppp_proxy *proxy)
{
	const struct ppp_event *event;

	if (proxy->method == PPP_AUTHENTICATION_NONE || proxy->method != ppp->lcp.method)
		return false;
	return proxy->method == PPP_AUTHENTICATION_PAP ||
	       (proxy->response.length == CHAP_MD5_RESPONSE_BYTES && proxy->challenge.length != 0 &&
		proxy->challenge.length <= sizeof(event->authenticate.challenge));
}

static void tell(struct ppp *ppp, enum ppp_counter counter, const char *meaning)
{
	struct ppp_event *event = ppp_event_new(ppp, PPP_STEP, 0);

	ppp_count(ppp, counter);
	event->step.inbound = true;
	event->step.message = "proxy LCP";
	event->step.meaning = meaning;
}

const char *ppp_proxy_take(struct ppp *ppp, const struct ppp_proxy *proxy)
{
	const char *unsuited = lcp_take(ppp, proxy);

	if (unsuited != NULL) {
		ppp_automaton_clear(&ppp->lcp.automaton);
		ppp_lcp_init(ppp);
		tell(ppp, PPP_COUNTER_proxy_unsuited, unsuited);
		return unsuited;
	}
	ppp_automaton_adopt(&ppp->lcp.automaton, value_cursor(proxy->lcp_received));
	ppp_enter(ppp, PHASE_AUTHENTICATE);
	ppp_echo_start(ppp);
	if (attempt_whole(ppp, proxy)) {
		tell(ppp, PPP_COUNTER_proxy_taken,
		     "the LAC has opened the link and asked who the peer is");
		ppp_authentication_start_proxied(ppp, proxy);
	} else {
		tell(ppp, PPP_COUNTER_proxy_taken, "the LAC has opened the link");
		ppp_authentication_start(ppp);
	}
	return NULL;
}
