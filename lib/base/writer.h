/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

/*
 * Builds a message in a buffer of known capacity. Like the cursor it remembers the first failure:
 * a write that does not fit writes nothing and makes every later write fail too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool failed;
};

static inline struct writer writer_over(void *buffer, size_t capacity)
{
	uint8_t *start = buffer;

	return (struct writer){
		.start = start, .at = start, .end = start + capacity, .failed = false};
}

static inline bool writer_failed(const struct writer *w)
{
	return w->failed;
}

/* Bytes written so far. */
static inline size_t writer_length(const struct writer *w)
{
	return (size_t)(w->at - w->start);
}

/* Room for `length` bytes that the caller fills, or NULL (and failure). */
static inline uint8_t *writer_reserve(struct writer *w, size_t length)
{
	uint8_t *at = w->at;

	if (w->failed || (size_t)(w->end - w->at) < length) {
		w->failed = true;
		return NULL;
	}
	w->at += length;
	return at;
}

static inline void writer_bytes(struct writer *w, const void *from, size_t length)
{
	uint8_t *to = writer_reserve(w, length);

	if (to != NULL && length != 0)
		memcpy(to, from, length);
}

static inline void writer_zeroes(struct writer *w, size_t length)
{
	uint8_t *to = writer_reserve(w, length);

	if (to != NULL)
		memset(to, 0, length);
}

static inline void writer_u8(struct writer *w, uint8_t value)
{
	uint8_t *to = writer_reserve(w, 1);

	if (to != NULL)
		to[0] = value;
}

static inline void writer_u16(struct writer *w, uint16_t value)
{
	uint8_t *to = writer_reserve(w, 2);

	if (to != NULL) {
		to[0] = (uint8_t)(value >> 8);
		to[1] = (uint8_t)value;
	}
}

static inline void writer_u32(struct writer *w, uint32_t value)
{
	writer_u16(w, (uint16_t)(value >> 16));
	writer_u16(w, (uint16_t)value);
}

static inline void writer_u64(struct writer *w, uint64_t value)
{
	writer_u32(w, (uint32_t)(value >> 32));
	writer_u32(w, (uint32_t)value);
}

/* Writes `value` over two bytes already written at `offset` (a length known only later). */
static inline void writer_patch_u16(struct writer *w, size_t offset, uint16_t value)
{
	if (w->failed || offset + 2 > writer_length(w)) {
		w->failed = true;
		return;
	}
	w->start[offset] = (uint8_t)(value >> 8);
	w->start[offset + 1] = (uint8_t)value;
}

static inline void writer_patch_u32(struct writer *w, size_t offset, uint32_t value)
{
	writer_patch_u16(w, offset, (uint16_t)(value >> 16));
	writer_patch_u16(w, offset + 2, (uint16_t)value);
}

#endif
