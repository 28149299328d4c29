/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include "base/memory.h"
#include "crypto/esp_engine.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#define PORTS        2
#define RING_SLOTS   32768
#define STORAGES_MAX 4096
#define WAIT_MS      20000 /* until a test fails that should be quick */

struct rig {
	struct rig_options options;
	struct mailbox *mailbox;
	struct tables *tables;
	struct dataplane *dataplane;
	uint32_t pool;
	unsigned peers;
	struct rig_peer peer[RIG_PEERS_MAX];
	bool sa_live[256]; /* by slot */
	uint32_t sa_group[256];
	unsigned sa_worker[256];
	unsigned storages;
	void *storage[STORAGES_MAX];
	uint64_t drops[DROP_COUNT]; /* as the test knows them */
};

/* The ports live as long as the process: EAL starts once. */
static struct {
	bool started;
	uint16_t port[PORTS];
	struct rte_ring *rx[PORTS][RIG_WORKERS_MAX];
	struct rte_ring *tx[PORTS][RIG_WORKERS_MAX];
	struct rig *rig; /* what a failed test left behind */
} wires;

uint64_t rig_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Every lcore floats on the processors that this process may use. */
static void eal_start(void)
{
	static char program[] = "packet", huge[] = "--no-huge", conf[] = "--no-shconf",
		    pci[] = "--no-pci", telemetry[] = "--no-telemetry", m[] = "-m",
		    megabytes[] = "256", level[] = "--log-level=error", lcores[1200];
	char *arguments[] = {program, huge,      conf,  pci,    telemetry,
			     m,       megabytes, level, lcores, NULL};
	char processors[256] = "";
	cpu_set_t set;
	size_t at = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (unsigned i = 0; i < CPU_SETSIZE && at < sizeof(processors) - 8; i++)
		if (CPU_ISSET(i, &set))
			at += (size_t)snprintf(processors + at, sizeof(processors) - at, "%s%u",
					       at != 0 ? "," : "", i);
	at = (size_t)snprintf(lcores, sizeof(lcores), "--lcores=");
	for (unsigned i = 0; i <= RIG_WORKERS_MAX; i++)
		at += (size_t)snprintf(lcores + at, sizeof(lcores) - at, "%s%u@(%s)",
				       i != 0 ? "," : "", i, processors);
	assert_true(rte_eal_init(9, arguments) >= 0);
}

static void port_make(unsigned port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};
	char name[32];
	int id;

	for (unsigned q = 0; q < RIG_WORKERS_MAX; q++) {
		snprintf(name, sizeof(name), "rx_%u_%u", port, q);
		wires.rx[port][q] = rte_ring_create(name, RING_SLOTS, SOCKET_ID_ANY,
						    RING_F_SP_ENQ | RING_F_SC_DEQ);
		snprintf(name, sizeof(name), "tx_%u_%u", port, q);
		wires.tx[port][q] = rte_ring_create(name, RING_SLOTS, SOCKET_ID_ANY,
						    RING_F_SP_ENQ | RING_F_SC_DEQ);
		assert_non_null(wires.rx[port][q]);
		assert_non_null(wires.tx[port][q]);
	}
	snprintf(name, sizeof(name), "wire%u", port);
	id = rte_eth_from_rings(name, wires.rx[port], RIG_WORKERS_MAX, wires.tx[port],
				RIG_WORKERS_MAX, 0);
	assert_true(id >= 0);
	wires.port[port] = (uint16_t)id;
	assert_int_equal(id, port); /* the packet path knows ports by number */
	assert_int_equal(
		rte_eth_dev_configure((uint16_t)id, RIG_WORKERS_MAX, RIG_WORKERS_MAX, &conf), 0);
	for (uint16_t q = 0; q < RIG_WORKERS_MAX; q++) {
		assert_int_equal(rte_eth_rx_queue_setup((uint16_t)id, q, RING_SLOTS, 0, NULL, pool),
				 0);
		assert_int_equal(rte_eth_tx_queue_setup((uint16_t)id, q, RING_SLOTS, 0, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start((uint16_t)id), 0);
}

static void wires_start(void)
{
	struct rte_mempool *pool;

	if (wires.started)
		return;
	eal_start();
	pool = rte_pktmbuf_pool_create("unused", 15, 0, 0, 2048, SOCKET_ID_ANY);
	assert_non_null(pool);
	for (unsigned port = 0; port < PORTS; port++)
		port_make(port, pool);
	wires.started = true;
}

static void tables_fill(struct rig *rig)
{
	static const uint8_t macs[PORTS][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 99};
	static const uint8_t server_mac[6] = {2, 0, 0, 0, 0, 88};
	struct tables *tables = rig->tables;
	int gateway, server, pool;

	for (uint16_t port = 0; port < PORTS; port++)
		tables_port_set(tables, port, macs[port], 1500);
	tables_port_address_set(tables, RIG_PEER_SIDE, htonl(RIG_LOCAL));
	tables_port_address_set(tables, RIG_SERVER_SIDE, htonl(RIG_LOCAL_NONE));
	assert_int_equal(tables_listener_add(tables, htonl(RIG_LOCAL), rig->options.ipsec), 0);
	gateway = tables_adjacency_new(tables, RIG_PEER_SIDE, htonl(RIG_GATEWAY));
	server = tables_adjacency_new(tables, RIG_SERVER_SIDE, htonl(RIG_SERVER));
	pool = tables_pool_new(tables, RIG_POOL, RIG_POOL + 1023);
	assert_true(gateway >= 0 && server >= 0 && pool >= 0);
	rig->pool = (uint32_t)pool;
	tables_adjacency_resolve(tables, (uint32_t)gateway, gateway_mac);
	tables_adjacency_resolve(tables, (uint32_t)server, server_mac);
	assert_int_equal(tables_route_add(tables, 0, 0, ROUTE_ADJACENCY, (uint32_t)gateway), 0);
	assert_int_equal(
		tables_route_add(tables, RIG_SERVER, 32, ROUTE_ADJACENCY, (uint32_t)server), 0);
	assert_int_equal(tables_route_add(tables, RIG_LOCAL & ~255u, 24, ROUTE_CONNECTED, 0), 0);
	assert_int_equal(tables_route_add(tables, RIG_SERVER & ~255u, 24, ROUTE_CONNECTED, 1), 0);
	assert_int_equal(tables_route_add(tables, RIG_LOCAL, 32, ROUTE_LOCAL, 0), 0);
	assert_int_equal(tables_route_add(tables, RIG_LOCAL_NONE, 32, ROUTE_LOCAL, 0), 0);
	assert_int_equal(tables_route_add(tables, RIG_POOL, 22, ROUTE_POOL, rig->pool), 0);
}

static int worker_main(void *argument)
{
	return dataplane_run(argument, rte_lcore_id() - 1);
}

static void wires_drain(struct rig *rig)
{
	struct bytes frame;

	for (unsigned port = 0; port < PORTS; port++)
		while (rig_take(rig, port, &frame))
			;
}

static void rig_destroy(struct rig *rig)
{
	dataplane_free(rig->dataplane);
	tables_free(rig->tables);
	mailbox_free(rig->mailbox);
	for (unsigned i = 0; i < rig->storages; i++)
		free(rig->storage[i]);
	free(rig);
	wires.rig = NULL;
}

/* A test failed in the middle: the next one starts clean. */
static void rig_abandon(struct rig *rig)
{
	void *entry;

	if (rig == NULL)
		return;
	if (rig->dataplane != NULL)
		dataplane_stop(rig->dataplane);
	rte_eal_mp_wait_lcore();
	for (unsigned port = 0; port < PORTS; port++)
		for (unsigned q = 0; q < RIG_WORKERS_MAX; q++) {
			while (rte_ring_dequeue(wires.rx[port][q], &entry) == 0)
				rte_pktmbuf_free(entry);
			while (rte_ring_dequeue(wires.tx[port][q], &entry) == 0)
				rte_pktmbuf_free(entry);
		}
	rig_destroy(rig);
}

struct rig *rig_new(const struct rig_options *options)
{
	struct rig *rig = memory_new(sizeof(*rig));
	struct mailbox_config boxes = {.packets = 24575, .data_bytes = 2304};
	struct tables_config sizes = {.sas = 256, .groups = 64, .sessions = 64, .routes = 1024};
	struct dataplane_config config = {.ports = PORTS};

	wires_start();
	rig_abandon(wires.rig);
	wires.rig = rig;
	if (options != NULL)
		rig->options = *options;
	if (rig->options.workers == 0)
		rig->options.workers = 1;
	if (rig->options.triple_des_bytes_per_second == 0)
		rig->options.triple_des_bytes_per_second = 100000000;
	boxes.workers = rig->options.workers;
	boxes.private_bytes = (unsigned)dataplane_packet_private_bytes();
	rig->mailbox = mailbox_new(&boxes);
	assert_non_null(rig->mailbox);
	rig->tables = tables_new(&sizes, rig->mailbox);
	assert_non_null(rig->tables);
	tables_fill(rig);
	config.workers = rig->options.workers;
	config.idle = rig->options.poll ? DATAPLANE_IDLE_POLL : DATAPLANE_IDLE_ADAPTIVE;
	config.client_to_client = !rig->options.no_client_to_client;
	config.ping_only = !rig->options.all_to_self;
	config.triple_des_bytes_per_second = rig->options.triple_des_bytes_per_second;
	for (unsigned port = 0; port < PORTS; port++) {
		config.devices[port] = (uint16_t)port;
		config.rx_queues[port] = rig->options.rx_queues != 0
						 ? rig->options.rx_queues
						 : (uint16_t)rig->options.workers;
		config.tx_queues[port] = rig->options.tx_queues != 0
						 ? rig->options.tx_queues
						 : (uint16_t)rig->options.workers;
		config.rx_interrupt[port] = rig->options.rx_interrupt;
	}
	rig->dataplane = dataplane_new(&config, rig->mailbox, rig->tables);
	assert_non_null(rig->dataplane);
	for (unsigned i = 0; i < rig->options.workers; i++)
		assert_int_equal(rte_eal_remote_launch(worker_main, rig->dataplane, i + 1), 0);
	return rig;
}

struct mailbox *rig_mailbox(const struct rig *rig)
{
	return rig->mailbox;
}

struct tables *rig_tables(const struct rig *rig)
{
	return rig->tables;
}

struct dataplane *rig_dataplane(const struct rig *rig)
{
	return rig->dataplane;
}

static void exact_free(void *address, void *shared)
{
	free(address);
	free(shared);
}

/* Memory of its own without room at the end: the address sanitizer sees each read beyond it. */
static void exact_attach(struct rte_mbuf *mbuf, size_t length)
{
	struct rte_mbuf_ext_shared_info *shared = memory_new(sizeof(*shared));
	uint16_t room = (uint16_t)(MAILBOX_HEADROOM_BYTES + length);

	shared->free_cb = exact_free;
	shared->fcb_opaque = shared;
	rte_mbuf_ext_refcnt_set(shared, 1);
	rte_pktmbuf_attach_extbuf(mbuf, memory_new(room), 0, room, shared);
	mbuf->data_off = MAILBOX_HEADROOM_BYTES;
}

void rig_inject(struct rig *rig, unsigned port, unsigned queue, const struct bytes *frame)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(mailbox_packet_pool(rig->mailbox));
	char *room;

	assert_non_null(mbuf);
	if (rig->options.exact)
		exact_attach(mbuf, frame->length);
	room = rte_pktmbuf_append(mbuf, (uint16_t)frame->length);
	assert_non_null(room);
	memcpy(room, frame->data, frame->length);
	/* Frames are written for the first port: the second one has the next link address. */
	if (frame->length >= 6 && (frame->data[0] & 1) == 0)
		room[5] = (char)(room[5] + (int)port);
	assert_int_equal(rte_ring_enqueue(wires.rx[port][queue], mbuf), 0);
}

struct progress {
	uint64_t packets;
	uint64_t parked;
	uint64_t polls[RIG_WORKERS_MAX];
	bool waiting;
};

static struct progress progress_now(const struct rig *rig)
{
	struct progress progress = {0};

	for (unsigned i = 0; i < rig->options.workers; i++) {
		struct worker_view view;

		dataplane_worker_view(rig->dataplane, i, &view);
		progress.packets += view.packets;
		progress.parked += view.jobs_parked;
		progress.polls[i] = view.polls;
	}
	for (unsigned port = 0; port < PORTS; port++)
		for (unsigned q = 0; q < rig->options.workers; q++)
			progress.waiting |= !rte_ring_empty(wires.rx[port][q]);
	return progress;
}

void rig_settle(struct rig *rig)
{
	uint64_t deadline = rig_milliseconds() + WAIT_MS;

	for (;;) {
		struct progress before = progress_now(rig), now;
		bool polled;

		do {
			assert_true(rig_milliseconds() < deadline);
			(void)mailbox_send_waiting(rig->mailbox);
			(void)mailbox_deferred_run(rig->mailbox);
			usleep(100);
			now = progress_now(rig);
			polled = true;
			for (unsigned i = 0; i < rig->options.workers; i++)
				polled &= now.polls[i] >= before.polls[i] + 3;
		} while (!polled);
		if (!now.waiting && now.packets == before.packets && now.parked == 0)
			return;
	}
}

bool rig_take_queue(struct rig *rig, unsigned port, unsigned queue, struct bytes *frame)
{
	void *entry;
	struct rte_mbuf *mbuf;

	(void)rig;
	if (rte_ring_dequeue(wires.tx[port][queue], &entry) != 0)
		return false;
	mbuf = entry;
	assert_int_equal(mbuf->nb_segs, 1);
	assert_int_equal(mbuf->pkt_len, mbuf->data_len);
	assert_true(mbuf->data_len <= WIRE_BYTES_MAX);
	frame->length = mbuf->data_len;
	memcpy(frame->data, rte_pktmbuf_mtod(mbuf, void *), frame->length);
	rte_pktmbuf_free(mbuf);
	return true;
}

bool rig_take(struct rig *rig, unsigned port, struct bytes *frame)
{
	for (unsigned q = 0; q < rig->options.workers; q++)
		if (rig_take_queue(rig, port, q, frame))
			return true;
	return false;
}

static struct message *message_now(struct rig *rig)
{
	struct message *message;

	for (unsigned i = 0; i < rig->options.workers; i++)
		if (mailbox_receive(rig->mailbox, i, &message, 1) == 1)
			return message;
	return NULL;
}

struct message *rig_message(struct rig *rig)
{
	struct message *message = message_now(rig);

	if (message != NULL)
		return message;
	rig_settle(rig);
	return message_now(rig);
}

void rig_message_free(struct rig *rig, struct message *message)
{
	mailbox_message_free(rig->mailbox, message);
}

void rig_expect_silence(struct rig *rig)
{
	struct bytes frame;
	struct message *message;

	rig_settle(rig);
	assert_false(rig_take(rig, RIG_PEER_SIDE, &frame));
	assert_false(rig_take(rig, RIG_SERVER_SIDE, &frame));
	message = rig_message(rig);
	if (message != NULL)
		fail_msg("control got a message of kind %d", (int)message->kind);
}

struct message *rig_expect_message(struct rig *rig, enum message_kind kind)
{
	struct message *message = rig_message(rig);

	assert_non_null(message);
	assert_int_equal(message->kind, kind);
	return message;
}

struct message *rig_expect_packet(struct rig *rig, enum control_class class, struct bytes *bytes)
{
	struct message *message = rig_expect_message(rig, MESSAGE_PACKET);
	const uint8_t *at = mailbox_packet_bytes(message, &bytes->length);

	assert_int_equal(message->packet_in.class, class);
	assert_true(bytes->length <= WIRE_BYTES_MAX);
	memcpy(bytes->data, at, bytes->length);
	return message;
}

uint64_t rig_drops(const struct rig *rig, enum drop drop)
{
	return dataplane_drops(rig->dataplane, drop);
}

static void expect_drops(struct rig *rig, unsigned expected, uint64_t count)
{
	rig_settle(rig);
	for (unsigned drop = 0; drop < DROP_COUNT; drop++) {
		uint64_t now = rig_drops(rig, (enum drop)drop);
		uint64_t fresh = now - rig->drops[drop];

		if (fresh != (drop == expected ? count : 0))
			fail_msg("%llu packets dropped as %s", (unsigned long long)fresh,
				 drop_name((enum drop)drop));
		rig->drops[drop] = now;
	}
}

void rig_expect_drops(struct rig *rig, enum drop drop, uint64_t count)
{
	expect_drops(rig, drop, count);
}

void rig_expect_no_drops(struct rig *rig)
{
	expect_drops(rig, DROP_COUNT, 0);
}

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
}

void rig_sa_confirm(struct rig *rig, const struct rig_peer *peer, const struct wire_sa *sa)
{
	struct message *message = mailbox_message_new(rig->mailbox, MESSAGE_SA_CONFIRM);

	message->sa.group = peer->slot;
	message->sa.slot = sa->slot;
	mailbox_send(rig->mailbox, peer->worker, message);
}

static void sa_slot_delete(struct rig *rig, uint32_t slot)
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
	sa_slot_delete(rig, sa->slot);
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

void rig_open_l2tp(const struct rig_peer *peer, struct bytes *frame, uint32_t *sequence)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 99, 2, 0, 0, 0, 0, 1};

	*sequence = 0;
	assert_memory_equal(frame->data, macs, sizeof(macs));
	bytes_cut(frame, 14);
	assert_true(wire_ipv4_valid(frame));
	assert_int_equal(bytes_u32(frame, 12), RIG_LOCAL);
	assert_int_equal(bytes_u32(frame, 16), peer->remote);
	assert_int_equal(frame->data[9],
			 peer->plain || peer->encapsulated ? IPPROTO_UDP : IPPROTO_ESP);
	bytes_cut(frame, 20);
	if (!peer->plain) {
		if (peer->encapsulated) {
			assert_int_equal(bytes_u16(frame, 0), 4500);
			assert_int_equal(bytes_u16(frame, 2), peer->remote_port);
			assert_int_equal(bytes_u16(frame, 4), frame->length);
			assert_int_equal(bytes_u16(frame, 6), 0); /* RFC 3948 2.1 */
			bytes_cut(frame, 8);
		}
		assert_true(wire_esp_open(&peer->sa, frame, sequence));
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

/* Every SA that is left is deleted and every delete is acknowledged. */
static void state_remove(struct rig *rig)
{
	unsigned waiting = 0;
	struct message *message;

	for (uint32_t slot = 0; slot < 256; slot++) {
		if (!rig->sa_live[slot])
			continue;
		sa_slot_delete(rig, slot);
		waiting++;
	}
	for (unsigned i = 0; i < rig->peers; i++) {
		if (rig->peer[i].session_gone)
			continue;
		message = mailbox_message_new(rig->mailbox, MESSAGE_SESSION_DELETE);
		message->remove.slot = rig->peer[i].slot;
		mailbox_send(rig->mailbox, rig->peer[i].worker, message);
		waiting++;
		if (rig->peer[i].plain)
			tables_plain_tunnel_delete(rig->tables, rig->peer[i].tunnel);
	}
	rig_settle(rig);
	while ((message = rig_message(rig)) != NULL) {
		waiting -= message->kind == MESSAGE_SA_DELETE ||
			   message->kind == MESSAGE_SESSION_DELETE;
		rig_message_free(rig, message);
	}
	assert_int_equal(waiting, 0);
	for (unsigned i = 0; i < rig->peers; i++) {
		if (rig->peer[i].plain)
			continue;
		message = mailbox_message_new(rig->mailbox, MESSAGE_GROUP_DELETE);
		message->remove.slot = rig->peer[i].slot;
		mailbox_send(rig->mailbox, rig->peer[i].worker, message);
	}
	while ((message = rig_message(rig)) != NULL) {
		assert_int_equal(message->kind, MESSAGE_GROUP_DELETE);
		rig_message_free(rig, message);
	}
}

void rig_free(struct rig *rig)
{
	rig_settle(rig);
	wires_drain(rig);
	state_remove(rig);
	dataplane_stop(rig->dataplane);
	rte_eal_mp_wait_lcore();
	wires_drain(rig);
	assert_false(mailbox_deferred_run(rig->mailbox));
	assert_int_equal(rte_mempool_in_use_count(mailbox_packet_pool(rig->mailbox)), 0);
	assert_int_equal(rte_mempool_in_use_count(rte_mempool_lookup("messages")), 0);
	rig_destroy(rig);
}
