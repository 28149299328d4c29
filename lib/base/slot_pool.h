/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_SLOT_POOL_H
#define BASE_SLOT_POOL_H

/*
 * Numbers from 0 to `count` - 1, each with a generation that grows when it is given back. They are
 * reused first in, first out, so that a stale number stays recognisable as long as possible.
 * One thread uses a pool.
 */

#include <stdint.h>

struct slot_pool;

struct slot_pool *slot_pool_new(uint32_t count);
void slot_pool_free(struct slot_pool *pool);

/* A free slot, or UINT32_MAX. */
uint32_t slot_pool_take(struct slot_pool *pool);
void slot_pool_give_back(struct slot_pool *pool, uint32_t slot);

/* How often the slot was given back. */
uint32_t slot_pool_generation(const struct slot_pool *pool, uint32_t slot);

uint32_t slot_pool_used(const struct slot_pool *pool);

#endif
