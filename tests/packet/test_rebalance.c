/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four workers and the real control core against one LAC tunnel with 1,000 sessions whose rates are
 * Zipf's: placement, random moves, rebalancing, while sessions come and go and traffic runs.
 */
#include "control/control.h"
#include "control/loop.h"
#include "config/config.h"
#include "subscribers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define WORKERS        4
#define SESSIONS_MAX   1024
#define RATE           24000 /* packets a second, of all together */
#define MEASURED_MS    3000
#define RANDOM_MOVES   300
#define REBALANCES     2
#define COME_AND_GO_MS 25  /* from one session that leaves to the next */
#define DIALLING_MAX   50  /* at once */
#define FIRST_TO_LEAVE 500 /* by rate; so the others' rates stay what they are */

enum phase {
	PHASE_DIAL,
	PHASE_MEASURE,
	PHASE_MOVE,
	PHASE_MOVED,
	PHASE_COUNT_BEFORE,
	PHASE_REBALANCE,
	PHASE_MEASURE_AGAIN,
	PHASE_SETTLE,
	PHASE_COUNT,
	PHASE_DRAIN,
	PHASE_END,
};

/* What the workers did until now. */
struct account {
	uint64_t delivered[WORKERS];
	uint64_t handed[WORKERS];
	uint64_t busy[WORKERS], total[WORKERS];
	uint64_t packets;
};

struct lab {
	struct rig *rig;
	struct config config;
	struct loop *loop;
	struct log *log;
	struct control *control;
	struct subscribers all;
	int clock; /* the lab has its turn every millisecond */
	char users[32];
	enum phase phase;
	uint64_t phase_ms;
	uint64_t start_ms;
	uint64_t sent; /* packets that were due since the start */
	unsigned moves;
	unsigned rebalances;
	unsigned rebalanced; /* sessions that they moved */
	unsigned came_and_went;
	uint64_t leave_ms, list_ms;
	struct account before;
	uint64_t delivered_before[SUBSCRIBERS];
	unsigned worker_before[SUBSCRIBERS];
};

static int no_route(void *context, uint32_t prefix_be, uint8_t length)
{
	(void)context;
	(void)prefix_be;
	(void)length;
	return 0;
}

static void worker_sample(void *context, unsigned worker, struct worker_sample *sample)
{
	struct worker_view view;

	dataplane_worker_view(context, worker, &view);
	*sample = (struct worker_sample){view.cycles_busy, view.cycles_total, view.packets,
					 view.handed_over};
}

static void configure(struct lab *lab)
{
	struct config *config = &lab->config;
	int users;

	*config = (struct config){
		.max_sessions = SESSIONS_MAX,
		.dials_kept = 64,
		.listener_count = 1,
		.listeners = {{.ipsec = CONFIG_IPSEC_OFF}},
		.pool_count = 1,
		.pools = {{.name = "pool",
			   .first_be = htonl(RIG_POOL),
			   .last_be = htonl(RIG_POOL + 1023)}},
		.l2tp_host_name = "concentrator",
		.l2tp_sessions_per_tunnel = SESSIONS_MAX,
		.l2tp_tunnels_per_client = 4,
		.l2tp_receive_window = 16,
		.ppp_authentication = {CONFIG_AUTHENTICATION_PAP},
		.ppp_authentication_count = 1,
		.local_address_be = htonl(RIG_LOCAL_NONE),
	};
	snprintf(lab->users, sizeof(lab->users), "/tmp/users.XXXXXX");
	users = mkstemp(lab->users);
	assert_true(users >= 0);
	assert_int_equal(write(users, "subscriber password\n", 20), 20);
	close(users);
	snprintf(config->users_file, sizeof(config->users_file), "%s", lab->users);
}

static void phase_enter(struct lab *lab, enum phase phase)
{
	lab->phase = phase;
	lab->phase_ms = lab->all.now_ms;
}

static void list(struct lab *lab)
{
	struct session_view views[256];
	uint32_t position = 0;
	size_t count;

	do {
		count = control_list_sessions(lab->control, &position, views, 256);
		for (size_t i = 0; i < count; i++)
			if (strcmp(views[i].phase, "up") == 0)
				subscriber_listed(&lab->all, views[i].l2tp_session,
						  views[i].session, views[i].worker,
						  ntohl(views[i].address_be));
	} while (count == 256);
}

/* One leaves, and one that left some time ago comes back. */
static void come_and_go(struct lab *lab)
{
	struct subscribers *all = &lab->all;
	unsigned index = FIRST_TO_LEAVE + lab->came_and_went % (SUBSCRIBERS - FIRST_TO_LEAVE);

	if (all->now_ms < lab->leave_ms || all->lac.queued > 8)
		return;
	lab->leave_ms = all->now_ms + COME_AND_GO_MS;
	for (unsigned i = FIRST_TO_LEAVE; i < SUBSCRIBERS; i++)
		if (all->subscriber[i].state == SUBSCRIBER_AWAY &&
		    all->now_ms > all->subscriber[i].since_ms + 1000) {
			subscriber_dial(all, i);
			break;
		}
	if (all->subscriber[index].state != SUBSCRIBER_UP)
		return;
	subscriber_leave(all, index);
	lab->came_and_went++;
}

static struct account account_now(struct lab *lab)
{
	struct account now = {.packets = 0};

	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		now.packets += lab->all.subscriber[i].delivered;
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker_view view;

		dataplane_worker_view(rig_dataplane(lab->rig), i, &view);
		now.handed[i] = view.handed_over;
		now.busy[i] = view.cycles_busy;
		now.total[i] = view.cycles_total;
	}
	return now;
}

static void count_begin(struct lab *lab)
{
	list(lab);
	lab->before = account_now(lab);
	for (unsigned i = 0; i < SUBSCRIBERS; i++) {
		lab->delivered_before[i] = lab->all.subscriber[i].delivered;
		lab->worker_before[i] = lab->all.subscriber[i].worker;
	}
}

/* What each worker did since count_begin(): packets of its own sessions, and seven tenths of each packet
 * that it handed on. Control's own idea of it is not asked. */
static double count_end(struct lab *lab, const char *title)
{
	struct account now = account_now(lab);
	double own[WORKERS] = {0}, load[WORKERS], mean = 0, most = 0;
	uint64_t handed = 0;

	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		own[lab->worker_before[i]] +=
			(double)(lab->all.subscriber[i].delivered - lab->delivered_before[i]);
	printf("%s\n", title);
	for (unsigned i = 0; i < WORKERS; i++) {
		double handed_on = (double)(now.handed[i] - lab->before.handed[i]);

		load[i] = own[i] + handed_on * 0.7;
		mean += load[i] / WORKERS;
		handed += now.handed[i] - lab->before.handed[i];
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		printf("  worker %u: %6.0f packets of its sessions, %6.0f handed on, load %3.0f %% "
		       "of the "
		       "mean, busy %4.1f %%\n",
		       i, own[i], (double)(now.handed[i] - lab->before.handed[i]),
		       100 * load[i] / mean,
		       100 * (double)(now.busy[i] - lab->before.busy[i]) /
			       (double)(now.total[i] - lab->before.total[i]));
		if (load[i] > most)
			most = load[i];
		if (2 * mean - load[i] > most)
			most = 2 * mean - load[i];
	}
	printf("  handed to another worker: %.1f %% of the packets\n",
	       100 * (double)handed / (double)(now.packets - lab->before.packets));
	return most / mean - 1;
}

static void random_moves(struct lab *lab)
{
	for (unsigned i = 0; i < 4 && lab->moves < RANDOM_MOVES; i++) {
		const struct subscriber *subscriber =
			&lab->all.subscriber[(unsigned)rand() % SUBSCRIBERS];

		if (subscriber->state == SUBSCRIBER_UP &&
		    control_move(lab->control, false, subscriber->session,
				 (unsigned)rand() % WORKERS) == 0)
			lab->moves++;
	}
}

static void dial_some(struct lab *lab)
{
	struct subscribers *all = &lab->all;
	uint64_t sessions[WORKERS] = {0};

	if (all->dialled == 0 ||
	    (all->lac.sccrp && all->dialled < SUBSCRIBERS && all->dialled < all->up + DIALLING_MAX))
		subscriber_dial(all, all->dialled);
	if (all->up < SUBSCRIBERS)
		return;
	printf("%u sessions of one tunnel in %.1f s, by worker:", SUBSCRIBERS,
	       (double)(all->now_ms - lab->start_ms) / 1000);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		sessions[all->subscriber[i].worker]++;
	for (unsigned i = 0; i < WORKERS; i++) {
		printf(" %u", (unsigned)sessions[i]);
		assert_in_range(sessions[i], SUBSCRIBERS / WORKERS * 8 / 10,
				SUBSCRIBERS / WORKERS * 13 / 10);
	}
	printf("\n");
	lab->start_ms = all->now_ms;
	phase_enter(lab, PHASE_MEASURE);
}

static void rebalance_some(struct lab *lab)
{
	struct move_view moves[64];
	bool more;

	lab->rebalanced += (unsigned)control_rebalance(lab->control, moves, 64, &more);
	if (!more)
		phase_enter(lab,
			    ++lab->rebalances < REBALANCES ? PHASE_MEASURE_AGAIN : PHASE_SETTLE);
}

static void phase_advance(struct lab *lab)
{
	uint64_t spent_ms = lab->all.now_ms - lab->phase_ms;

	switch (lab->phase) {
	case PHASE_DIAL:
		dial_some(lab);
		break;
	case PHASE_MEASURE:
		if (spent_ms > 1000)
			phase_enter(lab, PHASE_MOVE);
		break;
	case PHASE_MOVE:
		random_moves(lab);
		if (lab->moves == RANDOM_MOVES)
			phase_enter(lab, PHASE_MOVED);
		break;
	case PHASE_MOVED: /* the last moves end */
		if (spent_ms > 300) {
			count_begin(lab);
			phase_enter(lab, PHASE_COUNT_BEFORE);
		}
		break;
	case PHASE_COUNT_BEFORE:
		if (spent_ms > MEASURED_MS) {
			(void)count_end(lab, "before rebalance");
			control_rebalance_begin(lab->control);
			phase_enter(lab, PHASE_REBALANCE);
		}
		break;
	case PHASE_REBALANCE:
		rebalance_some(lab);
		break;
	case PHASE_MEASURE_AGAIN: /* what was handed on by whom is measured anew */
		if (spent_ms > 2500) {
			control_rebalance_begin(lab->control);
			phase_enter(lab, PHASE_REBALANCE);
		}
		break;
	case PHASE_SETTLE: /* the last moves end */
		if (spent_ms > 300) {
			count_begin(lab);
			phase_enter(lab, PHASE_COUNT);
		}
		break;
	case PHASE_COUNT:
		if (spent_ms > MEASURED_MS) {
			assert_true(count_end(lab, "after rebalance") < 0.20);
			phase_enter(lab, PHASE_DRAIN);
		}
		break;
	case PHASE_DRAIN:
		if (subscribers_quiet(&lab->all)) {
			lac_stop(&lab->all.lac, lab->all.now_ms);
			phase_enter(lab, PHASE_END);
		}
		break;
	case PHASE_END:
		break;
	}
}

/* A part of every turn of control's loop. */
static void lab_turn(void *object)
{
	struct lab *lab = object;
	struct control_totals totals;
	uint64_t due, ticks;

	(void)!read(lab->clock, &ticks, sizeof(ticks));
	subscribers_advance(&lab->all, rig_milliseconds());
	if (lab->all.now_ms >= lab->list_ms) {
		lab->list_ms = lab->all.now_ms + 20;
		list(lab);
	}
	phase_advance(lab);
	if (lab->phase >= PHASE_MEASURE && lab->phase < PHASE_DRAIN) {
		due = (lab->all.now_ms - lab->start_ms) * RATE / 1000;
		/* What a pause of this process left undone stays so. */
		subscribers_send(&lab->all,
				 due - lab->sent < 200 ? (unsigned)(due - lab->sent) : 200);
		lab->sent = due;
		come_and_go(lab);
	}
	control_totals(lab->control, &totals);
	assert_true(lab->all.now_ms < lab->phase_ms + 60000);
	if (lab->phase == PHASE_END && totals.sessions == 0 && totals.tunnels == 0)
		loop_stop(lab->loop);
}

static void a_thousand_unequal_sessions_on_four_workers(void **state)
{
	struct control_ports ports = {.subscriber_route_add = no_route,
				      .subscriber_route_delete = no_route};
	struct rig_options options = {.workers = WORKERS,
				      .one_wire = true,
				      .sessions = SESSIONS_MAX,
				      .ipsec = LISTENER_IPSEC_OFF};
	struct lab *lab = calloc(1, sizeof(*lab));
	const struct itimerspec millisecond = {{0, 1000000}, {0, 1000000}};
	uint64_t parked = 0, moved = 0;

	(void)state;
	srand(3);
	configure(lab);
	lab->rig = rig_new(&options);
	lab->loop = loop_new();
	lab->log = log_new(STDERR_FILENO, LOG_LEVEL_ERROR);
	lab->control = control_new(&lab->config, rig_mailbox(lab->rig), rig_tables(lab->rig),
				   lab->loop, &ports, lab->log);
	assert_non_null(lab->control);
	control_workers_set(lab->control, rig_dataplane(lab->rig), worker_sample);
	control_start(lab->control);
	subscribers_init(&lab->all, lab->rig, WORKERS);
	lab->all.now_ms = lab->phase_ms = lab->start_ms = rig_milliseconds();
	lab->clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	assert_int_equal(timerfd_settime(lab->clock, 0, &millisecond, NULL), 0);
	loop_watch(lab->loop, lab->clock, lab_turn, lab);
	loop_run(lab->loop);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker_view view;

		dataplane_worker_view(rig_dataplane(lab->rig), i, &view);
		parked += view.parked;
		moved += view.moved_in;
	}
	printf("%u random moves, %u by rebalance, %u sessions came and went, %u packets waited for "
	       "a "
	       "fence\n",
	       lab->moves, lab->rebalanced, lab->came_and_went, (unsigned)parked);
	assert_int_equal(moved, lab->moves + lab->rebalanced);
	assert_in_range(lab->rebalanced, 1, SUBSCRIBERS);
	assert_in_range(lab->came_and_went, 20, SUBSCRIBERS);
	rig_expect_no_drops(lab->rig);
	control_free(lab->control);
	rig_free(lab->rig);
	loop_free(lab->loop);
	log_free(lab->log);
	close(lab->clock);
	unlink(lab->users);
	free(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_unequal_sessions_on_four_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
