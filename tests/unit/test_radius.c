/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius/radius.h"

#include "radius/attribute.h"
#include "radius_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET       "a shared secret"
#define SENT_MAX     2048
#define ANSWERED_MAX 2048

struct sent {
	uint64_t exchange;
	unsigned server;
	unsigned socket;
	unsigned attempt;
	uint64_t at_ms;
	size_t length;
	uint8_t bytes[128];
};

struct rig {
	struct radius *radius;
	struct radius_config config;
	uint64_t now_ms;
	uint32_t next_random;
	unsigned sent_count;
	struct sent sent[SENT_MAX];
	unsigned answers, silences, deaths, returns;
	uint8_t last_code;
	uint32_t last_owner;
	uint32_t last_after_ms;
	uint32_t last_tried;
	size_t last_attributes;
};

static void fill(void *context, void *bytes, size_t length)
{
	uint32_t *next = context;
	uint8_t *to = bytes;

	for (size_t i = 0; i < length; i++) {
		*next = *next * 1664525 + 1013904223;
		to[i] = (uint8_t)(*next >> 24);
	}
}

static void events_take(struct rig *rig)
{
	const struct radius_event *event;

	while ((event = radius_next_event(rig->radius)) != NULL) {
		switch (event->kind) {
		case RADIUS_SEND:
			assert_true(rig->sent_count < SENT_MAX);
			assert_true(event->send.length <= sizeof(rig->sent[0].bytes));
			rig->sent[rig->sent_count] = (struct sent){event->exchange,
								   event->server,
								   event->send.socket,
								   event->send.attempt,
								   rig->now_ms,
								   event->send.length,
								   {0}};
			memcpy(rig->sent[rig->sent_count].bytes, event->send.bytes,
			       event->send.length);
			rig->sent_count++;
			break;
		case RADIUS_ANSWER:
			rig->answers++;
			rig->last_code = event->answer.code;
			rig->last_owner = event->owner;
			rig->last_after_ms = event->after_ms;
			rig->last_attributes = event->answer.attributes_bytes;
			break;
		case RADIUS_SILENT:
			rig->silences++;
			rig->last_owner = event->owner;
			rig->last_after_ms = event->after_ms;
			rig->last_tried = event->tried;
			break;
		case RADIUS_DEAD:
			rig->deaths++;
			break;
		case RADIUS_ALIVE:
			rig->returns++;
			break;
		}
	}
}

static struct endpoint address_of(unsigned server)
{
	return endpoint_ipv4(htonl(0xc0000201 + server), 1812);
}

static struct rig *rig_new(unsigned servers)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->config = (struct radius_config){
		.server_count = servers,
		.sockets = 1,
		.timeout_ms = 1000,
		.retries = 2,
		.give_up_ms = 30000,
		.dead_ms = 60000,
		.queue_max = 10,
		.nas_identifier = "lns",
	};
	for (unsigned i = 0; i < servers; i++)
		rig->config.servers[i] = (struct radius_server_config){
			.address = address_of(i),
			.secret = (const uint8_t *)SECRET,
			.secret_bytes = strlen(SECRET),
			.priority = i,
			.weight = 1,
		};
	return rig;
}

static void rig_open(struct rig *rig)
{
	const struct random_source random = {fill, &rig->next_random};

	rig->radius = radius_new(&rig->config, &random, rig->now_ms);
}

static void rig_free(struct rig *rig)
{
	radius_free(rig->radius);
	free(rig);
}

static int ask(struct rig *rig, uint32_t owner, uint64_t *exchange)
{
	static const uint8_t name[] = {RADIUS_USER_NAME, 6, 'a', 'n', 'n', 'a'};
	const struct radius_request request = {
		.owner = owner,
		.attributes = name,
		.attributes_bytes = sizeof(name),
		.password = (const uint8_t *)"secret",
		.password_bytes = 6,
	};
	int error = radius_ask(rig->radius, &request, rig->now_ms, exchange);

	events_take(rig);
	return error;
}

static void run(struct rig *rig, uint64_t until_ms)
{
	while (radius_deadline(rig->radius) <= until_ms) {
		uint64_t at = radius_deadline(rig->radius);

		rig->now_ms = at > rig->now_ms ? at : rig->now_ms + 1;
		radius_on_time(rig->radius, rig->now_ms);
		events_take(rig);
	}
	rig->now_ms = until_ms;
}

static const uint8_t framed[] = {RADIUS_FRAMED_IP_ADDRESS, 6, 10, 0, 0, 1};

static void reply(struct rig *rig, const struct sent *to, uint8_t code, enum reply_fault fault)
{
	uint8_t bytes[REPLY_BYTES];
	struct endpoint from = address_of(to->server);
	size_t length = reply_make(to->bytes, code, SECRET, framed, sizeof(framed), fault, bytes);

	radius_feed(rig->radius, to->socket, &from, bytes, length, rig->now_ms);
	events_take(rig);
}

static struct radius_server_view view_of(const struct rig *rig, unsigned server)
{
	struct radius_server_view view;

	assert_true(radius_server_view(rig->radius, server, &view));
	return view;
}

static void an_answer_comes_back_to_its_owner(void **state)
{
	struct rig *rig = rig_new(1);
	uint64_t exchange;

	(void)state;
	rig_open(rig);
	assert_int_equal(ask(rig, 7, &exchange), 0);
	assert_int_equal(rig->sent_count, 1);
	assert_true(request_is_signed(rig->sent[0].bytes, rig->sent[0].length, SECRET));
	rig->now_ms = 12;
	reply(rig, &rig->sent[0], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->answers, 1);
	assert_int_equal(rig->last_owner, 7);
	assert_int_equal(rig->last_after_ms, 12);
	assert_int_equal(rig->last_code, RADIUS_ACCESS_ACCEPT);
	assert_int_equal(rig->last_attributes, sizeof(framed) + 18);
	assert_int_equal(view_of(rig, 0).accepts, 1);
	assert_int_equal(view_of(rig, 0).outstanding, 0);
	assert_true(radius_deadline(rig->radius) == UINT64_MAX);
	reply(rig, &rig->sent[0], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->answers, 1);
	assert_int_equal(view_of(rig, 0).bad[RADIUS_BAD_radius_unexpected], 1);
	rig_free(rig);
}

static void repetitions_are_the_same_and_ever_rarer(void **state)
{
	struct rig *rig = rig_new(1);
	uint64_t exchange;

	(void)state;
	rig_open(rig);
	assert_int_equal(ask(rig, 1, &exchange), 0);
	run(rig, 6000);
	assert_int_equal(rig->sent_count, 3);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(rig->sent[i].attempt, i + 1);
		assert_int_equal(rig->sent[i].length, rig->sent[0].length);
		assert_memory_equal(rig->sent[i].bytes, rig->sent[0].bytes, rig->sent[0].length);
	}
	assert_in_range(rig->sent[1].at_ms, 900, 1120);
	assert_in_range(rig->sent[2].at_ms - rig->sent[1].at_ms, 1800, 2220);
	reply(rig, &rig->sent[1], RADIUS_ACCESS_REJECT, REPLY_RIGHT);
	assert_int_equal(rig->last_code, RADIUS_ACCESS_REJECT);
	assert_int_equal(view_of(rig, 0).rejects, 1);
	assert_int_equal(view_of(rig, 0).repetitions, 2);
	rig_free(rig);
}

static void the_next_server_gets_a_new_request(void **state)
{
	struct rig *rig = rig_new(2);
	uint64_t exchange;

	(void)state;
	rig_open(rig);
	assert_int_equal(ask(rig, 1, &exchange), 0);
	run(rig, 9000);
	assert_true(rig->sent_count >= 4);
	assert_int_equal(rig->sent[2].server, 0);
	assert_int_equal(rig->sent[3].server, 1);
	assert_int_equal(rig->sent[3].attempt, 1);
	assert_memory_not_equal(rig->sent[3].bytes + 4, rig->sent[0].bytes + 4, 16);
	assert_int_equal(rig->deaths, 1);
	assert_false(view_of(rig, 0).alive);
	reply(rig, &rig->sent[3], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->answers, 1);
	/* While the first is dead nothing goes there. */
	assert_int_equal(ask(rig, 2, &exchange), 0);
	assert_int_equal(rig->sent[rig->sent_count - 1].server, 1);
	rig_free(rig);
}

static void silence_everywhere_is_told_with_its_servers(void **state)
{
	struct rig *rig = rig_new(2);
	uint64_t exchange;

	(void)state;
	rig_open(rig);
	assert_int_equal(ask(rig, 5, &exchange), 0);
	run(rig, 30000);
	assert_int_equal(rig->silences, 1);
	assert_int_equal(rig->last_owner, 5);
	assert_int_equal(rig->last_tried, 3);
	assert_in_range(rig->last_after_ms, 12000, 16500);
	/* Both are dead: the next request need not wait. */
	assert_int_equal(ask(rig, 6, &exchange), 0);
	assert_int_equal(rig->silences, 2);
	assert_int_equal(rig->last_tried, 0);
	/* After the dead time they get another chance. */
	run(rig, 80000);
	assert_int_equal(rig->returns, 2);
	assert_int_equal(ask(rig, 7, &exchange), 0);
	assert_int_equal(rig->sent[rig->sent_count - 1].server, 0);
	rig_free(rig);
}

static void all_together_end_in_time(void **state)
{
	struct rig *rig = rig_new(2);
	uint64_t exchange;

	(void)state;
	rig->config.give_up_ms = 5000;
	rig_open(rig);
	assert_int_equal(ask(rig, 5, &exchange), 0);
	run(rig, 5100);
	assert_int_equal(rig->silences, 1);
	assert_in_range(rig->last_after_ms, 5000, 5010);
	rig_free(rig);
}

static void a_server_that_answers_others_is_not_dead(void **state)
{
	struct rig *rig = rig_new(2);
	uint64_t first, second;

	(void)state;
	rig_open(rig);
	assert_int_equal(ask(rig, 1, &first), 0);
	assert_int_equal(ask(rig, 2, &second), 0);
	rig->now_ms = 10;
	reply(rig, &rig->sent[1], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	run(rig, 9000);
	assert_int_equal(rig->deaths, 0);
	assert_int_equal(rig->sent[rig->sent_count - 1].server, 1);
	assert_int_equal(view_of(rig, 0).timeouts, 1);
	rig_free(rig);
}

static void the_dead_servers_requests_move_at_once(void **state)
{
	struct rig *rig = rig_new(2);
	uint64_t first, second;
	unsigned there = 0;

	(void)state;
	rig_open(rig);
	assert_int_equal(ask(rig, 1, &first), 0);
	run(rig, 3500);
	assert_int_equal(ask(rig, 2, &second), 0);
	run(rig, 7800);
	assert_int_equal(rig->deaths, 1);
	for (unsigned i = 0; i < rig->sent_count; i++)
		there += rig->sent[i].server == 1 && rig->sent[i].attempt == 1;
	assert_int_equal(there, 2);
	assert_int_equal(view_of(rig, 0).outstanding, 0);
	rig_free(rig);
}

static void status_server_brings_a_server_back(void **state)
{
	struct rig *rig = rig_new(2);
	const struct sent *last = NULL;
	uint64_t exchange;

	(void)state;
	rig->config.status_ms = 5000;
	rig_open(rig);
	assert_int_equal(ask(rig, 1, &exchange), 0);
	run(rig, 7800);
	assert_int_equal(rig->deaths, 1);
	run(rig, 18500);
	assert_true(view_of(rig, 0).status_requests >= 2);
	for (unsigned i = 0; i < rig->sent_count; i++)
		if (rig->sent[i].server == 0 && rig->sent[i].bytes[0] == RADIUS_STATUS_SERVER)
			last = &rig->sent[i];
	assert_non_null(last);
	assert_int_equal(last->exchange, 0);
	assert_true(request_is_signed(last->bytes, last->length, SECRET));
	rig->now_ms = last->at_ms + 3;
	reply(rig, last, RADIUS_ACCESS_ACCEPT, REPLY_NO_MESSAGE_AUTHENTICATOR);
	assert_int_equal(rig->returns, 0);
	reply(rig, last, RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->returns, 1);
	assert_int_equal(rig->answers, 0);
	assert_true(view_of(rig, 0).alive);
	rig_free(rig);
}

static void forged_replies_are_ignored_and_the_true_one_counts(void **state)
{
	static const uint8_t wrong_code[20] = {5, 0, 0, 20};
	struct rig *rig = rig_new(1);
	struct endpoint server = address_of(0), stranger = address_of(0);
	struct radius_server_view view;
	uint8_t bytes[REPLY_BYTES];
	uint64_t exchange;
	size_t length;

	(void)state;
	rig_open(rig);
	assert_int_equal(ask(rig, 1, &exchange), 0);
	reply(rig, &rig->sent[0], RADIUS_ACCESS_ACCEPT, REPLY_WRONG_SECRET);
	reply(rig, &rig->sent[0], RADIUS_ACCESS_ACCEPT, REPLY_NO_MESSAGE_AUTHENTICATOR);
	reply(rig, &rig->sent[0], RADIUS_ACCESS_ACCEPT, REPLY_WRONG_MESSAGE_AUTHENTICATOR);
	length = reply_make(rig->sent[0].bytes, RADIUS_ACCESS_ACCEPT, SECRET, framed,
			    sizeof(framed), REPLY_RIGHT, bytes);
	stranger.port++;
	radius_feed(rig->radius, 0, &stranger, bytes, length, 0);
	radius_feed(rig->radius, 0, &server, bytes, length - 1, 0);
	radius_feed(rig->radius, 0, &server, wrong_code, sizeof(wrong_code), 0);
	bytes[1]++;
	radius_feed(rig->radius, 0, &server, bytes, length, 0);
	bytes[1]--;
	bytes[0] = RADIUS_ACCESS_REJECT;
	radius_feed(rig->radius, 0, &server, bytes, length, 0);
	events_take(rig);
	assert_int_equal(rig->answers, 0);
	view = view_of(rig, 0);
	assert_int_equal(view.bad[RADIUS_BAD_radius_wrong_authenticator], 2);
	assert_int_equal(view.bad[RADIUS_BAD_radius_no_message_authenticator], 1);
	assert_int_equal(view.bad[RADIUS_BAD_radius_wrong_message_authenticator], 1);
	assert_int_equal(view.bad[RADIUS_BAD_radius_malformed], 1);
	assert_int_equal(view.bad[RADIUS_BAD_radius_wrong_code], 1);
	assert_int_equal(view.bad[RADIUS_BAD_radius_unexpected], 1);
	assert_int_equal(radius_bad_replies(rig->radius, RADIUS_BAD_radius_unknown_source), 1);
	reply(rig, &rig->sent[0], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->answers, 1);
	rig_free(rig);
}

/* The right reply at another source port answers nothing there. */
static void source_ports_have_identifiers_of_their_own(void **state)
{
	struct rig *rig = rig_new(1);
	uint64_t exchange;
	struct sent other;

	(void)state;
	rig->config.sockets = 2;
	rig_open(rig);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(ask(rig, i, &exchange), 0);
	assert_int_equal(rig->sent_count, 512);
	assert_int_equal(rig->sent[256].socket, 1);
	assert_int_equal(rig->sent[256].bytes[1], rig->sent[0].bytes[1]);
	other = rig->sent[0];
	other.socket = 1;
	reply(rig, &other, RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->answers, 0);
	reply(rig, &rig->sent[0], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->answers, 1);
	rig_free(rig);
}

static void a_full_queue_refuses_and_a_free_identifier_serves_it(void **state)
{
	struct rig *rig = rig_new(1);
	uint64_t exchange;

	(void)state;
	rig_open(rig);
	for (unsigned i = 0; i < 266; i++)
		assert_int_equal(ask(rig, i, &exchange), 0);
	assert_int_equal(rig->sent_count, 256);
	assert_int_equal(radius_waiting(rig->radius), 10);
	assert_int_equal(ask(rig, 266, &exchange), -ENOBUFS);
	reply(rig, &rig->sent[3], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->last_owner, 3);
	assert_int_equal(rig->sent_count, 257);
	assert_int_equal(rig->sent[256].bytes[1], rig->sent[3].bytes[1]);
	assert_int_equal(radius_waiting(rig->radius), 9);
	assert_int_equal(ask(rig, 266, &exchange), 0);
	/* A late reply to the former request is none to the new one with its identifier. */
	reply(rig, &rig->sent[3], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(rig->answers, 1);
	assert_int_equal(view_of(rig, 0).bad[RADIUS_BAD_radius_wrong_authenticator], 1);
	run(rig, 40000);
	assert_int_equal(rig->silences, 266);
	rig_free(rig);
}

static void without_a_queue_identifiers_are_all_there_is(void **state)
{
	struct rig *rig = rig_new(1);
	uint64_t exchange;

	(void)state;
	rig->config.queue_max = 0;
	rig_open(rig);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(ask(rig, i, &exchange), 0);
	assert_int_equal(ask(rig, 256, &exchange), -ENOBUFS);
	reply(rig, &rig->sent[9], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	assert_int_equal(ask(rig, 256, &exchange), 0);
	rig_free(rig);
}

static void identifiers_rest_before_they_come_again(void **state)
{
	struct rig *rig = rig_new(1);
	uint64_t exchange;

	(void)state;
	rig_open(rig);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(ask(rig, i, &exchange), 0);
		assert_int_equal(rig->sent[i].bytes[1], (uint8_t)i);
		reply(rig, &rig->sent[i], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	}
	assert_int_equal(rig->answers, 300);
	rig_free(rig);
}

static void a_cancelled_request_is_forgotten(void **state)
{
	struct rig *rig = rig_new(1);
	uint64_t exchange;

	(void)state;
	rig_open(rig);
	assert_int_equal(ask(rig, 1, &exchange), 0);
	radius_cancel(rig->radius, exchange, 0);
	radius_cancel(rig->radius, exchange, 0);
	reply(rig, &rig->sent[0], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	run(rig, 60000);
	assert_int_equal(rig->answers + rig->silences, 0);
	assert_int_equal(rig->sent_count, 1);
	rig_free(rig);
}

static void equal_servers_share_by_weight(void **state)
{
	struct rig *rig = rig_new(2);
	unsigned second = 0;
	uint64_t exchange;

	(void)state;
	rig->config.servers[1].priority = 0;
	rig->config.servers[1].weight = 3;
	rig_open(rig);
	for (unsigned i = 0; i < 800; i++) {
		assert_int_equal(ask(rig, i, &exchange), 0);
		second += rig->sent[i].server == 1;
		reply(rig, &rig->sent[i], RADIUS_ACCESS_ACCEPT, REPLY_RIGHT);
	}
	assert_in_range(second, 540, 660);
	rig_free(rig);
}

static void what_fits_no_packet_is_refused(void **state)
{
	static const uint8_t much[4096];
	struct rig *rig = rig_new(1);
	const struct radius_request request = {.attributes = much,
					       .attributes_bytes = sizeof(much)};
	uint64_t exchange;

	(void)state;
	rig_open(rig);
	assert_int_equal(radius_ask(rig->radius, &request, 0, &exchange), -EMSGSIZE);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_back_to_its_owner),
		cmocka_unit_test(repetitions_are_the_same_and_ever_rarer),
		cmocka_unit_test(the_next_server_gets_a_new_request),
		cmocka_unit_test(silence_everywhere_is_told_with_its_servers),
		cmocka_unit_test(all_together_end_in_time),
		cmocka_unit_test(a_server_that_answers_others_is_not_dead),
		cmocka_unit_test(the_dead_servers_requests_move_at_once),
		cmocka_unit_test(status_server_brings_a_server_back),
		cmocka_unit_test(forged_replies_are_ignored_and_the_true_one_counts),
		cmocka_unit_test(source_ports_have_identifiers_of_their_own),
		cmocka_unit_test(a_full_queue_refuses_and_a_free_identifier_serves_it),
		cmocka_unit_test(without_a_queue_identifiers_are_all_there_is),
		cmocka_unit_test(identifiers_rest_before_they_come_again),
		cmocka_unit_test(a_cancelled_request_is_forgotten),
		cmocka_unit_test(equal_servers_share_by_weight),
		cmocka_unit_test(what_fits_no_packet_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
