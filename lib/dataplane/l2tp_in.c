/* SPDX-License-Identifier: BSD-3-Clause */
/* What of L2TP is not the way of a subscriber's packet inside IPsec; the stage of plain L2TP. */
#include "dataplane/l2tp_in.h"

#include "dataplane/session_in.h"

unsigned l2tp_control_in(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa,
			 const uint8_t *at, uint32_t bytes)
{
	const struct payload datagram = {at, bytes};
	struct packet *packet = packet_of(mbuf);

	packet->group = sa != NULL ? sa->group->slot : NO_SLOT;
	packet->remote_port = l2tp_u16(at);
	packet->local_port = l2tp_u16(at + 2);
	payload_cut(mbuf, &datagram);
	control_hand(w, CONTROL_CLASS_l2tp_control, mbuf, L2TP_UDP_BYTES, bytes - L2TP_UDP_BYTES,
		     0);
	return STEP_TAKEN;
}

#define MISSED_PER_SECOND 4

/* Control hears of it when the group is a new one: the client may have another group, with the tunnel. */
unsigned __rte_noinline l2tp_group_missed(struct worker *w, struct group *group, uint32_t ids_be)
{
	uint32_t ids = rte_be_to_cpu_32(ids_be);
	struct message *message;

	if (group->sessions != 0 ||
	    w->now_cycles - group->missed_cycles < w->hz / MISSED_PER_SECOND)
		return DROP_l2tp_unknown_session;
	message = mailbox_worker_message_new(w->mailbox, w->id, MESSAGE_GROUP_MISSED);
	if (message == NULL)
		return DROP_l2tp_unknown_session;
	group->missed_cycles = w->now_cycles;
	message->missed.group = group->slot;
	message->missed.tunnel = (uint16_t)(ids >> 16);
	message->missed.session = (uint16_t)ids;
	if (!mailbox_worker_send(w->mailbox, w->id, message))
		mailbox_worker_message_free(w->mailbox, w->id, message);
	return DROP_l2tp_unknown_session;
}

unsigned l2tp_plain_find(struct worker *w, struct rte_mbuf *mbuf, uint32_t ids_be,
			 struct session **session)
{
	uint32_t ids = rte_be_to_cpu_32(ids_be);
	const struct plain_tunnel *tunnel = lookup_plain_tunnel(w->tables, (uint16_t)(ids >> 16));
	const struct packet *packet = packet_of(mbuf);
	uint32_t slot;
	unsigned owner;

	if (tunnel == NULL)
		return DROP_l2tp_unknown_session;
	if (tunnel->remote_be != packet->remote_be || tunnel->local_be != packet->local_be ||
	    tunnel->remote_port != packet->remote_port)
		return DROP_l2tp_wrong_peer;
	slot = lookup_plain_session(tunnel, (uint16_t)ids);
	if (slot == NO_SLOT)
		return DROP_l2tp_unknown_session;
	owner = lookup_session_owner(w->tables, slot);
	if (owner != w->id && !handoff_packet(w, mbuf, owner, PACKET_RESUME_L2TP))
		return STEP_TAKEN;
	*session = w->sessions[slot];
	return *session != NULL ? STEP_PASS : DROP_l2tp_unknown_session;
}

void l2tp_in_stage(struct worker *w, struct vector *packets)
{
	struct vector good = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct payload payload = {rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len};

		if (step_passed(w, mbuf, session_in(w, mbuf, NULL, &payload)))
			vector_add(&good, mbuf);
	}
	if (good.count != 0)
		route_stage(w, &good);
}
