/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

/* The IP Control Protocol (RFC 1332) with name servers (RFC 1877). */

#define REFUSALS_MAX 10

void ppp_ipcp_address_write(struct writer *w, uint8_t type, uint32_t address_be)
{
	option_write(w, type, &address_be, sizeof(address_be));
}

static void request_write(struct ppp *ppp, struct writer *w)
{
	if (ppp->ask_address)
		ppp_ipcp_address_write(w, IPCP_OPTION_ADDRESS, ppp->grant.local_address_be);
}

enum option_verdict { OPTION_FINE, OPTION_NAK, OPTION_REJECT };

/* The peer may have exactly `granted_be`. */
static enum option_verdict address_judge(struct option *option, uint32_t granted_be,
					 struct writer *nak)
{
	uint32_t wanted_be;

	if (cursor_left(&option->data) != sizeof(wanted_be) || granted_be == 0)
		return OPTION_REJECT;
	cursor_copy(&option->data, &wanted_be, sizeof(wanted_be));
	if (wanted_be == granted_be)
		return OPTION_FINE;
	ppp_ipcp_address_write(nak, option->type, granted_be);
	return OPTION_NAK;
}

static enum option_verdict option_judge(struct ppp *ppp, struct option *option, struct writer *nak)
{
	switch (option->type) {
	case IPCP_OPTION_ADDRESS:
		return address_judge(option, ppp->grant.peer_address_be, nak);
	case IPCP_OPTION_PRIMARY_DNS:
		return address_judge(option, ppp->grant.dns_be[0], nak);
	case IPCP_OPTION_SECONDARY_DNS:
		return address_judge(option, ppp->grant.dns_be[1], nak);
	default: /* IP-Addresses, header compression, NBNS */
		return OPTION_REJECT;
	}
}

/* Naks do not go on for ever: a peer without the granted address is no use (RFC 1661 4.6). */
static uint8_t nak_judge(struct ppp *ppp, bool address_wrong, const struct writer *nak,
			 struct writer *reply)
{
	if (ppp->ipcp.automaton.naks_sent >= ppp->config->max_failure) {
		if (address_wrong)
			ppp_fail(ppp, CAUSE_address_refused,
				 "the peer does not take the address that it was granted");
		else
			ppp_fail(ppp, CAUSE_name_servers_refused,
				 "the peer does not take the name servers");
		return CONFIGURE_REJECT;
	}
	writer_bytes(reply, nak->start, writer_length(nak));
	return CONFIGURE_NAK;
}

static uint8_t request_judge(struct ppp *ppp, struct cursor options, struct writer *reply)
{
	uint8_t nak_bytes[PACKET_BYTES_MAX];
	struct writer nak = writer_over(nak_bytes, sizeof(nak_bytes));
	bool has_address = false;
	bool address_wrong = false;
	struct option option;

	while (option_next(&options, &option)) {
		enum option_verdict verdict = option_judge(ppp, &option, &nak);

		if (verdict == OPTION_REJECT)
			writer_bytes(reply, option.bytes, option.length);
		if (option.type == IPCP_OPTION_ADDRESS) {
			has_address = true;
			address_wrong = verdict != OPTION_FINE;
		}
	}
	if (!cursor_finished(&options))
		return 0;
	if (writer_length(reply) != 0)
		return CONFIGURE_REJECT;
	if (!has_address) {
		ppp_ipcp_address_write(&nak, IPCP_OPTION_ADDRESS, ppp->grant.peer_address_be);
		address_wrong = true;
	}
	if (writer_length(&nak) == 0)
		return CONFIGURE_ACK;
	return nak_judge(ppp, address_wrong, &nak, reply);
}

/* The peer wants another address for us: we keep ours, or name none when it rejects that. */
static void request_refused(struct ppp *ppp, bool rejected, struct cursor options)
{
	struct option option;

	while (option_next(&options, &option))
		if (option.type == IPCP_OPTION_ADDRESS && rejected)
			ppp->ask_address = false;
	if (ppp->ipcp.automaton.refusals > REFUSALS_MAX)
		ppp_fail(ppp, CAUSE_our_address_refused, "the peer refuses our own address");
}

static void layer_up(struct ppp *ppp)
{
	struct ppp_event *event;

	ppp_enter(ppp, PHASE_OPEN);
	ppp_authentication_linger(ppp);
	if (ppp->was_up)
		return;
	ppp->was_up = true;
	event = ppp_event_new(ppp, PPP_UP, 0);
	event->up.grant = ppp->grant;
	event->up.peer_mru = ppp->lcp.peer_mru;
	event->up.peer_accepts_acfc = ppp->lcp.peer_acfc;
	event->up.peer_accepts_pfc = ppp->lcp.peer_pfc;
}

/* Negotiated again: the grant stays the same, so packets go on until it succeeds or fails. */
static void layer_down(struct ppp *ppp)
{
	if (ppp->phase != PHASE_OPEN)
		return;
	ppp_enter(ppp, PHASE_NETWORK);
	ppp->setup_deadline_ms = ppp->now_ms + ppp->config->setup_ms;
}

static void layer_finished(struct ppp *ppp)
{
	ppp_fail(ppp, CAUSE_ipcp_timeout,
		 ppp->ipcp.automaton.heard ? "IPCP did not converge"
					   : "no IPCP packet was received");
}

static void peer_terminates(struct ppp *ppp, struct cursor text)
{
	(void)text;
	ppp_fail(ppp, CAUSE_ipcp_terminated, "IPCP Terminate-Request");
}

static const struct automaton_protocol client_protocol = {
	.name = "IPCP",
	.number = PROTOCOL_IPCP,
	.offset = offsetof(struct ppp, ipcp.automaton),
	.request_write = ppp_ipcp_client_request_write,
	.request_judge = ppp_ipcp_client_request_judge,
	.request_refused = ppp_ipcp_client_request_refused,
	.layer_up = layer_up,
	.layer_down = layer_down,
	.layer_finished = layer_finished,
	.peer_terminates = peer_terminates,
};

static const struct automaton_protocol network_protocol = {
	.name = "IPCP",
	.number = PROTOCOL_IPCP,
	.offset = offsetof(struct ppp, ipcp.automaton),
	.request_write = request_write,
	.request_judge = request_judge,
	.request_refused = request_refused,
	.layer_up = layer_up,
	.layer_down = layer_down,
	.layer_finished = layer_finished,
	.peer_terminates = peer_terminates,
};

void ppp_ipcp_init(struct ppp *ppp)
{
	ppp_automaton_init(&ppp->ipcp.automaton,
			   ppp->client ? &client_protocol : &network_protocol);
	ppp->ask_address = true;
	ppp->ask_dns[0] = ppp->ask_dns[1] = true;
}

void ppp_ipcp_receive(struct ppp *ppp, const struct packet *packet)
{
	ppp_automaton_receive(&ppp->ipcp.automaton, packet);
}
