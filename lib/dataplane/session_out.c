/* SPDX-License-Identifier: BSD-3-Clause */
/* An IPv4 packet towards a subscriber: owner, ownership of the address, time to live, MTU. */
#include "dataplane/hop.h"
#include "dataplane/mss.h"
#include "dataplane/ppp_header.h"
#include "dataplane/tunnel.h"
#include "dataplane/watch.h"
#include "dataplane/worker.h"

#define ICMP_UNREACHABLE          3
#define ICMP_FRAGMENTATION_NEEDED 4

/* Into the tunnel; `mbuf` fits the session's MTU. `outer` has room. */
static inline void send_one(struct worker *w, struct session *session, struct rte_mbuf *mbuf,
			    struct vector *outer)
{
	const rte_be16_t protocol = RTE_BE16(PPP_IPV4);
	uint32_t bytes = mbuf->data_len;
	uint8_t *ppp = rte_pktmbuf_mtod(mbuf, uint8_t *) - sizeof(protocol);

	if (__builtin_expect(mbuf->data_off < TUNNEL_ROOM_BYTES + sizeof(protocol), 0)) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return;
	}
	memcpy(ppp, &protocol, sizeof(protocol));
	counter_add(&session->counters.packets_out, 1);
	counter_add(&session->counters.bytes_out, bytes);
	tunnel_out(w, session, mbuf, ppp, bytes + (uint32_t)sizeof(protocol), outer);
}

static void outer_flush_full(struct worker *w, struct vector *outer)
{
	if (outer->count < VECTOR_MAX)
		return;
	outer_stage(w, outer);
	outer->count = 0;
}

static void __rte_noinline send_too_big(struct worker *w, struct session *session,
					struct rte_mbuf *mbuf, struct vector *outer)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	struct vector fragments = {.count = 0};

	if (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG)) {
		icmp_error_send(w, mbuf, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, session->mtu);
		drop_packet(w, mbuf, DROP_too_big);
		return;
	}
	fragment_packet(w, mbuf, session->mtu, &fragments);
	for (unsigned i = 0; i < fragments.count; i++) {
		send_one(w, session, fragments.packets[i], outer);
		outer_flush_full(w, outer);
	}
}

static inline void session_out(struct worker *w, struct session *session, struct rte_mbuf *mbuf,
			       struct vector *outer)
{
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
	mss_clamp(mbuf, session->mss);
	if (mbuf->data_len > session->mtu)
		send_too_big(w, session, mbuf, outer);
	else
		send_one(w, session, mbuf, outer);
}

/* The packets whose sessions are this worker's; the others are handed over. */
static void select_own(struct worker *w, const struct vector *packets, struct vector *own)
{
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		uint32_t slot = packet_of(mbuf)->session;
		unsigned owner = lookup_session_owner(w->tables, slot);

		if (owner == w->id || handoff_packet(w, mbuf, owner, PACKET_RESUME_SESSION)) {
			rte_prefetch0(&w->sessions[slot]);
			vector_add(own, mbuf);
		}
	}
}

/* Session, group, pair and key of each packet, one after the other, since each names the next. */
static void prefetch(struct session *const *sessions, const struct vector *packets, bool keys)
{
	for (unsigned i = 0; i < packets->count; i++)
		if (sessions[i] != NULL && sessions[i]->group != NULL)
			rte_prefetch0(sessions[i]->group);
	for (unsigned i = 0; i < packets->count; i++) {
		const struct group *group = sessions[i] != NULL ? sessions[i]->group : NULL;

		if (group == NULL || group->newest == NULL)
			continue;
		rte_prefetch0(group->newest);
		rte_prefetch0(&group->newest->spi_out);
		rte_prefetch0(&group->outer);
	}
	for (unsigned i = 0; keys && i < packets->count; i++) {
		const struct group *group = sessions[i] != NULL ? sessions[i]->group : NULL;

		if (group != NULL && group->newest != NULL)
			esp_key_prefetch(group->newest->key_out, group->newest->lane,
					 packets->packets[i]->data_len);
	}
}

static void __rte_noinline watch_sessions(struct worker *w, struct session *const *sessions,
					  const struct vector *packets)
{
	for (unsigned i = 0; i < packets->count; i++)
		if (sessions[i] != NULL)
			watch_begin(w, packets->packets[i],
				    sessions[i]->group != NULL ? sessions[i]->group->watch
							       : sessions[i]->watch,
				    WATCH_POINT_session_out);
}

void session_out_stage(struct worker *w, struct vector *packets)
{
	struct vector own = {.count = 0}, outer = {.count = 0};
	struct session *sessions[VECTOR_MAX];

	select_own(w, packets, &own);
	for (unsigned i = 0; i < own.count; i++) {
		sessions[i] = w->sessions[packet_of(own.packets[i])->session];
		if (sessions[i] == NULL)
			continue;
		rte_prefetch0(sessions[i]);
		rte_prefetch0(&sessions[i]->header);
	}
	prefetch(sessions, &own, w->view.sas > SAS_IN_CACHE);
	if (__builtin_expect(w->watching, 0))
		watch_sessions(w, sessions, &own);
	for (unsigned i = 0; i < own.count; i++) {
		session_out(w, sessions[i], own.packets[i], &outer);
		outer_flush_full(w, &outer);
	}
	crypto_submit_all(w, true);
	if (outer.count != 0)
		outer_stage(w, &outer);
}
