/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *ppp_counter_name(enum ppp_counter counter)
{
	static const char *const names[] = {
#define PPP_COUNTER(name, text) #name,
#include "ppp/counters.def"
#undef PPP_COUNTER
	};

	return names[counter];
}

const char *ppp_counter_text(enum ppp_counter counter)
{
	static const char *const texts[] = {
#define PPP_COUNTER(name, text) text,
#include "ppp/counters.def"
#undef PPP_COUNTER
	};

	return texts[counter];
}

static struct ppp *link_new(const struct ppp_config *config,
			    const struct ppp_credentials *credentials,
			    const struct random_source *random, struct ppp_counters *counters,
			    uint64_t now_ms)
{
	struct ppp *ppp = memory_new(sizeof(*ppp));

	ppp->config = config;
	ppp->random = *random;
	ppp->counters = counters;
	counters->links++;
	ppp->now_ms = now_ms;
	ppp->setup_deadline_ms = now_ms + config->setup_ms;
	event_queue_init(&ppp->events);
	if (credentials != NULL) {
		ppp->client = true;
		ppp->login = memory_new(sizeof(*ppp->login));
		ppp->login->credentials = credentials;
		ppp_login_wipe(ppp);
	}
	ppp->echo.deadline_ms = UINT64_MAX;
	ppp_lcp_init(ppp);
	ppp_ipcp_init(ppp);
	return ppp;
}

static struct ppp *lcp_begin(struct ppp *ppp)
{
	ppp_automaton_step(&ppp->lcp.automaton, AUTOMATON_OPEN);
	ppp_automaton_step(&ppp->lcp.automaton, AUTOMATON_UP);
	return ppp;
}

struct ppp *ppp_new(const struct ppp_config *config, const struct random_source *random,
		    struct ppp_counters *counters, uint64_t now_ms)
{
	return lcp_begin(link_new(config, NULL, random, counters, now_ms));
}

struct ppp *ppp_new_proxied(const struct ppp_config *config, const struct ppp_proxy *proxy,
			    enum ppp_proxy_misfit misfit, const struct random_source *random,
			    struct ppp_counters *counters, uint64_t now_ms)
{
	struct ppp *ppp = link_new(config, NULL, random, counters, now_ms);
	const char *unsuited = ppp_proxy_take(ppp, proxy);

	if (unsuited == NULL)
		return ppp;
	if (misfit == PPP_PROXY_RENEGOTIATE)
		return lcp_begin(ppp);
	ppp_fail(ppp, CAUSE_lcp_proxy_unsuited, "%s", unsuited);
	return ppp;
}

struct ppp *ppp_client_new(const struct ppp_config *config,
			   const struct ppp_credentials *credentials,
			   const struct random_source *random, struct ppp_counters *counters,
			   uint64_t now_ms)
{
	return lcp_begin(link_new(config, credentials, random, counters, now_ms));
}

struct ppp *ppp_client_new_proxied(const struct ppp_config *config,
				   const struct ppp_credentials *credentials,
				   const struct random_source *random,
				   struct ppp_counters *counters, struct ppp_handover *handover,
				   uint64_t now_ms)
{
	struct ppp *ppp = link_new(config, credentials, random, counters, now_ms);

	ppp_handover_make(ppp, handover);
	return ppp;
}

void ppp_free(struct ppp *ppp)
{
	if (ppp == NULL)
		return;
	event_queue_clear(&ppp->events);
	ppp_automaton_clear(&ppp->lcp.automaton);
	ppp_automaton_clear(&ppp->ipcp.automaton);
	ppp_authentication_end(ppp);
	ppp->counters->links--;
	if (ppp->client) {
		ppp_login_wipe(ppp);
		free(ppp->login);
	}
	memory_wipe(ppp, sizeof(*ppp));
	free(ppp);
}

struct ppp_event *ppp_event_new(struct ppp *ppp, enum ppp_event_kind kind, size_t extra)
{
	struct ppp_event *event = event_queue_push(&ppp->events, sizeof(*event) + extra);

	event->kind = kind;
	return event;
}

static void step_report(struct ppp *ppp, bool inbound, uint16_t protocol, uint8_t code)
{
	struct ppp_event *event = ppp_event_new(ppp, PPP_STEP, 0);

	event->step.inbound = inbound;
	event->step.message = ppp_step_message(protocol, code);
	event->step.meaning = "";
}

void ppp_send(struct ppp *ppp, uint16_t protocol, uint8_t code, uint8_t identifier,
	      const void *data, size_t length)
{
	struct ppp_event *event;
	struct writer w;

	step_report(ppp, false, protocol, code);
	event = ppp_event_new(ppp, PPP_SEND, 2 + PACKET_HEADER_BYTES + length);
	w = writer_over(event + 1, 2 + PACKET_HEADER_BYTES + length);
	writer_u16(&w, protocol);
	writer_u8(&w, code);
	writer_u8(&w, identifier);
	writer_u16(&w, (uint16_t)(PACKET_HEADER_BYTES + length));
	writer_bytes(&w, data, length);
	event->send.bytes = w.start;
	event->send.length = writer_length(&w);
}

void ppp_enter(struct ppp *ppp, enum phase phase)
{
	ppp->phase = phase;
}

void ppp_fail(struct ppp *ppp, enum cause cause, const char *format, ...)
{
	struct ppp_event *event;
	va_list arguments;

	if (ppp->down_announced)
		return;
	ppp->down_announced = true;
	event = ppp_event_new(ppp, PPP_DOWN, 0);
	event->down.cause = cause;
	event->down.was_up = ppp->was_up;
	va_start(arguments, format);
	vsnprintf(event->down.detail, sizeof(event->down.detail), format, arguments);
	va_end(arguments);
	for (char *c = event->down.detail; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	ppp_enter(ppp, PHASE_TERMINATE);
	ppp->ipcp.automaton.deadline_ms = UINT64_MAX;
	if (ppp_authentication_runs(ppp))
		ppp->authentication->deadline_ms = UINT64_MAX;
	if (ppp->client)
		ppp->login->deadline_ms = UINT64_MAX;
	ppp->echo.deadline_ms = UINT64_MAX;
	ppp_automaton_step(&ppp->lcp.automaton, AUTOMATON_CLOSE);
	if (ppp->lcp.automaton.state <= AUTOMATON_STOPPED)
		ppp_finish(ppp);
}

void ppp_network_start(struct ppp *ppp)
{
	ppp_enter(ppp, PHASE_NETWORK);
	ppp_automaton_step(&ppp->ipcp.automaton, AUTOMATON_OPEN);
	ppp_automaton_step(&ppp->ipcp.automaton, AUTOMATON_UP);
}

void ppp_finish(struct ppp *ppp)
{
	if (ppp->finished_announced)
		return;
	ppp->finished_announced = true;
	ppp_enter(ppp, PHASE_DEAD);
	ppp_event_new(ppp, PPP_FINISHED, 0);
}

/* Takes the protocol field, compressed or not, behind an optional FF 03. */
static uint16_t protocol_take(struct cursor *c)
{
	uint16_t protocol;

	if (cursor_left(c) >= 2 && c->at[0] == 0xff && c->at[1] == 0x03)
		cursor_skip(c, 2);
	protocol = cursor_u8(c);
	if ((protocol & 1) == 0)
		protocol = (uint16_t)(protocol << 8 | cursor_u8(c));
	return protocol;
}

static int packet_take(struct cursor c, struct packet *packet)
{
	uint16_t length;

	packet->code = cursor_u8(&c);
	packet->identifier = cursor_u8(&c);
	length = cursor_u16(&c);
	if (length < PACKET_HEADER_BYTES)
		return -1;
	packet->data = cursor_child(&c, (size_t)length - PACKET_HEADER_BYTES);
	return cursor_failed(&c) ? -1 : 0;
}

static bool protocol_known(uint16_t protocol)
{
	return protocol == PROTOCOL_LCP || protocol == PROTOCOL_PAP || protocol == PROTOCOL_CHAP ||
	       protocol == PROTOCOL_IPCP;
}

/* Which protocols count in which phase (RFC 1661 3). */
static bool protocol_in_phase(const struct ppp *ppp, uint16_t protocol)
{
	bool network = ppp->phase == PHASE_NETWORK || ppp->phase == PHASE_OPEN;

	if (protocol == PROTOCOL_LCP)
		return ppp->phase != PHASE_DEAD;
	if (protocol == PROTOCOL_PAP || protocol == PROTOCOL_CHAP)
		return ppp->phase == PHASE_AUTHENTICATE || network;
	return network;
}

static void packet_dispatch(struct ppp *ppp, uint16_t protocol, const struct packet *packet)
{
	switch (protocol) {
	case PROTOCOL_LCP:
		ppp_lcp_receive(ppp, packet);
		break;
	case PROTOCOL_PAP:
		if (ppp->client)
			ppp_login_receive_pap(ppp, packet);
		else
			ppp_authentication_receive_pap(ppp, packet);
		break;
	case PROTOCOL_CHAP:
		if (ppp->client)
			ppp_login_receive_chap(ppp, packet);
		else
			ppp_authentication_receive_chap(ppp, packet);
		break;
	default:
		ppp_ipcp_receive(ppp, packet);
		break;
	}
}

void ppp_feed(struct ppp *ppp, const uint8_t *bytes, size_t length, uint64_t now_ms)
{
	struct cursor c = cursor_over(bytes, length);
	uint16_t protocol = protocol_take(&c);
	struct packet packet;

	ppp->now_ms = now_ms;
	if (cursor_failed(&c)) {
		ppp_count(ppp, PPP_COUNTER_malformed);
		return;
	}
	if (protocol == PROTOCOL_IP) {
		ppp_count(ppp, PPP_COUNTER_data_ignored);
		return;
	}
	if (!protocol_in_phase(ppp, protocol)) {
		ppp_count(ppp, PPP_COUNTER_wrong_phase);
		return;
	}
	ppp_echo_seen(ppp, now_ms);
	if (!protocol_known(protocol)) {
		step_report(ppp, true, protocol, 0);
		ppp_lcp_protocol_reject(ppp, protocol, c);
		return;
	}
	if (packet_take(c, &packet) != 0) {
		ppp_count(ppp, PPP_COUNTER_malformed);
		return;
	}
	step_report(ppp, true, protocol, packet.code);
	packet_dispatch(ppp, protocol, &packet);
}

void ppp_authenticated(struct ppp *ppp, const struct ppp_authentication_result *result,
		       uint64_t now_ms)
{
	ppp->now_ms = now_ms;
	if (ppp->phase == PHASE_AUTHENTICATE && ppp_authentication_runs(ppp))
		ppp_authentication_settle(ppp, result);
}

void ppp_alive(struct ppp *ppp, uint64_t seen_ms)
{
	ppp_echo_seen(ppp, seen_ms);
}

void ppp_close(struct ppp *ppp, enum cause cause, uint64_t now_ms)
{
	ppp->now_ms = now_ms;
	ppp_fail(ppp, cause, "%s", "");
}

static bool setup_limited(const struct ppp *ppp)
{
	return ppp->phase < PHASE_OPEN;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t ppp_deadline(const struct ppp *ppp)
{
	uint64_t deadline_ms =
		earlier(ppp->lcp.automaton.deadline_ms, ppp->ipcp.automaton.deadline_ms);

	if (ppp->phase == PHASE_DEAD)
		return UINT64_MAX;
	if (ppp_authentication_runs(ppp))
		deadline_ms = earlier(deadline_ms, ppp->authentication->deadline_ms);
	if (ppp->client)
		deadline_ms = earlier(deadline_ms, ppp->login->deadline_ms);
	deadline_ms = earlier(deadline_ms, ppp->echo.deadline_ms);
	return setup_limited(ppp) ? earlier(deadline_ms, ppp->setup_deadline_ms) : deadline_ms;
}

static void setup_timeout(struct ppp *ppp)
{
	static const enum cause causes[] = {
		[PHASE_ESTABLISH] = CAUSE_lcp_timeout,
		[PHASE_AUTHENTICATE] = CAUSE_authentication_timeout,
		[PHASE_NETWORK] = CAUSE_ipcp_timeout,
	};

	ppp_fail(ppp, causes[ppp->phase], "the link was not up in time");
}

/* IPCP has to be sent again and the peer has not spoken it yet. */
static void ipcp_on_time(struct ppp *ppp)
{
	struct automaton *automaton = &ppp->ipcp.automaton;

	if (ppp->now_ms >= automaton->deadline_ms && !automaton->heard)
		ppp_authentication_repeat_success(ppp);
	ppp_automaton_on_time(automaton, ppp->now_ms);
}

void ppp_on_time(struct ppp *ppp, uint64_t now_ms)
{
	ppp->now_ms = now_ms;
	if (setup_limited(ppp) && now_ms >= ppp->setup_deadline_ms)
		setup_timeout(ppp);
	ppp_automaton_on_time(&ppp->lcp.automaton, now_ms);
	if (ppp_authentication_runs(ppp))
		ppp_authentication_on_time(ppp);
	if (ppp->client)
		ppp_login_on_time(ppp);
	ipcp_on_time(ppp);
	ppp_echo_on_time(ppp);
}

const char *ppp_phase(const struct ppp *ppp)
{
	static const char *const names[] = {"establish", "authenticate", "network",
					    "open",      "terminate",    "dead"};

	return names[ppp->phase];
}

const struct ppp_event *ppp_next_event(struct ppp *ppp)
{
	return event_queue_pop(&ppp->events);
}
