/* SPDX-License-Identifier: BSD-3-Clause */
/* How long a session may be up, and how long without data (Session-Timeout, Idle-Timeout). */
#include "control/private.h"

#define IDLE_CHECKS 8 /* in the time without data: it may last longer by one part */

void session_limits_none(struct session *session)
{
	session->limits = (struct session_limits){UINT64_MAX, UINT64_MAX, 0, 0};
}

/* LCP and NCP are not in these counters: keeping the link alive is no use of it. */
static uint64_t data_packets(const struct session *session)
{
	return counter_read(&session->counters->packets_in) +
	       counter_read(&session->counters->packets_out);
}

static uint64_t next_check_ms(const struct session *session, uint64_t now_ms)
{
	uint64_t over_ms =
		session->limits.idle_since_ms + session->idle_seconds_limit * UINT64_C(1000);
	uint64_t check_ms = now_ms + session->idle_seconds_limit * UINT64_C(1000) / IDLE_CHECKS;

	return check_ms < over_ms ? check_ms : over_ms;
}

void session_limits_set_seconds(struct session *session, uint32_t seconds, uint64_t now_ms)
{
	session->seconds_limit = seconds;
	session->limits.ends_ms = seconds != 0 ? now_ms + seconds * UINT64_C(1000) : UINT64_MAX;
}

void session_limits_set_idle(struct session *session, uint32_t seconds, uint64_t now_ms)
{
	session->idle_seconds_limit = seconds;
	session->limits.idle_packets = data_packets(session);
	session->limits.idle_since_ms = now_ms;
	session->limits.idle_check_ms = seconds != 0 ? next_check_ms(session, now_ms) : UINT64_MAX;
}

void session_limits_begin(struct session *session, uint64_t now_ms)
{
	session_limits_set_seconds(session, session->seconds_limit, now_ms);
	session_limits_set_idle(session, session->idle_seconds_limit, now_ms);
}

uint64_t session_limits_deadline(const struct session *session)
{
	return session->limits.ends_ms < session->limits.idle_check_ms
		       ? session->limits.ends_ms
		       : session->limits.idle_check_ms;
}

enum cause session_limit_reached(struct session *session, uint64_t now_ms)
{
	struct session_limits *limits = &session->limits;
	uint64_t packets;

	if (now_ms >= limits->ends_ms)
		return CAUSE_session_timeout;
	if (now_ms < limits->idle_check_ms)
		return CAUSE_none;
	packets = data_packets(session);
	if (packets != limits->idle_packets) {
		limits->idle_packets = packets;
		limits->idle_since_ms = now_ms;
	} else if (now_ms - limits->idle_since_ms >= session->idle_seconds_limit * UINT64_C(1000)) {
		return CAUSE_idle_timeout;
	}
	limits->idle_check_ms = next_check_ms(session, now_ms);
	return CAUSE_none;
}
