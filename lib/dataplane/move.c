/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer group, or a session of plain L2TP, gets another owner, and no packet is lost or overtaken.
 *
 * Control lets the owners in the tables name the move, which sends every packet to the new owner
 * from then on, and asks the old owner to let go and every other worker for a fence. The old owner
 * flushes its lanes and sends what they held; then the object follows by the ring to the new owner.
 * A fence goes to the old owner behind all that its worker handed there, and on to the new owner
 * behind all of it that the old owner forwarded. The new owner lets a worker's own packets wait
 * until it has the object and that worker's fence. When all fences have come, control is told; it
 * then names the new owner in the tables.
 */
#include "dataplane/worker.h"

#include "base/memory.h"

#include <stdlib.h>

#define PARKED_MAX 4096 /* packets of one worker that wait at once */

/* A move to this worker. */
struct arrival {
	uint32_t turn;
	bool installed;
	uint64_t fences; /* bit of each worker whose packets may pass */
	struct message *move;
	struct rte_mbuf *first; /* packets that wait, linked by mbuf->next */
	struct rte_mbuf *last;
};

struct moves {
	unsigned leaving; /* entries of leave */
	unsigned parked;
	struct message *leave[TABLES_MOVES_MAX];
	struct message *waiting_first; /* for room in a ring */
	struct message *waiting_last;
	struct arrival arrival[TABLES_MOVES_MAX];
};

struct moves *moves_new(void)
{
	return memory_new(sizeof(struct moves));
}

void moves_free(struct moves *moves)
{
	for (unsigned i = 0; i < TABLES_MOVES_MAX; i++)
		rte_pktmbuf_free(moves->arrival[i].first); /* follows the links */
	free(moves);
}

static struct arrival *arrival_of(struct worker *w, unsigned move, uint32_t turn)
{
	struct arrival *arrival = &w->moves->arrival[move];

	if (arrival->turn != turn) {
		assert(arrival->first == NULL);
		*arrival = (struct arrival){.turn = turn};
	}
	return arrival;
}

static bool may_pass(const struct arrival *arrival, unsigned source)
{
	return arrival->installed && (arrival->fences >> source & 1) != 0;
}

static void park(struct arrival *arrival, struct rte_mbuf *mbuf)
{
	if (arrival->first == NULL)
		arrival->first = mbuf;
	else
		arrival->last->next = mbuf;
	arrival->last = mbuf;
}

bool move_admits(struct worker *w, unsigned move, struct rte_mbuf *mbuf)
{
	struct arrival *arrival = arrival_of(w, move, w->tables->move[move].turn);

	if (may_pass(arrival, packet_of(mbuf)->source))
		return true;
	if (w->moves->parked == PARKED_MAX) {
		drop_packet(w, mbuf, DROP_moving_full);
		return false;
	}
	w->moves->parked++;
	counter_add(&w->view.parked, 1);
	park(arrival, mbuf);
	return false;
}

/* Goes on with the packets that nothing holds back any more, in their order. */
static void release(struct worker *w, struct arrival *arrival)
{
	struct rte_mbuf *mbuf = arrival->first;
	struct arrival ready = {.first = NULL};
	struct vector vector = {.count = 0};

	arrival->first = NULL;
	while (mbuf != NULL) {
		struct rte_mbuf *next = mbuf->next;

		mbuf->next = NULL;
		park(may_pass(arrival, packet_of(mbuf)->source) ? &ready : arrival, mbuf);
		mbuf = next;
	}
	while ((mbuf = ready.first) != NULL) {
		ready.first = mbuf->next;
		mbuf->next = NULL;
		w->moves->parked--;
		vector_add(&vector, mbuf);
		if (ready.first != NULL && vector.count < VECTOR_MAX / 2)
			continue;
		handoff_resume(w, &vector);
		vector.count = 0;
	}
}

/* Something that held packets back is over. */
static void arrival_advance(struct worker *w, struct arrival *arrival)
{
	uint64_t all = UINT64_MAX >> (64 - w->config->workers);
	struct message *message = arrival->move;

	release(w, arrival);
	if (!arrival->installed || arrival->fences != all)
		return;
	arrival->move = NULL;
	(void)mailbox_worker_send(w->mailbox, w->id, message); /* always fits */
}

/* Behind everything that this worker handed to `to` before. */
static void pass(struct worker *w, unsigned to, struct message *message)
{
	struct moves *moves = w->moves;

	handoff_flush_to(w, to);
	if (moves->waiting_first == NULL && mailbox_worker_pass(w->mailbox, w->id, to, message))
		return;
	message->owner_move.next = NULL;
	if (moves->waiting_first == NULL)
		moves->waiting_first = message;
	else
		moves->waiting_last->owner_move.next = message;
	moves->waiting_last = message;
}

/* Where a message goes from here. */
static unsigned next_of(const struct worker *w, const struct message *message)
{
	if (message->kind == MESSAGE_OWNER_FENCE)
		return w->id == message->owner_move.from ? message->owner_move.to
							 : message->owner_move.from;
	return message->owner_move.by_way != 0
		       ? (unsigned)__builtin_ctzll(message->owner_move.by_way)
		       : message->owner_move.to;
}

/* Workers whose transmit queues this worker uses: its frames must have left before the new owner's. */
static uint64_t senders_for(const struct worker *w, unsigned to)
{
	uint64_t senders = 0;

	for (unsigned port = 0; port < w->config->ports; port++)
		if (w->id >= w->config->tx_queues[port])
			senders |= UINT64_C(1) << (w->config->tx_queues[port] - 1);
	return senders & ~(UINT64_C(1) << to); /* the ring to it keeps the order */
}

void move_request(struct worker *w, struct message *message)
{
	if (message->kind == MESSAGE_OWNER_FENCE)
		pass(w, next_of(w, message), message);
	else
		w->moves->leave[w->moves->leaving++] = message;
}

/* How many groups, SAs and sessions this worker has. */
static void count(struct worker *w, const struct message *message, uint64_t sign)
{
	if (message->owner_move.group) {
		const struct group *group = w->groups[message->owner_move.slot];

		counter_add(&w->view.groups, sign);
		counter_add(&w->view.sas, sign * group->sas);
		counter_add(&w->view.sessions, sign * group->sessions);
	} else {
		counter_add(&w->view.sessions, sign);
	}
}

static void install(struct worker *w, struct message *message)
{
	struct arrival *arrival = arrival_of(w, message->owner_move.move, message->owner_move.turn);
	uint64_t came = arrival->fences;

	count(w, message, 1);
	if (message->owner_move.group)
		w->ipv6 |= w->groups[message->owner_move.slot]->ipv6;
	counter_add(&w->view.moved_in, 1);
	arrival->installed = true;
	arrival->move = message;
	/* What the old owner forwarded is older than the packets that a fence lets pass. */
	arrival->fences = UINT64_C(1) << message->owner_move.from;
	release(w, arrival);
	arrival->fences |= came;
	arrival_advance(w, arrival);
}

void move_take(struct worker *w, struct message *message)
{
	uint64_t me = UINT64_C(1) << w->id;
	struct arrival *arrival;

	if (message->kind == MESSAGE_OWNER_MOVE && (message->owner_move.by_way & me) != 0) {
		transmit_flush(w);
		message->owner_move.by_way &= ~me;
		pass(w, next_of(w, message), message);
	} else if (message->kind == MESSAGE_OWNER_MOVE) {
		install(w, message);
	} else if (w->id == message->owner_move.from) {
		pass(w, next_of(w, message), message);
	} else {
		arrival = arrival_of(w, message->owner_move.move, message->owner_move.turn);
		arrival->fences |= UINT64_C(1) << message->owner_move.fenced;
		mailbox_worker_message_free(w->mailbox, w->id, message);
		arrival_advance(w, arrival);
	}
}

bool moves_leaving(const struct worker *w)
{
	return w->moves->leaving != 0;
}

/* The lanes are empty and what they held was sent. */
static void leave(struct worker *w, struct message *message)
{
	if (message->owner_move.group) {
		const struct group *group = w->groups[message->owner_move.slot];

		for (unsigned i = 0; i < group->pairs; i++)
			assert(group->pair[i]->jobs == 0);
	}
	count(w, message, (uint64_t)-1);
	counter_add(&w->view.moved_out, 1);
	message->owner_move.by_way = senders_for(w, message->owner_move.to);
	pass(w, next_of(w, message), message);
}

bool moves_poll(struct worker *w)
{
	struct moves *moves = w->moves;

	for (unsigned i = 0; i < moves->leaving; i++)
		leave(w, moves->leave[i]);
	moves->leaving = 0;
	while (moves->waiting_first != NULL) {
		struct message *message = moves->waiting_first;
		struct message *next = message->owner_move.next;

		/* Asked before: once in the ring, the message is the other's. */
		if (!mailbox_worker_pass(w->mailbox, w->id, next_of(w, message), message))
			return true;
		moves->waiting_first = next;
	}
	return false;
}
