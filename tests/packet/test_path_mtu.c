/* SPDX-License-Identifier: BSD-3-Clause */
/* Routers that say that a tunnelled packet was too big: who is believed, and what follows. */
#include "dialler.h"

#include <netinet/in.h>
#include <string.h>

#define ROUTER ADDRESS(198, 18, 0, 99)

/* ICMP "fragmentation needed" that quotes so many bytes of the packet. */
static void complain(struct dialler *dialler, const struct bytes *packet, size_t quoted,
		     uint16_t mtu)
{
	struct bytes frame = {.length = 8, .data = {3, 4}};

	bytes_set_u16(&frame, 6, mtu);
	bytes_append(&frame, packet->data, quoted);
	bytes_set_u16(&frame, 2, (uint16_t)~wire_sum(frame.data, frame.length, 0));
	wire_ipv4(&frame, IPPROTO_ICMP, ROUTER, RIG_LOCAL);
	wire_ethernet(&frame, 0x0800);
	rig_inject(dialler->rig, RIG_PEER_SIDE, 0, &frame);
	dialler_run(dialler, 100, NULL);
}

static uint16_t listed_mtu(struct dialler *dialler)
{
	struct session_view view;
	uint32_t position = 0;

	assert_int_equal(control_list_sessions(dialler->control, &position, &view, 1), 1);
	return view.mtu;
}

static uint16_t largest(struct dialler *dialler)
{
	dialler->largest.length = 0;
	dialler_send_down(dialler, 10, 1300);
	dialler_run(dialler, 100, NULL);
	return (uint16_t)dialler->largest.length;
}

static void sessions_follow_the_path(void **state)
{
	struct dialler *dialler = dialler_up(NULL);
	uint16_t mtu = listed_mtu(dialler);

	(void)state;
	assert_in_range(largest(dialler), 1300, 1500);
	complain(dialler, &dialler->largest, 60, 1000);
	assert_true(dialler_logged(dialler, "path is narrow group=0 mtu=1000 router=198.18.0.99"));
	assert_in_range(listed_mtu(dialler), 850, 960);
	assert_in_range(largest(dialler), 900, 1000);
	complain(dialler, &dialler->largest, 60, 1200); /* wider again: not from a router */
	assert_in_range(largest(dialler), 900, 1000);
	complain(dialler, &dialler->largest, 60, 68); /* less than every path takes */
	assert_in_range(largest(dialler), 500, 576);
	dialler->public_address++; /* another path */
	dialler_send_up(dialler, 1);
	dialler_run(dialler, 500, NULL);
	assert_int_equal(listed_mtu(dialler), mtu);
	assert_in_range(largest(dialler), 1300, 1500);
	dialler_free(dialler);
}

/* The SPI and both addresses and ports are those of a packet of ours, and it was too big. */
static void forgeries_are_ignored(void **state)
{
	struct dialler *dialler = dialler_up(NULL);
	uint16_t mtu = listed_mtu(dialler);
	struct bytes packet;

	(void)state;
	largest(dialler);
	for (unsigned i = 0; i < 6; i++) {
		static const size_t wrong[] = {12, 16, 20, 22, 28, 9};

		packet = dialler->largest;
		packet.data[wrong[i]] ^= i == 5 ? 17 ^ 50 : 1; /* the last one: not in UDP */
		complain(dialler, &packet, 60, 1000);
	}
	complain(dialler, &dialler->largest, 60, 1480); /* it was not larger */
	complain(dialler, &dialler->largest, 28, 1000); /* without its SPI */
	assert_int_equal(listed_mtu(dialler), mtu);
	assert_false(dialler_logged(dialler, "path is narrow"));
	/* The first has no listener's address, the third not the port of ESP: the kernel's. */
	assert_int_equal(control_path_mtu_refused(dialler->control), 6);
	dialler_free(dialler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_follow_the_path),
		cmocka_unit_test(forgeries_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
