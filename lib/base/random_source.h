/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_RANDOM_SOURCE_H
#define BASE_RANDOM_SOURCE_H

/* Randomness as an input of the engines, so that a simulation repeats. */

#include <stddef.h>
#include <stdint.h>

struct random_source {
	void (*fill)(void *context, void *bytes, size_t length);
	void *context;
};

static inline void random_fill(const struct random_source *source, void *bytes, size_t length)
{
	source->fill(source->context, bytes, length);
}

static inline uint16_t random_u16(const struct random_source *source)
{
	uint16_t value;

	random_fill(source, &value, sizeof(value));
	return value;
}

static inline uint32_t random_u32(const struct random_source *source)
{
	uint32_t value;

	random_fill(source, &value, sizeof(value));
	return value;
}

#endif
