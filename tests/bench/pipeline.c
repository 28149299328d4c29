/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline.h"

#include "base/memory.h"
#include "dataplane/worker.h"

#include <stdlib.h>

#include <rte_ethdev.h>

#define WARM_TRIALS 2 /* not counted */
#define ESP_OFFSET  42

/* The first ones are those of enum raw_variant. */
enum variant { VARIANT_PIPELINE = RAW_VARIANTS, VARIANTS };

struct pipeline {
	struct bed *bed;
	const struct pipeline_case *what;
	struct traffic *traffic;
	struct raw *raw;
	struct esp_job *jobs;
	struct pipeline_result *result;
};

/* The jobs of sealed frames, as raw crypto opens them with the keys of the packet path. */
static void open_jobs(struct pipeline *pipeline)
{
	const struct traffic *traffic = pipeline->traffic;
	uint32_t head = 8 + (uint32_t)esp_suite_iv_bytes(&pipeline->what->suite);
	uint32_t tag_bytes = (uint32_t)esp_suite_tag_bytes(&pipeline->what->suite);

	for (uint32_t i = 0; i < traffic->count; i++) {
		struct rte_mbuf *mbuf = traffic->packets[i];
		uint32_t slot = traffic->session[i];

		pipeline->jobs[i] = (struct esp_job){
			.key = sa_key_in(pipeline->bed->dataplane->sas[slot]),
			.esp = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, ESP_OFFSET),
			.text_bytes = mbuf->data_len - ESP_OFFSET - head - tag_bytes};
	}
}

static void seal_jobs(struct pipeline *pipeline)
{
	traffic_make_text(pipeline->traffic, pipeline->jobs);
	for (uint32_t i = 0; i < pipeline->traffic->count; i++) {
		uint32_t slot = pipeline->traffic->session[i];

		pipeline->jobs[i].key = pipeline->bed->dataplane->sas[slot]->key_out;
	}
}

static double raw_trial(struct pipeline *pipeline, enum raw_variant variant)
{
	uint64_t begin;
	uint32_t good;
	bool up = pipeline->what->up;

	if (up) {
		traffic_make(pipeline->traffic);
		open_jobs(pipeline);
	} else {
		seal_jobs(pipeline);
	}
	begin = cycles_now();
	good = raw_run(pipeline->raw, variant, !up, pipeline->jobs, pipeline->traffic->count);
	begin = cycles_now() - begin;
	if (good != pipeline->traffic->count)
		pipeline->result->wrong++;
	return (double)begin / pipeline->traffic->count;
}

/* Plain L2TP is compared with the same frames received and sent on untouched. */
static double bare_trial(struct pipeline *pipeline)
{
	struct rte_mbuf *burst[BED_BURST];
	uint64_t begin;
	uint16_t count;

	traffic_make(pipeline->traffic);
	traffic_offer(pipeline->traffic);
	pipeline->bed->out[0].count = 0;
	begin = cycles_now();
	for (uint16_t port = 0; port < BED_PORTS; port++)
		while ((count = rte_eth_rx_burst(port, 0, burst, BED_BURST)) != 0)
			(void)rte_eth_tx_burst(port, 0, burst, count);
	begin = cycles_now() - begin;
	if (!traffic_take(pipeline->traffic, pipeline->bed->out[0].count, false))
		pipeline->result->wrong++;
	return (double)begin / pipeline->traffic->count;
}

static double pipeline_trial(struct pipeline *pipeline, bool contents)
{
	uint64_t drops = bed_drops(pipeline->bed);
	uint64_t begin;
	uint32_t count;

	traffic_make(pipeline->traffic);
	traffic_offer(pipeline->traffic);
	begin = cycles_now();
	count = bed_run(pipeline->bed);
	begin = cycles_now() - begin;
	if (!traffic_take(pipeline->traffic, count, contents) || bed_drops(pipeline->bed) != drops)
		pipeline->result->wrong++;
	return (double)begin / pipeline->traffic->count;
}

static double trial(struct pipeline *pipeline, unsigned variant, bool contents)
{
	if (variant == VARIANT_PIPELINE)
		return pipeline_trial(pipeline, contents);
	if (pipeline->what->suite.cipher == ESP_CIPHER_NONE)
		return bare_trial(pipeline);
	return raw_trial(pipeline, (enum raw_variant)variant);
}

static bool has_variant(const struct pipeline_case *what, unsigned variant)
{
	if (variant == RAW_PREFETCH)
		return what->suite.cipher != ESP_CIPHER_NONE;
	return variant != RAW_DIRECT || what->suite.cipher == ESP_CIPHER_AES_GCM_16;
}

void pipeline_measure(struct bed *bed, const struct pipeline_case *what,
		      struct pipeline_result *result)
{
	struct pipeline pipeline = {.bed = bed, .what = what, .result = result};
	unsigned faster;

	*result = (struct pipeline_result){.wrong = 0};
	pipeline.traffic = traffic_new(bed, what->packets, what->up, what->bytes);
	pipeline.jobs = memory_new_array(what->packets, sizeof(*pipeline.jobs));
	if (what->suite.cipher != ESP_CIPHER_NONE)
		pipeline.raw = raw_new(&what->suite);
	for (unsigned i = 0; i < what->trials + WARM_TRIALS; i++)
		for (unsigned j = 0; j < VARIANTS; j++) {
			unsigned variant = (i + j) % VARIANTS;
			double cycles;

			if (!has_variant(what, variant))
				continue;
			cycles = trial(&pipeline, variant, i == 0);
			if (i < WARM_TRIALS)
				continue;
			trials_add(variant == VARIANT_PIPELINE ? &result->pipeline
							       : &result->raw[variant],
				   cycles);
		}
	faster = has_variant(what, RAW_PREFETCH) &&
		 trials_least(&result->raw[1]) < trials_least(&result->raw[0]);
	result->raw_least = trials_least(&result->raw[faster]);
	result->raw_median = trials_median(&result->raw[faster]);
	if (pipeline.raw != NULL)
		raw_free(pipeline.raw);
	free(pipeline.jobs);
	traffic_free(pipeline.traffic);
}
