/* SPDX-License-Identifier: BSD-3-Clause */
/* The ladder of each dial: which dial a step belongs to, and who is told of it. */
#include "control/private.h"

#include <time.h>

static uint64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static explain_dial begin(struct control *control, uint64_t key, const struct endpoint *peer)
{
	return explain_begin(control->explain, key, peer, loop_now_ms(control->loop), wall_ms());
}

static explain_dial branch(struct control *control, explain_dial parent,
			   const struct endpoint *peer)
{
	return explain_branch(control->explain, parent, peer, loop_now_ms(control->loop),
			      wall_ms());
}

static void tell(struct control *control, explain_dial dial, enum explain_layer layer, bool inbound,
		 const char *message, const char *meaning, const struct endpoint *peer,
		 const struct session *session)
{
	explain_step(control->explain, dial, layer, inbound, message, meaning,
		     loop_now_ms(control->loop));
	event_step(control, explain_layer_name(layer), inbound, message, meaning, peer, session);
}

explain_dial ladder_negotiation(struct control *control, const struct ike_event *event,
				const struct endpoint *peer)
{
	struct peer_group *group = group_of(control, event->peer);
	uint64_t key = explain_key_cookie(event->negotiation);
	explain_dial stranger = explain_by_key(control->explain, key, peer);

	if (group == NULL)
		return stranger != 0 ? stranger : begin(control, key, peer);
	/* A renewed ISAKMP SA began like a stranger's. */
	if (stranger != 0 && stranger != group->dial)
		explain_join(control->explain, stranger, group->dial);
	return group->dial;
}

void ladder_ike_step(struct control *control, const struct ike_event *event)
{
	const struct endpoint *peer = &event->step.path.remote;

	tell(control, ladder_negotiation(control, event, peer), EXPLAIN_IKE,
	     event->step.step.inbound, event->step.step.message, event->step.step.meaning, peer,
	     NULL);
}

/* A peer group dials again: another tunnel after its first, or beside it. */
static void group_dials(struct peer_group *group)
{
	if (!explain_is_vacant(group->control->explain, group->dial))
		group->dial = branch(group->control, group->dial, &group->remote);
}

static explain_dial tunnel_dial(struct l2tp_space *space, uint16_t tunnel, bool begins)
{
	struct control *control = space->control;
	uint64_t key = explain_key_tunnel(tunnel);

	if (space->group != NULL)
		return space->group->dial;
	if (begins)
		return begin(control, key, &control->l2tp_peer);
	return explain_by_key(control->explain, key, tunnel == 0 ? &control->l2tp_peer : NULL);
}

#define IN_CLEAR_AGAIN_MS 60000

explain_dial ladder_in_clear(struct control *control, const struct endpoint *peer)
{
	explain_dial dial = explain_by_key(control->explain, EXPLAIN_KEY_IN_CLEAR, peer);
	struct explain_view view;

	if (explain_view(control->explain, dial, &view) &&
	    loop_now_ms(control->loop) - view.began_ms < IN_CLEAR_AGAIN_MS)
		return 0;
	dial = begin(control, EXPLAIN_KEY_IN_CLEAR, peer);
	tell(control, dial, EXPLAIN_L2TP, true, "L2TP control message", "in clear", peer, NULL);
	return dial;
}

explain_dial ladder_tunnel(struct l2tp_space *space, uint16_t tunnel)
{
	return tunnel_dial(space, tunnel, false);
}

void ladder_l2tp_step(struct l2tp_space *space, const struct l2tp_event *event)
{
	struct control *control = space->control;
	const struct session *session =
		event->session != 0 ? session_find(control, space, event->tunnel, event->session)
				    : NULL;
	explain_dial dial = session != NULL ? session->dial : 0;

	if (space->group != NULL) {
		if (event->step.begins)
			group_dials(space->group);
		dial = dial != 0 ? dial : space->group->dial;
	} else if (dial == 0) {
		dial = tunnel_dial(space, event->tunnel, event->step.begins);
	}
	tell(control, dial, EXPLAIN_L2TP, event->step.inbound, event->step.message,
	     event->step.meaning, space->group != NULL ? &space->group->remote : NULL, NULL);
}

void ladder_session_open(struct session *session)
{
	struct control *control = session->control;
	explain_dial dial =
		session->group != NULL
			? session->group->dial
			: explain_known(control->explain,
					tunnel_dial(session->space, session->tunnel, false));

	/* The first call is its tunnel's dial; each further one is a dial of its own. */
	if (!explain_is_vacant(control->explain, dial))
		dial = branch(control, dial, session_peer(session));
	explain_session(control->explain, dial, session->slot);
	session->dial = dial;
}

void ladder_ppp_step(struct session *session, const struct ppp_event *event)
{
	tell(session->control, session->dial, EXPLAIN_PPP, event->step.inbound, event->step.message,
	     event->step.meaning, session_peer(session), session);
}

void ladder_aaa_step(struct session *session, bool inbound, const char *message,
		     const char *meaning)
{
	tell(session->control, session->dial, EXPLAIN_AAA, inbound, message, meaning,
	     session_peer(session), session);
}
