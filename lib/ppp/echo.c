/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

/* LCP Echo (RFC 1661 5.8): asked only after silence, answered always. */

enum { ECHO_REQUEST = 9, ECHO_REPLY = 10 };

static bool echo_wanted(const struct ppp *ppp)
{
	return ppp->echo.idle_ms != 0 && !ppp->echo.refused &&
	       ppp->lcp.automaton.state == AUTOMATON_OPENED;
}

static void deadline_set(struct ppp *ppp)
{
	struct echo *echo = &ppp->echo;

	echo->deadline_ms = echo_wanted(ppp) ? echo->last_seen_ms + echo->idle_ms : UINT64_MAX;
}

void ppp_echo_start(struct ppp *ppp)
{
	uint32_t jitter = ppp->config->echo_idle_ms / 10;

	ppp->echo.idle_ms = ppp->config->echo_idle_ms;
	if (jitter != 0)
		ppp->echo.idle_ms -= random_u32(&ppp->random) % jitter;
	ppp->echo.last_seen_ms = ppp->now_ms;
	ppp->echo.unanswered = 0;
	deadline_set(ppp);
}

void ppp_echo_seen(struct ppp *ppp, uint64_t seen_ms)
{
	if (seen_ms < ppp->echo.last_seen_ms)
		return;
	ppp->echo.last_seen_ms = seen_ms;
	ppp->echo.unanswered = 0;
	deadline_set(ppp);
}

/* The magic number in front of every echo packet; zero when we agreed on none. */
static uint32_t own_magic(const struct ppp *ppp)
{
	return ppp->lcp.ask_magic ? ppp->lcp.magic : 0;
}

void ppp_echo_receive_request(struct ppp *ppp, const struct packet *packet)
{
	uint8_t bytes[PACKET_BYTES_MAX - PACKET_HEADER_BYTES];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct cursor data = packet->data;
	uint32_t magic = cursor_u32(&data);
	size_t length = cursor_left(&data);

	if (cursor_failed(&data)) {
		ppp_count(ppp, PPP_COUNTER_malformed);
		return;
	}
	if (magic != 0 && magic == own_magic(ppp)) {
		ppp_count(ppp, PPP_COUNTER_looped);
		if (++ppp->lcp.looped >= ppp->config->max_failure)
			ppp_fail(ppp, CAUSE_link_looped, "echo requests carry our magic number");
		return;
	}
	if (length > sizeof(bytes) - 4)
		length = sizeof(bytes) - 4;
	writer_u32(&w, own_magic(ppp));
	writer_bytes(&w, cursor_bytes(&data, length), length);
	ppp_send(ppp, PROTOCOL_LCP, ECHO_REPLY, packet->identifier, bytes, writer_length(&w));
}

/* That something came has been noted already: only a loop is left to see. */
void ppp_echo_receive_reply(struct ppp *ppp, const struct packet *packet)
{
	struct cursor data = packet->data;
	uint32_t magic = cursor_u32(&data);

	if (cursor_failed(&data))
		ppp_count(ppp, PPP_COUNTER_malformed);
	else if (magic != 0 && magic == own_magic(ppp))
		ppp_count(ppp, PPP_COUNTER_looped);
}

void ppp_echo_on_time(struct ppp *ppp)
{
	struct echo *echo = &ppp->echo;
	uint8_t bytes[4];
	struct writer w = writer_over(bytes, sizeof(bytes));

	if (ppp->now_ms < echo->deadline_ms)
		return;
	if (!echo_wanted(ppp)) {
		echo->deadline_ms = UINT64_MAX;
		return;
	}
	if (echo->unanswered >= ppp->config->echo_attempts) {
		echo->deadline_ms = UINT64_MAX;
		ppp_fail(ppp, CAUSE_echo_timeout, "%u echo requests without an answer",
			 echo->unanswered);
		return;
	}
	echo->unanswered++;
	writer_u32(&w, own_magic(ppp));
	ppp_send(ppp, PROTOCOL_LCP, ECHO_REQUEST, ++echo->identifier, bytes, sizeof(bytes));
	echo->deadline_ms = ppp->now_ms + ppp->config->echo_interval_ms;
}
