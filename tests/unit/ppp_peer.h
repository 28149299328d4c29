/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_PPP_PEER_H
#define TESTS_PPP_PEER_H

/*
 * A small PPP client for the tests, in the manner of pppd: LCP, one way to authenticate, IPCP. It
 * shares no code with the engine under test.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_OPTIONS_MAX 128

/* One negotiation of the peer: its request, and whether each side agreed. */
struct peer_layer {
	uint16_t protocol;
	uint8_t identifier;
	uint8_t options[PEER_OPTIONS_MAX];
	size_t options_length;
	bool ours_acked;
	bool theirs_acked;
	bool started;
	bool silent; /* does not answer or ask */
	uint64_t retry_ms;
	unsigned requests_received;
	uint8_t last_request_identifier;
	unsigned naks_received;
	unsigned rejects_received;
	uint8_t rejected[PEER_OPTIONS_MAX]; /* types that the other end rejected */
	size_t rejected_count;
	uint8_t theirs[PEER_OPTIONS_MAX]; /* the request received last */
	size_t theirs_length;
};

struct ppp_peer {
	struct peer_layer lcp;
	struct peer_layer ipcp;
	uint16_t accepts_protocol; /* Naks every other way to authenticate; 0: takes any */
	uint8_t accepts_algorithm;
	bool insists_on_address;
	bool rejects_authentication;
	uint16_t method_protocol; /* agreed */
	uint8_t method_algorithm;
	const char *user;
	const char *password;
	bool answers_challenge;
	unsigned challenges;
	bool success;
	bool failure;
	unsigned successes;
	char message[256];
	uint64_t pap_retry_ms;
	uint32_t address_be;
	uint32_t dns_be[2];
	bool terminate_request;
	bool terminate_ack;
	unsigned protocol_rejects;
	unsigned code_rejects;
	uint16_t rejected_protocol;
	unsigned echo_replies;
	uint32_t echo_magic;
	unsigned echo_requests;
	bool answers_echo;
	uint32_t our_magic_seen; /* the engine's magic number from its request */
	uint16_t mru_seen;
	void (*send)(void *context, const uint8_t *bytes, size_t length);
	void *context;
};

/* Asks for MRU 1400, a magic number, PFC, ACFC; address 0, two name servers. */
void peer_init(struct ppp_peer *peer, const char *user, const char *password);
void peer_start(struct ppp_peer *peer, uint64_t now_ms);
void peer_receive(struct ppp_peer *peer, const uint8_t *bytes, size_t length, uint64_t now_ms);
void peer_on_time(struct ppp_peer *peer, uint64_t now_ms);
uint64_t peer_deadline(const struct ppp_peer *peer);

/* One packet with any content. */
void peer_send(struct ppp_peer *peer, uint16_t protocol, uint8_t code, uint8_t identifier,
	       const void *data, size_t length);

/* Adds an option to the peer's own request. */
void peer_want(struct peer_layer *layer, uint8_t type, const void *data, uint8_t length);
void peer_terminate(struct ppp_peer *peer);

#endif
