/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

/*
 * The crypto of the same packets by intel-ipsec-mb alone: fill a job for each packet, submit them in
 * bursts, compare the tags of what was opened. Jobs stay in the lanes between bursts; one flush ends
 * the run.
 */

#include "crypto/esp_engine.h"

#include <stdbool.h>
#include <stdint.h>

struct raw;

struct raw *raw_new(const struct esp_suite *suite);
void raw_free(struct raw *raw);

enum raw_variant {
	RAW_PLAIN,
	RAW_PREFETCH, /* the lines of the next burst's keys that its lengths need */
	RAW_DIRECT,   /* GCM: the library's call for one packet, without jobs */
	RAW_VARIANTS
};

/*
 * `jobs` as for esp_engine_submit(). Opening, the tag received stands behind the text. Returns the
 * number of packets whose tag was right; sealing, the number that completed.
 */
uint32_t raw_run(struct raw *raw, enum raw_variant variant, bool encrypt,
		 const struct esp_job *jobs, uint32_t count);

#endif
