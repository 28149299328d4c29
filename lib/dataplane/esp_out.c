/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/esp_out.h"

void esp_out_unusual(struct worker *w, const struct sa *sa, uint8_t *udp, uint32_t bytes)
{
	const struct group *group = sa->group;
	rte_be16_t sum;

	if (group->ipv6) {
		sum = outer_ipv6_udp_checksum(group->local_ipv6, group->remote_ipv6, udp, bytes);
		memcpy(udp + offsetof(struct rte_udp_hdr, dgram_cksum), &sum, sizeof(sum));
	}
	if (w->watching)
		watch_copy(w, group->watch, false, udp, bytes);
}

static void outer_push_ipv6(struct rte_mbuf *mbuf, const struct sa *sa)
{
	const struct group *group = sa->group;
	uint32_t udp = sa->encapsulated ? OUTER_UDP_BYTES : 0;
	uint32_t bytes = mbuf->data_len + udp;
	rte_be16_t sum;
	uint8_t *at;

	if (sa->tag_bytes_wire != 0)
		bytes -= sa->tag_bytes - (uint32_t)sa->tag_bytes_wire;
	packet_cut(mbuf, (uint32_t) - (OUTER_IPV6_BYTES + udp), OUTER_IPV6_BYTES + bytes);
	at = rte_pktmbuf_mtod(mbuf, uint8_t *);
	outer_ipv6_write(at, group->local_ipv6, group->remote_ipv6,
			 udp != 0 ? IPPROTO_UDP : IPPROTO_ESP, bytes);
	if (udp == 0)
		return;
	at += OUTER_IPV6_BYTES;
	outer_udp_write(at, &group->outer, bytes);
	sum = outer_ipv6_udp_checksum(group->local_ipv6, group->remote_ipv6, at, bytes);
	memcpy(at + offsetof(struct rte_udp_hdr, dgram_cksum), &sum, sizeof(sum));
}

/* To a peer over IPv6, or to one that has not proven yet where it is. */
static void __rte_noinline push_unusual(struct worker *w, struct rte_mbuf *mbuf,
					const struct sa *sa, struct vector *ipv6,
					struct vector *ipv4)
{
	if (sa->group->limited && !roaming_spend(sa->group, mbuf->data_len)) {
		drop_packet(w, mbuf, DROP_unproven_endpoint_limit);
	} else if (sa->group->ipv6) {
		outer_push_ipv6(mbuf, sa);
		vector_add(ipv6, mbuf);
	} else {
		esp_outer_push(w, mbuf, sa);
		vector_add(ipv4, mbuf);
	}
}

void esp_out_complete(struct worker *w, struct vector *packets)
{
	struct vector out = {.count = 0}, out_ipv6;

	out_ipv6.count = 0;
	watch_vector(w, packets, WATCH_POINT_encrypted);
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct sa *sa = packet_of(mbuf)->sa;

		if (__builtin_expect(sa->group->limited || sa->group->ipv6, 0)) {
			push_unusual(w, mbuf, sa, &out_ipv6, &out);
		} else {
			esp_outer_push(w, mbuf, sa);
			vector_add(&out, mbuf);
		}
		if (--sa->jobs == 0 && sa->removing)
			inbox_sa_idle(w, sa);
	}
	outer_stage(w, &out);
	if (out_ipv6.count != 0)
		outer_ipv6_stage(w, &out_ipv6);
}
