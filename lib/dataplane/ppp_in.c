/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/ppp_in.h"

/* The protocol and the bytes in front of the information field; 0 bytes if malformed. */
static uint32_t header_read(const struct payload *frame, uint16_t *protocol)
{
	const uint8_t *at = frame->at;
	uint32_t offset = 0;

	if (frame->bytes >= 2 && (uint32_t)(at[0] << 8 | at[1]) == PPP_ADDRESS_CONTROL)
		offset = 2;
	if (frame->bytes < offset + 1)
		return 0;
	if (at[offset] & 1) { /* compressed to one byte */
		*protocol = at[offset];
		return offset + 1;
	}
	if (frame->bytes < offset + 2 || (at[offset + 1] & 1) == 0)
		return 0;
	*protocol = (uint16_t)(at[offset] << 8 | at[offset + 1]);
	return offset + 2;
}

unsigned ppp_rare_in(struct worker *w, struct rte_mbuf *mbuf, const struct sa *sa,
		     struct payload *payload, const struct session *session)
{
	uint16_t protocol = 0;
	uint32_t header = header_read(payload, &protocol);

	if (header == 0)
		return DROP_ppp_bad_header;
	if (protocol == PPP_IPV4) {
		payload->at += header;
		payload->bytes -= header;
		return session->open ? STEP_PASS : DROP_ppp_not_open;
	}
	if (protocol == PPP_IPV6)
		return DROP_inner_ipv6;
	packet_of(mbuf)->group = sa != NULL ? sa->group->slot : NO_SLOT;
	packet_of(mbuf)->session = session->slot;
	payload_cut(mbuf, payload);
	control_hand(w, CONTROL_CLASS_ppp_control, mbuf, 0, payload->bytes, NULL);
	return STEP_TAKEN;
}
