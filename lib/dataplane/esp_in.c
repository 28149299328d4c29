/* SPDX-License-Identifier: BSD-3-Clause */
/* ESP towards us (RFC 4303 3.4): SA by SPI, lengths, replay, job; then tag, replay, trailer. */
#include "dataplane/roaming.h"
#include "dataplane/session_in.h"
#include "dataplane/worker.h"
#include "dataplane/watch.h"

#include "base/memory.h"

#include <emmintrin.h>
#include <netinet/in.h>

#define NEXT_HEADER_DUMMY 59

/*
 * Bytes of the tag of this packet. SHA2-256 is cut to 16 bytes by RFC 4868 and to 12 by older
 * peers, which is not negotiated; the length modulo the block tells which (with block `b`, header
 * and IV being multiples of 8: 16 leaves 0 or 8, 12 leaves 4 or 12).
 */
static uint8_t tag_bytes_of(const struct sa *sa, uint32_t length)
{
	/* Until then tag_bytes_wire is what an earlier pair had: this may be another device. */
	if (sa->used)
		return sa->tag_bytes_wire;
	if (sa->truncation_unknown && (length & 7) == 4)
		return 12;
	return sa->tag_bytes;
}

/* Refills the SA's bucket of bytes and takes `bytes`; for 3DES alone, hence the division. */
static bool police(struct worker *w, struct sa *sa, uint32_t bytes)
{
	uint64_t rate = w->config->triple_des_bytes_per_second;
	uint64_t elapsed = w->now_cycles - sa->police_cycles;
	uint64_t earned = elapsed >= w->hz ? rate : elapsed * rate / w->hz;

	if (earned != 0) {
		sa->police_tokens += earned;
		sa->police_cycles = w->now_cycles;
	}
	if (sa->police_tokens > rate / 4)
		sa->police_tokens = rate / 4;
	if (sa->police_tokens < bytes)
		return false;
	sa->police_tokens -= bytes;
	return true;
}

/* Why `sa`, the one of the SPI's slot, does not take the packet. */
static enum drop refuse_sa(const struct sa *sa, uint32_t spi)
{
	if (sa == NULL || sa->removing)
		return DROP_esp_unknown_spi;
	return sa->spi_in != spi ? DROP_esp_stale_spi : DROP_esp_wrong_encapsulation;
}

/* Where the parts of an ESP packet are. */
struct esp_view {
	uint8_t *esp;
	uint32_t text_bytes;
	uint32_t tag_bytes;
	uint32_t sequence;
};

/* Whether the packet may be decrypted. */
static inline unsigned admit(struct worker *w, struct rte_mbuf *mbuf, struct sa *sa,
			     struct esp_view *view)
{
	uint8_t *esp = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t length = mbuf->data_len;
	uint32_t overhead;
	rte_be32_t word[2];

	memcpy(&word[0], esp, sizeof(word[0])); /* classify checked that the header is there */
	memcpy(&word[1], esp + sizeof(word[0]), sizeof(word[1]));
	if (__builtin_expect(sa == NULL || sa->removing ||
				     sa->spi_in != rte_be_to_cpu_32(word[0]) ||
				     sa->encapsulated != packet_of(mbuf)->encapsulated,
			     0))
		return refuse_sa(sa, rte_be_to_cpu_32(word[0]));
	view->esp = esp;
	view->tag_bytes = tag_bytes_of(sa, length);
	overhead = ESP_HEADER_BYTES + (uint32_t)sa->iv_bytes + view->tag_bytes;
	if (length < overhead + sa->block_bytes)
		return DROP_esp_too_short;
	view->text_bytes = length - overhead;
	if ((view->text_bytes & (sa->block_bytes - 1u)) != 0)
		return DROP_esp_bad_length;
	view->sequence = rte_be_to_cpu_32(word[1]);
	if (!replay_acceptable(&sa->replay, view->sequence) && !sa->replay_off)
		return DROP_esp_replayed;
	if (sa->policed && !police(w, sa, length))
		return DROP_triple_des_policed;
	return STEP_PASS;
}

/* The packet goes on in esp_in_complete(). */
static void queue_job(struct worker *w, struct sa *sa, struct rte_mbuf *mbuf,
		      const struct esp_view *view)
{
	struct packet *packet = packet_of(mbuf);

	packet->sa = sa;
	packet->encrypt = false;
	packet->queued = (uint32_t)w->now_cycles;
	packet->sequence = view->sequence;
	packet->text_bytes = (uint16_t)view->text_bytes;
	packet->tag_bytes = (uint8_t)view->tag_bytes;
	sa->jobs++;
	w->jobs[sa->lane][w->job_count[sa->lane]++] =
		(struct esp_job){.user = mbuf,
				 .key = sa_key_in(sa),
				 .esp = view->esp,
				 .text_bytes = view->text_bytes,
				 .tag = view->esp - PACKET_TAG_OFFSET};
}

/* Tells control of a pair's first packet: quick mode 3 may have been lost. */
static void first_use(struct worker *w, struct sa *sa)
{
	struct message *message = mailbox_worker_message_new(w->mailbox, w->id, MESSAGE_SA_USED);

	if (message == NULL)
		return; /* the next packet tries again */
	message->sa_used.group = sa->group->slot;
	message->sa_used.slot = sa->slot;
	message->sa_used.spi_in = sa->spi_in;
	sa->used = mailbox_worker_send(w->mailbox, w->id, message);
	if (!sa->used)
		mailbox_worker_message_free(w->mailbox, w->id, message);
}

/* The first packet proves the pair, and the length of the tag, which may be what sending waits for. */
static void __rte_noinline prove(struct worker *w, struct sa *sa)
{
	first_use(w, sa);
	sa->confirmed = true;
	group_choose_newest(sa->group);
}

/* What only an authentic packet may do. */
static inline void accept_packet(struct worker *w, struct sa *sa, const struct packet *packet,
				 const struct esp_view *view)
{
	struct group *group = sa->group;
	bool highest = replay_accept(&sa->replay, view->sequence);

	counter_add(&sa->counters.packets_in, 1);
	counter_add(&sa->counters.bytes_in, view->text_bytes);
	sa->tag_bytes_wire = (uint8_t)view->tag_bytes;
	if (__builtin_expect(!sa->used, 0))
		prove(w, sa);
	if (__builtin_expect(packet->remote_be != group->remote_be ||
				     packet->remote_port != group->remote_port,
			     0) &&
	    highest && sa == group->newest && sa->encapsulated)
		roaming_heard(w, group, packet);
	if (__builtin_expect(group->unproven, 0))
		roaming_earn(group, packet,
			     ESP_HEADER_BYTES + sa->iv_bytes + view->text_bytes + view->tag_bytes);
}

/* True if the `padding` bytes before `end` are 1, 2, 3 and so on (RFC 4303 2.4). There are at least
 * 16 bytes before `end`: header and IV. */
static inline bool padding_right(const uint8_t *end, uint32_t padding)
{
	/* Counted from the end, the byte before the last has one less, and so on. */
	const __m128i steps = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	const __m128i expected = _mm_sub_epi8(_mm_set1_epi8((char)padding), steps);
	const __m128i there = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
	uint32_t equal = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(there, expected));

	if (__builtin_expect(padding <= 16, 1))
		return (equal | 0xffffu >> padding) == 0xffff;
	for (uint32_t i = 0; i < padding; i++)
		if (end[(int32_t)(i - padding)] != i + 1)
			return false;
	return true;
}

/* Takes header and trailer off; STEP_PASS if UDP remains. */
static inline unsigned strip(const struct sa *sa, const struct esp_view *view,
			     struct payload *payload)
{
	const uint8_t *text = view->esp + ESP_HEADER_BYTES + sa->iv_bytes;
	const uint8_t *trailer = text + view->text_bytes - 2;
	uint32_t padding = trailer[0];
	uint8_t next_header = trailer[1];

	if (padding + 2 > view->text_bytes || !padding_right(trailer, padding))
		return DROP_esp_bad_trailer;
	if (next_header != IPPROTO_UDP)
		return next_header == NEXT_HEADER_DUMMY ? DROP_esp_dummy : DROP_esp_not_udp;
	payload->at = text;
	payload->bytes = view->text_bytes - padding - 2;
	return STEP_PASS;
}

/* Compares the tags in a time that does not depend on them. */
static inline bool tag_right(const struct sa *sa, const struct esp_view *view,
			     const uint8_t *computed)
{
	const uint8_t *expected = view->esp + ESP_HEADER_BYTES + sa->iv_bytes + view->text_bytes;
	uint64_t a[2], b[2];

	if (__builtin_expect(view->tag_bytes > sizeof(a), 0))
		return memory_equal_constant_time(expected, computed, view->tag_bytes);
	/* 12 or 16 bytes; of 12, the second word takes the last eight. */
	memcpy(&a[0], expected, 8);
	memcpy(&b[0], computed, 8);
	memcpy(&a[1], expected + view->tag_bytes - 8, 8);
	memcpy(&b[1], computed + view->tag_bytes - 8, 8);
	return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}

/* From decrypted ESP to the IPv4 packet. */
static inline unsigned esp_step(struct worker *w, struct rte_mbuf *mbuf, struct sa *sa,
				const struct esp_view *view, const uint8_t *computed)
{
	struct payload payload;
	unsigned step;

	if (!tag_right(sa, view, computed))
		return DROP_esp_bad_tag;
	if (!replay_acceptable(&sa->replay, view->sequence) && !sa->replay_off)
		return DROP_esp_replayed;
	accept_packet(w, sa, packet_of(mbuf), view);
	step = strip(sa, view, &payload);
	if (__builtin_expect(step != STEP_PASS, 0))
		return step;
	if (__builtin_expect(w->watching, 0))
		watch_copy(w, sa->group->watch, true, payload.at, payload.bytes);
	return session_in(w, mbuf, sa, &payload);
}

/* The line of the window, the lines of the key, and the group: what an SA's first line names. */
static inline void prefetch(const struct sa *sa, const struct rte_mbuf *mbuf, bool keys)
{
	rte_be32_t sequence;

	if (sa == NULL)
		return;
	memcpy(&sequence, rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, 4), sizeof(sequence));
	rte_prefetch0(replay_word(&sa->replay, rte_be_to_cpu_32(sequence)));
	rte_prefetch0(sa->group);
	if (keys)
		esp_key_prefetch(sa_key_in(sa), sa->lane, mbuf->data_len);
}

/* How many packets ahead an SA's lines are asked for. */
#define AHEAD_KEYS 6

static void find_sas(const struct worker *w, const struct vector *packets, struct sa **sas)
{
	for (unsigned i = 0; i < packets->count; i++) {
		rte_be32_t spi;

		memcpy(&spi, rte_pktmbuf_mtod(packets->packets[i], uint8_t *), sizeof(spi));
		sas[i] = w->sas[lookup_spi_slot(w->tables, rte_be_to_cpu_32(spi))];
		rte_prefetch0(sas[i]);
	}
}

void esp_in_stage(struct worker *w, struct vector *packets)
{
	struct sa *sas[VECTOR_MAX];
	bool keys = w->view.sas > SAS_IN_CACHE;
	unsigned count = packets->count;

	find_sas(w, packets, sas);
	for (unsigned i = 0; i < RTE_MIN(count, (unsigned)AHEAD_KEYS); i++)
		prefetch(sas[i], packets->packets[i], keys);
	for (unsigned i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct esp_view view;

		if (i + AHEAD_KEYS < count)
			prefetch(sas[i + AHEAD_KEYS], packets->packets[i + AHEAD_KEYS], keys);
		if (step_passed(w, mbuf, admit(w, mbuf, sas[i], &view))) {
			rte_prefetch0(sas[i]->group->session[0].here);
			if (__builtin_expect(w->watching, 0))
				watch_begin(w, mbuf, sas[i]->group->watch, WATCH_POINT_esp_in);
			queue_job(w, sas[i], mbuf, &view);
		}
	}
	crypto_submit_all(w, false);
}

void esp_in_complete(struct worker *w, struct vector *packets)
{
	struct vector good = {.count = 0};

	watch_vector(w, packets, WATCH_POINT_decrypted);
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		const struct packet *packet = packet_of(mbuf);
		struct sa *sa = packet->sa;
		const struct esp_view view = {.esp = rte_pktmbuf_mtod(mbuf, uint8_t *),
					      .text_bytes = packet->text_bytes,
					      .tag_bytes = packet->tag_bytes,
					      .sequence = packet->sequence};

		if (step_passed(w, mbuf,
				esp_step(w, mbuf, sa, &view, view.esp - PACKET_TAG_OFFSET)))
			vector_add(&good, mbuf);
		if (--sa->jobs == 0 && sa->removing)
			inbox_sa_idle(w, sa);
	}
	if (good.count != 0)
		route_stage(w, &good);
}
