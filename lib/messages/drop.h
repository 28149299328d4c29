/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MESSAGES_DROP_H
#define MESSAGES_DROP_H

/* Names of drops, control classes and points of a watch, from drops.def, classes.def and watch_points.def. */

enum drop {
#define DROP(name, text, advice) DROP_##name,
#include "messages/drops.def"
#undef DROP
	DROP_COUNT
};

enum control_class {
#define CONTROL_CLASS(name, rate, share, text) CONTROL_CLASS_##name,
#include "messages/classes.def"
#undef CONTROL_CLASS
	CONTROL_CLASS_COUNT
};

enum watch_point {
#define WATCH_POINT(name, text) WATCH_POINT_##name,
#include "messages/watch_points.def"
#undef WATCH_POINT
	WATCH_POINT_COUNT
};

const char *watch_point_name(enum watch_point point);
const char *watch_point_text(enum watch_point point);

const char *drop_name(enum drop drop);
const char *drop_text(enum drop drop);

/* The usual cause and what to do, in whole sentences. */
const char *drop_advice(enum drop drop);

const char *control_class_name(enum control_class class);

#endif
