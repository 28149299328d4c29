/* SPDX-License-Identifier: BSD-3-Clause */
/* Dials that end between IKE and L2TP: there is a pair of SAs, and then nothing comes. What ends before
 * that the IKE engine explains. */
#include "control/private.h"

#define SILENCE_MS 30000

static bool esp_came(const struct peer_group *group)
{
	for (const struct child *child = group->children; child != NULL; child = child->next)
		if (counter_read(&child->counters->packets_in) != 0)
			return true;
	return group->esp_came;
}

static bool l2tp_came(const struct peer_group *group)
{
	return group->sessions != 0 || l2tp_tunnels(group->space.l2tp) != 0;
}

void silence_over(struct peer_group *group, enum cause cause)
{
	struct control *control = group->control;

	timer_wheel_cancel(&group->silence_timer);
	if (!explain_is_running(control->explain, group->dial))
		return;
	if (group->had_pair && cause != CAUSE_shutdown && !l2tp_came(group))
		cause = esp_came(group) ? CAUSE_no_l2tp_after_ipsec : CAUSE_no_esp_after_ike;
	dial_failed(control, LOG_IKE, group->dial, cause, &group->remote, NULL, "");
}

static void expired(struct timer_node *node, uint64_t now_ms)
{
	struct peer_group *group =
		(struct peer_group *)((char *)node - offsetof(struct peer_group, silence_timer));

	(void)now_ms;
	if (!l2tp_came(group))
		silence_over(group, CAUSE_peer_silent);
}

void silence_deleted(struct peer_group *group)
{
	for (const struct child *child = group->children; child != NULL; child = child->next)
		if (!child->lingering && !child->deleting)
			return;
	if (!l2tp_came(group))
		silence_over(group, CAUSE_peer_request);
}

void silence_watch(struct peer_group *group)
{
	if (group->had_pair)
		return;
	group->had_pair = true;
	group->silence_timer.expired = expired;
	timer_wheel_set(loop_wheel(group->control->loop), &group->silence_timer,
			loop_now_ms(group->control->loop) + SILENCE_MS);
}
