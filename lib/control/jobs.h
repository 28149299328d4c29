/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_JOBS_H
#define CONTROL_JOBS_H

/*
 * Public-key work on threads of its own, so that it never holds up the control core. The queue is
 * bounded, and sources take turns: one that sends much waits for itself.
 */

#include "base/endpoint.h"
#include "crypto/certificate.h"
#include "crypto/key_exchange.h"

#include <stdbool.h>
#include <stdint.h>

struct jobs;

/* NULL and errno when threads cannot be started. */
struct jobs *jobs_new(unsigned threads);
void jobs_free(struct jobs *jobs);

/* Queues a job; false when the queue is full. */
bool jobs_submit(struct jobs *jobs, uint64_t handle, const struct endpoint *source,
		 const struct key_exchange_request *request);

/* The same for a signature; the request is copied. */
bool jobs_submit_signature(struct jobs *jobs, uint64_t handle, const struct endpoint *source,
			   const struct signature_request *request);

/* Readable when results wait. */
int jobs_descriptor(const struct jobs *jobs);

/* Who is told of results, on the caller's thread of jobs_collect(). */
struct jobs_done {
	void *context;
	void (*key_exchange)(void *context, uint64_t handle,
			     const struct key_exchange_result *result);
	void (*signature)(void *context, uint64_t handle, const struct signature_result *result);
};

/* Tells each result, then wipes it. */
void jobs_collect(struct jobs *jobs, const struct jobs_done *done);

#endif
