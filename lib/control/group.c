/* SPDX-License-Identifier: BSD-3-Clause */
/* Peer groups: one for each remote device that the IKE engine knows. */
#include "control/private.h"

#include "base/memory.h"

#include <stdlib.h>

/* Other peers with the identity of one that says it is alone are given so long to answer. */
#define INITIAL_CONTACT_SILENCE_MS 5000

struct peer_group *group_of(const struct control *control, uint32_t ike_peer)
{
	struct peer_group *group;

	if (ike_peer == 0)
		return NULL;
	group = control->group_by_peer[ike_peer_index(ike_peer)];
	return group != NULL && group->ike_peer == ike_peer ? group : NULL;
}

static struct peer_group **index_bucket(const struct peer_group *group)
{
	uint32_t hash = 2166136261u;

	for (const char *c = group->identity; *c != '\0'; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	for (unsigned i = 0; i < sizeof(group->remote.address); i++)
		hash = (hash ^ group->remote.address[i]) * 16777619u;
	return &group->control->group_index[hash >> (32 - group->control->index_bits)];
}

static void index_add(struct peer_group *group)
{
	struct peer_group **bucket = index_bucket(group);

	group->next_indexed = *bucket;
	*bucket = group;
}

static void index_remove(struct peer_group *group)
{
	struct peer_group **link = index_bucket(group);

	while (*link != group)
		link = &(*link)->next_indexed;
	*link = group->next_indexed;
}

void group_endpoint_set(struct peer_group *group, const struct ike_path *path)
{
	if (!group->down)
		index_remove(group);
	group->local = path->local;
	group->remote = path->remote;
	if (!group->down)
		index_add(group);
}

struct peer_group *group_neighbours(const struct peer_group *group)
{
	return *index_bucket(group);
}

/*
 * The peer says that it has no other SA with us. With addresses as identities that may be a
 * stranger behind the same NAT, so older groups are asked, not deleted (RFC 3947 6).
 */
void group_alone(struct control *control, const struct ike_event *event)
{
	const struct peer_group *newest = group_of(control, event->peer);
	const struct peer_group *group = newest != NULL ? *index_bucket(newest) : NULL;

	for (; group != NULL; group = group->next_indexed)
		if (group != newest && group->identity_hash == newest->identity_hash &&
		    endpoint_same_address(&group->remote, &newest->remote))
			ike_peer_probe(control->ike, group->ike_peer, INITIAL_CONTACT_SILENCE_MS,
				       loop_now_ms(control->loop));
}

void group_up(struct control *control, const struct ike_event *event)
{
	uint32_t slot = slot_pool_take(control->group_slots);
	const struct endpoint *peer = &event->peer_up.path.remote;
	struct peer_group *group;
	struct message *message;

	if (slot == UINT32_MAX) {
		dial_failed(control, LOG_IKE, ladder_negotiation(control, event, peer),
			    CAUSE_l2tp_too_many_sessions, peer, NULL, "max_sessions is reached");
		ike_peer_close(control->ike, event->peer, CAUSE_l2tp_too_many_sessions,
			       loop_now_ms(control->loop));
		return;
	}
	group = memory_new(sizeof(*group));
	group->control = control;
	group->slot = slot;
	group->ike_peer = event->peer;
	load_group_add(group, control->ike_worker);
	group->local = event->peer_up.path.local;
	group->remote = *peer;
	group->dial = explain_known(control->explain, ladder_negotiation(control, event, peer));
	explain_peer(control->explain, group->dial, peer);
	explain_profile(control->explain, group->dial, event->peer_up.profile);
	group->identity = memory_copy_text(event->peer_up.identity);
	group->identity_hash = event->peer_up.identity_hash;
	group->profile = memory_copy_text(event->peer_up.profile);
	group->key = memory_copy_text(event->peer_up.key);
	log_info(control->log, LOG_IKE, "peer up group=%u identity=%s key=\"%s\"", slot,
		 group->identity, group->key);
	l2tp_space_open(&group->space, control, group);
	index_add(group);
	control->groups[slot] = group;
	control->group_by_peer[ike_peer_index(event->peer)] = group;
	message = mailbox_message_new(control->mailbox, MESSAGE_GROUP_ADD);
	group->storage = slabs_take(control->storage, GROUP_STORAGE_BYTES);
	message->group_add.storage = group->storage;
	message->group_add.slot = slot;
	message->group_add.local = group->local;
	message->group_add.remote = group->remote;
	message->group_add.may_move = event->peer_up.peer_behind_nat;
	group_send(group, message);
}

void group_down(struct control *control, const struct ike_event *event)
{
	struct peer_group *group = group_of(control, event->peer);

	if (group == NULL)
		return;
	silence_over(group, event->down.cause);
	log_info(control->log, LOG_IKE, "peer gone group=%u identity=%s cause=%s", group->slot,
		 group->identity, cause_name(event->down.cause));
	event_write(control, "peer_down", &group->remote, NULL, cause_text(event->down.cause));
	control->group_by_peer[ike_peer_index(group->ike_peer)] = NULL;
	group->ike_peer = 0;
	proof_end(group);
	path_mtu_forget(group);
	index_remove(group);
	group->down = true;
	l2tp_close_all(group->space.l2tp, 6, event->down.cause, loop_now_ms(control->loop));
	l2tp_space_drain(&group->space);
	group_check_gone(group);
}

void group_peer_take(struct peer_group *group, struct peer_group *from)
{
	struct control *control = group->control;

	control->group_by_peer[ike_peer_index(group->ike_peer)] = NULL;
	control->group_by_peer[ike_peer_index(from->ike_peer)] = group;
	group->ike_peer = from->ike_peer;
	from->ike_peer = 0;
	index_remove(from);
	from->down = true;
}

/* Once nothing refers to it any more, the worker is asked to forget it. */
void group_check_gone(struct peer_group *group)
{
	if (!group->down || group->deleting || group->merging || group->child_count != 0 ||
	    group->sessions != 0)
		return;
	group->deleting = true;
	l2tp_space_close(&group->space);
	removal_ask(group->control, MESSAGE_GROUP_DELETE, group->slot, group->slot);
}

void group_free(struct peer_group *group)
{
	timer_wheel_cancel(&group->silence_timer);
	proof_end(group);
	path_mtu_forget(group);
	if (group->space.l2tp != NULL)
		l2tp_space_close(&group->space);
	slabs_give_back(group->control->storage, group->storage, GROUP_STORAGE_BYTES);
	free(group->identity);
	free(group->profile);
	free(group->key);
	free(group);
}

void group_removed(struct control *control, struct message *message)
{
	struct peer_group *group = control->groups[message->remove.slot];

	control->groups[message->remove.slot] = NULL;
	watches_target_gone(control, true, group->slot);
	load_group_remove(group);
	slot_pool_give_back(control->group_slots, group->slot);
	group_free(group);
}
