/* SPDX-License-Identifier: BSD-3-Clause */
/* An IPv4 packet towards a subscriber: owner, ownership of the address, time to live, MTU. */
#include "dataplane/worker.h"

#define ICMP_UNREACHABLE          3
#define ICMP_FRAGMENTATION_NEEDED 4

#define PPP_IPV4                  0x0021

/* Into the tunnel; `mbuf` fits the session's MTU. */
static void send_one(struct worker *w, struct session *session, struct rte_mbuf *mbuf,
		     struct vector *outer)
{
	uint32_t bytes = mbuf->data_len;
	uint8_t *protocol = (uint8_t *)rte_pktmbuf_prepend(mbuf, 2);

	if (protocol == NULL) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return;
	}
	protocol[0] = PPP_IPV4 >> 8;
	protocol[1] = PPP_IPV4 & 0xff;
	counter_add(&session->counters.packets_out, 1);
	counter_add(&session->counters.bytes_out, bytes);
	tunnel_out(w, session, mbuf, outer);
}

static void send_too_big(struct worker *w, struct session *session, struct rte_mbuf *mbuf,
			 struct vector *outer)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	struct vector fragments = {.count = 0};

	if (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG)) {
		icmp_error_send(w, mbuf, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, session->mtu);
		drop_packet(w, mbuf, DROP_too_big);
		return;
	}
	fragment_packet(w, mbuf, session->mtu, &fragments);
	for (unsigned i = 0; i < fragments.count; i++)
		send_one(w, session, fragments.packets[i], outer);
}

static void session_out(struct worker *w, struct rte_mbuf *mbuf, struct vector *outer)
{
	struct session *session = w->dataplane->sessions[packet_of(mbuf)->session];
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);

	if (session == NULL || !session->open) {
		drop_packet(w, mbuf, DROP_session_gone);
		return;
	}
	if (ip->dst_addr != session->peer_address_be) {
		drop_packet(w, mbuf, DROP_destination_mismatch);
		return;
	}
	if (!hop_take(w, mbuf))
		return;
	if (session->mss != 0)
		mss_clamp(mbuf, session->mss);
	if (mbuf->data_len > session->mtu)
		send_too_big(w, session, mbuf, outer);
	else
		send_one(w, session, mbuf, outer);
}

void session_out_stage(struct worker *w, struct vector *packets)
{
	struct vector outer = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		unsigned owner = lookup_session_owner(w->tables, packet_of(mbuf)->session);

		if (owner == w->id || handoff_packet(w, mbuf, owner, PACKET_RESUME_SESSION))
			session_out(w, mbuf, &outer);
	}
	for (unsigned lane = 0; lane < ESP_LANE_COUNT; lane++)
		if (w->job_count[lane] != 0)
			crypto_submit(w, lane, true);
	if (outer.count != 0)
		outer_stage(w, &outer);
}
