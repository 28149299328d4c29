/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_PACKET_RIG_PRIVATE_H
#define TESTS_PACKET_RIG_PRIVATE_H

#include "rig.h"

#define STORAGES_MAX 4096

struct rig {
	struct rig_options options;
	struct mailbox *mailbox;
	struct tables *tables;
	struct dataplane *dataplane;
	uint32_t pool;
	unsigned peers;
	struct rig_peer peer[RIG_PEERS_MAX];
	bool sa_live[256]; /* by slot */
	uint32_t sa_group[256];
	unsigned sa_worker[256];
	unsigned storages;
	void *storage[STORAGES_MAX];
	uint64_t drops[DROP_COUNT]; /* as the test knows them */
};

/* rig_seen.c: ports and pools whose order the thread sanitizer sees. */
struct rte_ring;
void rig_port_seen(uint16_t port, struct rte_ring **rx, struct rte_ring **tx);
void rig_pools_seen(void);

void rig_sa_slot_delete(struct rig *rig, uint32_t slot);

#endif
