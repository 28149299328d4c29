/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's routes: which one of a prefix is in force as they come, change and go. */
#include "ports/private.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PREFIX  0xc6120000u /* 198.18.0.0/15 */
#define LENGTH  15
#define NOTHING UINT32_MAX

/* Stands for the tables and the neighbours: an adjacency's index is its gateway. */
static struct {
	uint32_t in_force; /* the gateway or port; NOTHING: no route */
	enum route_kind kind;
	unsigned holders;
} tables, ipv6;

/* Its first four bytes are those of the IPv4 prefix: the two must not be mixed up. */
static const uint8_t PREFIX_IPV6[16] = {0xc6, 0x12, [15] = 1};

int tables_route_ipv6_add(struct tables *unused, const uint8_t prefix[16], uint8_t length,
			  enum route_kind kind, uint32_t index)
{
	(void)unused;
	assert_memory_equal(prefix, PREFIX_IPV6, 16);
	assert_int_equal(length, LENGTH);
	ipv6.in_force = index;
	ipv6.kind = kind;
	return 0;
}

int tables_route_ipv6_delete(struct tables *unused, const uint8_t prefix[16], uint8_t length)
{
	(void)unused;
	assert_memory_equal(prefix, PREFIX_IPV6, 16);
	assert_int_equal(length, LENGTH);
	ipv6.in_force = NOTHING;
	return 0;
}

enum route_kind tables_route_find(const struct tables *unused, uint32_t address, uint32_t *index)
{
	(void)unused;
	(void)address;
	*index = tables.in_force;
	return tables.kind;
}

enum route_kind tables_route_ipv6_find(const struct tables *unused, const uint8_t address[16],
				       uint32_t *index)
{
	(void)unused;
	(void)address;
	*index = ipv6.in_force;
	return ipv6.kind;
}

int tables_route_add(struct tables *unused, uint32_t prefix, uint8_t length, enum route_kind kind,
		     uint32_t index)
{
	(void)unused;
	assert_int_equal(prefix, PREFIX);
	assert_int_equal(length, LENGTH);
	tables.in_force = index;
	tables.kind = kind;
	return 0;
}

int tables_route_delete(struct tables *unused, uint32_t prefix, uint8_t length)
{
	(void)unused;
	(void)prefix;
	(void)length;
	assert_int_not_equal(tables.in_force, NOTHING);
	tables.in_force = NOTHING;
	return 0;
}

int neighbours_hold(struct neighbours *unused, unsigned port, const struct endpoint *address)
{
	(void)unused;
	(void)port;
	tables.holders++;
	return (int)address->port;
}

void neighbours_release(struct neighbours *unused, unsigned port, const struct endpoint *address)
{
	(void)unused;
	(void)port;
	(void)address;
	assert_true(tables.holders > 0);
	tables.holders--;
}

static struct kernel_route via(uint32_t gateway, uint32_t metric)
{
	return (struct kernel_route){.prefix = endpoint_ipv4(htonl(PREFIX), 0),
				     .length = LENGTH,
				     .metric = metric,
				     .kind = ROUTE_ADJACENCY,
				     .gateway = {.family = ENDPOINT_IPV4,
						 .port = (uint16_t)gateway,
						 .address = {(uint8_t)gateway}}};
}

static struct kernel_route via_ipv6(uint32_t gateway, uint32_t metric)
{
	struct kernel_route route = via(gateway, metric);

	route.prefix = endpoint_ipv6(PREFIX_IPV6, 0);
	route.gateway.family = ENDPOINT_IPV6;
	return route;
}

static int set_up(void **state)
{
	static struct ports ports;

	memset(&tables, 0, sizeof(tables));
	tables.in_force = ipv6.in_force = NOTHING;
	*state = kernel_routes_new(&ports, NULL);
	return 0;
}

static int tear_down(void **state)
{
	kernel_routes_free(*state);
	return 0;
}

static void add(void **state, uint32_t gateway, uint32_t metric, bool replace)
{
	struct kernel_route route = via(gateway, metric);

	kernel_routes_add(*state, &route, replace);
}

static void withdraw(void **state, uint32_t gateway, uint32_t metric)
{
	struct kernel_route route = via(gateway, metric);

	kernel_routes_delete(*state, &route);
}

static void the_families_have_routes_of_their_own(void **state)
{
	struct kernel_route route = via_ipv6(2, 100);

	add(state, 1, 100, false);
	kernel_routes_add(*state, &route, false);
	assert_int_equal(tables.in_force, 1);
	assert_int_equal(ipv6.in_force, 2);
	withdraw(state, 1, 100);
	assert_int_equal(tables.in_force, NOTHING);
	assert_int_equal(ipv6.in_force, 2);
	kernel_routes_delete(*state, &route);
	assert_int_equal(ipv6.in_force, NOTHING);
}

static void the_lowest_metric_is_in_force(void **state)
{
	add(state, 1, 100, false);
	assert_int_equal(tables.in_force, 1);
	add(state, 2, 50, false);
	assert_int_equal(tables.in_force, 2);
	add(state, 3, 200, false);
	assert_int_equal(tables.in_force, 2);
	withdraw(state, 2, 50);
	assert_int_equal(tables.in_force, 1);
	withdraw(state, 1, 100);
	assert_int_equal(tables.in_force, 3);
	withdraw(state, 3, 200);
	assert_int_equal(tables.in_force, NOTHING);
	assert_int_equal(tables.holders, 0);
}

static void a_replaced_route_does_not_come_back(void **state)
{
	add(state, 1, 100, false);
	add(state, 9, 300, false);
	add(state, 2, 100, true);
	assert_int_equal(tables.in_force, 2);
	assert_int_equal(tables.holders, 1);
	withdraw(state, 2, 100);
	assert_int_equal(tables.in_force, 9); /* of another metric: it was not replaced */
	withdraw(state, 9, 300);
	assert_int_equal(tables.in_force, NOTHING);
	assert_int_equal(tables.holders, 0);
}

static void the_same_route_again_changes_nothing(void **state)
{
	add(state, 1, 100, false);
	add(state, 1, 100, true);
	assert_int_equal(tables.in_force, 1);
	assert_int_equal(tables.holders, 1);
	withdraw(state, 1, 100);
	assert_int_equal(tables.in_force, NOTHING);
}

static void what_a_reading_does_not_find_goes(void **state)
{
	add(state, 1, 50, false);
	add(state, 2, 100, false);
	kernel_routes_mark(*state);
	add(state, 2, 100, false);
	kernel_routes_sweep(*state);
	assert_int_equal(tables.in_force, 2);
	kernel_routes_mark(*state);
	kernel_routes_sweep(*state);
	assert_int_equal(tables.in_force, NOTHING);
	assert_int_equal(tables.holders, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_families_have_routes_of_their_own),
		TEST(the_lowest_metric_is_in_force),
		TEST(a_replaced_route_does_not_come_back),
		TEST(the_same_route_again_changes_nothing),
		TEST(what_a_reading_does_not_find_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
