/* SPDX-License-Identifier: BSD-3-Clause */
/* The IKE engine: its configuration, its needs, its timer, and what its events mean. */
#include "control/private.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t spi_reserve(void *context, uint32_t peer)
{
	struct control *control = context;
	uint32_t slot;

	(void)peer;
	return tables_spi_reserve(control->tables, &slot);
}

static void spi_release(void *context, uint32_t spi)
{
	struct control *control = context;

	tables_spi_release(control->tables, tables_spi_slot(control->tables, spi));
}

/* Whoever sent packets is alive: counters tell, no message needs to. */
static bool peer_heard(void *context, uint32_t peer)
{
	const struct peer_group *group = group_of(context, peer);
	bool heard = false;

	for (struct child *child = group != NULL ? group->children : NULL; child != NULL;
	     child = child->next) {
		uint64_t packets = counter_read(&child->counters->packets_in);

		heard |= packets != child->packets_seen;
		child->packets_seen = packets;
	}
	return heard;
}

static void ike_timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct control *control =
		(struct control *)((char *)node - offsetof(struct control, ike_timer));

	ike_on_time(control->ike, now_ms);
	ike_drain(control);
	shutdown_progress(control);
}

static void job_done(void *context, uint64_t handle, const struct key_exchange_result *result)
{
	struct control *control = context;

	ike_key_exchange_done(control->ike, handle, result, loop_now_ms(control->loop));
	ike_drain(control);
}

static void signature_done(void *context, uint64_t handle, const struct signature_result *result)
{
	struct control *control = context;

	ike_signature_done(control->ike, handle, result, loop_now_ms(control->loop));
	ike_drain(control);
}

static void jobs_readable(void *object)
{
	struct control *control = object;

	const struct jobs_done done = {control, job_done, signature_done};

	jobs_collect(control->jobs, &done);
}

/* Both kinds of keys of a listener, until the engine has copied them. */
struct listener_keys {
	struct ike_named_key *named;
	struct ike_named_key *aggressive;
};

static struct ike_named_key *named_keys_of(const struct config_key *from, unsigned count)
{
	struct ike_named_key *keys = memory_new_array(count, sizeof(*keys));

	for (unsigned i = 0; i < count; i++)
		keys[i] = (struct ike_named_key){from[i].name, from[i].bytes, from[i].length};
	return keys;
}

static void listener_keys_free(struct listener_keys *keys, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		free(keys[i].named);
		free(keys[i].aggressive);
	}
}

static struct ike_listener listener_of(const struct config_listener *from,
				       struct listener_keys *keys)
{
	struct ike_listener listener = {
		.local = from->address,
		.preshared_key = from->preshared_key,
		.preshared_key_bytes = from->preshared_key_bytes,
		.named_key_count = from->preshared_key_count,
		.aggressive_key_count = from->aggressive_key_count,
		.credentials = from->credentials,
	};

	keys->named = named_keys_of(from->preshared_keys, from->preshared_key_count);
	keys->aggressive = named_keys_of(from->aggressive_keys, from->aggressive_key_count);
	listener.named_keys = keys->named;
	listener.aggressive_keys = keys->aggressive;
	if (from->public_address_be != 0)
		listener.public_address = endpoint_ipv4(from->public_address_be, 0);
	return listener;
}

int ike_set_up(struct control *control)
{
	const struct config *from = control->config;
	struct ike_listener listeners[CONFIG_LISTENERS_MAX];
	struct listener_keys keys[CONFIG_LISTENERS_MAX];
	struct ike_host host = {control, control->random, spi_reserve, spi_release, peer_heard};
	struct ike_config config = {
		.listeners = listeners,
		.compatibility = from->ike_compatibility == CONFIG_COMPATIBILITY_MODERN
					 ? IKE_COMPATIBILITY_MODERN
					 : IKE_COMPATIBILITY_CLIENTS,
		.force_encapsulation = from->ike_force_encapsulation,
		.half_open_per_source = (uint32_t)from->ike_half_open_per_source,
		.half_open_total = (uint32_t)from->ike_half_open_total,
		.half_open_ms = 30000,
		.peers_total = (uint32_t)from->max_sessions,
		.dpd_idle_ms = (uint32_t)from->ike_dpd_idle_seconds * 1000,
		.dpd_interval_ms = (uint32_t)from->ike_dpd_interval_seconds * 1000,
		.dpd_attempts = (uint32_t)from->ike_dpd_attempts,
		.child_linger_ms = 30000,
	};
	bool wanted = false;

	for (unsigned i = 0; i < from->listener_count; i++)
		wanted |= from->listeners[i].ipsec != CONFIG_IPSEC_OFF;
	if (!wanted)
		return 0; /* every listener is for plain L2TP */
	for (unsigned i = 0; i < from->listener_count; i++)
		listeners[config.listener_count++] = listener_of(&from->listeners[i], &keys[i]);
	if (from->ike_local_id_be != 0)
		config.local_id = endpoint_ipv4(from->ike_local_id_be, 0);
	control->ike = ike_new(&config, &host);
	listener_keys_free(keys, from->listener_count);
	control->jobs = jobs_new(1);
	if (control->ike == NULL || control->jobs == NULL)
		return -1;
	control->ike_timer.expired = ike_timer_expired;
	loop_watch(control->loop, jobs_descriptor(control->jobs), jobs_readable, control);
	return 0;
}

static void ike_send(struct control *control, const struct ike_event *event)
{
	struct peer_group *group = group_of(control, event->peer);
	struct message *message = mailbox_message_new(control->mailbox, MESSAGE_SEND_IKE);

	message->send_ike.group =
		group != NULL && event->send.to_current_endpoint ? group->slot : NO_SLOT;
	message->send_ike.local = event->send.path.local;
	message->send_ike.remote = event->send.path.remote;
	if (mailbox_packet_set(control->mailbox, message, event->send.bytes, event->send.length) !=
	    0) {
		mailbox_message_free(control->mailbox, message);
		return;
	}
	if (group != NULL)
		group_send(group, message);
	else
		mailbox_send(control->mailbox, control->ike_worker, message);
}

static void key_exchange(struct control *control, const struct ike_event *event)
{
	struct key_exchange_result busy = {.error = -EBUSY};

	if (!jobs_submit(control->jobs, event->key_exchange.handle, &event->key_exchange.source,
			 &event->key_exchange.request))
		ike_key_exchange_done(control->ike, event->key_exchange.handle, &busy,
				      loop_now_ms(control->loop));
}

static void signature(struct control *control, const struct ike_event *event)
{
	struct signature_result busy = {.cause = CAUSE_too_many_key_exchanges,
					.detail = "the queue of public-key work is full"};

	if (!jobs_submit_signature(control->jobs, event->signature.handle, &event->signature.source,
				   event->signature.request))
		ike_signature_done(control->ike, event->signature.handle, &busy,
				   loop_now_ms(control->loop));
}

static void failed(struct control *control, const struct ike_event *event)
{
	const struct endpoint *peer = &event->failed.path.remote;
	char detail[IKE_FAILED_TEXT_BYTES];

	ike_failed_text(event, detail);
	dial_failed(control, LOG_IKE, ladder_negotiation(control, event, peer), event->failed.cause,
		    peer, NULL, detail);
}

static void event_handle(struct control *control, const struct ike_event *event)
{
	switch (event->kind) {
	case IKE_SEND:
		ike_send(control, event);
		break;
	case IKE_KEY_EXCHANGE:
		key_exchange(control, event);
		break;
	case IKE_SIGNATURE:
		signature(control, event);
		break;
	case IKE_PEER_UP:
		group_up(control, event);
		break;
	case IKE_PEER_ENDPOINT:
		group_endpoint(control, event);
		break;
	case IKE_CHILD_ADD:
		child_add(control, event);
		break;
	case IKE_CHILD_CONFIRMED:
		child_tell(control, event, MESSAGE_SA_CONFIRM);
		break;
	case IKE_CHILD_OUTBOUND_DELETED:
		child_tell(control, event, MESSAGE_SA_STOP_OUTBOUND);
		break;
	case IKE_CHILD_DELETE:
		child_delete(control, event);
		break;
	case IKE_PEER_ANSWERED:
		group_answered(group_of(control, event->peer));
		break;
	case IKE_PEER_INITIAL_CONTACT:
		group_alone(control, event);
		break;
	case IKE_PEER_DOWN:
		group_down(control, event);
		break;
	case IKE_STEP:
		ladder_ike_step(control, event);
		break;
	case IKE_FAILED:
		failed(control, event);
		break;
	}
}

void ike_drain(struct control *control)
{
	const struct ike_event *event;

	while ((event = ike_next_event(control->ike)) != NULL)
		event_handle(control, event);
	timer_wheel_set(loop_wheel(control->loop), &control->ike_timer, ike_deadline(control->ike));
}
