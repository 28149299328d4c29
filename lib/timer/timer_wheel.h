/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TIMER_TIMER_WHEEL_H
#define TIMER_TIMER_WHEEL_H

/*
 * A hierarchical timing wheel (Varghese and Lauck, scheme 7): four levels of 256 slots of 8 ms, so
 * that setting and cancelling cost the same for any number of timers. Deadlines are in milliseconds
 * of the owner's clock; a timer never fires early, and at most one tick late. One thread.
 */

#include <stdbool.h>
#include <stdint.h>

struct timer_wheel;

/* Embedded in the object that it wakes; zeroed before first use. */
struct timer_node {
	struct timer_node *next;
	struct timer_node **link; /* NULL while not set */
	uint64_t deadline_ms;
	void (*expired)(struct timer_node *node, uint64_t now_ms);
};

struct timer_wheel *timer_wheel_new(uint64_t now_ms);

/* Every node must have been cancelled or have expired. */
void timer_wheel_free(struct timer_wheel *wheel);

/* Sets or moves a timer. UINT64_MAX: never, which cancels it. */
void timer_wheel_set(struct timer_wheel *wheel, struct timer_node *node, uint64_t deadline_ms);
void timer_wheel_cancel(struct timer_node *node);

static inline bool timer_node_is_set(const struct timer_node *node)
{
	return node->link != 0;
}

/* Calls expired() of everything due; it may set, cancel and free timers. */
void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms);

/* When to advance next: a bound from below, UINT64_MAX when nothing is set. */
uint64_t timer_wheel_next_ms(const struct timer_wheel *wheel);

#endif
