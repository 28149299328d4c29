/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINES_PER_SECOND 50
#define LINES_BURST      200

struct topic_budget {
	uint64_t refilled_ms;
	uint32_t lines_left;
	uint32_t suppressed;
};

struct log {
	int descriptor;
	enum log_level highest;
	struct topic_budget budget[LOG_TOPIC_COUNT];
};

struct log *log_new(int descriptor, enum log_level highest)
{
	struct log *log = memory_new(sizeof(*log));

	log->descriptor = descriptor;
	log->highest = highest;
	for (int i = 0; i < LOG_TOPIC_COUNT; i++)
		log->budget[i].lines_left = LINES_BURST;
	return log;
}

void log_free(struct log *log)
{
	free(log);
}

static bool budget_take(struct topic_budget *budget, uint64_t now_ms)
{
	uint64_t earned = (now_ms - budget->refilled_ms) * LINES_PER_SECOND / 1000;

	if (earned > 0) {
		uint64_t lines = budget->lines_left + earned;

		budget->lines_left = lines > LINES_BURST ? LINES_BURST : (uint32_t)lines;
		budget->refilled_ms = now_ms;
	}
	if (budget->lines_left == 0) {
		budget->suppressed++;
		return false;
	}
	budget->lines_left--;
	return true;
}

void log_write(struct log *log, enum log_level level, enum log_topic topic, const char *format, ...)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	static const char *const topics[] = {"daemon", "config", "ports", "ike",
					     "l2tp",   "ppp",    "aaa",   "ctl"};
	struct topic_budget *budget = &log->budget[topic];
	struct timespec now;
	struct tm utc;
	char line[1024];
	va_list arguments;
	int length;

	if (level > log->highest)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!budget_take(budget, (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000))
		return;
	gmtime_r(&now.tv_sec, &utc);
	length = (int)strftime(line, sizeof(line), "%FT%T", &utc);
	length += snprintf(line + length, sizeof(line) - (size_t)length,
			   ".%03ldZ %s %s: ", now.tv_nsec / 1000000, levels[level], topics[topic]);
	if (budget->suppressed != 0) {
		length += snprintf(line + length, sizeof(line) - (size_t)length,
				   "[%u lines suppressed] ", budget->suppressed);
		budget->suppressed = 0;
	}
	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof(line) - 2)
		length = (int)sizeof(line) - 2;
	for (int i = 0; i < length; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[length++] = '\n';
	if (write(log->descriptor, line, (size_t)length) < 0)
		return; /* nowhere left to say it */
}
