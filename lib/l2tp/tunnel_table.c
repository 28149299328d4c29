/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/engine.h"

#include "base/memory.h"

#include <stdlib.h>

#define BUCKETS_GROWTH 8 /* also the most tunnels for each bucket before that */

static struct tunnel **bucket_of(struct l2tp *l2tp, uint16_t peer_tunnel,
				 const struct endpoint *from)
{
	uint32_t hash = peer_tunnel * 2654435761u ^ from->port * 40503u;

	if (!l2tp->config->secured)
		for (size_t i = 0; i < sizeof(from->address); i++)
			hash = hash * 31 + from->address[i];
	if (l2tp->by_peer == NULL)
		return &l2tp->by_peer_few;
	return &l2tp->by_peer[(hash ^ hash >> 16) & (l2tp->by_peer_buckets - 1)];
}

bool l2tp_tunnel_is_peer(const struct l2tp *l2tp, const struct tunnel *tunnel,
			 const struct endpoint *from)
{
	if (l2tp->config->secured)
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
	tunnel->l2tp->by_peer_count--;
}

static void bucket_add(struct tunnel *tunnel)
{
	struct tunnel **bucket = bucket_of(tunnel->l2tp, tunnel->peer_id, &tunnel->peer);

	tunnel->next_of_peer = *bucket;
	*bucket = tunnel;
}

/* Most engines have one tunnel and need no buckets; one with thousands finds each at once. */
static void buckets_grow(struct l2tp *l2tp)
{
	struct tunnel *few = l2tp->by_peer_few;
	struct tunnel **old = l2tp->by_peer != NULL ? l2tp->by_peer : &few;
	uint32_t old_buckets = l2tp->by_peer_buckets;

	l2tp->by_peer_buckets *= BUCKETS_GROWTH;
	l2tp->by_peer = memory_new_array(l2tp->by_peer_buckets, sizeof(struct tunnel *));
	for (uint32_t i = 0; i < old_buckets; i++) {
		while (old[i] != NULL) {
			struct tunnel *tunnel = old[i];

			old[i] = tunnel->next_of_peer;
			bucket_add(tunnel);
		}
	}
	if (old != &few)
		free(old);
	l2tp->by_peer_few = NULL;
}

static void peer_remember(struct tunnel *tunnel)
{
	struct l2tp *l2tp = tunnel->l2tp;

	if (++l2tp->by_peer_count > BUCKETS_GROWTH * l2tp->by_peer_buckets)
		buckets_grow(l2tp);
	bucket_add(tunnel);
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
			       const struct endpoint *local, uint16_t lac)
{
	struct tunnel *tunnel = memory_new(sizeof(*tunnel));
	uint32_t jitter = l2tp->config->hello_idle_ms / 10;

	tunnel->id = l2tp_id_table_add(&l2tp->tunnels, tunnel);
	if (tunnel->id == 0) {
		free(tunnel);
		return NULL;
	}
	tunnel->l2tp = l2tp;
	tunnel->lac = lac;
	if (lac != L2TP_LAC_NONE)
		l2tp->lac_use[lac].tunnels++;
	tunnel->peer = *peer;
	tunnel->local = *local;
	tunnel->last_seen_ms = l2tp->now_ms;
	tunnel->phase_deadline_ms = l2tp->now_ms + l2tp->config->setup_ms;
	tunnel->hello_idle_ms = l2tp->config->hello_idle_ms;
	if (jitter != 0)
		tunnel->hello_idle_ms -= random_u32(&l2tp->random) % jitter;
	tunnel->setup_data = memory_new(sizeof(*tunnel->setup_data));
	TAILQ_INIT(&tunnel->setup);
	l2tp_id_table_init(&tunnel->sessions, l2tp->config->sessions_per_tunnel,
			   random_u16(&l2tp->random));
	l2tp_reliable_init(&tunnel->reliable, l2tp->config);
	l2tp->counters->tunnels++;
	l2tp->tunnel_count++;
	l2tp->active_count++;
	return tunnel;
}

void l2tp_tunnel_challenge(struct tunnel *tunnel)
{
	const struct l2tp_config *config = tunnel->l2tp->config;
	struct tunnel_setup *setup = tunnel->setup_data;

	if (!l2tp_secret_challenged(config, tunnel->lac))
		return;
	setup->challenged = true;
	random_fill(&tunnel->l2tp->random, setup->challenge, CHALLENGE_BYTES);
}

void l2tp_tunnel_setup_done(struct tunnel *tunnel)
{
	if (tunnel->setup_data != NULL)
		memory_wipe(tunnel->setup_data, sizeof(*tunnel->setup_data));
	free(tunnel->setup_data);
	tunnel->setup_data = NULL;
}

void l2tp_tunnel_know_peer(struct tunnel *tunnel, const struct message *message)
{
	tunnel->peer_id = message->assigned_tunnel;
	free(tunnel->host_name);
	tunnel->host_name = memory_copy_text(message->host_name);
	memcpy(tunnel->setup_data->vendor_name, message->vendor_name, sizeof(message->vendor_name));
	l2tp_reliable_set_peer_window(&tunnel->reliable, message->receive_window);
	peer_remember(tunnel);
}

void l2tp_tunnel_moved(struct tunnel *tunnel, uint8_t from, uint8_t to)
{
	struct l2tp *l2tp = tunnel->l2tp;

	if (from == to)
		return;
	if (from < TUNNEL_STOPPED && to >= TUNNEL_STOPPED) {
		l2tp->active_count--;
		if (tunnel->lac != L2TP_LAC_NONE)
			l2tp->lac_use[tunnel->lac].tunnels--;
	}
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
	tunnel->l2tp->counters->tunnels--;
	l2tp_tunnel_setup_done(tunnel);
	free(tunnel->host_name);
	free(tunnel);
}
