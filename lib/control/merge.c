/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client negotiates from the beginning and goes on with its old tunnel: Apple's falls back to port 500
 * for a rekey of main mode. Its new group has no tunnel of that number. If exactly one other group of the
 * same identity, addresses and NAT has it, with that session, and is silent or about to rekey, then it is
 * the same device: the old group gets the new pairs of SAs.
 */
#include "control/private.h"

#define SILENT_MS 2000

static bool same_device(const struct peer_group *a, const struct peer_group *b)
{
	return a->identity_hash == b->identity_hash && a->inner == b->inner &&
	       endpoint_same_address(&a->remote, &b->remote) &&
	       endpoint_same_address(&a->local, &b->local);
}

/* The one other group that has the session, or NULL. */
static struct peer_group *candidate(const struct peer_group *fresh, uint16_t tunnel,
				    uint16_t l2tp_session)
{
	struct peer_group *found = NULL;

	for (struct peer_group *group = group_neighbours(fresh); group != NULL;
	     group = group->next_indexed) {
		if (group == fresh || !same_device(group, fresh) ||
		    session_find(group->control, &group->space, tunnel, l2tp_session) == NULL)
			continue;
		if (found != NULL)
			return NULL;
		found = group;
	}
	return found;
}

static uint64_t packets_of(const struct peer_group *group)
{
	uint64_t packets = 0;

	for (const struct child *child = group->children; child != NULL; child = child->next)
		packets += counter_read(&child->counters->packets_in);
	return packets;
}

/* Watched since the last question: nothing authentic came for long enough. */
static bool silent(struct peer_group *group)
{
	uint64_t now_ms = loop_now_ms(group->control->loop);
	uint64_t packets = packets_of(group);

	if (group->silent_since_ms == 0 || packets != group->silent_packets) {
		group->silent_since_ms = now_ms;
		group->silent_packets = packets;
		return false;
	}
	return now_ms - group->silent_since_ms >= SILENT_MS;
}

static void children_pass(struct peer_group *from, struct peer_group *to)
{
	struct child **end = &from->children;

	for (; *end != NULL; end = &(*end)->next)
		(*end)->group = to;
	*end = to->children;
	to->children = from->children;
	to->child_count += from->child_count;
	to->pairs_evicted |= to->child_count > GROUP_PAIRS_MAX;
	from->children = NULL;
	from->child_count = 0;
}

static void merge(struct peer_group *fresh, struct peer_group *group)
{
	struct control *control = fresh->control;
	struct ike_path path = {fresh->local, fresh->remote};
	struct message *message = mailbox_message_new(control->mailbox, MESSAGE_GROUP_MERGE);

	log_info(control->log, LOG_IKE, "peer is back group=%u joins=%u identity=%s", fresh->slot,
		 group->slot, group->identity);
	message->group_merge.slot = fresh->slot;
	message->group_merge.into = group->slot;
	timer_wheel_cancel(&fresh->silence_timer);
	explain_join(control->explain, fresh->dial, group->dial);
	children_pass(fresh, group);
	proof_end(fresh);
	path_mtu_forget(fresh);
	proof_end(group);
	group_endpoint_set(group, &path);
	ike_peer_merge(control->ike, fresh->ike_peer, group->ike_peer, loop_now_ms(control->loop));
	group_peer_take(group, fresh);
	fresh->merging = true;
	group_send(group, message);
}

void group_missed(struct control *control, const struct message *message)
{
	struct peer_group *fresh = control->groups[message->missed.group];
	struct peer_group *group;

	if (fresh == NULL || fresh->down || fresh->move != NULL || fresh->proof != NULL ||
	    fresh->pairs_evicted || fresh->sessions != 0 || l2tp_tunnels(fresh->space.l2tp) != 0 ||
	    control->shutdown != SHUTDOWN_NO)
		return;
	group = candidate(fresh, message->missed.tunnel, message->missed.session);
	if (group == NULL || group->move != NULL ||
	    (!silent(group) &&
	     !ike_peer_ageing(control->ike, group->ike_peer, loop_now_ms(control->loop))))
		return;
	/* To where the new packets come; what is said meanwhile waits until it is there. */
	if (group->worker != fresh->worker && load_group_shift(group, fresh->worker) != 0)
		return;
	merge(fresh, group);
	ike_drain(control);
}

void group_merged(struct control *control, const struct message *message)
{
	struct peer_group *fresh = control->groups[message->group_merge.slot];
	struct peer_group *group = control->groups[message->group_merge.into];

	/* The worker may have moved the fresh one meanwhile, and told a group that is no more. */
	if (group != NULL && !group->down)
		group_endpoint_send(group);
	fresh->merging = false;
	group_check_gone(fresh);
}
