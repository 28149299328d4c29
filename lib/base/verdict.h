/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_VERDICT_H
#define BASE_VERDICT_H

/*
 * What a protocol edge decided about a message. Result codes, notifications, counters and the
 * explanation to the operator all derive from one verdict.
 */

#include "base/cause.h"

#include <stdint.h>

enum verdict_kind {
	VERDICT_ACCEPT,     /* go on */
	VERDICT_PEER_FAULT, /* answer with `wire_code`, the protocol's own error */
	VERDICT_OWN_FAULT,  /* we cannot serve it: answer with `wire_code` */
	VERDICT_IGNORE,     /* drop in silence under a counter */
};

struct verdict {
	enum verdict_kind kind;
	uint16_t wire_code;
	enum cause cause;
};

#endif
