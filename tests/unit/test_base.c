/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/cause.h"
#include "base/cursor.h"
#include "base/endpoint.h"
#include "base/event_queue.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/slab.h"
#include "base/slot_pool.h"
#include "base/writer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void cursor_reads_in_network_order(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	uint8_t two[2];

	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_true(cursor_u64(&c) == 0x08090a0b0c0d0e0f);
	assert_int_equal(cursor_left(&c), 2);
	assert_false(cursor_finished(&c));
	cursor_copy(&c, two, 2);
	assert_int_equal(two[1], 17);
	assert_true(cursor_finished(&c));
	assert_false(cursor_more(&c));
}

/* Memory of the exact size, so that the sanitizers see a read beyond it. */
static void cursor_remembers_the_first_failure(void **state)
{
	(void)state;
	for (size_t length = 0; length < 8; length++) {
		uint8_t *bytes = malloc(length == 0 ? 1 : length);
		uint8_t copy[8] = {9, 9, 9, 9, 9, 9, 9, 9};
		struct cursor c = cursor_over(bytes, length);

		memset(bytes, 0xff, length == 0 ? 1 : length);
		assert_true(cursor_u64(&c) == (length >= 4 ? 0xffffffff00000000u : 0));
		assert_true(cursor_failed(&c));
		assert_false(cursor_more(&c));
		assert_false(cursor_finished(&c));
		assert_int_equal(cursor_left(&c), 0);
		assert_int_equal(cursor_u8(&c), 0);
		assert_null(cursor_bytes(&c, 0));
		cursor_copy(&c, copy, sizeof(copy));
		assert_int_equal(copy[7], 0);
		free(bytes);
	}
}

static void cursor_children_keep_to_their_bytes(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	struct cursor child = cursor_child(&c, 2);

	(void)state;
	assert_int_equal(cursor_u16(&child), 0x0102);
	assert_int_equal(cursor_u8(&child), 0); /* not the parent's third */
	assert_true(cursor_failed(&child));
	assert_false(cursor_failed(&c));
	assert_int_equal(cursor_u8(&c), 3);
	child = cursor_child(&c, 3);
	assert_true(cursor_failed(&child));
	assert_true(cursor_failed(&c));
	c = cursor_over(bytes, sizeof(bytes));
	child = cursor_child(&c, SIZE_MAX);
	assert_true(cursor_failed(&child) && cursor_failed(&c));
	c = cursor_over(bytes, sizeof(bytes));
	child = cursor_child(&c, 0);
	assert_true(cursor_finished(&child));
	cursor_skip(&c, 5);
	assert_true(cursor_finished(&c));
}

static void writer_stops_at_its_capacity(void **state)
{
	static const uint8_t expected[] = {1,  2,  3,  4,  5,  6,  7, 8, 9,
					   10, 11, 12, 13, 14, 15, 0, 0, 'a'};

	(void)state;
	for (size_t capacity = 0; capacity <= sizeof(expected); capacity++) {
		uint8_t *buffer = malloc(capacity == 0 ? 1 : capacity);
		struct writer w = writer_over(buffer, capacity);

		writer_u8(&w, 1);
		writer_u16(&w, 0x0203);
		writer_u32(&w, 0x04050607);
		writer_u64(&w, 0x08090a0b0c0d0e0f);
		writer_zeroes(&w, 2);
		writer_bytes(&w, "a", 1);
		assert_int_equal(writer_failed(&w), capacity < sizeof(expected));
		assert_true(writer_length(&w) <= capacity);
		assert_memory_equal(buffer, expected, writer_length(&w));
		free(buffer);
	}
}

static void writer_patches_what_is_written(void **state)
{
	uint8_t buffer[8] = {0};
	struct writer w = writer_over(buffer, sizeof(buffer));

	(void)state;
	writer_zeroes(&w, 6);
	writer_patch_u16(&w, 1, 0x1122);
	writer_patch_u32(&w, 2, 0xaabbccdd);
	assert_false(writer_failed(&w));
	assert_memory_equal(buffer, "\0\x11\xaa\xbb\xcc\xdd\0\0", 8);
	writer_patch_u16(&w, 5, 1); /* one byte of it is not written yet */
	assert_true(writer_failed(&w));
	writer_u8(&w, 7);
	assert_int_equal(writer_length(&w), 6);
	assert_int_equal(buffer[6], 0);
}

static void slots_are_reused_first_in_first_out(void **state)
{
	struct slot_pool *pool = slot_pool_new(4);

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(slot_pool_take(pool), i);
	assert_int_equal(slot_pool_take(pool), UINT32_MAX);
	assert_int_equal(slot_pool_used(pool), 4);
	slot_pool_give_back(pool, 2);
	slot_pool_give_back(pool, 0);
	slot_pool_give_back(pool, 3);
	assert_int_equal(slot_pool_used(pool), 1);
	assert_int_equal(slot_pool_generation(pool, 2), 1);
	assert_int_equal(slot_pool_generation(pool, 1), 0);
	assert_int_equal(slot_pool_take(pool), 2);
	assert_int_equal(slot_pool_take(pool), 0);
	slot_pool_give_back(pool, 2);
	assert_int_equal(slot_pool_generation(pool, 2), 2);
	assert_int_equal(slot_pool_take(pool), 3);
	assert_int_equal(slot_pool_take(pool), 2);
	assert_int_equal(slot_pool_take(pool), UINT32_MAX);
	slot_pool_free(pool);
	pool = slot_pool_new(0);
	assert_int_equal(slot_pool_take(pool), UINT32_MAX);
	slot_pool_free(pool);
}

/* A slot never taken goes before one given back: stale numbers stay recognisable longest. */
static void fresh_slots_go_first(void **state)
{
	struct slot_pool *pool = slot_pool_new(3);

	(void)state;
	assert_int_equal(slot_pool_take(pool), 0);
	slot_pool_give_back(pool, 0);
	assert_int_equal(slot_pool_take(pool), 1);
	assert_int_equal(slot_pool_take(pool), 2);
	assert_int_equal(slot_pool_take(pool), 0);
	slot_pool_free(pool);
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static void slabs_pack_objects_of_one_size(void **state)
{
	enum { COUNT = SLAB_CHUNK_BYTES / 192 + 1 }; /* one more than a chunk holds */
	static uint8_t *objects[COUNT];
	struct slabs *slabs = slabs_new();
	struct slab_figures figures;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		objects[i] = slabs_take(slabs, 150);
		assert_int_equal((uintptr_t)objects[i] % SLAB_ALIGNMENT, 0);
		assert_true(all_zero(objects[i], 192));
		memset(objects[i], (int)i | 1, 192);
	}
	for (size_t i = 0; i + 2 < COUNT; i++) {
		assert_ptr_equal(objects[i] + 192, objects[i + 1]);
		assert_int_equal((uintptr_t)objects[i] / SLAB_CHUNK_BYTES,
				 (uintptr_t)objects[0] / SLAB_CHUNK_BYTES);
	}
	assert_int_equal((uintptr_t)objects[0] % SLAB_CHUNK_BYTES, 0);
	assert_true(slabs_figures(slabs, 0, &figures));
	assert_int_equal(figures.object_bytes, 192);
	assert_int_equal(figures.in_use, COUNT);
	assert_int_equal(figures.chunks, 2);
	assert_int_equal(figures.room, 2 * (COUNT - 1));
	assert_false(slabs_figures(slabs, 1, &figures));
	for (size_t i = 0; i < COUNT; i++)
		slabs_give_back(slabs, objects[i], 150);
	assert_true(slabs_figures(slabs, 0, &figures));
	assert_int_equal(figures.in_use, 0);
	slabs_free(slabs);
}

static void slabs_wipe_and_reuse(void **state)
{
	struct slabs *slabs = slabs_new();
	uint8_t *first = slabs_take(slabs, 2560);
	uint8_t *second = slabs_take(slabs, 2560);
	uint8_t *other = slabs_take(slabs, 64);
	struct slab_figures figures;

	(void)state;
	memset(first, 0xaa, 2560);
	memset(second, 0xbb, 2560);
	slabs_give_back(slabs, first, 2560);
	assert_true(all_zero(first + sizeof(void *), 2560 - sizeof(void *)));
	assert_int_equal(second[2559], 0xbb);
	assert_ptr_equal(slabs_take(slabs, 2560), first);
	assert_true(all_zero(first, 2560));
	slabs_give_back(slabs, NULL, 64);
	slabs_give_back(slabs, other, 64);
	assert_true(slabs_figures(slabs, 1, &figures));
	assert_int_equal(figures.in_use, 2); /* of 2560 bytes */
	slabs_free(slabs);
}

static void events_come_out_in_order(void **state)
{
	struct event_queue queue;
	char *text;

	(void)state;
	event_queue_init(&queue);
	assert_null(event_queue_pop(&queue));
	for (int i = 0; i < 100; i++) {
		text = event_queue_push(&queue, (size_t)i + 1);
		for (int j = 0; j <= i; j++)
			assert_int_equal(text[j], 0);
		assert_int_equal((uintptr_t)text % _Alignof(max_align_t), 0);
		memset(text, i, (size_t)i + 1);
	}
	for (int i = 0; i < 50; i++) {
		text = event_queue_pop(&queue);
		assert_int_equal(text[i], i);
	}
	*(char *)event_queue_push(&queue, 1) = 'z'; /* while one is popped */
	assert_int_equal(text[49], 49);
	for (int i = 50; i < 100; i++)
		assert_int_equal(*(char *)event_queue_pop(&queue), i);
	assert_int_equal(*(char *)event_queue_pop(&queue), 'z');
	assert_null(event_queue_pop(&queue));
	(void)event_queue_push(&queue, 10);
	(void)event_queue_push(&queue, 10);
	event_queue_clear(&queue);
	assert_null(event_queue_pop(&queue));
	event_queue_clear(&queue);
}

static void endpoints_are_written(void **state)
{
	struct endpoint v4 = endpoint_ipv4(htonl(0xc0000201), 4500), other = v4;
	struct endpoint v6 = {.family = ENDPOINT_IPV6, .port = 65535}, none = {.port = 0};
	char text[ENDPOINT_TEXT_BYTES];

	(void)state;
	assert_string_equal(endpoint_text(&v4, text), "192.0.2.1:4500");
	other.port = 0;
	assert_string_equal(endpoint_text(&other, text), "192.0.2.1");
	assert_true(endpoint_same_address(&v4, &other));
	assert_false(endpoint_equal(&v4, &other));
	other.port = 4500;
	assert_true(endpoint_equal(&v4, &other));
	other.address[3]++;
	assert_false(endpoint_same_address(&v4, &other));
	inet_pton(AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", v6.address);
	assert_string_equal(endpoint_text(&v6, text),
			    "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
	assert_int_equal(endpoint_ipv4_address_be(&v6), 0);
	assert_int_equal(endpoint_ipv4_address_be(&v4), htonl(0xc0000201));
	assert_string_equal(endpoint_text(&none, text), "none");
	assert_int_equal(endpoint_address_bytes(&v4), 4);
	assert_int_equal(endpoint_address_bytes(&v6), 16);
	assert_int_equal(endpoint_address_bytes(&none), 0);
}

static size_t drain(int descriptor, char *text, size_t room)
{
	ssize_t count = 0, length = 0;

	while ((count = read(descriptor, text + length, room - 1 - (size_t)length)) > 0)
		length += count;
	text[length] = '\0';
	return (size_t)length;
}

static unsigned lines(const char *text)
{
	unsigned count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static void the_log_holds_back_a_flood(void **state)
{
	static char text[1 << 16];
	unsigned passed, suppressed = 0;
	struct log *log;
	int ends[2];
	char *at;

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	log = log_new(ends[1], LOG_LEVEL_INFO);
	for (unsigned i = 0; i < 300; i++)
		log_info(log, LOG_IKE, "flood number=%u", i);
	drain(ends[0], text, sizeof(text));
	passed = lines(text);
	assert_in_range(passed, 200, 240);
	assert_null(strstr(text, "suppressed"));
	log_info(log, LOG_L2TP, "another topic"); /* is not held back */
	drain(ends[0], text, sizeof(text));
	assert_non_null(strstr(text, "info l2tp: another topic\n"));
	usleep(100000);
	log_info(log, LOG_IKE, "later");
	drain(ends[0], text, sizeof(text));
	at = strstr(text, "info ike: [");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "info ike: [%u lines suppressed] later", &suppressed), 1);
	assert_int_equal(suppressed, 300 - passed);
	log_info(log, LOG_IKE, "said once");
	drain(ends[0], text, sizeof(text));
	assert_null(strstr(text, "suppressed"));
	log_free(log);
	close(ends[0]);
	close(ends[1]);
}

static void a_log_line_is_one_line(void **state)
{
	static char text[4096], longer[2000];
	struct log *log;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	log = log_new(ends[1], LOG_LEVEL_WARNING);
	log_info(log, LOG_PPP, "too detailed");
	assert_int_equal(drain(ends[0], text, sizeof(text)), 0);
	log_error(log, LOG_PPP, "user=%s", "a\nb\rc\033[31m\x7f");
	drain(ends[0], text, sizeof(text));
	assert_int_equal(lines(text), 1);
	assert_non_null(strstr(text, "error ppp: user=a?b?c?[31m?\n"));
	memset(longer, 'x', sizeof(longer) - 1);
	log_warning(log, LOG_PPP, "%s", longer);
	assert_in_range(drain(ends[0], text, sizeof(text)), 900, 1024);
	assert_int_equal(lines(text), 1);
	assert_int_equal(text[strlen(text) - 1], '\n');
	log_free(log);
	close(ends[0]);
	close(ends[1]);
}

static void memory_compares_every_byte(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	memset(a, 0x5a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(memory_equal_constant_time(a, b, 32));
	for (unsigned bit = 0; bit < 256; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(memory_equal_constant_time(a, b, 32));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(memory_equal_constant_time(a, "", 0));
	memory_wipe(a, 31);
	assert_int_equal(a[0], 0);
	assert_int_equal(a[30], 0);
	assert_int_equal(a[31], 0x5a);
}

static void every_cause_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CAUSE_COUNT; i++) {
		assert_true(strlen(cause_name((enum cause)i)) > 0);
		assert_true(strlen(cause_text((enum cause)i)) > 0);
		assert_true(strlen(cause_cure((enum cause)i)) > 0);
	}
	assert_string_equal(cause_name(CAUSE_wrong_password), "wrong_password");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_reads_in_network_order),
		cmocka_unit_test(cursor_remembers_the_first_failure),
		cmocka_unit_test(cursor_children_keep_to_their_bytes),
		cmocka_unit_test(writer_stops_at_its_capacity),
		cmocka_unit_test(writer_patches_what_is_written),
		cmocka_unit_test(slots_are_reused_first_in_first_out),
		cmocka_unit_test(fresh_slots_go_first),
		cmocka_unit_test(slabs_pack_objects_of_one_size),
		cmocka_unit_test(slabs_wipe_and_reuse),
		cmocka_unit_test(events_come_out_in_order),
		cmocka_unit_test(endpoints_are_written),
		cmocka_unit_test(the_log_holds_back_a_flood),
		cmocka_unit_test(a_log_line_is_one_line),
		cmocka_unit_test(memory_compares_every_byte),
		cmocka_unit_test(every_cause_has_a_name_and_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
