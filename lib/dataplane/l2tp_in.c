/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UDP 1701, decrypted or in clear (RFC 2661 3.1): control messages go to control, data messages to
 * the session that the group (or, in clear, the tunnel's address) and the ids name.
 */
#include "dataplane/worker.h"

#define L2TP_PORT     1701
#define L2TP_TYPE     0x8000 /* control */
#define L2TP_LENGTH   0x4000
#define L2TP_SEQUENCE 0x0800
#define L2TP_OFFSET   0x0200
#define L2TP_VERSION  0x000f

struct data_header {
	uint32_t ids_be; /* tunnel and session */
	uint32_t bytes;  /* of the header */
	uint32_t length; /* of header and payload */
};

static uint16_t read_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* False if the header does not fit into `available` bytes or is not ours. */
static bool data_header_read(const uint8_t *at, uint32_t available, struct data_header *header)
{
	uint16_t flags = read_u16(at);
	uint32_t offset = 2;

	header->length = available;
	if ((flags & L2TP_VERSION) != 2)
		return false;
	if (flags & L2TP_LENGTH) {
		if (available < 4)
			return false;
		header->length = read_u16(at + 2);
		offset += 2;
	}
	if (available < offset + 4 || header->length > available || header->length < offset + 4)
		return false;
	memcpy(&header->ids_be, at + offset, sizeof(header->ids_be));
	offset += 4;
	if (__builtin_expect((flags & (L2TP_SEQUENCE | L2TP_OFFSET)) == 0, 1)) {
		header->bytes = offset;
		return true;
	}
	if (flags & L2TP_SEQUENCE)
		offset += 4;
	if (flags & L2TP_OFFSET) {
		if (available < offset + 2)
			return false;
		offset += 2 + read_u16(at + offset);
	}
	header->bytes = offset;
	return offset <= header->length;
}

static struct session *group_find(const struct group *group, const struct data_header *header)
{
	for (unsigned i = 0; i < group->sessions; i++)
		if (group->session[i].ids_be == header->ids_be)
			return group->session[i].here;
	return NULL;
}

/* A data message in clear: NULL with a reason, or with the packet handed to its owner. */
static struct session *plain_find(struct worker *w, struct rte_mbuf *mbuf,
				  const struct data_header *header, enum drop *drop)
{
	uint32_t ids = rte_be_to_cpu_32(header->ids_be);
	const struct plain_tunnel *tunnel = lookup_plain_tunnel(w->tables, (uint16_t)(ids >> 16));
	const struct packet *packet = packet_of(mbuf);
	uint32_t slot;
	unsigned owner;

	*drop = DROP_l2tp_unknown_session;
	if (tunnel == NULL)
		return NULL;
	if (tunnel->remote_be != packet->remote_be || tunnel->local_be != packet->local_be ||
	    tunnel->remote_port != packet->remote_port) {
		*drop = DROP_l2tp_wrong_peer;
		return NULL;
	}
	slot = lookup_plain_session(tunnel, (uint16_t)ids);
	if (slot == NO_SLOT)
		return NULL;
	owner = lookup_session_owner(w->tables, slot);
	if (owner == w->id || handoff_packet(w, mbuf, owner, PACKET_RESUME_L2TP))
		return w->sessions[slot];
	*drop = DROP_COUNT;
	return NULL;
}

/* What the SA protects: UDP between the peer's port and our 1701. */
static bool udp_valid(struct rte_mbuf *mbuf, enum drop *drop)
{
	struct packet *packet = packet_of(mbuf);
	struct rte_udp_hdr udp;
	uint16_t length;

	if (mbuf->data_len < sizeof(udp) + 6) {
		*drop = DROP_l2tp_bad_header;
		return false;
	}
	memcpy(&udp, rte_pktmbuf_mtod(mbuf, uint8_t *), sizeof(udp));
	length = rte_be_to_cpu_16(udp.dgram_len);
	if (length < sizeof(udp) + 6 || length > mbuf->data_len) {
		*drop = DROP_l2tp_bad_header;
		return false;
	}
	packet->remote_port = rte_be_to_cpu_16(udp.src_port);
	packet->local_port = rte_be_to_cpu_16(udp.dst_port);
	if (packet->group != NO_SLOT) {
		if (packet->local_port != L2TP_PORT ||
		    (packet->peer_port != 0 && packet->peer_port != packet->remote_port)) {
			*drop = DROP_selector_mismatch;
			return false;
		}
	}
	packet->udp_bytes = length; /* what follows is padding (RFC 4303 2.7) */
	return true;
}

/* The session of a data message, with the header cut off; NULL if the packet went elsewhere. */
static struct session *data_session(struct worker *w, struct rte_mbuf *mbuf, enum drop *drop)
{
	struct packet *packet = packet_of(mbuf);
	uint32_t offset = sizeof(struct rte_udp_hdr);
	uint32_t available = packet->udp_bytes - offset;
	struct data_header header;
	struct session *session;

	if (!data_header_read(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset), available,
			      &header)) {
		*drop = DROP_l2tp_bad_header;
		return NULL;
	}
	*drop = DROP_l2tp_unknown_session;
	if (packet->group == NO_SLOT)
		session = plain_find(w, mbuf, &header, drop);
	else
		session = group_find(w->groups[packet->group], &header);
	if (session == NULL)
		return NULL;
	packet_cut(mbuf, offset + header.bytes, header.length - header.bytes);
	return session;
}

void l2tp_in_stage(struct worker *w, struct vector *packets)
{
	struct vector ppp = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct packet *packet = packet_of(mbuf);
		struct session *session;
		enum drop drop;

		if (!udp_valid(mbuf, &drop)) {
			drop_packet(w, mbuf, drop);
			continue;
		}
		if (read_u16(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, sizeof(struct rte_udp_hdr))) &
		    L2TP_TYPE) {
			control_hand(w, CONTROL_CLASS_l2tp_control, mbuf,
				     sizeof(struct rte_udp_hdr),
				     packet->udp_bytes - (uint32_t)sizeof(struct rte_udp_hdr), 0);
			continue;
		}
		session = data_session(w, mbuf, &drop);
		if (session == NULL) {
			if (drop != DROP_COUNT)
				drop_packet(w, mbuf, drop);
			continue;
		}
		packet->here = session;
		packet->session = session->slot;
		vector_add(&ppp, mbuf);
	}
	if (ppp.count != 0)
		ppp_in_stage(w, &ppp);
}
