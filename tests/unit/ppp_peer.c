/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp_peer.h"

#include "crypto/digest.h"
#include "crypto/ms_chap.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 3000

void peer_want(struct peer_layer *layer, uint8_t type, const void *data, uint8_t length)
{
	uint8_t *to = layer->options + layer->options_length;

	assert(layer->options_length + length + 2u <= PEER_OPTIONS_MAX);
	to[0] = type;
	to[1] = (uint8_t)(length + 2);
	if (length != 0)
		memcpy(to + 2, data, length);
	layer->options_length += length + 2u;
}

void peer_init(struct ppp_peer *peer, const char *user, const char *password)
{
	memset(peer, 0, sizeof(*peer));
	peer->user = user;
	peer->password = password;
	peer->answers_challenge = true;
	peer->answers_echo = true;
	peer->pap_retry_ms = UINT64_MAX;
	peer->lcp.protocol = 0xc021;
	peer->ipcp.protocol = 0x8021;
	peer_want(&peer->lcp, 1, "\x05\x78", 2);
	peer_want(&peer->lcp, 2, "\0\0\0\0", 4);
	peer_want(&peer->lcp, 5, "\x01\x02\x03\x04", 4);
	peer_want(&peer->lcp, 7, NULL, 0);
	peer_want(&peer->lcp, 8, NULL, 0);
	peer_want(&peer->ipcp, 3, "\0\0\0\0", 4);
	peer_want(&peer->ipcp, 129, "\0\0\0\0", 4);
	peer_want(&peer->ipcp, 131, "\0\0\0\0", 4);
}

void peer_send(struct ppp_peer *peer, uint16_t protocol, uint8_t code, uint8_t identifier,
	       const void *data, size_t length)
{
	uint8_t bytes[2048] = {
		0xff, 0x03,       (uint8_t)(protocol >> 8),     (uint8_t)protocol,
		code, identifier, (uint8_t)((length + 4) >> 8), (uint8_t)(length + 4)};

	assert(length + 8 <= sizeof(bytes));
	if (length != 0)
		memcpy(bytes + 8, data, length);
	peer->send(peer->context, bytes, length + 8);
}

static void layer_request(struct ppp_peer *peer, struct peer_layer *layer, uint64_t now_ms)
{
	layer->retry_ms = now_ms + RETRY_MS;
	peer_send(peer, layer->protocol, 1, layer->identifier, layer->options,
		  layer->options_length);
}

static void layer_start(struct ppp_peer *peer, struct peer_layer *layer, uint64_t now_ms)
{
	if (layer->started || layer->silent)
		return;
	layer->started = true;
	layer->identifier = 1;
	layer_request(peer, layer, now_ms);
}

void peer_start(struct ppp_peer *peer, uint64_t now_ms)
{
	layer_start(peer, &peer->lcp, now_ms);
}

static void option_remove(struct peer_layer *layer, uint8_t type)
{
	for (size_t at = 0; at < layer->options_length; at += layer->options[at + 1]) {
		size_t size = layer->options[at + 1];

		if (layer->options[at] != type)
			continue;
		layer->options_length -= size;
		memmove(layer->options + at, layer->options + at + size,
			layer->options_length - at);
		return;
	}
}

static void option_change(struct peer_layer *layer, const uint8_t *option)
{
	for (size_t at = 0; at < layer->options_length; at += layer->options[at + 1])
		if (layer->options[at] == option[0] && layer->options[at + 1] == option[1])
			memcpy(layer->options + at, option, option[1]);
}

static void refusal_take(struct ppp_peer *peer, struct peer_layer *layer, uint8_t code,
			 const uint8_t *options, size_t length, uint64_t now_ms)
{
	layer->naks_received += code == 3;
	layer->rejects_received += code == 4;
	for (size_t at = 0; at < length; at += options[at + 1]) {
		if (options[at + 1] < 2 || at + options[at + 1] > length)
			break;
		if (code == 4) {
			if (layer->rejected_count < PEER_OPTIONS_MAX)
				layer->rejected[layer->rejected_count++] = options[at];
			option_remove(layer, options[at]);
		} else if (!(peer->insists_on_address && options[at] == 3)) {
			option_change(layer, options + at);
		}
	}
	layer->identifier++;
	layer_request(peer, layer, now_ms);
}

static void authentication_start(struct ppp_peer *peer, uint64_t now_ms);

/* What LCP's options of the engine mean; true if they are refused. */
static bool lcp_request_refuse(struct ppp_peer *peer, uint8_t identifier, const uint8_t *options,
			       size_t length)
{
	uint8_t wish[5] = {3, 4};

	peer->mru_seen = 1500;
	for (size_t at = 0; at < length; at += options[at + 1]) {
		uint16_t value = (uint16_t)(options[at + 2] << 8 | options[at + 3]);

		if (options[at] == 1)
			peer->mru_seen = value;
		if (options[at] == 5)
			memcpy(&peer->our_magic_seen, options + at + 2, 4);
		if (options[at] != 3)
			continue;
		if (peer->rejects_authentication) {
			peer_send(peer, 0xc021, 4, identifier, options + at, options[at + 1]);
			return true;
		}
		peer->method_protocol = value;
		peer->method_algorithm = options[at + 1] > 4 ? options[at + 4] : 0;
		if (peer->accepts_protocol != 0 &&
		    (peer->accepts_protocol != value ||
		     peer->accepts_algorithm != peer->method_algorithm)) {
			wish[1] = peer->accepts_algorithm == 0 ? 4 : 5;
			wish[2] = (uint8_t)(peer->accepts_protocol >> 8);
			wish[3] = (uint8_t)peer->accepts_protocol;
			wish[4] = peer->accepts_algorithm;
			peer_send(peer, 0xc021, 3, identifier, wish, wish[1]);
			return true;
		}
	}
	return false;
}

static void layer_opened(struct ppp_peer *peer, struct peer_layer *layer, uint64_t now_ms)
{
	if (!layer->ours_acked || !layer->theirs_acked)
		return;
	if (layer == &peer->lcp) {
		authentication_start(peer, now_ms);
		return;
	}
	for (size_t at = 0; at < layer->options_length; at += layer->options[at + 1]) {
		if (layer->options[at] == 3)
			memcpy(&peer->address_be, layer->options + at + 2, 4);
		if (layer->options[at] == 129)
			memcpy(&peer->dns_be[0], layer->options + at + 2, 4);
		if (layer->options[at] == 131)
			memcpy(&peer->dns_be[1], layer->options + at + 2, 4);
	}
}

static void request_take(struct ppp_peer *peer, struct peer_layer *layer, uint8_t identifier,
			 const uint8_t *options, size_t length, uint64_t now_ms)
{
	layer->requests_received++;
	layer->last_request_identifier = identifier;
	assert(length <= sizeof(layer->theirs));
	memcpy(layer->theirs, options, length);
	layer->theirs_length = length;
	if (layer->silent)
		return;
	if (layer == &peer->lcp && lcp_request_refuse(peer, identifier, options, length))
		return;
	if (layer->theirs_acked && layer->ours_acked) {
		layer->ours_acked = false; /* opened: RFC 1661 begins anew */
		layer->identifier++;
		layer_request(peer, layer, now_ms);
	}
	layer->theirs_acked = true;
	peer_send(peer, layer->protocol, 2, identifier, options, length);
	layer_start(peer, layer, now_ms);
	layer_opened(peer, layer, now_ms);
}

static void layer_receive(struct ppp_peer *peer, struct peer_layer *layer, const uint8_t *packet,
			  size_t length, uint64_t now_ms)
{
	switch (packet[0]) {
	case 1:
		request_take(peer, layer, packet[1], packet + 4, length - 4, now_ms);
		break;
	case 2:
		if (packet[1] != layer->identifier || layer->ours_acked)
			break;
		if (length - 4 != layer->options_length ||
		    memcmp(packet + 4, layer->options, length - 4) != 0)
			break; /* a test changed our request on its way */
		layer->ours_acked = true;
		layer_opened(peer, layer, now_ms);
		break;
	case 3:
	case 4:
		if (packet[1] == layer->identifier && !layer->ours_acked && !layer->silent)
			refusal_take(peer, layer, packet[0], packet + 4, length - 4, now_ms);
		break;
	}
}

static void pap_send(struct ppp_peer *peer, uint64_t now_ms)
{
	uint8_t bytes[256];
	size_t user = strlen(peer->user);
	size_t password = strlen(peer->password);

	bytes[0] = (uint8_t)user;
	memcpy(bytes + 1, peer->user, user);
	bytes[1 + user] = (uint8_t)password;
	memcpy(bytes + 2 + user, peer->password, password);
	peer_send(peer, 0xc023, 1, 9, bytes, 2 + user + password);
	peer->pap_retry_ms = now_ms + RETRY_MS;
}

static void authentication_start(struct ppp_peer *peer, uint64_t now_ms)
{
	if (peer->method_protocol == 0xc023 && peer->answers_challenge && !peer->success)
		pap_send(peer, now_ms);
}

static size_t md5_response(const struct ppp_peer *peer, uint8_t identifier,
			   const uint8_t *challenge, size_t length, uint8_t *value)
{
	struct digest_part parts[] = {
		{&identifier, 1}, {peer->password, strlen(peer->password)}, {challenge, length}};

	digest_compute(DIGEST_MD5, parts, 3, value);
	return 16;
}

static size_t ms_chap_response(const struct ppp_peer *peer, const uint8_t *challenge,
			       uint8_t *value)
{
	struct ms_chap *ms_chap = ms_chap_new();
	uint8_t hash[MS_CHAP_HASH_BYTES];

	memset(value, 0, 49);
	memset(value, 0x5a, 16);
	ms_chap_password_hash(ms_chap, peer->password, hash);
	ms_chap_nt_response(ms_chap, challenge, value, peer->user, hash, value + 24);
	ms_chap_free(ms_chap);
	return 49;
}

static void challenge_answer(struct ppp_peer *peer, const uint8_t *packet)
{
	uint8_t bytes[256];
	size_t length;

	peer->challenges++;
	if (!peer->answers_challenge)
		return;
	if (peer->method_algorithm == 5)
		length = md5_response(peer, packet[1], packet + 5, packet[4], bytes + 1);
	else
		length = ms_chap_response(peer, packet + 5, bytes + 1);
	bytes[0] = (uint8_t)length;
	memcpy(bytes + 1 + length, peer->user, strlen(peer->user));
	peer_send(peer, 0xc223, 2, packet[1], bytes, 1 + length + strlen(peer->user));
}

static void result_take(struct ppp_peer *peer, bool success, const uint8_t *text, size_t length,
			uint64_t now_ms)
{
	peer->successes += success;
	peer->pap_retry_ms = UINT64_MAX;
	snprintf(peer->message, sizeof(peer->message), "%.*s", (int)length, (const char *)text);
	peer->success = peer->success || success;
	peer->failure = !success;
	if (success)
		layer_start(peer, &peer->ipcp, now_ms);
}

static void lcp_receive(struct ppp_peer *peer, const uint8_t *packet, size_t length,
			uint64_t now_ms)
{
	switch (packet[0]) {
	case 5:
		peer->terminate_request = true;
		peer_send(peer, 0xc021, 6, packet[1], NULL, 0);
		break;
	case 6:
		peer->terminate_ack = true;
		break;
	case 7:
		peer->code_rejects++;
		break;
	case 8:
		peer->protocol_rejects++;
		peer->rejected_protocol = (uint16_t)(packet[4] << 8 | packet[5]);
		break;
	case 9:
		peer->echo_requests++;
		if (peer->answers_echo)
			peer_send(peer, 0xc021, 10, packet[1], "\x01\x02\x03\x04", 4);
		break;
	case 10:
		peer->echo_replies++;
		memcpy(&peer->echo_magic, packet + 4, 4);
		break;
	default:
		layer_receive(peer, &peer->lcp, packet, length, now_ms);
		break;
	}
}

void peer_receive(struct ppp_peer *peer, const uint8_t *bytes, size_t length, uint64_t now_ms)
{
	uint16_t protocol = (uint16_t)(bytes[0] << 8 | bytes[1]);
	const uint8_t *packet = bytes + 2;

	length -= 2;
	assert(length >= 4 && (size_t)(packet[2] << 8 | packet[3]) == length);
	if (protocol == 0xc021)
		lcp_receive(peer, packet, length, now_ms);
	else if (protocol == 0xc223 && packet[0] == 1)
		challenge_answer(peer, packet);
	else if (protocol == 0xc223)
		result_take(peer, packet[0] == 3, packet + 4, length - 4, now_ms);
	else if (protocol == 0xc023)
		result_take(peer, packet[0] == 2, packet + 5, length - 5, now_ms);
	else if (protocol == 0x8021 && peer->success)
		layer_receive(peer, &peer->ipcp, packet, length, now_ms);
}

void peer_terminate(struct ppp_peer *peer)
{
	peer_send(peer, 0xc021, 5, 77, "bye", 3);
}

static bool layer_waits(const struct peer_layer *layer)
{
	return layer->started && !layer->silent && !layer->ours_acked;
}

void peer_on_time(struct ppp_peer *peer, uint64_t now_ms)
{
	if (layer_waits(&peer->lcp) && now_ms >= peer->lcp.retry_ms)
		layer_request(peer, &peer->lcp, now_ms);
	if (layer_waits(&peer->ipcp) && now_ms >= peer->ipcp.retry_ms)
		layer_request(peer, &peer->ipcp, now_ms);
	if (now_ms >= peer->pap_retry_ms)
		pap_send(peer, now_ms);
}

uint64_t peer_deadline(const struct ppp_peer *peer)
{
	uint64_t deadline_ms = peer->pap_retry_ms;

	if (layer_waits(&peer->lcp) && peer->lcp.retry_ms < deadline_ms)
		deadline_ms = peer->lcp.retry_ms;
	if (layer_waits(&peer->ipcp) && peer->ipcp.retry_ms < deadline_ms)
		deadline_ms = peer->ipcp.retry_ms;
	return deadline_ms;
}
