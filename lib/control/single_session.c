/* SPDX-License-Identifier: BSD-3-Clause */
/* How many sessions a user may have at once: who has one is found by name. */
#include "control/private.h"

#include <string.h>

/* FNV-1a of the name, as the peer gave it. */
static struct session **bucket_of(struct control *control, const char *user)
{
	uint32_t digest = 2166136261u;

	for (; *user != '\0'; user++)
		digest = (digest ^ (uint8_t)*user) * 16777619u;
	return &control->user_index[digest >> (32 - control->index_bits)];
}

static struct session *other_of(struct session *session)
{
	struct session *other = *bucket_of(session->control, session->user);

	while (other != NULL && (other == session || strcmp(other->user, session->user) != 0))
		other = other->next_of_user;
	return other;
}

/* PPP's end is told and not waited for: the address has to be free at once. */
static void replace(struct session *old)
{
	struct control *control = old->control;

	single_session_remove(old);
	ppp_close(old->ppp, CAUSE_user_dialled_again, loop_now_ms(control->loop));
	session_drain(old);
	subscriber_release(old);
	(void)l2tp_session_close(old->space->l2tp, old->tunnel, old->l2tp_session,
				 RESULT_ADMINISTRATIVE, CAUSE_user_dialled_again,
				 loop_now_ms(control->loop));
	l2tp_space_drain(old->space);
}

enum cause single_session_admit(struct session *session)
{
	struct control *control = session->control;
	struct session *other;

	if (control->config->single_session == CONFIG_SINGLE_SESSION_OFF ||
	    session->user[0] == '\0')
		return CAUSE_none;
	while ((other = other_of(session)) != NULL) {
		if (control->config->single_session == CONFIG_SINGLE_SESSION_DENY)
			return CAUSE_user_has_session;
		replace(other);
	}
	if (!session->of_user) {
		struct session **bucket = bucket_of(control, session->user);

		session->of_user = true;
		session->next_of_user = *bucket;
		*bucket = session;
	}
	return CAUSE_none;
}

void single_session_remove(struct session *session)
{
	struct session **link;

	if (!session->of_user)
		return;
	link = bucket_of(session->control, session->user);
	while (*link != session)
		link = &(*link)->next_of_user;
	*link = session->next_of_user;
	session->of_user = false;
}
