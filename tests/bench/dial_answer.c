/* SPDX-License-Identifier: BSD-3-Clause */
#include "dial_answer.h"

#include "aaa/aaa.h"
#include "address/address_pool.h"
#include "base/memory.h"
#include "ike/ike.h"
#include "l2tp/l2tp.h"
#include "ppp/ppp.h"
#include "timer/timer_wheel.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define STOCK_BYTES 4096
#define POOL_FIRST  0x0a000001u

/* A dial as its answering end knows it; with plain L2TP a LAC of many calls is one dial a call. */
struct answered {
	struct timer_node timer;
	struct dial_answer *answer;
	struct l2tp *l2tp; /* its own space, or the plain one */
	struct ppp *ppp;
	uint32_t peer;
	uint16_t tunnel;
	uint16_t session;
	char user[PPP_USER_NAME_BYTES];
};

struct dial_answer {
	bool secured;
	uint32_t dials;
	struct answered *answered;
	struct ike *ike;
	struct key_exchange_context *key_exchange;
	struct l2tp *plain;
	struct l2tp_config l2tp_config;
	struct l2tp_counters l2tp_counters;
	struct ppp_config ppp_config;
	struct ppp_counters ppp_counters;
	struct aaa *aaa;
	struct address_pool *addresses;
	struct timer_wheel *wheel;
	struct random_source random;
	size_t stock_left;
	uint8_t stock[STOCK_BYTES];
	uint32_t last_spi;
	struct dial_wire *out;
	uint64_t now_ms;
	struct dial_answer_totals totals;
};

static void stock_fill(void *context, void *bytes, size_t length)
{
	struct dial_answer *answer = context;
	uint8_t *to = bytes;

	while (length-- > 0) {
		if (answer->stock_left == 0) {
			if (getrandom(answer->stock, STOCK_BYTES, 0) != STOCK_BYTES)
				abort();
			answer->stock_left = STOCK_BYTES;
		}
		*to++ = answer->stock[--answer->stock_left];
	}
}

static uint32_t spi_reserve(void *context, uint32_t peer)
{
	struct dial_answer *answer = context;

	(void)peer;
	return ++answer->last_spi;
}

static void spi_release(void *context, uint32_t spi)
{
	(void)context;
	(void)spi;
}

/* Users u0, u1 and so on, each with the password "secret". */
static struct users *users_new(uint32_t count)
{
	size_t room = (size_t)count * 32 + 1;
	char *text = memory_new(room);
	char error[USERS_ERROR_BYTES];
	struct users *users;
	size_t used = 0;

	for (uint32_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, room - used, "u%u secret\n", i);
	users = aaa_users_parse("users", text, used, error);
	free(text);
	if (users == NULL) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
	return users;
}

static void engines_open(struct dial_answer *answer)
{
	static const struct ike_listener listener = {.preshared_key = (const uint8_t *)"secret",
						     .preshared_key_bytes = 6};
	const struct ike_host host = {answer, answer->random, spi_reserve, spi_release, NULL};
	const struct ike_config ike = {
		.listeners = &listener,
		.listener_count = 1,
		.half_open_per_source = 512,
		.half_open_total = 16384,
		.half_open_ms = 30000,
		.peers_total = answer->dials,
		.dpd_idle_ms = 30000,
		.dpd_interval_ms = 5000,
		.dpd_attempts = 5,
		.child_linger_ms = 30000,
	};

	answer->l2tp_config = (struct l2tp_config){
		.host_name = "concentrator",
		.receive_window = 8,
		.tunnels_total = answer->secured ? 4 : 65535,
		.sessions_per_tunnel = answer->secured ? 4 : 65535,
		.hello_idle_ms = 60000,
		.retransmit_first_ms = 1000,
		.retransmit_cap_ms = 8000,
		.retransmit_attempts = 5,
		.setup_ms = 30000,
		.idle_tunnel_ms = 30000,
		.closed_linger_ms = 31000,
		.secured = answer->secured,
	};
	answer->ppp_config = (struct ppp_config){
		.mru = 1400,
		.authentication = {PPP_AUTHENTICATION_MS_CHAP_V2, PPP_AUTHENTICATION_CHAP_MD5},
		.authentication_count = 2,
		.name = "concentrator",
		.restart_ms = {1000, 1000, 1000, 3000},
		.max_configure = 10,
		.max_terminate = 2,
		.max_failure = 5,
		.setup_ms = 60000,
		.echo_idle_ms = 30000,
		.echo_interval_ms = 10000,
		.echo_attempts = 3,
	};
	if (answer->secured)
		answer->ike = ike_new(&ike, &host);
	else
		answer->plain =
			l2tp_new(&answer->l2tp_config, &answer->random, &answer->l2tp_counters);
}

struct dial_answer *dial_answer_new(uint32_t dials, bool secured)
{
	struct dial_answer *answer = memory_new(sizeof(*answer));

	answer->secured = secured;
	answer->dials = dials;
	answer->random = (struct random_source){stock_fill, answer};
	answer->last_spi = 0x10000;
	answer->answered = memory_new_array(dials, sizeof(*answer->answered));
	answer->aaa = aaa_new(users_new(dials));
	answer->addresses = address_pool_new(POOL_FIRST, POOL_FIRST + dials);
	answer->wheel = timer_wheel_new(0);
	answer->key_exchange = key_exchange_context_new();
	engines_open(answer);
	return answer;
}

void dial_answer_free(struct dial_answer *answer)
{
	for (uint32_t i = 0; i < answer->dials; i++) {
		ppp_free(answer->answered[i].ppp);
		if (answer->secured)
			l2tp_free(answer->answered[i].l2tp);
	}
	if (answer->secured)
		ike_free(answer->ike);
	else
		l2tp_free(answer->plain);
	timer_wheel_free(answer->wheel);
	key_exchange_context_free(answer->key_exchange);
	address_pool_free(answer->addresses);
	aaa_free(answer->aaa);
	free(answer->answered);
	free(answer);
}

/* The outer address of a dial is its number. */
static uint32_t dial_of(const struct endpoint *remote)
{
	return ntohl(endpoint_ipv4_address_be(remote));
}

static struct endpoint dial_endpoint(uint32_t dial, uint16_t port)
{
	return endpoint_ipv4(htonl(dial), port);
}

static void authenticate(struct answered *a, const struct ppp_event *event)
{
	struct dial_answer *answer = a->answer;
	const struct aaa_request request = {
		.method = event->authenticate.method == PPP_AUTHENTICATION_MS_CHAP_V2
				  ? AAA_METHOD_MS_CHAP_V2
				  : AAA_METHOD_CHAP_MD5,
		.identifier = event->authenticate.identifier,
		.user_name = event->authenticate.user_name,
		.challenge = event->authenticate.challenge,
		.challenge_bytes = event->authenticate.challenge_bytes,
		.response = event->authenticate.response,
		.response_bytes = event->authenticate.response_bytes,
	};
	struct ppp_authentication_result result = {.cause = CAUSE_wrong_password};
	struct aaa_answer verdict;

	memcpy(a->user, event->authenticate.user_name, sizeof(a->user));
	aaa_verify(answer->aaa, &request, &verdict);
	if (verdict.accepted) {
		result.accepted = true;
		memcpy(result.success, verdict.success, sizeof(result.success));
		result.grant.local_address_be = htonl(POOL_FIRST - 1);
		result.grant.peer_address_be =
			htonl(address_pool_allocate(answer->addresses, a->user));
	}
	ppp_authenticated(a->ppp, &result, answer->now_ms);
}

static void ppp_drain(struct answered *a)
{
	struct dial_answer *answer = a->answer;
	const struct ppp_event *event;

	while ((event = ppp_next_event(a->ppp)) != NULL) {
		if (event->kind == PPP_SEND)
			dial_wire_put(answer->out, DIAL_PPP, (uint32_t)(a - answer->answered), 0,
				      event->send.bytes, event->send.length);
		else if (event->kind == PPP_AUTHENTICATE)
			authenticate(a, event);
		else if (event->kind == PPP_UP)
			answer->totals.sessions_up++;
		else if (event->kind == PPP_DOWN)
			answer->totals.failures++;
	}
	timer_wheel_set(answer->wheel, &a->timer, ppp_deadline(a->ppp));
}

static void timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct answered *a = (struct answered *)node; /* its first member */

	if (a->ppp == NULL)
		return;
	ppp_on_time(a->ppp, now_ms);
	ppp_drain(a);
}

static void l2tp_drain(struct dial_answer *answer, struct l2tp *l2tp)
{
	const struct l2tp_event *event;

	while ((event = l2tp_next_event(l2tp)) != NULL) {
		struct answered *a;

		switch (event->kind) {
		case L2TP_SEND:
			dial_wire_put(answer->out, DIAL_L2TP, dial_of(&event->send.to), 0,
				      event->send.bytes, event->send.length);
			break;
		case L2TP_SESSION_UP:
			/* The calling number says which dial it is. */
			a = &answer->answered[strtoul(event->session_up.calling_number, NULL, 10)];
			a->answer = answer;
			a->l2tp = l2tp;
			a->tunnel = event->tunnel;
			a->session = event->session;
			a->timer.expired = timer_expired;
			a->ppp = ppp_new(&answer->ppp_config, &answer->random,
					 &answer->ppp_counters, answer->now_ms);
			ppp_drain(a);
			break;
		case L2TP_SESSION_DOWN:
		case L2TP_TUNNEL_DOWN:
			answer->totals.failures++;
			break;
		default:
			break;
		}
	}
}

static void key_exchange(struct dial_answer *answer, const struct ike_event *event)
{
	struct key_exchange_request request = event->key_exchange.request;
	struct key_exchange_result result;

	key_exchange_run(answer->key_exchange, &request, &result);
	ike_key_exchange_done(answer->ike, event->key_exchange.handle, &result, answer->now_ms);
	memory_wipe(&result, sizeof(result));
}

static void peer_up(struct dial_answer *answer, const struct ike_event *event)
{
	struct answered *a = &answer->answered[dial_of(&event->peer_up.path.remote)];

	a->answer = answer;
	a->peer = event->peer;
	a->l2tp = l2tp_new_small(&answer->l2tp_config, &answer->random, &answer->l2tp_counters);
	answer->totals.peers++;
}

static void ike_drain(struct dial_answer *answer)
{
	const struct ike_event *event;

	while ((event = ike_next_event(answer->ike)) != NULL) {
		switch (event->kind) {
		case IKE_SEND:
			dial_wire_put(answer->out, DIAL_IKE, dial_of(&event->send.path.remote),
				      event->send.path.local.port, event->send.bytes,
				      event->send.length);
			break;
		case IKE_KEY_EXCHANGE:
			key_exchange(answer, event);
			break;
		case IKE_PEER_UP:
			peer_up(answer, event);
			break;
		case IKE_CHILD_CONFIRMED:
			answer->totals.children_confirmed++;
			break;
		case IKE_FAILED:
		case IKE_PEER_DOWN:
			answer->totals.failures++;
			break;
		default:
			break;
		}
	}
}

static void datagram_take(struct dial_answer *answer, const struct dial_datagram *datagram,
			  const uint8_t *bytes)
{
	struct answered *a = &answer->answered[datagram->dial];
	struct ike_path path = {
		.local = dial_endpoint(0xc0000201, datagram->port),
		.remote = dial_endpoint(datagram->dial, datagram->port),
	};

	switch ((enum dial_layer)datagram->layer) {
	case DIAL_IKE:
		ike_feed(answer->ike, &path, bytes, datagram->length, answer->now_ms);
		ike_drain(answer);
		break;
	case DIAL_L2TP:
		path.local.port = path.remote.port = 1701;
		l2tp_feed(answer->secured ? a->l2tp : answer->plain, &path.remote, &path.local,
			  bytes, datagram->length, answer->now_ms);
		l2tp_drain(answer, answer->secured ? a->l2tp : answer->plain);
		break;
	case DIAL_PPP:
		if (a->ppp == NULL)
			break;
		ppp_feed(a->ppp, bytes, datagram->length, answer->now_ms);
		ppp_drain(a);
		break;
	}
}

void dial_answer_run(struct dial_answer *answer, const struct dial_wire *from_dials,
		     struct dial_wire *to_dials, uint64_t now_ms)
{
	answer->out = to_dials;
	answer->now_ms = now_ms;
	for (size_t i = 0; i < from_dials->count; i++)
		datagram_take(answer, &from_dials->datagrams[i],
			      from_dials->bytes + from_dials->datagrams[i].offset);
	if (answer->ike != NULL) {
		ike_on_time(answer->ike, now_ms);
		ike_drain(answer);
	}
	if (answer->plain != NULL) {
		l2tp_on_time(answer->plain, now_ms);
		l2tp_drain(answer, answer->plain);
	}
	timer_wheel_advance(answer->wheel, now_ms);
}

struct dial_answer_totals dial_answer_totals(const struct dial_answer *answer)
{
	return answer->totals;
}
