/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MESSAGES_COUNTERS_H
#define MESSAGES_COUNTERS_H

/*
 * Counters that the owner worker writes and the control core reads, both without a lock: plain
 * 64-bit words, relaxed on both sides. The storage of an SA or a session begins with them.
 */

#include <stdint.h>

struct traffic_counters {
	uint64_t packets_in; /* from the peer */
	uint64_t bytes_in;
	uint64_t packets_out;
	uint64_t bytes_out;
};

static inline void counter_add(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, *counter + value, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
