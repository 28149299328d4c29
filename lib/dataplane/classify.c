/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a received frame is: tunnelled traffic to one of our addresses, a packet for a subscriber,
 * something for the kernel, or nothing of ours.
 */
#include "dataplane/ipv4_header.h"
#include "dataplane/l2tp_in.h"
#include "dataplane/reassembly.h"
#include "dataplane/watch.h"
#include "dataplane/worker.h"

#include <netinet/in.h>

#define PORT_IKE            500
#define PORT_IKE_NATT       4500

#define ISAKMP_HEADER_BYTES 28
#define ICMP_BYTES          8
#define NATT_OFFSET         42 /* of ESP behind Ethernet, IPv4 without options, and UDP */

/* Packets of one vector by what comes next. */
struct sorted {
	struct vector esp;
	struct vector l2tp;
	struct vector session;
};

static void to_kernel(struct worker *w, struct rte_mbuf *mbuf)
{
	control_hand(w, CONTROL_CLASS_to_self, mbuf, 0, mbuf->data_len, NULL);
}

/* `offset`: of the ESP header in the frame. */
static void classify_esp(struct worker *w, struct sorted *sorted, struct rte_mbuf *mbuf,
			 uint32_t offset, bool encapsulated)
{
	struct packet *packet = packet_of(mbuf);
	rte_be32_t spi;
	uint32_t slot;
	unsigned owner;

	if (mbuf->data_len < offset + ESP_HEADER_BYTES) {
		drop_packet(w, mbuf, DROP_esp_too_short);
		return;
	}
	memcpy(&spi, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset), sizeof(spi));
	slot = lookup_spi_slot(w->tables, rte_be_to_cpu_32(spi));
	if (slot >= w->tables->config.sas) {
		drop_packet(w, mbuf, DROP_esp_unknown_spi);
		return;
	}
	packet->encapsulated = encapsulated;
	packet_cut(mbuf, offset, mbuf->data_len - offset);
	rte_prefetch0(&w->sas[slot]);
	owner = lookup_sa_owner(w->tables, slot);
	if (owner == w->id || handoff_packet(w, mbuf, owner, PACKET_RESUME_ESP))
		vector_add(&sorted->esp, mbuf);
}

static void classify_ike(struct worker *w, struct rte_mbuf *mbuf, uint32_t offset, uint32_t marker)
{
	uint32_t length = mbuf->pkt_len - offset;
	const uint8_t *responder_cookie;
	uint8_t any = 0;

	if (length < marker + ISAKMP_HEADER_BYTES) {
		drop_packet(w, mbuf, DROP_frame_too_short);
		return;
	}
	responder_cookie = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, offset + marker + 8);
	for (unsigned i = 0; i < 8; i++)
		any |= responder_cookie[i];
	control_hand(w, any == 0 ? CONTROL_CLASS_ike_new : CONTROL_CLASS_ike_known, mbuf, offset,
		     length, NULL);
}

/* UDP to 4500: keepalive, IKE behind a marker of zeroes, or ESP (RFC 3948 2). */
static void classify_natt(struct worker *w, struct sorted *sorted, struct rte_mbuf *mbuf,
			  uint32_t offset)
{
	uint32_t length = mbuf->data_len - offset;
	uint32_t marker;

	if (length < 4) {
		bool keepalive =
			length == 1 && *rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset) == 0xff;

		drop_packet(w, mbuf, keepalive ? DROP_nat_keepalive : DROP_frame_too_short);
		return;
	}
	memcpy(&marker, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset), sizeof(marker));
	if (marker == 0) {
		classify_ike(w, mbuf, offset, 4);
		return;
	}
	if (!packet_of(mbuf)->ipv6)
		w->natt_be = packet_of(mbuf)->local_be;
	classify_esp(w, sorted, mbuf, offset, true);
}

/* L2TP without IPsec: a control message goes to control, which says why the dial fails. */
static void refuse_in_clear(struct worker *w, struct rte_mbuf *mbuf, uint32_t offset,
			    uint32_t length)
{
	if (length < 2 ||
	    (*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset) & L2TP_TYPE >> 8) == 0) {
		drop_packet(w, mbuf, DROP_ipsec_required);
		return;
	}
	counter_add(&w->drops[DROP_ipsec_required], 1);
	packet_of(mbuf)->group = NO_SLOT;
	packet_of(mbuf)->session = NO_SLOT;
	control_hand(w, CONTROL_CLASS_l2tp_in_clear, mbuf, offset, length, NULL);
}

/* `offset`: of the UDP header. */
static void classify_udp(struct worker *w, struct sorted *sorted, struct rte_mbuf *mbuf,
			 uint32_t offset)
{
	struct packet *packet = packet_of(mbuf);
	const struct listener *listener;
	struct rte_udp_hdr udp;
	uint16_t length;

	if (mbuf->data_len < offset + sizeof(udp)) {
		drop_packet(w, mbuf, DROP_frame_too_short);
		return;
	}
	memcpy(&udp, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset), sizeof(udp));
	length = rte_be_to_cpu_16(udp.dgram_len);
	if (length < sizeof(udp) || offset + length > mbuf->data_len) {
		drop_packet(w, mbuf, DROP_frame_too_short);
		return;
	}
	packet->remote_port = rte_be_to_cpu_16(udp.src_port);
	packet->local_port = rte_be_to_cpu_16(udp.dst_port);
	listener = packet->ipv6 ? lookup_listener_ipv6(w->tables, packet->local_ipv6)
				: lookup_listener(w->tables, packet->local_be);
	if (listener == NULL) {
		to_kernel(w, mbuf);
		return;
	}
	if (packet->local_port == PORT_IKE_NATT && listener->ipsec != LISTENER_IPSEC_OFF) {
		packet_cut(mbuf, 0, offset + length);
		classify_natt(w, sorted, mbuf, offset + sizeof(udp));
	} else if (packet->local_port == L2TP_PORT) {
		if (listener->ipsec == LISTENER_IPSEC_REQUIRED) {
			refuse_in_clear(w, mbuf, offset + sizeof(udp), length - sizeof(udp));
			return;
		}
		if (packet->ipv6) {
			drop_packet(w, mbuf, DROP_l2tp_clear_over_ipv6);
			return;
		}
		packet_cut(mbuf, offset, mbuf->data_len - offset);
		packet->group = NO_SLOT;
		vector_add(&sorted->l2tp, mbuf);
	} else if (packet->local_port == PORT_IKE && listener->ipsec != LISTENER_IPSEC_OFF) {
		packet_cut(mbuf, 0, offset + length);
		classify_ike(w, mbuf, offset + sizeof(udp), 0);
	} else {
		to_kernel(w, mbuf);
	}
}

#define ICMP_UNREACHABLE          3
#define ICMP_FRAGMENTATION_NEEDED 4

/* `offset`: of the ICMP header. Complaints about our ESP are control's; the rest is the kernel's. */
static void classify_icmp(struct worker *w, struct rte_mbuf *mbuf, uint32_t offset)
{
	const uint8_t *icmp = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, offset);
	const struct rte_ipv4_hdr *quoted = (const struct rte_ipv4_hdr *)(icmp + ICMP_BYTES);
	uint32_t bytes = mbuf->data_len - offset;
	const struct listener *listener;
	rte_be16_t port;

	if (bytes < ICMP_BYTES + sizeof(*quoted) + sizeof(port) || icmp[0] != ICMP_UNREACHABLE ||
	    icmp[1] != ICMP_FRAGMENTATION_NEEDED || rte_raw_cksum(icmp, bytes) != 0xffff) {
		to_kernel(w, mbuf);
		return;
	}
	listener = lookup_listener(w->tables, quoted->src_addr);
	memcpy(&port, icmp + ICMP_BYTES + sizeof(*quoted), sizeof(port));
	if (listener != NULL && listener->ipsec != LISTENER_IPSEC_OFF &&
	    (quoted->next_proto_id == IPPROTO_ESP ||
	     (quoted->next_proto_id == IPPROTO_UDP && (port == rte_cpu_to_be_16(PORT_IKE_NATT)))))
		control_hand(w, CONTROL_CLASS_path_mtu, mbuf, offset, bytes, NULL);
	else
		to_kernel(w, mbuf);
}

static void classify_local(struct worker *w, struct sorted *sorted, struct rte_mbuf *mbuf,
			   const struct rte_ipv4_hdr *ip)
{
	uint32_t offset = RTE_ETHER_HDR_LEN + (uint32_t)rte_ipv4_hdr_len(ip);
	bool fragment = (ip->fragment_offset &
			 rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0;

	if (ip->next_proto_id == IPPROTO_ICMP && !fragment)
		classify_icmp(w, mbuf, offset);
	else if (ip->next_proto_id != IPPROTO_ESP && ip->next_proto_id != IPPROTO_UDP)
		to_kernel(w, mbuf);
	else if (fragment)
		reassembly_hand(w, mbuf);
	else if (ip->next_proto_id == IPPROTO_UDP)
		classify_udp(w, sorted, mbuf, offset);
	else
		classify_esp(w, sorted, mbuf, offset, false);
}

/* A frame that is not an IPv4 packet for our link address: ARP is the kernel's. */
static void __rte_noinline other_frame(struct worker *w, struct sorted *sorted,
				       struct rte_mbuf *mbuf, uint64_t mac)
{
	const struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);
	uint32_t offset;

	if (memcmp(&ethernet->dst_addr, &mac, sizeof(ethernet->dst_addr)) != 0 &&
	    (ethernet->dst_addr.addr_bytes[0] & RTE_ETHER_GROUP_ADDR) == 0)
		drop_packet(w, mbuf, DROP_foreign_frame);
	else if (ethernet->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		to_kernel(w, mbuf);
	else if (ethernet->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6))
		drop_packet(w, mbuf, DROP_not_ip);
	else
		switch (classify_ipv6(w, mbuf, &offset)) {
		case IPPROTO_UDP:
			classify_udp(w, sorted, mbuf, offset);
			break;
		case IPPROTO_ESP:
			classify_esp(w, sorted, mbuf, offset, false);
			break;
		default:
			break;
		}
}

/* True if the frame holds a valid IPv4 packet for us or for all; what Ethernet padded is cut. Else it
 * is gone. */
static inline bool frame_is_ipv4(struct worker *w, struct sorted *sorted, struct rte_mbuf *mbuf,
				 uint64_t mac)
{
	const uint8_t *at = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint64_t there, addresses;
	uint32_t total;

	if (__builtin_expect(mbuf->nb_segs != 1, 0) && rte_pktmbuf_linearize(mbuf) != 0) {
		drop_packet(w, mbuf, DROP_frame_too_long);
		return false;
	}
	if (mbuf->data_len < RTE_ETHER_HDR_LEN) {
		drop_packet(w, mbuf, DROP_frame_too_short);
		return false;
	}
	memcpy(&there, at, sizeof(there));
	if (__builtin_expect((there << 16 != mac << 16 && (at[0] & RTE_ETHER_GROUP_ADDR) == 0) ||
				     at[12] != RTE_ETHER_TYPE_IPV4 >> 8 || at[13] != 0,
			     0)) {
		other_frame(w, sorted, mbuf, mac);
		return false;
	}
	if (mbuf->data_len < RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr)) {
		drop_packet(w, mbuf, DROP_frame_too_short);
		return false;
	}
	total = ipv4_header_check(at + RTE_ETHER_HDR_LEN, mbuf->data_len - RTE_ETHER_HDR_LEN);
	if (total == 0) {
		drop_packet(w, mbuf, DROP_ipv4_bad_header);
		return false;
	}
	packet_cut(mbuf, 0, RTE_ETHER_HDR_LEN + total);
	memcpy(&addresses, at + 26, sizeof(addresses));
	memcpy(&packet_of(mbuf)->remote_be, &addresses, sizeof(addresses));
	packet_of(mbuf)->ipv6 = false;
	return true;
}

static void sort_packet(struct worker *w, struct sorted *sorted, struct rte_mbuf *mbuf,
			uint64_t next_hop)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	uint32_t destination = rte_be_to_cpu_32(ip->dst_addr);
	uint32_t slot = NO_SLOT;

	switch (route_kind_of(next_hop)) {
	case ROUTE_LOCAL:
		classify_local(w, sorted, mbuf, ip);
		return;
	case ROUTE_POOL:
		slot = lookup_pool(w->tables, route_index_of(next_hop), destination);
		break;
	case ROUTE_SESSION:
		slot = route_index_of(next_hop);
		break;
	default:
		if (destination >= 0xe0000000) /* multicast and broadcast */
			to_kernel(w, mbuf);
		else
			drop_packet(w, mbuf, DROP_not_ours);
		return;
	}
	if (slot == NO_SLOT) {
		drop_packet(w, mbuf, DROP_session_gone);
		return;
	}
	packet_of(mbuf)->session = slot;
	packet_of(mbuf)->origin = PACKET_ORIGIN_PORT;
	packet_cut(mbuf, RTE_ETHER_HDR_LEN, mbuf->data_len - RTE_ETHER_HDR_LEN);
	vector_add(&sorted->session, mbuf);
}

/* The address of the last ESP in UDP, if it still is one of ours where IPsec is spoken; else 0. */
static uint32_t natt_address(const struct worker *w)
{
	uint32_t destination = rte_be_to_cpu_32(w->natt_be);
	const struct listener *listener = lookup_listener(w->tables, w->natt_be);
	uint64_t next_hop;

	if (w->natt_be == 0 || listener == NULL || listener->ipsec == LISTENER_IPSEC_OFF)
		return 0;
	lookup_routes(w->tables, &destination, &next_hop, 1);
	return route_kind_of(next_hop) == ROUTE_LOCAL ? w->natt_be : 0;
}

/*
 * The frame that comes most often, in as few steps as can be: ESP in UDP to `natt_be`, in IPv4
 * without options; it joins `esp` or goes to its owner. False: it is something else, or something is
 * wrong with it; the long way finds out.
 */
static inline bool esp_in_udp(struct worker *w, struct rte_mbuf *mbuf, uint64_t mac,
			      uint32_t natt_be, struct vector *esp)
{
	const uint8_t *at = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct packet *packet = packet_of(mbuf);
	uint32_t kind, fragment, total, slot;
	unsigned owner;
	struct {
		uint64_t mac, addresses;
		uint32_t ports, spi;
	} there;

	if (mbuf->data_len < NATT_OFFSET + ESP_HEADER_BYTES || mbuf->nb_segs != 1)
		return false;
	memcpy(&there.addresses, at + 26, sizeof(there.addresses));
	if (there.addresses >> 32 != natt_be || natt_be == 0)
		return false;
	memcpy(&there.mac, at, sizeof(there.mac));
	memcpy(&kind, at + 12, sizeof(kind));
	memcpy(&fragment, at + 20, sizeof(fragment));
	memcpy(&there.ports, at + 34, sizeof(there.ports));
	memcpy(&there.spi, at + NATT_OFFSET, sizeof(there.spi));
	/* Ethernet's type and IPv4's first byte; MF, offset and protocol; UDP's port. */
	if (there.mac << 16 != mac << 16 ||
	    (kind & rte_cpu_to_be_32(0xffffff00)) != rte_cpu_to_be_32(0x08004500) ||
	    (fragment & rte_cpu_to_be_32(0x3fff00ff)) != rte_cpu_to_be_32(IPPROTO_UDP) ||
	    there.ports >> 16 != rte_cpu_to_be_16(PORT_IKE_NATT) || there.spi == 0)
		return false;
	total = (uint32_t)(at[16] << 8 | at[17]);
	if ((uint32_t)(at[38] << 8 | at[39]) + sizeof(struct rte_ipv4_hdr) != total ||
	    RTE_ETHER_HDR_LEN + total > mbuf->data_len ||
	    total < NATT_OFFSET - RTE_ETHER_HDR_LEN + ESP_HEADER_BYTES ||
	    !ipv4_sum_right(at + RTE_ETHER_HDR_LEN))
		return false;
	slot = lookup_spi_slot(w->tables, rte_be_to_cpu_32(there.spi));
	if (slot >= w->tables->config.sas)
		return false;
	rte_prefetch0(&w->sas[slot]);
	there.ports = rte_be_to_cpu_32(there.ports);
	memcpy(&packet->remote_be, &there.addresses, sizeof(there.addresses));
	memcpy(&packet->local_port, &there.ports, sizeof(there.ports));
	packet->encapsulated = true;
	packet->ipv6 = false;
	packet_cut(mbuf, NATT_OFFSET, RTE_ETHER_HDR_LEN + total - NATT_OFFSET);
	/* Whoever owns it: an owner may change between two packets of a burst, and they must not take
	 * ways of different length. */
	owner = lookup_sa_owner(w->tables, slot);
	if (owner == w->id || handoff_packet(w, mbuf, owner, PACKET_RESUME_ESP))
		vector_add(esp, mbuf);
	return true;
}

void classify_stage(struct worker *w, uint16_t port, struct vector *frames)
{
	struct sorted sorted = {.esp.count = 0, .l2tp.count = 0, .session.count = 0};
	uint32_t natt_be = natt_address(w);
	uint32_t destinations[VECTOR_MAX];
	uint64_t next_hops[VECTOR_MAX];
	struct vector ipv4 = {.count = 0};
	uint64_t mac = 0;

	memcpy(&mac, &w->tables->port[port].mac, sizeof(w->tables->port[port].mac));
	if (__builtin_expect(w->watching, 0))
		watch_forget(frames);
	for (unsigned i = 0; i < frames->count; i++) {
		struct rte_mbuf *mbuf = frames->packets[i];

		if (esp_in_udp(w, mbuf, mac, natt_be, &sorted.esp))
			continue;
		if (frame_is_ipv4(w, &sorted, mbuf, mac)) {
			destinations[ipv4.count] = rte_be_to_cpu_32(packet_of(mbuf)->local_be);
			vector_add(&ipv4, mbuf);
		}
	}
	if (ipv4.count != 0)
		lookup_routes(w->tables, destinations, next_hops, ipv4.count);
	for (unsigned i = 0; i < ipv4.count; i++)
		if (route_kind_of(next_hops[i]) == ROUTE_POOL)
			lookup_pool_prefetch(w->tables, route_index_of(next_hops[i]),
					     destinations[i]);
	for (unsigned i = 0; i < ipv4.count; i++)
		sort_packet(w, &sorted, ipv4.packets[i], next_hops[i]);
	if (sorted.esp.count != 0)
		esp_in_stage(w, &sorted.esp);
	if (sorted.l2tp.count != 0)
		l2tp_in_stage(w, &sorted.l2tp);
	if (sorted.session.count != 0)
		session_out_stage(w, &sorted.session);
}

/* A datagram larger than a buffer, in a chain: of those only IKE is taken, with its certificates. */
static void classify_large(struct worker *w, struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	uint32_t offset = RTE_ETHER_HDR_LEN + (uint32_t)rte_ipv4_hdr_len(ip);
	struct packet *packet = packet_of(mbuf);
	const struct listener *listener = lookup_listener(w->tables, packet->local_be);
	struct rte_udp_hdr udp;
	uint32_t marker = 0;

	if (ip->next_proto_id == IPPROTO_UDP && listener != NULL &&
	    listener->ipsec != LISTENER_IPSEC_OFF &&
	    mbuf->data_len >= offset + sizeof(udp) + sizeof(marker) + ISAKMP_HEADER_BYTES) {
		memcpy(&udp, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset), sizeof(udp));
		memcpy(&marker, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset + sizeof(udp)),
		       sizeof(marker));
		packet->remote_port = rte_be_to_cpu_16(udp.src_port);
		packet->local_port = rte_be_to_cpu_16(udp.dst_port);
		if (rte_be_to_cpu_16(udp.dgram_len) == mbuf->pkt_len - offset &&
		    (packet->local_port == PORT_IKE ||
		     (packet->local_port == PORT_IKE_NATT && marker == 0))) {
			classify_ike(w, mbuf, offset + sizeof(udp),
				     packet->local_port == PORT_IKE ? 0 : sizeof(marker));
			return;
		}
	}
	drop_packet(w, mbuf, DROP_frame_too_long);
}

void classify_again(struct worker *w, struct rte_mbuf *mbuf)
{
	struct vector one = {.count = 1, .packets = {mbuf}};

	if (mbuf->nb_segs != 1)
		classify_large(w, mbuf);
	else
		classify_stage(w, packet_of(mbuf)->port, &one);
}
