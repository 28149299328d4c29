/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike_rig.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

static uint32_t spi_reserve(void *context, uint32_t peer)
{
	struct ike_rig *rig = context;

	(void)peer;
	return rig->no_spi ? 0 : ++rig->last_spi;
}

static void spi_release(void *context, uint32_t spi)
{
	struct ike_rig *rig = context;

	(void)spi;
	rig->spis_released++;
}

void rig_init(struct ike_rig *rig, uint64_t seed, void (*change)(struct ike_config *config))
{
	struct ike_host host = {
		.context = rig, .spi_reserve = spi_reserve, .spi_release = spi_release};

	memset(rig, 0, sizeof(*rig));
	rig->random.state = seed;
	rig->now_ms = 1000000;
	rig->last_spi = 0x10000;
	host.random.fill = initiator_random_fill;
	host.random.context = &rig->random;
	rig->listener = (struct ike_listener){.preshared_key = (const uint8_t *)"secret",
					      .preshared_key_bytes = 6};
	rig->config = (struct ike_config){
		.listeners = &rig->listener,
		.listener_count = 1,
		.half_open_per_source = 512,
		.half_open_total = 16384,
		.half_open_ms = 30000,
		.peers_total = 1000,
		.dpd_idle_ms = 30000,
		.dpd_interval_ms = 5000,
		.dpd_attempts = 5,
		.child_linger_ms = 30000,
	};
	if (change != NULL)
		change(&rig->config);
	rig->ike = ike_new(&rig->config, &host);
	assert(rig->ike != NULL);
}

bool rig_empty(const struct ike_rig *rig)
{
	static const struct ike_objects none;
	struct ike_objects objects;

	ike_objects(rig->ike, &objects);
	return memcmp(&objects, &none, sizeof(none)) == 0;
}

void rig_free(struct ike_rig *rig)
{
	ike_free(rig->ike);
	explained_close(&rig->explained);
}

static void record_send(struct ike_rig *rig, const struct ike_event *e)
{
	struct rig_send *send = &rig->sends[rig->send_count++];
	size_t marker = e->send.path.local.port == 4500 ? 4 : 0;
	static const uint8_t zeroes[4];

	assert(rig->send_count <= RIG_SENDS_MAX && e->send.length - marker <= sizeof(send->bytes));
	assert(memcmp(e->send.bytes, zeroes, marker) == 0);
	send->path = e->send.path;
	send->peer = e->peer;
	send->to_current_endpoint = e->send.to_current_endpoint;
	send->length = e->send.length - marker;
	memcpy(send->bytes, e->send.bytes + marker, send->length);
}

/* One dial after the other is told, as control does. */
static void explain_take(struct ike_rig *rig, const struct ike_event *e)
{
	char detail[IKE_FAILED_TEXT_BYTES];

	switch (e->kind) {
	case IKE_STEP:
		explained_step(&rig->explained, EXPLAIN_IKE, e->step.step.inbound,
			       e->step.step.message, e->step.step.meaning);
		break;
	case IKE_FAILED:
		ike_failed_text(e, detail);
		explained_end(&rig->explained, e->failed.cause, detail);
		break;
	case IKE_PEER_DOWN:
		explained_end(&rig->explained, e->down.cause, "");
		break;
	default:
		break;
	}
}

void rig_drain(struct ike_rig *rig)
{
	const struct ike_event *e;

	while ((e = ike_next_event(rig->ike)) != NULL) {
		explain_take(rig, e);
		if (e->kind == IKE_SEND) {
			record_send(rig, e);
		} else if (e->kind == IKE_KEY_EXCHANGE) {
			assert(rig->job_count < RIG_JOBS_MAX);
			rig->jobs[rig->job_count++] =
				(struct rig_job){.handle = e->key_exchange.handle,
						 .request = e->key_exchange.request};
		} else if (e->kind == IKE_SIGNATURE) {
			assert(rig->job_count < RIG_JOBS_MAX);
			rig->jobs[rig->job_count++] = (struct rig_job){
				.handle = e->signature.handle,
				.signature = signature_request_copy(e->signature.request)};
		} else {
			assert(rig->event_count < RIG_EVENTS_MAX);
			rig->sends_at[rig->event_count] = rig->send_count;
			rig->events[rig->event_count++] = *e;
		}
	}
	if (!rig->hold_jobs && rig->job_count != 0)
		rig_run_jobs(rig);
}

void rig_run_jobs(struct ike_rig *rig)
{
	static struct signature_result signature;
	struct key_exchange_result result;
	bool hold = rig->hold_jobs;

	while (rig->job_count != 0) {
		struct rig_job job = rig->jobs[0];

		memmove(rig->jobs, rig->jobs + 1, --rig->job_count * sizeof(job));
		if (job.signature != NULL) {
			signature_run(job.signature, &signature);
			signature_request_free(job.signature);
			ike_signature_done(rig->ike, job.handle, &signature, rig->now_ms);
		} else {
			key_exchange_run(NULL, &job.request, &result);
			ike_key_exchange_done(rig->ike, job.handle, &result, rig->now_ms);
		}
		rig->hold_jobs = true;
		rig_drain(rig);
		rig->hold_jobs = hold;
	}
}

void rig_feed(struct ike_rig *rig, const struct ike_path *path, const uint8_t *bytes, size_t length)
{
	ike_feed(rig->ike, path, bytes, length, rig->now_ms);
	rig_drain(rig);
}

void rig_forget(struct ike_rig *rig)
{
	rig->event_count = 0;
	rig->send_count = 0;
}

void rig_advance(struct ike_rig *rig, uint64_t ms)
{
	uint64_t until_ms = rig->now_ms + ms;

	while (ike_deadline(rig->ike) <= until_ms) {
		if (ike_deadline(rig->ike) > rig->now_ms)
			rig->now_ms = ike_deadline(rig->ike);
		ike_on_time(rig->ike, rig->now_ms);
		rig_drain(rig);
	}
	rig->now_ms = until_ms;
}

size_t rig_count(const struct ike_rig *rig, enum ike_event_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->event_count; i++)
		count += rig->events[i].kind == kind;
	return count;
}

int rig_position(const struct ike_rig *rig, enum ike_event_kind kind, size_t nth)
{
	for (size_t i = 0; i < rig->event_count; i++)
		if (rig->events[i].kind == kind && nth-- == 0)
			return (int)i;
	return -1;
}

const struct ike_event *rig_find(const struct ike_rig *rig, enum ike_event_kind kind, size_t nth)
{
	int at = rig_position(rig, kind, nth);

	return at < 0 ? NULL : &rig->events[at];
}

struct initiator_config client_config(bool nat)
{
	static const struct initiator_transform transforms[] = {{7, 256, 2, 14}};
	static const struct initiator_esp esp_nat[] = {{0, 3, 12, 256, 2, 4, 0}};
	static const struct initiator_esp esp_plain[] = {{0, 3, 12, 256, 2, 2, 0}};
	struct initiator_config config = {
		.transforms = transforms,
		.transform_count = 1,
		.esp = nat ? esp_nat : esp_plain,
		.esp_count = 1,
		.vendors = {&vendor_rfc_3947, &vendor_dpd},
		.vendor_count = 2,
		.preshared_key = "secret",
		.own = endpoint_ipv4(htonl(nat ? 0xc0a80102 : 0xcb007107), 500),
		.server = endpoint_ipv4(htonl(0xc6336401), 500),
		.identity = {1, 0, 0, 0, 192, 168, 1, 2},
		.identity_bytes = 8,
		.id_protocol = 17,
		.id_peer_port = 1701,
		.id_local_port = 1701,
		.nat_oa = nat ? 2 : 0,
	};

	return config;
}

void client_init(struct rig_client *client, const struct initiator_config *config, uint64_t seed,
		 uint16_t public_port)
{
	memset(client, 0, sizeof(*client));
	initiator_init(&client->i, config, seed);
	client->path.local = config->server;
	client->path.remote = endpoint_ipv4(htonl(0xcb007107), public_port);
	client->nat_port = (uint16_t)(public_port + 4000);
}

void client_send(struct ike_rig *rig, struct rig_client *client)
{
	uint8_t datagram[INITIATOR_BYTES_MAX + 8] = {0};
	size_t marker;

	if ((client->i.state == INITIATOR_SENT_5 ||
	     (client->i.config.aggressive && client->i.state == INITIATOR_ESTABLISHED)) &&
	    (client->i.nat_self || client->i.nat_server) && client->path.local.port == 500) {
		client->path.local.port = 4500;
		client->path.remote.port = client->nat_port;
	}
	marker = client->path.local.port == 4500 ? 4 : 0;
	if (client->extra_marker)
		marker *= 2;
	memcpy(datagram + marker, client->i.out, client->i.out_bytes);
	rig_feed(rig, &client->path, datagram, marker + client->i.out_bytes);
}

bool client_collect(struct ike_rig *rig, struct rig_client *client)
{
	bool speaks = false;

	if (client->seen > rig->send_count)
		client->seen = 0;
	while (client->seen < rig->send_count) {
		const struct rig_send *send = &rig->sends[client->seen++];

		if (initiator_feed(&client->i, send->bytes, send->length))
			speaks = client->i.out_bytes != 0;
	}
	return speaks;
}

void client_exchange(struct ike_rig *rig, struct rig_client *client)
{
	do
		client_send(rig, client);
	while (client_collect(rig, client));
}

void client_dial(struct ike_rig *rig, struct rig_client *client)
{
	client->seen = rig->send_count;
	initiator_main_mode_1(&client->i);
	client_exchange(rig, client);
}

void client_quick_mode(struct ike_rig *rig, struct rig_client *client)
{
	client->seen = rig->send_count;
	initiator_quick_mode_1(&client->i);
	client_exchange(rig, client);
}
