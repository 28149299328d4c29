/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine's smaller parts on their own. */

#include "ike_cmocka.h"
#include "ike_initiator.h"

#include "base/memory.h"
#include "ike/deadline.h"
#include "ike/isakmp.h"
#include "ike/payload.h"
#include "ike/proposal.h"
#include "ike/slots.h"
#include "ike/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void siphash_is_siphash(void **state)
{
	/* the reference's first vectors: key 00..0f, messages of 0, 1, 8 and 15 bytes */
	const struct table_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
	uint8_t message[16];

	(void)state;
	for (uint8_t n = 0; n < 16; n++)
		message[n] = n;
	assert_int_equal(table_hash(&key, message, 0), 0x726fdb47dd0e0e31ULL);
	assert_int_equal(table_hash(&key, message, 1), 0x74f839c593dc67fdULL);
	assert_int_equal(table_hash(&key, message, 8), 0x93f5f5799a932462ULL);
	assert_int_equal(table_hash(&key, message, 15), 0xa129ca6149be45e5ULL);
}

static void tables_find_what_is_in_them(void **state)
{
	static struct table_node nodes[500];
	struct table table;

	(void)state;
	table_init(&table);
	for (uint64_t n = 0; n < 500; n++)
		table_insert(&table, &nodes[n], n / 2 * 64); /* pairs, many in one bucket */
	for (uint64_t n = 0; n < 500; n += 2) {
		struct table_node *first = table_find(&table, n / 2 * 64, NULL);
		struct table_node *second = table_find(&table, n / 2 * 64, first);

		assert_non_null(first);
		assert_non_null(second);
		assert_null(table_find(&table, n / 2 * 64, second));
		table_remove(&table, &nodes[n]);
		assert_ptr_equal(table_find(&table, n / 2 * 64, NULL), &nodes[n + 1]);
	}
	assert_int_equal(table.count, 250);
	table_remove(&table, &nodes[0]); /* not there any more: nothing happens */
	assert_int_equal(table.count, 250);
	table_free(&table);
}

static void deadlines_come_in_order(void **state)
{
	static struct deadline nodes[1000];
	struct initiator_random random = {.state = 5};
	struct deadlines deadlines;
	uint64_t last_ms = 0;
	size_t count = 0;

	(void)state;
	deadlines_init(&deadlines);
	for (size_t n = 0; n < 1000; n++)
		deadline_set(&deadlines, &nodes[n], initiator_random_u64(&random) % 5000);
	for (size_t n = 0; n < 1000; n++) {
		if (n % 3 == 0)
			deadline_set(&deadlines, &nodes[n], initiator_random_u64(&random) % 9000);
		if (n % 5 == 0)
			deadline_clear(&deadlines, &nodes[n]);
		if (n % 7 == 0)
			deadline_set(&deadlines, &nodes[n], UINT64_MAX);
	}
	while (deadlines_first(&deadlines) != NULL) {
		struct deadline *first = deadlines_first(&deadlines);

		assert_true(first->due_ms >= last_ms);
		last_ms = first->due_ms;
		deadline_clear(&deadlines, first);
		deadline_clear(&deadlines, first);
		count++;
	}
	assert_int_equal(count, 686); /* of 1000, those neither of 5 nor of 7 */
	deadlines_free(&deadlines);
}

static void slots_do_not_answer_to_old_names(void **state)
{
	struct slots slots;
	uint32_t index, generation, other, next;
	int a, b;

	(void)state;
	slots_init(&slots, 2);
	assert_int_equal(slots_add(&slots, &a, &index, &generation), 0);
	assert_int_equal(slots_add(&slots, &b, &other, &next), 0);
	assert_int_equal(slots_add(&slots, &b, &other, &next), -ENOSPC);
	assert_ptr_equal(slots_get(&slots, index, generation, UINT32_MAX), &a);
	slots_remove(&slots, index);
	assert_null(slots_get(&slots, index, generation, UINT32_MAX));
	assert_int_equal(slots_add(&slots, &b, &index, &next), 0);
	assert_null(slots_get(&slots, index, generation, UINT32_MAX));
	assert_ptr_equal(slots_get(&slots, index, next, UINT32_MAX), &b);
	for (int n = 0; n < 10000; n++) {
		slots_remove(&slots, index);
		assert_int_equal(slots_add(&slots, &b, &index, &next), 0);
		assert_int_not_equal(next & 0xfff, 0);
	}
	assert_null(slots_get(&slots, 77, 1, UINT32_MAX));
	slots_free(&slots);
}

static int read_chain(const uint8_t *bytes, size_t length, uint8_t first, struct payloads *p)
{
	uint8_t *copy = malloc(length == 0 ? 1 : length); /* exact, for the sanitizer */
	int error;

	memcpy(copy, bytes, length);
	error = payloads_read(copy, length, first, p);
	free(copy);
	return error;
}

static void chains_are_read_strictly(void **state)
{
	const uint8_t good[] = {10, 0x55, 0, 6, 1, 2, 99, 0, 0, 4, 0, 0, 0, 5, 7, 0xde, 0xad};
	const uint8_t twice[] = {10, 0, 0, 4, 0, 0, 0, 4};
	const uint8_t short_length[] = {0, 0, 0, 3};
	const uint8_t long_length[] = {0, 0, 0, 5};
	struct payloads p;

	(void)state;
	assert_int_equal(payloads_read(good, sizeof(good), 8, &p), 0);
	assert_int_equal(p.hash.length, 2);
	assert_int_equal(p.nonce.length, 0);
	assert_int_equal(p.after_hash.length, 9); /* without the padding */
	assert_int_equal(read_chain(twice, sizeof(twice), 10, &p), -EBADMSG);
	assert_int_equal(read_chain(short_length, 4, 10, &p), -EBADMSG);
	assert_int_equal(read_chain(long_length, 4, 10, &p), -EBADMSG);
	assert_int_equal(read_chain(good, 0, 10, &p), -EBADMSG);
	assert_int_equal(read_chain(good, 0, 0, &p), 0);
	for (size_t length = 0; length < sizeof(good) - 2; length++)
		assert_int_equal(read_chain(good, length, 8, &p), -EBADMSG);
}

static void headers_are_read_strictly(void **state)
{
	uint8_t bytes[40] = {1, 2, 3, 4, 5, 6, 7, 8, [16] = 1, 0x10, 2, 0, [27] = 40};
	struct isakmp_header header;

	(void)state;
	assert_int_equal(isakmp_header_read(bytes, 40, &header), 0);
	assert_int_equal(header.initiator_cookie, 0x0102030405060708ULL);
	assert_int_equal(header.length, 40);
	assert_int_equal(isakmp_header_read(bytes, 39, &header), -EBADMSG);
	bytes[27] = 36; /* more bytes than the header says are allowed */
	assert_int_equal(isakmp_header_read(bytes, 40, &header), 0);
	bytes[27] = 27;
	assert_int_equal(isakmp_header_read(bytes, 40, &header), -EBADMSG);
	assert_int_equal(isakmp_header_read(bytes, 27, &header), -EBADMSG);
}

static void identities_are_printable(void **state)
{
	static const struct {
		uint8_t body[64];
		size_t length;
		const char *text;
	} cases[] = {
		{{1, 17, 1, 0xf4, 10, 1, 2, 3}, 8, "10.1.2.3 (ipv4)"},
		{{1, 0, 0, 0, 10, 1, 2}, 7, "0a0102 (ipv4)"},
		{{2, 0, 0, 0, 'p', 'c', '\n', '.', 'x'}, 9, "pc?.x (fqdn)"},
		{{3, 0, 0, 0, 'a', '@', 'b'}, 7, "a@b (user fqdn)"},
		{{5, 0, 0, 0, 0x20, 1, 0xd, 0xb8, [19] = 1}, 20, "2001:db8::1 (ipv6)"},
		{{11, 0, 0, 0, 'g', 0, 'h'}, 7, "g?h (key id)"},
		{{9, 0, 0, 0, 0x30, 0}, 6, "unreadable name (asn.1 name)"},
		{{77, 0, 0, 0, 0xab}, 5, "ab (other)"},
	};
	struct identification id;
	char text[128];
	char small[8];

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		const struct digest_part body = {cases[n].body, cases[n].length};

		assert_int_equal(identification_read(&body, &id), 0);
		identification_text(&id, text, sizeof(text));
		assert_string_equal(text, cases[n].text);
		identification_text(&id, small, sizeof(small));
	}
	assert_int_equal(identification_read(&(struct digest_part){cases[0].body, 3}, &id),
			 -EBADMSG);
}

static void notifications_and_deletes_are_read_strictly(void **state)
{
	const uint8_t notify[] = {0, 0, 0, 1, 1, 2, 0x8d, 0x28, 9, 9, 7};
	const uint8_t bodies[] = {0, 0, 0, 1, 3, 4, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2};
	struct notification n;
	struct delete_payload d;

	(void)state;
	assert_int_equal(notification_read(&(struct digest_part){notify, 11}, &n), 0);
	assert_int_equal(n.type, 36136);
	assert_int_equal(n.data.length, 1);
	assert_int_equal(notification_read(&(struct digest_part){notify, 9}, &n), -EBADMSG);
	assert_int_equal(delete_payload_read(&(struct digest_part){bodies, 16}, &d), 0);
	assert_int_equal(d.count, 2);
	assert_int_equal(delete_payload_read(&(struct digest_part){bodies, 15}, &d), -EBADMSG);
	assert_int_equal(delete_payload_read(&(struct digest_part){bodies, 12}, &d), -EBADMSG);
}

/* Lifetimes of any length, several of them, unknown attributes, numbers that do not fit. */
static void transforms_are_read_by_the_rules(void **state)
{
	uint8_t sa[] = {0,  0, 0,    1, 0,  0, 0,    1, 0, 0,    0,    52, 1, 1,    0,
			1,  0, 0,    0, 44, 1, 1,    0, 0, 0x80, 1,    0,  7, 0x80, 2,
			0,  4, 0x80, 3, 0,  1, 0x80, 4, 0, 14,   0x80, 14, 0, 128,  0x80,
			11, 0, 1,    0, 12, 0, 8,    0, 0, 0,    0,    0,  0, 0x0e, 0x10};
	const struct ike_policy clients = {IKE_COMPATIBILITY_CLIENTS,
					   1u << IKE_METHOD_PRESHARED_KEY};
	const struct digest_part part = {sa, sizeof(sa)};
	struct proposal_choice choice;
	struct ike_suite suite;
	char text[64];

	(void)state;
	assert_int_equal(proposal_choose_ike(&part, &clients, &suite, &choice), 0);
	assert_int_equal(suite.lifetime_ms, 3600000);
	assert_int_equal(suite.hash, DIGEST_SHA2_256);
	assert_ptr_equal(choice.transform, sa + 16);
	assert_int_equal(choice.transform_bytes, 44);
	memset(sa + 52, 0xff, 8); /* forever */
	assert_int_equal(proposal_choose_ike(&part, &clients, &suite, &choice), 0);
	assert_int_equal(suite.lifetime_ms, UINT32_MAX * 1000ULL);
	sa[47] = 9; /* a life type that nobody knows */
	assert_int_equal(proposal_choose_ike(&part, &clients, &suite, &choice), -ENOENT);
	sa[47] = 1;
	sa[41] = 13; /* a pseudo-random function */
	assert_int_equal(proposal_choose_ike(&part, &clients, &suite, &choice), -ENOENT);
	sa[40] = 0xff; /* a private attribute may stand there */
	assert_int_equal(proposal_choose_ike(&part, &clients, &suite, &choice), 0);
	sa[19] = 43;
	assert_int_equal(proposal_choose_ike(&part, &clients, &suite, &choice), -EBADMSG);
	sa[19] = 44;
	sa[3] = 2; /* another domain of interpretation */
	assert_int_equal(proposal_choose_ike(&part, &clients, &suite, &choice), -EBADMSG);
	sa[3] = 1;
	proposal_offer_text_ike(&part, text, 12);
	assert_string_equal(text, ", ...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_is_siphash),
		cmocka_unit_test(tables_find_what_is_in_them),
		cmocka_unit_test(deadlines_come_in_order),
		cmocka_unit_test(slots_do_not_answer_to_old_names),
		cmocka_unit_test(chains_are_read_strictly),
		cmocka_unit_test(headers_are_read_strictly),
		cmocka_unit_test(identities_are_printable),
		cmocka_unit_test(notifications_and_deletes_are_read_strictly),
		cmocka_unit_test(transforms_are_read_by_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
