/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions for measurements, installed at start in the place of dialled ones. */
#include "base/slab.h"
#include "daemon.h"
#include "mailbox/mailbox.h"
#include "provision/provision.h"
#include "tables/tables.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#define INNER_MTU 1400
#define INNER_MSS 1360
#define PAUSE_US  100

static void *storage(void *context, size_t bytes)
{
	struct daemon *daemon = context;

	return slabs_take(daemon->bench_storage, bytes);
}

/* Until the workers have room for more. */
static void wait_for_workers(void *context)
{
	struct daemon *daemon = context;

	while (mailbox_send_waiting(daemon->mailbox))
		usleep(PAUSE_US);
}

int bench_install(struct daemon *daemon)
{
	static const char *const suites[CONFIG_BENCH_CIPHER_COUNT] = {
		[CONFIG_BENCH_NONE] = "none",
		[CONFIG_BENCH_AES_256_GCM] = "aes-256-gcm",
		[CONFIG_BENCH_AES_128_GCM] = "aes-128-gcm",
		[CONFIG_BENCH_AES_256_CBC_SHA1] = "aes-256-cbc-sha1",
	};
	const struct config *config = daemon->config;
	struct plan plan = {.sessions = (uint32_t)config->bench_sessions};
	struct provision_target target = {
		.mailbox = daemon->mailbox,
		.tables = daemon->tables,
		.workers = daemon->workers,
		.local = config->listener_count != 0
				 ? ntohl(endpoint_ipv4_address_be(&config->listeners[0].address))
				 : 0,
		.mtu = INNER_MTU,
		.mss = INNER_MSS,
		.replay_off = !config->bench_check_replay,
		.memory = storage,
		.pause = wait_for_workers,
		.context = daemon,
	};
	int error;

	if (target.local == 0 || plan.sessions > (uint32_t)config->max_sessions) {
		log_error(daemon->log, LOG_DAEMON,
			  "bench needs a first listener with an address, and max_sessions=%u",
			  plan.sessions);
		return -1;
	}
	(void)plan_suite(suites[config->bench_cipher], &plan.suite);
	memcpy(plan.seed, config->bench_seed, sizeof(plan.seed));
	daemon->bench_storage = slabs_new();
	error = provision_install(&plan, &target);
	if (error != 0) {
		log_error(daemon->log, LOG_DAEMON, "bench: sessions cannot be installed: %s",
			  strerror(-error));
		return -1;
	}
	log_warning(
		daemon->log, LOG_DAEMON,
		"bench: sessions=%u cipher=%s installed with keys that anybody can know; nobody is "
		"answered",
		plan.sessions, suites[config->bench_cipher]);
	return 0;
}
