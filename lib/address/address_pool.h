/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ADDRESS_ADDRESS_POOL_H
#define ADDRESS_ADDRESS_POOL_H

/*
 * A pool of IPv4 addresses, all in host order. A released address waits behind all others before
 * it goes to somebody else; the user who had it last gets it back while it is free. Every
 * operation takes constant time. Only the control core uses it.
 */

#include <stdbool.h>
#include <stdint.h>

struct address_pool;

#define ADDRESS_POOL_MAX (1u << 22) /* addresses in one pool */

/* From `first` to `last`, both included. NULL if the range is empty, larger than ADDRESS_POOL_MAX,
 * or holds 0. */
struct address_pool *address_pool_new(uint32_t first, uint32_t last);
void address_pool_free(struct address_pool *pool);

/*
 * An address for `user`: the one that this user had last if it is free, else the one that has been
 * free for the longest. NULL or "" stands for nobody in particular. 0 when the pool is exhausted.
 */
uint32_t address_pool_allocate(struct address_pool *pool, const char *user);

/*
 * Takes this very address, inside or outside of the range. 0, -EADDRINUSE when somebody has it,
 * -EINVAL for 0.
 */
int address_pool_reserve(struct address_pool *pool, uint32_t address);

/* Gives an allocated or reserved address back. -ENOENT if nobody has it. */
int address_pool_release(struct address_pool *pool, uint32_t address);

/* In the range and held by nobody. */
uint32_t address_pool_free_count(const struct address_pool *pool);

/* Held, those outside of the range included. */
uint32_t address_pool_used_count(const struct address_pool *pool);
uint32_t address_pool_size(const struct address_pool *pool);
bool address_pool_contains(const struct address_pool *pool, uint32_t address);

#endif
