/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/jobs.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define JOBS_MAX    1024
#define TURNS       64 /* queues that sources are spread over */
#define THREADS_MAX 16

struct job {
	struct job *next;
	uint64_t handle;
	struct signature_request *signature; /* owned; NULL: a key exchange */
	union {
		struct {
			struct key_exchange_request request;
			struct key_exchange_result result;
		} key_exchange;
		struct signature_result signed_result;
	};
};

struct queue {
	struct job *head;
	struct job *tail;
};

struct jobs {
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool stopping;
	unsigned queued;
	unsigned turn;
	struct queue waiting[TURNS];
	struct queue finished;
	int descriptor;
	unsigned threads;
	pthread_t thread[THREADS_MAX];
};

static void queue_push(struct queue *queue, struct job *job)
{
	job->next = NULL;
	if (queue->tail == NULL)
		queue->head = job;
	else
		queue->tail->next = job;
	queue->tail = job;
}

static struct job *queue_pop(struct queue *queue)
{
	struct job *job = queue->head;

	if (job == NULL)
		return NULL;
	queue->head = job->next;
	if (queue->head == NULL)
		queue->tail = NULL;
	return job;
}

static void job_free(struct job *job)
{
	signature_request_free(job->signature);
	memory_wipe(job, sizeof(*job));
	free(job);
}

/* The next job of the next source; the lock is held. */
static struct job *next_job(struct jobs *jobs)
{
	for (unsigned i = 0; i < TURNS; i++) {
		struct job *job = queue_pop(&jobs->waiting[jobs->turn++ % TURNS]);

		if (job != NULL)
			return job;
	}
	return NULL;
}

static void *thread_main(void *argument)
{
	struct key_exchange_context *context = key_exchange_context_new();
	struct jobs *jobs = argument;

	pthread_mutex_lock(&jobs->lock);
	for (;;) {
		struct job *job;
		uint64_t one = 1;

		while (!jobs->stopping && jobs->queued == 0)
			pthread_cond_wait(&jobs->work, &jobs->lock);
		if (jobs->stopping)
			break;
		job = next_job(jobs);
		jobs->queued--;
		pthread_mutex_unlock(&jobs->lock);
		if (job->signature != NULL)
			signature_run(job->signature, &job->signed_result);
		else
			key_exchange_run(context, &job->key_exchange.request,
					 &job->key_exchange.result);
		pthread_mutex_lock(&jobs->lock);
		queue_push(&jobs->finished, job);
		if (write(jobs->descriptor, &one, sizeof(one)) < 0)
			continue; /* the counter is full: it is readable already */
	}
	pthread_mutex_unlock(&jobs->lock);
	key_exchange_context_free(context);
	return NULL;
}

struct jobs *jobs_new(unsigned threads)
{
	struct jobs *jobs = memory_new(sizeof(*jobs));
	sigset_t all, before;
	int error = 0;

	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->work, NULL);
	jobs->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (error == 0 && jobs->threads < threads && jobs->threads < THREADS_MAX) {
		error = pthread_create(&jobs->thread[jobs->threads], NULL, thread_main, jobs);
		if (error == 0)
			jobs->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0 || jobs->descriptor < 0) {
		jobs_free(jobs);
		errno = error != 0 ? error : EMFILE;
		return NULL;
	}
	return jobs;
}

void jobs_free(struct jobs *jobs)
{
	struct job *job;

	if (jobs == NULL)
		return;
	pthread_mutex_lock(&jobs->lock);
	jobs->stopping = true;
	pthread_cond_broadcast(&jobs->work);
	pthread_mutex_unlock(&jobs->lock);
	for (unsigned i = 0; i < jobs->threads; i++)
		pthread_join(jobs->thread[i], NULL);
	for (unsigned i = 0; i < TURNS; i++)
		while ((job = queue_pop(&jobs->waiting[i])) != NULL)
			job_free(job);
	while ((job = queue_pop(&jobs->finished)) != NULL)
		job_free(job);
	if (jobs->descriptor >= 0)
		close(jobs->descriptor);
	pthread_cond_destroy(&jobs->work);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs);
}

static unsigned turn_of(const struct endpoint *source)
{
	uint32_t hash = 2166136261u;

	for (unsigned i = 0; i < sizeof(source->address); i++)
		hash = (hash ^ source->address[i]) * 16777619u;
	return hash % TURNS;
}

/* An empty job in the queue of its source's turn, or NULL; the lock is held. */
static struct job *job_queue(struct jobs *jobs, uint64_t handle, const struct endpoint *source)
{
	struct job *job;

	if (jobs->queued >= JOBS_MAX)
		return NULL;
	job = memory_new(sizeof(*job));
	job->handle = handle;
	queue_push(&jobs->waiting[turn_of(source)], job);
	jobs->queued++;
	pthread_cond_signal(&jobs->work);
	return job;
}

bool jobs_submit(struct jobs *jobs, uint64_t handle, const struct endpoint *source,
		 const struct key_exchange_request *request)
{
	struct job *job;

	pthread_mutex_lock(&jobs->lock);
	job = job_queue(jobs, handle, source);
	if (job != NULL)
		job->key_exchange.request = *request;
	pthread_mutex_unlock(&jobs->lock);
	return job != NULL;
}

bool jobs_submit_signature(struct jobs *jobs, uint64_t handle, const struct endpoint *source,
			   const struct signature_request *request)
{
	struct job *job;

	pthread_mutex_lock(&jobs->lock);
	job = job_queue(jobs, handle, source);
	if (job != NULL)
		job->signature = signature_request_copy(request);
	pthread_mutex_unlock(&jobs->lock);
	return job != NULL;
}

int jobs_descriptor(const struct jobs *jobs)
{
	return jobs->descriptor;
}

void jobs_collect(struct jobs *jobs, const struct jobs_done *done)
{
	uint64_t count;
	struct queue finished;
	struct job *job;

	if (read(jobs->descriptor, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&jobs->lock);
	finished = jobs->finished;
	jobs->finished = (struct queue){NULL, NULL};
	pthread_mutex_unlock(&jobs->lock);
	while ((job = queue_pop(&finished)) != NULL) {
		if (job->signature != NULL)
			done->signature(done->context, job->handle, &job->signed_result);
		else
			done->key_exchange(done->context, job->handle, &job->key_exchange.result);
		job_free(job);
	}
}
