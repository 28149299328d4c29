/* SPDX-License-Identifier: BSD-3-Clause */
/* Who a session belongs to, which address it has, and the way of packets to it. */
#include "control/private.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pools_open(struct control *control)
{
	const struct config *config = control->config;

	for (unsigned i = 0; i < config->pool_count; i++) {
		struct pool *pool = &control->pools[i];
		uint32_t first = ntohl(config->pools[i].first_be);
		uint32_t last = ntohl(config->pools[i].last_be);
		int table = tables_pool_new(control->tables, first, last);

		pool->config = &config->pools[i];
		pool->addresses = address_pool_new(first, last);
		if (table < 0 || pool->addresses == NULL) {
			log_error(control->log, LOG_AAA, "cannot open the pool pool=%s",
				  config->pools[i].name);
			return -1;
		}
		pool->table = (uint32_t)table;
		control->pool_count = i + 1;
	}
	return 0;
}

/* Calls add() with the prefixes that together are exactly first to last. */
static int range_split(uint32_t first, uint32_t last, void *context,
		       int (*add)(void *context, uint32_t prefix, uint8_t length))
{
	for (;;) {
		uint8_t length = 32;
		uint64_t size = 1;
		int error;

		while (length > 0 && (first & (2 * size - 1)) == 0 &&
		       first + 2 * size - 1 <= last) {
			size *= 2;
			length--;
		}
		error = add(context, first, length);
		if (error != 0 || first + size - 1 == last)
			return error;
		first += (uint32_t)size;
	}
}

struct pool_prefix {
	struct control *control;
	uint32_t table;
};

static int pool_prefix_add(void *context, uint32_t prefix, uint8_t length)
{
	const struct pool_prefix *to = context;
	struct control *control = to->control;
	int error = tables_route_add(control->tables, prefix, length, ROUTE_POOL, to->table);

	if (error != 0)
		return error;
	return control->ports.subscriber_route_add(control->ports.context, htonl(prefix), length);
}

int subscriber_set_up(struct control *control)
{
	const struct config *config = control->config;
	char error[USERS_ERROR_BYTES];
	struct users *users;

	if (pools_open(control) != 0)
		return -1;
	for (unsigned i = 0; i < control->pool_count; i++) {
		struct pool_prefix to = {control, control->pools[i].table};

		if (range_split(ntohl(config->pools[i].first_be), ntohl(config->pools[i].last_be),
				&to, pool_prefix_add) != 0) {
			log_error(control->log, LOG_AAA, "cannot add the routes of a pool pool=%s",
				  config->pools[i].name);
			return -1;
		}
	}
	if (config->users_file[0] == '\0')
		return 0;
	users = aaa_users_read(config->users_file, error);
	if (users == NULL) {
		log_error(control->log, LOG_AAA, "%s", error);
		return -1;
	}
	control->aaa = aaa_new(users);
	if (control->aaa == NULL) {
		log_error(control->log, LOG_AAA,
			  "OpenSSL has no legacy provider: MS-CHAPv2 cannot be computed");
		return -1;
	}
	return 0;
}

/* The pool that an answer names, or else the LAC; "": any. */
static const char *pool_of(const struct session *session, const struct aaa_answer *answer)
{
	if (answer->pool[0] != '\0' || session->lac == L2TP_LAC_NONE)
		return answer->pool;
	return session->control->config->lacs[session->lac].pool;
}

/* The user's own address, or one from the first of its pools that has any. Otherwise why there is none. */
static enum cause address_take(struct session *session, uint32_t own_be, const char *pool)
{
	struct control *control = session->control;
	bool known = false;

	if (own_be != 0) {
		uint32_t own = ntohl(own_be);

		for (unsigned i = 0; i < control->pool_count; i++) {
			if (!address_pool_contains(control->pools[i].addresses, own))
				continue;
			if (address_pool_reserve(control->pools[i].addresses, own) != 0)
				return CAUSE_address_in_use;
			session->pool = (int)i;
			session->address = own;
			return CAUSE_none;
		}
		if (control->pool_count == 0 ||
		    address_pool_reserve(control->pools[0].addresses, own) != 0)
			return CAUSE_address_in_use;
		session->pool = -1;
		session->address = own;
		return CAUSE_none;
	}
	for (unsigned i = 0; i < control->pool_count; i++) {
		if (pool[0] != '\0' && strcmp(pool, control->pools[i].config->name) != 0)
			continue;
		known = true;
		session->address =
			address_pool_allocate(control->pools[i].addresses, session->user);
		session->pool = (int)i;
		if (session->address != 0)
			return CAUSE_none;
	}
	session->pool = -1;
	return known || pool[0] == '\0' ? CAUSE_no_address_left : CAUSE_radius_bad_answer;
}

void subscriber_release(struct session *session)
{
	struct control *control = session->control;

	if (session->address == 0)
		return;
	address_pool_release(control->pools[session->pool < 0 ? 0 : session->pool].addresses,
			     session->address);
	session->address = 0;
}

static enum aaa_method method_of(uint8_t authentication)
{
	switch (authentication) {
	case PPP_AUTHENTICATION_PAP:
		return AAA_METHOD_PAP;
	case PPP_AUTHENTICATION_CHAP_MD5:
		return AAA_METHOD_CHAP_MD5;
	case PPP_AUTHENTICATION_MS_CHAP_V2:
		return AAA_METHOD_MS_CHAP_V2;
	default:
		return AAA_METHOD_NONE;
	}
}

static void answer_tell(struct session *session, const struct ppp_authentication_result *result)
{
	const struct pool *pool =
		session->pool >= 0 ? &session->control->pools[session->pool] : NULL;
	const uint32_t address_be = htonl(session->address);
	char address[INET_ADDRSTRLEN], meaning[128];

	if (!result->accepted) {
		ladder_aaa_step(session, false, "refused", cause_text(result->cause));
		return;
	}
	inet_ntop(AF_INET, &address_be, address, sizeof(address));
	snprintf(meaning, sizeof(meaning), "address %s%s%s", address,
		 pool != NULL ? " of the pool " : ", the user's own",
		 pool != NULL ? pool->config->name : "");
	ladder_aaa_step(session, false, "accepted", meaning);
}

struct aaa_request subscriber_request(const struct ppp_event *event)
{
	return (struct aaa_request){
		.method = method_of(event->authenticate.method),
		.identifier = event->authenticate.identifier,
		.user_name = event->authenticate.user_name,
		.challenge = event->authenticate.challenge,
		.challenge_bytes = event->authenticate.challenge_bytes,
		.response = event->authenticate.response,
		.response_bytes = event->authenticate.response_bytes,
		.password = event->authenticate.password,
		.password_bytes = event->authenticate.password_bytes,
	};
}

static void grant_fill(const struct session *session, const struct aaa_answer *answer,
		       struct ppp_grant *grant)
{
	const struct config *config = session->control->config;
	bool own_servers = answer->dns_be[0] != 0 || answer->dns_be[1] != 0;

	grant->local_address_be = config->local_address_be;
	grant->peer_address_be = htonl(session->address);
	for (unsigned i = 0; i < CONFIG_DNS_MAX; i++)
		grant->dns_be[i] = own_servers             ? answer->dns_be[i]
				   : i < config->dns_count ? config->dns_be[i]
							   : 0;
}

void subscriber_settle(struct session *session, const struct aaa_answer *answer)
{
	struct control *control = session->control;
	struct ppp_authentication_result result = {.cause = answer->cause,
						   .ms_chap_error = answer->ms_chap_error};

	memcpy(result.detail, answer->detail, sizeof(result.detail));
	memcpy(result.message, answer->message, sizeof(result.message));
	if (answer->accepted) {
		subscriber_release(session); /* of an earlier attempt on this link */
		result.cause = single_session_admit(session);
		if (result.cause == CAUSE_none)
			result.cause =
				address_take(session, answer->address_be, pool_of(session, answer));
		result.accepted = result.cause == CAUSE_none;
		if (result.cause == CAUSE_radius_bad_answer)
			snprintf(result.detail, sizeof(result.detail), "no pool \"%s\"",
				 answer->pool);
	}
	answer_tell(session, &result);
	if (result.accepted) {
		memcpy(result.success, answer->success, sizeof(result.success));
		grant_fill(session, answer, &result.grant);
		session->mtu_limit = answer->mtu < UINT16_MAX ? (uint16_t)answer->mtu : UINT16_MAX;
		session->seconds_limit = answer->session_seconds;
		session->idle_seconds_limit = answer->idle_seconds != 0
						      ? answer->idle_seconds
						      : (uint32_t)control->config->ppp_idle_seconds;
	}
	ppp_authenticated(session->ppp, &result, loop_now_ms(control->loop));
}

void subscriber_authenticate(struct session *session, const struct ppp_event *event)
{
	struct control *control = session->control;
	const struct aaa_request request = subscriber_request(event);
	struct aaa_answer answer = {.accepted = request.method == AAA_METHOD_NONE,
				    .cause = CAUSE_no_users};

	single_session_remove(session);
	free(session->user);
	session->user = memory_copy_text(event->authenticate.user_name);
	explain_user(control->explain, session->dial, session->user);
	ladder_aaa_step(session, true, "user", session->user);
	if (control->login_servers != NULL && request.method != AAA_METHOD_NONE) {
		login_ask(session, event);
		return;
	}
	if (control->aaa != NULL)
		aaa_verify(control->aaa, &request, &answer);
	subscriber_settle(session, &answer);
}

void subscriber_route_set(struct session *session, bool present)
{
	struct control *control = session->control;

	if (session->pool >= 0) {
		tables_pool_session_set(control->tables, control->pools[session->pool].table,
					session->address, present ? session->slot : NO_SLOT);
		return;
	}
	/* An address of the user's own, outside of every pool. */
	if (present) {
		if (tables_route_add(control->tables, session->address, 32, ROUTE_SESSION,
				     session->slot) != 0 ||
		    control->ports.subscriber_route_add(control->ports.context,
							htonl(session->address), 32) != 0)
			log_warning(control->log, LOG_AAA,
				    "no route to the user's own address session=%u user=\"%s\"",
				    session->slot, session->user);
	} else {
		(void)tables_route_delete(control->tables, session->address, 32);
		(void)control->ports.subscriber_route_delete(control->ports.context,
							     htonl(session->address), 32);
	}
}
