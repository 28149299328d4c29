/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_AVP_H
#define L2TP_AVP_H

/* One attribute value pair (RFC 2661 4.1) and its hiding (RFC 2661 4.3). */

#include "base/cursor.h"
#include "base/writer.h"
#include "l2tp/authentication.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;

struct avp {
	bool mandatory;
	bool hidden;
	bool reserved_bits;
	uint16_t vendor;
	uint16_t attribute;
	struct cursor value;
};

/* The secret and the Random Vector seen last in this message. */
struct avp_secret {
	struct secret secret; /* without one hidden AVPs cannot be read */
	const uint8_t *vector;
	size_t vector_bytes;
};

/* Takes one AVP off the list. 0, or -EBADMSG when its length is below 6 or past the end. */
int l2tp_avp_next(struct cursor *list, struct avp *avp);

/* Puts what `avp` says into `message`: its value, or that it is unknown, or of a wrong length. */
void l2tp_avp_take(const struct avp *avp, struct avp_secret *hiding, struct message *message);

/*
 * Reveals a hidden value into `clear`, which has room for `capacity` bytes. Returns the value's
 * length, -ENOKEY without secret or vector, -EBADMSG when the length inside is wrong.
 */
int l2tp_avp_reveal(const struct avp *avp, const struct avp_secret *hiding, uint8_t *clear,
		    size_t capacity);

void l2tp_avp_write_bytes(struct writer *w, unsigned attribute, bool mandatory, const void *value,
			  size_t length);
void l2tp_avp_write_u16(struct writer *w, unsigned attribute, bool mandatory, uint16_t value);
void l2tp_avp_write_u32(struct writer *w, unsigned attribute, bool mandatory, uint32_t value);
/* Result Code AVP; the error code goes along when it is not ERROR_NONE. */
void l2tp_avp_write_result(struct writer *w, uint16_t result, uint16_t error);

#endif
