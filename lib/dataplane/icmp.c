/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors about forwarded packets (RFC 792, 1812 4.3.2), rate-limited by worker. */
#include "dataplane/worker.h"

#include <netinet/in.h>

#define ICMP_ERRORS_PER_SECOND 200
#define ICMP_HEADER_BYTES      8
#define QUOTE_BYTES_MAX        548 /* so that the error has at most 576 bytes */

/* Errors are not sent about errors, fragments other than the first, or multicast. */
static bool may_be_answered(const struct rte_mbuf *about)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(about, const struct rte_ipv4_hdr *);
	uint32_t header = rte_ipv4_hdr_len(ip);

	if (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_OFFSET_MASK))
		return false;
	if (rte_be_to_cpu_32(ip->dst_addr) >= 0xe0000000 || ip->src_addr == 0 ||
	    rte_be_to_cpu_32(ip->src_addr) >= 0xe0000000)
		return false;
	if (ip->next_proto_id == IPPROTO_ICMP && about->data_len > header) {
		uint8_t type = *rte_pktmbuf_mtod_offset(about, const uint8_t *, header);

		return type == 8 || type == 0; /* echo and its reply */
	}
	return true;
}

/* The address that the error comes from: the port's, or that of the first port with one. */
static uint32_t source_of(const struct worker *w, const struct packet *packet)
{
	if (packet->origin == PACKET_ORIGIN_PORT && packet->port < w->config->ports)
		return __atomic_load_n(&w->tables->port[packet->port].address_be, __ATOMIC_RELAXED);
	for (unsigned port = 0; port < w->config->ports; port++) {
		uint32_t address_be =
			__atomic_load_n(&w->tables->port[port].address_be, __ATOMIC_RELAXED);

		if (address_be != 0)
			return address_be;
	}
	return 0;
}

static void headers_write(struct worker *w, struct rte_mbuf *error, uint32_t source_be,
			  uint32_t destination_be, uint8_t type, uint8_t code, uint16_t mtu)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(error, struct rte_ipv4_hdr *);
	uint8_t *icmp = (uint8_t *)(ip + 1);
	uint16_t sum;

	memset(icmp, 0, ICMP_HEADER_BYTES);
	icmp[0] = type;
	icmp[1] = code;
	icmp[6] = (uint8_t)(mtu >> 8);
	icmp[7] = (uint8_t)mtu;
	sum = (uint16_t)~rte_raw_cksum(icmp, error->data_len - sizeof(*ip));
	memcpy(icmp + 2, &sum, sizeof(sum));
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(error->data_len),
		.packet_id = rte_cpu_to_be_16(w->identification++),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_ICMP,
		.src_addr = source_be,
		.dst_addr = destination_be,
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

void icmp_error_send(struct worker *w, const struct rte_mbuf *about, uint8_t type, uint8_t code,
		     uint16_t mtu)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(about, const struct rte_ipv4_hdr *);
	const struct packet *packet = rte_mbuf_to_priv((struct rte_mbuf *)(uintptr_t)about);
	uint16_t quote = RTE_MIN(about->data_len, (uint16_t)QUOTE_BYTES_MAX);
	struct vector one = {.count = 1};
	struct rte_mbuf *error;
	uint8_t *room;

	if (packet->origin == PACKET_ORIGIN_SELF || !may_be_answered(about))
		return;
	if (!policer_take(&w->icmp_policer, ICMP_ERRORS_PER_SECOND, w->now_cycles, w->hz)) {
		counter_add(&w->drops[DROP_icmp_rate_limited], 1);
		return;
	}
	error = rte_pktmbuf_alloc(mailbox_packet_pool(w->mailbox));
	if (error == NULL)
		return;
	packet_of(error)->watch = 0;
	error->data_off = MAILBOX_HEADROOM_BYTES;
	room = (uint8_t *)rte_pktmbuf_append(error,
					     (uint16_t)(sizeof(*ip) + ICMP_HEADER_BYTES + quote));
	memcpy(room + sizeof(*ip) + ICMP_HEADER_BYTES, ip, quote);
	headers_write(w, error, source_of(w, packet), ip->src_addr, type, code, mtu);
	packet_of(error)->origin = PACKET_ORIGIN_SELF;
	one.packets[0] = error;
	route_stage(w, &one);
}
