/* SPDX-License-Identifier: BSD-3-Clause */
/* Our initiator against our responder: every suite, NAT or none, over a wire that loses. */

#include "ike/initiator.h"
#include "ike_cmocka.h"
#include "ike_rig.h"
#include "simulation_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define SPI_FIRST 0x700

enum situation { SITUATION_PLAIN, SITUATION_BEHIND_NAT, SITUATION_FORCED, SITUATION_NO_TRAVERSAL };

struct dial {
	struct ike_rig rig;
	struct ike_initiator_config config;
	struct ike_initiator *initiator;
	struct random_source random;
	uint64_t seed;
	struct wire to_responder; /* each packet: the port, then the datagram */
	struct wire to_initiator;
	enum situation situation;
	struct ike_initiator_event up, child_up, child_down, failed;
	size_t ups, child_ups, child_downs, downs, failures, port_500, port_4500;
	size_t sends_seen;
	struct ike_event add;
	size_t adds, confirms, deletes, peer_downs;
};

static struct dial dial;

static struct endpoint seen_address(uint16_t port)
{
	bool nat = dial.situation == SITUATION_BEHIND_NAT;

	return endpoint_ipv4(htonl(0xcb007107), (uint16_t)(nat ? port + 30000 : port));
}

static void dial_begin(enum situation situation, uint64_t seed,
		       void (*change)(struct ike_config *config))
{
	memset(&dial, 0, sizeof(dial));
	rig_init(&dial.rig, seed, change);
	dial.seed = seed + 1;
	dial.situation = situation;
	dial.random = (struct random_source){generator_fill, &dial.seed};
	dial.to_responder = (struct wire){.seed = &dial.seed, .delay_ms = 10};
	dial.to_initiator = dial.to_responder;
	dial.config = (struct ike_initiator_config){
		.preshared_key = (const uint8_t *)"secret",
		.preshared_key_bytes = 6,
		.ike = {BLOCK_CIPHER_AES_CBC, 32, DIGEST_SHA2_256, 19, 1, 28800000},
		.esp = {ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE},
		.esp_lifetime_ms = 3600000,
		.nat = situation == SITUATION_FORCED         ? IKE_INITIATOR_NAT_FORCED
		       : situation == SITUATION_NO_TRAVERSAL ? IKE_INITIATOR_NAT_NONE
							     : IKE_INITIATOR_NAT_DETECT,
		.dead_peer_detection = true,
		.own_port = 1701,
		.retransmit_ms = 500,
		.retransmissions = 5,
		.old_child_ms = 3000,
	};
}

static void dial_start(void)
{
	const struct endpoint private_address = endpoint_ipv4(htonl(0xc0a80102), 500);
	const struct endpoint public_address = seen_address(500);
	const struct endpoint server = endpoint_ipv4(htonl(0xc6336401), 500);

	dial.initiator = ike_initiator_new(&dial.config, &dial.random);
	ike_initiator_start(dial.initiator,
			    dial.situation == SITUATION_BEHIND_NAT ? &private_address
								   : &public_address,
			    &server, SPI_FIRST, dial.rig.now_ms);
}

static void dial_end(void)
{
	ike_initiator_free(dial.initiator);
	rig_free(&dial.rig);
}

static void wire_send_framed(struct wire *wire, uint16_t port, const uint8_t *bytes, size_t length)
{
	uint8_t framed[WIRE_PACKET_MAX] = {(uint8_t)(port >> 8), (uint8_t)port};

	assert_true(length + 2 <= sizeof(framed));
	memcpy(framed + 2, bytes, length);
	wire_send(wire, framed, length + 2, dial.rig.now_ms);
}

static void job_run(const struct ike_initiator_job *job)
{
	struct ike_initiator_job_result result;

	ike_initiator_job_run(job, &result);
	ike_initiator_job_done(dial.initiator, &result, dial.rig.now_ms);
}

static void initiator_drain(void)
{
	const struct ike_initiator_event *e;

	while ((e = ike_initiator_next_event(dial.initiator)) != NULL) {
		switch (e->kind) {
		case IKE_INITIATOR_SEND:
			dial.port_500 += e->send.port == 500;
			dial.port_4500 += e->send.port == 4500;
			wire_send_framed(&dial.to_responder, e->send.port, e->send.bytes,
					 e->send.length);
			break;
		case IKE_INITIATOR_JOB: {
			struct ike_initiator_job job = e->job;

			job_run(&job);
			break;
		}
		case IKE_INITIATOR_UP:
			dial.ups++;
			dial.up = *e;
			break;
		case IKE_INITIATOR_CHILD_UP:
			dial.child_ups++;
			dial.child_up = *e;
			break;
		case IKE_INITIATOR_CHILD_DOWN:
			dial.child_downs++;
			dial.child_down = *e;
			break;
		case IKE_INITIATOR_DOWN:
			dial.downs++;
			break;
		case IKE_INITIATOR_FAILED:
			dial.failures++;
			dial.failed = *e;
			break;
		}
	}
}

static void responder_drain(void)
{
	struct ike_rig *rig = &dial.rig;
	uint8_t framed[2052] = {0};

	for (size_t n = 0; n < rig->send_count; n++) {
		const struct rig_send *send = &rig->sends[n];
		size_t marker = send->path.local.port == 4500 ? 4 : 0;

		memcpy(framed + marker, send->bytes, send->length);
		wire_send_framed(&dial.to_initiator, send->path.local.port, framed,
				 marker + send->length);
	}
	for (size_t n = 0; n < rig->event_count; n++) {
		const struct ike_event *e = &rig->events[n];

		if (e->kind == IKE_CHILD_ADD)
			dial.add = *e;
		dial.adds += e->kind == IKE_CHILD_ADD;
		dial.confirms += e->kind == IKE_CHILD_CONFIRMED;
		dial.deletes += e->kind == IKE_CHILD_DELETE;
		dial.peer_downs += e->kind == IKE_PEER_DOWN;
	}
	rig_forget(rig);
}

static void deliver(void)
{
	struct wire_packet packet;
	struct ike_path path;
	uint16_t port;

	while (wire_receive(&dial.to_responder, &packet, dial.rig.now_ms)) {
		port = (uint16_t)(packet.bytes[0] << 8 | packet.bytes[1]);
		path.local = endpoint_ipv4(htonl(0xc6336401), port);
		path.remote = seen_address(port);
		rig_feed(&dial.rig, &path, packet.bytes + 2, packet.length - 2);
		responder_drain();
	}
	while (wire_receive(&dial.to_initiator, &packet, dial.rig.now_ms)) {
		port = (uint16_t)(packet.bytes[0] << 8 | packet.bytes[1]);
		ike_initiator_feed(dial.initiator, port, packet.bytes + 2, packet.length - 2,
				   dial.rig.now_ms);
		initiator_drain();
	}
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Lets `ms` pass at both ends and on the wires. */
static void pass(uint64_t ms)
{
	uint64_t until_ms = dial.rig.now_ms + ms;

	initiator_drain();
	for (;;) {
		uint64_t next_ms = sooner(wire_deadline(&dial.to_responder),
					  wire_deadline(&dial.to_initiator));

		next_ms = sooner(next_ms, ike_initiator_deadline(dial.initiator));
		next_ms = sooner(next_ms, ike_deadline(dial.rig.ike));
		if (next_ms > until_ms)
			break;
		rig_advance(&dial.rig, next_ms < dial.rig.now_ms ? 0 : next_ms - dial.rig.now_ms);
		responder_drain();
		ike_initiator_on_time(dial.initiator, dial.rig.now_ms);
		initiator_drain();
		deliver();
	}
	rig_advance(&dial.rig, until_ms - dial.rig.now_ms);
	responder_drain();
}

static void assert_same_child(void)
{
	const struct ike_event *add = &dial.add;
	const struct ike_initiator_event *up = &dial.child_up;

	assert_int_equal(add->child_add.spi_in, up->child_up.spi_out);
	assert_int_equal(add->child_add.spi_out, up->child_up.spi_in);
	assert_int_equal(add->child_add.encapsulated, up->child_up.encapsulated);
	assert_memory_equal(&add->child_add.keys_in, &up->child_up.keys_out,
			    sizeof(struct esp_keys));
	assert_memory_equal(&add->child_add.keys_out, &up->child_up.keys_in,
			    sizeof(struct esp_keys));
}

static void dial_of(enum situation situation, uint16_t group, const struct esp_suite *esp,
		    uint16_t esp_group)
{
	bool encapsulated = situation == SITUATION_BEHIND_NAT || situation == SITUATION_FORCED;

	dial_begin(situation, 7, NULL);
	dial.config.ike.group = group;
	dial.config.esp = *esp;
	dial.config.esp_group = esp_group;
	dial_start();
	pass(1000);
	assert_int_equal(dial.ups, 1);
	assert_int_equal(dial.child_ups, 1);
	assert_int_equal(dial.adds, 1);
	assert_int_equal(dial.confirms, 1);
	assert_true(ike_initiator_is_up(dial.initiator));
	assert_same_child();
	assert_int_equal(dial.child_up.child_up.spi_in, SPI_FIRST);
	assert_memory_equal(&dial.child_up.child_up.keys_in.suite, esp, sizeof(*esp));
	assert_int_equal(dial.child_up.child_up.encapsulated, encapsulated);
	assert_int_equal(dial.up.up.own_behind_nat, situation == SITUATION_BEHIND_NAT);
	assert_false(dial.up.up.peer_behind_nat);
	assert_int_equal(dial.port_500, encapsulated ? 2 : 5);
	assert_int_equal(dial.port_4500, encapsulated ? 3 : 0);
	assert_int_equal(ike_initiator_deadline(dial.initiator), UINT64_MAX);
	dial_end();
}

static void every_suite_dials(void **state)
{
	static const uint16_t groups[] = {14, 19};
	static const struct esp_suite suites[] = {
		{ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE},
		{ESP_CIPHER_AES_GCM_16, 16, ESP_AUTHENTICATOR_NONE},
		{ESP_CIPHER_AES_CBC, 32, ESP_AUTHENTICATOR_HMAC_SHA1_96},
		{ESP_CIPHER_AES_CBC, 16, ESP_AUTHENTICATOR_HMAC_SHA2_256_128},
		{ESP_CIPHER_3DES_CBC, 24, ESP_AUTHENTICATOR_HMAC_SHA1_96},
	};

	(void)state;
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++)
			for (int n = SITUATION_PLAIN; n <= SITUATION_NO_TRAVERSAL; n++) {
				dial_of((enum situation)n, groups[g], &suites[s], 0);
				dial_of((enum situation)n, groups[g], &suites[s], 19);
			}
}

static void main_mode_takes_other_algorithms(void **state)
{
	static const struct ike_suite suites[] = {
		{BLOCK_CIPHER_AES_CBC, 16, DIGEST_SHA1, 2, 1, 3600000},
		{BLOCK_CIPHER_AES_CBC, 24, DIGEST_SHA2_384, 20, 1, 3600000},
		{BLOCK_CIPHER_AES_CBC, 32, DIGEST_SHA2_512, 21, 1, 3600000},
		{BLOCK_CIPHER_3DES_CBC, 24, DIGEST_SHA1, 5, 1, 3600000},
	};

	(void)state;
	for (size_t n = 0; n < sizeof(suites) / sizeof(suites[0]); n++) {
		dial_begin(SITUATION_BEHIND_NAT, 9, NULL);
		dial.config.ike = suites[n];
		dial_start();
		pass(1000);
		assert_int_equal(dial.child_ups, 1);
		assert_same_child();
		dial_end();
	}
}

/* A dial, a new quick mode, a new main mode, a quick mode in that, the end. */
static bool lossy_life(uint64_t seed)
{
	bool complete;

	dial_begin((enum situation)(seed % 4), seed, NULL);
	dial.to_responder.loss_percent = dial.to_initiator.loss_percent = (unsigned)(seed % 21);
	dial.to_responder.duplicate_percent = dial.to_initiator.duplicate_percent = 15;
	dial.to_responder.reorder_percent = dial.to_initiator.reorder_percent = 15;
	dial_start();
	pass(40000);
	for (uint32_t n = 1; n <= 3 && ike_initiator_is_up(dial.initiator); n++) {
		if (n == 2)
			assert_int_equal(ike_initiator_rekey(dial.initiator, dial.rig.now_ms), 0);
		else
			assert_int_equal(ike_initiator_rekey_child(dial.initiator, SPI_FIRST + n,
								   dial.rig.now_ms),
					 0);
		pass(40000);
		if (n != 2 && dial.child_ups == 1 + (n + 1) / 2)
			assert_same_child();
	}
	complete = dial.ups == 2 && dial.child_ups == 3;
	if (complete) {
		assert_int_equal(dial.child_downs, 2);
		assert_int_equal(dial.failures, 0);
	}
	ike_initiator_close(dial.initiator, dial.rig.now_ms);
	pass(40ULL * 3600 * 1000);
	assert_int_equal(dial.downs, complete ? 1 : dial.downs);
	assert_int_equal(dial.adds, dial.deletes);
	assert_int_equal(dial.child_ups, dial.child_downs);
	assert_int_equal(ike_deadline(dial.rig.ike), UINT64_MAX);
	assert_true(rig_empty(&dial.rig));
	assert_int_equal(ike_initiator_deadline(dial.initiator), UINT64_MAX);
	dial_end();
	return complete;
}

static void lives_survive_a_bad_wire(void **state)
{
	size_t complete = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 400; seed++)
		complete += lossy_life(seed);
	print_message("%zu of 400 complete\n", complete);
	assert_true(complete >= 392);
}

static void the_first_quick_mode_3_may_be_lost(void **state)
{
	(void)state;
	dial_begin(SITUATION_BEHIND_NAT, 3, NULL);
	dial_start();
	while (dial.child_ups == 0)
		pass(10);
	dial.to_responder.count = 0; /* quick mode 3 was on its way */
	assert_int_equal(dial.confirms, 0);
	pass(3000); /* the responder says quick mode 2 again */
	assert_int_equal(dial.confirms, 1);
	assert_int_equal(dial.child_ups, 1);
	dial_end();
}

static void modern(struct ike_config *config)
{
	config->compatibility = IKE_COMPATIBILITY_MODERN;
}

static void refusals_have_their_causes(void **state)
{
	(void)state;
	dial_begin(SITUATION_BEHIND_NAT, 4, NULL);
	dial.config.preshared_key = (const uint8_t *)"wrong!";
	dial_start();
	pass(1000);
	assert_int_equal(dial.failures, 1);
	assert_int_equal(dial.failed.failed.cause, CAUSE_wrong_preshared_key);
	assert_int_equal(dial.failed.failed.notification, 16);
	dial_end();

	dial_begin(SITUATION_PLAIN, 5, modern);
	dial.config.ike.group = 2;
	dial_start();
	pass(1000);
	assert_int_equal(dial.failures, 1);
	assert_int_equal(dial.failed.failed.cause, CAUSE_no_common_ike_proposal);
	assert_int_equal(dial.failed.failed.notification, 14);
	dial_end();

	dial_begin(SITUATION_PLAIN, 6, modern);
	dial.config.esp =
		(struct esp_suite){ESP_CIPHER_3DES_CBC, 24, ESP_AUTHENTICATOR_HMAC_SHA1_96};
	dial_start();
	pass(1000);
	assert_int_equal(dial.ups, 1);
	assert_int_equal(dial.failures, 1);
	assert_int_equal(dial.failed.failed.cause, CAUSE_no_common_esp_proposal);
	assert_false(ike_initiator_is_up(dial.initiator));
	pass(40000); /* the ISAKMP SA went with it */
	assert_int_equal(dial.peer_downs, 1);
	dial_end();
}

static void silence_ends_a_dial(void **state)
{
	uint64_t started_ms;

	(void)state;
	dial_begin(SITUATION_PLAIN, 8, NULL);
	dial.to_responder.cut = true;
	dial_start();
	started_ms = dial.rig.now_ms;
	while (dial.failures == 0)
		pass(100);
	assert_int_equal(dial.port_500, 6); /* 0.5 + 1 + 2 + 4 + 8 + 16 s */
	assert_in_range(dial.rig.now_ms - started_ms, 31500, 31600);
	assert_int_equal(dial.failed.failed.cause, CAUSE_ike_timeout);
	assert_string_equal(dial.failed.failed.state, "sent main mode 1");
	assert_int_equal(ike_initiator_deadline(dial.initiator), UINT64_MAX);
	dial.to_responder.cut = false; /* and it may dial again */
	ike_initiator_start(dial.initiator,
			    &(struct endpoint){.family = ENDPOINT_IPV4, .port = 500},
			    &(struct endpoint){.family = ENDPOINT_IPV4, .port = 500}, SPI_FIRST,
			    dial.rig.now_ms);
	pass(1000);
	assert_int_equal(dial.child_ups, 1);
	dial_end();
}

static void probes_are_answered(void **state)
{
	(void)state;
	dial_begin(SITUATION_BEHIND_NAT, 11, NULL);
	dial_start();
	pass(600000);
	assert_int_equal(dial.peer_downs, 0);
	assert_true(dial.port_4500 > 20); /* 19 answers to R-U-THERE */
	dial.to_responder.cut = true;
	pass(120000);
	assert_int_equal(dial.peer_downs, 1);
	dial_end();
}

static void the_responder_may_close(void **state)
{
	(void)state;
	dial_begin(SITUATION_BEHIND_NAT, 12, NULL);
	dial_start();
	pass(1000);
	ike_peer_close(dial.rig.ike, dial.add.peer, CAUSE_administrator, dial.rig.now_ms);
	rig_drain(&dial.rig);
	responder_drain();
	pass(1000);
	assert_int_equal(dial.child_downs, 1);
	assert_int_equal(dial.downs, 1);
	assert_int_equal(ike_initiator_cookie(dial.initiator), 0);
	assert_int_equal(ike_initiator_rekey(dial.initiator, dial.rig.now_ms), -ENOTCONN);
	dial_end();
}

static void one_negotiation_at_a_time(void **state)
{
	(void)state;
	dial_begin(SITUATION_PLAIN, 13, NULL);
	dial_start();
	assert_int_equal(ike_initiator_rekey(dial.initiator, dial.rig.now_ms), -ENOTCONN);
	pass(1000);
	assert_int_equal(ike_initiator_rekey(dial.initiator, dial.rig.now_ms), 0);
	assert_int_equal(ike_initiator_rekey_child(dial.initiator, 0x800, dial.rig.now_ms), -EBUSY);
	assert_false(ike_initiator_is_up(dial.initiator));
	pass(1000);
	assert_int_equal(dial.ups, 2);
	assert_true(dial.up.up.again);
	ike_initiator_close(dial.initiator, dial.rig.now_ms);
	pass(70000); /* the pair lingers, then the peer */
	assert_int_equal(dial.peer_downs, 1);
	assert_int_equal(dial.adds, dial.deletes);
	dial_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_dials),
		cmocka_unit_test(main_mode_takes_other_algorithms),
		cmocka_unit_test(lives_survive_a_bad_wire),
		cmocka_unit_test(the_first_quick_mode_3_may_be_lost),
		cmocka_unit_test(refusals_have_their_causes),
		cmocka_unit_test(silence_ends_a_dial),
		cmocka_unit_test(probes_are_answered),
		cmocka_unit_test(the_responder_may_close),
		cmocka_unit_test(one_negotiation_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
