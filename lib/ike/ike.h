/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_IKE_H
#define IKE_IKE_H

/*
 * The IKEv1 responder (RFC 2407, 2408, 2409, 3706, 3947) as an engine without I/O: datagrams, time
 * and results of public-key jobs go in, events come out. It owns no socket, clock, thread or random
 * source. One engine serves every local address. Only the control core calls it.
 *
 * A *peer* is one remote device: the peer group of the packet path. It is made when a main mode
 * completes and is named by a 32-bit number (index and generation, never 0). It owns the
 * established ISAKMP SAs and the ESP SA pairs ("children") negotiated through them.
 */

#include "base/cause.h"
#include "base/endpoint.h"
#include "base/random_source.h"
#include "crypto/certificate.h"
#include "crypto/esp_suite.h"
#include "crypto/key_exchange.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ike;

/* Where a datagram came from and which of our addresses it reached. A local port of 4500 means that
 * the non-ESP marker stands in front of the ISAKMP header (RFC 3948 2.2). */
struct ike_path {
	struct endpoint local;
	struct endpoint remote;
};

enum ike_compatibility {
	IKE_COMPATIBILITY_CLIENTS, /* groups 2 5 14 15 19 20 21, SHA1, 3DES as the last resort */
	IKE_COMPATIBILITY_MODERN,  /* neither groups 2 and 5, nor SHA1 in IKE, nor 3DES */
};

#define IKE_KEYS_MAX       8  /* pre-shared keys of one listener */
#define IKE_KEY_NAME_BYTES 64 /* longer names are cut where they are reported */

/* The key of a group of peers. */
struct ike_named_key {
	const char *name; /* what the operator calls it; never NULL */
	const uint8_t *bytes;
	size_t length;
};

/* What holds for a local address. The one of that very address wins over the one for every address. */
struct ike_listener {
	struct endpoint local; /* family ENDPOINT_NONE: every local address; the port is ignored */
	/* What clients dial when a NAT stands in front of us (1:1, in a cloud); ENDPOINT_NONE: local. */
	struct endpoint public_address;
	const uint8_t *preshared_key; /* no bytes: no key here */
	size_t preshared_key_bytes;
	/* More keys beside that one; each is tried on main mode 5. Those beyond IKE_KEYS_MAX count as
	 * not given. */
	const struct ike_named_key *named_keys;
	size_t named_key_count;
	/* For aggressive mode, each by the identifier of its peer; none: aggressive mode is refused. */
	const struct ike_named_key *aggressive_keys;
	size_t aggressive_key_count;
	const struct credentials *credentials; /* not copied; NULL: no certificates here */
};

/* Copied by ike_new(), listeners and their keys included. */
struct ike_config {
	const struct ike_listener *listeners;
	size_t listener_count;
	enum ike_compatibility compatibility;
	struct endpoint local_id;      /* ID of main mode 6; ENDPOINT_NONE: the address dialled */
	bool force_encapsulation;      /* make the peer see a NAT by faking only its own hash */
	uint32_t half_open_per_source; /* 512 */
	uint32_t half_open_total;      /* 16384 */
	uint32_t half_open_ms;         /* 30000: an unfinished main mode lives so long */
	uint32_t peers_total;          /* upper bound of peers */
	uint32_t dpd_idle_ms;          /* 30000: R-U-THERE after so much silence; 0: never */
	uint32_t dpd_interval_ms;      /* 5000: between unanswered R-U-THERE */
	uint32_t dpd_attempts;         /* 5: unanswered ones until the peer is dead */
	uint32_t child_linger_ms;      /* 30000: a replaced inbound SA lives so much longer */
};

/* What the engine needs from its owner at once. */
struct ike_host {
	void *context;
	struct random_source random;
	/* Reserves an inbound SPI for a child of `peer`; 0 when there is none left. */
	uint32_t (*spi_reserve)(void *context, uint32_t peer);
	/* Gives back an SPI for which no IKE_CHILD_ADD was sent. */
	void (*spi_release)(void *context, uint32_t spi);
	/* True if the packet path authenticated a packet of `peer` since the last question: then no
	 * R-U-THERE is sent. NULL: never asked. */
	bool (*peer_heard)(void *context, uint32_t peer);
};

/* The index in a peer's number, below `peers_total`: for an array of the owner's. */
uint32_t ike_peer_index(uint32_t peer);

enum ike_event_kind {
	IKE_SEND,            /* .send */
	IKE_KEY_EXCHANGE,    /* .key_exchange: a public-key job to run on a thread */
	IKE_SIGNATURE,       /* .signature: another one */
	IKE_PEER_UP,         /* .peer_up: main mode completed with a new peer */
	IKE_PEER_ENDPOINT,   /* .endpoint: an authenticated IKE message came from a new address */
	IKE_CHILD_ADD,       /* .child_add: comes before the IKE_SEND of quick mode 2 */
	IKE_CHILD_CONFIRMED, /* .child: quick mode 3 arrived; the outbound SA may be used */
	IKE_CHILD_OUTBOUND_DELETED, /* .child: the peer deleted its inbound SA: send on it no more */
	IKE_CHILD_DELETE,  /* .child: remove the pair; its SPI is free after the owner says so */
	IKE_PEER_ANSWERED, /* .peer: acknowledged what ike_peer_ask() sent */
	IKE_PEER_INITIAL_CONTACT, /* .peer: peers with the same identity should be probed */
	IKE_PEER_DOWN, /* .down: no ISAKMP SA and no child is left, or the peer is dead */
	IKE_STEP,      /* .step: one line of the ladder */
	IKE_FAILED,    /* .failed: a negotiation ended without success */
};

/* One message or turn of a dial, for the ladder. */
struct ike_step {
	bool inbound;
	const char *message; /* "main mode 1"; static */
	char meaning[192];   /* "offers 12 proposals, RFC 3947, profile windows"; may be "" */
};

struct ike_event {
	enum ike_event_kind kind;
	uint32_t peer;        /* 0 before the peer exists */
	uint64_t negotiation; /* the initiator's cookie: names a dial before its peer exists */
	union {
		struct {
			struct ike_path path;
			bool to_current_endpoint; /* not an answer: use the peer's endpoint of now */
			size_t length;
			const uint8_t *bytes; /* with the marker if path.local.port is 4500 */
		} send;
		struct {
			uint64_t handle;        /* index and generation of the exchange */
			struct endpoint source; /* for fairness between sources */
			struct key_exchange_request request;
		} key_exchange;
		struct {
			uint64_t handle;
			struct endpoint source;
			const struct signature_request *request; /* lives as long as the event */
		} signature;
		struct {
			struct ike_path path;
			bool peer_behind_nat;
			bool local_behind_nat;
			bool encapsulated;      /* NAT traversal was agreed on: ESP in UDP 4500 */
			uint64_t identity_hash; /* of all its bytes, which the text may leave out,
						   and of the key that proved it */
			char key[IKE_KEY_NAME_BYTES]; /* the name of that; "" if it has none */
			char identity[128];           /* printable, "192.168.1.2 (ipv4)" */
			char profile[32];  /* by vendor ids: "windows", "apple", "generic" */
			char proposal[96]; /* "aes-256-cbc/sha2-256/group 14" */
		} peer_up;
		struct {
			struct ike_path path;
		} endpoint;
		struct {
			uint32_t spi_in;
			uint32_t spi_out;
			bool encapsulated; /* UDP 4500, else protocol 50 */
			struct ike_path path;
			uint64_t
				inner; /* stands for the address in IDci and the peer's own in NAT-OA:
					   equal in all children of one device */
			uint16_t peer_port;      /* UDP port of IDci; 0: any */
			uint16_t local_port;     /* UDP port of IDcr; 0 or 1701 */
			uint64_t lifetime_ms;    /* 28800000 if the peer named none */
			uint64_t lifetime_bytes; /* 0: no limit; the peer rekeys before */
			struct esp_keys keys_in;
			struct esp_keys keys_out;
		} child_add;
		struct {
			uint32_t spi_in;
			uint32_t spi_out;
		} child;
		struct {
			enum cause cause;
		} down;
		struct {
			struct ike_step step;
			struct ike_path path;
		} step;
		struct {
			struct ike_path path;
			enum cause cause;
			char detail[256];   /* the rest of the cause's sentence; may be "" */
			char offered[512];  /* what the peer offered, readable */
			char accepted[256]; /* what the policy accepts, readable */
		} failed;
	};
};

/* Counters by name: counters.def of this folder. */
enum ike_counter {
#define IKE_COUNTER(name, text) IKE_COUNTER_##name,
#include "ike/counters.def"
#undef IKE_COUNTER
	IKE_COUNTER_COUNT
};
const char *ike_counter_name(enum ike_counter counter);
const char *ike_counter_text(enum ike_counter counter);
uint64_t ike_counter_value(const struct ike *ike, enum ike_counter counter);

/* How many objects of each kind the engine holds. All are 0 once the last peer is gone. */
struct ike_objects {
	uint32_t sas;         /* ISAKMP SAs, half-open ones included */
	uint32_t main_modes;  /* those of them that still hold main mode's part */
	uint32_t quick_modes; /* under way, or refused and kept for duplicates */
	uint32_t children;
	uint32_t peers;
	uint32_t jobs;
	uint32_t sources;
};
void ike_objects(const struct ike *ike, struct ike_objects *objects);

/* A new engine, or NULL when the configuration holds neither a usable pre-shared key nor a
 * certificate (errno EINVAL). */
struct ike *ike_new(const struct ike_config *config, const struct ike_host *host);
void ike_free(struct ike *ike);

/*
 * One datagram from UDP 500 or 4500, `bytes` from behind the UDP header. Nothing is kept of the
 * caller's buffer. Errors are the peer's matter: they are counted and, where the RFC says so,
 * answered through the event queue.
 */
void ike_feed(struct ike *ike, const struct ike_path *path, const uint8_t *bytes, size_t length,
	      uint64_t now_ms);

/* The result of a job. A stale handle wipes and ignores it. `result` stays the caller's to wipe. */
void ike_key_exchange_done(struct ike *ike, uint64_t handle,
			   const struct key_exchange_result *result, uint64_t now_ms);

void ike_signature_done(struct ike *ike, uint64_t handle, const struct signature_result *result,
			uint64_t now_ms);

/* The packet path authenticated a packet on this inbound SPI for the first time: quick mode 3 may
 * have been lost, the pair counts as confirmed (RFC 2409 5.5, clients do not resend it). */
void ike_child_used(struct ike *ike, uint32_t spi_in, uint64_t now_ms);

/*
 * Authenticated traffic of the peer was seen at `seen_ms`: puts dead-peer detection off. Cheap enough
 * to be called for every peer each second.
 */
void ike_peer_alive(struct ike *ike, uint32_t peer, uint64_t seen_ms);

/* The packet path moved the peer's endpoint (RFC 3947 7). */
void ike_peer_moved(struct ike *ike, uint32_t peer, const struct ike_path *path);

/*
 * Two peers are one device: what `from` has becomes `into`'s, and `from` is no more, without an event.
 */
void ike_peer_merge(struct ike *ike, uint32_t into, uint32_t from, uint64_t now_ms);

/* True if the peer's ISAKMP SA is in the last quarter of its life, or there is none. */
bool ike_peer_ageing(struct ike *ike, uint32_t peer, uint64_t now_ms);

/* What a `failed` event knows besides its cause, for the operator; may be "". */
#define IKE_FAILED_TEXT_BYTES 1056
void ike_failed_text(const struct ike_event *event, char text[IKE_FAILED_TEXT_BYTES]);

/* Deletes children and ISAKMP SAs, with Delete payloads to the peer, then IKE_PEER_DOWN. */
void ike_peer_close(struct ike *ike, uint32_t peer, enum cause cause, uint64_t now_ms);

/*
 * Sends one R-U-THERE at once; the peer is closed if it stays silent for `timeout_ms`. A peer that
 * does not speak DPD (Windows) or has no ISAKMP SA cannot be asked: nothing happens then.
 */
void ike_peer_probe(struct ike *ike, uint32_t peer, uint32_t timeout_ms, uint64_t now_ms);

/*
 * Sends one R-U-THERE to where the peer is now; IKE_PEER_ANSWERED follows its acknowledgement, or that
 * of an earlier one since the peer moved last. Silence has no consequence here. False if the peer cannot
 * be asked: it does not speak DPD, or has no ISAKMP SA.
 */
bool ike_peer_ask(struct ike *ike, uint32_t peer, uint64_t now_ms);

/* When ike_on_time() wants to be called next; UINT64_MAX: never. */
uint64_t ike_deadline(const struct ike *ike);
void ike_on_time(struct ike *ike, uint64_t now_ms);

/* The oldest event or NULL; valid until the next call of this function. */
const struct ike_event *ike_next_event(struct ike *ike);

/* One line of the listing of ISAKMP SAs. */
struct ike_sa_view {
	uint32_t peer; /* 0 while the negotiation runs */
	uint64_t initiator_cookie;
	uint64_t responder_cookie;
	struct ike_path path;
	const char *state;
	char proposal[96];
	uint64_t established_ms; /* 0 before */
	uint64_t expires_ms;
};

/*
 * Copies up to `count` SAs from position `*cursor` on, which it advances; 0 at the end. A cursor
 * starts at 0.
 */
size_t ike_list_sas(const struct ike *ike, uint32_t *cursor, struct ike_sa_view *views,
		    size_t count);

#endif
