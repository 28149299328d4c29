/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/automaton.h"

#include "base/memory.h"
#include "fsm/fsm.h"
#include "ppp/engine.h"

#include <stdlib.h>

/* In the order in which RFC 1661 4.1 runs them within a cell. */
enum automaton_action {
	ACTION_TLD, /* this layer down */
	ACTION_IRC, /* initialize restart count */
	ACTION_ZRC, /* zero restart count */
	ACTION_SCR, /* send Configure-Request */
	ACTION_STR, /* send Terminate-Request */
	ACTION_SCA, /* send Configure-Ack */
	ACTION_SCN, /* send Configure-Nak or -Reject */
	ACTION_STA, /* send Terminate-Ack */
	ACTION_SCJ, /* send Code-Reject */
	ACTION_SER, /* send Echo-Reply */
	ACTION_TLU, /* this layer up */
	ACTION_TLS, /* this layer started: nothing to do, L2TP is up */
	ACTION_TLF, /* this layer finished */
};

struct automaton_input {
	enum automaton_event event;
	const struct packet *packet;
	uint8_t reply_code;
	const struct writer *reply;
};

#define TLD (1u << ACTION_TLD)
#define IRC (1u << ACTION_IRC)
#define ZRC (1u << ACTION_ZRC)
#define SCR (1u << ACTION_SCR)
#define STR (1u << ACTION_STR)
#define SCA (1u << ACTION_SCA)
#define SCN (1u << ACTION_SCN)
#define STA (1u << ACTION_STA)
#define SCJ (1u << ACTION_SCJ)
#define SER (1u << ACTION_SER)
#define TLU (1u << ACTION_TLU)
#define TLS (1u << ACTION_TLS)
#define TLF (1u << ACTION_TLF)

#define TO(next, actions)           \
	{                           \
		actions, next, true \
	}
#define NEVER               \
	{                   \
		0, 0, false \
	}

/* RFC 1661 4.1. Columns: Initial Starting Closed Stopped Closing Stopping Req-Sent Ack-Rcvd
 * Ack-Sent Opened. */
/* clang-format off */
static const struct fsm_cell cells[AUTOMATON_EVENTS][AUTOMATON_STATES] = {
	[AUTOMATON_UP] = {
		TO(2, 0), TO(6, IRC | SCR), NEVER, NEVER, NEVER,
		NEVER, NEVER, NEVER, NEVER, NEVER},
	[AUTOMATON_DOWN] = {
		NEVER, NEVER, TO(0, 0), TO(1, TLS), TO(0, 0),
		TO(1, 0), TO(1, 0), TO(1, 0), TO(1, 0), TO(1, TLD)},
	[AUTOMATON_OPEN] = {
		TO(1, TLS), TO(1, 0), TO(6, IRC | SCR), TO(3, 0), TO(5, 0),
		TO(5, 0), TO(6, 0), TO(7, 0), TO(8, 0), TO(9, 0)},
	[AUTOMATON_CLOSE] = {
		TO(0, 0), TO(0, TLF), TO(2, 0), TO(2, 0), TO(4, 0),
		TO(4, 0), TO(4, IRC | STR), TO(4, IRC | STR), TO(4, IRC | STR),
		TO(4, TLD | IRC | STR)},
	[AUTOMATON_TIMEOUT] = {
		NEVER, NEVER, NEVER, NEVER, TO(4, STR),
		TO(5, STR), TO(6, SCR), TO(6, SCR), TO(8, SCR), NEVER},
	[AUTOMATON_TIMEOUT_LAST] = {
		NEVER, NEVER, NEVER, NEVER, TO(2, TLF),
		TO(3, TLF), TO(3, TLF), TO(3, TLF), TO(3, TLF), NEVER},
	[AUTOMATON_GOOD_REQUEST] = {
		NEVER, NEVER, TO(2, STA), TO(8, IRC | SCR | SCA), TO(4, 0),
		TO(5, 0), TO(8, SCA), TO(9, SCA | TLU), TO(8, SCA), TO(8, TLD | SCR | SCA)},
	[AUTOMATON_BAD_REQUEST] = {
		NEVER, NEVER, TO(2, STA), TO(6, IRC | SCR | SCN), TO(4, 0),
		TO(5, 0), TO(6, SCN), TO(7, SCN), TO(6, SCN), TO(6, TLD | SCR | SCN)},
	[AUTOMATON_ACKED] = {
		NEVER, NEVER, TO(2, STA), TO(3, STA), TO(4, 0),
		TO(5, 0), TO(7, IRC), TO(6, SCR), TO(9, IRC | TLU), TO(6, TLD | SCR)},
	[AUTOMATON_NAKED] = {
		NEVER, NEVER, TO(2, STA), TO(3, STA), TO(4, 0),
		TO(5, 0), TO(6, IRC | SCR), TO(6, SCR), TO(8, IRC | SCR), TO(6, TLD | SCR)},
	[AUTOMATON_TERMINATE] = {
		NEVER, NEVER, TO(2, STA), TO(3, STA), TO(4, STA),
		TO(5, STA), TO(6, STA), TO(6, STA), TO(6, STA), TO(5, TLD | ZRC | STA)},
	[AUTOMATON_TERMINATED] = {
		NEVER, NEVER, TO(2, 0), TO(3, 0), TO(2, TLF),
		TO(3, TLF), TO(6, 0), TO(6, 0), TO(8, 0), TO(6, TLD | SCR)},
	[AUTOMATON_UNKNOWN_CODE] = {
		NEVER, NEVER, TO(2, SCJ), TO(3, SCJ), TO(4, SCJ),
		TO(5, SCJ), TO(6, SCJ), TO(7, SCJ), TO(8, SCJ), TO(9, SCJ)},
	[AUTOMATON_REJECT_FINE] = {
		NEVER, NEVER, TO(2, 0), TO(3, 0), TO(4, 0),
		TO(5, 0), TO(6, 0), TO(6, 0), TO(8, 0), TO(9, 0)},
	[AUTOMATON_REJECT_FATAL] = {
		NEVER, NEVER, TO(2, TLF), TO(3, TLF), TO(2, TLF),
		TO(3, TLF), TO(3, TLF), TO(3, TLF), TO(3, TLF), TO(5, TLD | IRC | STR)},
	[AUTOMATON_ECHO] = {
		NEVER, NEVER, TO(2, 0), TO(3, 0), TO(4, 0),
		TO(5, 0), TO(6, 0), TO(7, 0), TO(8, 0), TO(9, SER)},
};
/* clang-format on */

static struct ppp *ppp_of(struct automaton *automaton)
{
	return (struct ppp *)(void *)((char *)automaton - automaton->protocol->offset);
}

static uint32_t restart_ms(struct automaton *automaton)
{
	uint8_t index = automaton->tries < 4 ? automaton->tries : 3;

	return ppp_of(automaton)->config->restart_ms[index];
}

static bool timer_runs(uint8_t state)
{
	return state >= AUTOMATON_CLOSING && state <= AUTOMATON_ACK_SENT;
}

/* A request goes out: the restart timer starts. */
static void request_sent(struct automaton *automaton)
{
	automaton->deadline_ms = ppp_of(automaton)->now_ms + restart_ms(automaton);
	automaton->answered = false;
	automaton->tries++;
	if (automaton->restart_count != 0)
		automaton->restart_count--;
}

/* The same identifier when it is only sent again, so that a late answer still fits. */
static void configure_request_send(struct automaton *automaton, enum automaton_event event)
{
	uint8_t bytes[AUTOMATON_OPTIONS_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	if (event == AUTOMATON_TIMEOUT)
		ppp_count(ppp_of(automaton), PPP_COUNTER_retransmitted);
	else
		automaton->identifier++;
	automaton->protocol->request_write(ppp_of(automaton), &w);
	automaton->request_length = (uint16_t)writer_length(&w);
	automaton->request = memory_resize(automaton->request, automaton->request_length);
	memcpy(automaton->request, bytes, automaton->request_length);
	ppp_send(ppp_of(automaton), automaton->protocol->number, CONFIGURE_REQUEST,
		 automaton->identifier, automaton->request, automaton->request_length);
	request_sent(automaton);
}

static void terminate_request_send(struct automaton *automaton)
{
	automaton->identifier++;
	ppp_send(ppp_of(automaton), automaton->protocol->number, TERMINATE_REQUEST,
		 automaton->identifier, NULL, 0);
	request_sent(automaton);
}

static void code_reject_send(struct automaton *automaton, const struct packet *packet)
{
	uint8_t bytes[PACKET_BYTES_MAX - PACKET_HEADER_BYTES];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct cursor data = packet->data;
	size_t length = cursor_left(&data);

	if (length > sizeof(bytes) - PACKET_HEADER_BYTES)
		length = sizeof(bytes) - PACKET_HEADER_BYTES;
	writer_u8(&w, packet->code);
	writer_u8(&w, packet->identifier);
	writer_u16(&w, (uint16_t)(cursor_left(&packet->data) + PACKET_HEADER_BYTES));
	writer_bytes(&w, cursor_bytes(&data, length), length);
	ppp_count(ppp_of(automaton), PPP_COUNTER_code_rejected);
	ppp_send(ppp_of(automaton), automaton->protocol->number, CODE_REJECT,
		 ++ppp_of(automaton)->lcp.reject_identifier, bytes, writer_length(&w));
}

static void restart_count_set(struct automaton *automaton)
{
	const struct ppp_config *config = ppp_of(automaton)->config;
	bool terminates =
		automaton->state == AUTOMATON_CLOSING || automaton->state == AUTOMATON_STOPPING;

	automaton->restart_count = terminates ? config->max_terminate : config->max_configure;
	automaton->tries = 0;
}

static void reply_send(struct automaton *automaton, const struct automaton_input *input)
{
	struct cursor options = input->packet->data;
	const uint8_t *bytes = input->reply->start;
	size_t length = writer_length(input->reply);

	if (input->reply_code == CONFIGURE_ACK) {
		length = cursor_left(&options);
		bytes = cursor_bytes(&options, length);
	}
	ppp_send(ppp_of(automaton), automaton->protocol->number, input->reply_code,
		 input->packet->identifier, bytes, length);
}

static void automaton_act(void *object, unsigned action, const void *argument)
{
	struct automaton *automaton = object;
	const struct automaton_input *input = argument;

	switch (action) {
	case ACTION_TLD:
		automaton->protocol->layer_down(ppp_of(automaton));
		break;
	case ACTION_IRC:
		restart_count_set(automaton);
		break;
	case ACTION_ZRC:
		automaton->tries = 0;
		automaton->restart_count = 0;
		automaton->deadline_ms = ppp_of(automaton)->now_ms + restart_ms(automaton);
		break;
	case ACTION_SCR:
		configure_request_send(automaton, input->event);
		break;
	case ACTION_STR:
		terminate_request_send(automaton);
		break;
	case ACTION_SCA:
	case ACTION_SCN:
		reply_send(automaton, input);
		break;
	case ACTION_STA:
		ppp_send(ppp_of(automaton), automaton->protocol->number, TERMINATE_ACK,
			 input->packet->identifier, NULL, 0);
		break;
	case ACTION_SCJ:
		code_reject_send(automaton, input->packet);
		break;
	case ACTION_SER:
		ppp_echo_receive_request(ppp_of(automaton), input->packet);
		break;
	case ACTION_TLU:
		automaton->protocol->layer_up(ppp_of(automaton));
		break;
	case ACTION_TLF:
		automaton->protocol->layer_finished(ppp_of(automaton));
		break;
	default: /* TLS: the layer below is up before we begin */
		break;
	}
}

static const struct fsm_table automaton_table = {
	.name = "automaton",
	.states = AUTOMATON_STATES,
	.events = AUTOMATON_EVENTS,
	.cells = &cells[0][0],
	.act = automaton_act,
};

void ppp_automaton_init(struct automaton *automaton, const struct automaton_protocol *protocol)
{
	*automaton = (struct automaton){.protocol = protocol, .deadline_ms = UINT64_MAX};
}

void ppp_automaton_clear(struct automaton *automaton)
{
	free(automaton->request);
	automaton->request = NULL;
}

static void input_step(struct automaton *automaton, const struct automaton_input *input)
{
	if (fsm_step(&automaton_table, &automaton->state, input->event, automaton, input) != 0)
		ppp_count(ppp_of(automaton), PPP_COUNTER_unexpected);
	if (!timer_runs(automaton->state))
		automaton->deadline_ms = UINT64_MAX;
	if (automaton->state == AUTOMATON_OPENED)
		ppp_automaton_clear(automaton);
}

void ppp_automaton_step(struct automaton *automaton, enum automaton_event event)
{
	const struct automaton_input input = {.event = event};

	input_step(automaton, &input);
}

bool ppp_options_valid(struct cursor options)
{
	struct option option;

	while (option_next(&options, &option))
		;
	return cursor_finished(&options);
}

/* FNV-1a over the options. */
static uint32_t options_digest(struct cursor options)
{
	uint32_t digest = 2166136261u;

	while (cursor_more(&options))
		digest = (digest ^ cursor_u8(&options)) * 16777619u;
	return digest;
}

void ppp_automaton_adopt(struct automaton *automaton, struct cursor options)
{
	automaton->state = AUTOMATON_OPENED;
	automaton->heard = true;
	automaton->answered = true;
	automaton->acked_digest = options_digest(options);
}

bool ppp_automaton_is_repeat(struct automaton *automaton, const struct packet *packet)
{
	return automaton->state == AUTOMATON_OPENED &&
	       options_digest(packet->data) == automaton->acked_digest &&
	       automaton->repeats < ppp_of(automaton)->config->max_failure;
}

/* Digest of a whole request, identifier included; never 0. */
static uint32_t request_digest(const struct packet *packet)
{
	return (options_digest(packet->data) ^ packet->identifier) * 16777619u | 1;
}

static void refused_remember(struct automaton *automaton, const struct packet *packet)
{
	automaton->refused[automaton->refused_next++ % AUTOMATON_REFUSED_MAX] =
		request_digest(packet);
}

static uint32_t *refused_find(struct automaton *automaton, const struct packet *packet)
{
	uint32_t digest = request_digest(packet);

	for (unsigned i = 0; i < AUTOMATON_REFUSED_MAX; i++)
		if (automaton->refused[i] == digest)
			return &automaton->refused[i];
	return NULL;
}

bool ppp_automaton_was_refused(struct automaton *automaton, const struct packet *packet)
{
	return automaton->state == AUTOMATON_OPENED && refused_find(automaton, packet) != NULL;
}

static void configure_request_receive(struct automaton *automaton, const struct packet *packet)
{
	uint8_t bytes[PACKET_BYTES_MAX - PACKET_HEADER_BYTES];
	struct writer reply = writer_over(bytes, sizeof(bytes));
	struct automaton_input input = {.packet = packet, .reply = &reply};

	if (ppp_automaton_is_repeat(automaton, packet)) {
		automaton->repeats++;
		ppp_count(ppp_of(automaton), PPP_COUNTER_repeated_request);
		input.reply_code = CONFIGURE_ACK;
		reply_send(automaton, &input);
		return;
	}
	if (ppp_automaton_was_refused(automaton, packet)) {
		*refused_find(automaton, packet) = 0; /* who begins anew sends it again */
		ppp_count(ppp_of(automaton), PPP_COUNTER_stale_request);
		return;
	}
	if (automaton->state > AUTOMATON_STOPPING || automaton->state == AUTOMATON_STOPPED) {
		input.reply_code =
			automaton->protocol->request_judge(ppp_of(automaton), packet->data, &reply);
		if (input.reply_code == 0 || writer_failed(&reply)) {
			ppp_count(ppp_of(automaton), PPP_COUNTER_malformed);
			return;
		}
		if (ppp_of(automaton)->phase >= PHASE_TERMINATE)
			return; /* the judge found a reason to end */
	}
	input.event =
		input.reply_code == CONFIGURE_ACK ? AUTOMATON_GOOD_REQUEST : AUTOMATON_BAD_REQUEST;
	if (input.reply_code == CONFIGURE_ACK) {
		automaton->acked_digest = options_digest(packet->data);
		automaton->naks_sent = 0;
		automaton->repeats = 0;
	} else {
		automaton->naks_sent += input.reply_code == CONFIGURE_NAK;
		refused_remember(automaton, packet);
	}
	input_step(automaton, &input);
}

static void ack_receive(struct automaton *automaton, const struct packet *packet)
{
	const struct automaton_input input = {.event = AUTOMATON_ACKED, .packet = packet};
	struct cursor data = packet->data;
	size_t length = cursor_left(&data);

	if (length != automaton->request_length ||
	    memcmp(cursor_bytes(&data, length), automaton->request, length) != 0) {
		ppp_count(ppp_of(automaton), PPP_COUNTER_wrong_acknowledgement);
		return;
	}
	automaton->refusals = 0;
	automaton->answered = true;
	input_step(automaton, &input);
}

static void refusal_receive(struct automaton *automaton, const struct packet *packet)
{
	const struct automaton_input input = {.event = AUTOMATON_NAKED, .packet = packet};
	bool negotiates = automaton->state >= AUTOMATON_REQUEST_SENT;

	if (!ppp_options_valid(packet->data)) {
		ppp_count(ppp_of(automaton), PPP_COUNTER_malformed);
		return;
	}
	automaton->answered = true;
	if (negotiates) {
		automaton->refusals++;
		automaton->protocol->request_refused(
			ppp_of(automaton), packet->code == CONFIGURE_REJECT, packet->data);
		if (ppp_of(automaton)->phase >= PHASE_TERMINATE)
			return;
	}
	input_step(automaton, &input);
}

/* Code-Reject: fatal for what no automaton can do without. */
static void code_reject_receive(struct automaton *automaton, const struct packet *packet)
{
	struct cursor data = packet->data;
	uint8_t code = cursor_u8(&data);
	bool fatal = code >= CONFIGURE_REQUEST && code <= CODE_REJECT;

	if (cursor_failed(&data)) {
		ppp_count(ppp_of(automaton), PPP_COUNTER_malformed);
		return;
	}
	if (!fatal && automaton == &ppp_of(automaton)->lcp.automaton)
		ppp_of(automaton)->echo.refused = true;
	ppp_automaton_step(automaton, fatal ? AUTOMATON_REJECT_FATAL : AUTOMATON_REJECT_FINE);
}

void ppp_automaton_receive(struct automaton *automaton, const struct packet *packet)
{
	struct automaton_input input = {.packet = packet};

	automaton->heard = true;
	switch (packet->code) {
	case CONFIGURE_REQUEST:
		configure_request_receive(automaton, packet);
		return;
	case CONFIGURE_ACK:
	case CONFIGURE_NAK:
	case CONFIGURE_REJECT:
		if (packet->identifier != automaton->identifier || automaton->answered)
			ppp_count(ppp_of(automaton), PPP_COUNTER_wrong_identifier);
		else if (packet->code == CONFIGURE_ACK)
			ack_receive(automaton, packet);
		else
			refusal_receive(automaton, packet);
		return;
	case TERMINATE_REQUEST:
		input.event = AUTOMATON_TERMINATE;
		input_step(automaton, &input);
		automaton->protocol->peer_terminates(ppp_of(automaton), packet->data);
		return;
	case TERMINATE_ACK:
		input.event = AUTOMATON_TERMINATED;
		break;
	case CODE_REJECT:
		code_reject_receive(automaton, packet);
		return;
	default:
		input.event = AUTOMATON_UNKNOWN_CODE;
		break;
	}
	input_step(automaton, &input);
}

void ppp_automaton_receive_echo(struct automaton *automaton, const struct packet *packet)
{
	const struct automaton_input input = {.event = AUTOMATON_ECHO, .packet = packet};

	input_step(automaton, &input);
}

void ppp_automaton_on_time(struct automaton *automaton, uint64_t now_ms)
{
	if (now_ms < automaton->deadline_ms)
		return;
	ppp_automaton_step(automaton, automaton->restart_count != 0 ? AUTOMATON_TIMEOUT
								    : AUTOMATON_TIMEOUT_LAST);
}
