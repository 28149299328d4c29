/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A router says that a packet of ours was too big (RFC 1191): believed if the quoted packet is ESP with an
 * SPI that a peer chose, from our address to where that peer is. Then the peer's path is narrower for ten
 * minutes, and the sizes of its sessions follow.
 */
#include "control/private.h"

#include "base/cursor.h"
#include "base/memory.h"

#include <netinet/in.h>
#include <stdlib.h>

#define BELIEVED_MS   600000
#define MTU_LEAST     576 /* what every path takes; less is a forgery (RFC 791 3.2) */
#define IPV4_BYTES    20
#define ICMP_SKIPPED  4 /* type, code, checksum */
#define PORT_IKE_NATT 4500

struct narrow_path {
	struct timer_node timer;
	struct peer_group *group;
	uint16_t mtu;
};

/* The packet that the router quotes. */
struct quoted {
	struct endpoint local;
	struct endpoint remote;
	bool encapsulated;
	uint16_t bytes;
	uint32_t spi;
};

/* False if it is not ESP, or not enough of it. */
static bool quoted_read(struct cursor *c, struct quoted *quoted)
{
	uint8_t first = cursor_u8(c), protocol;
	uint16_t local_port = 0, remote_port = 0;
	uint32_t local, remote;

	cursor_skip(c, 1);
	quoted->bytes = cursor_u16(c);
	cursor_skip(c, 5);
	protocol = cursor_u8(c);
	cursor_skip(c, 2);
	local = cursor_u32(c);
	remote = cursor_u32(c);
	if (first >> 4 != 4 || (first & 15) < IPV4_BYTES / 4)
		return false;
	cursor_skip(c, (first & 15) * 4u - IPV4_BYTES);
	quoted->encapsulated = protocol == IPPROTO_UDP;
	if (quoted->encapsulated) {
		local_port = cursor_u16(c);
		remote_port = cursor_u16(c);
		cursor_skip(c, 4);
	}
	quoted->spi = cursor_u32(c);
	quoted->local = endpoint_ipv4(htonl(local), local_port);
	quoted->remote = endpoint_ipv4(htonl(remote), remote_port);
	return !cursor_failed(c) && (protocol == IPPROTO_ESP || local_port == PORT_IKE_NATT);
}

/* The peer to which the quoted packet was sent, or NULL. */
static struct peer_group *group_quoted(const struct control *control, const struct quoted *quoted)
{
	for (struct child *child = *child_outbound(control, quoted->spi); child != NULL;
	     child = child->next_outbound) {
		struct peer_group *group = child->group;

		if (child->spi_out == quoted->spi && child->encapsulated == quoted->encapsulated &&
		    !group->down && endpoint_same_address(&group->local, &quoted->local) &&
		    endpoint_same_address(&group->remote, &quoted->remote) &&
		    (!child->encapsulated || group->remote.port == quoted->remote.port))
			return group;
	}
	return NULL;
}

uint16_t path_mtu(const struct peer_group *group, uint16_t link_mtu)
{
	return group != NULL && group->narrow != NULL && group->narrow->mtu < link_mtu
		       ? group->narrow->mtu
		       : link_mtu;
}

static void sessions_follow(const struct peer_group *group)
{
	for (struct session *session = group->session_list; session != NULL;
	     session = session->next_in_group)
		session_path_changed(session);
}

void path_mtu_forget(struct peer_group *group)
{
	if (group->narrow == NULL)
		return;
	timer_wheel_cancel(&group->narrow->timer);
	free(group->narrow);
	group->narrow = NULL;
}

void path_mtu_anew(struct peer_group *group)
{
	if (group->narrow == NULL)
		return;
	path_mtu_forget(group);
	sessions_follow(group);
}

static void timer_expired(struct timer_node *node, uint64_t now_ms)
{
	(void)now_ms;
	path_mtu_anew(((struct narrow_path *)node)->group);
}

static void narrow(struct peer_group *group, uint16_t mtu, const struct endpoint *router)
{
	struct control *control = group->control;
	char text[ENDPOINT_TEXT_BYTES];

	if (group->narrow == NULL) {
		group->narrow = memory_new(sizeof(*group->narrow));
		group->narrow->timer.expired = timer_expired;
		group->narrow->group = group;
	}
	group->narrow->mtu = mtu;
	timer_wheel_set(loop_wheel(control->loop), &group->narrow->timer,
			loop_now_ms(control->loop) + BELIEVED_MS);
	log_info(control->log, LOG_IKE, "path is narrow group=%u mtu=%u router=%s", group->slot,
		 mtu, endpoint_text(router, text));
	sessions_follow(group);
}

void path_mtu_receive(struct control *control, const struct message *message)
{
	size_t length;
	const uint8_t *bytes = mailbox_packet_bytes(control->mailbox, message, &length);
	struct cursor c = cursor_over(bytes, length);
	struct peer_group *group;
	struct quoted quoted;
	uint16_t mtu;

	cursor_skip(&c, ICMP_SKIPPED + 2);
	mtu = cursor_u16(&c);
	group = quoted_read(&c, &quoted) ? group_quoted(control, &quoted) : NULL;
	if (mtu < MTU_LEAST)
		mtu = MTU_LEAST;
	/* It must have been too big for what the router says, and for what was known. */
	if (group == NULL || quoted.bytes <= mtu) {
		control->path_mtu_refused++;
		return;
	}
	if (mtu < path_mtu(group, tables_port_mtu(control->tables, 0)))
		narrow(group, mtu, &message->packet_in.remote);
}

uint64_t control_path_mtu_refused(const struct control *control)
{
	return control->path_mtu_refused;
}
