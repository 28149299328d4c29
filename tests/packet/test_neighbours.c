/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops and the kernel's routes over them, as the workers' tables see them. */
#include "rig.h"

#include "base/memory.h"
#include "ports/private.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define HOST RIG_UNRESOLVED

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 77};

struct kernel {
	struct rig *rig;
	struct ports *ports;
	struct neighbours *neighbours;
	struct kernel_routes *routes;
};

static struct kernel kernel_new(void)
{
	struct kernel kernel = {.rig = rig_new(NULL), .ports = memory_new(sizeof(struct ports))};

	kernel.ports->mailbox = rig_mailbox(kernel.rig);
	kernel.ports->tables = rig_tables(kernel.rig);
	kernel.neighbours = neighbours_new(kernel.ports);
	kernel.routes = kernel_routes_new(kernel.ports, kernel.neighbours);
	return kernel;
}

static void kernel_free(struct kernel *kernel)
{
	kernel_routes_free(kernel->routes);
	neighbours_free(kernel->neighbours);
	free(kernel->ports);
	rig_free(kernel->rig);
}

static enum route_kind kind_of(const struct kernel *kernel, uint32_t address, uint32_t *index)
{
	return tables_route_find(kernel->ports->tables, address, index);
}

static void a_host_has_a_route_while_it_is_known(void **state)
{
	struct kernel kernel = kernel_new();
	uint32_t index;

	(void)state;
	assert_int_equal(kind_of(&kernel, HOST, &index), ROUTE_CONNECTED);
	neighbours_update(kernel.neighbours, 1, RIG_ENDPOINT(HOST), mac);
	assert_int_equal(kind_of(&kernel, HOST, &index), ROUTE_ADJACENCY);
	neighbours_update(kernel.neighbours, 0, RIG_ENDPOINT(HOST),
			  mac); /* not that port's network */
	neighbours_update(kernel.neighbours, 0, RIG_ENDPOINT(HOST), NULL);
	assert_int_equal(kind_of(&kernel, HOST, &index), ROUTE_ADJACENCY);
	neighbours_update(kernel.neighbours, 1, RIG_ENDPOINT(HOST), NULL);
	assert_int_equal(kind_of(&kernel, HOST, &index), ROUTE_CONNECTED);
	kernel_free(&kernel);
}

static void waiting_packets_go_when_the_host_is_known(void **state)
{
	struct kernel kernel = kernel_new();
	struct bytes ip, frame;
	unsigned sent = 0;

	(void)state;
	wire_inner(&ip, RIG_LOCAL_NONE, HOST, 10, 1);
	for (unsigned i = 0; i < 6; i++) /* four are kept */
		neighbours_wait(kernel.neighbours, 1, RIG_ENDPOINT(HOST), ip.data, ip.length);
	neighbours_update(kernel.neighbours, 1, RIG_ENDPOINT(HOST), mac);
	rig_settle(kernel.rig);
	while (rig_take(kernel.rig, RIG_SERVER_SIDE, &frame)) {
		assert_memory_equal(frame.data, mac, 6);
		sent++;
	}
	assert_int_equal(sent, 4);
	neighbours_update(kernel.neighbours, 1, RIG_ENDPOINT(HOST), NULL);
	kernel_free(&kernel);
}

static void a_route_of_the_kernel_outlives_the_neighbour(void **state)
{
	struct kernel kernel = kernel_new();
	struct kernel_route host = {.prefix = *RIG_ENDPOINT(HOST),
				    .length = 32,
				    .kind = ROUTE_ADJACENCY,
				    .port = 0,
				    .gateway = *RIG_ENDPOINT(ADDRESS(192, 0, 2, 33))};
	struct bytes ip, frame;
	uint32_t own, kernels, index;

	(void)state;
	neighbours_update(kernel.neighbours, 1, RIG_ENDPOINT(HOST), mac);
	assert_int_equal(kind_of(&kernel, HOST, &own), ROUTE_ADJACENCY);
	kernel_routes_add(kernel.routes, &host, false);
	assert_int_equal(kind_of(&kernel, HOST, &kernels), ROUTE_ADJACENCY);
	assert_int_not_equal(own, kernels);
	neighbours_update(kernel.neighbours, 1, RIG_ENDPOINT(HOST), NULL);
	assert_int_equal(kind_of(&kernel, HOST, &index), ROUTE_ADJACENCY);
	assert_int_equal(index, kernels);
	neighbours_update(kernel.neighbours, 1, RIG_ENDPOINT(HOST), mac);
	kernel_routes_delete(kernel.routes, &host);
	assert_int_equal(kind_of(&kernel, HOST, &index), ROUTE_CONNECTED);
	wire_inner(&ip, RIG_LOCAL_NONE, HOST, 10, 1); /* a packet asks again, and goes */
	neighbours_wait(kernel.neighbours, 1, RIG_ENDPOINT(HOST), ip.data, ip.length);
	assert_int_equal(kind_of(&kernel, HOST, &index), ROUTE_ADJACENCY);
	rig_settle(kernel.rig);
	assert_true(rig_take(kernel.rig, RIG_SERVER_SIDE, &frame));
	neighbours_update(kernel.neighbours, 1, RIG_ENDPOINT(HOST), NULL);
	assert_int_equal(kind_of(&kernel, HOST, &index), ROUTE_CONNECTED);
	kernel_free(&kernel);
}

static void the_lowest_metric_is_in_force(void **state)
{
	struct kernel kernel = kernel_new();
	uint32_t prefix = ADDRESS(100, 64, 0, 0), index;
	struct kernel_route far = {.prefix = *RIG_ENDPOINT(prefix),
				   .length = 10,
				   .metric = 200,
				   .kind = ROUTE_CONNECTED,
				   .port = 0};
	struct kernel_route near = {.prefix = *RIG_ENDPOINT(prefix),
				    .length = 10,
				    .metric = 100,
				    .kind = ROUTE_CONNECTED,
				    .port = 1};

	(void)state;
	kernel_routes_add(kernel.routes, &far, false);
	assert_int_equal(kind_of(&kernel, prefix, &index), ROUTE_CONNECTED);
	assert_int_equal(index, 0);
	kernel_routes_add(kernel.routes, &near, false);
	(void)kind_of(&kernel, prefix, &index);
	assert_int_equal(index, 1);
	kernel_routes_delete(kernel.routes, &near);
	(void)kind_of(&kernel, prefix, &index);
	assert_int_equal(index, 0);
	kernel_routes_add(kernel.routes, &near, false);
	kernel_routes_delete(kernel.routes, &far);
	(void)kind_of(&kernel, prefix, &index);
	assert_int_equal(index, 1);
	kernel_routes_delete(kernel.routes, &near);
	assert_int_equal(kind_of(&kernel, prefix, &index), ROUTE_ADJACENCY); /* the default */
	kernel_free(&kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_has_a_route_while_it_is_known),
		cmocka_unit_test(waiting_packets_go_when_the_host_is_known),
		cmocka_unit_test(a_route_of_the_kernel_outlives_the_neighbour),
		cmocka_unit_test(the_lowest_metric_is_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
