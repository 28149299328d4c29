/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_NOTIFICATION_H
#define IKE_NOTIFICATION_H

/* What notifications are called, and what a peer's refusal means (RFC 2408 3.14.1). */

#include "base/cause.h"

#include <stdint.h>

#define NOTIFICATION_NAME_BYTES 32

/* "NO-PROPOSAL-CHOSEN", or the number for one without a name. `name` is room, and returned. */
const char *notification_name(uint16_t type, char name[NOTIFICATION_NAME_BYTES]);

/* The cause of a dial that ended because the peer sent this error. */
enum cause notification_cause(uint16_t type);

#endif
