/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPP_OPTION_H
#define PPP_OPTION_H

/* Configuration options (RFC 1661 6): type, length, data. */

#include "base/cursor.h"
#include "base/writer.h"

#include <stdbool.h>
#include <stdint.h>

struct option {
	uint8_t type;
	struct cursor data;
	const uint8_t *bytes; /* the whole option */
	uint8_t length;
};

/* Takes the next option off the list; false at its end or when it is broken (cursor_failed). */
static inline bool option_next(struct cursor *list, struct option *option)
{
	if (!cursor_more(list))
		return false;
	option->bytes = list->at;
	option->type = cursor_u8(list);
	option->length = cursor_u8(list);
	if (option->length < 2)
		cursor_fail(list);
	if (cursor_failed(list))
		return false;
	option->data = cursor_child(list, (size_t)option->length - 2);
	return !cursor_failed(list);
}

static inline void option_write(struct writer *w, uint8_t type, const void *data, uint8_t length)
{
	writer_u8(w, type);
	writer_u8(w, (uint8_t)(length + 2));
	writer_bytes(w, data, length);
}

static inline void option_write_u16(struct writer *w, uint8_t type, uint16_t value)
{
	writer_u8(w, type);
	writer_u8(w, 4);
	writer_u16(w, value);
}

static inline void option_write_u32(struct writer *w, uint8_t type, uint32_t value)
{
	writer_u8(w, type);
	writer_u8(w, 6);
	writer_u32(w, value);
}

#endif
