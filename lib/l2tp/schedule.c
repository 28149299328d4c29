/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/schedule.h"

#include "base/memory.h"

#include <stdlib.h>

void l2tp_schedule_clear(struct schedule *schedule)
{
	free(schedule->entries);
	*schedule = (struct schedule){0};
}

static void entry_put(struct schedule *schedule, size_t index, struct schedule_entry *entry)
{
	schedule->entries[index] = entry;
	entry->place = index + 1;
}

/* Moves `entry`, whose place is `index`, to where the order wants it. */
static void entry_settle(struct schedule *schedule, size_t index, struct schedule_entry *entry)
{
	struct schedule_entry **entries = schedule->entries;

	while (index > 0 && entries[(index - 1) / 2]->deadline_ms > entry->deadline_ms) {
		entry_put(schedule, index, entries[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * index + 1;

		if (child + 1 < schedule->count &&
		    entries[child + 1]->deadline_ms < entries[child]->deadline_ms)
			child++;
		if (child >= schedule->count || entries[child]->deadline_ms >= entry->deadline_ms)
			break;
		entry_put(schedule, index, entries[child]);
		index = child;
	}
	entry_put(schedule, index, entry);
}

static void entry_remove(struct schedule *schedule, struct schedule_entry *entry)
{
	size_t index = entry->place - 1;
	struct schedule_entry *last = schedule->entries[--schedule->count];

	entry->place = 0;
	if (last != entry)
		entry_settle(schedule, index, last);
}

void l2tp_schedule_set(struct schedule *schedule, struct schedule_entry *entry,
		       uint64_t deadline_ms)
{
	entry->deadline_ms = deadline_ms;
	if (deadline_ms == UINT64_MAX) {
		if (entry->place != 0)
			entry_remove(schedule, entry);
		return;
	}
	if (entry->place == 0) {
		if (schedule->count == schedule->capacity) {
			schedule->capacity = schedule->capacity == 0 ? 1 : schedule->capacity * 2;
			schedule->entries = memory_resize(schedule->entries,
							  schedule->capacity * sizeof(entry));
		}
		entry_put(schedule, schedule->count++, entry);
	}
	entry_settle(schedule, entry->place - 1, entry);
}

struct schedule_entry *l2tp_schedule_first(const struct schedule *schedule)
{
	return schedule->count == 0 ? NULL : schedule->entries[0];
}
