/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>

#define TIME_TO_LIVE 64

/* Headroom for every header that we push is the pool's own. */
static void *header_reserve(struct rte_mbuf *mbuf, uint16_t bytes)
{
	void *at = rte_pktmbuf_prepend(mbuf, bytes);

	if (at == NULL)
		abort();
	return at;
}

void frame_push_udp(struct rte_mbuf *mbuf, uint16_t source_port, uint16_t destination_port)
{
	struct rte_udp_hdr *udp = header_reserve(mbuf, sizeof(*udp));

	udp->src_port = htons(source_port);
	udp->dst_port = htons(destination_port);
	udp->dgram_len = htons(mbuf->data_len);
	udp->dgram_cksum = 0; /* none (RFC 768), as RFC 3948 wants it for ESP */
}

void frame_push_ipv4(struct rte_mbuf *mbuf, uint8_t protocol, uint32_t source_be,
		     uint32_t destination_be)
{
	struct rte_ipv4_hdr *ip = header_reserve(mbuf, sizeof(*ip));

	memset(ip, 0, sizeof(*ip));
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = htons(mbuf->data_len);
	ip->time_to_live = TIME_TO_LIVE;
	ip->next_proto_id = protocol;
	ip->src_addr = source_be;
	ip->dst_addr = destination_be;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

struct rte_ipv4_hdr *frame_ipv4(struct rte_mbuf *mbuf)
{
	struct rte_ipv4_hdr *ip;
	uint16_t length;

	if (mbuf->nb_segs != 1 || mbuf->data_len < sizeof(struct rte_ether_hdr) + sizeof(*ip))
		return NULL;
	ip = (struct rte_ipv4_hdr *)rte_pktmbuf_adj(mbuf, sizeof(struct rte_ether_hdr));
	length = ntohs(ip->total_length);
	if (ip->version_ihl != RTE_IPV4_VHL_DEF || length < sizeof(*ip) ||
	    length > mbuf->data_len || rte_ipv4_cksum(ip) != 0)
		return NULL;
	rte_pktmbuf_trim(mbuf, (uint16_t)(mbuf->data_len - length));
	return ip;
}

struct rte_mbuf *frame_copy(struct rte_mempool *pool, const void *bytes, size_t length)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	char *to = mbuf == NULL ? NULL : rte_pktmbuf_append(mbuf, (uint16_t)length);

	if (to == NULL) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	memcpy(to, bytes, length);
	return mbuf;
}
