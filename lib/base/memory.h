/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

/* Allocation that does not fail, and the two operations that secrets need. */

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory. Prints one line and aborts when there is none: the control core cannot go on. */
void *memory_new(size_t bytes);

/* `count` zeroed elements; aborts on overflow too. */
void *memory_new_array(size_t count, size_t bytes);

/* Like memory_new(), aligned to `alignment`, a power of two. Freed by free(). */
void *memory_new_aligned(size_t alignment, size_t bytes);

/* Grows or shrinks; new bytes are not zeroed. Aborts when there is no memory. */
void *memory_resize(void *memory, size_t bytes);

char *memory_copy_text(const char *text);

/* Overwrites with zeroes in a way the compiler keeps. */
void memory_wipe(void *memory, size_t bytes);

/* Equality in time that depends only on `bytes`. */
bool memory_equal_constant_time(const void *a, const void *b, size_t bytes);

#endif
