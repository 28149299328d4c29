/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DIAL_WIRE_H
#define DIAL_WIRE_H

/* Datagrams between many dials and the end that answers them, handed over in batches. */

#include <stddef.h>
#include <stdint.h>

enum dial_layer { DIAL_IKE, DIAL_L2TP, DIAL_PPP };

struct dial_datagram {
	uint32_t dial;
	uint16_t port; /* of IKE */
	uint16_t length;
	uint8_t layer; /* enum dial_layer */
	size_t offset; /* in the wire's bytes */
};

struct dial_wire {
	struct dial_datagram *datagrams;
	size_t count, capacity;
	uint8_t *bytes;
	size_t used, room;
};

void dial_wire_put(struct dial_wire *wire, enum dial_layer layer, uint32_t dial, uint16_t port,
		   const uint8_t *bytes, size_t length);
/* Room for so many datagrams, so that putting them allocates nothing. */
void dial_wire_reserve(struct dial_wire *wire, size_t count);
void dial_wire_clear(struct dial_wire *wire);
void dial_wire_free(struct dial_wire *wire);

#endif
