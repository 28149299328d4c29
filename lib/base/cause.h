/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_CAUSE_H
#define BASE_CAUSE_H

/* Why a dial failed or a session ended: one list for every engine, causes.def. */

enum cause {
#define CAUSE(name, text) CAUSE_##name,
#include "base/causes.def"
#undef CAUSE
	CAUSE_COUNT
};

/* The identifier as in causes.def, in lower case, for example "wrong_preshared_key". */
const char *cause_name(enum cause cause);

/* One sentence for the operator. */
const char *cause_text(enum cause cause);

#endif
