/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *memory)
{
	if (memory == NULL) {
		fputs("concentrator: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *memory_new(size_t bytes)
{
	return or_abort(calloc(1, bytes == 0 ? 1 : bytes));
}

void *memory_new_array(size_t count, size_t bytes)
{
	return or_abort(calloc(count == 0 ? 1 : count, bytes == 0 ? 1 : bytes));
}

void *memory_new_aligned(size_t alignment, size_t bytes)
{
	size_t rounded = (bytes + alignment - 1) & ~(alignment - 1);

	return memset(or_abort(aligned_alloc(alignment, rounded)), 0, rounded);
}

void *memory_resize(void *memory, size_t bytes)
{
	return or_abort(realloc(memory, bytes == 0 ? 1 : bytes));
}

char *memory_copy_text(const char *text)
{
	return or_abort(strdup(text));
}

void memory_wipe(void *memory, size_t bytes)
{
	explicit_bzero(memory, bytes);
}

bool memory_equal_constant_time(const void *a, const void *b, size_t bytes)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < bytes; i++)
		difference |= x[i] ^ y[i];
	return difference == 0;
}
