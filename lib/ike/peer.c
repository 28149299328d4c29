/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"
#include "base/writer.h"
#include "ike/engine.h"

#include <stdlib.h>

#define MOVES_PER_SECOND 4 /* of one peer by its IKE messages */

static uint64_t endpoint_hash(const struct ike *ike, const struct endpoint *remote)
{
	uint8_t key[sizeof(remote->address) + sizeof(remote->port)];

	memcpy(key, remote->address, sizeof(remote->address));
	memcpy(key + sizeof(remote->address), &remote->port, sizeof(remote->port));
	return table_hash(&ike->hash_key, key, sizeof(key));
}

uint32_t ike_peer_index(uint32_t peer)
{
	return peer & ((1U << PEER_INDEX_BITS) - 1);
}

struct peer *peer_of(struct ike *ike, uint32_t name)
{
	return slots_get(&ike->peers, name & ((1U << PEER_INDEX_BITS) - 1), name >> PEER_INDEX_BITS,
			 PEER_GENERATION_MASK);
}

struct sa *peer_newest_sa(const struct peer *peer)
{
	struct sa *sa;

	TAILQ_FOREACH_REVERSE(sa, &peer->sas, sa_list, in_peer)
	if (sa->state == MAIN_MODE_ESTABLISHED)
		return sa;
	return NULL;
}

struct peer *peer_find(struct ike *ike, const struct ike_path *path,
		       const struct digest_part *identity, uint16_t key)
{
	uint64_t hash = endpoint_hash(ike, &path->remote);
	struct table_node *node = NULL;

	while ((node = table_find(&ike->peers_by_endpoint, hash, node)) != NULL) {
		struct peer *peer = table_object(node, struct peer, by_endpoint);

		if (endpoint_equal(&peer->path.remote, &path->remote) &&
		    endpoint_same_address(&peer->path.local, &path->local) &&
		    peer->identity->length == identity->length && peer->identity->key == key &&
		    memcmp(peer->identity->bytes, identity->bytes, identity->length) == 0)
			return peer;
	}
	return NULL;
}

static struct peer *peer_new(struct ike *ike, const struct ike_path *path,
			     const struct digest_part *identity, uint16_t key)
{
	struct peer *peer = memory_new(sizeof(*peer));
	uint32_t generation;
	uint32_t index;

	if (slots_add(&ike->peers, peer, &index, &generation) != 0) {
		free(peer);
		return NULL;
	}
	peer->name = (generation & PEER_GENERATION_MASK) << PEER_INDEX_BITS | index;
	peer->ike = ike;
	peer->path = *path;
	peer->identity = memory_new(sizeof(*peer->identity) + identity->length);
	peer->identity->length = (uint16_t)identity->length; /* at most ID_BYTES_MAX */
	peer->identity->key = key;
	memcpy(peer->identity->bytes, identity->bytes, identity->length);
	peer->deadline.kind = DEADLINE_PEER;
	peer->last_cause = CAUSE_no_security_association;
	peer->childless_ms = ike->now_ms;
	peer->alive_ms = ike->now_ms;
	TAILQ_INIT(&peer->sas);
	LIST_INIT(&peer->children);
	table_insert(&ike->peers_by_endpoint, &peer->by_endpoint,
		     endpoint_hash(ike, &path->remote));
	return peer;
}

bool peer_join(struct sa *sa, const struct digest_part *identity)
{
	uint16_t key = sa->main_mode->key;
	struct peer *peer = peer_find(sa->ike, sa_path(sa), identity, key);
	bool made = peer == NULL;

	if (made)
		peer = peer_new(sa->ike, sa_path(sa), identity, key);
	if (peer->sa_count >= SAS_PER_PEER)
		main_mode_closed(TAILQ_FIRST(&peer->sas));
	sa->peer = peer;
	TAILQ_INSERT_TAIL(&peer->sas, sa, in_peer);
	peer->sa_count++;
	if (peer->child_count == 0)
		peer->childless_ms = sa->ike->now_ms; /* its time for a quick mode starts anew */
	peer->peer_behind_nat = sa->peer_behind_nat || sa->main_mode->peer_hash_faked;
	peer_schedule(peer);
	return made;
}

/* An R-U-THERE is unanswered. */
static bool probing(const struct peer *peer)
{
	return peer->probe != NULL;
}

static bool forced(const struct peer *peer)
{
	return peer->probe != NULL && peer->probe->forced;
}

static void probe_answered(struct peer *peer)
{
	free(peer->probe);
	peer->probe = NULL;
}

void peer_leave(struct sa *sa, enum cause cause)
{
	struct peer *peer = sa->peer;

	peer->last_cause = cause;
	if (peer_newest_sa(peer) == NULL) {
		peer->saless_ms = sa->ike->now_ms;
		probe_answered(peer);
	}
	peer_schedule(peer);
}

static void endpoint_move(struct peer *peer, const struct ike_path *path)
{
	struct ike *ike = peer->ike;

	table_remove(&ike->peers_by_endpoint, &peer->by_endpoint);
	peer->path = *path;
	peer->asked = 0;
	table_insert(&ike->peers_by_endpoint, &peer->by_endpoint,
		     endpoint_hash(ike, &path->remote));
}

static bool path_equal(const struct ike_path *a, const struct ike_path *b)
{
	return endpoint_equal(&a->remote, &b->remote) && endpoint_equal(&a->local, &b->local);
}

static bool may_move_again(struct peer *peer)
{
	uint8_t second = (uint8_t)(peer->ike->now_ms / 1000);

	if (second != peer->moves_second)
		peer->moves = 0;
	peer->moves_second = second;
	if (peer->moves == MOVES_PER_SECOND)
		return false;
	peer->moves++;
	return true;
}

void peer_heard(struct peer *peer, const struct ike_path *path)
{
	struct ike *ike = peer->ike;
	bool was_probing = probing(peer);

	peer->alive_ms = ike->now_ms;
	probe_answered(peer);
	if (was_probing)
		peer_schedule(peer);
	if (path_equal(path, &peer->path))
		return;
	if (!peer->peer_behind_nat || !may_move_again(peer)) {
		ike_count(ike, IKE_COUNTER_endpoint_refused);
		return;
	}
	endpoint_move(peer, path);
	report_event(ike, IKE_PEER_ENDPOINT, NULL, peer, 0)->endpoint.path = *path;
}

/* The SA that dead-peer detection uses, or NULL. */
static struct sa *probe_sa(const struct peer *peer)
{
	struct sa *sa = peer_newest_sa(peer);

	return sa != NULL && sa->dead_peer_detection ? sa : NULL;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When the peer ends for lack of SAs; UINT64_MAX: it has what it needs. */
static uint64_t empty_ends_ms(const struct peer *peer)
{
	uint64_t since_ms;

	if (peer->child_count != 0)
		return UINT64_MAX;
	if (peer_newest_sa(peer) != NULL)
		return peer->childless_ms + PEER_WITHOUT_CHILD_MS;
	since_ms = peer->childless_ms > peer->saless_ms ? peer->childless_ms : peer->saless_ms;
	return since_ms + peer->ike->config.child_linger_ms;
}

/* When the next R-U-THERE is due or given up on. */
static uint64_t probe_due_ms(const struct peer *peer)
{
	const struct ike_config *config = &peer->ike->config;

	if (probe_sa(peer) == NULL)
		return UINT64_MAX;
	if (probing(peer))
		return peer->probe->last_ms + config->dpd_interval_ms;
	return config->dpd_idle_ms == 0 ? UINT64_MAX : peer->alive_ms + config->dpd_idle_ms;
}

void peer_schedule(struct peer *peer)
{
	uint64_t due_ms = sooner(empty_ends_ms(peer), probe_due_ms(peer));

	if (peer->down)
		return;
	if (forced(peer))
		due_ms = sooner(due_ms, peer->probe->ends_ms);
	deadline_set(&peer->ike->deadlines, &peer->deadline, due_ms);
}

static void r_u_there_send(struct peer *peer, struct sa *sa)
{
	uint8_t cookies[16];
	uint8_t sequence[4];
	struct writer w = writer_over(sequence, sizeof(sequence));
	const struct message_notification n = {
		.protocol = ISAKMP_PROTOCOL_ISAKMP,
		.type = ISAKMP_NOTIFY_R_U_THERE,
		.spi = {cookies, sizeof(cookies)},
		.data = {sequence, sizeof(sequence)},
	};

	if (peer->probe_sequence == 0)
		peer->probe_sequence = random_u32(&peer->ike->host.random) >> 1;
	writer_u32(&w, ++peer->probe_sequence);
	if (peer->asked != 0 && peer->asked != UINT8_MAX)
		peer->asked++;
	sa_cookies(sa, cookies);
	message_notify(sa, &peer->path, true, &n);
}

static void probe_send(struct peer *peer, struct sa *sa)
{
	struct probe *probe = peer->probe;

	if (probe == NULL) {
		peer->probe = probe = memory_new(sizeof(*probe));
		probe->first_ms = peer->ike->now_ms;
	}
	probe->attempts++;
	probe->last_ms = peer->ike->now_ms;
	r_u_there_send(peer, sa);
}

void peer_due(struct peer *peer)
{
	const struct ike_host *host = &peer->ike->host;
	uint64_t now_ms = peer->ike->now_ms;

	if (host->peer_heard != NULL && host->peer_heard(host->context, peer->name))
		ike_peer_alive(peer->ike, peer->name, now_ms);
	if (empty_ends_ms(peer) <= now_ms) {
		peer_end(peer, peer->last_cause);
		return;
	}
	if ((forced(peer) && peer->probe->ends_ms <= now_ms) ||
	    (probe_due_ms(peer) <= now_ms && probing(peer) && !forced(peer) &&
	     peer->probe->attempts >= peer->ike->config.dpd_attempts)) {
		ike_count(peer->ike, IKE_COUNTER_dead_peers);
		peer_end(peer, CAUSE_peer_silent);
		return;
	}
	if (probe_due_ms(peer) <= now_ms)
		probe_send(peer, probe_sa(peer));
	peer_schedule(peer);
}

/* True if the peer's own address says that a NAT is on the way. */
static bool nat_evident(const struct peer *peer)
{
	const struct digest_part body = {peer->identity->bytes, peer->identity->length};
	const struct endpoint *remote = &peer->path.remote;
	struct identification id;

	if (identification_read(&body, &id) != 0 || id.type != ISAKMP_ID_IPV4_ADDRESS ||
	    id.data.length != endpoint_address_bytes(remote))
		return remote->port != ISAKMP_PORT && remote->port != ISAKMP_PORT_NAT_T;
	return memcmp(id.data.bytes, remote->address, id.data.length) != 0;
}

/* Why a peer that never got a child ends, if it is not our wish: `cause` tells how it ended. */
static enum cause childless_cause(const struct peer *peer, enum cause cause, const char **detail)
{
	const struct sa *sa = TAILQ_LAST(&peer->sas, sa_list);

	*detail = "main mode is complete, no quick mode came";
	if (peer->refusal != 0)
		return notification_cause(peer->refusal);
	if (cause == CAUSE_peer_request) {
		*detail = "it deleted its ISAKMP SA instead of beginning quick mode";
		return CAUSE_peer_gave_up;
	}
	if (cause != CAUSE_no_security_association && cause != CAUSE_peer_silent)
		return cause;
	if (sa != NULL && sa->local_behind_nat &&
	    listener_public(peer->ike, &peer->path.local) == NULL)
		return CAUSE_nat_server_refused;
	if (sa != NULL && sa->nat_version == NAT_VERSION_NONE && nat_evident(peer))
		return CAUSE_nat_traversal_missing;
	return CAUSE_silent_after_main_mode_6;
}

/* Says once why a peer ends without ever having had a child; the cause that its end gets. */
static enum cause childless_report(struct peer *peer, enum cause cause)
{
	char name[NOTIFICATION_NAME_BYTES];
	struct failure failure = {.cause = cause};

	if (peer->had_child || peer->failure_reported || cause == CAUSE_administrator ||
	    cause == CAUSE_shutdown || cause == CAUSE_l2tp_too_many_sessions)
		return cause;
	failure.cause = childless_cause(peer, cause, &failure.detail);
	if (peer->refusal != 0)
		failure.detail = notification_name(peer->refusal, name);
	peer->failure_reported = true;
	report_peer_failure(peer, &failure);
	return failure.cause;
}

static void peer_release(void *object)
{
	struct peer *peer = object;

	free(peer->identity);
	free(peer->probe);
	free(peer);
}

static void peer_remove(struct peer *peer)
{
	struct ike *ike = peer->ike;

	table_remove(&ike->peers_by_endpoint, &peer->by_endpoint);
	deadline_clear(&ike->deadlines, &peer->deadline);
	slots_remove(&ike->peers, ike_peer_index(peer->name));
	ike_bury(ike, peer, peer_release);
}

void peer_bury(struct peer *peer, enum cause cause)
{
	struct ike *ike = peer->ike;
	struct child *child;
	struct sa *sa;

	cause = childless_report(peer, cause);
	peer->down = true;
	while ((child = LIST_FIRST(&peer->children)) != NULL)
		child_end(child);
	while ((sa = TAILQ_FIRST(&peer->sas)) != NULL)
		sa_bury(sa);
	report_event(ike, IKE_PEER_DOWN, NULL, peer, 0)->down.cause = cause;
	peer_remove(peer);
}

void peer_end(struct peer *peer, enum cause cause)
{
	uint8_t spis[CHILDREN_PER_PEER * 4];
	struct writer w = writer_over(spis, sizeof(spis));
	struct sa *newest = peer_newest_sa(peer);
	struct child *child;
	struct sa *sa;
	struct sa *next;

	cause = childless_report(peer, cause);
	peer->down = true;
	LIST_FOREACH(child, &peer->children, in_peer)
	writer_u32(&w, child->spi_in);
	if (newest != NULL && peer->child_count != 0)
		message_delete(newest, ISAKMP_PROTOCOL_ESP, 4, spis, (uint16_t)peer->child_count);
	while ((child = LIST_FIRST(&peer->children)) != NULL)
		child_end(child);
	for (sa = TAILQ_FIRST(&peer->sas); sa != NULL; sa = next) {
		next = TAILQ_NEXT(sa, in_peer);
		main_mode_closed(sa);
	}
	peer_bury(peer, cause);
}

void ike_peer_alive(struct ike *ike, uint32_t name, uint64_t seen_ms)
{
	struct peer *peer = peer_of(ike, name);

	if (peer == NULL || seen_ms <= peer->alive_ms)
		return;
	peer->alive_ms = seen_ms; /* its deadline, now too early, looks again when it comes */
	if (probing(peer) && seen_ms >= peer->probe->first_ms) {
		probe_answered(peer);
		peer_schedule(peer);
	}
}

void ike_peer_moved(struct ike *ike, uint32_t name, const struct ike_path *path)
{
	struct peer *peer = peer_of(ike, name);

	if (peer != NULL && !path_equal(path, &peer->path))
		endpoint_move(peer, path);
}

void ike_peer_close(struct ike *ike, uint32_t name, enum cause cause, uint64_t now_ms)
{
	struct peer *peer = peer_of(ike, name);

	ike->now_ms = now_ms;
	if (peer != NULL)
		peer_end(peer, cause);
	ike_reap(ike);
}

void ike_peer_probe(struct ike *ike, uint32_t name, uint32_t timeout_ms, uint64_t now_ms)
{
	struct peer *peer = peer_of(ike, name);

	ike->now_ms = now_ms;
	if (peer == NULL || probe_sa(peer) == NULL || forced(peer))
		return;
	probe_send(peer, probe_sa(peer));
	peer->probe->ends_ms = now_ms + timeout_ms;
	peer->probe->forced = true;
	peer_schedule(peer);
}

/* Older SAs stand before newer ones, older children behind. */
static void sas_pass(struct peer *from, struct peer *into)
{
	struct sa *sa;

	while ((sa = TAILQ_LAST(&from->sas, sa_list)) != NULL) {
		if (into->sa_count == SAS_PER_PEER) {
			sa_bury(sa);
			continue;
		}
		TAILQ_REMOVE(&from->sas, sa, in_peer);
		from->sa_count--;
		sa->peer = into;
		TAILQ_INSERT_HEAD(&into->sas, sa, in_peer);
		into->sa_count++;
	}
}

static void children_pass(struct peer *from, struct peer *into)
{
	struct child *child, *last = LIST_FIRST(&into->children);

	while (last != NULL && LIST_NEXT(last, in_peer) != NULL)
		last = LIST_NEXT(last, in_peer);
	while ((child = LIST_FIRST(&from->children)) != NULL) {
		if (into->child_count == CHILDREN_PER_PEER) {
			child_end(child);
			continue;
		}
		LIST_REMOVE(child, in_peer);
		from->child_count--;
		child->peer = into;
		if (last != NULL)
			LIST_INSERT_AFTER(last, child, in_peer);
		else
			LIST_INSERT_HEAD(&into->children, child, in_peer);
		last = child;
		into->child_count++;
	}
}

void ike_peer_merge(struct ike *ike, uint32_t into_name, uint32_t from_name, uint64_t now_ms)
{
	struct peer *into = peer_of(ike, into_name);
	struct peer *from = peer_of(ike, from_name);

	ike->now_ms = now_ms;
	if (into == NULL || from == NULL || into == from)
		return;
	sas_pass(from, into);
	children_pass(from, into);
	from->down = true;
	peer_remove(from);
	peer_schedule(into);
	ike_reap(ike);
}

bool ike_peer_ageing(struct ike *ike, uint32_t name, uint64_t now_ms)
{
	const struct peer *peer = peer_of(ike, name);
	const struct sa *sa = peer != NULL ? peer_newest_sa(peer) : NULL;

	return sa == NULL || now_ms - sa->established_ms >= sa->keys.suite.lifetime_ms / 4 * 3;
}

bool ike_peer_ask(struct ike *ike, uint32_t name, uint64_t now_ms)
{
	struct peer *peer = peer_of(ike, name);

	ike->now_ms = now_ms;
	if (peer == NULL || probe_sa(peer) == NULL)
		return false;
	r_u_there_send(peer, probe_sa(peer));
	if (peer->asked == 0)
		peer->asked = 1;
	return true;
}

void peer_answered(struct peer *peer, uint32_t sequence)
{
	if (peer->probe_sequence - sequence >= peer->asked)
		return;
	peer->asked = 0;
	report_event(peer->ike, IKE_PEER_ANSWERED, NULL, peer, 0);
}
