/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/reassembly.h"

#include "base/memory.h"

#include <stdlib.h>

#include <rte_hash_crc.h>

#define BUCKETS        64 /* of each worker; a power of two */
#define WAYS           4
#define WAITS_SECONDS  3
#define PLACES_A_POLL  32 /* looked at: a worker that sleeps polls ten times a second */
#define FRAGMENTS_EACH 64 /* of one datagram */
#define DATAGRAM_MAX   65535u

struct datagram {
	uint32_t source_be;
	uint32_t destination_be;
	uint16_t number_be; /* "identification" */
	uint8_t protocol;
	uint8_t fragments;
	uint32_t bytes; /* of payload that are here */
	uint32_t total; /* 0: the last one is not here */
	uint64_t began_cycles;
	struct rte_mbuf *first; /* by offset, linked by mbuf->next; NULL: the place is free */
};

struct reassembly {
	unsigned limit;
	unsigned held;
	unsigned looked_at; /* by reassembly_poll() */
	struct datagram datagrams[BUCKETS * WAYS];
};

/* Where a fragment lies in its datagram, and how much payload it has. */
static uint32_t *offset_of(struct rte_mbuf *mbuf)
{
	return &packet_of(mbuf)->sequence;
}

static uint16_t *payload_of(struct rte_mbuf *mbuf)
{
	return &packet_of(mbuf)->text_bytes;
}

static struct rte_ipv4_hdr *header_of(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
}

struct reassembly *reassembly_new(unsigned fragments)
{
	struct reassembly *reassembly = memory_new(sizeof(*reassembly));

	reassembly->limit = fragments;
	return reassembly;
}

static void datagram_drop(struct worker *w, struct datagram *datagram, enum drop drop)
{
	struct rte_mbuf *mbuf;

	while ((mbuf = datagram->first) != NULL) {
		datagram->first = mbuf->next;
		mbuf->next = NULL;
		w->reassembly->held--;
		drop_packet(w, mbuf, drop);
	}
	*datagram = (struct datagram){.first = NULL};
}

void reassembly_free(struct reassembly *reassembly)
{
	for (unsigned i = 0; i < BUCKETS * WAYS; i++)
		rte_pktmbuf_free(reassembly->datagrams[i].first); /* follows the links */
	free(reassembly);
}

static uint32_t hash_of(const struct rte_ipv4_hdr *ip)
{
	uint32_t hash = rte_hash_crc_4byte(ip->src_addr, ip->packet_id);

	return rte_hash_crc_4byte(ip->dst_addr, hash);
}

void reassembly_hand(struct worker *w, struct rte_mbuf *mbuf)
{
	/* The product's high half: below the number of workers, without a division. */
	unsigned owner = (unsigned)((uint64_t)hash_of(header_of(mbuf)) * w->config->workers >> 32);

	if (owner == w->id)
		reassembly_take(w, mbuf);
	else
		(void)handoff_packet(w, mbuf, owner, PACKET_RESUME_FRAGMENT);
}

/* Its time is over: gone. */
static bool datagram_expire(struct worker *w, struct datagram *datagram)
{
	if (datagram->first == NULL ||
	    w->now_cycles - datagram->began_cycles < WAITS_SECONDS * w->hz)
		return false;
	datagram_drop(w, datagram, DROP_fragment_timeout);
	return true;
}

static bool is_of(const struct datagram *datagram, const struct rte_ipv4_hdr *ip)
{
	return datagram->first != NULL && datagram->source_be == ip->src_addr &&
	       datagram->destination_be == ip->dst_addr && datagram->number_be == ip->packet_id &&
	       datagram->protocol == ip->next_proto_id;
}

/* The datagram's place; a new one takes the place of the oldest of its bucket. */
static struct datagram *place_of(struct worker *w, const struct rte_ipv4_hdr *ip)
{
	struct datagram *bucket = &w->reassembly->datagrams[(hash_of(ip) & (BUCKETS - 1)) * WAYS];
	struct datagram *place = bucket;

	for (unsigned i = 0; i < WAYS; i++) {
		if (is_of(&bucket[i], ip) && !datagram_expire(w, &bucket[i]))
			return &bucket[i];
		if (place->first != NULL &&
		    (bucket[i].first == NULL || bucket[i].began_cycles < place->began_cycles))
			place = &bucket[i];
	}
	if (place->first != NULL)
		datagram_drop(w, place, DROP_fragment_table_full);
	*place = (struct datagram){.source_be = ip->src_addr,
				   .destination_be = ip->dst_addr,
				   .number_be = ip->packet_id,
				   .protocol = ip->next_proto_id,
				   .began_cycles = w->now_cycles};
	return place;
}

enum inserted { INSERTED, INSERTED_NOT_AGAIN, INSERTED_NOT_FITTING };

/* Into the order of offsets, unless it is here already, or does not fit to what is here. */
static enum inserted insert(struct datagram *datagram, struct rte_mbuf *mbuf, bool last)
{
	struct rte_mbuf **link = &datagram->first;
	uint32_t begin = *offset_of(mbuf), end = begin + *payload_of(mbuf);

	for (; *link != NULL && *offset_of(*link) < begin; link = &(*link)->next)
		if (*offset_of(*link) + *payload_of(*link) > begin)
			return INSERTED_NOT_FITTING;
	if (*link != NULL && *offset_of(*link) == begin && *payload_of(*link) == end - begin)
		return INSERTED_NOT_AGAIN;
	if ((*link != NULL && (last || *offset_of(*link) < end)) ||
	    (datagram->total != 0 && (last || end > datagram->total)) ||
	    datagram->fragments == FRAGMENTS_EACH)
		return INSERTED_NOT_FITTING;
	mbuf->next = *link;
	*link = mbuf;
	datagram->fragments++;
	datagram->bytes += end - begin;
	if (last)
		datagram->total = end;
	return INSERTED;
}

/* Takes the fragments out, as one packet: in one buffer if it has the room, else in a chain. */
static struct rte_mbuf *join(struct worker *w, struct datagram *datagram)
{
	struct rte_mbuf *whole = datagram->first, *last = whole, *next = whole->next;
	struct rte_ipv4_hdr *ip = header_of(whole);
	uint32_t header = rte_ipv4_hdr_len(ip);
	bool fits;

	packet_cut(whole, 0, RTE_ETHER_HDR_LEN + header + *payload_of(whole));
	fits = datagram->bytes - *payload_of(whole) <= rte_pktmbuf_tailroom(whole);
	whole->next = NULL;
	w->reassembly->held -= datagram->fragments;
	while (next != NULL) {
		struct rte_mbuf *part = next;
		uint16_t bytes = *payload_of(part);

		next = part->next;
		part->next = NULL;
		packet_cut(part, part->data_len - bytes, bytes);
		if (fits) {
			memcpy(rte_pktmbuf_append(whole, bytes),
			       rte_pktmbuf_mtod(part, const void *), bytes);
			rte_pktmbuf_free(part);
			continue;
		}
		last->next = part;
		last = part;
		whole->nb_segs++;
		whole->pkt_len += bytes;
	}
	ip->total_length = rte_cpu_to_be_16((uint16_t)(header + datagram->bytes));
	ip->fragment_offset = 0;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, header);
	*datagram = (struct datagram){.first = NULL};
	return whole;
}

/* What is wrong with a fragment by itself; DROP_COUNT: nothing. */
static enum drop measure(struct rte_mbuf *mbuf, bool *last)
{
	const struct rte_ipv4_hdr *ip = header_of(mbuf);
	uint32_t header = rte_ipv4_hdr_len(ip);
	uint32_t bytes = mbuf->data_len - RTE_ETHER_HDR_LEN - header;
	uint16_t field = rte_be_to_cpu_16(ip->fragment_offset);
	uint32_t offset = (field & RTE_IPV4_HDR_OFFSET_MASK) * 8u;

	*last = (field & RTE_IPV4_HDR_MF_FLAG) == 0;
	*offset_of(mbuf) = offset;
	*payload_of(mbuf) = (uint16_t)bytes;
	if (bytes == 0 || (!*last && (bytes & 7) != 0) || header + offset + bytes > DATAGRAM_MAX)
		return DROP_fragment_malformed;
	return DROP_COUNT;
}

void reassembly_take(struct worker *w, struct rte_mbuf *mbuf)
{
	struct reassembly *reassembly = w->reassembly;
	struct datagram *datagram;
	bool last;
	enum drop wrong = measure(mbuf, &last);

	if (wrong != DROP_COUNT) {
		drop_packet(w, mbuf, wrong);
		return;
	}
	if (reassembly->held >= reassembly->limit) {
		drop_packet(w, mbuf, DROP_fragment_table_full);
		return;
	}
	datagram = place_of(w, header_of(mbuf));
	switch (insert(datagram, mbuf, last)) {
	case INSERTED:
		reassembly->held++;
		break;
	case INSERTED_NOT_FITTING: /* RFC 5722 4: then none of it is trusted */
		datagram_drop(w, datagram, DROP_fragment_overlap);
		drop_packet(w, mbuf, DROP_fragment_overlap);
		return;
	case INSERTED_NOT_AGAIN:
		drop_packet(w, mbuf, DROP_fragment_overlap);
		return;
	}
	/* Nothing overlaps and nothing lies behind the end: so many bytes are all of them. */
	if (datagram->total != 0 && datagram->bytes == datagram->total)
		classify_again(w, join(w, datagram));
}

void reassembly_poll(struct worker *w)
{
	struct reassembly *reassembly = w->reassembly;

	for (unsigned i = 0; i < PLACES_A_POLL && reassembly->held != 0; i++)
		(void)datagram_expire(
			w, &reassembly->datagrams[reassembly->looked_at++ % (BUCKETS * WAYS)]);
}
