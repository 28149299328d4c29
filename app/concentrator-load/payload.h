/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_PAYLOAD_H
#define LOAD_PAYLOAD_H

/*
 * The test packet: IPv4, UDP, and a payload that says whose it is, which one, when it was sent, and
 * goes on with a pattern made of that. So its receiver can check owner, order and content.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_HEADERS_BYTES 28 /* IPv4 and UDP */

struct stamp {
	uint32_t magic;
	uint32_t session;
	uint64_t sequence; /* the highest bit is the direction */
	uint64_t sent_cycles;
};

/* Writes a whole packet of `length` bytes. */
void payload_write(uint8_t *packet, size_t length, uint32_t source_be, uint32_t destination_be,
		   uint32_t session, uint8_t direction, uint64_t sequence, uint64_t sent_cycles);

enum payload_verdict {
	PAYLOAD_RIGHT,
	PAYLOAD_FOREIGN, /* not a test packet at all */
	PAYLOAD_CORRUPT,
};

/* Checks a packet and reads its stamp, the direction bit cleared. */
enum payload_verdict payload_read(const uint8_t *packet, size_t length, uint8_t direction,
				  struct stamp *stamp);

#endif
