/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation_wire.h"

#include <assert.h>
#include <string.h>

uint64_t generator_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

void generator_fill(void *seed, void *bytes, size_t length)
{
	uint8_t *to = bytes;

	for (size_t i = 0; i < length; i++)
		to[i] = (uint8_t)(generator_next(seed) >> 24);
}

static bool chance(struct wire *wire, unsigned percent)
{
	return (generator_next(wire->seed) >> 16) % 100 < percent;
}

static void packet_put(struct wire *wire, const uint8_t *bytes, size_t length, uint64_t arrives_ms)
{
	struct wire_packet *packet;

	assert(length <= WIRE_PACKET_MAX);
	if (wire->count == WIRE_PACKETS)
		return;
	packet = &wire->packets[wire->count++];
	packet->arrives_ms = arrives_ms;
	packet->length = length;
	memcpy(packet->bytes, bytes, length);
}

void wire_send(struct wire *wire, const uint8_t *bytes, size_t length, uint64_t now_ms)
{
	uint64_t arrives_ms = now_ms + wire->delay_ms;

	if (wire->cut || chance(wire, wire->loss_percent))
		return;
	if (chance(wire, wire->reorder_percent))
		arrives_ms += 1 + generator_next(wire->seed) % 300;
	packet_put(wire, bytes, length, arrives_ms);
	if (chance(wire, wire->duplicate_percent))
		packet_put(wire, bytes, length, arrives_ms + generator_next(wire->seed) % 50);
}

static size_t first_of(const struct wire *wire)
{
	size_t first = 0;

	for (size_t i = 1; i < wire->count; i++)
		if (wire->packets[i].arrives_ms < wire->packets[first].arrives_ms)
			first = i;
	return first;
}

bool wire_receive(struct wire *wire, struct wire_packet *packet, uint64_t now_ms)
{
	size_t first = first_of(wire);

	if (wire->count == 0 || wire->packets[first].arrives_ms > now_ms)
		return false;
	*packet = wire->packets[first];
	wire->count--;
	memmove(&wire->packets[first], &wire->packets[first + 1],
		(wire->count - first) * sizeof(*packet));
	return true;
}

uint64_t wire_deadline(const struct wire *wire)
{
	return wire->count == 0 ? UINT64_MAX : wire->packets[first_of(wire)].arrives_ms;
}
