/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

/* IPCP of the end that dials: it asks for an address and name servers and takes what it is given. */

#define REFUSALS_MAX 10

static const uint8_t dns_options[] = {IPCP_OPTION_PRIMARY_DNS, IPCP_OPTION_SECONDARY_DNS};

void ppp_ipcp_client_request_write(struct ppp *ppp, struct writer *w)
{
	ppp_ipcp_address_write(w, IPCP_OPTION_ADDRESS, ppp->grant.local_address_be);
	for (unsigned i = 0; i < 2; i++)
		if (ppp->ask_dns[i])
			ppp_ipcp_address_write(w, dns_options[i], ppp->grant.dns_be[i]);
}

/* The peer's own address is its own matter; it has no other option that we know. */
uint8_t ppp_ipcp_client_request_judge(struct ppp *ppp, struct cursor options, struct writer *reply)
{
	struct option option;
	uint32_t address_be;

	while (option_next(&options, &option)) {
		if (option.type != IPCP_OPTION_ADDRESS ||
		    cursor_left(&option.data) != sizeof(address_be)) {
			writer_bytes(reply, option.bytes, option.length);
			continue;
		}
		cursor_copy(&option.data, &address_be, sizeof(address_be));
		ppp->grant.peer_address_be = address_be;
	}
	if (!cursor_finished(&options))
		return 0;
	return writer_length(reply) != 0 ? CONFIGURE_REJECT : CONFIGURE_ACK;
}

static void option_naked(struct ppp *ppp, struct option *option)
{
	uint32_t address_be;

	if (cursor_left(&option->data) != sizeof(address_be))
		return;
	cursor_copy(&option->data, &address_be, sizeof(address_be));
	if (option->type == IPCP_OPTION_ADDRESS)
		ppp->grant.local_address_be = address_be;
	for (unsigned i = 0; i < 2; i++)
		if (option->type == dns_options[i])
			ppp->grant.dns_be[i] = address_be;
}

static void option_rejected(struct ppp *ppp, const struct option *option)
{
	if (option->type == IPCP_OPTION_ADDRESS)
		ppp_fail(ppp, CAUSE_ipcp_refused, "the peer has no address for us");
	for (unsigned i = 0; i < 2; i++)
		if (option->type == dns_options[i])
			ppp->ask_dns[i] = false;
}

void ppp_ipcp_client_request_refused(struct ppp *ppp, bool rejected, struct cursor options)
{
	struct option option;

	while (option_next(&options, &option)) {
		if (rejected)
			option_rejected(ppp, &option);
		else
			option_naked(ppp, &option);
	}
	if (ppp->ipcp.automaton.refusals > REFUSALS_MAX)
		ppp_fail(ppp, CAUSE_address_refused, "the peer refuses the address that it gave");
}
