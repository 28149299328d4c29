/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

/* A client whose LAC has opened the link with it: both ends of that LCP are made up here. */

void ppp_handover_make(struct ppp *ppp, struct ppp_handover *handover)
{
	const struct ppp_config *config = ppp->config;
	struct writer sent = writer_over(handover->lcp_sent, sizeof(handover->lcp_sent));
	struct writer received =
		writer_over(handover->lcp_received, sizeof(handover->lcp_received));
	uint8_t bytes[PACKET_BYTES_MAX];
	struct writer reply = writer_over(bytes, sizeof(bytes));
	struct cursor options;

	handover->proxy = (struct ppp_proxy){.method = PPP_AUTHENTICATION_NONE};
	option_write_u16(&sent, LCP_OPTION_MRU, config->mru);
	if (config->authentication_count != 0)
		ppp_lcp_authentication_write(&sent, config->authentication[0]);
	option_write_u32(&sent, LCP_OPTION_MAGIC, ppp_lcp_magic_new(ppp));
	ppp_lcp_request_write(ppp, &received);
	handover->proxy.lcp_sent =
		(struct ppp_proxy_value){writer_length(&sent), handover->lcp_sent};
	handover->proxy.lcp_received =
		(struct ppp_proxy_value){writer_length(&received), handover->lcp_received};

	options = cursor_over(handover->lcp_sent, writer_length(&sent));
	(void)ppp_lcp_request_judge(ppp, options, &reply);
	ppp_automaton_adopt(&ppp->lcp.automaton, options);
	ppp_enter(ppp, PHASE_AUTHENTICATE);
	ppp_echo_start(ppp);
	ppp_login_start_handed_over(ppp, handover);
}
