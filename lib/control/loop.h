/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_LOOP_H
#define CONTROL_LOOP_H

/* The control core's event loop: one epoll over descriptors, and one timer wheel. One thread. */

#include "timer/timer_wheel.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Milliseconds of the monotonic clock, as they were when this turn of the loop began. */
uint64_t loop_now_ms(const struct loop *loop);

/* readable(object) whenever `descriptor` can be read. `loop` is void so that others may be given
 * these two functions as their way to the loop. */
void loop_watch(void *loop, int descriptor, void (*readable)(void *object), void *object);
void loop_unwatch(void *loop, int descriptor);

struct timer_wheel *loop_wheel(struct loop *loop);

/* Called at the end of every turn, before the loop waits. */
void loop_set_turn(struct loop *loop, void (*turn)(void *object), void *object);

/* Turns until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
