/* SPDX-License-Identifier: BSD-3-Clause */
#include "bed.h"

#include "base/memory.h"
#include "dataplane/worker.h"
#include "tables/tables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#define HUGE_PAGE        ((size_t)2 << 20)
#define CHUNK_BYTES      ((size_t)64 << 20)
#define SESSIONS_A_BATCH 500 /* five messages each: less than a ring holds */
#define TUNNEL_SESSIONS  60000
#define INNER_MTU        1420
#define INNER_MSS        1360

#define CHUNKS_MAX       512

static struct {
	uint8_t *next;
	size_t left;
	unsigned count;
	struct {
		void *address;
		size_t bytes;
	} mapped[CHUNKS_MAX];
} chunks;

static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void chunk_map(size_t bytes)
{
	size_t size = RTE_MAX(CHUNK_BYTES, RTE_ALIGN_CEIL(bytes, HUGE_PAGE));
	void *mapped = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mapped == MAP_FAILED || chunks.count == CHUNKS_MAX)
		die("memory");
	chunks.mapped[chunks.count].address = mapped;
	chunks.mapped[chunks.count++].bytes = size + HUGE_PAGE;
	chunks.next = RTE_PTR_ALIGN_CEIL(mapped, HUGE_PAGE);
	chunks.left = size;
	(void)madvise(chunks.next, size, MADV_HUGEPAGE);
}

void *bed_memory(size_t bytes)
{
	void *memory;

	bytes = RTE_ALIGN_CEIL(bytes, (size_t)RTE_CACHE_LINE_SIZE);
	if (bytes > chunks.left)
		chunk_map(bytes);
	memory = chunks.next;
	chunks.next += bytes;
	chunks.left -= bytes;
	return memory;
}

static void chunks_unmap(void)
{
	for (unsigned i = 0; i < chunks.count; i++)
		munmap(chunks.mapped[i].address, chunks.mapped[i].bytes);
	chunks.count = 0;
	chunks.left = 0;
}

bool bed_eal_start(unsigned megabytes)
{
	char program[] = "bench", pci[] = "--no-pci", in_memory[] = "--in-memory",
	     telemetry[] = "--no-telemetry", m[] = "-m", size[16], level[] = "--log-level=error",
	     lcore[] = "--lcores=0@(0-1),1@(0-1)", huge[] = "--no-huge",
	     null0[] = "--vdev=net_null0", null1[] = "--vdev=net_null1";
	char *arguments[] = {program, pci,   telemetry, m,         size, level,
			     null0,   null1, lcore,     in_memory, NULL};
	void *probe = mmap(NULL, (size_t)megabytes << 20, PROT_READ,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	bool on_huge_pages = probe != MAP_FAILED;

	if (on_huge_pages)
		munmap(probe, (size_t)megabytes << 20);
	else
		arguments[RTE_DIM(arguments) - 2] = huge;
	snprintf(size, sizeof(size), "%u", megabytes);
	if (rte_eal_init((int)RTE_DIM(arguments) - 1, arguments) < 0) {
		errno = rte_errno;
		die("EAL");
	}
	return on_huge_pages;
}

static uint16_t receive(void *queue, struct rte_mbuf **packets, uint16_t count)
{
	struct bed_queue *in = queue;
	uint16_t some = (uint16_t)RTE_MIN(count, in->count - in->at);

	memcpy(packets, in->packets + in->at, some * sizeof(*packets));
	in->at += some;
	return some;
}

static uint16_t transmit(void *queue, struct rte_mbuf **packets, uint16_t count)
{
	struct bed_queue *out = queue;

	memcpy(out->packets + out->count, packets, count * sizeof(*packets));
	out->count += count;
	return count;
}

/* The fast path of the device: burst functions and their queue. */
static void port_take(struct bed *bed, enum bed_port port)
{
	struct rte_eth_fp_ops *operations = &rte_eth_fp_ops[port];

	operations->rx_pkt_burst = receive;
	operations->tx_pkt_burst = transmit;
	operations->rxq.data[0] = &bed->in[port];
	for (unsigned i = 0; i < bed->options.workers; i++)
		operations->txq.data[i] = &bed->out[i];
}

static void port_start(enum bed_port port, struct rte_mempool *pool)
{
	struct rte_eth_conf configuration = {0};
	static bool started[BED_PORTS];

	if (!started[port] &&
	    (rte_eth_dev_configure(port, 1, 1, &configuration) != 0 ||
	     rte_eth_rx_queue_setup(port, 0, 64, SOCKET_ID_ANY, NULL, pool) != 0 ||
	     rte_eth_tx_queue_setup(port, 0, 64, SOCKET_ID_ANY, NULL) != 0 ||
	     rte_eth_dev_start(port) != 0))
		die("port");
	started[port] = true;
}

static void tables_fill(struct bed *bed)
{
	static const uint8_t macs[BED_PORTS][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 99};
	static const uint8_t server_mac[6] = {2, 0, 0, 0, 0, 88};
	struct tables *tables = bed->tables;
	int gateway, server, pool;
	bool plain = bed->options.suite.cipher == ESP_CIPHER_NONE;

	for (uint16_t port = 0; port < BED_PORTS; port++)
		tables_port_set(tables, port, macs[port], 1500);
	(void)tables_listener_add(tables, htonl(BED_LOCAL),
				  plain ? LISTENER_IPSEC_OFF : LISTENER_IPSEC_REQUIRED);
	gateway = tables_adjacency_new(tables, BED_PEERS, htonl(BED_LOCAL + 1));
	server = tables_adjacency_new(tables, BED_SERVERS, htonl(BED_SERVER_FIRST + 1));
	pool = tables_pool_new(tables, BED_POOL_FIRST, BED_POOL_FIRST + bed->options.sessions - 1);
	if (gateway < 0 || server < 0 || pool < 0)
		die("tables");
	tables_adjacency_resolve(tables, (uint32_t)gateway, gateway_mac);
	tables_adjacency_resolve(tables, (uint32_t)server, server_mac);
	if (tables_route_add(tables, 0, 0, ROUTE_ADJACENCY, (uint32_t)gateway) != 0 ||
	    tables_route_add(tables, BED_SERVER_FIRST, 15, ROUTE_ADJACENCY, (uint32_t)server) !=
		    0 ||
	    tables_route_add(tables, BED_LOCAL, 32, ROUTE_LOCAL, 0) != 0 ||
	    tables_route_add(tables, BED_POOL_FIRST, 10, ROUTE_POOL, (uint32_t)pool) != 0)
		die("routes");
}

/* Keys that differ between sessions; which they are is of no interest. */
static void keys_make(struct esp_keys *keys, const struct esp_suite *suite, uint32_t seed)
{
	*keys = (struct esp_keys){.suite = *suite};
	for (unsigned i = 0; i < sizeof(keys->cipher_key); i++)
		keys->cipher_key[i] = (uint8_t)(seed * 2654435761u >> (i & 3) * 8) ^ (uint8_t)i;
	for (unsigned i = 0; i < sizeof(keys->authenticator_key); i++)
		keys->authenticator_key[i] =
			(uint8_t)(seed * 2246822519u >> (i & 3) * 8) ^ (uint8_t)i;
}

static struct message *message_new(struct bed *bed, enum message_kind kind)
{
	return mailbox_message_new(bed->mailbox, kind);
}

static void group_install(struct bed *bed, uint32_t i)
{
	const struct esp_suite *suite = &bed->options.suite;
	struct bed_session *session = &bed->session[i];
	struct message *message = message_new(bed, MESSAGE_GROUP_ADD);

	message->group_add.storage = bed_memory(GROUP_STORAGE_BYTES);
	message->group_add.slot = i;
	message->group_add.local = endpoint_ipv4(htonl(BED_LOCAL), 4500);
	message->group_add.remote = endpoint_ipv4(htonl(BED_PEER_FIRST + i), 4500);
	message->group_add.may_move = true;
	mailbox_send(bed->mailbox, i % bed->options.workers, message);

	message = message_new(bed, MESSAGE_SA_ADD);
	session->spi_in = tables_spi_reserve(bed->tables, &session->sa_slot);
	tables_sa_owner_set(bed->tables, session->sa_slot, i % bed->options.workers);
	message->sa_add.storage = bed_memory(SA_STORAGE_BYTES + 2 * esp_key_bytes(suite));
	message->sa_add.group = i;
	message->sa_add.slot = session->sa_slot;
	message->sa_add.spi_in = session->spi_in;
	message->sa_add.spi_out = 0xc0000000 + i;
	message->sa_add.encapsulated = true;
	keys_make(&message->sa_add.keys_in, suite, 2 * i);
	keys_make(&message->sa_add.keys_out, suite, 2 * i + 1);
	if (suite->cipher != ESP_CIPHER_AES_GCM_16) {
		session->key_peer = bed_memory(esp_key_bytes(suite));
		if (esp_key_init(bed->engine, &message->sa_add.keys_in, true, session->key_peer) !=
		    0)
			die("key");
	}
	mailbox_send(bed->mailbox, i % bed->options.workers, message);

	message = message_new(bed, MESSAGE_SA_CONFIRM);
	message->sa.group = i;
	message->sa.slot = session->sa_slot;
	mailbox_send(bed->mailbox, i % bed->options.workers, message);
}

static void session_install(struct bed *bed, uint32_t i, bool plain)
{
	struct bed_session *session = &bed->session[i];
	struct message *message = message_new(bed, MESSAGE_SESSION_ADD);

	session->tunnel =
		plain ? (uint16_t)(1 + i / TUNNEL_SESSIONS) : (uint16_t)(i * 40503u >> 3 | 1);
	session->session = (uint16_t)(1 + i % TUNNEL_SESSIONS);
	message->session_add.storage = bed_memory(SESSION_STORAGE_BYTES);
	message->session_add.slot = i;
	message->session_add.group = plain ? NO_SLOT : i;
	message->session_add.local = endpoint_ipv4(htonl(BED_LOCAL), 1701);
	message->session_add.remote =
		endpoint_ipv4(htonl(BED_PEER_FIRST + (plain ? session->tunnel : i)), 1701);
	message->session_add.tunnel = session->tunnel;
	message->session_add.session = session->session;
	message->session_add.peer_tunnel = session->tunnel;
	message->session_add.peer_session = session->session;
	tables_session_owner_set(bed->tables, i, i % bed->options.workers);
	if (plain) {
		if (i % TUNNEL_SESSIONS == 0 &&
		    tables_plain_tunnel_add(bed->tables, session->tunnel,
					    &message->session_add.local,
					    &message->session_add.remote) != 0)
			die("tunnel");
		tables_plain_session_set(bed->tables, session->tunnel, session->session, i);
	}
	mailbox_send(bed->mailbox, i % bed->options.workers, message);

	message = message_new(bed, MESSAGE_SESSION_OPEN);
	message->session_open.slot = i;
	message->session_open.peer_address_be = htonl(BED_POOL_FIRST + i);
	message->session_open.mtu = INNER_MTU;
	message->session_open.mss = INNER_MSS;
	mailbox_send(bed->mailbox, i % bed->options.workers, message);
	tables_pool_session_set(bed->tables, 0, BED_POOL_FIRST + i, i);
}

static void settle(struct bed *bed)
{
	for (unsigned worker = 0; worker < bed->options.workers; worker++)
		while (dataplane_poll(bed->dataplane, worker))
			;
}

static void sessions_install(struct bed *bed)
{
	bool plain = bed->options.suite.cipher == ESP_CIPHER_NONE;

	for (uint32_t i = 0; i < bed->options.sessions; i++) {
		if (!plain)
			group_install(bed, i);
		session_install(bed, i, plain);
		if (i % SESSIONS_A_BATCH == SESSIONS_A_BATCH - 1 || i + 1 == bed->options.sessions)
			settle(bed);
	}
	/* GCM expands one key for both directions: the peers seal with ours. */
	if (!plain && bed->options.suite.cipher == ESP_CIPHER_AES_GCM_16)
		for (uint32_t i = 0; i < bed->options.sessions; i++)
			bed->session[i].key_peer =
				sa_key_in(bed->dataplane->sas[bed->session[i].sa_slot]);
}

struct bed *bed_new(const struct bed_options *options)
{
	struct bed *bed = memory_new(sizeof(*bed));
	struct mailbox_config boxes = {.workers = options->workers,
				       .packets = options->packets + 8192,
				       .data_bytes = 1900,
				       .private_bytes = (unsigned)dataplane_packet_private_bytes()};
	struct tables_config sizes = {.sas = RTE_MAX(options->sessions, 1024u),
				      .groups = RTE_MAX(options->sessions, 1024u),
				      .sessions = RTE_MAX(options->sessions, 1024u),
				      .routes = 4096};
	struct dataplane_config config = {
		.workers = options->workers,
		.ports = BED_PORTS,
		.devices = {0, 1},
		.rx_queues = {1, 1},
		.tx_queues = {(uint16_t)options->workers, (uint16_t)options->workers},
		.idle = DATAPLANE_IDLE_POLL,
		.client_to_client = true,
		.ping_only = true,
		.triple_des_bytes_per_second = UINT32_MAX};

	bed->options = *options;
	bed->mailbox = mailbox_new(&boxes);
	if (bed->mailbox == NULL)
		die("packet buffers");
	bed->tables = tables_new(&sizes, bed->mailbox);
	if (bed->tables == NULL)
		die("tables");
	tables_fill(bed);
	bed->dataplane = dataplane_new(&config, bed->mailbox, bed->tables);
	bed->engine = esp_engine_new();
	if (bed->dataplane == NULL || bed->engine == NULL)
		die("packet path");
	for (enum bed_port port = 0; port < BED_PORTS; port++) {
		port_start(port, mailbox_packet_pool(bed->mailbox));
		port_take(bed, port);
	}
	for (unsigned i = 0; i < options->workers; i++)
		bed->out[i].packets =
			memory_new_array(options->packets + 8192, sizeof(struct rte_mbuf *));
	bed->session = memory_new_array(options->sessions, sizeof(*bed->session));
	sessions_install(bed);
	return bed;
}

void bed_free(struct bed *bed)
{
	dataplane_free(bed->dataplane);
	esp_engine_free(bed->engine);
	tables_free(bed->tables);
	mailbox_free(bed->mailbox);
	for (unsigned i = 0; i < BED_WORKERS_MAX; i++)
		free(bed->out[i].packets);
	free(bed->session);
	free(bed);
	chunks_unmap();
}

void bed_peer_key(struct bed *bed, uint32_t session, struct esp_key *key)
{
	struct esp_keys keys;

	keys_make(&keys, &bed->options.suite, 2 * session + 1);
	if (esp_key_init(bed->engine, &keys, false, key) != 0)
		die("key");
}

void bed_offer(struct bed *bed, enum bed_port port, struct rte_mbuf **packets, uint32_t count)
{
	bed->in[port] = (struct bed_queue){.packets = packets, .count = count};
}

uint64_t bed_drops(const struct bed *bed)
{
	uint64_t sum = 0;

	for (unsigned drop = 0; drop < DROP_COUNT; drop++)
		sum += dataplane_drops(bed->dataplane, (enum drop)drop);
	return sum;
}

uint32_t bed_run(struct bed *bed)
{
	bed->out[0].count = 0;
	while (dataplane_poll(bed->dataplane, 0))
		;
	return bed->out[0].count;
}
