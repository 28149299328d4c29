/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_CAUSE_H
#define BASE_CAUSE_H

/* Why a dial failed or a session ended: one list for every engine, causes.def. */

enum cause {
#define CAUSE(layer, name, sentence, cure) CAUSE_##name,
#include "base/causes.def"
#undef CAUSE
	CAUSE_COUNT
};

/* The identifier as in causes.def, in lower case, for example "wrong_preshared_key". */
const char *cause_name(enum cause cause);

/* Its part of causes.def: "any", "ike", "l2tp" or "ppp". */
const char *cause_layer(enum cause cause);

/* One sentence for the operator, without capital and full stop. */
const char *cause_text(enum cause cause);

/* What the operator can do about it, in whole sentences. Configuration keys stand in backquotes. */
const char *cause_cure(enum cause cause);

#endif
