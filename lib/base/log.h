/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * Lines for the operator: level, topic, text and key=value pairs. Only the control core logs, and
 * never a secret. Each topic may write a burst of lines and then so many a second; what is held
 * back is counted and said in the next line that passes.
 */

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_topic {
	LOG_DAEMON,
	LOG_CONFIG,
	LOG_PORTS,
	LOG_IKE,
	LOG_L2TP,
	LOG_PPP,
	LOG_AAA,
	LOG_CTL,
	LOG_TOPIC_COUNT
};

struct log;

/* Writes to `descriptor`, which stays the caller's. */
struct log *log_new(int descriptor, enum log_level highest);
void log_free(struct log *log);

/*
 * One line. `format` gives the text and then key=value pairs, for example
 * "session up session=%u user=%s". Control characters in the result are replaced by '?'.
 */
void log_write(struct log *log, enum log_level level, enum log_topic topic, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define log_error(log, topic, ...)   log_write(log, LOG_LEVEL_ERROR, topic, __VA_ARGS__)
#define log_warning(log, topic, ...) log_write(log, LOG_LEVEL_WARNING, topic, __VA_ARGS__)
#define log_info(log, topic, ...)    log_write(log, LOG_LEVEL_INFO, topic, __VA_ARGS__)
#define log_debug(log, topic, ...)   log_write(log, LOG_LEVEL_DEBUG, topic, __VA_ARGS__)

#endif
