/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"
#include "ike/engine.h"

#include <stdlib.h>

#define MESSAGE_IDS_FIRST 2

static uint64_t half_open_hash(const struct ike *ike, uint64_t initiator_cookie,
			       const struct endpoint *remote)
{
	uint8_t key[sizeof(initiator_cookie) + sizeof(remote->address)];

	memcpy(key, &initiator_cookie, sizeof(initiator_cookie));
	memcpy(key + sizeof(initiator_cookie), remote->address, sizeof(remote->address));
	return table_hash(&ike->hash_key, key, sizeof(key));
}

static uint64_t cookies_hash(const struct ike *ike, uint64_t initiator, uint64_t responder)
{
	const uint64_t key[2] = {initiator, responder};

	return table_hash(&ike->hash_key, key, sizeof(key));
}

struct sa *sa_find_half_open(struct ike *ike, uint64_t initiator_cookie,
			     const struct endpoint *remote)
{
	uint64_t hash = half_open_hash(ike, initiator_cookie, remote);
	struct table_node *node = NULL;

	while ((node = table_find(&ike->sas_by_source, hash, node)) != NULL) {
		struct main_mode *mode = table_object(node, struct main_mode, by_source);

		if (mode->sa->initiator_cookie == initiator_cookie &&
		    endpoint_same_address(&mode->first_remote, remote))
			return mode->sa;
	}
	return NULL;
}

struct sa *sa_find(struct ike *ike, uint64_t initiator_cookie, uint64_t responder_cookie)
{
	uint64_t hash = cookies_hash(ike, initiator_cookie, responder_cookie);
	struct table_node *node = NULL;

	while ((node = table_find(&ike->sas_by_cookies, hash, node)) != NULL) {
		struct sa *sa = table_object(node, struct sa, by_cookies);

		if (sa->initiator_cookie == initiator_cookie &&
		    sa->responder_cookie == responder_cookie)
			return sa;
	}
	return NULL;
}

/* Makes room for one more half-open SA; false if there is none to be had. */
static bool room_make(struct ike *ike, struct source *source, const struct packet *packet)
{
	struct main_mode *oldest = NULL;

	if (source->half_open > ike->config.half_open_per_source)
		oldest = TAILQ_FIRST(&source->waiting);
	else if (ike->half_open >= ike->config.half_open_total)
		oldest = TAILQ_FIRST(&ike->waiting);
	else
		return true;
	ike_count(ike, IKE_COUNTER_too_many_half_open);
	report_turned_away(ike, packet, TURNED_AWAY_HALF_OPEN, CAUSE_too_many_half_open,
			   source->half_open > ike->config.half_open_per_source
				   ? "from this address"
				   : "from all addresses together");
	if (oldest == NULL)
		return false;
	ike_count(ike, IKE_COUNTER_half_open_evicted);
	main_mode_evict(oldest->sa);
	return true;
}

static uint64_t responder_cookie_new(struct ike *ike, uint64_t initiator_cookie)
{
	uint64_t cookie;

	do {
		random_fill(&ike->host.random, &cookie, sizeof(cookie));
	} while (cookie == 0 || sa_find(ike, initiator_cookie, cookie) != NULL);
	return cookie;
}

struct sa *sa_new(struct ike *ike, const struct packet *packet)
{
	struct source *source = source_get(ike, &packet->path->remote);
	uint32_t generation;
	struct main_mode *mode;
	struct sa *sa;

	source->half_open++; /* holds it while another of its SAs is evicted */
	if (!room_make(ike, source, packet)) {
		source->half_open--;
		source_put(ike, source);
		return NULL;
	}
	sa = memory_new(sizeof(*sa));
	(void)slots_add(&ike->sas, sa, &sa->index, &generation);
	LIST_INIT(&sa->quick_modes);
	sa->ike = ike;
	sa->main_mode = mode = memory_new(sizeof(*mode));
	mode->sa = sa;
	mode->source = source;
	mode->first_remote = source->address;
	mode->path = *packet->path;
	mode->reply.request_hash = packet->hash;
	mode->half_open = true;
	mode->waiting = true;
	sa->initiator_cookie = packet->header.initiator_cookie;
	sa->responder_cookie = responder_cookie_new(ike, sa->initiator_cookie);
	sa->state = MAIN_MODE_START;
	sa->deadline.kind = DEADLINE_SA;
	ike->half_open++;
	TAILQ_INSERT_TAIL(&ike->waiting, mode, in_waiting);
	TAILQ_INSERT_TAIL(&source->waiting, mode, in_source);
	table_insert(&ike->sas_by_source, &mode->by_source,
		     half_open_hash(ike, sa->initiator_cookie, &source->address));
	table_insert(&ike->sas_by_cookies, &sa->by_cookies,
		     cookies_hash(ike, sa->initiator_cookie, sa->responder_cookie));
	deadline_set(&ike->deadlines, &sa->deadline, ike->now_ms + ike->config.half_open_ms);
	return sa;
}

void sa_third_message_came(struct sa *sa)
{
	struct main_mode *mode = sa->main_mode;

	if (!mode->waiting)
		return;
	mode->waiting = false;
	TAILQ_REMOVE(&sa->ike->waiting, mode, in_waiting);
	TAILQ_REMOVE(&mode->source->waiting, mode, in_source);
}

void sa_half_open_ended(struct sa *sa)
{
	struct main_mode *mode = sa->main_mode;

	if (!mode->half_open)
		return;
	sa_third_message_came(sa);
	mode->half_open = false;
	sa->ike->half_open--;
	mode->source->half_open--;
	source_put(sa->ike, mode->source);
	mode->source = NULL;
}

const struct ike_path *sa_path(const struct sa *sa)
{
	return sa->peer != NULL ? &sa->peer->path : &sa->main_mode->path;
}

uint64_t sa_expires_ms(const struct sa *sa)
{
	if (sa->state != MAIN_MODE_ESTABLISHED)
		return sa->deadline.due_ms;
	return sa->established_ms + sa->keys.suite.lifetime_ms + LIFETIME_GRACE_MS;
}

void main_mode_strip(struct main_mode *mode)
{
	part_free(&mode->sa_body);
	part_free(&mode->transform);
	part_free(&mode->nonce_i);
	part_free(&mode->public_i);
	part_free(&mode->public_r);
	part_free(&mode->shared_secret);
	part_free(&mode->id_i);
	free(mode->proof);
	mode->proof = NULL;
	memory_wipe(mode->skeyid, sizeof(mode->skeyid));
}

/* Out of every list; whoever is at work with it may still look at it. */
static void main_mode_detach(struct main_mode *mode)
{
	struct ike *ike = mode->sa->ike;

	sa_half_open_ended(mode->sa);
	job_drop(ike, mode->job);
	fragments_free(ike, &mode->fragments);
	table_remove(&ike->sas_by_source, &mode->by_source);
}

static void main_mode_release(struct main_mode *mode)
{
	main_mode_strip(mode);
	reply_free(&mode->reply);
	memory_wipe(mode, sizeof(*mode));
	free(mode);
}

void sa_grow_up(struct sa *sa)
{
	main_mode_detach(sa->main_mode);
	main_mode_release(sa->main_mode);
	sa->main_mode = NULL;
	deadline_set(&sa->ike->deadlines, &sa->deadline, sa_expires_ms(sa));
}

static void sa_release(void *object)
{
	struct sa *sa = object;

	free(sa->message_ids);
	if (sa->main_mode != NULL)
		main_mode_release(sa->main_mode);
	memory_wipe(sa, sizeof(*sa));
	free(sa);
}

void sa_bury(struct sa *sa)
{
	struct ike *ike = sa->ike;
	struct quick_mode *qm;

	if (sa->dead)
		return;
	sa->dead = true;
	while ((qm = LIST_FIRST(&sa->quick_modes)) != NULL)
		quick_mode_bury(qm);
	if (sa->main_mode != NULL)
		main_mode_detach(sa->main_mode);
	if (sa->peer != NULL) {
		TAILQ_REMOVE(&sa->peer->sas, sa, in_peer);
		sa->peer->sa_count--;
		sa->peer = NULL;
	}
	table_remove(&ike->sas_by_cookies, &sa->by_cookies);
	deadline_clear(&ike->deadlines, &sa->deadline);
	slots_remove(&ike->sas, sa->index);
	ike_bury(ike, sa, sa_release);
}

void sa_cookies(const struct sa *sa, uint8_t cookies[16])
{
	ike_cookies_write(sa->initiator_cookie, sa->responder_cookie, cookies);
}

bool sa_message_id_known(const struct sa *sa, uint32_t message_id)
{
	const struct message_ids *known = sa->message_ids;

	if (known == NULL)
		return false;
	for (uint32_t i = 0; i < known->count && i < known->room; i++)
		if (known->ids[i] == message_id)
			return true;
	return false;
}

static struct message_ids *message_ids_grow(struct message_ids *known)
{
	uint32_t room = known == NULL ? MESSAGE_IDS_FIRST : 2 * known->room;
	bool fresh = known == NULL;

	known = memory_resize(known, sizeof(*known) + room * sizeof(known->ids[0]));
	if (fresh)
		known->count = 0;
	known->room = room;
	return known;
}

void sa_message_id_remember(struct sa *sa, uint32_t message_id)
{
	struct message_ids *known = sa->message_ids;

	if (known == NULL || (known->count == known->room && known->room < MESSAGE_IDS_KEPT))
		sa->message_ids = known = message_ids_grow(known);
	known->ids[known->count % known->room] = message_id;
	known->count++;
}

uint32_t sa_message_id_new(struct sa *sa)
{
	uint32_t message_id;

	do {
		message_id = random_u32(&sa->ike->host.random);
	} while (message_id == 0 || sa_message_id_known(sa, message_id));
	return message_id;
}
