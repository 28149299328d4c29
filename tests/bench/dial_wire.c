/* SPDX-License-Identifier: BSD-3-Clause */
#include "dial_wire.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_EACH 512 /* of most datagrams */

void dial_wire_reserve(struct dial_wire *wire, size_t count)
{
	if (count > wire->capacity) {
		wire->capacity = count;
		wire->datagrams = memory_resize(wire->datagrams, count * sizeof(*wire->datagrams));
	}
	if (count * BYTES_EACH > wire->room) {
		wire->room = count * BYTES_EACH;
		wire->bytes = memory_resize(wire->bytes, wire->room);
	}
}

void dial_wire_put(struct dial_wire *wire, enum dial_layer layer, uint32_t dial, uint16_t port,
		   const uint8_t *bytes, size_t length)
{
	if (wire->count == wire->capacity)
		dial_wire_reserve(wire, 2 * wire->capacity + 1024);
	if (wire->used + length > wire->room) {
		wire->room = 2 * wire->room + length;
		wire->bytes = memory_resize(wire->bytes, wire->room);
	}
	wire->datagrams[wire->count++] = (struct dial_datagram){
		.dial = dial,
		.port = port,
		.length = (uint16_t)length,
		.layer = layer,
		.offset = wire->used,
	};
	memcpy(wire->bytes + wire->used, bytes, length);
	wire->used += length;
}

void dial_wire_clear(struct dial_wire *wire)
{
	wire->count = 0;
	wire->used = 0;
}

void dial_wire_free(struct dial_wire *wire)
{
	free(wire->datagrams);
	free(wire->bytes);
}
