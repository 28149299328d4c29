/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig_private.h"

#include "base/memory.h"

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

#define PORTS      2
#define RING_SLOTS 32768
#define WAIT_MS    20000 /* until a test fails that should be quick */

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

static struct rte_ring *ring_make(const char *kind, unsigned port, unsigned queue, unsigned flags)
{
	char name[32];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "%s_%u_%u", kind, port, queue);
	ring = rte_ring_create(name, RING_SLOTS, SOCKET_ID_ANY, flags);
	assert_non_null(ring);
	return ring;
}

static void port_make(unsigned port, bool one_wire, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};
	char name[32];
	int id;

	for (unsigned q = 0; q < RIG_WORKERS_MAX; q++) {
		wires.rx[port][q] = ring_make("rx", port, q, RING_F_SP_ENQ | RING_F_SC_DEQ);
		wires.tx[port][q] = one_wire && q != 0
					    ? wires.tx[port][0]
					    : ring_make("tx", port, q,
							one_wire ? RING_F_SC_DEQ
								 : RING_F_SP_ENQ | RING_F_SC_DEQ);
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
	rig_port_seen((uint16_t)id, wires.rx[port], wires.tx[port]);
}

static void wires_start(bool one_wire)
{
	struct rte_mempool *pool;

	if (wires.started)
		return;
	eal_start();
	rig_pools_seen();
	pool = rte_pktmbuf_pool_create("unused", 15, 0, 0, 2048, SOCKET_ID_ANY);
	assert_non_null(pool);
	for (unsigned port = 0; port < PORTS; port++)
		port_make(port, one_wire, pool);
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
	assert_int_equal(tables_listener_add(tables,
					     rig->options.ipv6 ? &(struct endpoint){0}
							       : RIG_ENDPOINT(RIG_LOCAL),
					     rig->options.ipsec),
			 0);
	gateway = tables_adjacency_new(tables, RIG_PEER_SIDE, RIG_ENDPOINT(RIG_GATEWAY));
	server = tables_adjacency_new(tables, RIG_SERVER_SIDE, RIG_ENDPOINT(RIG_SERVER));
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

static void tables_fill_ipv6(struct rig *rig)
{
	static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 99};
	const struct endpoint gateway_address =
		endpoint_ipv6((const uint8_t[16]){0xfe, 0x80, [15] = 0x99}, 0);
	struct tables *tables = rig->tables;
	int gateway = tables_adjacency_new(tables, RIG_PEER_SIDE, &gateway_address);

	assert_true(gateway >= 0);
	tables_adjacency_resolve(tables, (uint32_t)gateway, gateway_mac);
	assert_int_equal(tables_route_ipv6_add(tables, (const uint8_t[16]){0}, 0, ROUTE_ADJACENCY,
					       (uint32_t)gateway),
			 0);
	assert_int_equal(tables_route_ipv6_add(tables, RIG_LOCAL_IPV6, 64, ROUTE_CONNECTED, 0), 0);
	assert_int_equal(tables_route_ipv6_add(tables, RIG_LOCAL_IPV6, 128, ROUTE_LOCAL, 0), 0);
}

/* The order of start and end, which EAL makes out of the thread sanitizer's sight. */
static uint64_t started_or_ended;

static int worker_main(void *argument)
{
	int status;

	(void)__atomic_load_n(&started_or_ended, __ATOMIC_ACQUIRE);
	status = dataplane_run(argument, rte_lcore_id() - 1);
	__atomic_fetch_add(&started_or_ended, 1, __ATOMIC_RELEASE);
	return status;
}

static void workers_start(struct rig *rig)
{
	__atomic_fetch_add(&started_or_ended, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < rig->options.workers; i++)
		assert_int_equal(rte_eal_remote_launch(worker_main, rig->dataplane, i + 1), 0);
}

static void workers_wait(void)
{
	rte_eal_mp_wait_lcore();
	(void)__atomic_load_n(&started_or_ended, __ATOMIC_ACQUIRE);
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
void rig_end(struct rig *rig)
{
	void *entry;

	if (rig == NULL)
		return;
	if (rig->dataplane != NULL)
		dataplane_stop(rig->dataplane);
	workers_wait();
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

	wires_start(options != NULL && options->one_wire);
	rig_end(wires.rig);
	wires.rig = rig;
	if (options != NULL)
		rig->options = *options;
	if (rig->options.workers == 0)
		rig->options.workers = 1;
	if (rig->options.sessions != 0)
		sizes.sessions = rig->options.sessions;
	if (rig->options.triple_des_bytes_per_second == 0)
		rig->options.triple_des_bytes_per_second = 100000000;
	boxes.workers = rig->options.workers;
	boxes.private_bytes = (unsigned)dataplane_packet_private_bytes();
	rig->mailbox = mailbox_new(&boxes);
	assert_non_null(rig->mailbox);
	sizes.ipv6 = rig->options.ipv6;
	rig->tables = tables_new(&sizes, rig->mailbox);
	assert_non_null(rig->tables);
	tables_fill(rig);
	if (sizes.ipv6)
		tables_fill_ipv6(rig);
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
	workers_start(rig);
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

void rig_inject_chain(struct rig *rig, unsigned port, unsigned queue, const struct bytes *frame,
		      size_t first)
{
	struct rte_mbuf *head = NULL;

	for (size_t at = 0; at < frame->length;) {
		size_t bytes = at == 0 ? first : RTE_MIN(frame->length - at, (size_t)2000);
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(mailbox_packet_pool(rig->mailbox));

		assert_non_null(mbuf);
		memcpy(rte_pktmbuf_append(mbuf, (uint16_t)bytes), frame->data + at, bytes);
		at += bytes;
		if (head == NULL)
			head = mbuf;
		else
			assert_int_equal(rte_pktmbuf_chain(head, mbuf), 0);
	}
	assert_int_equal(rte_ring_enqueue(wires.rx[port][queue], head), 0);
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
		progress.packets += view.packets + view.moved_in + view.moved_out;
		progress.parked += view.jobs_parked;
		progress.polls[i] = view.polls;
	}
	for (unsigned port = 0; port < PORTS; port++)
		for (unsigned q = 0; q < rig->options.workers; q++)
			progress.waiting |= !rte_ring_empty(wires.rx[port][q]);
	return progress;
}

/* Every worker has looked three times at all that it gets its work from. */
static void wait_for_polls(struct rig *rig, const struct progress *before, uint64_t deadline)
{
	bool polled;

	do {
		struct progress now;

		assert_true(rig_milliseconds() < deadline);
		(void)mailbox_send_waiting(rig->mailbox);
		(void)mailbox_deferred_run(rig->mailbox);
		usleep(100);
		now = progress_now(rig);
		polled = true;
		for (unsigned i = 0; i < rig->options.workers; i++)
			polled &= now.polls[i] >= before->polls[i] + 3;
	} while (!polled);
}

void rig_settle(struct rig *rig)
{
	uint64_t deadline = rig_milliseconds() + WAIT_MS;
	unsigned quiet = 0;

	/* A packet or a fence passes through up to three workers. */
	while (quiet < 3) {
		struct progress before = progress_now(rig), now;

		wait_for_polls(rig, &before, deadline);
		now = progress_now(rig);
		quiet = !now.waiting && now.packets == before.packets && now.parked == 0 ? quiet + 1
											 : 0;
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
	const uint8_t *at = mailbox_packet_bytes(rig->mailbox, message, &bytes->length);

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

/* Every SA that is left is deleted and every delete is acknowledged. */
static void state_remove(struct rig *rig)
{
	unsigned waiting = 0;
	struct message *message;

	for (uint32_t slot = 0; slot < 256; slot++) {
		if (!rig->sa_live[slot])
			continue;
		rig_sa_slot_delete(rig, slot);
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
	workers_wait();
	wires_drain(rig);
	assert_false(mailbox_deferred_run(rig->mailbox));
	assert_int_equal(rte_mempool_in_use_count(mailbox_packet_pool(rig->mailbox)), 0);
	assert_int_equal(rte_mempool_in_use_count(rte_mempool_lookup("messages")), 0);
	rig_destroy(rig);
}
