/* SPDX-License-Identifier: BSD-3-Clause */
/* ESP towards us (RFC 4303 3.4): SA by SPI, lengths, replay, job; then tag, replay, trailer. */
#include "dataplane/worker.h"

#include "base/memory.h"

#include <netinet/in.h>

#define ESP_HEADER_BYTES  8
#define NEXT_HEADER_DUMMY 59

/*
 * Bytes of the tag of this packet. SHA2-256 is cut to 16 bytes by RFC 4868 and to 12 by older
 * peers, which is not negotiated; the length modulo the block tells which (with block `b`, header
 * and IV being multiples of 8: 16 leaves 0 or 8, 12 leaves 4 or 12).
 */
static uint8_t tag_bytes_of(const struct sa *sa, uint32_t length)
{
	if (sa->tag_bytes_wire != 0)
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

/* The SA that the SPI names, or NULL with the reason. */
static struct sa *find_sa(const struct worker *w, uint32_t spi, bool encapsulated, enum drop *drop)
{
	uint32_t slot = lookup_spi_slot(w->tables, spi);
	struct sa *sa = w->dataplane->sas[slot];

	if (sa == NULL || sa->remove != NULL) {
		*drop = DROP_esp_unknown_spi;
		return NULL;
	}
	if (sa->spi_in != spi) {
		*drop = DROP_esp_stale_spi;
		return NULL;
	}
	if (sa->encapsulated != encapsulated) {
		*drop = DROP_esp_wrong_encapsulation;
		return NULL;
	}
	return sa;
}

/* True if the packet may be decrypted; fills its context. */
static bool admit(struct worker *w, struct rte_mbuf *mbuf, enum drop *drop)
{
	struct packet *packet = packet_of(mbuf);
	const uint8_t *esp = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t length = mbuf->data_len;
	uint32_t overhead;
	rte_be32_t word[2];
	struct sa *sa;

	memcpy(word, esp, sizeof(word)); /* classify checked that the header is there */
	sa = find_sa(w, rte_be_to_cpu_32(word[0]), packet->encapsulated, drop);
	if (sa == NULL)
		return false;
	packet->tag_bytes = tag_bytes_of(sa, length);
	overhead = ESP_HEADER_BYTES + sa->iv_bytes + packet->tag_bytes;
	if (length < overhead + sa->block_bytes) {
		*drop = DROP_esp_too_short;
		return false;
	}
	if (((length - overhead) & (sa->block_bytes - 1)) != 0) {
		*drop = DROP_esp_bad_length;
		return false;
	}
	packet->sequence = rte_be_to_cpu_32(word[1]);
	if (!replay_acceptable(&sa->replay, packet->sequence)) {
		*drop = DROP_esp_replayed;
		return false;
	}
	if (sa->policed && !police(w, sa, length)) {
		*drop = DROP_triple_des_policed;
		return false;
	}
	packet->sa = sa;
	packet->encrypt = false;
	packet->text_bytes = (uint16_t)(length - overhead);
	memcpy(packet->expected_tag, esp + length - packet->tag_bytes, packet->tag_bytes);
	return true;
}

void esp_in_stage(struct worker *w, struct vector *packets)
{
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct packet *packet = packet_of(mbuf);
		enum drop drop;
		struct sa *sa;

		if (!admit(w, mbuf, &drop)) {
			drop_packet(w, mbuf, drop);
			continue;
		}
		sa = packet->sa;
		sa->jobs++;
		w->jobs[sa->lane][w->job_count[sa->lane]++] =
			(struct esp_job){.user = mbuf,
					 .key = sa->key_in,
					 .esp = rte_pktmbuf_mtod(mbuf, uint8_t *),
					 .text_bytes = packet->text_bytes,
					 .tag = packet->computed_tag};
	}
	for (unsigned lane = 0; lane < ESP_LANE_COUNT; lane++)
		if (w->job_count[lane] != 0)
			crypto_submit(w, lane, false);
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

#define MOVES_PER_SECOND 4

/*
 * An authentic packet with the highest sequence so far on the newest pair came from elsewhere: a
 * NAT gave the peer another address or port (RFC 3947 7).
 */
static void group_move(struct worker *w, struct group *group, const struct packet *packet)
{
	struct message *message;

	if (w->now_cycles - group->moves_cycles >= w->hz) {
		group->moves_cycles = w->now_cycles;
		group->moves_left = MOVES_PER_SECOND;
	}
	if (group->moves_left == 0)
		return;
	group->moves_left--;
	group->remote_be = packet->remote_be;
	group->remote_port = packet->remote_port;
	message = mailbox_worker_message_new(w->mailbox, w->id, MESSAGE_GROUP_MOVED);
	if (message == NULL)
		return;
	message->group_move.slot = group->slot;
	message->group_move.local = endpoint_ipv4(group->local_be, group->local_port);
	message->group_move.remote = endpoint_ipv4(group->remote_be, group->remote_port);
	if (!mailbox_worker_send(w->mailbox, w->id, message))
		mailbox_worker_message_free(w->mailbox, w->id, message);
}

/* What only an authentic packet may do. */
static void accept_packet(struct worker *w, struct sa *sa, const struct packet *packet)
{
	struct group *group = sa->group;
	bool highest = replay_accept(&sa->replay, packet->sequence);

	counter_add(&sa->counters.packets_in, 1);
	counter_add(&sa->counters.bytes_in, packet->text_bytes);
	sa->tag_bytes_wire = packet->tag_bytes;
	if (!sa->used) {
		/* It proves the pair, and the length of the tag, which may be what sending waits for. */
		first_use(w, sa);
		sa->confirmed = true;
		group_choose_newest(group);
	}
	if (highest && sa == group->newest && sa->encapsulated && group->may_move &&
	    (packet->remote_be != group->remote_be || packet->remote_port != group->remote_port))
		group_move(w, group, packet);
}

/* Cuts header and trailer; true if UDP remains. */
static bool strip(struct rte_mbuf *mbuf, const struct sa *sa, enum drop *drop)
{
	struct packet *packet = packet_of(mbuf);
	const uint8_t *text =
		rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, ESP_HEADER_BYTES + sa->iv_bytes);
	uint32_t padding = text[packet->text_bytes - 2];
	uint8_t next_header = text[packet->text_bytes - 1];

	if (padding + 2 > packet->text_bytes) {
		*drop = DROP_esp_bad_trailer;
		return false;
	}
	for (uint32_t i = 0; i < padding; i++) {
		if (text[packet->text_bytes - 2 - padding + i] != i + 1) {
			*drop = DROP_esp_bad_trailer;
			return false;
		}
	}
	if (next_header != IPPROTO_UDP) {
		*drop = next_header == NEXT_HEADER_DUMMY ? DROP_esp_dummy : DROP_esp_not_udp;
		return false;
	}
	rte_pktmbuf_adj(mbuf, (uint16_t)(ESP_HEADER_BYTES + sa->iv_bytes));
	rte_pktmbuf_trim(mbuf, (uint16_t)(packet->tag_bytes + padding + 2));
	return true;
}

void esp_in_complete(struct worker *w, struct vector *packets)
{
	struct vector udp = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct packet *packet = packet_of(mbuf);
		struct sa *sa = packet->sa;
		enum drop drop = DROP_COUNT;

		if (!memory_equal_constant_time(packet->expected_tag, packet->computed_tag,
						packet->tag_bytes))
			drop = DROP_esp_bad_tag;
		else if (!replay_acceptable(&sa->replay, packet->sequence))
			drop = DROP_esp_replayed;
		else {
			accept_packet(w, sa, packet);
			if (strip(mbuf, sa, &drop)) {
				packet->group = sa->group->slot;
				packet->peer_port = sa->peer_port;
				vector_add(&udp, mbuf);
			}
		}
		if (drop != DROP_COUNT)
			drop_packet(w, mbuf, drop);
		if (--sa->jobs == 0 && sa->remove != NULL)
			inbox_sa_idle(w, sa);
	}
	if (udp.count != 0)
		l2tp_in_stage(w, &udp);
}
