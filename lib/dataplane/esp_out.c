/* SPDX-License-Identifier: BSD-3-Clause */
/* Encrypted packets: the outer headers towards the peer. */
#include "dataplane/outer.h"
#include "dataplane/worker.h"

#include <netinet/in.h>

/* Outer headers; the tag is cut to what the peer uses. False if there is no room. */
static bool outer_push(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa)
{
	const struct outer_header *header = &sa->group->outer;
	uint32_t udp = sa->encapsulated ? OUTER_UDP_BYTES : 0;
	uint32_t front = OUTER_IPV4_BYTES + udp;
	uint32_t bytes = mbuf->data_len + front;
	uint8_t *at;

	if (sa->tag_bytes_wire != 0)
		bytes -= sa->tag_bytes - (uint32_t)sa->tag_bytes_wire;
	if (mbuf->data_off < front)
		return false;
	packet_cut(mbuf, (uint32_t)-front, bytes);
	at = rte_pktmbuf_mtod(mbuf, uint8_t *);
	outer_ipv4_write(at, header, udp != 0 ? IPPROTO_UDP : IPPROTO_ESP, bytes,
			 w->identification++);
	if (udp != 0)
		outer_udp_write(at + OUTER_IPV4_BYTES, header, bytes - OUTER_IPV4_BYTES);
	return true;
}

void esp_out_complete(struct worker *w, struct vector *packets)
{
	struct vector outer = {.count = 0};

	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct sa *sa = packet_of(mbuf)->sa;

		if (outer_push(w, mbuf, sa))
			vector_add(&outer, mbuf);
		else
			drop_packet(w, mbuf, DROP_no_headroom);
		if (--sa->jobs == 0 && sa->removing)
			inbox_sa_idle(w, sa);
	}
	if (outer.count != 0)
		outer_stage(w, &outer);
}
