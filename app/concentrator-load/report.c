/* SPDX-License-Identifier: BSD-3-Clause */
/* What was seen, as text and as JSON. */
#include "load.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct totals {
	uint64_t sent;
	uint64_t received;
	uint64_t idle_sessions; /* that received nothing */
};

static struct totals totals_of(const struct load *load, enum direction direction)
{
	struct totals totals = {0};

	for (uint32_t i = 0; i < load->options->sessions; i++) {
		const struct flow *flow = &load->sessions[i].flows[direction];

		totals.sent += flow->sent;
		totals.received += flow->received;
		totals.idle_sessions += flow->sent != 0 && flow->received == 0;
	}
	return totals;
}

static json_t *percentiles(const struct histogram *histogram, double unit)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t)histogram->count,
			 "p50", (double)histogram_percentile(histogram, 0.5) / unit, "p90",
			 (double)histogram_percentile(histogram, 0.9) / unit, "p99",
			 (double)histogram_percentile(histogram, 0.99) / unit, "p999",
			 (double)histogram_percentile(histogram, 0.999) / unit, "max",
			 (double)histogram->highest / unit);
}

static double seconds_between(uint64_t from_us, uint64_t to_us)
{
	return to_us > from_us ? (double)(to_us - from_us) / 1e6 : 0;
}

static json_t *dial_report(const struct load *load)
{
	const struct tally *tally = &load->tally;
	double seconds = seconds_between(tally->first_start_us, tally->last_up_us);
	json_t *causes = json_object();

	for (unsigned i = 0; i < CAUSE_COUNT; i++)
		if (tally->causes[i] != 0)
			json_object_set_new(causes, cause_name((enum cause)i),
					    json_integer(tally->causes[i]));
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:o, s:o}", "wanted",
			 load->options->sessions, "started", tally->started, "up", tally->ever_up,
			 "failed", tally->failed, "dropped", tally->dropped, "seconds", seconds,
			 "rate", seconds > 0 ? tally->ever_up / seconds : 0.0, "causes", causes,
			 "time_to_up_ms", percentiles(&tally->time_to_up_us, 1e3));
}

static json_t *direction_report(const struct load *load, enum direction direction)
{
	const struct traffic_tally *traffic = &load->traffic;
	struct totals totals = totals_of(load, direction);
	double seconds = seconds_between(traffic->begun_us, traffic->ended_us);
	double rate = seconds > 0 ? (double)totals.sent / seconds : 0;

	return json_pack(
		"{s:I, s:I, s:I, s:I, s:f, s:f, s:o}", "sent", (json_int_t)totals.sent, "received",
		(json_int_t)totals.received, "lost", (json_int_t)(totals.sent - totals.received),
		"sessions_without_a_packet", (json_int_t)totals.idle_sessions, "packets_per_second",
		rate, "megabits_per_second",
		seconds > 0 ? (double)traffic->sent_bytes[direction] * 8e-6 / seconds : 0.0,
		"latency_us", percentiles(&traffic->latency_ns[direction], 1e3));
}

static json_t *traffic_report(const struct load *load)
{
	const struct traffic_tally *traffic = &load->traffic;

	return json_pack("{s:f, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "seconds",
			 seconds_between(traffic->begun_us, traffic->ended_us), "up",
			 direction_report(load, DIRECTION_UP), "down",
			 direction_report(load, DIRECTION_DOWN), "corrupt",
			 (json_int_t)traffic->corrupt, "misdelivered",
			 (json_int_t)traffic->misdelivered, "late", (json_int_t)traffic->late,
			 "duplicate", (json_int_t)traffic->duplicate, "foreign",
			 (json_int_t)traffic->foreign);
}

static json_t *end_report(const struct load *load)
{
	const struct tally *tally = &load->tally;

	return json_pack("{s:i, s:i, s:i, s:f}", "closed", tally->closed,
			 "terminate_requests_unanswered", tally->unanswered,
			 "tunnels_unacknowledged", tally->tunnels_unclean, "seconds",
			 seconds_between(tally->close_us, tally->closed_us));
}

/* Retransmissions and refusals tell a slow or lossy way. */
static json_t *engines_report(const struct load *load)
{
	json_t *l2tp = json_object();
	json_t *ppp = json_object();

	for (unsigned i = 0; i < L2TP_COUNTER_COUNT; i++)
		if (load->l2tp_counters.value[i] != 0)
			json_object_set_new(l2tp, l2tp_counter_name((enum l2tp_counter)i),
					    json_integer((json_int_t)load->l2tp_counters.value[i]));
	for (unsigned i = 0; i < PPP_COUNTER_COUNT; i++)
		if (load->ppp_counters.value[i] != 0)
			json_object_set_new(ppp, ppp_counter_name((enum ppp_counter)i),
					    json_integer((json_int_t)load->ppp_counters.value[i]));
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "l2tp", l2tp, "ppp",
			 ppp, "strays", (json_int_t)load->tally.strays, "no_buffer",
			 (json_int_t)load->tally.control_refused, "peers_port_refused",
			 (json_int_t)load->peers_port.refused, "servers_port_refused",
			 (json_int_t)load->servers_port.refused, "esp_forged",
			 (json_int_t)load->tally.esp_forged, "esp_replayed",
			 (json_int_t)load->tally.esp_replayed, "esp_late",
			 (json_int_t)load->tally.esp_late, "ike_dropped", load->tally.ike_dropped);
}

static double loss_percent(const struct load *load)
{
	double worst = 0;

	for (enum direction direction = 0; direction < DIRECTIONS; direction++) {
		struct totals totals = totals_of(load, direction);

		if (totals.sent != 0) {
			double loss =
				(double)(totals.sent - totals.received) * 100 / (double)totals.sent;

			worst = loss > worst ? loss : worst;
		}
	}
	return worst;
}

/* One thing that has to be zero, or the run was not well. */
struct complaint {
	const char *text;
	uint64_t count;
};

/* Prints what is wrong; true when nothing is. */
static bool all_well(const struct load *load)
{
	const struct tally *tally = &load->tally;
	const struct traffic_tally *traffic = &load->traffic;
	const struct complaint complaints[] = {
		{"sessions did not come up", load->options->sessions - tally->ever_up},
		{"sessions went down by themselves", tally->dropped},
		{"sessions did not close", tally->ever_up - tally->dropped - tally->closed},
		{"Terminate-Requests were not answered", tally->unanswered},
		{"tunnels ended without an acknowledgement", tally->tunnels_unclean},
		{"ISAKMP SAs ended by themselves", tally->ike_dropped},
		{"ESP packets were not authentic", tally->esp_forged},
		{"ESP packets came twice", tally->esp_replayed},
		{"ESP packets came late", tally->esp_late},
		{"packets were changed on their way", traffic->corrupt},
		{"packets came to somebody else", traffic->misdelivered},
		{"packets came late", traffic->late},
		{"packets came twice", traffic->duplicate},
		{"per cent or more of the packets were lost",
		 loss_percent(load) > load->options->loss_percent ? (uint64_t)loss_percent(load) + 1
								  : 0},
		{"directions had no traffic",
		 (load->options->traffic != 0) * (uint64_t)((load->sent[DIRECTION_UP] == 0) +
							    (load->sent[DIRECTION_DOWN] == 0))},
	};
	bool well = true;

	for (unsigned i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
		if (complaints[i].count == 0)
			continue;
		printf("wrong: %llu %s\n", (unsigned long long)complaints[i].count,
		       complaints[i].text);
		well = false;
	}
	return well;
}

static void traffic_print(const struct load *load, const char *name, enum direction direction)
{
	const struct histogram *latency = &load->traffic.latency_ns[direction];
	struct totals totals = totals_of(load, direction);

	printf("%s: %llu sent, %llu received, %llu lost; latency us p50 %.0f, p99 %.0f, max %.0f\n",
	       name, (unsigned long long)totals.sent, (unsigned long long)totals.received,
	       (unsigned long long)(totals.sent - totals.received),
	       (double)histogram_percentile(latency, 0.5) / 1e3,
	       (double)histogram_percentile(latency, 0.99) / 1e3, (double)latency->highest / 1e3);
}

static void text_print(const struct load *load)
{
	const struct tally *tally = &load->tally;
	double seconds = seconds_between(tally->first_start_us, tally->last_up_us);

	printf("dials: %u of %u up in %.2f s, %.0f a second; ms to up p50 %.1f, p99 %.1f, max "
	       "%.1f\n",
	       tally->ever_up, load->options->sessions, seconds,
	       seconds > 0 ? tally->ever_up / seconds : 0.0,
	       (double)histogram_percentile(&tally->time_to_up_us, 0.5) / 1e3,
	       (double)histogram_percentile(&tally->time_to_up_us, 0.99) / 1e3,
	       (double)tally->time_to_up_us.highest / 1e3);
	for (unsigned i = 0; i < CAUSE_COUNT; i++)
		if (tally->causes[i] != 0)
			printf("failed: %u: %s\n", tally->causes[i], cause_text((enum cause)i));
	if (load->options->traffic != 0) {
		traffic_print(load, "client to server", DIRECTION_UP);
		traffic_print(load, "server to client", DIRECTION_DOWN);
	}
	printf("closed: %u in %.2f s, %u without an answer, %u tunnels unacknowledged\n",
	       tally->closed, seconds_between(tally->close_us, tally->closed_us), tally->unanswered,
	       tally->tunnels_unclean);
}

static bool json_write(const struct load *load, bool well)
{
	const char *path = load->options->json_file;
	json_t *report = json_pack("{s:b, s:o, s:o, s:o, s:o}", "well", well, "dials",
				   dial_report(load), "traffic", traffic_report(load), "end",
				   end_report(load), "engines", engines_report(load));
	bool written;

	if (strcmp(path, "-") == 0)
		written = json_dumpf(report, stdout, JSON_INDENT(2)) == 0 && puts("") >= 0;
	else
		written = json_dump_file(report, path, JSON_INDENT(2)) == 0;
	json_decref(report);
	if (!written)
		fprintf(stderr, "concentrator-load: cannot write %s\n", path);
	return written;
}

bool report_write(const struct load *load)
{
	bool well;

	text_print(load);
	well = all_well(load);
	if (well)
		puts("all well");
	return (load->options->json_file == NULL || json_write(load, well)) && well;
}
