/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of a run, and its loop. */
#include "run.h"

#include "base/memory.h"
#include "client.h"
#include "load.h"
#include "nat.h"
#include "secret.h"
#include "users.h"

#include "crypto/ms_chap.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#define BUFFER_BYTES    2304
#define LINK_WAIT_MS    15000
#define STARTS_A_TURN   32
#define SETTLE_MS       300 /* silence after which nothing is on its way any more */
#define SETTLE_MOST_MS  5000
#define EMPTY_POLLS     20 /* then the loop sleeps between polls */
#define SLEEP_NS        50000
#define SIGNALS_TO_KILL 2

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	if (++signals >= SIGNALS_TO_KILL)
		_exit(EXIT_FAILURE);
}

uint64_t load_microseconds(const struct load *load)
{
	uint64_t cycles = rte_rdtsc() - load->start_cycles;

	return (uint64_t)((double)cycles * 1e6 / (double)load->cycles_hz);
}

static void kernel_random(void *context, void *bytes, size_t length)
{
	(void)context;
	if (getrandom(bytes, length, 0) != (ssize_t)length)
		abort();
}

/* ---- one turn of the loop ---- */

static void now_read(struct load *load)
{
	load->now_us = load_microseconds(load);
	load->now_ms = load->now_us / 1000;
}

static bool ports_poll(struct load *load)
{
	struct rte_mbuf *frames[PORT_BURST];
	unsigned count = port_receive(&load->peers_port, frames);
	unsigned served = 0;

	for (unsigned i = 0; i < count; i++)
		peers_receive(load, frames[i]);
	if (load->servers_port.started) {
		served = port_receive(&load->servers_port, frames);
		for (unsigned i = 0; i < served; i++)
			traffic_receive_up(load, frames[i]);
	}
	return count + served != 0;
}

static void turn(struct load *load)
{
	const struct timespec pause = {.tv_nsec = SLEEP_NS};
	bool busy;

	now_read(load);
	busy = ports_poll(load);
	timer_wheel_advance(load->wheel, load->now_ms);
	busy |= traffic_send(load);
	client_flush(load);
	port_flush(&load->peers_port);
	if (load->servers_port.started)
		port_flush(&load->servers_port);
	load->empty_polls = busy ? 0 : load->empty_polls + 1;
	if (load->empty_polls > EMPTY_POLLS)
		nanosleep(&pause, NULL);
}

/* Until nothing has come for a while. */
static void settle(struct load *load)
{
	uint64_t begun_ms = load->now_ms, last_ms = load->now_ms, seen = 0;

	while (load->now_ms - last_ms < SETTLE_MS && load->now_ms - begun_ms < SETTLE_MOST_MS) {
		uint64_t received = load->peers_port.received + load->servers_port.received;

		if (received != seen)
			last_ms = load->now_ms;
		seen = received;
		turn(load);
	}
}

/* ---- the parts of a run ---- */

static bool links_wait(struct load *load)
{
	bool ready = false;

	while (!ready && signals == 0 && load->now_ms < LINK_WAIT_MS) {
		turn(load);
		ready = port_ready(&load->peers_port, load->pool, load->now_ms);
		if (load->servers_port.started)
			ready &= port_ready(&load->servers_port, load->pool, load->now_ms);
	}
	if (!ready)
		log_error(load->log, LOG_PORTS,
			  "no answer peers-link=%d peers-gateway=%d servers-link=%d "
			  "servers-gateway=%d",
			  load->peers_port.link_up, load->peers_port.gateway_known,
			  load->servers_port.link_up, load->servers_port.gateway_known);
	return ready;
}

/* Begins what the rate and the number in progress allow. */
static void dials_begin(struct load *load, uint64_t begun_us)
{
	const struct options *options = load->options;
	uint64_t due = options->sessions;

	if (options->rate != 0)
		due = (load->now_us - begun_us) * options->rate / 1000000 + 1;
	for (unsigned i = 0; i < STARTS_A_TURN && load->next_start < options->sessions &&
			     load->next_start < due && load->in_progress < options->in_progress;
	     i++)
		session_start(&load->sessions[load->next_start++]);
}

static void dial(struct load *load)
{
	const struct options *options = load->options;
	const struct tally *tally = &load->tally;
	uint64_t begun_us = load->now_us, moved_ms = load->now_ms, settled = 0;

	while (tally->ever_up + tally->failed < options->sessions && signals == 0 &&
	       load->now_ms - moved_ms < (uint64_t)options->setup_seconds * 1000) {
		if (tally->ever_up + tally->failed != settled)
			moved_ms = load->now_ms;
		settled = tally->ever_up + tally->failed;
		dials_begin(load, begun_us);
		turn(load);
	}
	printf("up: %u of %u after %.3f s\n", tally->up, options->sessions,
	       tally->ever_up == 0 ? 0.0
				   : (double)(tally->last_up_us - tally->first_start_us) / 1e6);
	fflush(stdout);
}

static void wait_seconds(struct load *load, uint32_t seconds)
{
	uint64_t end_us = load->now_us + (uint64_t)seconds * 1000000;

	while (load->now_us < end_us && signals == 0)
		turn(load);
}

static void exchange(struct load *load)
{
	if (load->options->traffic == 0 || load->tally.up == 0)
		return;
	traffic_begin(load);
	wait_seconds(load, load->options->seconds);
	traffic_end(load);
	settle(load);
	puts("traffic: ended");
	fflush(stdout);
}

static bool all_down(const struct load *load)
{
	for (uint32_t i = 0; i < load->options->tunnels; i++)
		if (load->peers[i].phase != PEER_PHASE_DOWN &&
		    load->peers[i].phase != PEER_PHASE_IDLE)
			return false;
	return true;
}

/* Closes sessions in turn, as many at a time as are dialled at a time. */
static void closes_begin(struct load *load)
{
	const struct options *options = load->options;
	const struct tally *tally = &load->tally;

	for (unsigned i = 0; i < STARTS_A_TURN && load->next_close < options->sessions &&
			     load->closing_count - tally->closed < options->in_progress;
	     i++) {
		struct session *session = &load->sessions[load->next_close++];

		load->closing_count += session->phase == SESSION_PHASE_UP;
		session_close(session);
	}
}

static void close_all(struct load *load)
{
	uint64_t moved_ms = load->now_ms, checked_ms = 0;
	uint32_t closed = 0;
	bool ended = false;

	load->tally.close_us = load->now_us;
	load->left_ms = load->now_ms;
	load->closing = true;
	while (!ended && load->now_ms - moved_ms < (uint64_t)load->options->setup_seconds * 1000) {
		closes_begin(load);
		turn(load);
		peers_leave(load);
		if (load->tally.closed != closed || !STAILQ_EMPTY(&load->leaving))
			moved_ms = load->now_ms;
		closed = load->tally.closed;
		if (load->next_close < load->options->sessions || load->now_ms - checked_ms < 20)
			continue;
		checked_ms = load->now_ms;
		for (uint32_t i = 0; i < load->options->tunnels; i++)
			peer_close(&load->peers[i]);
		ended = all_down(load);
	}
	load->tally.closed_us = load->now_us;
	settle(load);
}

/* ---- before and after ---- */

static void peers_make(struct load *load)
{
	const struct options *options = load->options;
	bool shared = options->sessions > options->tunnels;

	STAILQ_INIT(&load->leaving);
	load->peers = memory_new_array(options->tunnels, sizeof(*load->peers));
	load->sessions = memory_new_array(options->sessions, sizeof(*load->sessions));
	for (uint32_t i = 0; i < options->tunnels; i++) {
		struct peer *peer = &load->peers[i];

		peer->load = load;
		peer->number = i;
		STAILQ_INIT(&peer->waiting);
		if (shared)
			peer_make_places(peer, options->sessions / options->tunnels + 1);
	}
	for (uint32_t i = 0; i < options->sessions; i++) {
		load->sessions[i].number = i;
		load->sessions[i].peer = &load->peers[i % options->tunnels];
	}
}

static void ports_describe(struct load *load)
{
	const struct options *options = load->options;

	load->peers_port.name = "peers";
	load->peers_port.first = options->peers_first;
	load->peers_port.count = nat_addresses(options);
	load->peers_port.address_be = options->peers_address_be != 0 ? options->peers_address_be
								     : htonl(options->peers_first);
	load->peers_port.gateway_be =
		options->peers_gateway_be != 0 ? options->peers_gateway_be : options->lns_be;
	load->servers_port.name = "servers";
	load->servers_port.address_be = options->servers_address_be;
	load->servers_port.gateway_be = options->servers_gateway_be;
}

static int ports_open(struct load *load)
{
	const struct options *options = load->options;
	/* Of 2.6 kB each, in less than half of the memory: a pool comes in large pieces. */
	unsigned buffers = options->memory_megabytes * 160;

	load->pool =
		rte_pktmbuf_pool_create("load", buffers, 256, RTE_ALIGN(sizeof(struct frame), 8),
					BUFFER_BYTES, SOCKET_ID_ANY);
	if (load->pool == NULL) {
		log_error(load->log, LOG_DAEMON, "no memory for %u buffers error=%s", buffers,
			  rte_strerror(rte_errno));
		return -1;
	}
	ports_describe(load);
	if (port_open(&load->peers_port, options->peers_port, load->pool, load->log) != 0)
		return -1;
	if (options->servers_port == NULL)
		return 0;
	return port_open(&load->servers_port, options->servers_port, load->pool, load->log);
}

static int engines_make(struct load *load)
{
	const struct options *options = load->options;
	struct secret secret;

	load->ppp_config = (struct ppp_config){
		.mru = 1500,
		.authentication = {options->authentication},
		.authentication_count = options->authentication != PPP_AUTHENTICATION_NONE,
		.restart_ms = {1000, 1000, 1000, 3000},
		.max_configure = 10,
		.max_terminate = 2,
		.max_failure = 5,
		.setup_ms = options->setup_seconds * 1000,
		.ms_chap = ms_chap_new(),
	};
	if (load->ppp_config.ms_chap == NULL) {
		log_error(load->log, LOG_PPP,
			  "OpenSSL has no legacy provider, which MS-CHAPv2 needs");
		return -1;
	}
	if (options->tunnel_secret_file != NULL) {
		if (secret_read(&secret, options->tunnel_secret_file) != 0)
			return -1;
		memcpy(load->secret, secret.bytes, secret.length);
		load->secret_bytes = secret.length;
		secret_wipe(&secret);
	}
	lac_set_up(load);
	return client_set_up(load);
}

static void tear_down(struct load *load)
{
	client_tear_down(load);
	for (uint32_t i = 0; i < load->options->sessions; i++) {
		timer_wheel_cancel(&load->sessions[i].timer);
		ppp_free(load->sessions[i].ppp);
	}
	users_release(load);
	lac_tear_down(load);
	for (uint32_t i = 0; i < load->options->tunnels; i++)
		free(load->peers[i].places);
	ms_chap_free(load->ppp_config.ms_chap);
	port_close(&load->peers_port);
	port_close(&load->servers_port);
	timer_wheel_free(load->wheel);
	log_free(load->log);
	memory_wipe(load->secret, sizeof(load->secret));
	free(load->sessions);
	free(load->peers);
	free(load);
}

bool run(const struct options *options)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct load *load = memory_new(sizeof(*load));
	bool well = false;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	load->options = options;
	load->log = log_new(STDERR_FILENO, LOG_LEVEL_INFO);
	load->cycles_hz = rte_get_tsc_hz();
	load->start_cycles = rte_rdtsc();
	load->random = (struct random_source){kernel_random, NULL};
	load->wheel = timer_wheel_new(0);
	peers_make(load);
	if (users_assign(load) == 0 && ports_open(load) == 0 && engines_make(load) == 0 &&
	    links_wait(load)) {
		puts("links: ready");
		fflush(stdout);
		now_read(load);
		dial(load);
		wait_seconds(load, options->hold_seconds);
		exchange(load);
		close_all(load);
		well = report_write(load);
	}
	tear_down(load);
	return well;
}
