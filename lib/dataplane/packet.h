/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_PACKET_H
#define DATAPLANE_PACKET_H

/*
 * What stages know about a packet, in the private area of its buffer: a job may complete in a later
 * poll, so nothing that a later stage needs stays on a stack.
 */

#include "crypto/esp_engine.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

struct sa;

/* Where the owner of a packet goes on with it. */
enum packet_resume {
	PACKET_RESUME_ESP,      /* ESP at the mbuf's data */
	PACKET_RESUME_L2TP,     /* plain L2TP: UDP at the mbuf's data */
	PACKET_RESUME_SESSION,  /* an IPv4 packet for `session` */
	PACKET_RESUME_FRAGMENT, /* a frame with a fragment of a tunnelled packet */
	PACKET_RESUME_TRANSMIT, /* a frame for the transmit queue of `port` */
};

/* Where an IPv4 packet inside the pipeline came from. */
enum packet_origin {
	PACKET_ORIGIN_PORT,    /* a server's packet towards a subscriber */
	PACKET_ORIGIN_SESSION, /* a subscriber's packet */
	PACKET_ORIGIN_SELF,    /* ours: the time to live is not touched, ICMP errors are not sent */
};

struct packet {
	struct sa *sa;      /* whose job this is */
	uint32_t session;   /* slot of the session that it goes to, or of a control packet */
	uint32_t group;     /* of a control packet: slot of the group; NO_SLOT in clear */
	uint32_t sequence;  /* of ESP, inbound; of a fragment its offset */
	uint32_t queued;    /* cycles, the low half, when the job was queued */
	uint32_t remote_be; /* outer addresses and ports, as received; of IPv6 what */
	uint32_t local_be;  /* outer_fold() makes of them, the addresses are below */
	uint16_t local_port;
	uint16_t remote_port;
	uint16_t port;       /* received from, or to be sent by */
	uint16_t text_bytes; /* plain or cipher text of ESP; payload of a fragment */
	uint8_t tag_bytes;   /* on the wire */
	uint8_t resume;      /* enum packet_resume */
	uint8_t origin;      /* enum packet_origin */
	uint8_t source;      /* the worker that sent it to its owner: order is kept from there */
	bool encrypt;
	bool encapsulated; /* ESP came in UDP */
	bool ipv6;         /* the outer header was IPv6 */
	uint8_t watch; /* number of the trace that it belongs to; valid while anything is watched */
	uint32_t watch_number;
	/* A line that only packets of IPv6 touch. */
	alignas(64) uint8_t remote_ipv6[16];
	uint8_t local_ipv6[16];
};

static_assert(offsetof(struct packet, remote_ipv6) == 64, "one line of each buffer, but of IPv6");

/*
 * The computed tag of a packet that is decrypted lies before its ESP header, where outer headers
 * were: at least Ethernet's and IPv4's. The expected one stays behind the text.
 */
#define PACKET_TAG_OFFSET 32
static_assert(ESP_TAG_BYTES_MAX <= PACKET_TAG_OFFSET, "the tag does not reach the header");

/* Goes on with `bytes` bytes that begin `front` bytes behind the present begin. */
static inline void packet_cut(struct rte_mbuf *mbuf, uint32_t front, uint32_t bytes)
{
	mbuf->data_off = (uint16_t)(mbuf->data_off + front);
	mbuf->data_len = (uint16_t)bytes;
	mbuf->pkt_len = bytes;
}

/* The data of the buffer are the `bytes` bytes at `at` in it. */
static inline void packet_set(struct rte_mbuf *mbuf, const uint8_t *at, uint32_t bytes)
{
	mbuf->data_off = (uint16_t)(at - (const uint8_t *)mbuf->buf_addr);
	mbuf->data_len = (uint16_t)bytes;
	mbuf->pkt_len = bytes;
}

/* Room for `bytes` in front, or NULL. */
static inline uint8_t *packet_push(struct rte_mbuf *mbuf, uint32_t bytes)
{
	if (mbuf->data_off < bytes)
		return NULL;
	packet_cut(mbuf, (uint32_t)-bytes, mbuf->data_len + bytes);
	return rte_pktmbuf_mtod(mbuf, uint8_t *);
}

static inline struct packet *packet_of(struct rte_mbuf *mbuf)
{
	return rte_mbuf_to_priv(mbuf);
}

#define ESP_HEADER_BYTES 8u

/* Ethernet's header and two bytes before it that are not sent: one word to copy. */
#define FRAME_HEADER_BYTES 16u

#define VECTOR_MAX         64

/* What stages exchange. */
struct vector {
	unsigned count;
	struct rte_mbuf *packets[VECTOR_MAX];
};

static inline void vector_add(struct vector *vector, struct rte_mbuf *mbuf)
{
	vector->packets[vector->count++] = mbuf;
}

#endif
