/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/roaming.h"

#define MOVES_PER_SECOND 4
#define ALLOWANCE_FACTOR 3
#define ALLOWANCE_MAX    (1u << 30)

static bool may_move_again(struct worker *w, struct group *group)
{
	if (w->now_cycles - group->moves_cycles >= w->hz) {
		group->moves_cycles = w->now_cycles;
		group->moves_left = MOVES_PER_SECOND;
	}
	if (group->moves_left == 0)
		return false;
	group->moves_left--;
	return true;
}

static void tell_control(struct worker *w, const struct group *group)
{
	struct message *message =
		mailbox_worker_message_new(w->mailbox, w->id, MESSAGE_GROUP_MOVED);

	if (message == NULL)
		return;
	message->group_move.slot = group->slot;
	message->group_move.local = group_local(group);
	message->group_move.remote = group_remote(group);
	message->group_move.unproven = group->unproven;
	if (!mailbox_worker_send(w->mailbox, w->id, message))
		mailbox_worker_message_free(w->mailbox, w->id, message);
}

static void set_unproven(struct group *group, bool unproven, uint32_t allowance)
{
	group->unproven = group->limited = unproven;
	group->allowance = allowance;
}

void roaming_heard(struct worker *w, struct group *group, const struct packet *packet)
{
	struct endpoint local, remote;

	if (!group->may_move || group->ipv6 || packet->ipv6 || !may_move_again(w, group)) {
		counter_add(&w->view.endpoints_refused, 1);
		return;
	}
	if (packet->remote_be == group->proven_be)
		set_unproven(group, false, 0);
	else if (packet->remote_be != group->remote_be)
		set_unproven(group, true, 0);
	local = group_local(group);
	remote = endpoint_ipv4(packet->remote_be, packet->remote_port);
	group_set_endpoints(w, group, &local, &remote);
	counter_add(&w->view.endpoints_moved, 1);
	tell_control(w, group);
}

void roaming_earn(struct group *group, const struct packet *packet, uint32_t bytes)
{
	if (packet->remote_be == group->remote_be && group->allowance < ALLOWANCE_MAX)
		group->allowance += bytes * ALLOWANCE_FACTOR;
}

bool roaming_spend(struct group *group, uint32_t bytes)
{
	if (bytes > group->allowance)
		return false;
	group->allowance -= bytes;
	return true;
}

void roaming_set(struct worker *w, const struct message *message)
{
	struct group *group = w->groups[message->group_move.slot];

	if (group == NULL)
		return;
	group_set_endpoints(w, group, &message->group_move.local, &message->group_move.remote);
	set_unproven(group, message->group_move.unproven, message->group_move.allowance);
	if (!group->unproven)
		group->proven_be = group->remote_be;
}

void roaming_proven(struct worker *w, const struct message *message)
{
	struct group *group = w->groups[message->group_move.slot];

	struct endpoint remote;

	if (group == NULL)
		return;
	remote = group_remote(group);
	if (!endpoint_same_address(&message->group_move.remote, &remote))
		return; /* it moved again meanwhile */
	group->proven_be = group->remote_be;
	set_unproven(group, false, 0);
}

void roaming_follow(struct worker *w, struct group *group, const struct group *other)
{
	struct endpoint local = group_local(other), remote = group_remote(other);

	group->may_move = other->may_move;
	group_set_endpoints(w, group, &local, &remote);
	group->proven_be = other->proven_be;
	set_unproven(group, other->unproven, other->allowance);
}
