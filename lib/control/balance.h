/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_BALANCE_H
#define CONTROL_BALANCE_H

/*
 * How much each worker has to do, where something new goes, and what should move. The unit of load
 * is the work of one packet a second. An object that was not measured yet counts as the mean of
 * those that were. Nothing here knows what an object is: the caller keeps each one's weight.
 */

#include <stdbool.h>
#include <stdint.h>

#define BALANCE_WORKERS_MAX 64

/* The weight of an object that was not measured yet. */
#define BALANCE_FRESH (-1.0)

/* Receiving a packet and handing it to its owner, in the work of a whole packet of plain L2TP: the
 * bench measures both (tests/bench/handoff.c). */
#define BALANCE_HANDED_SHARE 0.7

struct balance_worker {
	double measured;    /* sum of weights */
	uint32_t objects;   /* that were measured */
	uint32_t fresh;     /* that were not */
	double handed_rate; /* packets a second that it hands to others */
};

struct balance {
	unsigned workers;
	struct balance_worker worker[BALANCE_WORKERS_MAX];
};

/* An object comes, or goes. */
void balance_add(struct balance *balance, unsigned worker, double weight);
void balance_remove(struct balance *balance, unsigned worker, double weight);

/* It moves: its old worker will hand on what it goes on receiving for it, its new one no more. */
void balance_move(struct balance *balance, unsigned from, unsigned to, double weight);

double balance_load(const struct balance *balance, unsigned worker);
double balance_mean(const struct balance *balance);

/* The largest load over the mean; 1 without any load. */
double balance_imbalance(const struct balance *balance);

/* The worker for something new: `preferred` unless that is over 20 % above the mean, else the one
 * with the least load. */
unsigned balance_choose(const struct balance *balance, unsigned preferred);

/*
 * A rebalancing in passes over all objects, large ones first: with each pass the least weight that
 * may move falls. It ends when no worker is over 5 % above the mean, or nothing helps.
 */
struct rebalance {
	bool running;
	double least; /* weight that may move in this pass */
	double below; /* the largest weight that was met and is less */
};

void rebalance_begin(struct rebalance *rebalance, const struct balance *balance);

/* True if an object should move from `worker` to `*to`; the caller then calls balance_move() at once. */
bool rebalance_wants(struct rebalance *rebalance, const struct balance *balance, unsigned worker,
		     double weight, unsigned *to);

/* All objects were asked about: begins the next pass or ends. */
void rebalance_pass_over(struct rebalance *rebalance, const struct balance *balance);

#endif
