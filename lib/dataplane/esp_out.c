/* SPDX-License-Identifier: BSD-3-Clause */
/* ESP towards a peer (RFC 4303 3.3): padding, sequence, IV, job; then the outer headers. */
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

void esp_out_add(struct worker *w, struct group *group, struct rte_mbuf *mbuf)
{
	struct packet *packet = packet_of(mbuf);
	struct sa *sa = group->newest;
	uint32_t text = mbuf->data_len;
	uint32_t padding;
	uint8_t *trailer;
	uint8_t *esp;

	if (sa == NULL) {
		drop_packet(w, mbuf, DROP_no_outbound_sa);
		return;
	}
	if (sa->sequence_out >= SEQUENCE_LAST) {
		drop_packet(w, mbuf, DROP_sequence_exhausted);
		return;
	}
	padding = padding_of(sa, text);
	/* The computed tag of SHA2-256 has 16 bytes also where 12 are sent: room for the longer. */
	trailer = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(padding + 2 + sa->tag_bytes));
	esp = (uint8_t *)rte_pktmbuf_prepend(mbuf, (uint16_t)(ESP_HEADER_BYTES + sa->iv_bytes));
	if (trailer == NULL || esp == NULL) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return;
	}
	trailer_write(trailer, padding);
	header_write(w, sa, esp);
	packet->sa = sa;
	packet->encrypt = true;
	packet->text_bytes = (uint16_t)(text + padding + 2);
	counter_add(&sa->counters.packets_out, 1);
	counter_add(&sa->counters.bytes_out, packet->text_bytes);
	sa->jobs++;
	w->jobs[sa->lane][w->job_count[sa->lane]++] =
		(struct esp_job){.user = mbuf,
				 .key = sa->key_out,
				 .esp = esp,
				 .text_bytes = packet->text_bytes,
				 .tag = trailer + padding + 2};
	if (w->job_count[sa->lane] == VECTOR_MAX)
		crypto_submit(w, sa->lane, true);
}

void esp_out_complete(struct worker *w, struct vector *packets)
{
	struct vector outer = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct sa *sa = packet_of(mbuf)->sa;
		const struct group *group = sa->group;
		bool ready;

		rte_pktmbuf_trim(mbuf, (uint16_t)(sa->tag_bytes - (sa->tag_bytes_wire != 0
									   ? sa->tag_bytes_wire
									   : sa->tag_bytes)));
		if (sa->encapsulated)
			ready = outer_push_udp(w, mbuf, group->local_be, group->local_port,
					       group->remote_be, group->remote_port, false);
		else
			ready = outer_push_ipv4(w, mbuf, IPPROTO_ESP, group->local_be,
						group->remote_be);
		if (ready)
			vector_add(&outer, mbuf);
		if (--sa->jobs == 0 && sa->remove != NULL)
			inbox_sa_idle(w, sa);
	}
	if (outer.count != 0)
		outer_stage(w, &outer);
}
