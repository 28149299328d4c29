/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a peer behind a NAT is (RFC 3947 7). The owner worker moves the endpoint at an authentic packet of
 * ESP, the IKE engine at an authentic message. Another port of the same address is believed at once. Another
 * address may be that of somebody who only forwarded a packet: until something that was sent there is
 * acknowledged, little is sent, and after a few seconds the old address counts again.
 */
#include "control/private.h"

#include "base/memory.h"

#include <stdlib.h>

#define PROOF_MS         5000
#define ASK_AGAIN_MS     1000
#define MOVES_ALARMING   10 /* in a minute */
#define MINUTE_MS        60000
#define ALLOWANCE_FACTOR 3

/* A peer's new address is not proven yet. */
struct proof {
	struct timer_node timer;
	struct peer_group *group;
	struct ike_path before; /* proven */
	uint64_t ends_ms;
	bool tunnels_asked;
};

static void endpoint_send(struct peer_group *group, enum message_kind kind, uint32_t allowance)
{
	struct message *message = mailbox_message_new(group->control->mailbox, kind);

	message->group_move.slot = group->slot;
	message->group_move.local = group->local;
	message->group_move.remote = group->remote;
	message->group_move.unproven = group->proof != NULL;
	message->group_move.allowance = allowance;
	group_send(group, message);
}

void proof_end(struct peer_group *group)
{
	if (group->proof == NULL)
		return;
	timer_wheel_cancel(&group->proof->timer);
	free(group->proof);
	group->proof = NULL;
}

/* DPD where the peer speaks it; else L2TP. ESP alone acknowledges nothing. */
static void ask(struct proof *proof)
{
	struct peer_group *group = proof->group;
	struct control *control = group->control;
	uint64_t now_ms = loop_now_ms(control->loop);

	if (ike_peer_ask(control->ike, group->ike_peer, now_ms) || proof->tunnels_asked)
		return;
	proof->tunnels_asked = l2tp_ask(group->space.l2tp, now_ms);
	l2tp_space_drain(&group->space);
}

static void peer_moved_log(const struct peer_group *group, const struct endpoint *before,
			   const char *what)
{
	char from[ENDPOINT_TEXT_BYTES], to[ENDPOINT_TEXT_BYTES];

	log_info(group->control->log, LOG_IKE, "%s group=%u from=%s to=%s moves=%u", what,
		 group->slot, endpoint_text(before, from), endpoint_text(&group->remote, to),
		 group->moves);
}

static void go_back(struct proof *proof)
{
	struct peer_group *group = proof->group;
	struct endpoint unproven = group->remote;

	group_endpoint_set(group, &proof->before);
	ike_peer_moved(group->control->ike, group->ike_peer, &proof->before);
	proof_end(group);
	endpoint_send(group, MESSAGE_GROUP_MOVE, 0);
	peer_moved_log(group, &unproven, "peer did not answer at its new address");
}

static void proof_timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct proof *proof = (struct proof *)node;
	struct control *control = proof->group->control;

	if (now_ms >= proof->ends_ms) {
		go_back(proof);
		return;
	}
	ask(proof);
	timer_wheel_set(loop_wheel(control->loop), node, now_ms + ASK_AGAIN_MS);
	ike_drain(control);
}

static void proof_begin(struct peer_group *group, const struct ike_path *before)
{
	struct control *control = group->control;
	uint64_t now_ms = loop_now_ms(control->loop);
	struct proof *proof = group->proof;

	if (proof == NULL) {
		proof = group->proof = memory_new(sizeof(*proof));
		proof->timer.expired = proof_timer_expired;
		proof->group = group;
		proof->before = *before;
	}
	proof->ends_ms = now_ms + PROOF_MS;
	proof->tunnels_asked = false;
	ask(proof);
	timer_wheel_set(loop_wheel(control->loop), &proof->timer, now_ms + ASK_AGAIN_MS);
}

static void count_move(struct peer_group *group)
{
	uint64_t now_ms = loop_now_ms(group->control->loop);

	group->moves++;
	if (now_ms - group->minute_ms >= MINUTE_MS) {
		group->minute_ms = now_ms;
		group->minute_moves = 0;
	}
	if (++group->minute_moves == MOVES_ALARMING + 1)
		log_warning(group->control->log, LOG_IKE,
			    "peer moves all the time: two devices with the same keys, or an attack "
			    "group=%u identity=%s",
			    group->slot, group->identity);
}

/* The peer is at `path` now; the proven address is the present one, unless that is in question. */
static void moved(struct peer_group *group, const struct ike_path *path)
{
	struct ike_path before = {group->local, group->remote};
	const struct ike_path *proven = group->proof != NULL ? &group->proof->before : &before;
	bool believed = endpoint_same_address(&proven->remote, &path->remote);
	bool same = endpoint_same_address(&group->remote, &path->remote);

	count_move(group);
	if (!same)
		path_mtu_anew(group);
	group_endpoint_set(group, path);
	if (believed)
		proof_end(group);
	else if (!same)
		proof_begin(group, &before);
	peer_moved_log(group, &before.remote,
		       believed ? "peer moved" : "peer moved to an unproven address");
}

void group_endpoint(struct control *control, const struct ike_event *event)
{
	struct peer_group *group = group_of(control, event->peer);

	if (group == NULL)
		return;
	moved(group, &event->endpoint.path);
	endpoint_send(group, MESSAGE_GROUP_MOVE, (uint32_t)control->ike_bytes * ALLOWANCE_FACTOR);
}

void group_moved(struct control *control, const struct message *message)
{
	struct peer_group *group = control->groups[message->group_move.slot];
	struct ike_path path;

	if (group == NULL || group->down)
		return;
	path = (struct ike_path){group->local, message->group_move.remote};
	ike_peer_moved(control->ike, group->ike_peer, &path);
	moved(group, &path);
	ike_drain(control);
}

void group_answered(struct peer_group *group)
{
	if (group == NULL || group->proof == NULL)
		return;
	peer_moved_log(group, &group->proof->before.remote, "peer answered at its new address");
	proof_end(group);
	endpoint_send(group, MESSAGE_GROUP_PROVEN, 0);
}

void group_endpoint_send(struct peer_group *group)
{
	endpoint_send(group, MESSAGE_GROUP_MOVE, 0);
}
