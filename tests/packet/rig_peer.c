/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig's clients: their state in the workers, and their packets. */
#include "rig_private.h"

#include "base/memory.h"
#include "crypto/esp_engine.h"

#include <arpa/inet.h>
#include <string.h>

void *rig_storage(struct rig *rig, size_t bytes)
{
	assert_true(rig->storages < STORAGES_MAX);
	return rig->storage[rig->storages++] = memory_new_aligned(64, bytes);
}

static void group_add(struct rig *rig, const struct rig_peer *peer, bool may_move)
{
	struct message *message = mailbox_message_new(rig->mailbox, MESSAGE_GROUP_ADD);
	uint16_t local_port = peer->encapsulated ? 4500 : 500;

	message->group_add.storage = rig_storage(rig, GROUP_STORAGE_BYTES);
	message->group_add.slot = peer->slot;
	message->group_add.local = endpoint_ipv4(htonl(RIG_LOCAL), local_port);
	message->group_add.remote = endpoint_ipv4(htonl(peer->remote), peer->remote_port);
	if (peer->ipv6) {
		message->group_add.local = endpoint_ipv6(RIG_LOCAL_IPV6, local_port);
		message->group_add.remote = endpoint_ipv6(RIG_REMOTE_IPV6, peer->remote_port);
	}
	message->group_add.may_move = may_move;
	mailbox_send(rig->mailbox, peer->worker, message);
}

void rig_sa_add(struct rig *rig, const struct rig_peer *peer, const struct esp_suite *suite,
		uint16_t peer_port, struct wire_sa *sa)
{
	struct message *message = mailbox_message_new(rig->mailbox, MESSAGE_SA_ADD);
	static const struct esp_suite usual = {ESP_CIPHER_AES_CBC, 32,
					       ESP_AUTHENTICATOR_HMAC_SHA1_96};

	suite = suite != NULL && suite->cipher != ESP_CIPHER_NONE ? suite : &usual;
	*sa = (struct wire_sa){0};
	sa->spi_in = tables_spi_reserve(rig->tables, &sa->slot);
	assert_int_not_equal(sa->spi_in, 0);
	sa->spi_out = 0xc0000000 + sa->slot;
	sa->tag_bytes = (uint8_t)esp_suite_tag_bytes(suite);
	wire_keys_make(&sa->in, suite, 2 * sa->slot + 100);
	wire_keys_make(&sa->out, suite, 2 * sa->slot + 101);
	tables_sa_owner_set(rig->tables, sa->slot, peer->worker);
	rig->sa_live[sa->slot] = true;
	rig->sa_group[sa->slot] = peer->slot;
	rig->sa_worker[sa->slot] = peer->worker;
	message->sa_add.storage = rig_storage(rig, SA_STORAGE_BYTES + 2 * esp_key_bytes(suite));
	message->sa_add.group = peer->slot;
	message->sa_add.slot = sa->slot;
	message->sa_add.spi_in = sa->spi_in;
	message->sa_add.spi_out = sa->spi_out;
	message->sa_add.encapsulated = peer->encapsulated;
	message->sa_add.peer_port = peer_port;
	message->sa_add.keys_in = sa->in;
	message->sa_add.keys_out = sa->out;
	mailbox_send(rig->mailbox, peer->worker, message);
	rig_settle(rig);
}

void rig_sa_confirm(struct rig *rig, const struct rig_peer *peer, const struct wire_sa *sa)
{
	struct message *message = mailbox_message_new(rig->mailbox, MESSAGE_SA_CONFIRM);

	message->sa.group = peer->slot;
	message->sa.slot = sa->slot;
	mailbox_send(rig->mailbox, peer->worker, message);
	/* A worker reads its messages before its ports: a packet sent now could still come first. */
	rig_settle(rig);
}

void rig_sa_slot_delete(struct rig *rig, uint32_t slot)
{
	struct message *message = mailbox_message_new(rig->mailbox, MESSAGE_SA_DELETE);

	message->remove.group = rig->sa_group[slot];
	message->remove.slot = slot;
	rig->sa_live[slot] = false;
	mailbox_send(rig->mailbox, rig->sa_worker[slot], message);
}

void rig_sa_delete(struct rig *rig, const struct rig_peer *peer, const struct wire_sa *sa)
{
	assert_int_equal(rig->sa_group[sa->slot], peer->slot);
	rig_sa_slot_delete(rig, sa->slot);
}

static void session_add(struct rig *rig, const struct rig_peer *peer,
			const struct rig_peer_options *options)
{
	struct message *message = mailbox_message_new(rig->mailbox, MESSAGE_SESSION_ADD);

	message->session_add.storage = rig_storage(rig, SESSION_STORAGE_BYTES);
	message->session_add.slot = peer->slot;
	message->session_add.group = peer->plain ? NO_SLOT : peer->slot;
	message->session_add.local = endpoint_ipv4(htonl(RIG_LOCAL), 1701);
	message->session_add.remote = endpoint_ipv4(htonl(peer->remote), peer->l2tp_port);
	message->session_add.tunnel = peer->tunnel;
	message->session_add.session = peer->session;
	message->session_add.peer_tunnel = peer->peer_tunnel;
	message->session_add.peer_session = peer->peer_session;
	tables_session_owner_set(rig->tables, peer->slot, peer->worker);
	if (peer->plain) {
		assert_int_equal(tables_plain_tunnel_add(rig->tables, peer->tunnel,
							 &message->session_add.local,
							 &message->session_add.remote),
				 0);
		tables_plain_session_set(rig->tables, peer->tunnel, peer->session, peer->slot);
	}
	mailbox_send(rig->mailbox, peer->worker, message);
	if (options->not_open)
		return;
	message = mailbox_message_new(rig->mailbox, MESSAGE_SESSION_OPEN);
	message->session_open.slot = peer->slot;
	message->session_open.peer_address_be = htonl(peer->address);
	message->session_open.mtu = options->mtu != 0 ? options->mtu : 1400;
	message->session_open.mss = options->mss;
	mailbox_send(rig->mailbox, peer->worker, message);
	tables_pool_session_set(rig->tables, rig->pool, peer->address, peer->slot);
}

struct rig_peer *rig_peer_add(struct rig *rig, const struct rig_peer_options *options)
{
	static const struct rig_peer_options usual = {.mtu = 1400};
	uint16_t n = (uint16_t)rig->peers;
	struct rig_peer *peer = &rig->peer[rig->peers++];

	assert_true(rig->peers <= RIG_PEERS_MAX);
	options = options != NULL ? options : &usual;
	*peer = (struct rig_peer){
		.worker = options->worker,
		.slot = n,
		.address = RIG_POOL + 10 + n,
		.remote = ADDRESS(203, 0, 113, 7), /* all behind one NAT */
		.remote_port = options->bare ? 500 : (uint16_t)(40000 + n),
		.encapsulated = !options->bare,
		.plain = options->plain,
		.ipv6 = options->ipv6,
		.l2tp_port = 1701,
		.tunnel = (uint16_t)(options->plain ? 500 + n : 77), /* equal in all groups */
		.session = (uint16_t)(options->plain ? 600 + n : 88),
		.peer_tunnel = (uint16_t)(0x1100 + n),
		.peer_session = (uint16_t)(0x2200 + n),
	};
	if (!options->plain) {
		group_add(rig, peer, !options->fixed);
		rig_sa_add(rig, peer, &options->suite, options->peer_port, &peer->sa);
		if (!options->unconfirmed)
			rig_sa_confirm(rig, peer, &peer->sa);
	}
	session_add(rig, peer, options);
	rig_settle(rig);
	return peer;
}

void rig_wrap_esp(const struct rig_peer *peer, struct bytes *esp)
{
	if (peer->encapsulated)
		wire_udp(esp, peer->remote_port, 4500);
	if (peer->ipv6) {
		if (peer->encapsulated)
			wire_udp_ipv6_sum(esp, RIG_REMOTE_IPV6, RIG_LOCAL_IPV6);
		wire_ipv6(esp, peer->encapsulated ? IPPROTO_UDP : IPPROTO_ESP, RIG_REMOTE_IPV6,
			  RIG_LOCAL_IPV6);
		wire_ethernet(esp, 0x86dd);
		return;
	}
	wire_ipv4(esp, peer->encapsulated ? IPPROTO_UDP : IPPROTO_ESP, peer->remote, RIG_LOCAL);
	wire_ethernet(esp, 0x0800);
}

void rig_wrap_l2tp(struct rig_peer *peer, struct bytes *l2tp)
{
	wire_udp(l2tp, peer->l2tp_port, 1701);
	if (peer->plain) {
		wire_ipv4(l2tp, IPPROTO_UDP, peer->remote, RIG_LOCAL);
		wire_ethernet(l2tp, 0x0800);
		return;
	}
	wire_esp_seal(&peer->sa, ++peer->sa.sequence, l2tp, NULL);
	rig_wrap_esp(peer, l2tp);
}

void rig_wrap_ip(struct rig_peer *peer, struct bytes *ip)
{
	static const uint8_t ppp[4] = {0xff, 0x03, 0x00, 0x21};

	bytes_prepend(ip, ppp, sizeof(ppp));
	wire_l2tp(ip, 0x4000, peer->tunnel, peer->session, 0);
	rig_wrap_l2tp(peer, ip);
}

void rig_peer_send(struct rig *rig, struct rig_peer *peer, unsigned queue, const struct bytes *ip)
{
	struct bytes frame = *ip;

	rig_wrap_ip(peer, &frame);
	rig_inject(rig, RIG_PEER_SIDE, queue, &frame);
}

static void open_ipv6(const struct rig_peer *peer, struct bytes *frame)
{
	assert_int_equal(bytes_u16(frame, 12), 0x86dd);
	bytes_cut(frame, 14);
	assert_int_equal(bytes_u32(frame, 0), 0x60000000);
	assert_int_equal(bytes_u16(frame, 4) + 40, frame->length);
	assert_int_equal(frame->data[6], peer->encapsulated ? IPPROTO_UDP : IPPROTO_ESP);
	assert_int_equal(frame->data[7], 64);
	assert_memory_equal(frame->data + 8, RIG_LOCAL_IPV6, 16);
	assert_memory_equal(frame->data + 24, RIG_REMOTE_IPV6, 16);
	bytes_cut(frame, 40);
	if (peer->encapsulated)
		assert_true(wire_udp_ipv6_valid(frame, RIG_LOCAL_IPV6, RIG_REMOTE_IPV6));
}

static void open_ipv4(const struct rig_peer *peer, struct bytes *frame)
{
	bytes_cut(frame, 14);
	assert_true(wire_ipv4_valid(frame));
	assert_int_equal(bytes_u32(frame, 12), RIG_LOCAL);
	assert_int_equal(bytes_u32(frame, 16), peer->remote);
	assert_int_equal(frame->data[9],
			 peer->plain || peer->encapsulated ? IPPROTO_UDP : IPPROTO_ESP);
	bytes_cut(frame, 20);
	if (!peer->plain && peer->encapsulated)
		assert_int_equal(bytes_u16(frame, 6), 0); /* RFC 3948 2.1 */
}

void rig_open_l2tp(const struct rig_peer *peer, struct bytes *frame, uint32_t *sequence)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 99, 2, 0, 0, 0, 0, 1};

	*sequence = 0;
	assert_memory_equal(frame->data, macs, sizeof(macs));
	if (peer->ipv6)
		open_ipv6(peer, frame);
	else
		open_ipv4(peer, frame);
	if (!peer->plain) {
		if (peer->encapsulated) {
			assert_int_equal(bytes_u16(frame, 0), 4500);
			assert_int_equal(bytes_u16(frame, 2), peer->remote_port);
			assert_int_equal(bytes_u16(frame, 4), frame->length);
			bytes_cut(frame, 8);
		}
		assert_true(wire_esp_open(&peer->sa, frame, sequence));
		if (peer->ipv6)
			assert_true(wire_udp_ipv6_valid(frame, RIG_LOCAL_IPV6, RIG_REMOTE_IPV6));
	}
	assert_int_equal(bytes_u16(frame, 0), 1701);
	assert_int_equal(bytes_u16(frame, 2), peer->l2tp_port);
	assert_int_equal(bytes_u16(frame, 4), frame->length);
	bytes_cut(frame, 8);
}

void rig_open_ip(const struct rig_peer *peer, struct bytes *frame)
{
	uint32_t sequence;

	rig_open_l2tp(peer, frame, &sequence);
	assert_int_equal(bytes_u16(frame, 0), 0x0002);
	assert_int_equal(bytes_u16(frame, 2), peer->peer_tunnel);
	assert_int_equal(bytes_u16(frame, 4), peer->peer_session);
	assert_int_equal(bytes_u32(frame, 6), 0xff030021);
	bytes_cut(frame, 10);
	assert_true(wire_ipv4_valid(frame));
}

static void expect_forwarded(const struct bytes *got, const struct bytes *sent)
{
	struct bytes expected = *sent;

	expected.data[8]--;
	wire_ipv4_checksum(&expected);
	assert_int_equal(got->length, expected.length);
	assert_memory_equal(got->data, expected.data, expected.length);
}

void rig_expect_down(struct rig *rig, const struct rig_peer *peer, const struct bytes *ip)
{
	struct bytes frame;

	rig_settle(rig);
	assert_true(rig_take(rig, RIG_PEER_SIDE, &frame));
	rig_open_ip(peer, &frame);
	expect_forwarded(&frame, ip);
}

void rig_expect_up(struct rig *rig, const struct bytes *ip)
{
	static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 88, 2, 0, 0, 0, 0, 2, 8, 0};
	struct bytes frame;

	rig_settle(rig);
	assert_true(rig_take(rig, RIG_SERVER_SIDE, &frame));
	assert_memory_equal(frame.data, ethernet, sizeof(ethernet));
	bytes_cut(&frame, sizeof(ethernet));
	expect_forwarded(&frame, ip);
}

void rig_server_send(struct rig *rig, unsigned queue, const struct bytes *ip)
{
	struct bytes frame = *ip;

	wire_ethernet(&frame, 0x0800);
	rig_inject(rig, RIG_SERVER_SIDE, queue, &frame);
}
