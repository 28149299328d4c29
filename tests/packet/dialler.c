/* SPDX-License-Identifier: BSD-3-Clause */
#include "dialler.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PRIVATE_ADDRESS ADDRESS(192, 168, 1, 2)
#define GIVE_UP_MS      20000
#define TUNNEL          9

static const uint8_t key[] = "preshared key";

static void fill(void *context, void *bytes, size_t length)
{
	(void)context;
	assert_int_equal(getrandom(bytes, length, 0), (ssize_t)length);
}

static int no_route(void *context, uint32_t prefix_be, uint8_t length)
{
	(void)context;
	(void)prefix_be;
	(void)length;
	return 0;
}

static void to_kernel(void *context, uint16_t port, const uint8_t *bytes, size_t length)
{
	(void)context;
	(void)port;
	(void)bytes;
	(void)length;
}

static void configure(struct dialler *dialler)
{
	int users;

	dialler->config = (struct config){
		.max_sessions = 64,
		.dials_kept = 64,
		.listener_count = 1,
		.listeners = {{.ipsec = CONFIG_IPSEC_REQUIRED}},
		.pool_count = 1,
		.pools = {{.name = "pool",
			   .first_be = htonl(RIG_POOL),
			   .last_be = htonl(RIG_POOL + 1023)}},
		.ike_half_open_per_source = 64,
		.ike_half_open_total = 64,
		.ike_dpd_idle_seconds = 30,
		.ike_dpd_interval_seconds = 5,
		.ike_dpd_attempts = 5,
		.l2tp_host_name = "concentrator",
		.l2tp_hello_idle_seconds = 60,
		.l2tp_sessions_per_tunnel = 16,
		.l2tp_tunnels_per_client = 4,
		.l2tp_receive_window = 16,
		.mss_clamp = true,
		.ppp_authentication = {CONFIG_AUTHENTICATION_PAP},
		.ppp_authentication_count = 1,
		.local_address_be = htonl(RIG_LOCAL_NONE),
	};
	dialler->config.listeners[0].preshared_key = (uint8_t *)(uintptr_t)key;
	dialler->config.listeners[0].preshared_key_bytes = sizeof(key);
	snprintf(dialler->users, sizeof(dialler->users), "/tmp/users.XXXXXX");
	users = mkstemp(dialler->users);
	assert_true(users >= 0);
	assert_int_equal(write(users, "subscriber password\n", 20), 20);
	close(users);
	snprintf(dialler->config.users_file, sizeof(dialler->config.users_file), "%s",
		 dialler->users);
	dialler->ike_config = (struct ike_initiator_config){
		.preshared_key = key,
		.preshared_key_bytes = sizeof(key),
		.ike = {.cipher = BLOCK_CIPHER_AES_CBC,
			.key_bytes = 16,
			.hash = DIGEST_SHA1,
			.group = 19,
			.lifetime_ms = 3600000},
		.esp = {ESP_CIPHER_AES_CBC, 16, ESP_AUTHENTICATOR_HMAC_SHA1_96},
		.esp_lifetime_ms = 3600000,
		.nat = IKE_INITIATOR_NAT_DETECT,
		.dead_peer_detection = true,
		.own_port = 1701,
		.retransmit_ms = 1000,
		.retransmissions = 5,
		.old_child_ms = 1000000,
	};
}

static void frame_send(struct dialler *dialler, struct bytes *udp, uint16_t source,
		       uint16_t destination)
{
	wire_udp(udp, source, destination);
	wire_ipv4(udp, IPPROTO_UDP, dialler->public_address, RIG_LOCAL);
	wire_ethernet(udp, 0x0800);
	rig_inject(dialler->rig, RIG_PEER_SIDE, dialler->queue, udp);
}

/* `l2tp` becomes a frame. */
static void wrap(struct dialler *dialler, struct bytes *l2tp)
{
	struct wire_sa *sa = &dialler->sa[dialler->sas - 1];

	wire_udp(l2tp, 1701, 1701);
	wire_esp_seal(sa, ++sa->sequence, l2tp, NULL);
	wire_udp(l2tp, dialler->public_port, 4500);
	wire_ipv4(l2tp, IPPROTO_UDP, dialler->public_address, RIG_LOCAL);
	wire_ethernet(l2tp, 0x0800);
}

static void l2tp_send(void *context, const uint8_t *bytes, size_t length)
{
	struct dialler *dialler = context;
	struct bytes frame = {.length = 0};

	if (dialler->sas == 0)
		return;
	bytes_append(&frame, bytes, length);
	wrap(dialler, &frame);
	rig_inject(dialler->rig, RIG_PEER_SIDE, dialler->queue, &frame);
}

/* `frame` begins with PPP's protocol. */
static void ppp_wrap(struct dialler *dialler, struct bytes *frame)
{
	static const uint8_t address_control[2] = {0xff, 0x03};

	bytes_prepend(frame, address_control, 2);
	wire_l2tp(frame, 0x4000, dialler->lac.peer_tunnel, dialler->lac.peer_session[0], 0);
	wrap(dialler, frame);
}

static void ppp_send(void *context, const uint8_t *bytes, size_t length)
{
	struct dialler *dialler = context;
	struct bytes frame = {.length = 0};

	bytes_append(&frame, bytes + 2, length - 2);
	ppp_wrap(dialler, &frame);
	rig_inject(dialler->rig, RIG_PEER_SIDE, dialler->queue, &frame);
}

static void child_up(struct dialler *dialler, const struct ike_initiator_event *event)
{
	struct wire_sa *sa = &dialler->sa[dialler->sas++];

	assert_true(dialler->sas <= DIALLER_SAS_MAX);
	assert_true(event->child_up.encapsulated);
	*sa = (struct wire_sa){
		.in = event->child_up.keys_out,
		.out = event->child_up.keys_in,
		.spi_in = event->child_up.spi_out,
		.spi_out = event->child_up.spi_in,
		.tag_bytes = (uint8_t)esp_suite_tag_bytes(&event->child_up.keys_in.suite)};
}

static void ike_send(struct dialler *dialler, const struct ike_initiator_event *event)
{
	struct bytes frame = {.length = 0};

	bytes_append(&frame, event->send.bytes, event->send.length);
	frame_send(dialler, &frame,
		   event->send.port == 500 ? dialler->public_port_500 : dialler->public_port,
		   event->send.port);
}

static void ike_drain(struct dialler *dialler)
{
	const struct ike_initiator_event *event;
	struct ike_initiator_job_result result;

	while ((event = ike_initiator_next_event(dialler->ike)) != NULL) {
		switch (event->kind) {
		case IKE_INITIATOR_SEND:
			if (!dialler->no_acknowledgements)
				ike_send(dialler, event);
			break;
		case IKE_INITIATOR_JOB:
			ike_initiator_job_run(&event->job, &result);
			ike_initiator_job_done(dialler->ike, &result, dialler->now_ms);
			break;
		case IKE_INITIATOR_CHILD_UP:
			child_up(dialler, event);
			break;
		case IKE_INITIATOR_FAILED:
			fail_msg("IKE failed: %s", event->failed.state);
			break;
		default:
			break;
		}
	}
}

static void esp_take(struct dialler *dialler, struct bytes *esp)
{
	struct wire_sa *sa = NULL;
	uint32_t sequence;

	for (unsigned i = 0; i < dialler->sas; i++)
		if (dialler->sa[i].spi_out == bytes_u32(esp, 0))
			sa = &dialler->sa[i];
	assert_non_null(sa);
	assert_true(wire_esp_open(sa, esp, &sequence));
	bytes_cut(esp, 8);
	if (esp->data[0] & 0x80) {
		if (!dialler->no_acknowledgements)
			lac_receive(&dialler->lac, esp->data, esp->length, dialler->now_ms);
		return;
	}
	bytes_cut(esp, 8);
	if (bytes_u16(esp, 0) == 0x0021) {
		dialler->got++;
		return;
	}
	peer_start(&dialler->ppp, dialler->now_ms);
	peer_receive(&dialler->ppp, esp->data, esp->length, dialler->now_ms);
}

static void frame_take(struct dialler *dialler, struct bytes *frame)
{
	uint32_t address = bytes_u32(frame, 14 + 16);
	uint16_t source = bytes_u16(frame, 14 + 20), port = bytes_u16(frame, 14 + 22);
	bool natt = source == 4500;

	if (address != dialler->public_address ||
	    port != (natt ? dialler->public_port : dialler->public_port_500)) {
		dialler->astray++;
		dialler->astray_bytes += frame->length - 14 - 28;
		dialler->astray_address = address;
		return;
	}
	bytes_cut(frame, 14);
	if (natt && frame->length > dialler->largest.length)
		dialler->largest = *frame;
	bytes_cut(frame, 28);
	if (natt && bytes_u32(frame, 0) != 0) {
		esp_take(dialler, frame);
		return;
	}
	dialler->r_u_theres += natt && dialler->sas != 0;
	ike_initiator_feed(dialler->ike, source, frame->data, frame->length, dialler->now_ms);
	ike_drain(dialler);
}

static void turn(void *object)
{
	struct dialler *dialler = object;
	struct bytes frame;
	uint64_t ticks;

	(void)!read(dialler->clock, &ticks, sizeof(ticks));
	dialler->now_ms = rig_milliseconds();
	while (rig_take(dialler->rig, RIG_PEER_SIDE, &frame))
		frame_take(dialler, &frame);
	ike_initiator_on_time(dialler->ike, dialler->now_ms);
	ike_drain(dialler);
	lac_on_time(&dialler->lac, dialler->now_ms);
	peer_on_time(&dialler->ppp, dialler->now_ms);
	if (dialler->done != NULL && dialler->done(dialler))
		loop_stop(dialler->loop);
	if (dialler->now_ms >= dialler->limit_ms) {
		assert_null(dialler->done);
		loop_stop(dialler->loop);
	}
}

void dialler_run(struct dialler *dialler, uint64_t ms, bool (*done)(const struct dialler *dialler))
{
	dialler->done = done;
	dialler->limit_ms = rig_milliseconds() + (done != NULL ? GIVE_UP_MS : ms);
	loop_run(dialler->loop);
}

static void dial(struct dialler *dialler)
{
	struct endpoint own = endpoint_ipv4(htonl(dialler->own_address), 500);
	struct endpoint peer = endpoint_ipv4(htonl(RIG_LOCAL), 500);

	dialler->ike = ike_initiator_new(&dialler->ike_config, &dialler->random);
	dialler->spi += 0x1000;
	ike_initiator_start(dialler->ike, &own, &peer, dialler->spi, rig_milliseconds());
}

static bool has_pair(const struct dialler *dialler)
{
	return dialler->sas != 0;
}

static bool has_address(const struct dialler *dialler)
{
	return dialler->ppp.address_be != 0 && dialler->ppp.ipcp.ours_acked &&
	       dialler->ppp.ipcp.theirs_acked;
}

static bool has_new_pair(const struct dialler *dialler)
{
	return ike_initiator_is_up(dialler->ike);
}

void dialler_redial(struct dialler *dialler)
{
	ike_initiator_free(dialler->ike);
	dialler->public_port += 100;
	dialler->public_port_500 += 100;
	dial(dialler);
	dialler_run(dialler, 0, has_new_pair);
}

struct dialler *dialler_up(void (*change)(struct dialler *dialler))
{
	const struct itimerspec millisecond = {{0, 1000000}, {0, 1000000}};
	struct control_ports ports = {.to_kernel = to_kernel,
				      .subscriber_route_add = no_route,
				      .subscriber_route_delete = no_route};
	struct dialler *dialler = calloc(1, sizeof(*dialler));

	configure(dialler);
	dialler->random.fill = fill;
	dialler->own_address = PRIVATE_ADDRESS;
	dialler->public_address = ADDRESS(203, 0, 113, 7);
	dialler->public_port = 40000;
	dialler->public_port_500 = 41000;
	dialler->lac = (struct lac){.tunnel = TUNNEL,
				    .window = 4,
				    .rws = 8,
				    .sessions_wanted = 1,
				    .send = l2tp_send,
				    .context = dialler};
	peer_init(&dialler->ppp, "subscriber", "password");
	dialler->ppp.send = ppp_send;
	dialler->ppp.context = dialler;
	if (change != NULL)
		change(dialler);
	dialler->rig = rig_new(&(struct rig_options){.workers = dialler->workers});
	dialler->loop = loop_new();
	dialler->log_text = tmpfile();
	assert_non_null(dialler->log_text);
	dialler->log = log_new(fileno(dialler->log_text), LOG_LEVEL_INFO);
	dialler->control =
		control_new(&dialler->config, rig_mailbox(dialler->rig), rig_tables(dialler->rig),
			    dialler->loop, &ports, dialler->log);
	assert_non_null(dialler->control);
	control_start(dialler->control);
	dialler->clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	assert_int_equal(timerfd_settime(dialler->clock, 0, &millisecond, NULL), 0);
	loop_watch(dialler->loop, dialler->clock, turn, dialler);
	dialler->now_ms = rig_milliseconds();
	dial(dialler);
	dialler_run(dialler, 0, has_pair);
	lac_dial(&dialler->lac, dialler->now_ms);
	dialler_run(dialler, 0, has_address);
	dialler_run(dialler, 50, NULL); /* the worker opens the session */
	return dialler;
}

static void finished(void *object)
{
	(void)object;
}

static bool nobody_left(const struct dialler *dialler)
{
	struct control_totals totals;

	control_totals(dialler->control, &totals);
	return totals.groups == 0 && totals.sessions == 0 && totals.sas == 0;
}

void dialler_free(struct dialler *dialler)
{
	struct control_totals totals;

	dialler->no_acknowledgements = false;
	control_totals(dialler->control, &totals);
	if (totals.groups != 0 && !dialler->left_alone) {
		control_shut_down(dialler->control, finished, NULL);
		dialler_run(dialler, 0, nobody_left);
	}
	control_free(dialler->control);
	rig_free(dialler->rig);
	loop_free(dialler->loop);
	log_free(dialler->log);
	fclose(dialler->log_text);
	ike_initiator_free(dialler->ike);
	close(dialler->clock);
	unlink(dialler->users);
	free(dialler);
}

void dialler_frame_up(struct dialler *dialler, struct bytes *frame)
{
	static const uint8_t ipv4[2] = {0x00, 0x21};

	wire_inner(frame, ntohl(dialler->ppp.address_be), RIG_SERVER, 100, 1);
	bytes_prepend(frame, ipv4, sizeof(ipv4));
	ppp_wrap(dialler, frame);
}

void dialler_send_up(struct dialler *dialler, unsigned count)
{
	struct bytes frame;

	for (unsigned i = 0; i < count; i++) {
		dialler_frame_up(dialler, &frame);
		rig_inject(dialler->rig, RIG_PEER_SIDE, dialler->queue, &frame);
	}
}

void dialler_send_down(struct dialler *dialler, unsigned count, size_t payload)
{
	struct bytes ip;

	for (unsigned i = 0; i < count; i++) {
		wire_inner(&ip, RIG_SERVER, ntohl(dialler->ppp.address_be), payload, i);
		rig_server_send(dialler->rig, 0, &ip);
	}
}

bool dialler_logged(struct dialler *dialler, const char *text)
{
	char line[1024];
	bool found = false;

	rewind(dialler->log_text);
	while (fgets(line, sizeof(line), dialler->log_text) != NULL)
		found |= strstr(line, text) != NULL;
	fseek(dialler->log_text, 0, SEEK_END);
	return found;
}
