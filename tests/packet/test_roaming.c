/* SPDX-License-Identifier: BSD-3-Clause */
/* A client behind a NAT that gets another port or address, as control and a worker together see it. */
#include "dialler.h"

#define ELSEWHERE ADDRESS(198, 18, 0, 5)

static void no_dead_peer_detection(struct dialler *dialler)
{
	dialler->ike_config.dead_peer_detection = false;
}

static bool answered(const struct dialler *dialler)
{
	return dialler_logged((struct dialler *)(uintptr_t)dialler,
			      "peer answered at its new address");
}

static bool gone_back(const struct dialler *dialler)
{
	return dialler_logged((struct dialler *)(uintptr_t)dialler,
			      "peer did not answer at its new address");
}

static bool all_arrived(const struct dialler *dialler)
{
	return dialler->got == 100;
}

static void expect_traffic(struct dialler *dialler)
{
	dialler->got = 0;
	dialler_send_down(dialler, 100, 1000);
	dialler_run(dialler, 0, all_arrived);
}

static void another_port_is_believed_at_once(void **state)
{
	struct dialler *dialler = dialler_up(NULL);

	(void)state;
	expect_traffic(dialler);
	dialler->public_port++;
	dialler_send_up(dialler, 1);
	rig_settle(dialler->rig);
	expect_traffic(dialler);
	assert_int_equal(dialler->astray, 0);
	assert_int_equal(dialler->r_u_theres, 0);
	assert_true(dialler_logged(dialler, "peer moved group=0 from=203.0.113.7:40000 "
					    "to=203.0.113.7:40001"));
	dialler_free(dialler);
}

/* By DPD, or by L2TP where the peer does not speak it. */
static void another_address_has_to_answer(void **state)
{
	for (unsigned dpd = 0; dpd < 2; dpd++) {
		struct dialler *dialler = dialler_up(dpd ? NULL : no_dead_peer_detection);
		uint64_t start_ms;

		(void)state;
		dialler->public_address = ELSEWHERE;
		dialler_send_up(dialler, 1);
		start_ms = rig_milliseconds();
		dialler_run(dialler, 0, answered);
		assert_in_range(rig_milliseconds() - start_ms, 0, 1000);
		assert_int_equal(dialler->r_u_theres, dpd);
		assert_int_equal(dialler->lac.hellos, !dpd);
		expect_traffic(dialler);
		dialler_run(dialler, 5500, NULL);
		assert_false(gone_back(dialler));
		expect_traffic(dialler);
		dialler_free(dialler);
	}
}

/* Somebody forwards a genuine packet with a source address of his choice: nobody answers there. */
static void an_address_that_is_silent_is_left(void **state)
{
	struct dialler *dialler = dialler_up(NULL);
	struct bytes frame;
	uint64_t start_ms;
	size_t earned;

	(void)state;
	dialler->public_address = ELSEWHERE;
	dialler_frame_up(dialler, &frame);
	earned = 3 * (frame.length - 14 - 28);
	dialler->public_address = ADDRESS(203, 0, 113, 7);
	rig_inject(dialler->rig, RIG_PEER_SIDE, 0, &frame);
	start_ms = rig_milliseconds();
	for (unsigned i = 0; i < 10; i++) {
		dialler_send_down(dialler, 100, 1000);
		dialler_run(dialler, 300, NULL);
	}
	assert_int_equal(dialler->got, 0);
	assert_int_equal(dialler->astray_address, ELSEWHERE);
	assert_in_range(dialler->astray_bytes, 1, earned);
	dialler_run(dialler, 0, gone_back);
	assert_in_range(rig_milliseconds() - start_ms, 4900, 6000);
	dialler->astray = 0;
	expect_traffic(dialler);
	assert_int_equal(dialler->astray, 0);
	dialler_free(dialler);
}

/* And the peer's own next packet says where it is. */
static void the_next_packet_tells_where_the_peer_is(void **state)
{
	struct dialler *dialler = dialler_up(NULL);
	struct bytes frame;

	(void)state;
	dialler->public_address = ELSEWHERE;
	dialler_frame_up(dialler, &frame);
	dialler->public_address = ADDRESS(203, 0, 113, 7);
	rig_inject(dialler->rig, RIG_PEER_SIDE, 0, &frame);
	dialler_run(dialler, 100, NULL);
	dialler_send_up(dialler, 1);
	dialler_run(dialler, 100, NULL);
	dialler->astray = 0;
	expect_traffic(dialler);
	dialler_run(dialler, 5500, NULL);
	assert_int_equal(dialler->astray, 0);
	assert_false(gone_back(dialler));
	dialler_free(dialler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_port_is_believed_at_once),
		cmocka_unit_test(another_address_has_to_answer),
		cmocka_unit_test(an_address_that_is_silent_is_left),
		cmocka_unit_test(the_next_packet_tells_where_the_peer_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
