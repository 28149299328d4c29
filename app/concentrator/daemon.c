/* SPDX-License-Identifier: BSD-3-Clause */
/* Boot, wiring, signals and the end. */
#include "base/slab.h"
#include "daemon.h"

#include "base/endpoint.h"
#include "control/control.h"
#include "control/loop.h"
#include "ctl/ctl.h"
#include "dataplane/dataplane.h"
#include "eal.h"
#include "mailbox/mailbox.h"
#include "ports/ports.h"
#include "tables/tables.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>

/* Rings hold so many, of each worker and port; the rest is on its way, in caches or parked. */
#define PACKETS_PER_RING_PAIR 2048
#define PACKETS_PER_WORKER    1024
#define PACKETS_MORE          8191
#define PACKET_DATA_BYTES     2048
#define SAS_PER_SESSION       4 /* a rekey overlaps the old pair, and clients hurry */

static int tables_open(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	struct tables_config sizes = {
		.sas = (uint32_t)config->max_sessions * SAS_PER_SESSION,
		.groups = (uint32_t)config->max_sessions,
		.sessions = (uint32_t)config->max_sessions,
		.routes = (uint32_t)config->max_routes,
	};
	static const enum listener_ipsec ipsec[] = {
		[CONFIG_IPSEC_REQUIRED] = LISTENER_IPSEC_REQUIRED,
		[CONFIG_IPSEC_OPTIONAL] = LISTENER_IPSEC_OPTIONAL,
		[CONFIG_IPSEC_OFF] = LISTENER_IPSEC_OFF,
	};

	for (unsigned i = 0; i < config->port_count; i++)
		for (unsigned j = 0; j < config->ports[i].address_count; j++)
			sizes.ipv6 |= config->ports[i].addresses[j].address.family == ENDPOINT_IPV6;
	if (sizes.sas > 1u << 22)
		sizes.sas = 1u << 22;
	daemon->tables = tables_new(&sizes, daemon->mailbox);
	if (daemon->tables == NULL) {
		log_error(daemon->log, LOG_DAEMON,
			  "no memory for the route tables: raise memory_megabytes");
		return -1;
	}
	for (unsigned i = 0; i < config->listener_count; i++)
		(void)tables_listener_add(daemon->tables, &config->listeners[i].address,
					  ipsec[config->listeners[i].ipsec]);
	return 0;
}

static int mailbox_open(struct daemon *daemon)
{
	struct mailbox_config sizes = {
		.workers = daemon->workers,
		.packets = PACKETS_MORE +
			   daemon->workers * (PACKETS_PER_WORKER +
					      daemon->config->port_count * PACKETS_PER_RING_PAIR),
		.private_bytes = (unsigned)dataplane_packet_private_bytes(),
		.data_bytes = PACKET_DATA_BYTES,
	};

	for (unsigned i = 0; i < daemon->config->port_count; i++)
		if (daemon->config->ports[i].mtu + 256 > (int)sizes.data_bytes)
			sizes.data_bytes = (unsigned)daemon->config->ports[i].mtu + 256;
	daemon->mailbox = mailbox_new(&sizes);
	if (daemon->mailbox == NULL) {
		log_error(daemon->log, LOG_DAEMON,
			  "no memory for packet buffers: raise memory_megabytes");
		return -1;
	}
	return 0;
}

static int ports_open(struct daemon *daemon)
{
	const struct config *from = daemon->config;
	struct port_config ports[PORTS_MAX] = {0};
	struct ports_config config = {
		.ports = ports,
		.count = from->port_count,
		.workers = daemon->workers,
		.rx_interrupts = from->idle == CONFIG_IDLE_ADAPTIVE,
	};
	struct ports_loop loop = {daemon->loop, loop_watch};

	for (unsigned i = 0; i < from->port_count; i++) {
		memcpy(ports[i].name, from->ports[i].name, sizeof(ports[i].name));
		memcpy(ports[i].device, from->ports[i].device, sizeof(ports[i].device));
		ports[i].mtu = (uint16_t)from->ports[i].mtu;
		ports[i].address_count = from->ports[i].address_count;
		for (unsigned j = 0; j < from->ports[i].address_count; j++)
			ports[i].addresses[j] =
				(struct port_address){from->ports[i].addresses[j].address,
						      from->ports[i].addresses[j].prefix_length};
	}
	daemon->ports = ports_new(&config, daemon->mailbox, daemon->tables, &loop, daemon->log);
	if (daemon->ports == NULL)
		return -1;
	if (from->local_address_be != 0)
		(void)ports_subscriber_address_set(daemon->ports, from->local_address_be);
	return 0;
}

static int dataplane_open(struct daemon *daemon)
{
	struct dataplane_config config = {
		.workers = daemon->workers,
		.ports = ports_count(daemon->ports),
		.idle = daemon->config->idle == CONFIG_IDLE_POLL ? DATAPLANE_IDLE_POLL
								 : DATAPLANE_IDLE_ADAPTIVE,
		.client_to_client = daemon->config->client_to_client,
		.ping_only = true,
		.triple_des_bytes_per_second =
			(uint32_t)daemon->config->triple_des_kilobytes_per_second * 1000,
	};

	for (unsigned i = 0; i < config.ports; i++) {
		config.devices[i] = ports_device(daemon->ports, i);
		config.rx_queues[i] = ports_rx_queues(daemon->ports, i);
		config.tx_queues[i] = ports_tx_queues(daemon->ports, i);
		config.rx_interrupt[i] = ports_rx_interrupt(daemon->ports, i);
	}
	daemon->dataplane = dataplane_new(&config, daemon->mailbox, daemon->tables);
	if (daemon->dataplane == NULL) {
		log_error(daemon->log, LOG_DAEMON, "the packet path's crypto does not work: %s",
			  errno == EIO ? "a known-answer test failed" : strerror(errno));
		return -1;
	}
	log_info(daemon->log, LOG_DAEMON, "crypto: %s, 3DES by %s, known answers right",
		 dataplane_crypto_name(daemon->dataplane),
		 dataplane_fast_3des(daemon->dataplane) ? "ipsec-mb" : "OpenSSL");
	return 0;
}

/* What control needs of ports, under one signature. */
static void to_kernel(void *context, uint16_t port, const uint8_t *bytes, size_t length)
{
	ports_to_kernel(context, port, bytes, length);
}

static void neighbour_needed(void *context, uint16_t port, const struct endpoint *next_hop,
			     const uint8_t *packet, size_t length)
{
	ports_neighbour_needed(context, port, next_hop, packet, length);
}

static int route_add(void *context, uint32_t prefix_be, uint8_t length)
{
	return ports_subscriber_route_add(context, prefix_be, length);
}

static int route_delete(void *context, uint32_t prefix_be, uint8_t length)
{
	return ports_subscriber_route_delete(context, prefix_be, length);
}

static void worker_sample(void *context, unsigned worker, struct worker_sample *sample)
{
	struct worker_view view;

	dataplane_worker_view(context, worker, &view);
	*sample = (struct worker_sample){view.cycles_busy, view.cycles_total, view.packets,
					 view.handed_over};
}

static int control_open(struct daemon *daemon)
{
	struct control_ports ports = {daemon->ports, to_kernel, neighbour_needed, route_add,
				      route_delete};
	struct ctl_loop loop = {daemon->loop, loop_watch, loop_unwatch};

	daemon->control = control_new(daemon->config, daemon->mailbox, daemon->tables, daemon->loop,
				      &ports, daemon->log);
	if (daemon->control == NULL)
		return -1;
	control_workers_set(daemon->control, daemon->dataplane, worker_sample);
	daemon->ctl = ctl_new(daemon->config->control_socket, daemon->config->control_group,
			      daemon_commands, daemon, &loop);
	if (daemon->ctl == NULL) {
		log_error(daemon->log, LOG_CTL, "cannot listen at %s error=%s",
			  daemon->config->control_socket, strerror(errno));
		return -1;
	}
	return 0;
}

static void finished(void *object)
{
	struct daemon *daemon = object;

	loop_stop(daemon->loop);
}

static void signal_readable(void *object)
{
	struct daemon *daemon = object;
	struct signalfd_siginfo info;

	if (read(daemon->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (daemon->stopping) {
		log_warning(daemon->log, LOG_DAEMON, "second signal: ending at once");
		loop_stop(daemon->loop);
		return;
	}
	daemon->stopping = true;
	log_info(daemon->log, LOG_DAEMON, "signal %u: closing sessions", info.ssi_signo);
	control_shut_down(daemon->control, finished, daemon);
}

/* Blocked before DPDK starts its threads, so that only the loop sees them. */
static int signals_open(struct daemon *daemon)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (daemon->signals < 0)
		return -1;
	loop_watch(daemon->loop, daemon->signals, signal_readable, daemon);
	return 0;
}

static int worker_main(void *argument)
{
	/* Lcore 0 is control; worker n runs on lcore n + 1. */
	return dataplane_run(argument, rte_lcore_id() - 1);
}

static int workers_launch(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->workers; i++) {
		int error = rte_eal_remote_launch(worker_main, daemon->dataplane, i + 1);

		if (error != 0) {
			log_error(daemon->log, LOG_DAEMON, "cannot start worker=%u error=%s", i,
				  strerror(-error));
			return -1;
		}
	}
	return 0;
}

static int open_all(struct daemon *daemon)
{
	if (signals_open(daemon) != 0 ||
	    eal_start(daemon->config, daemon->workers, daemon->log) != 0)
		return -1;
	daemon->eal_up = true;
	if (mailbox_open(daemon) != 0 || tables_open(daemon) != 0 || ports_open(daemon) != 0)
		return -1;
	return dataplane_open(daemon) != 0 || control_open(daemon) != 0 ? -1 : 0;
}

static void close_all(struct daemon *daemon)
{
	ctl_free(daemon->ctl);
	control_free(daemon->control);
	dataplane_free(daemon->dataplane);
	ports_free(daemon->ports);
	tables_free(daemon->tables);
	mailbox_free(daemon->mailbox);
	slabs_free(daemon->bench_storage);
	loop_free(daemon->loop);
	if (daemon->signals >= 0)
		close(daemon->signals);
}

/* Answers, or measures. */
static int begin(struct daemon *daemon)
{
	if (daemon->config->bench_sessions != 0)
		return bench_install(daemon);
	control_start(daemon->control);
	return 0;
}

int daemon_run(const struct config *config, struct log *log)
{
	struct daemon daemon = {
		.config = config, .log = log, .workers = eal_workers(config), .signals = -1};
	int status = 1;

	daemon.loop = loop_new();
	if (open_all(&daemon) == 0) {
		if (workers_launch(&daemon) == 0 && begin(&daemon) == 0) {
			log_info(log, LOG_DAEMON, "ready workers=%u ports=%u", daemon.workers,
				 config->port_count);
			loop_run(daemon.loop);
			status = 0;
		}
		dataplane_stop(daemon.dataplane);
		rte_eal_mp_wait_lcore();
		log_info(log, LOG_DAEMON, "ended");
	}
	close_all(&daemon);
	if (daemon.eal_up)
		rte_eal_cleanup();
	return status;
}
