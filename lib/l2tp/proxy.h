/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef L2TP_PROXY_H
#define L2TP_PROXY_H

/* The proxy LCP and proxy authentication AVPs of an ICCN (RFC 2661 4.4.5), for its event. */

#include "base/writer.h"
#include "l2tp/l2tp.h"
#include "l2tp/message.h"

/* What l2tp_proxy_take() needs to keep them; 0: `iccn` has none of LCP's. */
size_t l2tp_proxy_bytes(const struct message *iccn);

/* Copies them to `room`, which is aligned for any type; NULL when there are none. */
const struct l2tp_proxy *l2tp_proxy_take(const struct message *iccn, void *room);

/* A copy with its values, for l2tp_proxy_free(); NULL when they are too long. */
struct l2tp_proxy *l2tp_proxy_copy(const struct l2tp_proxy *proxy);
/* Wipes it; `proxy` may be NULL. */
void l2tp_proxy_free(struct l2tp_proxy *proxy);

/* Writes the AVPs. */
void l2tp_proxy_write(struct writer *w, const struct l2tp_proxy *proxy);

#endif
