/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"
#include "ike/engine.h"

#include <errno.h>
#include <stdlib.h>

/* A new job of `sa` or `quick_mode`; NULL when there are too many. */
static struct job *job_new(struct ike *ike, struct sa *sa, struct quick_mode *quick_mode,
			   const struct endpoint *remote)
{
	struct source *source = source_get(ike, remote);
	struct job *job;

	if (source->jobs >= JOBS_PER_SOURCE || ike->jobs.used >= JOBS_TOTAL) {
		ike_count(ike, IKE_COUNTER_too_many_jobs);
		source_put(ike, source);
		return NULL;
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
	return job;
}

static uint64_t handle_of(const struct job *job)
{
	return (uint64_t)job->generation << 32 | job->index;
}

int job_start(struct ike *ike, struct sa *sa, struct quick_mode *quick_mode,
	      const struct endpoint *remote, uint16_t group, const struct digest_part *peer_public)
{
	struct job *job = job_new(ike, sa, quick_mode, remote);
	struct ike_event *event;

	if (job == NULL)
		return -EAGAIN;
	event = report_event(ike, IKE_KEY_EXCHANGE, sa != NULL ? sa : quick_mode->sa, NULL, 0);
	event->key_exchange.handle = handle_of(job);
	event->key_exchange.source = *remote;
	event->key_exchange.request.group = group;
	event->key_exchange.request.peer_public_bytes = (uint16_t)peer_public->length;
	memcpy(event->key_exchange.request.peer_public, peer_public->bytes, peer_public->length);
	return 0;
}

int job_start_signature(struct sa *sa, const struct endpoint *remote,
			const struct signature_request *request)
{
	struct job *job = job_new(sa->ike, sa, NULL, remote);
	struct ike_event *event;

	if (job == NULL)
		return -EAGAIN;
	job->signature = true;
	event = report_event(sa->ike, IKE_SIGNATURE, sa, NULL, request->bytes);
	memcpy(event + 1, request, request->bytes);
	event->signature.handle = handle_of(job);
	event->signature.source = *remote;
	event->signature.request = (const struct signature_request *)(const void *)(event + 1);
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

/* The job of that name, if it is of that kind. */
static struct job *job_find(struct ike *ike, uint64_t handle, bool signature)
{
	struct job *job =
		slots_get(&ike->jobs, (uint32_t)handle, (uint32_t)(handle >> 32), UINT32_MAX);

	if (job != NULL && job->signature == signature)
		return job;
	ike_count(ike, IKE_COUNTER_stale_job);
	return NULL;
}

void ike_key_exchange_done(struct ike *ike, uint64_t handle,
			   const struct key_exchange_result *result, uint64_t now_ms)
{
	struct job *job = job_find(ike, handle, false);
	struct sa *sa;
	struct quick_mode *quick_mode;

	ike->now_ms = now_ms;
	if (job == NULL)
		return;
	sa = job->sa;
	quick_mode = job->quick_mode;
	job_drop(ike, job);
	if (sa != NULL)
		main_mode_key_exchange_done(sa, result);
	else
		quick_mode_key_exchange_done(quick_mode, result);
	ike_reap(ike);
}

void ike_signature_done(struct ike *ike, uint64_t handle, const struct signature_result *result,
			uint64_t now_ms)
{
	struct job *job = job_find(ike, handle, true);
	struct sa *sa;

	ike->now_ms = now_ms;
	if (job == NULL)
		return;
	sa = job->sa;
	job_drop(ike, job);
	main_mode_signature_done(sa, result);
	ike_reap(ike);
}
