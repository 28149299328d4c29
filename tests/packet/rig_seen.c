/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What passes from core to core inside of DPDK's libraries, done here once more: the thread sanitizer
 * sees the order that rings make only in code that was built with it.
 */
#include "rig_private.h"

#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_ring.h>

static uint16_t receive(void *queue, struct rte_mbuf **packets, uint16_t count)
{
	return (uint16_t)rte_ring_dequeue_burst(queue, (void **)packets, count, NULL);
}

static uint16_t transmit(void *queue, struct rte_mbuf **packets, uint16_t count)
{
	return (uint16_t)rte_ring_enqueue_burst(queue, (void **)packets, count, NULL);
}

void rig_port_seen(uint16_t port, struct rte_ring **rx, struct rte_ring **tx)
{
	struct rte_eth_fp_ops *operations = &rte_eth_fp_ops[port];

	operations->rx_pkt_burst = receive;
	operations->tx_pkt_burst = transmit;
	for (unsigned queue = 0; queue < RIG_WORKERS_MAX; queue++) {
		operations->rxq.data[queue] = rx[queue];
		operations->txq.data[queue] = tx[queue];
	}
}

static int pool_put(struct rte_mempool *pool, void *const *objects, unsigned count)
{
	return rte_ring_mp_enqueue_bulk(pool->pool_data, objects, count, NULL) == 0 ? -ENOBUFS : 0;
}

static int pool_get(struct rte_mempool *pool, void **objects, unsigned count)
{
	return rte_ring_mc_dequeue_bulk(pool->pool_data, objects, count, NULL) == 0 ? -ENOBUFS : 0;
}

void rig_pools_seen(void)
{
	for (unsigned i = 0; i < rte_mempool_ops_table.num_ops; i++) {
		struct rte_mempool_ops *operations = &rte_mempool_ops_table.ops[i];

		if (strcmp(operations->name, "ring_mp_mc") == 0) {
			operations->enqueue = pool_put;
			operations->dequeue = pool_get;
		}
	}
}
