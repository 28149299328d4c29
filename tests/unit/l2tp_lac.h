/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_L2TP_LAC_H
#define TESTS_L2TP_LAC_H

/*
 * A small LAC for the tests, as strict as Android's: it takes only the message whose turn it is and
 * keeps one of its own in flight. It shares no code with the engine under test.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAC_MESSAGE_MAX 512
#define LAC_QUEUE       64
#define LAC_SESSIONS    1000
#define LAC_RETRY_MS    1000

struct lac_message {
	uint16_t ns;
	size_t length;
	uint8_t bytes[LAC_MESSAGE_MAX];
};

struct lac {
	uint16_t tunnel; /* ours */
	uint16_t peer_tunnel;
	uint16_t ns;
	uint16_t nr;
	uint16_t window; /* messages in flight */
	uint16_t rws;    /* what SCCRQ offers; 0: leaves it out */
	const char *secret;
	bool challenge;     /* sends a challenge of its own */
	bool hide;          /* hides the Assigned Tunnel ID and session ids */
	uint8_t proxy[320]; /* AVPs that go along with each ICCN */
	size_t proxy_bytes;
	uint8_t peer_challenge[64];
	size_t peer_challenge_bytes;
	struct lac_message queue[LAC_QUEUE];
	size_t queued;
	size_t in_flight;
	uint64_t retry_ms;
	unsigned retries;
	unsigned sessions_wanted;
	unsigned sessions_up; /* ICCN acknowledged is not checked, ICRP received is */
	uint16_t peer_session[LAC_SESSIONS];
	bool silent; /* nothing was sent since the message received last */
	bool sccrp;
	bool response_right;
	bool stopped; /* StopCCN received */
	uint16_t stop_result;
	uint16_t stop_error;
	unsigned cdns;
	uint16_t cdn_result;
	uint16_t cdn_error;
	unsigned hellos;
	unsigned zlbs;
	unsigned sccrps;    /* repeated ones too */
	uint16_t last_type; /* of the message received last; 0: ZLB */
	void (*send)(void *context, const uint8_t *bytes, size_t length);
	void *context;
};

void lac_dial(struct lac *lac, uint64_t now_ms);
void lac_receive(struct lac *lac, const uint8_t *bytes, size_t length, uint64_t now_ms);
void lac_on_time(struct lac *lac, uint64_t now_ms);
uint64_t lac_deadline(const struct lac *lac);

/* Our end's session number `index` (0 first) begins with ICRQ; its id is index + 1. */
void lac_call(struct lac *lac, unsigned index, uint64_t now_ms);
void lac_hang_up(struct lac *lac, unsigned index, bool session_in_header, uint64_t now_ms);
void lac_stop(struct lac *lac, uint64_t now_ms);
void lac_hello(struct lac *lac, uint64_t now_ms);

/* A message from parts, for the wrong ones: `avps` follow the Message Type. */
void lac_queue(struct lac *lac, uint16_t type, uint16_t session, const uint8_t *avps, size_t length,
	       uint64_t now_ms);

/* Appends an AVP to `to` and returns its length. */
size_t lac_avp(uint8_t *to, uint16_t flags, uint16_t vendor, uint16_t attribute, const void *value,
	       size_t length);
/* The same, hidden: goes behind a Random Vector, as in every ICCN of a lac that hides. */
size_t lac_avp_hidden(const struct lac *lac, uint8_t *to, uint16_t attribute, const void *value,
		      size_t length);
size_t lac_avp_u16(uint8_t *to, uint16_t attribute, uint16_t value);
size_t lac_avp_u32(uint8_t *to, uint16_t attribute, uint32_t value);

/* MD5(type, secret, challenge). */
void lac_response(uint8_t type, const char *secret, const uint8_t *challenge, size_t length,
		  uint8_t response[16]);

#endif
