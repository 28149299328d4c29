/* SPDX-License-Identifier: BSD-3-Clause */
/* A clean end: PPP, then L2TP, then IKE, each when the one before is done or had its time. */
#include "control/private.h"

#define PHASE_MS             3000
#define CLOSED_PER_TURN      256
#define SEEN_PER_TURN        65536
#define RESULT_SHUTTING_DOWN 6 /* StopCCN, RFC 2661 4.4.2 */

static bool sessions_done(const struct control *control)
{
	return slot_pool_used(control->session_slots) == 0;
}

static bool phase_done(const struct control *control)
{
	if (control->shutdown_position < (uint32_t)control->config->max_sessions)
		return false;
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

static bool session_close(struct session *session, uint64_t now_ms)
{
	if (session == NULL || session->ppp == NULL)
		return false;
	ppp_close(session->ppp, CAUSE_shutdown, now_ms);
	session_drain(session);
	return true;
}

static void space_close(struct l2tp_space *space, uint64_t now_ms)
{
	l2tp_close_all(space->l2tp, RESULT_SHUTTING_DOWN, CAUSE_shutdown, now_ms);
	l2tp_space_drain(space);
}

/* Closes what this phase is about in one slot; false if there was nothing. */
static bool slot_close(struct control *control, uint32_t slot, uint64_t now_ms)
{
	struct peer_group *group = control->groups[slot];

	if (control->shutdown == SHUTDOWN_PPP)
		return session_close(control->sessions[slot], now_ms);
	if (group == NULL || group->deleting)
		return false;
	if (control->shutdown == SHUTDOWN_L2TP)
		space_close(&group->space, now_ms);
	else if (group->ike_peer != 0)
		ike_peer_close(control->ike, group->ike_peer, CAUSE_shutdown, now_ms);
	return true;
}

/* A part of the slots; the timer comes back for the rest, then for those that do not answer. */
static void close_some(struct control *control, uint64_t now_ms)
{
	uint32_t end = (uint32_t)control->config->max_sessions;
	unsigned closed = 0, seen = 0;

	while (control->shutdown_position < end && closed < CLOSED_PER_TURN &&
	       seen++ < SEEN_PER_TURN)
		closed += slot_close(control, control->shutdown_position++, now_ms);
	if (control->shutdown == SHUTDOWN_IKE && control->ike != NULL)
		ike_drain(control);
	timer_wheel_set(loop_wheel(control->loop), &control->shutdown_timer,
			control->shutdown_position < end ? now_ms : now_ms + PHASE_MS);
}

static void phase_enter(struct control *control, enum shutdown_phase phase)
{
	uint64_t now_ms = loop_now_ms(control->loop);

	control->shutdown = phase;
	control->shutdown_position = 0;
	if (phase == SHUTDOWN_DONE) {
		timer_wheel_cancel(&control->shutdown_timer);
		control->finished(control->finished_object);
		return;
	}
	if (phase == SHUTDOWN_L2TP)
		space_close(&control->plain, now_ms);
	close_some(control, now_ms);
}

static void shutdown_timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct control *control =
		(struct control *)((char *)node - offsetof(struct control, shutdown_timer));

	if (control->shutdown_position < (uint32_t)control->config->max_sessions)
		close_some(control, now_ms);
	else
		phase_enter(control, control->shutdown + 1);
	shutdown_progress(control);
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
	control->shutdown_timer.expired = shutdown_timer_expired;
	phase_enter(control, SHUTDOWN_PPP);
	shutdown_progress(control);
}
