/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/engine.h"

#include "base/memory.h"

#include <stdlib.h>

static struct tunnel **bucket_of(struct l2tp *l2tp, uint16_t peer_tunnel,
				 const struct endpoint *from)
{
	uint32_t hash = peer_tunnel * 2654435761u ^ from->port * 40503u;

	if (!l2tp->config.secured)
		for (size_t i = 0; i < sizeof(from->address); i++)
			hash = hash * 31 + from->address[i];
	return &l2tp->by_peer[(hash ^ hash >> 16) % PEER_BUCKETS];
}

bool l2tp_tunnel_is_peer(const struct l2tp *l2tp, const struct tunnel *tunnel,
			 const struct endpoint *from)
{
	if (l2tp->config.secured)
		return tunnel->peer.port == from->port;
	return endpoint_equal(&tunnel->peer, from);
}

struct tunnel *l2tp_tunnel_of_peer(struct l2tp *l2tp, uint16_t peer_tunnel,
				   const struct endpoint *from)
{
	struct tunnel *tunnel = *bucket_of(l2tp, peer_tunnel, from);

	while (tunnel != NULL &&
	       (tunnel->peer_id != peer_tunnel || !l2tp_tunnel_is_peer(l2tp, tunnel, from)))
		tunnel = tunnel->next_of_peer;
	return tunnel;
}

void l2tp_tunnel_forget_peer(struct tunnel *tunnel)
{
	struct tunnel **at;

	if (!tunnel->found_by_peer)
		return;
	at = bucket_of(tunnel->l2tp, tunnel->peer_id, &tunnel->peer);
	while (*at != tunnel)
		at = &(*at)->next_of_peer;
	*at = tunnel->next_of_peer;
	tunnel->found_by_peer = false;
}

static void peer_remember(struct tunnel *tunnel)
{
	struct tunnel **bucket = bucket_of(tunnel->l2tp, tunnel->peer_id, &tunnel->peer);

	tunnel->next_of_peer = *bucket;
	*bucket = tunnel;
	tunnel->found_by_peer = true;
}

void l2tp_tunnel_follow_peer(struct tunnel *tunnel, const struct endpoint *from)
{
	bool found = tunnel->found_by_peer;

	l2tp_tunnel_forget_peer(tunnel);
	tunnel->peer = *from;
	if (found)
		peer_remember(tunnel);
}

struct tunnel *l2tp_tunnel_new(struct l2tp *l2tp, const struct endpoint *peer,
			       const struct endpoint *local)
{
	struct tunnel *tunnel = memory_new(sizeof(*tunnel));
	uint32_t jitter = l2tp->config.hello_idle_ms / 10;

	tunnel->id = l2tp_id_table_add(&l2tp->tunnels, tunnel);
	if (tunnel->id == 0) {
		free(tunnel);
		return NULL;
	}
	tunnel->l2tp = l2tp;
	tunnel->peer = *peer;
	tunnel->local = *local;
	tunnel->last_seen_ms = l2tp->now_ms;
	tunnel->phase_deadline_ms = l2tp->now_ms + l2tp->config.setup_ms;
	tunnel->hello_idle_ms = l2tp->config.hello_idle_ms;
	if (jitter != 0)
		tunnel->hello_idle_ms -= random_u32(&l2tp->random) % jitter;
	TAILQ_INIT(&tunnel->setup);
	l2tp_id_table_init(&tunnel->sessions, l2tp->config.sessions_per_tunnel,
			   random_u16(&l2tp->random));
	l2tp_reliable_init(&tunnel->reliable, &l2tp->config);
	l2tp->tunnel_count++;
	l2tp->active_count++;
	return tunnel;
}

void l2tp_tunnel_know_peer(struct tunnel *tunnel, const struct message *message)
{
	tunnel->peer_id = message->assigned_tunnel;
	memcpy(tunnel->host_name, message->host_name, sizeof(tunnel->host_name));
	memcpy(tunnel->vendor_name, message->vendor_name, sizeof(tunnel->vendor_name));
	l2tp_reliable_set_peer_window(&tunnel->reliable, message->receive_window);
	peer_remember(tunnel);
}

void l2tp_tunnel_moved(struct tunnel *tunnel, uint8_t from, uint8_t to)
{
	struct l2tp *l2tp = tunnel->l2tp;

	if (from == to)
		return;
	if (from < TUNNEL_STOPPED && to >= TUNNEL_STOPPED)
		l2tp->active_count--;
	if (from == TUNNEL_WAIT_CTL_CONN) {
		TAILQ_REMOVE(&l2tp->half_open, tunnel, link);
		l2tp->half_open_count--;
	} else if (from == TUNNEL_STOPPED) {
		TAILQ_REMOVE(&l2tp->lingering, tunnel, link);
		l2tp->lingering_count--;
	}
	if (to == TUNNEL_WAIT_CTL_CONN) {
		TAILQ_INSERT_TAIL(&l2tp->half_open, tunnel, link);
		l2tp->half_open_count++;
	} else if (to == TUNNEL_STOPPED) {
		l2tp_tunnel_forget_peer(tunnel);
		TAILQ_INSERT_TAIL(&l2tp->lingering, tunnel, link);
		l2tp->lingering_count++;
	} else if (to == TUNNEL_GONE) {
		l2tp_tunnel_forget_peer(tunnel);
		TAILQ_INSERT_TAIL(&l2tp->dead, tunnel, link);
	}
}

void l2tp_tunnel_free(struct tunnel *tunnel)
{
	struct session *session;
	uint32_t place = 0;

	while ((session = l2tp_id_table_next(&tunnel->sessions, &place)) != NULL)
		l2tp_session_free(session);
	l2tp_id_table_clear(&tunnel->sessions);
	l2tp_reliable_clear(&tunnel->reliable);
	memory_wipe(tunnel->challenge, sizeof(tunnel->challenge));
	free(tunnel);
}
