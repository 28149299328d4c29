/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers are asked to forget. Each request holds a message until it is acknowledged, so only
 * so many are on their way at once: a LAC that drops a tunnel ends thousands of sessions in one go.
 */
#include "control/private.h"

#include "base/memory.h"

#include <stdlib.h>

#define REMOVALS_MAX 4096 /* at once; well below the messages that there are */

struct removal {
	struct removal *next;
	enum message_kind kind;
	uint32_t group;
	uint32_t slot;
};

static void removal_send(struct control *control, const struct removal *removal)
{
	struct message *message = mailbox_message_new(control->mailbox, removal->kind);
	uint32_t group = removal->group;

	if (removal->kind == MESSAGE_SA_DELETE) /* it may have got another group, too */
		group = control->children[removal->slot]->group->slot;
	message->remove.group = group;
	message->remove.slot = removal->slot;
	control->removals.sent++;
	/* Its owner now: that may have changed since the removal was asked for. */
	if (removal->kind == MESSAGE_SESSION_DELETE)
		session_send(control->sessions[removal->slot], message);
	else
		group_send(control->groups[group], message);
}

void removal_ask(struct control *control, enum message_kind kind, uint32_t group, uint32_t slot)
{
	struct removal_queue *queue = &control->removals;
	struct removal fresh = {NULL, kind, group, slot};
	struct removal *waiting;

	if (queue->head == NULL && queue->sent < REMOVALS_MAX) {
		removal_send(control, &fresh);
		return;
	}
	waiting = memory_new(sizeof(*waiting));
	*waiting = fresh;
	if (queue->tail == NULL)
		queue->head = waiting;
	else
		queue->tail->next = waiting;
	queue->tail = waiting;
}

static struct removal *removal_take(struct removal_queue *queue)
{
	struct removal *first = queue->head;

	if (first == NULL)
		return NULL;
	queue->head = first->next;
	if (queue->head == NULL)
		queue->tail = NULL;
	return first;
}

void removal_acknowledged(struct control *control)
{
	struct removal *next = removal_take(&control->removals);

	control->removals.sent--;
	if (next == NULL)
		return;
	removal_send(control, next);
	free(next);
}

void removals_clear(struct control *control)
{
	struct removal *removal;

	while ((removal = removal_take(&control->removals)) != NULL)
		free(removal);
}
