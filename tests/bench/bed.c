/* SPDX-License-Identifier: BSD-3-Clause */
#include "bed.h"

#include "base/memory.h"
#include "dataplane/worker.h"
#include "provision/provision.h"
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

/* Not 1, which says that a packet was wrong. */
#define EXIT_BROKEN 4

#define HUGE_PAGE   ((size_t)2 << 20)
#define CHUNK_BYTES ((size_t)64 << 20)
#define INNER_MTU   1400
#define INNER_MSS   1360

#define CHUNKS_MAX  512

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
	exit(EXIT_BROKEN);
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

/* Memory that lasts as long as the bed, on huge pages where the kernel has them. */
static void *bed_memory(size_t bytes)
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
	const struct endpoint local = endpoint_ipv4(htonl(BED_LOCAL), 0);
	const struct endpoint gateway_address = endpoint_ipv4(htonl(BED_LOCAL + 1), 0);
	const struct endpoint server_address = endpoint_ipv4(htonl(BED_SERVER_FIRST + 1), 0);
	struct tables *tables = bed->tables;
	int gateway, server;
	bool plain = bed->options.suite.cipher == ESP_CIPHER_NONE;

	for (uint16_t port = 0; port < BED_PORTS; port++)
		tables_port_set(tables, port, macs[port], 1500);
	(void)tables_listener_add(tables, &local,
				  plain ? LISTENER_IPSEC_OFF : LISTENER_IPSEC_REQUIRED);
	gateway = tables_adjacency_new(tables, BED_PEERS, &gateway_address);
	server = tables_adjacency_new(tables, BED_SERVERS, &server_address);
	if (gateway < 0 || server < 0)
		die("tables");
	tables_adjacency_resolve(tables, (uint32_t)gateway, gateway_mac);
	tables_adjacency_resolve(tables, (uint32_t)server, server_mac);
	if (tables_route_add(tables, 0, 0, ROUTE_ADJACENCY, (uint32_t)gateway) != 0 ||
	    tables_route_add(tables, BED_SERVER_FIRST, 15, ROUTE_ADJACENCY, (uint32_t)server) !=
		    0 ||
	    tables_route_add(tables, BED_LOCAL, 32, ROUTE_LOCAL, 0) != 0)
		die("routes");
}

static void settle(void *context)
{
	struct bed *bed = context;

	for (unsigned worker = 0; worker < bed->options.workers; worker++)
		while (dataplane_poll(bed->dataplane, worker))
			;
}

static void *chunk_memory(void *context, size_t bytes)
{
	(void)context;
	return bed_memory(bytes);
}

/* GCM expands one key for both directions: the peers seal with ours. */
static void peer_key_set(struct bed *bed, uint32_t number)
{
	const struct esp_suite *suite = &bed->options.suite;
	struct bed_session *session = &bed->session[number];
	struct esp_keys keys;

	if (suite->cipher == ESP_CIPHER_AES_GCM_16) {
		session->key_peer = sa_key_in(bed->dataplane->sas[number]);
		return;
	}
	session->key_peer = bed_memory(esp_key_bytes(suite));
	plan_keys(&bed->plan, number, PLAN_IN, &keys);
	if (esp_key_init(bed->engine, &keys, true, session->key_peer) != 0)
		die("key");
}

static void sessions_install(struct bed *bed)
{
	struct provision_target target = {.mailbox = bed->mailbox,
					  .tables = bed->tables,
					  .workers = bed->options.workers,
					  .local = BED_LOCAL,
					  .mtu = INNER_MTU,
					  .mss = INNER_MSS,
					  .memory = chunk_memory,
					  .pause = settle,
					  .context = bed};

	if (provision_install(&bed->plan, &target) != 0)
		die("sessions");
	for (uint32_t i = 0;
	     bed->options.suite.cipher != ESP_CIPHER_NONE && i < bed->options.sessions; i++)
		peer_key_set(bed, i);
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
	bed->plan = (struct plan){options->sessions, options->suite, "bench"};
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

	plan_keys(&bed->plan, session, PLAN_OUT, &keys);
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
