/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_ESP_OUT_H
#define DATAPLANE_ESP_OUT_H

/* ESP towards a peer (RFC 4303 3.3): padding, sequence, IV, job. */

#include "dataplane/outer.h"
#include "dataplane/roaming.h"
#include "dataplane/watch.h"
#include "dataplane/worker.h"

#include <netinet/in.h>

/* The sequence number stops short of its end, so that it can never wrap (RFC 4303 3.3.3). */
#define SEQUENCE_LAST (UINT32_MAX - 1)

/* 1, 2, 3 and so on, their number (at most 15), and the next header. The tag's room follows, so whole
 * words may be written first. */
static inline void esp_trailer_write(uint8_t *at, uint32_t padding)
{
	const uint64_t low = 0x0807060504030201, high = 0x100f0e0d0c0b0a09;
	const uint16_t end = (uint16_t)(padding | IPPROTO_UDP << 8);

	memcpy(at, &low, sizeof(low));
	if (padding > sizeof(low))
		memcpy(at + sizeof(low), &high, sizeof(high));
	memcpy(at + padding, &end, sizeof(end));
}

static inline void esp_header_write(struct worker *w, struct sa *sa, uint8_t *esp)
{
	rte_be32_t sequence = rte_cpu_to_be_32(++sa->sequence_out);
	uint64_t head = rte_cpu_to_be_32(sa->spi_out) | (uint64_t)sequence << 32;
	/* Unique under the key, which one worker at a time uses (RFC 4106 3.1). */
	uint64_t counter = (uint64_t)sequence << 32;

	memcpy(esp, &head, sizeof(head));
	if (sa->lane == ESP_LANE_GCM)
		memcpy(esp + sizeof(head), &counter, sizeof(counter));
	else
		esp_engine_unpredictable(w->engine, esp + sizeof(head), sa->iv_bytes);
}

/*
 * The outer headers of an encrypted packet, whose tag is cut to what the peer uses. There is room in
 * front: every way here began with TUNNEL_ROOM_BYTES.
 */
static inline void esp_outer_push(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa)
{
	const struct outer_header *header = &sa->group->outer;
	uint32_t udp = sa->encapsulated ? OUTER_UDP_BYTES : 0;
	uint32_t front = OUTER_IPV4_BYTES + udp;
	uint32_t bytes = mbuf->data_len + front;
	uint8_t *at;

	if (sa->tag_bytes_wire != 0)
		bytes -= sa->tag_bytes - (uint32_t)sa->tag_bytes_wire;
	packet_cut(mbuf, (uint32_t)-front, bytes);
	at = rte_pktmbuf_mtod(mbuf, uint8_t *);
	outer_ipv4_write(at, header, udp != 0 ? IPPROTO_UDP : IPPROTO_ESP, bytes,
			 w->identification++);
	if (udp != 0)
		outer_udp_write(at + OUTER_IPV4_BYTES, header, bytes - OUTER_IPV4_BYTES);
}

/* Before encryption: the checksum of the datagram, which over IPv6 the peer wants, inside ESP too; and the
 * operator's copy of it. */
void esp_out_unusual(struct worker *w, const struct sa *sa, uint8_t *udp, uint32_t bytes);

/*
 * Queues a job for the UDP datagram of `bytes` bytes at `udp` in the buffer; `sa` is the pair to send
 * on, or NULL. The caller made sure of the room in front, and submits.
 */
static inline void esp_out(struct worker *w, struct sa *sa, struct rte_mbuf *mbuf, uint8_t *udp,
			   uint32_t bytes)
{
	uint32_t padding, head, text;
	uint8_t *esp;

	if (__builtin_expect(sa == NULL, 0)) {
		drop_packet(w, mbuf, DROP_no_outbound_sa);
		return;
	}
	padding = (uint32_t) - (bytes + 2) & (sa->block_bytes - 1u);
	head = ESP_HEADER_BYTES + (uint32_t)sa->iv_bytes;
	text = bytes + padding + 2;
	esp = udp - head;
	packet_set(mbuf, esp, head + text + sa->tag_bytes);
	/* The computed tag of SHA2-256 has 16 bytes also where 12 are sent: room for the longer. */
	if (__builtin_expect(mbuf->data_off + (uint32_t)mbuf->data_len > mbuf->buf_len, 0)) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return;
	}
	if (__builtin_expect(sa->sequence_out >= SEQUENCE_LAST, 0)) {
		drop_packet(w, mbuf, DROP_sequence_exhausted);
		return;
	}
	if (__builtin_expect(w->watching || w->ipv6, 0))
		esp_out_unusual(w, sa, udp, bytes);
	esp_trailer_write(udp + bytes, padding);
	esp_header_write(w, sa, esp);
	counter_add(&sa->counters.packets_out, 1);
	counter_add(&sa->counters.bytes_out, text);
	packet_of(mbuf)->sa = sa;
	packet_of(mbuf)->encrypt = true;
	packet_of(mbuf)->queued = (uint32_t)w->now_cycles;
	sa->jobs++;
	w->jobs[sa->lane][w->job_count[sa->lane]++] = (struct esp_job){.user = mbuf,
								       .key = sa->key_out,
								       .esp = esp,
								       .text_bytes = text,
								       .tag = udp + text};
	if (__builtin_expect(w->job_count[sa->lane] == VECTOR_MAX, 0))
		crypto_submit(w, sa->lane, true);
}

#endif
