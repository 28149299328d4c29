/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/cause.h"

const char *cause_name(enum cause cause)
{
	static const char *const names[] = {
#define CAUSE(name, text) #name,
#include "base/causes.def"
#undef CAUSE
	};

	return cause < CAUSE_COUNT ? names[cause] : "unknown";
}

const char *cause_text(enum cause cause)
{
	static const char *const texts[] = {
#define CAUSE(name, text) text,
#include "base/causes.def"
#undef CAUSE
	};

	return cause < CAUSE_COUNT ? texts[cause] : "unknown cause";
}
