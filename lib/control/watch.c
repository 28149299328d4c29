/* SPDX-License-Identifier: BSD-3-Clause */
/* Traces and captures for operators: what workers tell is kept until it is read. */
#include "control/private.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NUMBERS     0x7f
#define RECORDS_MAX 1024  /* of one watch, the next ones are lost */
#define UNREAD_MS   10000 /* who does not read any more has gone away */

struct record {
	struct watch_view view;
	uint8_t *bytes; /* owned */
};

struct watch {
	struct control *control;
	struct timer_node timer;
	uint8_t number; /* 0: free */
	bool group;
	bool over; /* the target is gone; ended once the last record is read */
	uint32_t slot;
	uint32_t session; /* that was asked for; NO_SLOT: a peer was */
	struct endpoint local;
	struct endpoint remote;
	uint64_t lost;
	uint32_t head; /* records read, and written, since the begin */
	uint32_t tail;
	struct record records[RECORDS_MAX];
};

static struct watch *watch_of(const struct control *control, uint8_t number)
{
	for (unsigned i = 0; number != 0 && i < WATCHES_MAX; i++)
		if (control->watches[i] != NULL && control->watches[i]->number == number)
			return control->watches[i];
	return NULL;
}

static bool any(const struct control *control)
{
	for (unsigned i = 0; i < WATCHES_MAX; i++)
		if (control->watches[i] != NULL)
			return true;
	return false;
}

static struct message *message_new(struct control *control, uint32_t slot, bool group,
				   uint8_t number, bool begins)
{
	struct message *message = mailbox_message_new(control->mailbox, MESSAGE_WATCH);

	message->watch.slot = slot;
	message->watch.group = group;
	message->watch.number = number;
	message->watch.begins = begins;
	message->watch.any = any(control);
	return message;
}

/* The owner learns what is watched, all workers whether anything is. */
static void workers_tell(const struct watch *watch, bool begins)
{
	struct control *control = watch->control;
	struct peer_group *group = watch->group ? control->groups[watch->slot] : NULL;
	struct session *session = watch->group ? NULL : control->sessions[watch->slot];

	if (group != NULL && !group->deleting)
		group_send(group, message_new(control, watch->slot, true, watch->number, begins));
	else if (session != NULL && !session->deleting)
		session_send(session,
			     message_new(control, watch->slot, false, watch->number, begins));
	for (unsigned worker = 0; worker < mailbox_workers(control->mailbox); worker++)
		mailbox_send(control->mailbox, worker,
			     message_new(control, NO_SLOT, false, 0, false));
}

static void records_drop(struct watch *watch)
{
	for (; watch->head != watch->tail; watch->head++)
		free(watch->records[watch->head % RECORDS_MAX].bytes);
}

void control_watch_end(struct control *control, uint8_t number)
{
	struct watch *watch = watch_of(control, number);

	if (watch == NULL)
		return;
	for (unsigned i = 0; i < WATCHES_MAX; i++)
		if (control->watches[i] == watch)
			control->watches[i] = NULL;
	workers_tell(watch, false);
	log_info(control->log, LOG_CTL, "%s ended watch=%u lost=%llu",
		 number & WATCH_TRACE ? "trace" : "capture", number & NUMBERS,
		 (unsigned long long)watch->lost);
	timer_wheel_cancel(&watch->timer);
	records_drop(watch);
	free(watch);
}

static void unread(struct timer_node *node, uint64_t now_ms)
{
	const struct watch *watch =
		(const struct watch *)((char *)node - offsetof(struct watch, timer));

	(void)now_ms;
	control_watch_end(watch->control, watch->number);
}

static void unread_later(struct watch *watch)
{
	timer_wheel_set(loop_wheel(watch->control->loop), &watch->timer,
			loop_now_ms(watch->control->loop) + UNREAD_MS);
}

/* The one group at that address; -EEXIST: there are several. */
static int group_at(const struct control *control, const struct endpoint *peer, uint32_t *slot)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < (uint32_t)control->config->max_sessions; i++) {
		const struct peer_group *group = control->groups[i];

		if (group == NULL || group->down || !endpoint_same_address(&group->remote, peer) ||
		    (peer->port != 0 && peer->port != group->remote.port))
			continue;
		*slot = i;
		found++;
	}
	return found == 0 ? -ENOENT : found > 1 ? -EEXIST : 0;
}

static int target_find(const struct control *control, const struct watch_target *target,
		       struct watch *watch)
{
	const struct session *session;
	int error;

	if (target->peer.family != ENDPOINT_NONE) {
		error = group_at(control, &target->peer, &watch->slot);
		if (error != 0)
			return error;
		watch->group = true;
		watch->session = NO_SLOT;
	} else {
		session = target->session < (uint32_t)control->config->max_sessions
				  ? control->sessions[target->session]
				  : NULL;
		if (session == NULL || session->deleting)
			return -ENOENT;
		watch->session = session->slot;
		watch->group = session->group != NULL;
		watch->slot = watch->group ? session->group->slot : session->slot;
	}
	watch->local = watch->group ? control->groups[watch->slot]->local
				    : control->sessions[watch->slot]->local;
	watch->remote = watch->group ? control->groups[watch->slot]->remote
				     : control->sessions[watch->slot]->remote;
	return 0;
}

int control_watch_begin(struct control *control, bool trace, const struct watch_target *target)
{
	char peer[ENDPOINT_TEXT_BYTES];
	struct watch *watch;
	unsigned place = 0;
	int error;

	while (place < WATCHES_MAX && control->watches[place] != NULL)
		place++;
	if (place == WATCHES_MAX)
		return -EBUSY;
	watch = memory_new(sizeof(*watch));
	watch->control = control;
	watch->timer.expired = unread;
	error = target_find(control, target, watch);
	if (error != 0) {
		free(watch);
		return error;
	}
	do
		control->watch_last = control->watch_last % NUMBERS + 1;
	while (watch_of(control, control->watch_last) != NULL ||
	       watch_of(control, control->watch_last | WATCH_TRACE) != NULL);
	watch->number = (uint8_t)(control->watch_last | (trace ? WATCH_TRACE : 0));
	control->watches[place] = watch;
	workers_tell(watch, true);
	unread_later(watch);
	log_info(control->log, LOG_CTL, "%s begun watch=%u %s=%u peer=%s",
		 trace ? "trace" : "capture", control->watch_last,
		 watch->group ? "group" : "session", watch->slot,
		 endpoint_text(&watch->remote, peer));
	return watch->number;
}

void watch_receive(struct control *control, const struct message *message)
{
	struct watch *watch = watch_of(control, message->packet_in.watched.watch);
	struct record *record;
	struct timespec now;
	size_t length;

	if (watch == NULL)
		return;
	if (watch->tail - watch->head == RECORDS_MAX) {
		watch->lost++;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	record = &watch->records[watch->tail++ % RECORDS_MAX];
	*record = (struct record){.view = {
					  .wall_nanoseconds = (uint64_t)now.tv_sec * 1000000000 +
							      (uint64_t)now.tv_nsec,
					  .nanoseconds = message->packet_in.watched.nanoseconds,
					  .packet = message->packet_in.watched.number,
					  .worker = message->worker,
					  .point = message->packet_in.watched.point,
					  .drop = message->packet_in.watched.drop,
					  .length = message->packet_in.length,
					  .local = watch->local,
					  .remote = watch->remote,
				  }};
	if (message->packet != NULL) {
		const uint8_t *bytes = mailbox_packet_bytes(control->mailbox, message, &length);

		record->bytes = memory_new(length);
		memcpy(record->bytes, bytes, length);
		record->view.bytes = record->bytes;
	}
}

int control_watch_read(struct control *control, uint8_t number, void *context,
		       void (*each)(void *context, const struct watch_view *view), size_t most)
{
	struct watch *watch = watch_of(control, number);

	if (watch == NULL)
		return -ENOENT;
	if (watch->over && watch->head == watch->tail) {
		control_watch_end(control, number);
		return -ESHUTDOWN;
	}
	unread_later(watch);
	for (; most > 0 && watch->head != watch->tail; most--) {
		struct record *record = &watch->records[watch->head++ % RECORDS_MAX];

		each(context, &record->view);
		free(record->bytes);
	}
	return 0;
}

void watches_target_gone(struct control *control, bool group, uint32_t slot)
{
	for (unsigned i = 0; i < WATCHES_MAX; i++) {
		struct watch *watch = control->watches[i];

		if (watch != NULL &&
		    (group ? watch->group && watch->slot == slot : watch->session == slot))
			watch->over = true;
	}
}

void watches_clear(struct control *control)
{
	for (unsigned i = 0; i < WATCHES_MAX; i++) {
		struct watch *watch = control->watches[i];

		if (watch == NULL)
			continue;
		timer_wheel_cancel(&watch->timer);
		records_drop(watch);
		free(watch);
		control->watches[i] = NULL;
	}
}
