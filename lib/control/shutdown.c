/* SPDX-License-Identifier: BSD-3-Clause */
/* A clean end: PPP, then L2TP, then IKE, each when the one before is done or had its time. */
#include "control/private.h"

#define PHASE_MS 3000

static void phase_enter(struct control *control, enum shutdown_phase phase);

static bool sessions_done(const struct control *control)
{
	return slot_pool_used(control->session_slots) == 0;
}

static bool phase_done(const struct control *control)
{
	switch (control->shutdown) {
	case SHUTDOWN_PPP:
		return sessions_done(control);
	case SHUTDOWN_L2TP:
		return sessions_done(control) && control->busy_spaces == 0;
	case SHUTDOWN_IKE:
		return slot_pool_used(control->group_slots) == 0;
	default:
		return false;
	}
}

static void close_sessions(struct control *control, uint64_t now_ms)
{
	for (uint32_t slot = 0; slot < (uint32_t)control->config->max_sessions; slot++) {
		struct session *session = control->sessions[slot];

		if (session == NULL || session->ppp == NULL)
			continue;
		ppp_close(session->ppp, CAUSE_shutdown, now_ms);
		session_drain(session);
	}
}

static void close_tunnels(struct control *control, uint64_t now_ms)
{
	for (uint32_t slot = 0; slot < (uint32_t)control->config->max_sessions; slot++) {
		struct peer_group *group = control->groups[slot];

		if (group == NULL || group->deleting)
			continue;
		l2tp_close_all(group->space.l2tp, 6, CAUSE_shutdown, now_ms);
		l2tp_space_drain(&group->space);
	}
	l2tp_close_all(control->plain.l2tp, 6, CAUSE_shutdown, now_ms);
	l2tp_space_drain(&control->plain);
}

static void close_peers(struct control *control, uint64_t now_ms)
{
	for (uint32_t slot = 0; slot < (uint32_t)control->config->max_sessions; slot++) {
		const struct peer_group *group = control->groups[slot];

		if (group != NULL && group->ike_peer != 0)
			ike_peer_close(control->ike, group->ike_peer, CAUSE_shutdown, now_ms);
	}
	if (control->ike != NULL)
		ike_drain(control);
}

static void phase_late(struct timer_node *node, uint64_t now_ms)
{
	struct control *control =
		(struct control *)((char *)node - offsetof(struct control, shutdown_timer));

	(void)now_ms;
	phase_enter(control, control->shutdown + 1);
}

static void phase_enter(struct control *control, enum shutdown_phase phase)
{
	uint64_t now_ms = loop_now_ms(control->loop);

	control->shutdown = phase;
	timer_wheel_set(loop_wheel(control->loop), &control->shutdown_timer,
			phase == SHUTDOWN_DONE ? UINT64_MAX : now_ms + PHASE_MS);
	switch (phase) {
	case SHUTDOWN_PPP:
		close_sessions(control, now_ms);
		break;
	case SHUTDOWN_L2TP:
		close_tunnels(control, now_ms);
		break;
	case SHUTDOWN_IKE:
		close_peers(control, now_ms);
		break;
	case SHUTDOWN_DONE:
		control->finished(control->finished_object);
		break;
	default:
		break;
	}
}

void shutdown_progress(struct control *control)
{
	while (phase_done(control))
		phase_enter(control, control->shutdown + 1);
}

void control_shut_down(struct control *control, void (*finished)(void *object), void *object)
{
	if (control->shutdown != SHUTDOWN_NO)
		return;
	control->finished = finished;
	control->finished_object = object;
	control->shutdown_timer.expired = phase_late;
	phase_enter(control, SHUTDOWN_PPP);
	shutdown_progress(control);
}
