/* SPDX-License-Identifier: BSD-3-Clause */
/* Pairs of ESP SAs: from the IKE engine's events to the owner worker and back. */
#include "control/private.h"

#include "base/memory.h"
#include "crypto/esp_engine.h"

#include <stdlib.h>

static size_t storage_bytes(const struct esp_suite *suite)
{
	return SA_STORAGE_BYTES + 2 * esp_key_bytes(suite);
}

struct child **child_outbound(const struct control *control, uint32_t spi_out)
{
	return &control->outbound_index[(spi_out * 2654435761u) >> (32 - control->index_bits)];
}

static void outbound_add(struct control *control, struct child *child)
{
	struct child **bucket = child_outbound(control, child->spi_out);

	child->next_outbound = *bucket;
	*bucket = child;
}

static void outbound_remove(struct control *control, const struct child *child)
{
	struct child **link = child_outbound(control, child->spi_out);

	while (*link != child)
		link = &(*link)->next_outbound;
	*link = child->next_outbound;
}

void child_add(struct control *control, const struct ike_event *event)
{
	struct peer_group *group = group_of(control, event->peer);
	uint32_t slot = tables_spi_slot(control->tables, event->child_add.spi_in);
	const struct esp_suite *suite = &event->child_add.keys_in.suite;
	struct message *message;
	struct child *child;
	void *storage;

	if (group == NULL) {
		tables_spi_release(control->tables, slot);
		return;
	}
	storage = slabs_take(control->storage, storage_bytes(suite));
	child = memory_new(sizeof(*child));
	child->group = group;
	child->slot = slot;
	child->spi_in = event->child_add.spi_in;
	child->spi_out = event->child_add.spi_out;
	child->encapsulated = event->child_add.encapsulated;
	child->suite = *suite;
	child->since_ms = loop_now_ms(control->loop);
	child->counters = storage;
	child->next = group->children;
	group->children = child;
	if (group->child_count++ == 0)
		group->inner = event->child_add.inner;
	control->children[slot] = child;
	control->child_count++;
	silence_watch(group);
	group->pairs_evicted |= group->child_count > GROUP_PAIRS_MAX;
	outbound_add(control, child);
	tables_sa_owner_set(control->tables, slot, group_owner(group));
	/* The first quick mode may come on another port; from then on roaming.c decides. */
	if (group->child_count == 1 &&
	    endpoint_same_address(&group->remote, &event->child_add.path.remote) &&
	    (!endpoint_equal(&group->remote, &event->child_add.path.remote) ||
	     !endpoint_equal(&group->local, &event->child_add.path.local))) {
		group_endpoint_set(group, &event->child_add.path);
		group_endpoint_send(group);
	}
	message = mailbox_message_new(control->mailbox, MESSAGE_SA_ADD);
	message->sa_add.storage = storage;
	message->sa_add.group = group->slot;
	message->sa_add.slot = slot;
	message->sa_add.spi_in = child->spi_in;
	message->sa_add.spi_out = child->spi_out;
	message->sa_add.encapsulated = child->encapsulated;
	message->sa_add.peer_port = event->child_add.peer_port;
	message->sa_add.keys_in = event->child_add.keys_in;
	message->sa_add.keys_out = event->child_add.keys_out;
	group_send(group, message);
}

static struct child *child_of(const struct control *control, uint32_t spi_in)
{
	struct child *child = control->children[tables_spi_slot(control->tables, spi_in)];

	return child != NULL && child->spi_in == spi_in && !child->deleting ? child : NULL;
}

void child_tell(struct control *control, const struct ike_event *event, enum message_kind kind)
{
	struct child *child = child_of(control, event->child.spi_in);
	struct message *message;

	if (child == NULL)
		return;
	child->confirmed |= kind == MESSAGE_SA_CONFIRM;
	child->lingering |= kind == MESSAGE_SA_STOP_OUTBOUND;
	message = mailbox_message_new(control->mailbox, kind);
	message->sa.group = child->group->slot;
	message->sa.slot = child->slot;
	group_send(child->group, message);
	if (child->lingering)
		silence_deleted(child->group);
}

void child_delete(struct control *control, const struct ike_event *event)
{
	struct child *child = child_of(control, event->child.spi_in);

	if (child == NULL)
		return;
	child->deleting = true;
	removal_ask(control, MESSAGE_SA_DELETE, child->group->slot, child->slot);
}

void child_free(struct child *child)
{
	slabs_give_back(child->group->control->storage, child->counters,
			storage_bytes(&child->suite));
	free(child);
}

void child_removed(struct control *control, struct message *message)
{
	struct child *child = control->children[message->remove.slot];
	struct peer_group *group = child->group;

	group->esp_came |= counter_read(&child->counters->packets_in) != 0;
	for (struct child **link = &group->children; *link != NULL; link = &(*link)->next) {
		if (*link == child) {
			*link = child->next;
			break;
		}
	}
	group->child_count--;
	control->children[child->slot] = NULL;
	control->child_count--;
	outbound_remove(control, child);
	tables_spi_release(control->tables, child->slot);
	child_free(child);
	group_check_gone(group);
}

void child_used(struct control *control, const struct message *message)
{
	struct child *child = child_of(control, message->sa_used.spi_in);

	if (child == NULL)
		return;
	child->confirmed = true;
	ike_child_used(control->ike, message->sa_used.spi_in, loop_now_ms(control->loop));
	ike_drain(control);
}
