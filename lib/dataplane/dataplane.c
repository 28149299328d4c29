/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dataplane.h"

#include "base/memory.h"
#include "dataplane/reassembly.h"
#include "dataplane/worker.h"

#include <errno.h>
#include <stdlib.h>

/* A whole line, so that the frames behind it begin with a line too. */
size_t dataplane_packet_private_bytes(void)
{
	return RTE_ALIGN_CEIL(sizeof(struct packet), RTE_CACHE_LINE_SIZE);
}

static void worker_free(struct worker *w)
{
	esp_engine_free(w->engine);
	moves_free(w->moves);
	if (w->reassembly != NULL)
		reassembly_free(w->reassembly);
	free(w->handoff);
	free(w);
}

static struct worker *worker_new(struct dataplane *dataplane, unsigned id)
{
	struct worker *w = memory_new_aligned(RTE_CACHE_LINE_SIZE, sizeof(*w));

	w->id = id;
	w->config = &dataplane->config;
	w->dataplane = dataplane;
	w->mailbox = dataplane->mailbox;
	w->tables = dataplane->tables;
	w->sas = dataplane->sas;
	w->groups = dataplane->groups;
	w->sessions = dataplane->sessions;
	w->hz = rte_get_tsc_hz();
	w->handoff = handoff_new(dataplane->config.workers);
	w->moves = moves_new();
	w->reassembly = reassembly_new(mailbox_packet_pool(dataplane->mailbox)->size / 4 /
				       dataplane->config.workers);
	w->engine = esp_engine_new();
	if (w->engine == NULL) {
		worker_free(w);
		return NULL;
	}
	esp_engine_unpredictable(w->engine, &w->identification, sizeof(w->identification));
	return w;
}

struct dataplane *dataplane_new(const struct dataplane_config *config, struct mailbox *mailbox,
				struct tables *tables)
{
	struct dataplane *dataplane = memory_new(sizeof(*dataplane));
	const struct tables_config *sizes = tables_sizes(tables);

	dataplane->config = *config;
	dataplane->mailbox = mailbox;
	dataplane->tables = tables;
	dataplane->sas = memory_new_array(sizes->sas, sizeof(void *));
	dataplane->groups = memory_new_array(sizes->groups, sizeof(void *));
	dataplane->sessions = memory_new_array(sizes->sessions, sizeof(void *));
	for (unsigned i = 0; i < config->workers; i++) {
		dataplane->workers[i] = worker_new(dataplane, i);
		if (dataplane->workers[i] == NULL) {
			int error = errno;

			dataplane_free(dataplane);
			errno = error;
			return NULL;
		}
	}
	return dataplane;
}

void dataplane_free(struct dataplane *dataplane)
{
	if (dataplane == NULL)
		return;
	for (unsigned i = 0; i < MAILBOX_WORKERS_MAX; i++) {
		if (dataplane->workers[i] == NULL)
			continue;
		worker_free(dataplane->workers[i]);
	}
	free(dataplane->sas);
	free(dataplane->groups);
	free(dataplane->sessions);
	free(dataplane);
}

void dataplane_stop(struct dataplane *dataplane)
{
	__atomic_store_n(&dataplane->stop, 1, __ATOMIC_RELAXED);
}

void dataplane_worker_view(const struct dataplane *dataplane, unsigned worker,
			   struct worker_view *view)
{
	const struct worker_view *from = &dataplane->workers[worker]->view;
	const uint64_t *words = (const uint64_t *)from;
	uint64_t *to = (uint64_t *)view;

	static_assert(sizeof(*view) % sizeof(uint64_t) == 0, "a view is made of counters");
	for (size_t i = 0; i < sizeof(*view) / sizeof(uint64_t); i++)
		to[i] = counter_read(&words[i]);
}

uint64_t dataplane_drops(const struct dataplane *dataplane, enum drop drop)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < dataplane->config.workers; i++)
		sum += counter_read(&dataplane->workers[i]->drops[drop]);
	return sum;
}

void dataplane_port_view(const struct dataplane *dataplane, uint16_t port, struct port_view *view)
{
	*view = (struct port_view){0};
	for (unsigned i = 0; i < dataplane->config.workers; i++) {
		const struct port_view *from = &dataplane->workers[i]->ports[port];

		view->packets_in += counter_read(&from->packets_in);
		view->bytes_in += counter_read(&from->bytes_in);
		view->packets_out += counter_read(&from->packets_out);
		view->bytes_out += counter_read(&from->bytes_out);
	}
}

const char *dataplane_crypto_name(const struct dataplane *dataplane)
{
	return esp_engine_name(dataplane->workers[0]->engine);
}

bool dataplane_fast_3des(const struct dataplane *dataplane)
{
	return esp_engine_has_fast_3des(dataplane->workers[0]->engine);
}
