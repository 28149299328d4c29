/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_INITIATOR_H
#define IKE_INITIATOR_H

/*
 * The IKEv1 initiator with a pre-shared key (RFC 2409 5.4, 5.5; RFC 3706, 3947): a client for load
 * and for tests against the responder of ike.h. One instance is one client with one peer; it is
 * small (below 1 KiB once it is up) and shares its configuration with others.
 *
 * An engine without I/O like the responder: datagrams, time and results of jobs go in, events come
 * out. One thread at a time uses an instance.
 *
 * The order of a dial: ike_initiator_start(); SEND and JOB events as they come; UP when main mode is
 * complete; CHILD_UP when quick mode is. After DOWN, and after FAILED of a first dial, nothing is
 * left and ike_initiator_start() may come again; what was up survives a rekey that FAILED.
 */

#include "base/cause.h"
#include "base/endpoint.h"
#include "base/random_source.h"
#include "crypto/esp_suite.h"
#include "crypto/key_exchange.h"
#include "ike/proposal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ike_initiator;

enum ike_initiator_nat {
	IKE_INITIATOR_NAT_DETECT, /* RFC 3947: port 4500 and ESP in UDP if there is a NAT */
	IKE_INITIATOR_NAT_FORCED, /* the same with a NAT faked: our own hash is made wrong */
	IKE_INITIATOR_NAT_NONE,   /* no NAT traversal offered: ESP is protocol 50 */
};

/* Shared by any number of instances, which keep a pointer to it: it must outlive them. */
struct ike_initiator_config {
	const uint8_t *preshared_key;
	size_t preshared_key_bytes;
	struct ike_suite ike; /* the one proposal of main mode; AES-CBC or 3DES */
	struct esp_suite esp; /* the one proposal of quick mode */
	uint16_t esp_group;   /* perfect forward secrecy; 0: none */
	uint64_t esp_lifetime_ms;
	enum ike_initiator_nat nat;
	bool dead_peer_detection; /* say that we answer R-U-THERE (RFC 3706) */
	uint16_t own_port;        /* UDP port of IDci: 1701, 0: any; the peer's is 1701 */
	uint32_t retransmit_ms;   /* to the first retransmission; doubles each time */
	uint32_t retransmissions; /* of one message until the dial has failed */
	uint32_t old_child_ms;    /* a replaced pair of SAs lives so much longer */
};

/*
 * Public-key work: to be run by ike_initiator_job_run(), at once or on a thread with copies of both
 * structures, then given back to ike_initiator_job_done(). Both are the owner's to wipe.
 */
struct ike_initiator_job {
	uint32_t handle;
	uint16_t group;
	uint16_t peer_public_bytes; /* 0: make a key pair; else a shared secret */
	struct key_pair pair;       /* for the shared secret */
	uint8_t peer_public[KEY_EXCHANGE_BYTES_MAX];
};

struct ike_initiator_job_result {
	uint32_t handle;
	int error; /* 0 or -errno */
	struct key_pair pair;
	uint16_t secret_bytes;
	uint8_t secret[KEY_EXCHANGE_BYTES_MAX];
};

enum ike_initiator_event_kind {
	IKE_INITIATOR_SEND,       /* .send */
	IKE_INITIATOR_JOB,        /* .job */
	IKE_INITIATOR_UP,         /* .up: an ISAKMP SA is established, the first or a new one */
	IKE_INITIATOR_CHILD_UP,   /* .child_up: comes before the SEND of quick mode 3 */
	IKE_INITIATOR_CHILD_DOWN, /* .child: deleted by the peer, or old after a rekey */
	IKE_INITIATOR_DOWN,       /* .down: the peer deleted the ISAKMP SA, or we closed */
	IKE_INITIATOR_FAILED,     /* .failed: a negotiation ended without success */
};

struct ike_initiator_event {
	enum ike_initiator_event_kind kind;
	union {
		struct {
			uint16_t port; /* 500 or 4500, of both ends unless a NAT changes ours */
			size_t length;
			const uint8_t *bytes; /* with the non-ESP marker if the port is 4500 */
		} send;
		struct ike_initiator_job job;
		struct {
			bool encapsulated; /* ESP in UDP 4500 */
			bool own_behind_nat;
			bool peer_behind_nat;
			bool again; /* not the first: by ike_initiator_rekey() */
		} up;
		struct {
			uint32_t spi_in;
			uint32_t spi_out;
			bool encapsulated;
			bool again;
			struct esp_keys keys_in;
			struct esp_keys keys_out;
		} child_up;
		struct {
			uint32_t spi_in;
			uint32_t spi_out;
		} child;
		struct {
			enum cause cause;
		} down;
		struct {
			enum cause cause;
			uint16_t notification; /* the peer's refusal (RFC 2408 3.14.1); 0: none */
			const char *state;     /* what was being done; static */
		} failed;
	};
};

/* A new idle instance. `config` is kept, `random` is copied. */
struct ike_initiator *ike_initiator_new(const struct ike_initiator_config *config,
					const struct random_source *random);
void ike_initiator_free(struct ike_initiator *initiator);

/*
 * Dials. `own` is the address and port (500) that the client believes to have: if the peer sees
 * another one there is a NAT. `spi_in` is the SPI of the first child, 256 or more.
 */
void ike_initiator_start(struct ike_initiator *initiator, const struct endpoint *own,
			 const struct endpoint *peer, uint32_t spi_in, uint64_t now_ms);

/* One datagram that came to port 500 or 4500 (`port`), with its non-ESP marker if 4500. */
void ike_initiator_feed(struct ike_initiator *initiator, uint16_t port, const uint8_t *bytes,
			size_t length, uint64_t now_ms);

/* Runs a job; pure computation, any thread may. */
void ike_initiator_job_run(const struct ike_initiator_job *job,
			   struct ike_initiator_job_result *result);
/* A result that nothing waits for any more is ignored. */
void ike_initiator_job_done(struct ike_initiator *initiator,
			    const struct ike_initiator_job_result *result, uint64_t now_ms);

/* When ike_initiator_on_time() wants to be called next; UINT64_MAX: never. */
uint64_t ike_initiator_deadline(const struct ike_initiator *initiator);
void ike_initiator_on_time(struct ike_initiator *initiator, uint64_t now_ms);

/* The oldest event or NULL; valid until the next call of this function. */
const struct ike_initiator_event *ike_initiator_next_event(struct ike_initiator *initiator);

/*
 * A new main mode; when it is complete the old ISAKMP SA is deleted. UP tells. 0; -EBUSY while a
 * negotiation runs; -ENOTCONN when nothing is up.
 */
int ike_initiator_rekey(struct ike_initiator *initiator, uint64_t now_ms);

/* A new quick mode; `old_child_ms` after CHILD_UP the old pair is deleted. Errors as above. */
int ike_initiator_rekey_child(struct ike_initiator *initiator, uint32_t spi_in, uint64_t now_ms);

/* Deletes what is up, with Delete payloads to the peer, then DOWN. */
void ike_initiator_close(struct ike_initiator *initiator, uint64_t now_ms);

/* True when a child is up and no negotiation runs. */
bool ike_initiator_is_up(const struct ike_initiator *initiator);

/* Initiator's cookie of the ISAKMP SA in use; 0: none. */
uint64_t ike_initiator_cookie(const struct ike_initiator *initiator);

#endif
