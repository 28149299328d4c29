/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/ike.h"

#include "base/cursor.h"
#include "base/memory.h"
#include "ike/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *ike_counter_name(enum ike_counter counter)
{
	static const char *const names[] = {
#define IKE_COUNTER(name, text) #name,
#include "ike/counters.def"
#undef IKE_COUNTER
	};

	return counter < IKE_COUNTER_COUNT ? names[counter] : "unknown";
}

const char *ike_counter_text(enum ike_counter counter)
{
	static const char *const texts[] = {
#define IKE_COUNTER(name, text) text,
#include "ike/counters.def"
#undef IKE_COUNTER
	};

	return counter < IKE_COUNTER_COUNT ? texts[counter] : "unknown";
}

uint64_t ike_counter_value(const struct ike *ike, enum ike_counter counter)
{
	return counter < IKE_COUNTER_COUNT ? ike->counters[counter] : 0;
}

void ike_objects(const struct ike *ike, struct ike_objects *objects)
{
	*objects = (struct ike_objects){
		.sas = ike->sas.used,
		.main_modes = (uint32_t)ike->sas_by_source.count,
		.quick_modes = ike->quick_mode_count,
		.children = (uint32_t)ike->children_by_spi.count,
		.peers = ike->peers.used,
		.jobs = ike->jobs.used,
		.sources = (uint32_t)ike->sources.count,
	};
}

static struct ike_named_key *named_keys_copy(const struct ike_named_key *from, size_t count)
{
	struct ike_named_key *keys = memory_new_array(count, sizeof(*keys));

	for (size_t i = 0; i < count; i++) {
		const struct digest_part key = {from[i].bytes, from[i].length};

		keys[i] = (struct ike_named_key){memory_copy_text(from[i].name),
						 part_copy(&key).bytes, key.length};
	}
	return keys;
}

static void named_keys_free(const struct ike_named_key *keys, size_t count)
{
	union {
		const void *constant;
		void *memory;
	} owned = {.constant = keys}, name;

	for (size_t i = 0; i < count; i++) {
		struct digest_part key = {keys[i].bytes, keys[i].length};

		part_free(&key);
		name.constant = keys[i].name;
		free(name.memory);
	}
	free(owned.memory);
}

/* Copies the listeners with their keys; false if a peer can authenticate at none of them. */
static bool listeners_copy(struct ike *ike)
{
	const struct ike_listener *from = ike->config.listeners;
	size_t count = ike->config.listener_count;
	bool usable = false;

	ike->listeners = memory_new_array(count, sizeof(*ike->listeners));
	for (size_t i = 0; i < count; i++) {
		const struct digest_part key = {from[i].preshared_key, from[i].preshared_key_bytes};

		ike->listeners[i] = from[i];
		ike->listeners[i].preshared_key = part_copy(&key).bytes;
		ike->listeners[i].named_keys =
			named_keys_copy(from[i].named_keys, from[i].named_key_count);
		ike->listeners[i].aggressive_keys =
			named_keys_copy(from[i].aggressive_keys, from[i].aggressive_key_count);
		usable |= from[i].aggressive_key_count != 0 || listener_key_count(&from[i]) != 0 ||
			  from[i].credentials != NULL;
	}
	ike->config.listeners = ike->listeners;
	return usable;
}

static void listeners_free(struct ike *ike)
{
	for (size_t i = 0; i < ike->config.listener_count; i++) {
		struct digest_part key = {ike->listeners[i].preshared_key,
					  ike->listeners[i].preshared_key_bytes};

		part_free(&key);
		named_keys_free(ike->listeners[i].named_keys, ike->listeners[i].named_key_count);
		named_keys_free(ike->listeners[i].aggressive_keys,
				ike->listeners[i].aggressive_key_count);
	}
	free(ike->listeners);
}

struct ike *ike_new(const struct ike_config *config, const struct ike_host *host)
{
	const uint32_t peers_most = 1U << PEER_INDEX_BITS;
	struct ike *ike = memory_new(sizeof(*ike));

	ike->config = *config;
	if (!listeners_copy(ike)) {
		listeners_free(ike);
		free(ike);
		errno = EINVAL;
		return NULL;
	}
	ike->host = *host;
	random_fill(&host->random, &ike->hash_key, sizeof(ike->hash_key));
	table_init(&ike->sas_by_source);
	table_init(&ike->sas_by_cookies);
	table_init(&ike->sources);
	table_init(&ike->peers_by_endpoint);
	table_init(&ike->children_by_spi);
	slots_init(&ike->sas, UINT32_MAX);
	slots_init(&ike->peers,
		   config->peers_total < peers_most ? config->peers_total : peers_most);
	slots_init(&ike->jobs, JOBS_TOTAL);
	deadlines_init(&ike->deadlines);
	event_queue_init(&ike->events);
	TAILQ_INIT(&ike->waiting);
	return ike;
}

void ike_free(struct ike *ike)
{
	if (ike == NULL)
		return;
	for (uint32_t i = 0; i < ike->peers.count; i++) {
		struct peer *peer = slots_at(&ike->peers, i);

		if (peer != NULL)
			peer_bury(peer, CAUSE_shutdown);
	}
	for (uint32_t i = 0; i < ike->sas.count; i++) {
		struct sa *sa = slots_at(&ike->sas, i);

		if (sa != NULL)
			sa_bury(sa);
	}
	ike_reap(ike);
	event_queue_clear(&ike->events);
	deadlines_free(&ike->deadlines);
	slots_free(&ike->jobs);
	slots_free(&ike->peers);
	slots_free(&ike->sas);
	table_free(&ike->children_by_spi);
	table_free(&ike->peers_by_endpoint);
	table_free(&ike->sources);
	table_free(&ike->sas_by_cookies);
	table_free(&ike->sas_by_source);
	listeners_free(ike);
	memory_wipe(ike, sizeof(*ike));
	free(ike);
}

/* An object that waits for the end of the call. */
struct grave {
	struct grave *next;
	void (*release)(void *object);
	void *object;
};

void ike_bury(struct ike *ike, void *object, void (*release)(void *object))
{
	struct grave *grave = memory_new(sizeof(*grave));

	*grave = (struct grave){.next = ike->graves, .release = release, .object = object};
	ike->graves = grave;
}

void ike_reap(struct ike *ike)
{
	while (ike->graves != NULL) {
		struct grave *grave = ike->graves;

		ike->graves = grave->next;
		grave->release(grave->object);
		free(grave);
	}
}

void ike_step_machine(struct ike *ike, const struct fsm_table *table, uint8_t *state,
		      unsigned event, void *object, const void *argument)
{
	if (fsm_step(table, state, event, object, argument) != 0)
		ike_count(ike, IKE_COUNTER_unexpected);
}

/* Takes the non-ESP markers off: one by the RFC, a second one comes from old iOS. */
static bool marker_strip(struct cursor *c)
{
	struct cursor ahead = *c;
	bool found = false;

	while (cursor_u32(&ahead) == 0 && !cursor_failed(&ahead)) {
		*c = ahead;
		found = true;
	}
	return found;
}

static void packet_dispatch(struct ike *ike, const struct packet *packet)
{
	struct sa *sa;

	switch (packet->header.exchange) {
	case ISAKMP_MAIN_MODE:
		main_mode_feed(ike, packet);
		return;
	case ISAKMP_AGGRESSIVE_MODE:
		aggressive_mode_feed(ike, packet);
		return;
	case ISAKMP_QUICK_MODE:
	case ISAKMP_INFORMATIONAL:
		break;
	default:
		ike_count(ike, IKE_COUNTER_unsupported_exchange);
		return;
	}
	sa = sa_find(ike, packet->header.initiator_cookie, packet->header.responder_cookie);
	if (sa == NULL)
		ike_count(ike, IKE_COUNTER_unknown_cookie);
	else if (packet->header.exchange == ISAKMP_INFORMATIONAL)
		informational_feed(sa, packet);
	else if (!(packet->header.flags & ISAKMP_FLAG_ENCRYPTION))
		ike_count(ike, IKE_COUNTER_unprotected);
	else if (packet->header.message_id == 0)
		ike_count(ike, IKE_COUNTER_malformed);
	else
		quick_mode_feed(sa, packet);
}

void ike_feed(struct ike *ike, const struct ike_path *path, const uint8_t *bytes, size_t length,
	      uint64_t now_ms)
{
	struct packet packet = {.path = path};
	uint8_t whole[PACKET_BYTES_MAX];
	struct cursor c = cursor_over(bytes, length);

	ike->now_ms = now_ms;
	if (path->local.port == ISAKMP_PORT_NAT_T && length == 1) {
		ike_count(ike, IKE_COUNTER_keepalives);
		return;
	}
	if ((path->local.port == ISAKMP_PORT_NAT_T && !marker_strip(&c)) ||
	    isakmp_header_read(c.at, cursor_left(&c), &packet.header) != 0 ||
	    packet.header.length > PACKET_BYTES_MAX) {
		ike_count(ike, IKE_COUNTER_malformed);
		return;
	}
	if (packet.header.version >> 4 != 1) {
		ike_count(ike, IKE_COUNTER_unsupported_version);
		report_turned_away(ike, &packet, TURNED_AWAY_VERSION, CAUSE_ike_version_refused,
				   packet.header.version >> 4 == 2 ? "it speaks IKEv2" : "");
		return;
	}
	packet.bytes = c.at;
	packet.length = packet.header.length;
	packet.hash = table_hash(&ike->hash_key, packet.bytes, packet.length) | 1;
	if (packet.header.next_payload != ISAKMP_PAYLOAD_FRAGMENT ||
	    fragment_take(ike, &packet, whole))
		packet_dispatch(ike, &packet);
	ike_reap(ike);
}

uint64_t ike_deadline(const struct ike *ike)
{
	const struct deadline *first = deadlines_first(&ike->deadlines);

	return first == NULL ? UINT64_MAX : first->due_ms;
}

static void deadline_dispatch(struct deadline *deadline)
{
	switch ((enum deadline_kind)deadline->kind) {
	case DEADLINE_SA:
		main_mode_expired(table_object(deadline, struct sa, deadline));
		break;
	case DEADLINE_QUICK_MODE:
		quick_mode_due(table_object(deadline, struct quick_mode, deadline));
		break;
	case DEADLINE_CHILD:
		child_due(table_object(deadline, struct child, deadline));
		break;
	case DEADLINE_PEER:
		peer_due(table_object(deadline, struct peer, deadline));
		break;
	}
}

void ike_on_time(struct ike *ike, uint64_t now_ms)
{
	struct deadline *deadline;

	ike->now_ms = now_ms;
	while ((deadline = deadlines_first(&ike->deadlines)) != NULL &&
	       deadline->due_ms <= now_ms) {
		deadline_clear(&ike->deadlines, deadline);
		deadline_dispatch(deadline);
	}
	ike_reap(ike);
}

const struct ike_event *ike_next_event(struct ike *ike)
{
	return event_queue_pop(&ike->events);
}

static void sa_view(const struct sa *sa, struct ike_sa_view *view)
{
	*view = (struct ike_sa_view){
		.peer = sa->peer != NULL ? sa->peer->name : 0,
		.initiator_cookie = sa->initiator_cookie,
		.responder_cookie = sa->responder_cookie,
		.path = *sa_path(sa),
		.state = main_mode_state_name(sa->state),
		.established_ms = sa->established_ms,
		.expires_ms = sa_expires_ms(sa),
	};
	if (sa->keys.suite.group != 0)
		ike_suite_text(&sa->keys.suite, view->proposal, sizeof(view->proposal));
}

size_t ike_list_sas(const struct ike *ike, uint32_t *cursor, struct ike_sa_view *views,
		    size_t count)
{
	size_t used = 0;

	for (; *cursor < ike->sas.count && used < count; (*cursor)++) {
		const struct sa *sa = slots_at(&ike->sas, *cursor);

		if (sa != NULL)
			sa_view(sa, &views[used++]);
	}
	return used;
}
