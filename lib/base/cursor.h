/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

/*
 * The one way to read untrusted bytes outside the packet path.
 *
 * A cursor remembers the first failure: after it every read returns zero and nothing more is
 * consumed, so a parser reads straight through and asks cursor_failed() once at its end. A nested
 * length is read only through cursor_child(). Loops run while cursor_more(), which a failure ends.
 *
 * A cursor does not own its bytes. Any thread may use one; none is shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline struct cursor cursor_over(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	return (struct cursor){.at = at, .end = at + length, .failed = false};
}

/* Number of unread bytes; 0 after a failure. */
static inline size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : (size_t)(c->end - c->at);
}

static inline bool cursor_more(const struct cursor *c)
{
	return cursor_left(c) != 0;
}

static inline bool cursor_failed(const struct cursor *c)
{
	return c->failed;
}

/* True when every byte was read and no read failed. */
static inline bool cursor_finished(const struct cursor *c)
{
	return !c->failed && c->at == c->end;
}

static inline void cursor_fail(struct cursor *c)
{
	c->failed = true;
}

/* The next `length` bytes in place, or NULL (and failure) if there are fewer. */
static inline const uint8_t *cursor_bytes(struct cursor *c, size_t length)
{
	const uint8_t *at = c->at;

	if (cursor_left(c) < length || c->failed) {
		c->failed = true;
		return NULL;
	}
	c->at += length;
	return at;
}

static inline void cursor_skip(struct cursor *c, size_t length)
{
	(void)cursor_bytes(c, length);
}

/* Copies `length` bytes to `to`; zeroes it on failure. */
static inline void cursor_copy(struct cursor *c, void *to, size_t length)
{
	const uint8_t *from = cursor_bytes(c, length);

	if (from != NULL)
		memcpy(to, from, length);
	else
		memset(to, 0, length);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 1);

	return p == NULL ? 0 : p[0];
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 2);

	return p == NULL ? 0 : (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 4);

	return p == NULL ? 0
			 : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	uint64_t high = cursor_u32(c);

	return high << 32 | cursor_u32(c);
}

/*
 * A cursor over the next `length` bytes; the parent moves past them. If they are not there both
 * have failed.
 */
static inline struct cursor cursor_child(struct cursor *c, size_t length)
{
	const uint8_t *at = cursor_bytes(c, length);

	if (at == NULL)
		return (struct cursor){.at = c->end, .end = c->end, .failed = true};
	return cursor_over(at, length);
}

#endif
