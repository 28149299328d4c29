/* SPDX-License-Identifier: BSD-3-Clause */
/* Which server is asked, which one is dead, and how it comes back. */
#include "radius/engine.h"

#include "base/memory.h"

#include <stdlib.h>

static bool suits(const struct radius *radius, uint32_t server, uint32_t tried)
{
	return radius->servers[server].alive && (tried & 1u << server) == 0;
}

uint32_t radius_server_choose(struct radius *radius, uint32_t tried)
{
	unsigned best = UINT32_MAX, weights = 0, share;

	for (uint32_t i = 0; i < radius->config.server_count; i++) {
		const struct radius_server_config *config = &radius->servers[i].config;

		if (!suits(radius, i, tried) || config->priority > best)
			continue;
		if (config->priority < best)
			weights = 0;
		best = config->priority;
		weights += config->weight;
	}
	if (weights == 0)
		return NO_SERVER;
	share = random_u32(&radius->random) % weights;
	for (uint32_t i = 0; i < radius->config.server_count; i++) {
		const struct radius_server_config *config = &radius->servers[i].config;

		if (!suits(radius, i, tried) || config->priority != best)
			continue;
		if (share < config->weight)
			return i;
		share -= config->weight;
	}
	return NO_SERVER;
}

static uint32_t index_of(const struct server *server)
{
	return (uint32_t)(server - server->radius->servers);
}

static void wake(struct server *server)
{
	struct radius *radius = server->radius;

	server->alive = true;
	timer_wheel_cancel(&server->timer);
	radius_event_new(radius, RADIUS_ALIVE, NULL, index_of(server), 0);
	radius_queue_serve(radius);
}

/* When there is something to do for a dead server: the next question, or another chance. */
static void dead_timer_set(struct server *server)
{
	const struct radius *radius = server->radius;
	uint64_t chance_ms = server->died_ms + radius->config.dead_ms;
	uint64_t question_ms = radius->now_ms + radius->config.status_ms;

	timer_wheel_set(radius->wheel, &server->timer,
			radius->config.status_ms != 0 && question_ms < chance_ms ? question_ms
										 : chance_ms);
}

static void status_ask(struct server *server)
{
	struct exchange *exchange;

	if (server->radius->config.status_ms == 0 || server->status != NULL)
		return;
	exchange = radius_status_new(server);
	if (!radius_place_take(exchange, index_of(server))) {
		radius_exchange_free(exchange);
		return;
	}
	server->status = exchange;
	server->figures.status_requests++;
	radius_exchange_send(exchange);
}

static void dead_expired(struct timer_node *node, uint64_t now_ms)
{
	struct server *server = (struct server *)((char *)node - offsetof(struct server, timer));

	if (now_ms - server->died_ms >= server->radius->config.dead_ms) {
		wake(server);
		return;
	}
	status_ask(server);
	dead_timer_set(server);
}

/* What waits for its answer goes to others at once. */
static void requests_move(struct server *server)
{
	struct radius *radius = server->radius;

	for (uint32_t place = 0; place < radius->config.sockets * IDENTIFIERS; place++) {
		struct exchange *exchange = server->places[place];

		if (exchange == NULL || exchange == server->status)
			continue;
		server->figures.timeouts++;
		radius_place_release(exchange);
		radius_exchange_next_server(exchange);
	}
}

void radius_server_silent(struct server *server, const struct exchange *exchange)
{
	server->figures.timeouts++;
	if (!server->alive || server->replies != exchange->replies_before)
		return;
	server->alive = false;
	server->died_ms = server->radius->now_ms;
	server->figures.deaths++;
	radius_event_new(server->radius, RADIUS_DEAD, NULL, index_of(server), 0);
	requests_move(server);
	status_ask(server);
	dead_timer_set(server);
}

void radius_server_heard(struct server *server)
{
	server->replies++;
	if (!server->alive)
		wake(server);
}

void radius_servers_open(struct radius *radius)
{
	for (unsigned i = 0; i < radius->config.server_count; i++) {
		struct server *server = &radius->servers[i];

		server->radius = radius;
		server->config = radius->config.servers[i];
		server->alive = true;
		server->timer.expired = dead_expired;
		server->places = memory_new_array((size_t)radius->config.sockets * IDENTIFIERS,
						  sizeof(struct exchange *));
	}
}

void radius_servers_close(struct radius *radius)
{
	for (unsigned i = 0; i < radius->config.server_count; i++) {
		struct server *server = &radius->servers[i];

		timer_wheel_cancel(&server->timer);
		if (server->status != NULL)
			radius_exchange_free(server->status);
		free(server->places);
	}
}

bool radius_server_view(const struct radius *radius, unsigned index,
			struct radius_server_view *view)
{
	const struct server *server = &radius->servers[index];

	if (index >= radius->config.server_count)
		return false;
	*view = server->figures;
	view->address = server->config.address;
	view->priority = server->config.priority;
	view->weight = server->config.weight;
	view->alive = server->alive;
	return true;
}
