/* SPDX-License-Identifier: BSD-3-Clause */
/* Two ends over a wire that loses, doubles and reorders; fake time; every run repeats. */

#include "ike_cmocka.h"
#include "ike_rig.h"

#include <string.h>

#define RUNS        2000
#define WIRE_MAX    128
#define CLIENT_MS   3000 /* between its retransmissions */
#define CLIENT_MOST 12

struct datagram {
	uint64_t due_ms;
	bool to_engine;
	struct ike_path path;
	size_t length;
	uint8_t bytes[2048];
};

struct simulation {
	struct ike_rig rig;
	struct rig_client client;
	struct initiator_random random;
	struct datagram wire[WIRE_MAX];
	size_t wire_count;
	unsigned loss_percent;
	uint64_t again_ms; /* the client's retransmission */
	unsigned attempts;
	size_t quick_modes_left;
	size_t ups, downs, adds, deletes, confirms, failures;
	size_t quick_modes_done;
	struct ike_event last_add;
	uint32_t confirmed_spis[32];
};

static struct simulation sim;

static unsigned chance(void)
{
	return (unsigned)(initiator_random_u64(&sim.random) % 100);
}

static void wire_put_one(bool to_engine, const struct ike_path *path, const uint8_t *bytes,
			 size_t length)
{
	struct datagram *d;

	if (sim.wire_count == WIRE_MAX)
		return;
	d = &sim.wire[sim.wire_count++];
	d->due_ms = sim.rig.now_ms + 10 + initiator_random_u64(&sim.random) % 400;
	d->to_engine = to_engine;
	d->path = *path;
	d->length = length;
	memcpy(d->bytes, bytes, length);
}

static void wire_put(bool to_engine, const struct ike_path *path, const uint8_t *bytes,
		     size_t length)
{
	if (chance() < sim.loss_percent)
		return;
	wire_put_one(to_engine, path, bytes, length);
	if (chance() < 15)
		wire_put_one(to_engine, path, bytes, length);
}

static void client_says(void)
{
	struct rig_client *c = &sim.client;

	if (c->i.state == INITIATOR_SENT_5 && c->path.local.port == 500) {
		c->path.local.port = 4500;
		c->path.remote.port = c->nat_port;
	}
	if (c->i.out_bytes != 0)
		wire_put(true, &c->path, c->i.out, c->i.out_bytes);
	sim.again_ms = sim.rig.now_ms + CLIENT_MS;
}

static bool client_waits(void)
{
	const struct initiator *i = &sim.client.i;

	return i->state < INITIATOR_ESTABLISHED || i->quick_state == INITIATOR_QUICK_SENT_1;
}

static void child_confirmed(const struct ike_event *e)
{
	for (size_t n = 0; n < sim.confirms; n++)
		assert_int_not_equal(sim.confirmed_spis[n], e->child.spi_in);
	sim.confirmed_spis[sim.confirms++] = e->child.spi_in;
}

static void look_at_events(void)
{
	struct ike_rig *rig = &sim.rig;

	for (size_t n = 0; n < rig->send_count; n++)
		wire_put(false, &rig->sends[n].path, rig->sends[n].bytes, rig->sends[n].length);
	for (size_t n = 0; n < rig->event_count; n++) {
		const struct ike_event *e = &rig->events[n];

		sim.ups += e->kind == IKE_PEER_UP;
		sim.adds += e->kind == IKE_CHILD_ADD;
		sim.failures += e->kind == IKE_FAILED;
		if (e->kind == IKE_CHILD_CONFIRMED)
			child_confirmed(e);
		if (e->kind == IKE_CHILD_DELETE)
			assert_true(++sim.deletes <= sim.adds);
		if (e->kind == IKE_PEER_DOWN)
			assert_true(++sim.downs <= sim.ups);
		if (e->kind == IKE_CHILD_ADD)
			sim.last_add = *e;
	}
	rig_forget(rig);
}

static void quick_mode_done(void)
{
	const struct initiator *i = &sim.client.i;

	sim.quick_modes_done++;
	assert_int_equal(sim.last_add.child_add.spi_in, i->spi_out);
	assert_memory_equal(&sim.last_add.child_add.keys_in, &i->keys_out, sizeof(i->keys_out));
	assert_memory_equal(&sim.last_add.child_add.keys_out, &i->keys_in, sizeof(i->keys_in));
}

static void quick_mode_start(void)
{
	if (sim.quick_modes_left == 0) {
		sim.again_ms = UINT64_MAX;
		return;
	}
	sim.quick_modes_left--;
	sim.attempts = 0;
	initiator_quick_mode_1(&sim.client.i);
	client_says();
}

/* The client took a message: its next move. */
static void client_moves(void)
{
	struct initiator *i = &sim.client.i;

	sim.attempts = 0;
	if (i->state == INITIATOR_ESTABLISHED && i->quick_state == INITIATOR_QUICK_IDLE) {
		quick_mode_start();
		return;
	}
	client_says();
	if (i->quick_state == INITIATOR_QUICK_DONE) {
		quick_mode_done();
		sim.again_ms = sim.rig.now_ms + 8000;
	}
}

static void deliver(const struct datagram *d)
{
	uint8_t framed[2052] = {0};
	size_t marker = d->path.local.port == 4500 ? 4 : 0;
	struct initiator *i = &sim.client.i;

	if (d->to_engine) {
		memcpy(framed + marker, d->bytes, d->length);
		rig_feed(&sim.rig, &d->path, framed, marker + d->length);
		look_at_events();
		return;
	}
	if (d->bytes[18] == 32 && i->quick_state == INITIATOR_QUICK_DONE &&
	    memcmp(d->bytes + 20, i->out + 20, 4) == 0) { /* quick mode 2 again: 3 was lost */
		wire_put(true, &sim.client.path, i->out, i->out_bytes);
		return;
	}
	if (d->bytes[18] == 5)
		return; /* probes and deletes: this client does not answer */
	if (initiator_feed(i, d->bytes, d->length))
		client_moves();
}

/* The next thing that happens; false when nothing will within `limit_ms`. */
static bool turn(uint64_t limit_ms)
{
	uint64_t next_ms = limit_ms;
	size_t which = WIRE_MAX;
	struct datagram d;

	for (size_t n = 0; n < sim.wire_count; n++)
		if (sim.wire[n].due_ms < next_ms) {
			next_ms = sim.wire[n].due_ms;
			which = n;
		}
	if (sim.again_ms < next_ms) {
		next_ms = sim.again_ms;
		which = WIRE_MAX + 1;
	}
	if (ike_deadline(sim.rig.ike) < next_ms) {
		rig_advance(&sim.rig, ike_deadline(sim.rig.ike) < sim.rig.now_ms
					      ? 0
					      : ike_deadline(sim.rig.ike) - sim.rig.now_ms);
		look_at_events();
		return true;
	}
	if (next_ms == limit_ms)
		return false;
	sim.rig.now_ms = next_ms;
	if (which < WIRE_MAX) {
		d = sim.wire[which];
		sim.wire[which] = sim.wire[--sim.wire_count];
		deliver(&d);
	} else if (!client_waits()) {
		quick_mode_start();
	} else if (++sim.attempts < CLIENT_MOST) {
		client_says();
	} else {
		sim.again_ms = UINT64_MAX; /* gives up */
	}
	return true;
}

static void no_probe(struct ike_config *config)
{
	config->dpd_idle_ms = 0;
}

/* One dial with three quick modes; true if all of it came about. */
static bool run(uint64_t seed)
{
	static const struct initiator_transform transform = {7, 128, 4, 19};
	struct initiator_config config = client_config(true);

	config.transforms = &transform;
	memset(&sim, 0, sizeof(sim));
	sim.random.state = seed * 7919;
	sim.loss_percent = (unsigned)(seed % 31);
	sim.quick_modes_left = 3;
	rig_init(&sim.rig, seed, seed % 2 == 0 ? no_probe : NULL);
	client_init(&sim.client, &config, seed + 1, 31000);
	initiator_main_mode_1(&sim.client.i);
	client_says();
	while (turn(sim.rig.now_ms + 1000000) && sim.rig.now_ms < 200000000)
		;
	rig_advance(&sim.rig, 40ULL * 3600 * 1000);
	look_at_events();
	assert_int_equal(ike_deadline(sim.rig.ike), UINT64_MAX);
	assert_true(rig_empty(&sim.rig));
	assert_int_equal(sim.ups, sim.downs);
	assert_int_equal(sim.adds, sim.deletes);
	assert_true(sim.confirms <= sim.adds);
	assert_true(sim.ups <= 1);
	assert_true(sim.quick_modes_done <= 3);
	rig_free(&sim.rig);
	return sim.quick_modes_done == 3 && sim.confirms == 3;
}

static void dials_survive_a_bad_wire(void **state)
{
	size_t complete = 0;
	size_t complete_without_loss = 0;

	(void)state;
	for (uint64_t seed = 0; seed < RUNS; seed++) {
		bool ok = run(seed);

		complete += ok;
		complete_without_loss += ok && seed % 31 == 0;
	}
	print_message("%zu of %d complete\n", complete, RUNS);
	assert_int_equal(complete_without_loss, (RUNS + 30) / 31); /* doubled and reordered only */
	assert_true(complete > RUNS * 92 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dials_survive_a_bad_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
