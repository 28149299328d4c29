/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/control.h"

#include "base/memory.h"
#include "control/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define STOCK_BYTES 4096

/* Randomness for the engines, fetched from the kernel in pieces. */
struct random_stock {
	size_t left;
	uint8_t bytes[STOCK_BYTES];
};

static void stock_fill(void *context, void *bytes, size_t length)
{
	struct random_stock *stock = context;
	uint8_t *to = bytes;

	while (length > 0) {
		size_t piece;

		if (stock->left == 0) {
			if (getrandom(stock->bytes, sizeof(stock->bytes), 0) !=
			    sizeof(stock->bytes))
				abort();
			stock->left = sizeof(stock->bytes);
		}
		piece = length < stock->left ? length : stock->left;
		stock->left -= piece;
		memcpy(to, stock->bytes + stock->left, piece);
		memory_wipe(stock->bytes + stock->left, piece);
		to += piece;
		length -= piece;
	}
}

static int events_open(struct control *control)
{
	if (control->config->events[0] == '\0')
		return 0;
	control->events = fopen(control->config->events, "ae");
	if (control->events == NULL) {
		log_error(control->log, LOG_CONFIG, "cannot open events=%s error=%s",
			  control->config->events, strerror(errno));
		return -1;
	}
	setvbuf(control->events, NULL, _IOLBF, 0);
	return 0;
}

static void turn(void *object)
{
	struct control *control = object;

	bool waiting = mailbox_send_waiting(control->mailbox);

	waiting |= mailbox_deferred_run(control->mailbox);
	if (waiting)
		timer_wheel_set(loop_wheel(control->loop), &control->turn_timer,
				loop_now_ms(control->loop) + 1);
}

/* Nothing to do: the turn that it causes is all that is wanted. */
static void turn_again(struct timer_node *node, uint64_t now_ms)
{
	(void)node;
	(void)now_ms;
}

static uint64_t since_1970_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A place in a hash for each session that there may be. */
static unsigned index_bits(size_t sessions)
{
	unsigned bits = 10;

	while (((size_t)1 << bits) < sessions)
		bits++;
	return bits;
}

struct control *control_new(const struct config *config, struct mailbox *mailbox,
			    struct tables *tables, struct loop *loop,
			    const struct control_ports *ports, struct log *log)
{
	struct control *control = memory_new(sizeof(*control));
	size_t sessions = (size_t)config->max_sessions;
	uint64_t secret;

	control->config = config;
	control->mailbox = mailbox;
	control->tables = tables;
	control->loop = loop;
	control->ports = *ports;
	control->log = log;
	control->started_ms = since_1970_ms();
	control->random =
		(struct random_source){stock_fill, memory_new(sizeof(struct random_stock))};
	random_fill(&control->random, &secret, sizeof(secret));
	control->explain =
		explain_new((uint32_t)config->dials_kept, (uint32_t)config->dials_kept / 4, secret);
	control->storage = slabs_new();
	control->index_bits = index_bits(sessions);
	control->group_slots = slot_pool_new((uint32_t)sessions);
	control->groups = memory_new_array(sessions, sizeof(void *));
	control->group_by_peer = memory_new_array(sessions, sizeof(void *));
	control->group_index = memory_new_array((size_t)1 << control->index_bits, sizeof(void *));
	control->session_slots = slot_pool_new((uint32_t)sessions);
	control->sessions = memory_new_array(sessions, sizeof(void *));
	control->user_index = memory_new_array((size_t)1 << control->index_bits, sizeof(void *));
	control->session_index = memory_new_array((size_t)1 << control->index_bits, sizeof(void *));
	control->outbound_index =
		memory_new_array((size_t)1 << control->index_bits, sizeof(void *));
	control->children = memory_new_array(tables_sizes(tables)->sas, sizeof(void *));
	moves_set_up(control);
	load_set_up(control);
	l2tp_set_up(control);
	ppp_set_up(control);
	if (events_open(control) != 0 || subscriber_set_up(control) != 0 ||
	    login_set_up(control) != 0 || dynamic_set_up(control) != 0) {
		control_free(control);
		return NULL;
	}
	if (ike_set_up(control) != 0) {
		log_error(log, LOG_IKE, "cannot start the IKE engine");
		control_free(control);
		return NULL;
	}
	loop_watch(loop, mailbox_descriptor(mailbox), dispatch_readable, control);
	control->turn_timer.expired = turn_again;
	loop_set_turn(loop, turn, control);
	return control;
}

static void objects_free(struct control *control)
{
	for (uint32_t slot = 0; slot < tables_sizes(control->tables)->sas; slot++)
		if (control->children[slot] != NULL)
			child_free(control->children[slot]);
	for (uint32_t slot = 0; slot < (uint32_t)control->config->max_sessions; slot++) {
		if (control->sessions[slot] != NULL)
			session_free(control->sessions[slot]);
		if (control->groups[slot] != NULL)
			group_free(control->groups[slot]);
	}
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	timer_wheel_cancel(&control->turn_timer);
	timer_wheel_cancel(&control->ike_timer);
	timer_wheel_cancel(&control->shutdown_timer);
	objects_free(control);
	dynamic_close(control);
	login_close(control);
	removals_clear(control);
	watches_clear(control);
	moves_clear(control);
	load_clear(control);
	jobs_free(control->jobs);
	if (control->ike != NULL)
		ike_free(control->ike);
	if (control->plain.l2tp != NULL)
		l2tp_space_close(&control->plain);
	free(control->lacs);
	if (control->aaa != NULL)
		aaa_free(control->aaa);
	for (unsigned i = 0; i < control->pool_count; i++)
		address_pool_free(control->pools[i].addresses);
	if (control->events != NULL)
		fclose(control->events);
	explain_free(control->explain);
	slabs_free(control->storage);
	slot_pool_free(control->group_slots);
	slot_pool_free(control->session_slots);
	free(control->groups);
	free(control->group_by_peer);
	free(control->group_index);
	free(control->sessions);
	free(control->user_index);
	free(control->session_index);
	free(control->children);
	free(control->outbound_index);
	memory_wipe(control->random.context, sizeof(struct random_stock));
	free(control->random.context);
	free(control);
}

const struct explain *control_explain(const struct control *control)
{
	return control->explain;
}

void control_start(struct control *control)
{
	control->answering = true;
}
