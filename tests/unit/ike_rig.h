/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_RIG_H
#define IKE_RIG_H

/* An engine with fake time and recorded events, and clients that dial it. */

#include "explained.h"
#include "ike/ike.h"
#include "ike_initiator.h"

#define RIG_EVENTS_MAX 512
#define RIG_SENDS_MAX  256
#define RIG_JOBS_MAX   64

struct rig_send {
	struct ike_path path;
	bool to_current_endpoint;
	uint32_t peer;
	size_t length; /* without marker */
	uint8_t bytes[4096];
};

struct rig_job {
	uint64_t handle;
	struct key_exchange_request request;
	struct signature_request *signature; /* owned until it runs; NULL: a key exchange */
};

struct ike_rig {
	struct ike *ike;
	struct ike_config config;
	struct ike_listener listener;
	struct initiator_random random;
	uint64_t now_ms;
	uint32_t last_spi;
	bool no_spi;
	unsigned spis_released;
	bool hold_jobs;
	struct rig_job jobs[RIG_JOBS_MAX];
	size_t job_count;
	struct explained explained;
	struct ike_event events[RIG_EVENTS_MAX]; /* all but sends and jobs */
	size_t event_count;
	size_t sends_at[RIG_EVENTS_MAX]; /* number of sends before that event */
	struct rig_send sends[RIG_SENDS_MAX];
	size_t send_count;
};

struct rig_client {
	struct initiator i;
	struct ike_path path; /* as the engine sees it; local port 500 or 4500 */
	uint16_t nat_port;    /* remote port after the float */
	bool extra_marker;
	size_t seen; /* sends of the rig already looked at */
};

/* Changes the default configuration before the engine is made; may be NULL. */
void rig_init(struct ike_rig *rig, uint64_t seed, void (*change)(struct ike_config *config));
void rig_free(struct ike_rig *rig);
/* True if the engine holds no object of any kind. */
bool rig_empty(const struct ike_rig *rig);
void rig_feed(struct ike_rig *rig, const struct ike_path *path, const uint8_t *bytes,
	      size_t length);
void rig_drain(struct ike_rig *rig);
void rig_run_jobs(struct ike_rig *rig);
void rig_forget(struct ike_rig *rig); /* the events and sends so far */
/* Lets time pass, with every deadline on its way. */
void rig_advance(struct ike_rig *rig, uint64_t ms);
size_t rig_count(const struct ike_rig *rig, enum ike_event_kind kind);
const struct ike_event *rig_find(const struct ike_rig *rig, enum ike_event_kind kind, size_t nth);
/* Position of the nth event of that kind, or -1. */
int rig_position(const struct ike_rig *rig, enum ike_event_kind kind, size_t nth);

/* A common client behind a NAT: AES-256, SHA1, group 14, RFC 3947, DPD; CBC and SHA1 for ESP. */
struct initiator_config client_config(bool nat);
void client_init(struct rig_client *client, const struct initiator_config *config, uint64_t seed,
		 uint16_t public_port);
/* Sends what the initiator has to say, takes what the engine answers, until both are quiet. */
void client_exchange(struct ike_rig *rig, struct rig_client *client);
void client_send(struct ike_rig *rig, struct rig_client *client);
/* Gives the initiator what the engine sent since; true if it has something to say. */
bool client_collect(struct ike_rig *rig, struct rig_client *client);
void client_dial(struct ike_rig *rig, struct rig_client *client);       /* main mode */
void client_quick_mode(struct ike_rig *rig, struct rig_client *client); /* and quick mode */

#endif
