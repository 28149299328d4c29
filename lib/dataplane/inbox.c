/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages from control: state of this worker's groups, SAs and sessions, and packets to send. */
#include "dataplane/outer.h"
#include "dataplane/roaming.h"
#include "dataplane/tunnel.h"
#include "dataplane/watch.h"
#include "dataplane/worker.h"

#include "base/memory.h"

#define MESSAGES_PER_POLL 64

void group_choose_newest(struct group *group)
{
	group->newest = NULL;
	for (unsigned i = group->pairs; i-- > 0;) {
		struct sa *sa = group->pair[i];
		bool tag_known = !sa->truncation_unknown || sa->tag_bytes_wire != 0;

		if (sa->confirmed && !sa->outbound_closed && tag_known) {
			group->newest = sa;
			return;
		}
	}
}

static void acknowledge(struct worker *w, struct message *message, void *storage)
{
	message->remove.storage = storage;
	(void)mailbox_worker_send(w->mailbox, w->id, message); /* always fits */
}

static struct endpoint endpoint_of(bool ipv6, const uint8_t address[16], uint32_t address_be,
				   uint16_t port)
{
	return ipv6 ? endpoint_ipv6(address, port) : endpoint_ipv4(address_be, port);
}

struct endpoint group_local(const struct group *group)
{
	return endpoint_of(group->ipv6, group->local_ipv6, group->local_be, group->local_port);
}

struct endpoint group_remote(const struct group *group)
{
	return endpoint_of(group->ipv6, group->remote_ipv6, group->remote_be, group->remote_port);
}

void group_set_endpoints(struct worker *w, struct group *group, const struct endpoint *local,
			 const struct endpoint *remote)
{
	group->ipv6 = remote->family == ENDPOINT_IPV6;
	w->ipv6 |= group->ipv6;
	memcpy(group->local_ipv6, local->address, sizeof(group->local_ipv6));
	memcpy(group->remote_ipv6, remote->address, sizeof(group->remote_ipv6));
	group->local_be =
		group->ipv6 ? outer_fold(local->address) : endpoint_ipv4_address_be(local);
	group->remote_be =
		group->ipv6 ? outer_fold(remote->address) : endpoint_ipv4_address_be(remote);
	group->local_port = local->port;
	group->remote_port = remote->port;
	outer_header_set(&group->outer, group->local_be, group->local_port, group->remote_be,
			 group->remote_port);
}

static void group_add(struct worker *w, const struct message *message)
{
	struct group *group = message->group_add.storage;

	group->slot = message->group_add.slot;
	group_set_endpoints(w, group, &message->group_add.local, &message->group_add.remote);
	group->may_move = message->group_add.may_move;
	group->proven_be = group->remote_be;
	w->groups[group->slot] = group;
	counter_add(&w->view.groups, 1);
}

static void group_delete(struct worker *w, struct message *message)
{
	struct group *group = w->groups[message->remove.slot];

	w->groups[message->remove.slot] = NULL;
	counter_add(&w->view.groups, (uint64_t)-1);
	acknowledge(w, message, group);
}

/* A new pair of the same kind has the tag length that the last one proved. */
static uint8_t known_tag_bytes(const struct group *group, const struct sa *fresh)
{
	for (unsigned i = group->pairs; i-- > 0;)
		if (group->pair[i]->truncation_unknown && fresh->truncation_unknown)
			return group->pair[i]->tag_bytes_wire;
	return 0;
}

static void group_pair_add(struct group *group, struct sa *sa)
{
	if (group->pairs == GROUP_PAIRS_MAX) {
		/* The oldest stays valid for packets of the peer; it is only never sent on again. */
		memmove(group->pair, group->pair + 1,
			(GROUP_PAIRS_MAX - 1) * sizeof(group->pair[0]));
		group->pairs--;
	}
	group->pair[group->pairs++] = sa;
}

static void group_pair_remove(struct group *group, const struct sa *sa)
{
	for (unsigned i = 0; i < group->pairs; i++) {
		if (group->pair[i] != sa)
			continue;
		memmove(group->pair + i, group->pair + i + 1,
			(group->pairs - i - 1u) * sizeof(group->pair[0]));
		group->pairs--;
		break;
	}
	group_choose_newest(group);
}

/* Packets that are in lanes name their pair, not its group. */
static void group_merge(struct worker *w, struct message *message)
{
	struct group *from = w->groups[message->group_merge.slot];
	struct group *into = w->groups[message->group_merge.into];

	for (unsigned i = 0; i < from->pairs; i++) {
		from->pair[i]->group = into;
		group_pair_add(into, from->pair[i]);
	}
	into->sas = (uint16_t)(into->sas + from->sas);
	from->sas = from->pairs = 0;
	from->newest = NULL;
	roaming_follow(w, into, from);
	group_choose_newest(into);
	(void)mailbox_worker_send(w->mailbox, w->id, message); /* always fits */
}

static void sa_add(struct worker *w, struct message *message)
{
	const struct esp_suite *suite = &message->sa_add.keys_in.suite;
	struct sa *sa = message->sa_add.storage;

	sa->group = w->groups[message->sa_add.group];
	sa->slot = message->sa_add.slot;
	sa->spi_in = message->sa_add.spi_in;
	sa->spi_out = message->sa_add.spi_out;
	sa->key_out = (struct esp_key *)((uint8_t *)sa_key_in(sa) + esp_key_bytes(suite));
	sa->lane = (uint8_t)esp_suite_lane(suite);
	sa->iv_bytes = (uint8_t)esp_suite_iv_bytes(suite);
	sa->block_bytes = (uint8_t)esp_suite_block_bytes(suite);
	sa->tag_bytes = (uint8_t)esp_suite_tag_bytes(suite);
	sa->truncation_unknown = suite->authenticator == ESP_AUTHENTICATOR_HMAC_SHA2_256_128;
	sa->encapsulated = message->sa_add.encapsulated;
	sa->policed = suite->cipher == ESP_CIPHER_3DES_CBC;
	sa->peer_port = message->sa_add.peer_port;
	sa->replay_off = message->sa_add.replay_off;
	sa->tag_bytes_wire = known_tag_bytes(sa->group, sa);
	if (esp_key_init(w->engine, &message->sa_add.keys_in, false, sa_key_in(sa)) != 0 ||
	    esp_key_init(w->engine, &message->sa_add.keys_out, true, sa->key_out) != 0)
		sa->outbound_closed = true; /* cannot be: control offers valid suites only */
	memory_wipe(&message->sa_add.keys_in, sizeof(message->sa_add.keys_in));
	memory_wipe(&message->sa_add.keys_out, sizeof(message->sa_add.keys_out));
	group_pair_add(sa->group, sa);
	sa->group->sas++;
	w->sas[sa->slot] = sa;
	counter_add(&w->view.sas, 1);
}

void inbox_sa_idle(struct worker *w, struct sa *sa)
{
	struct message *message = sa->remove;

	group_pair_remove(sa->group, sa);
	sa->group->sas--;
	w->sas[sa->slot] = NULL;
	esp_key_release(sa_key_in(sa), sa->lane);
	esp_key_release(sa->key_out, sa->lane);
	message->remove.final = sa->counters;
	counter_add(&w->view.sas, (uint64_t)-1);
	acknowledge(w, message, sa);
}

static void sa_delete(struct worker *w, struct message *message)
{
	struct sa *sa = w->sas[message->remove.slot];

	sa->remove = message;
	sa->removing = true;
	sa->outbound_closed = true;
	group_choose_newest(sa->group);
	if (sa->jobs == 0)
		inbox_sa_idle(w, sa);
}

static void session_add(struct worker *w, const struct message *message)
{
	struct session *session = message->session_add.storage;
	uint16_t local_port = message->session_add.local.port;
	uint16_t remote_port = message->session_add.remote.port;

	session->slot = message->session_add.slot;
	tunnel_header_set(&session->header, local_port, remote_port,
			  message->session_add.peer_tunnel, message->session_add.peer_session);
	if (message->session_add.group != NO_SLOT) {
		struct group *group = w->groups[message->session_add.group];
		uint32_t ids =
			(uint32_t)message->session_add.tunnel << 16 | message->session_add.session;

		session->group = group;
		group->session[group->sessions++] =
			(struct group_session){rte_cpu_to_be_32(ids), session->slot, session};
	} else {
		outer_header_set(&session->outer,
				 endpoint_ipv4_address_be(&message->session_add.local), local_port,
				 endpoint_ipv4_address_be(&message->session_add.remote),
				 remote_port);
	}
	w->sessions[session->slot] = session;
	counter_add(&w->view.sessions, 1);
}

static void session_open(struct worker *w, const struct message *message)
{
	struct session *session = w->sessions[message->session_open.slot];

	session->peer_address_be = message->session_open.peer_address_be;
	session->mtu = message->session_open.mtu;
	session->mss = message->session_open.mss;
	session->open = true;
}

static void session_delete(struct worker *w, struct message *message)
{
	struct session *session = w->sessions[message->remove.slot];
	struct group *group = session->group;

	for (unsigned i = 0; group != NULL && i < group->sessions; i++)
		if (group->session[i].slot == session->slot)
			group->session[i] = group->session[--group->sessions];
	w->sessions[session->slot] = NULL;
	message->remove.final = session->counters;
	counter_add(&w->view.sessions, (uint64_t)-1);
	acknowledge(w, message, session);
}

static void send_udp(struct worker *w, struct rte_mbuf *mbuf, const struct endpoint *local,
		     const struct endpoint *remote)
{
	struct vector one = {.count = 1, .packets = {mbuf}};

	if (!outer_push_udp(w, mbuf, local, remote))
		return;
	if (remote->family == ENDPOINT_IPV6)
		outer_ipv6_stage(w, &one);
	else
		outer_stage(w, &one);
}

static void send_ike(struct worker *w, const struct message *message, struct rte_mbuf *mbuf)
{
	struct endpoint local = message->send_ike.local;
	struct endpoint remote = message->send_ike.remote;

	if (message->send_ike.group != NO_SLOT) {
		struct group *group = w->groups[message->send_ike.group];

		if (group != NULL) {
			if (group->limited && !roaming_spend(group, mbuf->data_len)) {
				drop_packet(w, mbuf, DROP_unproven_endpoint_limit);
				return;
			}
			local = group_local(group);
			remote = group_remote(group);
		}
	}
	send_udp(w, mbuf, &local, &remote);
}

static void send_l2tp(struct worker *w, const struct message *message, struct rte_mbuf *mbuf)
{
	const struct endpoint *local = &message->send_l2tp.local;
	const struct endpoint *remote = &message->send_l2tp.remote;
	struct rte_udp_hdr *udp;
	struct group *group;

	if (message->send_l2tp.group == NO_SLOT) {
		send_udp(w, mbuf, local, remote);
		return;
	}
	group = w->groups[message->send_l2tp.group];
	udp = (struct rte_udp_hdr *)packet_push(mbuf, sizeof(*udp));
	if (group == NULL) {
		drop_packet(w, mbuf, DROP_no_outbound_sa);
		return;
	}
	if (udp == NULL || mbuf->data_off < TUNNEL_ROOM_BYTES) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return;
	}
	udp->src_port = rte_cpu_to_be_16(local->port);
	udp->dst_port = rte_cpu_to_be_16(remote->port);
	udp->dgram_len = rte_cpu_to_be_16(mbuf->data_len);
	udp->dgram_cksum = 0;
	esp_out(w, group->newest, mbuf, (uint8_t *)udp, mbuf->data_len);
}

static void send_ppp(struct worker *w, const struct message *message, struct rte_mbuf *mbuf)
{
	const struct session *session = w->sessions[message->send_ppp.slot];
	struct vector outer = {.count = 0};

	if (session == NULL) {
		drop_packet(w, mbuf, DROP_session_gone);
		return;
	}
	if (mbuf->data_off < TUNNEL_ROOM_BYTES) {
		drop_packet(w, mbuf, DROP_no_headroom);
		return;
	}
	tunnel_out(w, session, mbuf, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len, &outer);
	if (outer.count != 0)
		outer_stage(w, &outer);
}

static void send_ipv4(struct worker *w, struct rte_mbuf *mbuf)
{
	struct vector one = {.count = 1, .packets = {mbuf}};

	packet_of(mbuf)->origin = PACKET_ORIGIN_SELF;
	route_stage(w, &one);
}

/* Packets leave the message; true if the message itself was handed on. */
static bool message_handle(struct worker *w, struct message *message)
{
	struct rte_mbuf *mbuf = message->packet;

	message->packet = NULL;
	if (mbuf != NULL)
		packet_of(mbuf)->watch = 0;
	switch (message->kind) {
	case MESSAGE_GROUP_ADD:
		group_add(w, message);
		return false;
	case MESSAGE_GROUP_MOVE:
		roaming_set(w, message);
		return false;
	case MESSAGE_GROUP_PROVEN:
		roaming_proven(w, message);
		return false;
	case MESSAGE_GROUP_MERGE:
		group_merge(w, message);
		return true;
	case MESSAGE_GROUP_DELETE:
		group_delete(w, message);
		return true;
	case MESSAGE_SA_ADD:
		sa_add(w, message);
		return false;
	case MESSAGE_SA_CONFIRM:
		w->sas[message->sa.slot]->confirmed = true;
		group_choose_newest(w->sas[message->sa.slot]->group);
		return false;
	case MESSAGE_SA_STOP_OUTBOUND:
		w->sas[message->sa.slot]->outbound_closed = true;
		group_choose_newest(w->sas[message->sa.slot]->group);
		return false;
	case MESSAGE_SA_DELETE:
		sa_delete(w, message);
		return true;
	case MESSAGE_SESSION_ADD:
		session_add(w, message);
		return false;
	case MESSAGE_SESSION_OPEN:
		session_open(w, message);
		return false;
	case MESSAGE_SESSION_DELETE:
		session_delete(w, message);
		return true;
	case MESSAGE_WATCH:
		watch_set(w, message);
		return false;
	case MESSAGE_OWNER_MOVE:
	case MESSAGE_OWNER_FENCE:
		move_request(w, message);
		return true;
	case MESSAGE_SEND_IKE:
		send_ike(w, message, mbuf);
		return false;
	case MESSAGE_SEND_L2TP:
		send_l2tp(w, message, mbuf);
		return false;
	case MESSAGE_SEND_PPP:
		send_ppp(w, message, mbuf);
		return false;
	case MESSAGE_SEND_FRAME:
		transmit_frame(w, mbuf, message->send_frame.port);
		return false;
	case MESSAGE_SEND_IPV4:
		send_ipv4(w, mbuf);
		return false;
	case MESSAGE_SEND_IPV6:
		outer_ipv6_stage(w, &(struct vector){.count = 1, .packets = {mbuf}});
		return false;
	default:
		assert(!"a message that only workers send");
		return false;
	}
}

bool inbox_poll(struct worker *w)
{
	struct message *messages[MESSAGES_PER_POLL];
	unsigned count = mailbox_worker_receive(w->mailbox, w->id, messages, MESSAGES_PER_POLL);

	if (count == 0)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (!message_handle(w, messages[i]))
			mailbox_worker_message_free(w->mailbox, w->id, messages[i]);
	crypto_submit_all(w, true);
	return true;
}
