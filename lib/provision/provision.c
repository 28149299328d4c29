/* SPDX-License-Identifier: BSD-3-Clause */
#include "provision/provision.h"

#include "crypto/esp_engine.h"
#include "mailbox/mailbox.h"
#include "messages/message.h"
#include "tables/tables.h"

#include <arpa/inet.h>
#include <errno.h>

#define SESSIONS_A_PAUSE 500 /* five messages each: less than a ring holds */
#define PORT_NATT        4500
#define PORT_L2TP        1701

static void message_send(const struct provision_target *target, uint32_t number,
			 struct message *message)
{
	mailbox_send(target->mailbox, number % target->workers, message);
}

static int group_install(const struct plan *plan, const struct provision_target *target,
			 uint32_t number)
{
	struct plan_session session = plan_session(plan, number);
	struct message *message;
	uint32_t slot;

	if (tables_spi_reserve(target->tables, &slot) != session.spi_in)
		return -EEXIST;
	message = mailbox_message_new(target->mailbox, MESSAGE_GROUP_ADD);
	message->group_add.storage = target->memory(target->context, GROUP_STORAGE_BYTES);
	message->group_add.slot = number;
	message->group_add.local = endpoint_ipv4(htonl(target->local), PORT_NATT);
	message->group_add.remote = endpoint_ipv4(htonl(session.peer), PORT_NATT);
	message->group_add.may_move = true;
	message_send(target, number, message);

	tables_sa_owner_set(target->tables, slot, number % target->workers);
	message = mailbox_message_new(target->mailbox, MESSAGE_SA_ADD);
	message->sa_add.storage =
		target->memory(target->context, SA_STORAGE_BYTES + 2 * esp_key_bytes(&plan->suite));
	message->sa_add.group = number;
	message->sa_add.slot = slot;
	message->sa_add.spi_in = session.spi_in;
	message->sa_add.spi_out = session.spi_out;
	message->sa_add.encapsulated = true;
	message->sa_add.replay_off = target->replay_off;
	plan_keys(plan, number, PLAN_IN, &message->sa_add.keys_in);
	plan_keys(plan, number, PLAN_OUT, &message->sa_add.keys_out);
	message_send(target, number, message);

	message = mailbox_message_new(target->mailbox, MESSAGE_SA_CONFIRM);
	message->sa.group = number;
	message->sa.slot = slot;
	message_send(target, number, message);
	return 0;
}

static int session_install(const struct plan *plan, const struct provision_target *target,
			   uint32_t pool, uint32_t number)
{
	struct plan_session session = plan_session(plan, number);
	bool plain = plan->suite.cipher == ESP_CIPHER_NONE;
	struct endpoint local = endpoint_ipv4(htonl(target->local), PORT_L2TP);
	struct endpoint remote = endpoint_ipv4(htonl(session.peer), PORT_L2TP);
	struct message *message;

	if (plain && number % PLAN_TUNNEL_SESSIONS == 0 &&
	    tables_plain_tunnel_add(target->tables, session.tunnel, &local, &remote) != 0)
		return -ENOSPC;
	if (plain)
		tables_plain_session_set(target->tables, session.tunnel, session.session, number);
	tables_session_owner_set(target->tables, number, number % target->workers);
	message = mailbox_message_new(target->mailbox, MESSAGE_SESSION_ADD);
	message->session_add.storage = target->memory(target->context, SESSION_STORAGE_BYTES);
	message->session_add.slot = number;
	message->session_add.group = plain ? NO_SLOT : number;
	message->session_add.local = local;
	message->session_add.remote = remote;
	message->session_add.tunnel = session.tunnel;
	message->session_add.session = session.session;
	message->session_add.peer_tunnel = session.tunnel;
	message->session_add.peer_session = session.session;
	message_send(target, number, message);

	message = mailbox_message_new(target->mailbox, MESSAGE_SESSION_OPEN);
	message->session_open.slot = number;
	message->session_open.peer_address_be = htonl(session.subscriber);
	message->session_open.mtu = target->mtu;
	message->session_open.mss = target->mss;
	message_send(target, number, message);
	tables_pool_session_set(target->tables, pool, session.subscriber, number);
	return 0;
}

int provision_install(const struct plan *plan, const struct provision_target *target)
{
	bool plain = plan->suite.cipher == ESP_CIPHER_NONE;
	int pool = tables_pool_new(target->tables, PLAN_SUBSCRIBER_FIRST,
				   PLAN_SUBSCRIBER_FIRST + plan->sessions - 1);
	int error;

	if (pool < 0)
		return pool;
	error = tables_route_add(target->tables, PLAN_SUBSCRIBER_FIRST, PLAN_SUBSCRIBER_BITS,
				 ROUTE_POOL, (uint32_t)pool);
	tables_spi_begin(target->tables, PLAN_SPI_IN_FIRST);
	for (uint32_t i = 0; error == 0 && i < plan->sessions; i++) {
		if (!plain)
			error = group_install(plan, target, i);
		if (error == 0)
			error = session_install(plan, target, (uint32_t)pool, i);
		if (i % SESSIONS_A_PAUSE == SESSIONS_A_PAUSE - 1 || i + 1 == plan->sessions)
			target->pause(target->context);
	}
	return error;
}
