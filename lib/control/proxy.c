/* SPDX-License-Identifier: BSD-3-Clause */
/* What a LAC has negotiated with a caller before it called us: from its AVPs to the PPP link. */
#include "control/private.h"

static struct ppp_proxy_value value_of(const struct l2tp_proxy_value *value)
{
	return (struct ppp_proxy_value){value->length, value->bytes};
}

static uint8_t method_of(const struct l2tp_proxy *proxy)
{
	switch (proxy->type) {
	case L2TP_PROXY_CHAP:
		return PPP_AUTHENTICATION_CHAP_MD5;
	case L2TP_PROXY_PAP:
		return PPP_AUTHENTICATION_PAP;
	default: /* whatever the LAC heard is of no use: we ask ourselves */
		return PPP_AUTHENTICATION_NONE;
	}
}

static bool wanted(const struct config *config, const struct l2tp_event *event)
{
	if (event->session_up.proxy == NULL)
		return false;
	return config->l2tp_proxy == CONFIG_PROXY_ACCEPT ||
	       (config->l2tp_proxy == CONFIG_PROXY_AUTO && event->session_up.peer_proved);
}

struct ppp *proxy_link_new(struct control *control, const struct ppp_config *config,
			   const struct l2tp_event *event)
{
	const struct l2tp_proxy *proxy = event->session_up.proxy;
	uint64_t now_ms = loop_now_ms(control->loop);

	if (!wanted(control->config, event))
		return ppp_new(config, &control->random, &control->ppp_counters, now_ms);
	return ppp_new_proxied(config,
			       &(struct ppp_proxy){
				       .lcp_sent = value_of(&proxy->lcp_sent),
				       .lcp_received = value_of(&proxy->lcp_received),
				       .method = method_of(proxy),
				       .identifier = (uint8_t)proxy->identifier,
				       .name = value_of(&proxy->name),
				       .challenge = value_of(&proxy->challenge),
				       .response = value_of(&proxy->response),
			       },
			       control->config->l2tp_proxy == CONFIG_PROXY_ACCEPT
				       ? PPP_PROXY_REFUSE
				       : PPP_PROXY_RENEGOTIATE,
			       &control->random, &control->ppp_counters, now_ms);
}
