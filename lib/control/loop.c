/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/loop.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64
#define WAIT_MAX_MS     1000

struct watch {
	struct watch *next;
	int descriptor;
	bool gone;
	void (*readable)(void *object);
	void *object;
};

struct loop {
	int epoll;
	bool stopped;
	uint64_t now_ms;
	struct timer_wheel *wheel;
	struct watch *watches;
	void (*turn)(void *object);
	void *turn_object;
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct loop *loop_new(void)
{
	struct loop *loop = memory_new(sizeof(*loop));

	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		perror("concentrator: epoll_create1");
		abort();
	}
	loop->now_ms = clock_ms();
	loop->wheel = timer_wheel_new(loop->now_ms);
	return loop;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	while (loop->watches != NULL) {
		struct watch *next = loop->watches->next;

		free(loop->watches);
		loop->watches = next;
	}
	timer_wheel_free(loop->wheel);
	close(loop->epoll);
	free(loop);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

void loop_watch(void *context, int descriptor, void (*readable)(void *object), void *object)
{
	struct loop *loop = context;
	struct watch *watch = memory_new(sizeof(*watch));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

	watch->descriptor = descriptor;
	watch->readable = readable;
	watch->object = object;
	watch->next = loop->watches;
	loop->watches = watch;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
		perror("concentrator: epoll_ctl");
}

void loop_unwatch(void *context, int descriptor)
{
	struct loop *loop = context;

	for (struct watch *watch = loop->watches; watch != NULL; watch = watch->next) {
		if (watch->descriptor != descriptor || watch->gone)
			continue;
		watch->gone = true; /* freed at the end of the turn: events may still name it */
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, descriptor, NULL);
	}
}

static void reap(struct loop *loop)
{
	struct watch **link = &loop->watches;

	while (*link != NULL) {
		struct watch *watch = *link;

		if (watch->gone) {
			*link = watch->next;
			free(watch);
		} else {
			link = &watch->next;
		}
	}
}

struct timer_wheel *loop_wheel(struct loop *loop)
{
	return loop->wheel;
}

void loop_set_turn(struct loop *loop, void (*turn)(void *object), void *object)
{
	loop->turn = turn;
	loop->turn_object = object;
}

static int wait_ms(const struct loop *loop)
{
	uint64_t next_ms = timer_wheel_next_ms(loop->wheel);

	if (next_ms <= loop->now_ms)
		return 0;
	if (next_ms - loop->now_ms > WAIT_MAX_MS)
		return WAIT_MAX_MS;
	return (int)(next_ms - loop->now_ms);
}

void loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_TURN];

	loop->stopped = false;
	while (!loop->stopped) {
		int count = epoll_wait(loop->epoll, events, EVENTS_PER_TURN, wait_ms(loop));

		loop->now_ms = clock_ms();
		for (int i = 0; i < count; i++) {
			struct watch *watch = events[i].data.ptr;

			if (!watch->gone)
				watch->readable(watch->object);
		}
		timer_wheel_advance(loop->wheel, loop->now_ms);
		if (loop->turn != NULL)
			loop->turn(loop->turn_object);
		reap(loop);
	}
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
