/* SPDX-License-Identifier: BSD-3-Clause */
/* Deletes on their way to workers: in order, a bounded number at once, none lost. */
#include "control/private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OBJECTS 20000

/* Stands for the mailbox and its worker. */
static struct {
	struct message *sent[OBJECTS];
	unsigned count;
	unsigned acknowledged;
	unsigned most;
} worker;

struct message *mailbox_message_new(struct mailbox *mailbox, enum message_kind kind)
{
	struct message *message = calloc(1, sizeof(*message));

	(void)mailbox;
	message->kind = kind;
	return message;
}

static void sent(struct message *message)
{
	worker.sent[worker.count++] = message;
	if (worker.count - worker.acknowledged > worker.most)
		worker.most = worker.count - worker.acknowledged;
}

void session_send(struct session *session, struct message *message)
{
	assert_int_equal(session->slot, message->remove.slot);
	sent(message);
}

void group_send(struct peer_group *group, struct message *message)
{
	assert_int_equal(group->slot, message->remove.group);
	sent(message);
}

static void acknowledge(struct control *control)
{
	assert_true(worker.acknowledged < worker.count);
	free(worker.sent[worker.acknowledged++]);
	removal_acknowledged(control);
}

static int set_up(void **state)
{
	struct control *control = calloc(1, sizeof(*control));

	memset(&worker, 0, sizeof(worker));
	control->sessions = calloc(OBJECTS, sizeof(void *));
	control->groups = calloc(OBJECTS, sizeof(void *));
	for (uint32_t slot = 0; slot < OBJECTS; slot++) {
		control->sessions[slot] = calloc(1, sizeof(struct session));
		control->sessions[slot]->slot = slot;
	}
	control->groups[5] = calloc(1, sizeof(struct peer_group));
	control->groups[5]->slot = 5;
	control->children = calloc(OBJECTS, sizeof(void *));
	control->children[6] = calloc(1, sizeof(struct child));
	control->children[6]->group = control->groups[5];
	*state = control;
	return 0;
}

static int tear_down(void **state)
{
	struct control *control = *state;

	removals_clear(control);
	while (worker.acknowledged < worker.count)
		free(worker.sent[worker.acknowledged++]);
	for (uint32_t slot = 0; slot < OBJECTS; slot++)
		free(control->sessions[slot]);
	free(control->groups[5]);
	free(control->children[6]);
	free(control->children);
	free(control->sessions);
	free(control->groups);
	free(control);
	return 0;
}

static void a_tunnel_full_of_sessions_ends_in_parts(void **state)
{
	struct control *control = *state;

	for (uint32_t slot = 0; slot < OBJECTS; slot++)
		removal_ask(control, MESSAGE_SESSION_DELETE, NO_SLOT, slot);
	assert_true(worker.count < OBJECTS / 2);
	for (uint32_t slot = 0; slot < OBJECTS; slot++) {
		assert_int_equal(worker.sent[slot]->kind, MESSAGE_SESSION_DELETE);
		assert_int_equal(worker.sent[slot]->remove.slot, slot);
		assert_int_equal(worker.sent[slot]->remove.group, NO_SLOT);
		acknowledge(control);
	}
	assert_int_equal(worker.count, OBJECTS);
	assert_int_equal(control->removals.sent, 0);
	assert_true(worker.most < 16384); /* the messages of one worker */
}

static void a_single_delete_does_not_wait(void **state)
{
	struct control *control = *state;

	removal_ask(control, MESSAGE_SA_DELETE, 5, 6);
	assert_int_equal(worker.count, 1);
	assert_int_equal(worker.sent[0]->remove.group, 5);
	acknowledge(control);
	removal_ask(control, MESSAGE_GROUP_DELETE, 5, 5);
	assert_int_equal(worker.count, 2);
}

static void what_waits_is_freed_at_the_end(void **state)
{
	for (uint32_t slot = 0; slot < OBJECTS; slot++)
		removal_ask(*state, MESSAGE_SESSION_DELETE, NO_SLOT, slot);
	removals_clear(*state);
	assert_null(((struct control *)*state)->removals.head);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tunnel_full_of_sessions_ends_in_parts),
		TEST(a_single_delete_does_not_wait),
		TEST(what_waits_is_freed_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
