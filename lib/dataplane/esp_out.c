/* SPDX-License-Identifier: BSD-3-Clause */
/* ESP towards a peer (RFC 4303 3.3): padding, sequence, IV, job; then the outer headers. */
#include "dataplane/outer.h"
#include "dataplane/worker.h"

#include <netinet/in.h>

#define ESP_HEADER_BYTES 8

/* The sequence number stops short of its end, so that it can never wrap (RFC 4303 3.3.3). */
#define SEQUENCE_LAST (UINT32_MAX - 1)

/* Bytes of padding so that text, pad length and next header fill whole blocks. */
static uint32_t padding_of(const struct sa *sa, uint32_t bytes)
{
	return (uint32_t) - (bytes + 2) & (sa->block_bytes - 1u);
}

static void header_write(struct worker *w, struct sa *sa, uint8_t *esp)
{
	rte_be32_t spi = rte_cpu_to_be_32(sa->spi_out);
	rte_be32_t sequence = rte_cpu_to_be_32(++sa->sequence_out);

	memcpy(esp, &spi, 4);
	memcpy(esp + 4, &sequence, 4);
	if (sa->lane == ESP_LANE_GCM) {
		/* Unique under the key, which one worker at a time uses (RFC 4106 3.1). */
		memset(esp + 8, 0, 4);
		memcpy(esp + 12, &sequence, 4);
	} else {
		esp_engine_unpredictable(w->engine, esp + 8, sa->iv_bytes);
	}
}

static void trailer_write(uint8_t *at, uint32_t padding)
{
	for (uint32_t i = 0; i < padding; i++)
		at[i] = (uint8_t)(i + 1);
	at[padding] = (uint8_t)padding;
	at[padding + 1] = IPPROTO_UDP;
}

static void esp_out(struct worker *w, struct sa *sa, struct rte_mbuf *mbuf)
{
	struct packet *packet = packet_of(mbuf);
	uint32_t text = mbuf->data_len;
	uint32_t padding = padding_of(sa, text);
	uint32_t head = ESP_HEADER_BYTES + sa->iv_bytes;
	uint8_t *esp, *trailer;

	/* The computed tag of SHA2-256 has 16 bytes also where 12 are sent: room for the longer. */
	if (rte_pktmbuf_tailroom(mbuf) < padding + 2 + sa->tag_bytes || mbuf->data_off < head) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return;
	}
	packet_cut(mbuf, (uint32_t)-head, head + text + padding + 2 + sa->tag_bytes);
	esp = rte_pktmbuf_mtod(mbuf, uint8_t *);
	trailer = esp + head + text;
	text += padding + 2;
	trailer_write(trailer, padding);
	header_write(w, sa, esp);
	packet->encrypt = true;
	packet->text_bytes = (uint16_t)text;
	counter_add(&sa->counters.packets_out, 1);
	counter_add(&sa->counters.bytes_out, text);
	sa->jobs++;
	w->jobs[sa->lane][w->job_count[sa->lane]++] = (struct esp_job){.user = mbuf,
								       .key = sa->key_out,
								       .esp = esp,
								       .text_bytes = text,
								       .tag = esp + head + text};
	if (w->job_count[sa->lane] == VECTOR_MAX)
		crypto_submit(w, sa->lane, true);
}

void esp_out_stage(struct worker *w, struct vector *packets)
{
	for (unsigned i = 0; i < packets->count; i++) {
		const struct sa *sa = packet_of(packets->packets[i])->sa;

		if (sa != NULL)
			esp_key_prefetch(sa->key_out, sa->lane, packets->packets[i]->data_len);
	}
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct sa *sa = packet_of(mbuf)->sa;

		if (sa == NULL)
			drop_packet(w, mbuf, DROP_no_outbound_sa);
		else if (sa->sequence_out >= SEQUENCE_LAST)
			drop_packet(w, mbuf, DROP_sequence_exhausted);
		else
			esp_out(w, sa, mbuf);
	}
}

/* Outer headers; the tag is cut to what the peer uses. False if there is no room. */
static bool outer_push(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa)
{
	const struct outer_header *header = &sa->group->outer;
	uint32_t udp = sa->encapsulated ? sizeof(header->udp) : 0;
	uint32_t front = sizeof(header->ipv4) + udp;
	uint32_t bytes = mbuf->data_len + front;
	uint8_t *at;

	if (sa->tag_bytes_wire != 0)
		bytes -= sa->tag_bytes - (uint32_t)sa->tag_bytes_wire;
	if (mbuf->data_off < front)
		return false;
	packet_cut(mbuf, (uint32_t)-front, bytes);
	at = rte_pktmbuf_mtod(mbuf, uint8_t *);
	outer_ipv4_write(at, header, udp != 0 ? IPPROTO_UDP : IPPROTO_ESP, bytes,
			 w->identification++);
	if (udp != 0)
		outer_udp_write(at + sizeof(header->ipv4), header,
				bytes - (uint32_t)sizeof(header->ipv4));
	return true;
}

void esp_out_complete(struct worker *w, struct vector *packets)
{
	struct vector outer = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct sa *sa = packet_of(mbuf)->sa;

		if (outer_push(w, mbuf, sa))
			vector_add(&outer, mbuf);
		else
			drop_packet(w, mbuf, DROP_no_headroom);
		if (--sa->jobs == 0 && sa->removing)
			inbox_sa_idle(w, sa);
	}
	if (outer.count != 0)
		outer_stage(w, &outer);
}
