/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_L2TP_IN_H
#define DATAPLANE_L2TP_IN_H

/*
 * UDP 1701, decrypted or in clear (RFC 2661 3.1): control messages go to control, data messages to
 * the session that the group (or, in clear, the tunnel's address) and the ids name.
 */

#include "dataplane/step.h"

#define L2TP_PORT      1701
#define L2TP_TYPE      0x8000 /* control */
#define L2TP_LENGTH    0x4000
#define L2TP_SEQUENCE  0x0800
#define L2TP_OFFSET    0x0200
#define L2TP_VERSION   0x000f

#define L2TP_UDP_BYTES 8

/* A control message in the UDP datagram at `at`. */
unsigned l2tp_control_in(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa,
			 const uint8_t *at, uint32_t bytes);

/* A data message inside IPsec for a session that the group does not have. */
unsigned l2tp_group_missed(struct worker *w, struct group *group, uint32_t ids_be);

/* The session of a data message in clear, with or without STEP_PASS. */
unsigned l2tp_plain_find(struct worker *w, struct rte_mbuf *mbuf, uint32_t ids_be,
			 struct session **session);

static inline uint16_t l2tp_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Goes behind the header of a data message; false if it does not fit or is not version 2. */
static inline bool l2tp_header_read(struct payload *message, uint32_t *ids_be)
{
	const uint8_t *at = message->at;
	uint16_t flags = l2tp_u16(at);
	uint32_t length = message->bytes, header = 2;

	if (__builtin_expect((flags & L2TP_VERSION) != 2, 0))
		return false;
	if (flags & L2TP_LENGTH) {
		length = l2tp_u16(at + 2);
		header = 4;
	}
	if (length > message->bytes || length < header + 4)
		return false;
	memcpy(ids_be, at + header, sizeof(*ids_be));
	header += 4;
	if (__builtin_expect((flags & (L2TP_SEQUENCE | L2TP_OFFSET)) != 0, 0)) {
		if (flags & L2TP_SEQUENCE)
			header += 4;
		if (flags & L2TP_OFFSET) {
			if (length < header + 2)
				return false;
			header += 2u + l2tp_u16(at + header);
		}
		if (header > length)
			return false;
	}
	message->at += header;
	message->bytes = length - header;
	return true;
}

static inline struct session *l2tp_group_find(const struct group *group, uint32_t ids_be)
{
	for (unsigned i = 0; i < group->sessions; i++)
		if (group->session[i].ids_be == ids_be)
			return group->session[i].here;
	return NULL;
}

/*
 * From the UDP datagram to the PPP frame of `session`. `sa` is the pair that decrypted it, whose
 * selectors it must fit: UDP between the peer's port and our 1701; NULL in clear.
 */
static inline unsigned l2tp_step(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa,
				 struct payload *payload, struct session **session)
{
	const uint8_t *at = payload->at;
	uint32_t ids_be, ports, length;

	if (payload->bytes < L2TP_UDP_BYTES + 6)
		return DROP_l2tp_bad_header;
	memcpy(&ports, at, sizeof(ports));
	length = l2tp_u16(at + 4); /* what follows is padding (RFC 4303 2.7) */
	if (length < L2TP_UDP_BYTES + 6 || length > payload->bytes)
		return DROP_l2tp_bad_header;
	if (sa != NULL) {
		ports = rte_be_to_cpu_32(ports);
		if ((uint16_t)ports != L2TP_PORT ||
		    (sa->peer_port != 0 && sa->peer_port != ports >> 16))
			return DROP_selector_mismatch;
	}
	if (__builtin_expect((at[L2TP_UDP_BYTES] & L2TP_TYPE >> 8) != 0, 0))
		return l2tp_control_in(w, mbuf, sa, at, length);
	payload->at = at + L2TP_UDP_BYTES;
	payload->bytes = length - L2TP_UDP_BYTES;
	if (!l2tp_header_read(payload, &ids_be))
		return DROP_l2tp_bad_header;
	if (sa == NULL)
		return l2tp_plain_find(w, mbuf, ids_be, session);
	*session = l2tp_group_find(sa->group, ids_be);
	return *session != NULL ? STEP_PASS : l2tp_group_missed(w, sa->group, ids_be);
}

#endif
