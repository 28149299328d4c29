/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_FRAME_H
#define LOAD_FRAME_H

/* Headers in front of what a packet buffer holds, and what lies in its private area. */

#include "crypto/esp_engine.h"

#include <stdbool.h>
#include <stdint.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

struct peer;

/* In each buffer's private area: for the time of an ESP job. */
struct frame {
	struct peer *peer;
	uint32_t text_bytes;
	uint32_t sequence;
	bool sealing;
	uint8_t tag[ESP_TAG_BYTES_MAX];
};

static inline struct frame *frame_of(struct rte_mbuf *mbuf)
{
	return (struct frame *)rte_mbuf_to_priv(mbuf);
}

/* Puts a header before the packet; the pool's headroom has room for all of them. */
void frame_push_udp(struct rte_mbuf *mbuf, uint16_t source_port, uint16_t destination_port);
void frame_push_ipv4(struct rte_mbuf *mbuf, uint8_t protocol, uint32_t source_be,
		     uint32_t destination_be);

/*
 * The IPv4 packet of an Ethernet frame, cut to its total length and with a header of 20 bytes and a
 * right checksum; NULL if it is not one.
 */
struct rte_ipv4_hdr *frame_ipv4(struct rte_mbuf *mbuf);

/* A buffer that holds a copy of `bytes`; NULL when there is none. */
struct rte_mbuf *frame_copy(struct rte_mempool *pool, const void *bytes, size_t length);

#endif
