/* SPDX-License-Identifier: BSD-3-Clause */
#include "messages/drop.h"

static const struct {
	const char *name;
	const char *text;
	const char *advice;
} drops[DROP_COUNT] = {
#define DROP(name, text, advice) {#name, text, advice},
#include "messages/drops.def"
#undef DROP
};

const char *drop_name(enum drop drop)
{
	return drops[drop].name;
}

const char *drop_text(enum drop drop)
{
	return drops[drop].text;
}

const char *drop_advice(enum drop drop)
{
	return drops[drop].advice;
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

static const struct {
	const char *name;
	const char *text;
} watch_points[WATCH_POINT_COUNT] = {
#define WATCH_POINT(name, text) {#name, text},
#include "messages/watch_points.def"
#undef WATCH_POINT
};

const char *watch_point_name(enum watch_point point)
{
	return watch_points[point].name;
}

const char *watch_point_text(enum watch_point point)
{
	return watch_points[point].text;
}
