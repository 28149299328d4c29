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

static uint64_t missed(const struct dialler *dialler)
{
	return rig_drops(dialler->rig, DROP_l2tp_unknown_session);
}

/* Sends for a while; whether the server gets it, and the client what the server sends. */
static bool works_within(struct dialler *dialler, unsigned tries)
{
	struct bytes frame;

	while (rig_take(dialler->rig, RIG_SERVER_SIDE, &frame))
		;
	for (unsigned i = 0; i < tries; i++) {
		dialler_send_up(dialler, 1);
		dialler_run(dialler, 300, NULL);
		if (rig_take(dialler->rig, RIG_SERVER_SIDE, &frame))
			return true;
	}
	return false;
}

/* Apple's: a new main mode from new ports, then the old tunnel goes on in the new SAs. */
static void a_client_is_back_with_its_old_tunnel(void **state)
{
	struct dialler *dialler = dialler_up(NULL);
	struct control_totals totals;

	(void)state;
	expect_traffic(dialler);
	dialler_redial(dialler);
	assert_true(works_within(dialler, 12));
	assert_true(missed(dialler) != 0);
	assert_true(dialler_logged(dialler, "peer is back group=1 joins=0"));
	expect_traffic(dialler);
	assert_int_equal(dialler->astray, 0);
	control_totals(dialler->control, &totals);
	assert_int_equal(totals.groups, 1);
	assert_int_equal(totals.sas, 2);
	assert_int_equal(totals.sessions, 1);
	dialler_redial(dialler); /* and once more */
	assert_true(works_within(dialler, 12));
	expect_traffic(dialler);
	ike_initiator_close(dialler->ike,
			    dialler->now_ms); /* the peer's own delete still ends it */
	dialler_free(dialler);
}

static void two_workers(struct dialler *dialler)
{
	dialler->workers = 2;
}

/* The new ports lead to another worker: the old group follows. */
static void the_old_tunnel_follows_to_another_worker(void **state)
{
	struct dialler *dialler = dialler_up(two_workers);
	struct worker_view view;

	(void)state;
	dialler->queue = 1;
	dialler_redial(dialler);
	assert_true(works_within(dialler, 12));
	expect_traffic(dialler);
	dataplane_worker_view(rig_dataplane(dialler->rig), 0, &view);
	assert_int_equal(view.groups + view.sas + view.sessions, 0);
	dataplane_worker_view(rig_dataplane(dialler->rig), 1, &view);
	assert_int_equal(view.moved_in, 1);
	assert_int_equal(view.sas, 2);
	dialler_free(dialler);
}

/* The group that has the tunnel is not silent: this is somebody else. */
static void a_tunnel_in_use_is_not_taken(void **state)
{
	struct dialler *dialler = dialler_up(NULL);

	(void)state;
	dialler_redial(dialler);
	for (unsigned i = 0; i < 10; i++) {
		struct wire_sa fresh = dialler->sa[1];

		dialler->sa[1] = dialler->sa[0]; /* the other device goes on */
		dialler->public_port -= 100;
		dialler_send_up(dialler, 1);
		dialler->public_port += 100;
		dialler->sa[0] = dialler->sa[1];
		dialler->sa[1] = fresh;
		dialler_send_up(dialler, 1);
		dialler_run(dialler, 300, NULL);
	}
	assert_false(dialler_logged(dialler, "peer is back"));
	assert_int_equal(missed(dialler), 10);
	dialler_free(dialler);
}

static void only_the_same_device_gets_the_tunnel(void **state)
{
	for (unsigned other = 0; other < 3; other++) {
		struct dialler *dialler = dialler_up(NULL);

		(void)state;
		if (other == 0)
			dialler->own_address++;
		else if (other == 1)
			dialler->public_address++;
		else
			dialler->lac.peer_session[0]++;
		dialler_redial(dialler);
		assert_false(works_within(dialler, 10));
		assert_false(dialler_logged(dialler, "peer is back"));
		dialler_free(dialler);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_port_is_believed_at_once),
		cmocka_unit_test(another_address_has_to_answer),
		cmocka_unit_test(an_address_that_is_silent_is_left),
		cmocka_unit_test(the_next_packet_tells_where_the_peer_is),
		cmocka_unit_test(a_client_is_back_with_its_old_tunnel),
		cmocka_unit_test(the_old_tunnel_follows_to_another_worker),
		cmocka_unit_test(a_tunnel_in_use_is_not_taken),
		cmocka_unit_test(only_the_same_device_gets_the_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
