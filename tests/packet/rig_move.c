/* SPDX-License-Identifier: BSD-3-Clause */
/* What control does to give a peer to another worker. Each peer has a move's number: its slot. */
#include "rig_private.h"

static void owners_set(struct rig *rig, const struct rig_peer *peer, unsigned owner)
{
	tables_session_owner_set(rig->tables, peer->slot, owner);
	for (uint32_t slot = 0; slot < 256; slot++)
		if (!peer->plain && rig->sa_live[slot] && rig->sa_group[slot] == peer->slot)
			tables_sa_owner_set(rig->tables, slot, owner);
}

void rig_move_publish(struct rig *rig, struct rig_peer *peer, unsigned to)
{
	assert_int_not_equal(to, peer->worker);
	peer->move_to = to;
	peer->move_over = false;
	tables_move_set(rig->tables, peer->slot, ++peer->move_turn, peer->worker, to);
	owners_set(rig, peer, OWNER_MOVING + peer->slot);
}

static void ask(struct rig *rig, const struct rig_peer *peer, enum message_kind kind,
		unsigned worker)
{
	struct message *message = mailbox_message_new(rig->mailbox, kind);

	message->owner_move.move = (uint8_t)peer->slot;
	message->owner_move.turn = peer->move_turn;
	message->owner_move.from = (uint8_t)peer->worker;
	message->owner_move.to = (uint8_t)peer->move_to;
	message->owner_move.group = !peer->plain;
	message->owner_move.slot = peer->slot;
	message->owner_move.fenced = (uint8_t)worker;
	mailbox_send(rig->mailbox, worker, message);
}

void rig_move_ask(struct rig *rig, const struct rig_peer *peer)
{
	ask(rig, peer, MESSAGE_OWNER_MOVE, peer->worker);
}

void rig_move_fence(struct rig *rig, const struct rig_peer *peer, unsigned worker)
{
	ask(rig, peer, MESSAGE_OWNER_FENCE, worker);
}

void rig_move_begin(struct rig *rig, struct rig_peer *peer, unsigned to)
{
	rig_move_publish(rig, peer, to);
	rig_move_ask(rig, peer);
	for (unsigned worker = 0; worker < rig->options.workers; worker++)
		if (worker != peer->worker)
			rig_move_fence(rig, peer, worker);
}

void rig_move_end(struct rig *rig, struct rig_peer *peer)
{
	while (!peer->move_over) {
		struct message *message = rig_message(rig);

		assert_non_null(message);
		if (message->kind == MESSAGE_OWNER_MOVE) {
			struct rig_peer *other = &rig->peer[message->owner_move.slot];

			assert_int_equal(message->owner_move.turn, other->move_turn);
			assert_int_equal(message->worker, other->move_to);
			other->move_over = true;
		}
		rig_message_free(rig, message);
	}
	rig_move_done(rig, peer);
}

void rig_move_done(struct rig *rig, struct rig_peer *peer)
{
	peer->worker = peer->move_to;
	owners_set(rig, peer, peer->worker);
	for (uint32_t slot = 0; slot < 256; slot++)
		if (!peer->plain && rig->sa_live[slot] && rig->sa_group[slot] == peer->slot)
			rig->sa_worker[slot] = peer->worker;
}
