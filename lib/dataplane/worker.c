/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop of a worker: messages, packets of other workers, ports, completed jobs, sleep. */
#include "dataplane/reassembly.h"
#include "dataplane/worker.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_rcu_qsbr.h>

#define RX_BURST        32
#define PARKED_MAX_US   8   /* jobs wait in lanes at most so long */
#define IDLE_POLLS      200 /* before the first sleep */
#define SLEEP_POLLED_US 50  /* where a port cannot wake us */
#define SLEEP_WOKEN_MS  100 /* where every port can */

static bool completed_take(struct completed *completed, struct vector *vector)
{
	vector->count = 0;
	while (completed->head != completed->tail && vector->count < VECTOR_MAX)
		vector_add(vector, completed->packets[completed->head++ % COMPLETED_MAX]);
	return vector->count != 0;
}

static void drain_completed(struct worker *w)
{
	struct vector vector;

	while (w->decrypted.head != w->decrypted.tail || w->encrypted.head != w->encrypted.tail) {
		if (completed_take(&w->decrypted, &vector))
			esp_in_complete(w, &vector);
		if (completed_take(&w->encrypted, &vector))
			esp_out_complete(w, &vector);
	}
}

/* Asks for what classify reads of each frame: the buffer, its private line, and the headers. */
static void frames_prefetch(const struct vector *frames)
{
	for (unsigned i = 0; i < frames->count; i++) {
		rte_prefetch0(frames->packets[i]);
		rte_prefetch0(packet_of(frames->packets[i]));
	}
	for (unsigned i = 0; i < frames->count; i++) {
		const char *data = rte_pktmbuf_mtod(frames->packets[i], const char *);

		rte_prefetch0(data);
		rte_prefetch0(data + RTE_CACHE_LINE_SIZE);
	}
}

static unsigned port_poll(struct worker *w, uint16_t port)
{
	struct vector frames;
	uint64_t bytes = 0;

	if (w->id >= w->config->rx_queues[port])
		return 0;
	frames.count = rte_eth_rx_burst(w->config->devices[port], (uint16_t)w->id, frames.packets,
					RX_BURST);
	if (frames.count == 0)
		return 0;
	frames_prefetch(&frames);
	for (unsigned i = 0; i < frames.count; i++) {
		struct packet *packet = packet_of(frames.packets[i]);

		packet->port = port;
		packet->source = (uint8_t)w->id;
		packet->group = NO_SLOT;
		packet->session = NO_SLOT;
		bytes += frames.packets[i]->pkt_len;
	}
	counter_add(&w->ports[port].bytes_in, bytes);
	counter_add(&w->ports[port].packets_in, frames.count);
	classify_stage(w, port, &frames);
	return frames.count;
}

/* Lanes are flushed when a poll brought nothing; a job that waited too long is not waited for. */
static void flush_lanes(struct worker *w, bool idle)
{
	uint32_t limit = (uint32_t)(w->hz / 1000000 * PARKED_MAX_US);
	uint64_t parked = 0;

	for (unsigned lane = ESP_LANE_GCM + 1; lane < ESP_LANE_COUNT; lane++) {
		if (esp_engine_parked(w->engine, lane) == 0)
			continue;
		if (idle)
			crypto_flush(w, lane);
		else
			crypto_flush_older(w, lane, limit);
		parked += esp_engine_parked(w->engine, lane);
	}
	__atomic_store_n(&w->view.jobs_parked, parked, __ATOMIC_RELAXED);
}

/* True if the poll found anything to do. */
static bool poll_once(struct worker *w)
{
	unsigned packets = 0;
	bool busy = inbox_poll(w);

	drain_completed(w);
	packets += handoff_poll(w);
	drain_completed(w);
	for (uint16_t port = 0; port < w->config->ports; port++) {
		packets += port_poll(w, port);
		drain_completed(w);
	}
	reassembly_poll(w);
	flush_lanes(w, packets == 0 || moves_leaving(w));
	drain_completed(w);
	transmit_flush(w);
	busy |= moves_poll(w);
	handoff_flush(w);
	mailbox_worker_ring_doorbells(w->mailbox, w->id);
	counter_add(&w->view.packets, packets);
	return busy || packets != 0;
}

static bool interrupts_everywhere(const struct worker *w)
{
	for (uint16_t port = 0; port < w->config->ports; port++)
		if (w->id < w->config->rx_queues[port] && !w->config->rx_interrupt[port])
			return false;
	return true;
}

static void worker_sleep(struct worker *w)
{
	struct epoll_event events[WORKER_PORTS_MAX + 1];
	bool woken = interrupts_everywhere(w);

	rte_rcu_qsbr_thread_offline(mailbox_quiescence(w->mailbox), w->id);
	if (mailbox_worker_may_sleep(w->mailbox, w->id) &&
	    !__atomic_load_n(&w->dataplane->stop, __ATOMIC_RELAXED)) {
		counter_add(&w->view.sleeps, 1);
		if (woken)
			epoll_wait(w->epoll, events, RTE_DIM(events), SLEEP_WOKEN_MS);
		else
			usleep(SLEEP_POLLED_US);
	}
	mailbox_worker_awake(w->mailbox, w->id);
	rte_rcu_qsbr_thread_online(mailbox_quiescence(w->mailbox), w->id);
}

/*
 * The worker's doorbell and the queues that can wake it. Level-triggered, unlike DPDK's own epoll:
 * net_tap reads a queue only after a signal that some other thread takes, so the wake may come
 * before the packet can be had, and must then come again.
 */
static void watch_queues(struct worker *w)
{
	struct epoll_event event = {.events = EPOLLIN};

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(w->epoll, EPOLL_CTL_ADD, mailbox_worker_descriptor(w->mailbox, w->id), &event);
	for (uint16_t port = 0; port < w->config->ports; port++)
		if (w->id < w->config->rx_queues[port] && w->config->rx_interrupt[port])
			epoll_ctl(w->epoll, EPOLL_CTL_ADD,
				  rte_eth_dev_rx_intr_ctl_q_get_fd(w->config->devices[port],
								   (uint16_t)w->id),
				  &event);
}

bool dataplane_poll(struct dataplane *dataplane, unsigned worker)
{
	struct worker *w = dataplane->workers[worker];
	bool busy;

	w->now_cycles = rte_rdtsc();
	busy = poll_once(w);
	rte_rcu_qsbr_quiescent(mailbox_quiescence(dataplane->mailbox), worker);
	counter_add(&w->view.polls, 1);
	if (busy)
		counter_add(&w->view.cycles_busy, rte_rdtsc() - w->now_cycles);
	return busy;
}

int dataplane_run(struct dataplane *dataplane, unsigned worker)
{
	struct worker *w = dataplane->workers[worker];
	struct rte_rcu_qsbr *quiescence = mailbox_quiescence(dataplane->mailbox);
	bool adaptive = dataplane->config.idle == DATAPLANE_IDLE_ADAPTIVE;
	uint64_t started = rte_rdtsc();

	prctl(PR_SET_TIMERSLACK, 1000ul);
	if (adaptive)
		watch_queues(w);
	rte_rcu_qsbr_thread_online(quiescence, worker);
	while (!__atomic_load_n(&dataplane->stop, __ATOMIC_RELAXED)) {
		if (dataplane_poll(dataplane, worker)) {
			w->idle_polls = 0;
		} else if (adaptive && ++w->idle_polls > IDLE_POLLS) {
			worker_sleep(w);
		} else {
			rte_pause();
		}
		__atomic_store_n(&w->view.cycles_total, rte_rdtsc() - started, __ATOMIC_RELAXED);
	}
	rte_rcu_qsbr_thread_offline(quiescence, worker);
	if (adaptive)
		close(w->epoll);
	return 0;
}
