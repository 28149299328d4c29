/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_SCHEDULE_H
#define L2TP_SCHEDULE_H

/* Which tunnel has the next deadline: a binary heap. */

#include <stddef.h>
#include <stdint.h>

/* Embedded in what is scheduled. */
struct schedule_entry {
	uint64_t deadline_ms;
	size_t place; /* 1-based; 0: not scheduled */
};

struct schedule {
	struct schedule_entry **entries;
	size_t count;
	size_t capacity;
};

void l2tp_schedule_clear(struct schedule *schedule);

/* Schedules `entry`, again or for the first time; UINT64_MAX takes it out. */
void l2tp_schedule_set(struct schedule *schedule, struct schedule_entry *entry,
		       uint64_t deadline_ms);

/* The entry with the least deadline, or NULL. */
struct schedule_entry *l2tp_schedule_first(const struct schedule *schedule);

#endif
