/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings for the control socket, page by page. */
#include "control/private.h"

#include "radius/dynamic.h"

#include <stdio.h>
#include <string.h>

static void session_fill(const struct session *session, struct session_view *view)
{
	const struct control *control = session->control;

	*view = (struct session_view){
		.session = session->slot,
		.group = session->group != NULL ? session->group->slot : NO_SLOT,
		.worker = session_worker(session),
		.peer = session->group != NULL ? session->group->remote : session->remote,
		.tunnel = session->tunnel,
		.l2tp_session = session->l2tp_session,
		.mtu = session->mtu,
		.phase = session->up            ? "up"
			 : session->deleting    ? "closing"
			 : session->ppp != NULL ? ppp_phase(session->ppp)
						: "call",
	};
	session_id_text(session, view->session_id);
	snprintf(view->user, sizeof(view->user), "%s", session->user);
	if (session->group != NULL) {
		snprintf(view->profile, sizeof(view->profile), "%s", session->group->profile);
		snprintf(view->key, sizeof(view->key), "%s", session->group->key);
	}
	if (session->up) {
		uint32_t address = session->address;

		view->address_be = __builtin_bswap32(address);
		view->up_seconds = (loop_now_ms(control->loop) - session->since_ms) / 1000;
	}
	if (!session->deleting) {
		view->traffic.packets_in = counter_read(&session->counters->packets_in);
		view->traffic.bytes_in = counter_read(&session->counters->bytes_in);
		view->traffic.packets_out = counter_read(&session->counters->packets_out);
		view->traffic.bytes_out = counter_read(&session->counters->bytes_out);
	}
}

size_t control_list_sessions(struct control *control, uint32_t *position,
			     struct session_view *views, size_t room)
{
	uint32_t end = (uint32_t)control->config->max_sessions;
	size_t count = 0;

	for (; *position < end && count < room; (*position)++)
		if (control->sessions[*position] != NULL)
			session_fill(control->sessions[*position], &views[count++]);
	return count;
}

static void tunnel_fill(const struct l2tp_space *space, const struct l2tp_tunnel_view *tunnel,
			struct tunnel_view *view)
{
	*view = (struct tunnel_view){
		.group = space->group != NULL ? space->group->slot : NO_SLOT,
		.peer = space->group != NULL ? space->group->remote : tunnel->peer,
		.tunnel = tunnel->tunnel,
		.peer_tunnel = tunnel->peer_tunnel,
		.state = tunnel->state,
		.sessions = tunnel->sessions,
		.unacknowledged = tunnel->unacknowledged,
	};
	memcpy(view->host_name, tunnel->host_name, sizeof(view->host_name));
}

/* The next tunnel of a space behind `cursor`; false at its end. */
static bool tunnel_next(const struct l2tp_space *space, uint32_t *cursor, struct tunnel_view *view)
{
	struct l2tp_tunnel_view tunnel;

	if (space->l2tp == NULL || l2tp_list_tunnels(space->l2tp, cursor, &tunnel, 1) == 0)
		return false;
	tunnel_fill(space, &tunnel, view);
	return true;
}

bool control_lac(const struct control *control, unsigned index, struct lac_view *view)
{
	const struct config_lac *lac = &control->config->lacs[index];
	struct l2tp_lac_view used;

	if (index >= control->config->lac_count)
		return false;
	used = l2tp_lac_view(control->plain.l2tp, (uint16_t)index);
	*view = (struct lac_view){
		.host_name = lac->host_name,
		.pool = lac->pool,
		.own_secret = lac->secret != NULL,
		.tunnels = used.tunnels,
		.sessions = used.sessions,
		.sessions_max = (uint32_t)lac->sessions,
	};
	return true;
}

#define PLACES_PER_GROUP 64          /* more than a group's engine has places for tunnels */
#define GROUP_POSITIONS  0x01000000u /* positions from here on count places of groups */

size_t control_list_tunnels(struct control *control, uint32_t *position, struct tunnel_view *views,
			    size_t room)
{
	uint32_t groups = (uint32_t)control->config->max_sessions;
	size_t count = 0;

	while (*position < GROUP_POSITIONS && count < room) {
		if (tunnel_next(&control->plain, position, &views[count]))
			count++;
		else
			*position = GROUP_POSITIONS;
	}
	while (*position >= GROUP_POSITIONS && count < room) {
		uint32_t slot = (*position - GROUP_POSITIONS) / PLACES_PER_GROUP;
		uint32_t cursor = (*position - GROUP_POSITIONS) % PLACES_PER_GROUP;

		if (slot >= groups)
			break;
		if (control->groups[slot] != NULL &&
		    tunnel_next(&control->groups[slot]->space, &cursor, &views[count]))
			count++;
		else
			cursor = PLACES_PER_GROUP;
		*position = GROUP_POSITIONS + slot * PLACES_PER_GROUP + cursor;
	}
	return count;
}

static void child_fill(const struct child *child, struct sa_view *view)
{
	char suite[ESP_SUITE_TEXT_BYTES];

	*view = (struct sa_view){
		.group = child->group->slot,
		.peer = child->group->remote,
		.state = child->deleting    ? "closing"
			 : child->lingering ? "lingering"
			 : child->confirmed ? "confirmed"
					    : "new",
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.encapsulated = child->encapsulated,
		.age_seconds = (loop_now_ms(child->group->control->loop) - child->since_ms) / 1000,
	};
	snprintf(view->identity, sizeof(view->identity), "%s", child->group->identity);
	snprintf(view->proposal, sizeof(view->proposal), "%s",
		 esp_suite_text(&child->suite, suite));
	if (!child->deleting) {
		view->traffic.packets_in = counter_read(&child->counters->packets_in);
		view->traffic.bytes_in = counter_read(&child->counters->bytes_in);
		view->traffic.packets_out = counter_read(&child->counters->packets_out);
		view->traffic.bytes_out = counter_read(&child->counters->bytes_out);
	}
}

static void ike_sa_fill(struct control *control, const struct ike_sa_view *sa, struct sa_view *view)
{
	const struct peer_group *group = group_of(control, sa->peer);

	*view = (struct sa_view){
		.ike = true,
		.group = group != NULL ? group->slot : NO_SLOT,
		.peer = sa->path.remote,
		.state = sa->state,
		.initiator_cookie = sa->initiator_cookie,
		.responder_cookie = sa->responder_cookie,
	};
	if (sa->established_ms != 0)
		view->age_seconds = (loop_now_ms(control->loop) - sa->established_ms) / 1000;
	if (group != NULL)
		snprintf(view->identity, sizeof(view->identity), "%s", group->identity);
	memcpy(view->proposal, sa->proposal, sizeof(view->proposal));
}

#define ESP_POSITIONS 0x80000000u /* positions from here on count SA slots */

size_t control_list_sas(struct control *control, uint32_t *position, struct sa_view *views,
			size_t room)
{
	uint32_t end = ESP_POSITIONS + tables_sizes(control->tables)->sas;
	size_t count = 0;

	while (*position < ESP_POSITIONS && count < room) {
		struct ike_sa_view sa;

		if (control->ike == NULL || ike_list_sas(control->ike, position, &sa, 1) == 0)
			*position = ESP_POSITIONS;
		else
			ike_sa_fill(control, &sa, &views[count++]);
	}
	for (; *position >= ESP_POSITIONS && *position < end && count < room; (*position)++)
		if (control->children[*position - ESP_POSITIONS] != NULL)
			child_fill(control->children[*position - ESP_POSITIONS], &views[count++]);
	return count;
}

void control_totals(const struct control *control, struct control_totals *totals)
{
	*totals = (struct control_totals){
		.groups = slot_pool_used(control->group_slots),
		.sas = control->child_count,
		.sessions = slot_pool_used(control->session_slots),
		.sessions_up = control->sessions_up,
		.dials_failed = control->dials_failed,
		.sessions_started = control->sessions_started,
		.answering = control->answering,
		.shutting_down = control->shutdown != SHUTDOWN_NO,
		.tunnels = control->tunnels,
	};
}

const char *control_counter(const struct control *control, unsigned index, const char **text,
			    uint64_t *value)
{
	if (index < IKE_COUNTER_COUNT) {
		*text = ike_counter_text(index);
		*value = control->ike != NULL ? ike_counter_value(control->ike, index) : 0;
		return ike_counter_name(index);
	}
	index -= IKE_COUNTER_COUNT;
	if (index < L2TP_COUNTER_COUNT) {
		*text = l2tp_counter_text(index);
		*value = control->l2tp_counters.value[index];
		return l2tp_counter_name(index);
	}
	index -= L2TP_COUNTER_COUNT;
	if (index < PPP_COUNTER_COUNT) {
		*text = ppp_counter_text(index);
		*value = control->ppp_counters.value[index];
		return ppp_counter_name(index);
	}
	index -= PPP_COUNTER_COUNT;
	if (index < RADIUS_BAD_COUNT)
		return control_radius_bad(control, index, text, value);
	index -= RADIUS_BAD_COUNT;
	if (index < RADIUS_DYNAMIC_COUNT)
		return dynamic_counter(control, index, text, value);
	if (index == RADIUS_DYNAMIC_COUNT) {
		*text = "packets of ours for which a worker's ring or the buffers had no room";
		*value = mailbox_packets_refused(control->mailbox);
		return "packets_refused";
	}
	return NULL;
}

bool control_pool(const struct control *control, unsigned index, const char **name, uint32_t *used,
		  uint32_t *size)
{
	if (index >= control->pool_count)
		return false;
	*name = control->pools[index].config->name;
	*used = address_pool_used_count(control->pools[index].addresses);
	*size = address_pool_size(control->pools[index].addresses);
	return true;
}

bool control_storage(const struct control *control, unsigned index, struct slab_figures *figures)
{
	return slabs_figures(control->storage, index, figures);
}

static uint64_t addresses_used(const struct control *control)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < control->pool_count; i++)
		used += address_pool_used_count(control->pools[i].addresses);
	return used;
}

static struct ike_objects ike_objects_of(const struct control *control)
{
	struct ike_objects objects = {0};

	if (control->ike != NULL)
		ike_objects(control->ike, &objects);
	return objects;
}

bool control_objects(const struct control *control, unsigned index, const char **name,
		     uint64_t *used, uint64_t *limit)
{
	uint64_t sessions = (uint64_t)control->config->max_sessions;
	const struct ike_objects ike = ike_objects_of(control);
	const struct {
		const char *name;
		uint64_t used;
		uint64_t limit;
	} kinds[] = {
		{"IKE: ISAKMP SA", ike.sas, 0},
		{"IKE: main mode", ike.main_modes, 0},
		{"IKE: quick mode", ike.quick_modes, 0},
		{"IKE: child", ike.children, 0},
		{"IKE: peer", ike.peers, sessions},
		{"IKE: job", ike.jobs, 0},
		{"IKE: source", ike.sources, 0},
		{"L2TP: peer's engine", control->l2tp_counters.engines - 1, sessions},
		{"L2TP: tunnel", control->l2tp_counters.tunnels, 0},
		{"L2TP: session", control->l2tp_counters.sessions, 0},
		{"PPP: link", control->ppp_counters.links, sessions},
		{"PPP: authentication", control->ppp_counters.authentications, sessions},
		{"control: peer group", slot_pool_used(control->group_slots), sessions},
		{"control: pair of ESP SAs", control->child_count,
		 tables_sizes(control->tables)->sas},
		{"control: session", slot_pool_used(control->session_slots), sessions},
		{"control: removal not acknowledged", control->removals.sent, 0},
		{"control: address", addresses_used(control), 0},
	};

	if (index >= sizeof(kinds) / sizeof(kinds[0]))
		return false;
	*name = kinds[index].name;
	*used = kinds[index].used;
	*limit = kinds[index].limit;
	return true;
}
