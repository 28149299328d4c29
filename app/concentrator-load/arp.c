/* SPDX-License-Identifier: BSD-3-Clause */
#include "arp.h"

#include <arpa/inet.h>
#include <string.h>

#include <rte_arp.h>

struct arp_frame {
	struct rte_ether_hdr ethernet;
	struct rte_arp_hdr arp;
} __rte_packed __rte_aligned(2);

/* Everything but sender and target. */
static void frame_fill(struct arp_frame *frame, const struct port *port, uint16_t operation)
{
	frame->ethernet.src_addr = port->mac;
	frame->ethernet.ether_type = htons(RTE_ETHER_TYPE_ARP);
	frame->arp.arp_hardware = htons(RTE_ARP_HRD_ETHER);
	frame->arp.arp_protocol = htons(RTE_ETHER_TYPE_IPV4);
	frame->arp.arp_hlen = RTE_ETHER_ADDR_LEN;
	frame->arp.arp_plen = 4;
	frame->arp.arp_opcode = htons(operation);
	frame->arp.arp_data.arp_sha = port->mac;
}

void arp_ask(struct port *port, struct rte_mempool *pool)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	struct arp_frame *frame;

	if (mbuf == NULL)
		return;
	frame = (struct arp_frame *)rte_pktmbuf_append(mbuf, sizeof(*frame));
	memset(frame, 0, sizeof(*frame));
	frame_fill(frame, port, RTE_ARP_OP_REQUEST);
	memset(&frame->ethernet.dst_addr, 0xff, sizeof(frame->ethernet.dst_addr));
	frame->arp.arp_data.arp_sip = port->address_be;
	frame->arp.arp_data.arp_tip = port->gateway_be;
	port_send_frame(port, mbuf);
	port_flush(port);
}

void arp_receive(struct port *port, struct rte_mbuf *mbuf)
{
	struct arp_frame *frame = rte_pktmbuf_mtod(mbuf, struct arp_frame *);
	struct rte_arp_ipv4 *data = &frame->arp.arp_data;
	uint32_t asked_be;

	if (mbuf->data_len < sizeof(*frame) || frame->arp.arp_plen != 4 ||
	    frame->arp.arp_hlen != RTE_ETHER_ADDR_LEN) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	if (data->arp_sip == port->gateway_be) {
		port->gateway_mac = data->arp_sha;
		port->gateway_known = true;
	}
	if (frame->arp.arp_opcode != htons(RTE_ARP_OP_REQUEST) || !port_owns(port, data->arp_tip)) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	asked_be = data->arp_tip;
	data->arp_tip = data->arp_sip;
	data->arp_tha = data->arp_sha;
	data->arp_sip = asked_be;
	frame->ethernet.dst_addr = data->arp_tha;
	frame_fill(frame, port, RTE_ARP_OP_REPLY);
	port_send_frame(port, mbuf);
}
