/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include "base/memory.h"
#include "crypto/esp_engine.h"
#include "dataplane/replay.h"
#include "ike/initiator.h"
#include "nat.h"
#include "secret.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IKE_PORT         500
#define IKE_NAT_PORT     4500
#define MARKER_BYTES     4 /* the non-ESP marker (RFC 3948 2.2) */
#define ESP_HEADER_BYTES 8
#define ESP_BATCH        64
#define SPI_FIRST        0x10000
#define LIFETIME_MS      28800000

/* A peer's IKE and its pair of SAs. */
struct client {
	struct ike_initiator *ike;
	struct esp_key *key_in; /* NULL: no pair is up */
	struct esp_key *key_out;
	uint32_t spi_in;
	uint32_t spi_out;
	uint32_t sequence_out;
	bool encapsulated;
	bool closed;
	uint64_t keepalive_ms; /* the next one */
	struct replay_window window;
};

struct jobs {
	unsigned count;
	struct esp_job jobs[ESP_BATCH];
};

/* What all clients share. */
struct client_set {
	struct ike_initiator_config config;
	struct secret preshared_key;
	struct esp_engine *engine;
	unsigned lane;
	uint32_t tag_bytes;
	uint32_t iv_bytes;
	uint32_t block_bytes;
	struct jobs sealing;
	struct jobs opening;
};

static void timer_expired(struct timer_node *node, uint64_t now_ms);

int client_set_up(struct load *load)
{
	const struct options *options = load->options;
	struct client_set *set;

	if (!options->ipsec)
		return 0;
	set = load->clients = memory_new(sizeof(*set));
	if (secret_read(&set->preshared_key, options->preshared_key_file) != 0)
		return -EINVAL;
	set->engine = esp_engine_new();
	if (set->engine == NULL) {
		log_error(load->log, LOG_DAEMON, "the ESP engine does not start error=%s",
			  strerror(errno));
		return -errno;
	}
	set->lane = esp_suite_lane(&options->suite);
	set->tag_bytes = (uint32_t)esp_suite_tag_bytes(&options->suite);
	set->iv_bytes = (uint32_t)esp_suite_iv_bytes(&options->suite);
	set->block_bytes = (uint32_t)esp_suite_block_bytes(&options->suite);
	set->config = (struct ike_initiator_config){
		.preshared_key = set->preshared_key.bytes,
		.preshared_key_bytes = set->preshared_key.length,
		.ike = {.cipher = BLOCK_CIPHER_AES_CBC,
			.key_bytes = 32,
			.hash = DIGEST_SHA2_256,
			.group = options->ike_group,
			.lifetime_ms = LIFETIME_MS},
		.esp = options->suite,
		.esp_lifetime_ms = LIFETIME_MS,
		.nat = options->bare_esp                   ? IKE_INITIATOR_NAT_NONE
		       : options->clients_per_address != 0 ? IKE_INITIATOR_NAT_DETECT
							   : IKE_INITIATOR_NAT_FORCED,
		.dead_peer_detection = true,
		.own_port = L2TP_PORT,
		.retransmit_ms = 1000,
		.retransmissions = 6,
		.old_child_ms = 30000,
	};
	return 0;
}

static void client_free(struct client *client, unsigned lane)
{
	if (client == NULL)
		return;
	ike_initiator_free(client->ike);
	if (client->key_in != NULL) {
		esp_key_release(client->key_in, lane);
		esp_key_release(client->key_out, lane);
		free(client->key_in);
		free(client->key_out);
	}
	free(client);
}

void client_tear_down(struct load *load)
{
	struct client_set *set = load->clients;

	if (set == NULL)
		return;
	for (uint32_t i = 0; i < load->options->tunnels; i++) {
		timer_wheel_cancel(&load->peers[i].timer);
		client_free(load->peers[i].client, set->lane);
	}
	esp_engine_free(set->engine);
	secret_wipe(&set->preshared_key);
	free(set);
}

/* ---- IKE ---- */

/* Sends a UDP payload from the peer's own port. */
static void udp_send(struct peer *peer, uint16_t own_port, uint16_t to_port, struct rte_mbuf *mbuf)
{
	struct load *load = peer->load;

	frame_push_udp(mbuf, nat_port(load->options, peer->number, own_port), to_port);
	frame_push_ipv4(mbuf, IPPROTO_UDP, peer_address_be(peer), load->options->lns_be);
	port_send(&load->peers_port, mbuf);
}

static void bytes_send(struct peer *peer, uint16_t port, const void *bytes, size_t length)
{
	struct rte_mbuf *mbuf = frame_copy(peer->load->pool, bytes, length);

	if (mbuf == NULL)
		peer->load->tally.control_refused++;
	else
		udp_send(peer, port, port, mbuf);
}

static struct esp_key *key_new(struct client_set *set, const struct esp_keys *keys, bool encrypt)
{
	struct esp_key *key = memory_new_aligned(64, esp_key_bytes(&keys->suite));

	if (esp_key_init(set->engine, keys, encrypt, key) != 0)
		abort(); /* the suite was checked when the options were read */
	return key;
}

static void child_up(struct peer *peer, const struct ike_initiator_event *event)
{
	struct client *client = peer->client;
	struct client_set *set = peer->load->clients;

	if (client->key_in != NULL)
		return;
	client->spi_in = event->child_up.spi_in;
	client->spi_out = event->child_up.spi_out;
	client->encapsulated = event->child_up.encapsulated;
	client->key_in = key_new(set, &event->child_up.keys_in, false);
	client->key_out = key_new(set, &event->child_up.keys_out, true);
}

static void job_run(struct peer *peer, const struct ike_initiator_job *job)
{
	struct ike_initiator_job_result result;

	ike_initiator_job_run(job, &result);
	ike_initiator_job_done(peer->client->ike, &result, peer->load->now_ms);
	memory_wipe(&result, sizeof(result));
}

/* The IKE SA ended, which takes the tunnel with it unless we asked for that. */
static void ike_ended(struct peer *peer, enum cause cause)
{
	bool keying = peer->phase == PEER_PHASE_KEYING;

	if (peer->client->closed)
		return;
	peer->client->closed = true;
	if (keying)
		peer_failed(peer, cause);
	else
		peer->load->tally.ike_dropped++;
}

static void ike_drain(struct peer *peer)
{
	struct client *client = peer->client;
	const struct ike_initiator_event *event;

	while ((event = ike_initiator_next_event(client->ike)) != NULL) {
		switch (event->kind) {
		case IKE_INITIATOR_SEND:
			bytes_send(peer, event->send.port, event->send.bytes, event->send.length);
			break;
		case IKE_INITIATOR_JOB:
			job_run(peer, &event->job);
			break;
		case IKE_INITIATOR_CHILD_UP:
			child_up(peer, event);
			break;
		case IKE_INITIATOR_DOWN:
			ike_ended(peer, event->down.cause);
			break;
		case IKE_INITIATOR_FAILED:
			ike_ended(peer, event->failed.cause);
			break;
		default:
			break;
		}
	}
}

/* Takes what IKE says, goes on to L2TP once the SAs are there, and sets the timer. */
static void client_settle(struct peer *peer)
{
	struct client *client = peer->client;
	uint64_t deadline_ms;

	ike_drain(peer);
	if (peer->phase == PEER_PHASE_KEYING && client->key_in != NULL && !client->closed)
		peer_secured(peer);
	deadline_ms = ike_initiator_deadline(client->ike);
	if (client->keepalive_ms < deadline_ms)
		deadline_ms = client->keepalive_ms;
	timer_wheel_set(peer->load->wheel, &peer->timer, deadline_ms);
}

static void keepalive_plan(struct peer *peer)
{
	const struct options *options = peer->load->options;

	peer->client->keepalive_ms =
		options->bare_esp || options->keepalive_seconds == 0 || peer->client->closed
			? UINT64_MAX
			: peer->load->now_ms + (uint64_t)options->keepalive_seconds * 1000;
}

static void timer_expired(struct timer_node *node, uint64_t now_ms)
{
	static const uint8_t keepalive[] = {0xff};
	struct peer *peer = (struct peer *)node;
	struct client *client = peer->client;

	if (now_ms >= client->keepalive_ms) {
		if (client->key_in != NULL && !client->closed)
			bytes_send(peer, IKE_NAT_PORT, keepalive, sizeof(keepalive));
		keepalive_plan(peer);
	}
	ike_initiator_on_time(client->ike, now_ms);
	client_settle(peer);
}

void client_dial(struct peer *peer)
{
	struct load *load = peer->load;
	const struct options *options = load->options;
	struct endpoint lns = endpoint_ipv4(options->lns_be, IKE_PORT);
	struct endpoint own =
		endpoint_ipv4(options->clients_per_address != 0 ? options->private_address_be
								: peer_address_be(peer),
			      IKE_PORT);

	peer->client = memory_new(sizeof(*peer->client));
	peer->client->ike = ike_initiator_new(&load->clients->config, &load->random);
	peer->timer.expired = timer_expired;
	keepalive_plan(peer);
	ike_initiator_start(peer->client->ike, &own, &lns, SPI_FIRST + peer->number, load->now_ms);
	client_settle(peer);
}

void client_close(struct peer *peer)
{
	if (peer->client == NULL || peer->client->closed)
		return;
	peer->client->closed = true;
	client_flush(peer->load);
	ike_initiator_close(peer->client->ike, peer->load->now_ms);
	client_settle(peer);
}

void client_receive(struct peer *peer, uint16_t own_port, struct rte_mbuf *mbuf)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	static const uint8_t marker[MARKER_BYTES];

	if (own_port == IKE_NAT_PORT && mbuf->data_len > MARKER_BYTES &&
	    memcmp(bytes, marker, sizeof(marker)) != 0) {
		client_receive_esp(peer, mbuf);
		return;
	}
	if (peer->client != NULL && mbuf->data_len > MARKER_BYTES) {
		ike_initiator_feed(peer->client->ike, own_port, bytes, mbuf->data_len,
				   peer->load->now_ms);
		client_settle(peer);
	}
	rte_pktmbuf_free(mbuf);
}

/* ---- ESP ---- */

static void job_add(struct load *load, struct jobs *jobs, const struct esp_job *job)
{
	jobs->jobs[jobs->count++] = *job;
	if (jobs->count == ESP_BATCH)
		client_flush(load);
}

void client_receive_esp(struct peer *peer, struct rte_mbuf *mbuf)
{
	struct load *load = peer->load;
	struct client_set *set = load->clients;
	const struct client *client = peer->client;
	uint8_t *esp = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t around = ESP_HEADER_BYTES + set->iv_bytes + set->tag_bytes;
	struct frame *frame = frame_of(mbuf);
	uint32_t header[2] = {0, 0};

	if (mbuf->data_len >= sizeof(header))
		memcpy(header, esp, sizeof(header));
	if (client == NULL || client->key_in == NULL || ntohl(header[0]) != client->spi_in ||
	    mbuf->data_len <= around || (mbuf->data_len - around) % set->block_bytes != 0) {
		load->tally.strays++;
		rte_pktmbuf_free(mbuf);
		return;
	}
	frame->peer = peer;
	frame->sealing = false;
	frame->sequence = ntohl(header[1]);
	frame->text_bytes = mbuf->data_len - around;
	job_add(load, &set->opening,
		&(struct esp_job){.user = mbuf,
				  .key = client->key_in,
				  .esp = esp,
				  .text_bytes = frame->text_bytes,
				  .tag = frame->tag});
}

/* Authentic, in order, and what we negotiated: or a reason to count. */
static bool opened_right(struct load *load, struct client *client, const struct frame *frame,
			 const uint8_t *text)
{
	uint32_t padding = text[frame->text_bytes - 2];

	if (!memory_equal_constant_time(frame->tag, text + frame->text_bytes,
					load->clients->tag_bytes)) {
		load->tally.esp_forged++;
		return false;
	}
	if (!replay_acceptable(&client->window, frame->sequence)) {
		load->tally.esp_replayed++;
		return false;
	}
	if (!replay_accept(&client->window, frame->sequence))
		load->tally.esp_late++;
	if (text[frame->text_bytes - 1] != IPPROTO_UDP || padding + 2 > frame->text_bytes) {
		load->tally.esp_forged++;
		return false;
	}
	return true;
}

static void opened(struct load *load, struct rte_mbuf *mbuf)
{
	struct frame *frame = frame_of(mbuf);
	const uint8_t *text = rte_pktmbuf_mtod_offset(mbuf, uint8_t *,
						      ESP_HEADER_BYTES + load->clients->iv_bytes);

	if (opened_right(load, frame->peer->client, frame, text))
		peer_receive_l2tp(frame->peer, text,
				  frame->text_bytes - 2 - text[frame->text_bytes - 2]);
	rte_pktmbuf_free(mbuf);
}

static void header_write(struct client_set *set, struct client *client, uint8_t *esp)
{
	uint32_t header[2] = {htonl(client->spi_out), htonl(++client->sequence_out)};

	memcpy(esp, header, sizeof(header));
	if (set->lane == ESP_LANE_GCM) {
		memset(esp + 8, 0, 4);
		memcpy(esp + 12, &header[1], 4);
	} else {
		esp_engine_unpredictable(set->engine, esp + 8, set->iv_bytes);
	}
}

void client_seal(struct peer *peer, struct rte_mbuf *mbuf)
{
	struct load *load = peer->load;
	struct client_set *set = load->clients;
	struct client *client = peer->client;
	struct frame *frame = frame_of(mbuf);
	uint32_t padding = -(mbuf->data_len + 2u) & (set->block_bytes - 1);
	uint8_t *trailer, *esp;

	if (client == NULL || client->key_out == NULL) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	frame->peer = peer;
	frame->sealing = true;
	frame->text_bytes = mbuf->data_len + padding + 2;
	trailer = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(padding + 2 + set->tag_bytes));
	esp = (uint8_t *)rte_pktmbuf_prepend(mbuf, (uint16_t)(ESP_HEADER_BYTES + set->iv_bytes));
	for (uint32_t i = 0; i < padding; i++)
		trailer[i] = (uint8_t)(i + 1);
	trailer[padding] = (uint8_t)padding;
	trailer[padding + 1] = IPPROTO_UDP;
	header_write(set, client, esp);
	job_add(load, &set->sealing,
		&(struct esp_job){.user = mbuf,
				  .key = client->key_out,
				  .esp = esp,
				  .text_bytes = frame->text_bytes,
				  .tag = trailer + padding + 2});
}

static void sealed(struct load *load, struct rte_mbuf *mbuf)
{
	struct peer *peer = frame_of(mbuf)->peer;

	if (peer->client->encapsulated) {
		udp_send(peer, IKE_NAT_PORT, IKE_NAT_PORT, mbuf);
		return;
	}
	frame_push_ipv4(mbuf, IPPROTO_ESP, peer_address_be(peer), load->options->lns_be);
	port_send(&load->peers_port, mbuf);
}

static void done_take(struct load *load, const struct esp_done *done, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = done[i].user;

		if (done[i].failed) {
			load->tally.esp_forged++;
			rte_pktmbuf_free(mbuf);
		} else if (frame_of(mbuf)->sealing) {
			sealed(load, mbuf);
		} else {
			opened(load, mbuf);
		}
	}
}

/* Gives the jobs to the engine. What is queued while its results are taken goes with the next. */
static void jobs_submit(struct load *load, struct jobs *jobs, bool encrypt)
{
	struct client_set *set = load->clients;
	struct esp_done done[ESP_DONE_MAX];
	unsigned count =
		esp_engine_submit(set->engine, set->lane, encrypt, jobs->jobs, jobs->count, done);

	jobs->count = 0;
	done_take(load, done, count);
}

void client_flush(struct load *load)
{
	struct client_set *set = load->clients;
	struct esp_done done[ESP_DONE_MAX];

	if (set == NULL)
		return;
	while (set->sealing.count + set->opening.count +
		       esp_engine_parked(set->engine, set->lane) !=
	       0) {
		if (set->sealing.count != 0)
			jobs_submit(load, &set->sealing, true);
		if (set->opening.count != 0)
			jobs_submit(load, &set->opening, false);
		done_take(load, done, esp_engine_flush(set->engine, set->lane, done));
	}
}
