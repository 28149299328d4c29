/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/cause.h"

static const struct {
	const char *layer;
	const char *name;
	const char *sentence;
	const char *cure;
} causes[CAUSE_COUNT] = {
#define CAUSE(layer, name, sentence, cure) {#layer, #name, sentence, cure},
#include "base/causes.def"
#undef CAUSE
};

const char *cause_name(enum cause cause)
{
	return causes[cause].name;
}

const char *cause_layer(enum cause cause)
{
	return causes[cause].layer;
}

const char *cause_text(enum cause cause)
{
	return causes[cause].sentence;
}

const char *cause_cure(enum cause cause)
{
	return causes[cause].cure;
}
