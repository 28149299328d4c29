/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which worker owns a peer group or a plain session, and the change to another one: the tables name
 * the move, the workers pass the object on (dataplane/move.c), and what control has to say about it
 * in the meantime waits here for the new owner.
 */
#include "control/private.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

#define HELD_PACKETS_MAX 256 /* of one move; state has no limit but what the object can have */

struct held {
	struct held *next;
	struct message *message;
};

struct move {
	bool busy;
	uint32_t turn;
	unsigned number;
	unsigned to;
	struct peer_group *group; /* or */
	struct session *session;
	struct held *first;
	struct held *last;
	unsigned packets;
	uint64_t grace; /* since it was named last */
};

void moves_set_up(struct control *control)
{
	control->moves = memory_new_array(TABLES_MOVES_MAX, sizeof(struct move));
	for (unsigned i = 0; i < TABLES_MOVES_MAX; i++)
		control->moves[i].number = i;
}

void moves_clear(struct control *control)
{
	for (unsigned i = 0; control->moves != NULL && i < TABLES_MOVES_MAX; i++) {
		struct held *held;

		while ((held = control->moves[i].first) != NULL) {
			control->moves[i].first = held->next;
			mailbox_message_free(control->mailbox, held->message);
			free(held);
		}
	}
	free(control->moves);
}

static void hold(struct control *control, struct move *move, struct message *message)
{
	struct held *held;

	if (message->packet != NULL && ++move->packets > HELD_PACKETS_MAX) {
		mailbox_refuse(control->mailbox, message);
		return;
	}
	held = memory_new(sizeof(*held));
	held->message = message;
	if (move->first == NULL)
		move->first = held;
	else
		move->last->next = held;
	move->last = held;
}

void group_send(struct peer_group *group, struct message *message)
{
	if (group->move != NULL)
		hold(group->control, group->move, message);
	else
		mailbox_send(group->control->mailbox, group->worker, message);
}

void session_send(struct session *session, struct message *message)
{
	if (session->group != NULL)
		group_send(session->group, message);
	else if (session->move != NULL)
		hold(session->control, session->move, message);
	else
		mailbox_send(session->control->mailbox, session->worker, message);
}

unsigned session_worker(const struct session *session)
{
	return session->group != NULL ? session->group->worker : session->worker;
}

unsigned group_destination(const struct peer_group *group)
{
	return group->move != NULL ? group->move->to : group->worker;
}

unsigned session_destination(const struct session *session)
{
	if (session->group != NULL)
		return group_destination(session->group);
	return session->move != NULL ? session->move->to : session->worker;
}

static unsigned owner(const struct move *move, unsigned worker)
{
	return move != NULL ? OWNER_MOVING + move->number : worker;
}

unsigned group_owner(const struct peer_group *group)
{
	return owner(group->move, group->worker);
}

unsigned session_owner(const struct session *session)
{
	return session->group != NULL ? group_owner(session->group)
				      : owner(session->move, session->worker);
}

/* A number that no worker can have read from the tables. */
static struct move *move_take(struct control *control)
{
	for (unsigned i = 0; i < TABLES_MOVES_MAX; i++) {
		struct move *move = &control->moves[i];

		if (move->busy ||
		    (move->turn != 0 && !mailbox_grace_over(control->mailbox, move->grace)))
			continue;
		move->busy = true;
		move->turn++;
		move->packets = 0;
		control->moves_busy++;
		return move;
	}
	return NULL;
}

static void owners_set(struct control *control, const struct move *move)
{
	if (move->session != NULL) {
		tables_session_owner_set(control->tables, move->session->slot,
					 session_owner(move->session));
		return;
	}
	for (const struct child *child = move->group->children; child != NULL; child = child->next)
		tables_sa_owner_set(control->tables, child->slot, group_owner(move->group));
	for (const struct session *session = move->group->session_list; session != NULL;
	     session = session->next_in_group)
		tables_session_owner_set(control->tables, session->slot, group_owner(move->group));
}

static void ask(struct control *control, const struct move *move, unsigned from, unsigned worker)
{
	struct message *message = mailbox_message_new(
		control->mailbox, worker == from ? MESSAGE_OWNER_MOVE : MESSAGE_OWNER_FENCE);

	message->owner_move.slot = move->group != NULL ? move->group->slot : move->session->slot;
	message->owner_move.group = move->group != NULL;
	message->owner_move.turn = move->turn;
	message->owner_move.move = (uint8_t)move->number;
	message->owner_move.from = (uint8_t)from;
	message->owner_move.to = (uint8_t)move->to;
	message->owner_move.fenced = (uint8_t)worker;
	mailbox_send(control->mailbox, worker, message);
}

/* The object names the move; `from` owns it. */
static void move_begin(struct control *control, struct move *move, unsigned from)
{
	tables_move_set(control->tables, move->number, move->turn, from, move->to);
	owners_set(control, move);
	for (unsigned worker = 0; worker < mailbox_workers(control->mailbox); worker++)
		ask(control, move, from, worker);
}

int group_move(struct peer_group *group, unsigned to)
{
	if (group->deleting)
		return -ENOENT;
	if (group->move != NULL)
		return -EBUSY;
	if (group->worker == to)
		return -EALREADY;
	group->move = move_take(group->control);
	if (group->move == NULL)
		return -EBUSY;
	group->move->to = to;
	group->move->group = group;
	group->move->session = NULL;
	move_begin(group->control, group->move, group->worker);
	return 0;
}

int session_move(struct session *session, unsigned to)
{
	if (session->group != NULL)
		return group_move(session->group, to);
	if (session->deleting)
		return -ENOENT;
	if (session->move != NULL)
		return -EBUSY;
	if (session->worker == to)
		return -EALREADY;
	session->move = move_take(session->control);
	if (session->move == NULL)
		return -EBUSY;
	session->move->to = to;
	session->move->group = NULL;
	session->move->session = session;
	move_begin(session->control, session->move, session->worker);
	return 0;
}

void move_over(struct control *control, const struct message *message)
{
	struct move *move = &control->moves[message->owner_move.move];
	struct held *held;

	if (move->group != NULL) {
		move->group->worker = move->to;
		move->group->move = NULL;
	} else {
		move->session->worker = move->to;
		move->session->move = NULL;
	}
	owners_set(control, move);
	while ((held = move->first) != NULL) {
		move->first = held->next;
		mailbox_send(control->mailbox, move->to, held->message);
		free(held);
	}
	move->busy = false;
	move->grace = mailbox_grace_start(control->mailbox);
	control->moves_busy--;
}
