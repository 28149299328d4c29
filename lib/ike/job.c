/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"
#include "ike/engine.h"

#include <errno.h>
#include <stdlib.h>

int job_start(struct ike *ike, struct sa *sa, struct quick_mode *quick_mode,
	      const struct endpoint *remote, uint16_t group, const struct digest_part *peer_public)
{
	struct source *source = source_get(ike, remote);
	struct ike_event *event;
	struct job *job;

	if (source->jobs >= JOBS_PER_SOURCE || ike->jobs.used >= JOBS_TOTAL) {
		ike_count(ike, IKE_COUNTER_too_many_jobs);
		source_put(ike, source);
		return -EAGAIN;
	}
	job = memory_new(sizeof(*job));
	(void)slots_add(&ike->jobs, job, &job->index, &job->generation);
	job->sa = sa;
	job->quick_mode = quick_mode;
	job->source = source;
	source->jobs++;
	if (sa != NULL)
		sa->main_mode->job = job;
	else
		quick_mode->job = job;
	event = report_event(ike, IKE_KEY_EXCHANGE, sa != NULL ? sa : quick_mode->sa, NULL, 0);
	event->key_exchange.handle = (uint64_t)job->generation << 32 | job->index;
	event->key_exchange.source = *remote;
	event->key_exchange.request.group = group;
	event->key_exchange.request.peer_public_bytes = (uint16_t)peer_public->length;
	memcpy(event->key_exchange.request.peer_public, peer_public->bytes, peer_public->length);
	return 0;
}

void job_drop(struct ike *ike, struct job *job)
{
	if (job == NULL)
		return;
	if (job->sa != NULL)
		job->sa->main_mode->job = NULL;
	else
		job->quick_mode->job = NULL;
	slots_remove(&ike->jobs, job->index);
	job->source->jobs--;
	source_put(ike, job->source);
	free(job);
}

void ike_key_exchange_done(struct ike *ike, uint64_t handle,
			   const struct key_exchange_result *result, uint64_t now_ms)
{
	struct job *job =
		slots_get(&ike->jobs, (uint32_t)handle, (uint32_t)(handle >> 32), UINT32_MAX);
	struct sa *sa;
	struct quick_mode *quick_mode;

	ike->now_ms = now_ms;
	if (job == NULL) {
		ike_count(ike, IKE_COUNTER_stale_job);
		return;
	}
	sa = job->sa;
	quick_mode = job->quick_mode;
	job_drop(ike, job);
	if (sa != NULL)
		main_mode_key_exchange_done(sa, result);
	else
		quick_mode_key_exchange_done(quick_mode, result);
	ike_reap(ike);
}
