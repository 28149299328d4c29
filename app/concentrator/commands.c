/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of the control socket: each fills a JSON value from the rooms' views. */
#include "control/control.h"
#include "ctl/ctl.h"
#include "daemon.h"
#include "dataplane/dataplane.h"
#include "explain_commands.h"
#include "mailbox/mailbox.h"
#include "memory_view.h"
#include "messages/message.h"
#include "ports/ports.h"
#include "radius/radius.h"
#include "reply.h"
#include "watch_commands.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 256 /* entries in one reply: a listing never holds the control core for long */

static json_t *address_json(uint32_t address_be)
{
	char text[INET_ADDRSTRLEN] = "";

	if (address_be != 0)
		inet_ntop(AF_INET, &address_be, text, sizeof(text));
	return json_string(text);
}

static json_t *group_json(uint32_t group)
{
	return group == NO_SLOT ? json_null() : json_integer(group);
}

static json_t *hex_json(uint64_t value, int digits)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*" PRIx64, digits, value);
	return json_string(text);
}

static void traffic_add(json_t *to, const struct traffic_counters *traffic)
{
	json_object_set_new(to, "packets_in", json_integer((json_int_t)traffic->packets_in));
	json_object_set_new(to, "bytes_in", json_integer((json_int_t)traffic->bytes_in));
	json_object_set_new(to, "packets_out", json_integer((json_int_t)traffic->packets_out));
	json_object_set_new(to, "bytes_out", json_integer((json_int_t)traffic->bytes_out));
}

static uint32_t position_of(const struct ctl_request *request)
{
	return request->cursor != NULL ? (uint32_t)strtoul(request->cursor, NULL, 10) : 0;
}

/* The next page begins at `position`, unless this one was not full. */
static void page_end(struct ctl_reply *reply, uint32_t position, size_t count)
{
	if (count == PAGE)
		snprintf(reply->next, sizeof(reply->next), "%u", position);
}

static void status(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	struct control_totals totals;

	(void)request;
	control_totals(daemon->control, &totals);
	reply->result = json_pack(
		"{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:f, s:s}", "version",
		CONCENTRATOR_VERSION, "state",
		totals.shutting_down ? "shutting down"
		: totals.answering   ? "answering"
				     : "starting",
		"workers", daemon->workers, "ports", ports_count(daemon->ports), "peers",
		totals.groups, "sas", totals.sas, "tunnels", totals.tunnels, "sessions",
		totals.sessions, "sessions_up", totals.sessions_up, "sessions_started",
		(json_int_t)totals.sessions_started, "dials_failed",
		(json_int_t)totals.dials_failed, "imbalance", control_imbalance(daemon->control),
		"crypto", dataplane_crypto_name(daemon->dataplane));
}

static void show_sessions(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	struct session_view views[PAGE];
	uint32_t position = position_of(request);
	size_t count = control_list_sessions(daemon->control, &position, views, PAGE);

	reply->result = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct session_view *view = &views[i];
		json_t *row = json_object();

		json_object_set_new(row, "session", json_integer(view->session));
		json_object_set_new(row, "user", reply_text(view->user));
		json_object_set_new(row, "address", address_json(view->address_be));
		json_object_set_new(row, "phase", json_string(view->phase));
		json_object_set_new(row, "peer", reply_endpoint(&view->peer));
		json_object_set_new(row, "group", group_json(view->group));
		json_object_set_new(row, "tunnel", json_integer(view->tunnel));
		json_object_set_new(row, "l2tp_session", json_integer(view->l2tp_session));
		json_object_set_new(row, "worker", json_integer(view->worker));
		json_object_set_new(row, "mtu", json_integer(view->mtu));
		json_object_set_new(row, "profile", reply_text(view->profile));
		json_object_set_new(row, "key", reply_text(view->key));
		json_object_set_new(row, "session_id", json_string(view->session_id));
		json_object_set_new(row, "up_seconds", json_integer((json_int_t)view->up_seconds));
		traffic_add(row, &view->traffic);
		json_array_append_new(reply->result, row);
	}
	page_end(reply, position, count);
}

static void show_tunnels(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	struct tunnel_view views[PAGE];
	uint32_t position = position_of(request);
	size_t count = control_list_tunnels(daemon->control, &position, views, PAGE);

	reply->result = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct tunnel_view *view = &views[i];
		json_t *row = json_object();

		json_object_set_new(row, "tunnel", json_integer(view->tunnel));
		json_object_set_new(row, "peer_tunnel", json_integer(view->peer_tunnel));
		json_object_set_new(row, "peer", reply_endpoint(&view->peer));
		json_object_set_new(row, "group", group_json(view->group));
		json_object_set_new(row, "state", json_string(view->state));
		json_object_set_new(row, "host", reply_text(view->host_name));
		json_object_set_new(row, "sessions", json_integer(view->sessions));
		json_object_set_new(row, "unacknowledged", json_integer(view->unacknowledged));
		json_array_append_new(reply->result, row);
	}
	page_end(reply, position, count);
}

static void show_sas(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	struct sa_view views[PAGE];
	uint32_t position = position_of(request);
	size_t count = control_list_sas(daemon->control, &position, views, PAGE);

	reply->result = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct sa_view *view = &views[i];
		json_t *row = json_object();

		json_object_set_new(row, "kind", json_string(view->ike ? "isakmp" : "esp"));
		json_object_set_new(row, "group", group_json(view->group));
		json_object_set_new(row, "peer", reply_endpoint(&view->peer));
		json_object_set_new(row, "state", json_string(view->state));
		json_object_set_new(row, "proposal", reply_text(view->proposal));
		json_object_set_new(row, "identity", reply_text(view->identity));
		json_object_set_new(row, "age_seconds",
				    json_integer((json_int_t)view->age_seconds));
		if (view->ike) {
			json_object_set_new(row, "initiator_cookie",
					    hex_json(view->initiator_cookie, 16));
			json_object_set_new(row, "responder_cookie",
					    hex_json(view->responder_cookie, 16));
		} else {
			json_object_set_new(row, "spi_in", hex_json(view->spi_in, 8));
			json_object_set_new(row, "spi_out", hex_json(view->spi_out, 8));
			json_object_set_new(row, "encapsulation",
					    json_string(view->encapsulated ? "udp" : "esp"));
			traffic_add(row, &view->traffic);
		}
		json_array_append_new(reply->result, row);
	}
	page_end(reply, position, count);
}

static json_t *addresses_json(const struct port_info *info)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < info->address_count; i++) {
		char address[ENDPOINT_TEXT_BYTES], text[ENDPOINT_TEXT_BYTES + 4];

		snprintf(text, sizeof(text), "%s/%u",
			 endpoint_text(&info->addresses[i].address, address),
			 info->addresses[i].prefix_length);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static void show_ports(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;

	(void)request;
	reply->result = json_array();
	for (unsigned i = 0; i < ports_count(daemon->ports); i++) {
		struct traffic_counters traffic;
		struct port_info info;
		struct port_view view;
		char mac[18];
		json_t *row = json_object();

		ports_info(daemon->ports, i, &info);
		dataplane_port_view(daemon->dataplane, (uint16_t)i, &view);
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", info.mac[0],
			 info.mac[1], info.mac[2], info.mac[3], info.mac[4], info.mac[5]);
		json_object_set_new(row, "port", json_string(info.name));
		json_object_set_new(row, "device", json_string(info.device));
		json_object_set_new(row, "driver", json_string(info.driver));
		json_object_set_new(row, "mac", json_string(mac));
		json_object_set_new(row, "addresses", addresses_json(&info));
		json_object_set_new(row, "mtu", json_integer(info.mtu));
		json_object_set_new(row, "link", json_string(info.link_up ? "up" : "down"));
		json_object_set_new(row, "rx_queues", json_integer(info.rx_queues));
		json_object_set_new(row, "tx_queues", json_integer(info.tx_queues));
		json_object_set_new(row, "spread_by", json_string(info.spread));
		json_object_set_new(row, "missed", json_integer((json_int_t)info.missed));
		traffic = (struct traffic_counters){view.packets_in, view.bytes_in,
						    view.packets_out, view.bytes_out};
		traffic_add(row, &traffic);
		json_array_append_new(reply->result, row);
	}
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : 100 * (double)part / (double)whole;
}

static void show_workers(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;

	(void)request;
	reply->result = json_array();
	for (unsigned i = 0; i < daemon->workers; i++) {
		struct worker_load_view load;
		struct worker_view view;
		json_t *row = json_object();

		dataplane_worker_view(daemon->dataplane, i, &view);
		control_worker_load(daemon->control, i, &load);
		json_object_set_new(row, "worker", json_integer(i));
		json_object_set_new(row, "busy_percent", json_real(load.busy_percent));
		json_object_set_new(row, "packets_per_second", json_real(load.packet_rate));
		json_object_set_new(row, "load", json_real(load.load));
		json_object_set_new(row, "percent_of_mean", json_real(load.percent_of_mean));
		json_object_set_new(row, "sessions", json_integer((json_int_t)view.sessions));
		json_object_set_new(row, "groups", json_integer((json_int_t)view.groups));
		json_object_set_new(row, "sas", json_integer((json_int_t)view.sas));
		json_object_set_new(row, "packets", json_integer((json_int_t)view.packets));
		json_object_set_new(row, "polls", json_integer((json_int_t)view.polls));
		json_object_set_new(row, "sleeps", json_integer((json_int_t)view.sleeps));
		json_object_set_new(row, "handed_over", json_integer((json_int_t)view.handed_over));
		json_object_set_new(row, "handed_percent",
				    json_real(percent(view.handed_over, view.packets)));
		json_object_set_new(row, "taken_over", json_integer((json_int_t)view.taken_over));
		json_object_set_new(row, "moved_in", json_integer((json_int_t)view.moved_in));
		json_object_set_new(row, "moved_out", json_integer((json_int_t)view.moved_out));
		json_object_set_new(row, "parked", json_integer((json_int_t)view.parked));
		json_object_set_new(row, "endpoints_moved",
				    json_integer((json_int_t)view.endpoints_moved));
		json_object_set_new(row, "endpoints_refused",
				    json_integer((json_int_t)view.endpoints_refused));
		for (unsigned class = 0; class < CONTROL_CLASS_COUNT; class ++)
			json_object_set_new(row, control_class_name(class),
					    json_integer((json_int_t)view.classes[class]));
		json_object_set_new(row, "jobs_parked", json_integer((json_int_t)view.jobs_parked));
		json_array_append_new(reply->result, row);
	}
}

static json_t *drop_json(const char *where, const char *name, uint64_t count, const char *text)
{
	return json_pack("{s:s, s:s, s:I, s:s}", "where", where, "name", name, "count",
			 (json_int_t)count, "text", text);
}

/* Drops of one reason, wherever they are counted: workers, and ports for packets that waited. */
static uint64_t drops_of(const struct daemon *daemon, enum drop drop)
{
	uint64_t count = dataplane_drops(daemon->dataplane, drop);

	if (drop == DROP_neighbour_unresolved)
		count += ports_neighbour_unresolved(daemon->ports);
	else if (drop == DROP_path_mtu_refused)
		count += control_path_mtu_refused(daemon->control);
	else if (drop == DROP_neighbour_failed)
		count += ports_neighbour_failed(daemon->ports);
	return count;
}

static void show_drops(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	const char *name, *text;
	uint64_t value;

	(void)request;
	reply->result = json_array();
	for (unsigned i = 0; i < DROP_COUNT; i++)
		json_array_append_new(reply->result, drop_json("workers", drop_name(i),
							       drops_of(daemon, i), drop_text(i)));
	for (unsigned i = 0; (name = control_counter(daemon->control, i, &text, &value)) != NULL;
	     i++)
		json_array_append_new(reply->result, drop_json("control", name, value, text));
}

static void show_pools(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	uint32_t used, size;
	const char *name;

	(void)request;
	reply->result = json_array();
	for (unsigned i = 0; control_pool(daemon->control, i, &name, &used, &size); i++)
		json_array_append_new(reply->result, json_pack("{s:s, s:i, s:i}", "pool", name,
							       "used", used, "size", size));
}

static void show_lacs(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	struct lac_view view;

	(void)request;
	reply->result = json_array();
	for (unsigned i = 0; control_lac(daemon->control, i, &view); i++)
		json_array_append_new(reply->result,
				      json_pack("{s:s, s:i, s:i, s:i, s:s, s:b}", "lac",
						view.host_name, "tunnels", view.tunnels, "sessions",
						view.sessions, "sessions_max", view.sessions_max,
						"pool", view.pool, "own_secret", view.own_secret));
}

static void show_radius(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	struct radius_server_view view;

	(void)request;
	reply->result = json_array();
	for (unsigned i = 0; control_radius_server(daemon->control, i, &view); i++) {
		json_t *row = json_object();

		json_object_set_new(row, "server", reply_endpoint(&view.address));
		json_object_set_new(row, "state", json_string(view.alive ? "alive" : "dead"));
		json_object_set_new(row, "priority", json_integer(view.priority));
		json_object_set_new(row, "weight", json_integer(view.weight));
		json_object_set_new(row, "outstanding", json_integer(view.outstanding));
		json_object_set_new(row, "requests", json_integer((json_int_t)view.requests));
		json_object_set_new(row, "repetitions", json_integer((json_int_t)view.repetitions));
		json_object_set_new(row, "accepts", json_integer((json_int_t)view.accepts));
		json_object_set_new(row, "rejects", json_integer((json_int_t)view.rejects));
		json_object_set_new(row, "timeouts", json_integer((json_int_t)view.timeouts));
		json_object_set_new(row, "status_requests",
				    json_integer((json_int_t)view.status_requests));
		json_object_set_new(row, "deaths", json_integer((json_int_t)view.deaths));
		for (unsigned bad = 0; bad < RADIUS_BAD_COUNT; bad++)
			json_object_set_new(row, radius_bad_name(bad),
					    json_integer((json_int_t)view.bad[bad]));
		json_array_append_new(reply->result, row);
	}
}

static void show_memory(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;

	(void)request;
	reply->result = memory_view(daemon->control);
}

static void disconnect(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	uint32_t session;

	if (!reply_number_read(request->arguments[0], "session", reply, &session))
		return;
	if (control_disconnect(daemon->control, session) == -ENOENT) {
		reply->status = CTL_NOT_FOUND;
		snprintf(reply->error, sizeof(reply->error), "no session %u", session);
	}
}

/* Each page is a part of the work: the client asks for the next one until it is done. */
static void rebalance(void *context, const struct ctl_request *request, struct ctl_reply *reply)
{
	struct daemon *daemon = context;
	struct move_view views[PAGE];
	bool more;
	size_t count;

	if (request->cursor == NULL)
		control_rebalance_begin(daemon->control);
	count = control_rebalance(daemon->control, views, PAGE, &more);
	reply->result = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(reply->result,
				      json_pack("{s:s, s:i, s:i, s:i, s:f}", "kind",
						views[i].group ? "group" : "session", "number",
						views[i].number, "from", views[i].from, "to",
						views[i].to, "load", views[i].load));
	if (more)
		snprintf(reply->next, sizeof(reply->next), "more");
}

static void move_one(struct daemon *daemon, bool group, const struct ctl_request *request,
		     struct ctl_reply *reply)
{
	const char *what = group ? "group" : "session";
	uint32_t number, worker;

	if (!reply_number_read(request->arguments[0], what, reply, &number) ||
	    !reply_number_read(request->arguments[1], "worker", reply, &worker))
		return;
	switch (control_move(daemon->control, group, number, worker)) {
	case -ENOENT:
		reply->status = CTL_NOT_FOUND;
		snprintf(reply->error, sizeof(reply->error), "no %s %u or no worker %u", what,
			 number, worker);
		break;
	case -EBUSY:
		reply->status = CTL_ERROR;
		snprintf(reply->error, sizeof(reply->error), "it is on the move already");
		break;
	default:
		break;
	}
}

static void rebalance_session(void *context, const struct ctl_request *request,
			      struct ctl_reply *reply)
{
	move_one(context, false, request, reply);
}

static void rebalance_group(void *context, const struct ctl_request *request,
			    struct ctl_reply *reply)
{
	move_one(context, true, request, reply);
}

const struct ctl_command daemon_commands[] = {
	{"status", "", 0, CTL_ROLE_VIEWER, "State and totals of the daemon.", status},
	{"show sessions", "", 0, CTL_ROLE_VIEWER, "PPP sessions with user, address and traffic.",
	 show_sessions},
	{"show tunnels", "", 0, CTL_ROLE_VIEWER, "L2TP tunnels.", show_tunnels},
	{"show sas", "", 0, CTL_ROLE_VIEWER, "ISAKMP SAs and pairs of ESP SAs.", show_sas},
	{"show ports", "", 0, CTL_ROLE_VIEWER, "Ports, their addresses and traffic.", show_ports},
	{"show workers", "", 0, CTL_ROLE_VIEWER, "Load and hand-offs of each worker core.",
	 show_workers},
	{"show pools", "", 0, CTL_ROLE_VIEWER, "Address pools and how full they are.", show_pools},
	{"show lacs", "", 0, CTL_ROLE_VIEWER, "LACs of the configuration, and what each has now.",
	 show_lacs},
	{"show radius", "", 0, CTL_ROLE_VIEWER, "RADIUS servers, their state and their answers.",
	 show_radius},
	{"show drops", "", 0, CTL_ROLE_VIEWER, "Every reason for a drop, with its count.",
	 show_drops},
	{"show memory", "", 0, CTL_ROLE_VIEWER, "Memory in bytes, pools and objects by number.",
	 show_memory},
	{"show dials", "", 0, CTL_ROLE_VIEWER, "Dials that are remembered, the newest first.",
	 show_dials_command},
	{"explain dial", "NUMBER", 1, CTL_ROLE_VIEWER, "The ladder of a dial of show dials.",
	 explain_dial_command},
	{"explain drop", "NAME", 1, CTL_ROLE_VIEWER, "What a drop means, and what to do.",
	 explain_drop_command},
	{"explain cause", "NAME", 1, CTL_ROLE_VIEWER, "What a cause means, and what to do.",
	 explain_cause_command},
	{"explain", "PEER|USER|SESSION|last", 1, CTL_ROLE_VIEWER,
	 "Every step of a dial, why it ended, and what to do.", explain_command},
	{"rebalance session", "SESSION WORKER", 2, CTL_ROLE_ADMIN,
	 "Give a session (inside IPsec: its peer) to another worker.", rebalance_session},
	{"rebalance group", "GROUP WORKER", 2, CTL_ROLE_ADMIN, "Give a peer to another worker.",
	 rebalance_group},
	{"rebalance", "", 0, CTL_ROLE_ADMIN, "Even out the workers' load, and print what moves.",
	 rebalance},
	{"watch begin", "trace|capture SESSION|PEER", 2, CTL_ROLE_ADMIN,
	 "Begin what `trace` and `capture` of concentrator-ctl read.", watch_begin_command},
	{"watch read", "WATCH", 1, CTL_ROLE_ADMIN, "What a watch saw since the last reading.",
	 watch_read_command},
	{"watch end", "WATCH", 1, CTL_ROLE_ADMIN, "End a watch.", watch_end_command},
	{"disconnect", "SESSION", 1, CTL_ROLE_ADMIN, "End a session by LCP Terminate and L2TP CDN.",
	 disconnect},
	{NULL, NULL, 0, CTL_ROLE_VIEWER, NULL, NULL},
};
