/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_EAL_H
#define LOAD_EAL_H

#include "options.h"

/* Starts DPDK with the devices of the options, on one lcore. 0 or -1. */
int eal_start(const struct options *options);

#endif
