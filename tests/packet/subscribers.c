/* SPDX-License-Identifier: BSD-3-Clause */
#include "subscribers.h"

#include <arpa/inet.h>
#include <string.h>

#define LAC_ADDRESS ADDRESS(203, 0, 113, 7)
#define LAC_TUNNEL  7
#define SETTLED_MS  20 /* from the listing of a session to its first packet */
#define LOST_MS     10000
#define ON_THE_WAY  900 /* packets at once: fewer than a ring between workers holds */

static uint32_t random_next(struct subscribers *all)
{
	all->random = all->random * 1664525 + 1013904223;
	return all->random >> 1;
}

static void lac_frame_send(struct subscribers *all, struct bytes *udp)
{
	wire_udp(udp, 1701, 1701);
	wire_ipv4(udp, IPPROTO_UDP, LAC_ADDRESS, RIG_LOCAL);
	wire_ethernet(udp, 0x0800);
	rig_inject(all->rig, RIG_PEER_SIDE, 0, udp);
}

static void control_send(void *context, const uint8_t *bytes, size_t length)
{
	struct bytes frame = {.length = 0};

	bytes_append(&frame, bytes, length);
	lac_frame_send(context, &frame);
}

/* `frame`: from the PPP protocol field on. */
static void session_send(struct subscriber *subscriber, struct bytes *frame)
{
	static const uint8_t address_control[2] = {0xff, 0x03};
	struct lac *lac = &subscriber->all->lac;

	bytes_prepend(frame, address_control, 2);
	wire_l2tp(frame, 0x4000, lac->peer_tunnel, lac->peer_session[subscriber->index], 0);
	lac_frame_send(subscriber->all, frame);
}

static void ppp_send(void *context, const uint8_t *bytes, size_t length)
{
	struct bytes frame = {.length = 0};

	bytes_append(&frame, bytes + 2, length - 2); /* without address and control field */
	session_send(context, &frame);
}

void subscribers_init(struct subscribers *all, struct rig *rig, unsigned queues)
{
	double sum = 0;

	memset(all, 0, sizeof(*all));
	all->rig = rig;
	all->queues = queues;
	all->random = 5;
	all->lac = (struct lac){.tunnel = LAC_TUNNEL,
				.window = 4,
				.rws = 8,
				.sessions_wanted = 1,
				.send = control_send,
				.context = all};
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		all->share[i] = sum += 1.0 / (i + 1);
	for (unsigned i = 0; i < SUBSCRIBERS; i++) {
		all->share[i] /= sum;
		all->subscriber[i].all = all;
		all->subscriber[i].index = i;
	}
}

void subscriber_dial(struct subscribers *all, unsigned index)
{
	struct subscriber *subscriber = &all->subscriber[index];

	assert_int_equal(subscriber->state, SUBSCRIBER_AWAY);
	subscriber->state = SUBSCRIBER_DIALLING;
	subscriber->since_ms = all->now_ms;
	peer_init(&subscriber->ppp, "subscriber", "password");
	subscriber->ppp.send = ppp_send;
	subscriber->ppp.context = subscriber;
	all->lac.peer_session[index] = 0;
	all->dialled++;
	if (!all->lac.sccrp)
		lac_dial(&all->lac, all->now_ms);
	else
		lac_call(&all->lac, index, all->now_ms);
}

void subscriber_leave(struct subscribers *all, unsigned index)
{
	struct subscriber *subscriber = &all->subscriber[index];

	assert_int_equal(subscriber->state, SUBSCRIBER_UP);
	subscriber->state = SUBSCRIBER_LEAVING;
	subscriber->since_ms = all->now_ms;
	all->up--;
}

/* By bisection of the added shares. */
static struct subscriber *any(struct subscribers *all)
{
	double at = (double)random_next(all) / 2147483648.0;
	unsigned low = 0, high = SUBSCRIBERS - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (all->share[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return &all->subscriber[low];
}

void subscribers_send(struct subscribers *all, unsigned count)
{
	static const uint8_t ipv4[2] = {0x00, 0x21};
	struct bytes frame;

	for (unsigned i = 0; i < count; i++) {
		struct subscriber *to = any(all);

		if (all->on_the_way == ON_THE_WAY)
			return;
		if (to->state != SUBSCRIBER_UP || all->now_ms < to->since_ms + SETTLED_MS)
			continue;
		all->on_the_way++;
		if ((random_next(all) & 0x3000) == 0) {
			wire_inner(&frame, to->address, RIG_SERVER, 16, ++to->up_sent);
			bytes_prepend(&frame, ipv4, 2);
			session_send(to, &frame);
		} else {
			wire_inner(&frame, RIG_SERVER, to->address, 16, ++to->down_sent);
			rig_server_send(all->rig, (to->address * 2654435761u >> 16) % all->queues,
					&frame);
		}
	}
}

static void up_take(struct subscribers *all, struct bytes *frame)
{
	struct subscriber *from;

	bytes_cut(frame, 14);
	from = all->by_address[bytes_u32(frame, 12) - RIG_POOL];
	assert_non_null(from);
	assert_int_equal(bytes_u32(frame, 28), ++from->up_got);
	from->delivered++;
	all->on_the_way--;
}

static void down_take(struct subscribers *all, struct bytes *frame)
{
	struct subscriber *to;
	uint16_t session;

	bytes_cut(frame, 14 + 20 + 8);
	if (frame->data[0] & 0x80) {
		lac_receive(&all->lac, frame->data, frame->length, all->now_ms);
		return;
	}
	assert_int_equal(bytes_u16(frame, 2), LAC_TUNNEL);
	session = bytes_u16(frame, 4);
	assert_in_range(session, 1, SUBSCRIBERS);
	to = &all->subscriber[session - 1];
	bytes_cut(frame, 6 + 2);
	if (bytes_u16(frame, 0) != 0x0021) {
		if (to->state == SUBSCRIBER_DIALLING || to->state == SUBSCRIBER_UP) {
			peer_start(&to->ppp, all->now_ms); /* the first means that ICCN came */
			peer_receive(&to->ppp, frame->data, frame->length, all->now_ms);
		}
		return;
	}
	assert_int_equal(bytes_u32(frame, 2 + 16), to->address);
	assert_int_equal(bytes_u32(frame, 2 + 28), ++to->down_got);
	to->delivered++;
	all->on_the_way--;
}

void subscriber_listed(struct subscribers *all, uint16_t l2tp_session, uint32_t session,
		       unsigned worker, uint32_t address)
{
	struct subscriber *subscriber = NULL;

	for (unsigned i = 0; i < SUBSCRIBERS && subscriber == NULL; i++)
		if (all->lac.peer_session[i] == l2tp_session)
			subscriber = &all->subscriber[i];
	if (subscriber == NULL)
		return;
	subscriber->worker = worker;
	subscriber->session = session;
	if (subscriber->state != SUBSCRIBER_DIALLING)
		return;
	subscriber->state = SUBSCRIBER_UP;
	subscriber->since_ms = all->now_ms;
	subscriber->address = address;
	subscriber->up_sent = subscriber->up_got = 0;
	subscriber->down_sent = subscriber->down_got = 0;
	all->by_address[address - RIG_POOL] = subscriber;
	all->up++;
}

static bool complete(const struct subscriber *subscriber)
{
	return subscriber->up_got == subscriber->up_sent &&
	       subscriber->down_got == subscriber->down_sent;
}

static void subscriber_advance(struct subscriber *subscriber)
{
	struct subscribers *all = subscriber->all;

	if (subscriber->state == SUBSCRIBER_DIALLING) {
		peer_on_time(&subscriber->ppp, all->now_ms);
	} else if (subscriber->state == SUBSCRIBER_LEAVING && complete(subscriber)) {
		all->by_address[subscriber->address - RIG_POOL] = NULL;
		lac_hang_up(&all->lac, subscriber->index, true, all->now_ms);
		all->lac.peer_session[subscriber->index] = 0;
		subscriber->state = SUBSCRIBER_AWAY;
	} else if (subscriber->state == SUBSCRIBER_LEAVING) {
		/* Its last packets are on the way: for so long only if one was lost. */
		assert_true(all->now_ms < subscriber->since_ms + LOST_MS);
	}
}

void subscribers_advance(struct subscribers *all, uint64_t now_ms)
{
	bool later = now_ms != all->now_ms;
	struct bytes frame;

	all->now_ms = now_ms;
	while (rig_take(all->rig, RIG_SERVER_SIDE, &frame))
		up_take(all, &frame);
	while (rig_take(all->rig, RIG_PEER_SIDE, &frame))
		down_take(all, &frame);
	lac_on_time(&all->lac, now_ms);
	for (unsigned i = 0; later && i < SUBSCRIBERS; i++)
		subscriber_advance(&all->subscriber[i]);
}

bool subscribers_quiet(const struct subscribers *all)
{
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		if (all->subscriber[i].state == SUBSCRIBER_DIALLING ||
		    all->subscriber[i].state == SUBSCRIBER_LEAVING ||
		    !complete(&all->subscriber[i]))
			return false;
	return true;
}
