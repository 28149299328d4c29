/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"
#include "ike/engine.h"

#include <stdlib.h>

struct child *child_find(struct ike *ike, uint32_t spi_in)
{
	uint64_t hash = table_hash(&ike->hash_key, &spi_in, sizeof(spi_in));
	struct table_node *node = NULL;

	while ((node = table_find(&ike->children_by_spi, hash, node)) != NULL) {
		struct child *child = table_object(node, struct child, by_spi);

		if (child->spi_in == spi_in)
			return child;
	}
	return NULL;
}

/* Removes at `ends_ms`, or whenever the deadline is moved to. */
static void end_at(struct child *child, uint64_t ends_ms)
{
	deadline_set(&child->peer->ike->deadlines, &child->deadline, ends_ms);
}

static struct child *oldest(const struct peer *peer)
{
	struct child *child = LIST_FIRST(&peer->children);

	while (LIST_NEXT(child, in_peer) != NULL)
		child = LIST_NEXT(child, in_peer);
	return child;
}

struct child *child_new(struct quick_mode *quick_mode, uint32_t spi_in, uint64_t lifetime_ms)
{
	struct peer *peer = quick_mode->sa->peer;
	struct ike *ike = peer->ike;
	struct child *child = memory_new(sizeof(*child));

	if (peer->child_count >= CHILDREN_PER_PEER)
		child_end(oldest(peer));
	child->peer = peer;
	child->quick_mode = quick_mode;
	child->spi_in = spi_in;
	child->spi_out = quick_mode->offer->esp.spi;
	child->peer_port = quick_mode->offer->peer_port;
	child->local_port = quick_mode->offer->local_port;
	child->deadline.kind = DEADLINE_CHILD;
	quick_mode->child = child;
	LIST_INSERT_HEAD(&peer->children, child, in_peer);
	peer->child_count++;
	table_insert(&ike->children_by_spi, &child->by_spi,
		     table_hash(&ike->hash_key, &spi_in, sizeof(spi_in)));
	end_at(child, ike->now_ms + lifetime_ms + LIFETIME_GRACE_MS);
	peer_schedule(peer);
	return child;
}

void child_confirm(struct child *child)
{
	struct peer *peer = child->peer;
	uint64_t linger_ends_ms = peer->ike->now_ms + peer->ike->config.child_linger_ms;
	struct child *old;

	child->confirmed = true;
	peer->had_child = true;
	peer->refusal = 0;
	report_child(child, IKE_CHILD_CONFIRMED);
	LIST_FOREACH(old, &peer->children, in_peer)
	if (old != child && old->peer_port == child->peer_port && !old->outbound_deleted &&
	    old->deadline.due_ms < linger_ends_ms)
		end_at(old, linger_ends_ms);
}

void child_outbound_deleted(struct child *child)
{
	struct ike *ike = child->peer->ike;

	child->outbound_deleted = true;
	child->peer->last_cause = CAUSE_peer_request;
	report_child(child, IKE_CHILD_OUTBOUND_DELETED);
	if (child->deadline.due_ms > ike->now_ms + ike->config.child_linger_ms)
		end_at(child, ike->now_ms + ike->config.child_linger_ms);
}

void child_end(struct child *child)
{
	struct peer *peer = child->peer;
	struct ike *ike = peer->ike;

	report_child(child, IKE_CHILD_DELETE);
	if (child->quick_mode != NULL)
		child->quick_mode->child = NULL;
	LIST_REMOVE(child, in_peer);
	table_remove(&ike->children_by_spi, &child->by_spi);
	deadline_clear(&ike->deadlines, &child->deadline);
	if (--peer->child_count == 0)
		peer->childless_ms = ike->now_ms;
	ike_bury(ike, child, free);
	peer_schedule(peer);
}

void child_due(struct child *child)
{
	child_end(child);
}

void ike_child_used(struct ike *ike, uint32_t spi_in, uint64_t now_ms)
{
	struct child *child = child_find(ike, spi_in);

	ike->now_ms = now_ms;
	if (child == NULL || child->confirmed || child->quick_mode == NULL)
		return;
	quick_mode_used(child->quick_mode);
	ike_reap(ike);
}
