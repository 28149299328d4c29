/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_MEMORY_VIEW_H
#define CONCENTRATOR_MEMORY_VIEW_H

#include <jansson.h>

struct control;

/*
 * What the process holds, as an array of {kind, name, used, size}: its memory, jemalloc's and the
 * heap of DPDK in bytes; the pools of DPDK, the packet path's storage and control's objects of each
 * kind in objects. A size of 0 says that there is no bound. The caller owns the array.
 */
json_t *memory_view(const struct control *control);

#endif
