/* SPDX-License-Identifier: BSD-3-Clause */
#include "dial_peer.h"

#include "base/memory.h"
#include "crypto/ms_chap.h"
#include "l2tp/l2tp.h"
#include "ppp/ppp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_ADDRESS 0xc0000201

struct peer {
	struct ike_initiator *ike;
	struct l2tp *l2tp; /* of the LAC: that of its first dial */
	struct ppp *ppp;
	struct ppp_credentials credentials;
	char user[12];
	uint16_t tunnel;
	uint32_t *waiting; /* calls of this LAC that wait for the tunnel */
	uint32_t waiting_count;
	bool tunnel_up;
};

struct dial_peers {
	struct dial_plan plan;
	uint32_t dials;
	struct peer *peers;
	struct ike_initiator_config ike_config;
	struct l2tp_config l2tp_config;
	struct l2tp_counters l2tp_counters;
	struct ppp_config ppp_config;
	struct ppp_counters ppp_counters;
	struct key_pair pair;
	struct random_source random;
	uint64_t seed;
	struct dial_wire *out;
	uint64_t now_ms;
	uint32_t done;
	uint32_t failed;
};

/* splitmix64 */
static void random_fill_bytes(void *context, void *bytes, size_t length)
{
	uint64_t *seed = context;
	uint8_t *to = bytes;

	while (length-- > 0) {
		uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
		*to++ = (uint8_t)(z ^ z >> 27);
	}
}

struct dial_peers *dial_peers_new(const struct dial_plan *plan, uint32_t dials)
{
	struct dial_peers *peers = memory_new(sizeof(*peers));

	peers->plan = *plan;
	peers->dials = dials;
	peers->peers = memory_new_array(dials, sizeof(*peers->peers));
	peers->seed = 1;
	peers->random = (struct random_source){random_fill_bytes, &peers->seed};
	peers->ike_config = (struct ike_initiator_config){
		.preshared_key = (const uint8_t *)"secret",
		.preshared_key_bytes = 6,
		.ike = {BLOCK_CIPHER_AES_CBC, 32, DIGEST_SHA2_256, plan->group, 1, 28800000},
		.esp = {ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE},
		.esp_lifetime_ms = 3600000,
		.nat = IKE_INITIATOR_NAT_FORCED,
		.dead_peer_detection = true,
		.own_port = 1701,
		.retransmit_ms = 10000,
		.retransmissions = 3,
	};
	peers->l2tp_config = (struct l2tp_config){
		.host_name = "lac",
		.receive_window = 64,
		.tunnels_total = 1,
		.sessions_per_tunnel = 65535,
		.retransmit_first_ms = 1000,
		.retransmit_cap_ms = 8000,
		.retransmit_attempts = 5,
		.setup_ms = 30000,
		.idle_tunnel_ms = 30000,
		.closed_linger_ms = 31000,
	};
	peers->ppp_config = (struct ppp_config){
		.mru = 1400,
		.authentication = {PPP_AUTHENTICATION_MS_CHAP_V2},
		.authentication_count = 1,
		.name = "client",
		.ms_chap = ms_chap_new(),
		.restart_ms = {3000, 3000, 3000, 3000},
		.max_configure = 10,
		.max_terminate = 2,
		.max_failure = 5,
		.setup_ms = 60000,
	};
	if (plan->ike && key_pair_make(plan->group, &peers->pair) != 0)
		abort();
	return peers;
}

void dial_peers_free(struct dial_peers *peers)
{
	for (uint32_t i = 0; i < peers->dials; i++) {
		struct peer *peer = &peers->peers[i];

		ike_initiator_free(peer->ike);
		ppp_free(peer->ppp);
		if (i % peers->plan.calls_a_lac == 0)
			l2tp_free(peer->l2tp);
		free(peer->waiting);
	}
	ms_chap_free(peers->ppp_config.ms_chap);
	free(peers->peers);
	free(peers);
}

static void ppp_drain(struct dial_peers *peers, struct peer *peer)
{
	const struct ppp_event *event;

	while ((event = ppp_next_event(peer->ppp)) != NULL) {
		if (event->kind == PPP_SEND)
			dial_wire_put(peers->out, DIAL_PPP, (uint32_t)(peer - peers->peers), 0,
				      event->send.bytes, event->send.length);
		else if (event->kind == PPP_UP)
			peers->done++;
		else if (event->kind == PPP_DOWN)
			peers->failed++;
	}
}

static struct peer *lac_of(struct dial_peers *peers, uint32_t dial)
{
	return &peers->peers[dial - dial % peers->plan.calls_a_lac];
}

static void call(struct dial_peers *peers, struct peer *lac, uint32_t dial)
{
	char number[12];

	snprintf(number, sizeof(number), "%u", dial);
	(void)l2tp_session_dial(lac->l2tp, lac->tunnel, number, "", peers->now_ms);
}

static void ppp_start(struct dial_peers *peers, uint32_t dial)
{
	struct peer *peer = &peers->peers[dial];

	snprintf(peer->user, sizeof(peer->user), "u%u", dial);
	peer->credentials = (struct ppp_credentials){peer->user, "secret"};
	peer->ppp = ppp_client_new(&peers->ppp_config, &peer->credentials, &peers->random,
				   &peers->ppp_counters, peers->now_ms);
	ppp_drain(peers, peer);
}

static void l2tp_drain(struct dial_peers *peers, struct peer *lac)
{
	const struct l2tp_event *event;

	while ((event = l2tp_next_event(lac->l2tp)) != NULL) {
		switch (event->kind) {
		case L2TP_SEND:
			dial_wire_put(peers->out, DIAL_L2TP, (uint32_t)(lac - peers->peers), 0,
				      event->send.bytes, event->send.length);
			break;
		case L2TP_TUNNEL_UP:
			lac->tunnel_up = true;
			for (uint32_t i = 0; i < lac->waiting_count; i++)
				call(peers, lac, lac->waiting[i]);
			lac->waiting_count = 0;
			break;
		case L2TP_SESSION_DOWN:
		case L2TP_TUNNEL_DOWN:
			peers->failed++;
			break;
		default:
			break;
		}
	}
}

static void lac_start(struct dial_peers *peers, struct peer *lac)
{
	const struct endpoint own = endpoint_ipv4(htonl((uint32_t)(lac - peers->peers)), 1701);
	const struct endpoint answer = endpoint_ipv4(htonl(ANSWER_ADDRESS), 1701);

	lac->l2tp = l2tp_new(&peers->l2tp_config, &peers->random, &peers->l2tp_counters);
	lac->waiting = memory_new_array(peers->plan.calls_a_lac, sizeof(*lac->waiting));
	lac->tunnel = l2tp_tunnel_dial(lac->l2tp, &answer, &own, peers->now_ms);
}

static void session_start(struct dial_peers *peers, uint32_t dial)
{
	struct peer *lac = lac_of(peers, dial);

	if (lac->l2tp == NULL)
		lac_start(peers, lac);
	if (lac->tunnel_up)
		call(peers, lac, dial);
	else
		lac->waiting[lac->waiting_count++] = dial;
	l2tp_drain(peers, lac);
}

static void job_run(struct dial_peers *peers, struct peer *peer,
		    const struct ike_initiator_event *event)
{
	struct ike_initiator_job job = event->job;
	struct ike_initiator_job_result result = {.handle = job.handle, .pair = peers->pair};

	if (job.peer_public_bytes != 0 || !peers->plan.cheap_key_pairs)
		ike_initiator_job_run(&job, &result);
	ike_initiator_job_done(peer->ike, &result, peers->now_ms);
}

static void ike_drain(struct dial_peers *peers, struct peer *peer)
{
	const struct ike_initiator_event *event;
	uint32_t dial = (uint32_t)(peer - peers->peers);

	while ((event = ike_initiator_next_event(peer->ike)) != NULL) {
		switch (event->kind) {
		case IKE_INITIATOR_SEND:
			dial_wire_put(peers->out, DIAL_IKE, dial, event->send.port,
				      event->send.bytes, event->send.length);
			break;
		case IKE_INITIATOR_JOB:
			job_run(peers, peer, event);
			break;
		case IKE_INITIATOR_CHILD_UP:
			if (!peers->plan.sessions)
				peers->done++;
			break;
		case IKE_INITIATOR_FAILED:
		case IKE_INITIATOR_DOWN:
			peers->failed++;
			break;
		default:
			break;
		}
	}
	if (peers->plan.sessions && peer->l2tp == NULL && ike_initiator_is_up(peer->ike))
		session_start(peers, dial);
}

void dial_peers_start(struct dial_peers *peers, uint32_t dial, struct dial_wire *to_answer,
		      uint64_t now_ms)
{
	struct peer *peer = &peers->peers[dial];
	const struct endpoint own = endpoint_ipv4(htonl(dial), 500);
	const struct endpoint answer = endpoint_ipv4(htonl(ANSWER_ADDRESS), 500);

	peers->out = to_answer;
	peers->now_ms = now_ms;
	if (!peers->plan.ike) {
		session_start(peers, dial);
		return;
	}
	peer->ike = ike_initiator_new(&peers->ike_config, &peers->random);
	ike_initiator_start(peer->ike, &own, &answer, dial + 256, now_ms);
	ike_drain(peers, peer);
}

void dial_peers_run(struct dial_peers *peers, const struct dial_wire *from_answer,
		    struct dial_wire *to_answer, uint64_t now_ms)
{
	const struct endpoint answer = endpoint_ipv4(htonl(ANSWER_ADDRESS), 1701);

	peers->out = to_answer;
	peers->now_ms = now_ms;
	for (size_t i = 0; i < from_answer->count; i++) {
		const struct dial_datagram *datagram = &from_answer->datagrams[i];
		const uint8_t *bytes = from_answer->bytes + datagram->offset;
		struct peer *peer = &peers->peers[datagram->dial];
		const struct endpoint own = endpoint_ipv4(htonl(datagram->dial), 1701);

		switch ((enum dial_layer)datagram->layer) {
		case DIAL_IKE:
			ike_initiator_feed(peer->ike, datagram->port, bytes, datagram->length,
					   now_ms);
			ike_drain(peers, peer);
			break;
		case DIAL_L2TP:
			l2tp_feed(peer->l2tp, &answer, &own, bytes, datagram->length, now_ms);
			l2tp_drain(peers, peer);
			break;
		case DIAL_PPP:
			/* The answering end speaks first: then our ICCN is there. */
			if (peer->ppp == NULL)
				ppp_start(peers, datagram->dial);
			ppp_feed(peer->ppp, bytes, datagram->length, now_ms);
			ppp_drain(peers, peer);
			break;
		}
	}
}

uint32_t dial_peers_done(const struct dial_peers *peers)
{
	return peers->done;
}

uint32_t dial_peers_failed(const struct dial_peers *peers)
{
	return peers->failed;
}
