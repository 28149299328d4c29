/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/balance.h"

#define ABOVE_MEAN 1.2  /* a worker with more gets nothing new */
#define BALANCED   1.05 /* a worker with less gives nothing away */

static double fresh_weight(const struct balance *balance)
{
	double measured = 0;
	uint32_t objects = 0;

	for (unsigned i = 0; i < balance->workers; i++) {
		measured += balance->worker[i].measured;
		objects += balance->worker[i].objects;
	}
	return objects != 0 && measured > 0 ? measured / objects : 1;
}

void balance_add(struct balance *balance, unsigned worker, double weight)
{
	struct balance_worker *to = &balance->worker[worker];

	if (weight < 0) {
		to->fresh++;
		return;
	}
	to->measured += weight;
	to->objects++;
}

void balance_remove(struct balance *balance, unsigned worker, double weight)
{
	struct balance_worker *from = &balance->worker[worker];

	if (weight < 0) {
		from->fresh--;
		return;
	}
	/* Sums of fractions do not come back to zero by themselves. */
	from->measured = --from->objects == 0 ? 0 : from->measured - weight;
}

/* How much a worker hands on of each unit of weight that the others have. */
static double handed_share(const struct balance *balance, unsigned worker)
{
	double others = 0, share;

	for (unsigned i = 0; i < balance->workers; i++)
		if (i != worker)
			others += balance->worker[i].measured;
	share = others > 0 ? balance->worker[worker].handed_rate / others : 0;
	return share < 1 ? share : 1;
}

void balance_move(struct balance *balance, unsigned from, unsigned to, double weight)
{
	double more = handed_share(balance, from), less = handed_share(balance, to);

	balance_remove(balance, from, weight);
	balance_add(balance, to, weight);
	if (weight < 0)
		return;
	balance->worker[from].handed_rate += more * weight;
	balance->worker[to].handed_rate -= less * weight;
}

static double load_of(const struct balance *balance, unsigned worker, double fresh)
{
	const struct balance_worker *of = &balance->worker[worker];

	return of->measured + of->fresh * fresh + of->handed_rate * BALANCE_HANDED_SHARE;
}

double balance_load(const struct balance *balance, unsigned worker)
{
	return load_of(balance, worker, fresh_weight(balance));
}

/* What one look at all workers tells. */
struct extremes {
	double mean;
	double most;
	double least;
	unsigned least_worker;
};

static struct extremes extremes_of(const struct balance *balance)
{
	double fresh = fresh_weight(balance);
	struct extremes found = {.least = load_of(balance, 0, fresh)};

	for (unsigned i = 0; i < balance->workers; i++) {
		double load = load_of(balance, i, fresh);

		found.mean += load / balance->workers;
		if (load > found.most)
			found.most = load;
		if (load < found.least) {
			found.least = load;
			found.least_worker = i;
		}
	}
	return found;
}

double balance_mean(const struct balance *balance)
{
	return extremes_of(balance).mean;
}

double balance_imbalance(const struct balance *balance)
{
	struct extremes now = extremes_of(balance);

	return now.mean > 0 ? now.most / now.mean : 1;
}

unsigned balance_choose(const struct balance *balance, unsigned preferred)
{
	struct extremes now = extremes_of(balance);

	return balance_load(balance, preferred) <= now.mean * ABOVE_MEAN ? preferred
									 : now.least_worker;
}

void rebalance_begin(struct rebalance *rebalance, const struct balance *balance)
{
	struct extremes now = extremes_of(balance);

	rebalance->running = now.mean > 0 && now.most > now.mean * BALANCED;
	rebalance->least = now.most - now.mean;
	rebalance->below = 0;
}

bool rebalance_wants(struct rebalance *rebalance, const struct balance *balance, unsigned worker,
		     double weight, unsigned *to)
{
	struct extremes now;
	double load;

	if (weight < rebalance->least) {
		if (weight > rebalance->below)
			rebalance->below = weight;
		return false;
	}
	now = extremes_of(balance);
	load = balance_load(balance, worker);
	/* Only what leaves both with less than the one had: so it ends. */
	if (load <= now.mean * BALANCED)
		return false;
	weight *= 1 - BALANCE_HANDED_SHARE * handed_share(balance, now.least_worker);
	if (now.least + weight >= load)
		return false;
	*to = now.least_worker;
	return true;
}

void rebalance_pass_over(struct rebalance *rebalance, const struct balance *balance)
{
	struct extremes now = extremes_of(balance);

	rebalance->least =
		rebalance->least / 2 < rebalance->below ? rebalance->least / 2 : rebalance->below;
	if (rebalance->below <= 0 || now.most <= now.mean * BALANCED)
		rebalance->running = false;
	rebalance->below = 0;
}
