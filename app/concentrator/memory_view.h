/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_MEMORY_VIEW_H
#define CONCENTRATOR_MEMORY_VIEW_H

#include <jansson.h>

/*
 * What the process holds, as an array of {kind, name, used, size}: its resident memory and the heap
 * of DPDK in bytes, the pools of DPDK in objects. The caller owns the array.
 */
json_t *memory_view(void);

#endif
