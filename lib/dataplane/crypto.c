/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the stages and the crypto engine: submit what was queued, gather what completed. */
#include "dataplane/worker.h"

static void completed_add(struct completed *completed, struct rte_mbuf *mbuf)
{
	completed->packets[completed->tail++ % COMPLETED_MAX] = mbuf;
}

static void gather(struct worker *w, const struct esp_done *done, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = done[i].user;
		struct packet *packet = packet_of(mbuf);

		if (done[i].failed) {
			struct sa *sa = packet->sa;

			drop_packet(w, mbuf, DROP_crypto_failed);
			if (--sa->jobs == 0 && sa->removing)
				inbox_sa_idle(w, sa);
			continue;
		}
		completed_add(packet->encrypt ? &w->encrypted : &w->decrypted, mbuf);
	}
}

/* GCM is complete at once, in the order of the jobs, and goes on without a stop. */
static void gcm_run(struct worker *w, bool encrypt)
{
	unsigned count = w->job_count[ESP_LANE_GCM];
	struct vector vector;

	esp_engine_gcm(w->engine, encrypt, w->jobs[ESP_LANE_GCM], count);
	vector.count = count;
	for (unsigned i = 0; i < count; i++)
		vector.packets[i] = w->jobs[ESP_LANE_GCM][i].user;
	w->job_count[ESP_LANE_GCM] = 0;
	if (encrypt)
		esp_out_complete(w, &vector);
	else
		esp_in_complete(w, &vector);
}

void crypto_submit(struct worker *w, unsigned lane, bool encrypt)
{
	struct esp_done done[ESP_DONE_MAX];

	if (lane == ESP_LANE_GCM) {
		gcm_run(w, encrypt);
		return;
	}
	gather(w, done,
	       esp_engine_submit(w->engine, lane, encrypt, w->jobs[lane], w->job_count[lane],
				 done));
	w->job_count[lane] = 0;
}

void crypto_submit_all(struct worker *w, bool encrypt)
{
	/* GCM last: it goes on at once, and what comes of that queues jobs of its own. */
	for (unsigned lane = ESP_LANE_COUNT; lane-- > 0;)
		if (w->job_count[lane] != 0)
			crypto_submit(w, lane, encrypt);
}

void crypto_flush_older(struct worker *w, unsigned lane, uint32_t cycles)
{
	struct rte_mbuf *oldest;
	struct esp_done done;

	while ((oldest = esp_engine_oldest(w->engine, lane)) != NULL &&
	       (uint32_t)w->now_cycles - packet_of(oldest)->queued > cycles)
		gather(w, &done, esp_engine_flush_oldest(w->engine, lane, &done));
}

void crypto_flush(struct worker *w, unsigned lane)
{
	struct esp_done done[ESP_DONE_MAX];

	gather(w, done, esp_engine_flush(w->engine, lane, done));
}
