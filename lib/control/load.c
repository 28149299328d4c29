/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each session costs and what each worker does, measured about once a second in slices; where
 * new groups and sessions go; and rebalancing, also in slices.
 */
#include "control/private.h"

#include <errno.h>

#define ROUND_MS         1000  /* from one look at all objects to the next, at least */
#define SLICE_MS         8     /* from one slice to the next */
#define SLICE_SLOTS      16384 /* looked at in a slice, most of them empty; */
#define SLICE_OBJECTS    1024  /* and weighed */
#define WEIGHED_AFTER_MS 500   /* a shorter time tells no rate */
#define AUTOMATIC_ROUNDS 5     /* of imbalance before the automatic rebalancing */
#define AUTOMATIC_ABOVE  1.2   /* imbalance */
#define AUTOMATIC_BUSY   0.5   /* of the busiest worker: below that nobody suffers */

/* Weights are in packets of plain L2TP. Inside IPsec a packet costs about twice as much, and its bytes
 * are encrypted. */
#define PROTECTED_PACKET   2.0
#define PROTECTED_BYTES    512.0

#define NEVER_MEASURED(of) ((of)->weight < 0)

static void session_weigh(struct session *session, uint64_t now_ms)
{
	const struct traffic_counters *counters = session->counters;
	uint64_t packets =
		counter_read(&counters->packets_in) + counter_read(&counters->packets_out);
	uint64_t bytes = counter_read(&counters->bytes_in) + counter_read(&counters->bytes_out);
	double seconds = (double)(now_ms - session->weighed_ms) / 1000;
	double rate, weight;

	if (now_ms - session->weighed_ms < WEIGHED_AFTER_MS)
		return;
	rate = (double)(packets - session->packets_weighed) / seconds;
	weight = 1 + rate;
	if (session->group != NULL)
		weight = 1 + PROTECTED_PACKET * rate +
			 (double)(bytes - session->bytes_weighed) / seconds / PROTECTED_BYTES;
	session->weight = NEVER_MEASURED(session) ? weight : (session->weight + weight) / 2;
	session->packets_weighed = packets;
	session->bytes_weighed = bytes;
	session->weighed_ms = now_ms;
}

/* The weight of an object changes from `old` to `new`. */
static void reweigh(struct control *control, unsigned worker, double old, double new)
{
	balance_remove(&control->load.balance, worker, old);
	balance_add(&control->load.balance, worker, new);
}

static bool group_weigh(struct peer_group *group, uint64_t now_ms)
{
	double old = group->weight;

	if (group->session_list == NULL)
		return false;
	group->weight = 0;
	for (struct session *session = group->session_list; session != NULL;
	     session = session->next_in_group) {
		session_weigh(session, now_ms);
		if (!NEVER_MEASURED(session))
			group->weight += session->weight;
	}
	if (group->weight == 0)
		group->weight = BALANCE_FRESH;
	reweigh(group->control, group_destination(group), old, group->weight);
	return true;
}

static bool slot_weigh(struct control *control, uint32_t slot, uint64_t now_ms)
{
	struct peer_group *group = control->groups[slot];
	struct session *session = control->sessions[slot];
	bool weighed = group != NULL && group_weigh(group, now_ms);

	if (session != NULL && session->group == NULL) {
		double old = session->weight;

		session_weigh(session, now_ms);
		reweigh(control, session_destination(session), old, session->weight);
		weighed = true;
	}
	return weighed;
}

static void workers_sample(struct control *control, uint64_t now_ms)
{
	struct load *load = &control->load;
	double seconds = (double)(now_ms - load->sampled_ms) / 1000;

	if (load->sample == NULL || seconds < WEIGHED_AFTER_MS / 1000.0)
		return;
	for (unsigned i = 0; i < load->balance.workers; i++) {
		struct worker_meter *meter = &load->meter[i];
		struct worker_sample now;
		double handed_rate;
		uint64_t cycles;

		load->sample(load->sample_context, i, &now);
		cycles = now.cycles_total - meter->last.cycles_total;
		meter->busy = cycles == 0 ? 0
					  : (double)(now.cycles_busy - meter->last.cycles_busy) /
						    (double)cycles;
		meter->packet_rate = (double)(now.packets - meter->last.packets) / seconds;
		handed_rate = (double)(now.handed_over - meter->last.handed_over) / seconds;
		/* Averaged as weights are, so that both tell of the same time. */
		load->balance.worker[i].handed_rate =
			(load->balance.worker[i].handed_rate + handed_rate) / 2;
		meter->last = now;
	}
	load->sampled_ms = now_ms;
}

static bool automatic_wanted(struct control *control)
{
	struct load *load = &control->load;
	double busy = 0;

	for (unsigned i = 0; i < load->balance.workers; i++)
		if (load->meter[i].busy > busy)
			busy = load->meter[i].busy;
	if (busy < AUTOMATIC_BUSY || balance_imbalance(&load->balance) < AUTOMATIC_ABOVE)
		load->uneven_rounds = 0;
	else
		load->uneven_rounds++;
	return load->uneven_rounds >= AUTOMATIC_ROUNDS;
}

static void round_over(struct control *control)
{
	struct load *load = &control->load;

	if (control->config->rebalance != CONFIG_REBALANCE_AUTO || load->rebalance.running ||
	    !automatic_wanted(control))
		return;
	load->uneven_rounds = 0;
	log_info(control->log, LOG_DAEMON, "rebalancing imbalance=%.2f",
		 balance_imbalance(&load->balance));
	control_rebalance_begin(control);
	load->automatic = load->rebalance.running;
}

/* A slice of the round; when to come back. */
static uint64_t round_advance(struct control *control, uint64_t now_ms)
{
	struct load *load = &control->load;
	uint32_t end = (uint32_t)control->config->max_sessions;
	unsigned weighed = 0, seen = 0;

	if (load->position == 0) {
		load->round_ms = now_ms;
		workers_sample(control, now_ms);
	}
	if (load->balance.workers == 1) /* nothing to compare with */
		return now_ms + ROUND_MS;
	while (load->position < end && seen++ < SLICE_SLOTS && weighed < SLICE_OBJECTS)
		weighed += slot_weigh(control, load->position++, now_ms);
	if (load->position < end)
		return now_ms + SLICE_MS;
	load->position = 0;
	round_over(control);
	return load->round_ms + ROUND_MS > now_ms ? load->round_ms + ROUND_MS : now_ms + SLICE_MS;
}

static void load_timer_expired(struct timer_node *node, uint64_t now_ms)
{
	struct control *control =
		(struct control *)((char *)node - offsetof(struct control, load.timer));
	struct load *load = &control->load;

	if (now_ms >= load->next_slice_ms)
		load->next_slice_ms = round_advance(control, now_ms);
	if (load->automatic) {
		struct move_view views[64];

		(void)control_rebalance(control, views, 64, &load->automatic);
	}
	timer_wheel_set(loop_wheel(control->loop), node,
			load->automatic ? now_ms + SLICE_MS : load->next_slice_ms);
}

void load_set_up(struct control *control)
{
	struct load *load = &control->load;

	load->balance.workers = mailbox_workers(control->mailbox);
	load->timer.expired = load_timer_expired;
	timer_wheel_set(loop_wheel(control->loop), &load->timer, loop_now_ms(control->loop));
}

void load_clear(struct control *control)
{
	timer_wheel_cancel(&control->load.timer);
}

void control_workers_set(struct control *control, void *context,
			 void (*sample)(void *context, unsigned worker,
					struct worker_sample *sample))
{
	control->load.sample_context = context;
	control->load.sample = sample;
}

void load_group_add(struct peer_group *group, unsigned receiver)
{
	struct balance *balance = &group->control->load.balance;

	group->worker = balance_choose(balance, receiver);
	group->weight = BALANCE_FRESH;
	balance_add(balance, group->worker, group->weight);
}

void load_group_remove(const struct peer_group *group)
{
	balance_remove(&group->control->load.balance, group_destination(group), group->weight);
}

void load_session_add(struct session *session, unsigned receiver)
{
	struct balance *balance = &session->control->load.balance;

	session->weight = BALANCE_FRESH;
	session->weighed_ms = loop_now_ms(session->control->loop);
	if (session->group != NULL)
		return; /* its weight is the group's */
	session->worker = balance_choose(balance, receiver);
	balance_add(balance, session->worker, session->weight);
}

void load_session_remove(const struct session *session)
{
	if (session->group == NULL)
		balance_remove(&session->control->load.balance, session_destination(session),
			       session->weight);
}

int load_group_shift(struct peer_group *group, unsigned to)
{
	struct balance *balance = &group->control->load.balance;
	unsigned from = group->worker;
	int error = group_move(group, to);

	if (error != 0)
		return error;
	balance_move(balance, from, to, group->weight);
	return 0;
}

static int session_shift(struct session *session, unsigned to)
{
	struct balance *balance = &session->control->load.balance;
	unsigned from = session->worker;
	int error;

	if (session->group != NULL)
		return load_group_shift(session->group, to);
	error = session_move(session, to);
	if (error != 0)
		return error;
	balance_move(balance, from, to, session->weight);
	return 0;
}

int control_move(struct control *control, bool group, uint32_t slot, unsigned worker)
{
	if (slot >= (uint32_t)control->config->max_sessions ||
	    worker >= control->load.balance.workers)
		return -ENOENT;
	if (group)
		return control->groups[slot] != NULL
			       ? load_group_shift(control->groups[slot], worker)
			       : -ENOENT;
	return control->sessions[slot] != NULL ? session_shift(control->sessions[slot], worker)
					       : -ENOENT;
}

void control_rebalance_begin(struct control *control)
{
	struct load *load = &control->load;

	rebalance_begin(&load->rebalance, &load->balance);
	load->rebalance_position = 0;
	load->automatic = false;
}

/* Moves the object if that helps. False if there is no room for another move now. */
static bool object_consider(struct control *control, struct peer_group *group,
			    struct session *session, struct move_view *view, size_t *count)
{
	struct load *load = &control->load;
	unsigned from = group != NULL ? group_destination(group) : session_destination(session);
	double weight = group != NULL ? group->weight : session->weight;
	unsigned to;
	int error;

	if (weight < 0 || !rebalance_wants(&load->rebalance, &load->balance, from, weight, &to))
		return true;
	error = group != NULL ? load_group_shift(group, to) : session_shift(session, to);
	if (error == -EBUSY)
		return false;
	if (error == 0) {
		*view = (struct move_view){.group = group != NULL,
					   .number = group != NULL ? group->slot : session->slot,
					   .from = from,
					   .to = to,
					   .load = weight};
		(*count)++;
	}
	return true;
}

static bool slot_consider(struct control *control, uint32_t slot, struct move_view *views,
			  size_t *count)
{
	struct peer_group *group = control->groups[slot];
	struct session *session = control->sessions[slot];

	if (group != NULL && !object_consider(control, group, NULL, &views[*count], count))
		return false;
	return session == NULL || session->group != NULL ||
	       object_consider(control, NULL, session, &views[*count], count);
}

size_t control_rebalance(struct control *control, struct move_view *views, size_t room, bool *more)
{
	struct load *load = &control->load;
	uint32_t end = (uint32_t)control->config->max_sessions;
	unsigned seen = 0;
	size_t count = 0;

	/* A slot may hold a group and a session. */
	while (load->rebalance.running && load->rebalance_position < end && count + 1 < room &&
	       seen++ < SLICE_SLOTS &&
	       slot_consider(control, load->rebalance_position, views, &count))
		load->rebalance_position++;
	if (load->rebalance.running && load->rebalance_position == end) {
		load->rebalance_position = 0;
		rebalance_pass_over(&load->rebalance, &load->balance);
	}
	*more = load->rebalance.running;
	return count;
}

void control_worker_load(const struct control *control, unsigned worker,
			 struct worker_load_view *view)
{
	const struct load *load = &control->load;
	double mean = balance_mean(&load->balance);

	*view = (struct worker_load_view){
		.busy_percent = 100 * load->meter[worker].busy,
		.packet_rate = load->meter[worker].packet_rate,
		.handed_rate = load->balance.worker[worker].handed_rate,
		.load = balance_load(&load->balance, worker),
		.percent_of_mean =
			mean > 0 ? 100 * balance_load(&load->balance, worker) / mean : 100,
	};
}

double control_imbalance(const struct control *control)
{
	return balance_imbalance(&control->load.balance);
}
