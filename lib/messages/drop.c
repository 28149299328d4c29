/* SPDX-License-Identifier: BSD-3-Clause */
#include "messages/drop.h"

const char *drop_name(enum drop drop)
{
	static const char *const names[] = {
#define DROP(name, text) #name,
#include "messages/drops.def"
#undef DROP
	};

	return names[drop];
}

const char *drop_text(enum drop drop)
{
	static const char *const texts[] = {
#define DROP(name, text) text,
#include "messages/drops.def"
#undef DROP
	};

	return texts[drop];
}

const char *control_class_name(enum control_class class)
{
	static const char *const names[] = {
#define CONTROL_CLASS(name, rate, share, text) #name,
#include "messages/classes.def"
#undef CONTROL_CLASS
	};

	return names[class];
}
