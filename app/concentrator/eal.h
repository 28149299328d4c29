/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_EAL_H
#define CONCENTRATOR_EAL_H

#include "base/log.h"
#include "config/config.h"

/* Worker cores that the configuration asks for, or that the processors allow. */
unsigned eal_workers(const struct config *config);

/*
 * Starts DPDK's environment with the configured ports: hugepages or not, cores, devices. Says in
 * one line what it chose and what would be faster. 0 or -1.
 */
int eal_start(const struct config *config, unsigned workers, struct log *log);

#endif
