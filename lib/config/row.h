/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_ROW_H
#define CONFIG_ROW_H

#include "config/config.h"

enum row_section {
	SECTION_DAEMON,
	SECTION_PORTS,
	SECTION_LISTENERS,
	SECTION_POOLS,
	SECTION_IKE,
	SECTION_L2TP,
	SECTION_LACS,
	SECTION_PPP,
	SECTION_RADIUS,
	SECTION_RADIUS_SERVERS,
	SECTION_BENCH,
	SECTION_COUNT
};

enum row_type {
	ROW_INTEGER,
	ROW_BOOLEAN,
	ROW_CHOICE,
	ROW_CHOICE_LIST,
	ROW_TEXT,
	ROW_PATH,
	ROW_ADDRESS,
	ROW_ENDPOINT,
	ROW_ADDRESS_LIST,
	ROW_PREFIX_LIST
};

struct row {
	enum row_section section;
	const char *key;
	enum row_type type;
	size_t offset;       /* in struct config, or in the element of a list */
	size_t size;         /* of the field */
	size_t count_offset; /* of the number of entries, for lists */
	long low;
	long high;
	const char *fallback; /* libconfig text of the default; "": required */
	const char *reload;
	const char *help;
};

/* Name in the file, "" for the top level; list: a list of groups; and what it is for. */
struct section {
	const char *name;
	bool list;
	const char *help;
};

extern const struct section sections[SECTION_COUNT];
extern const struct row rows[];
extern const size_t row_count;

/* The words of a choice, ending with NULL; in the order of the enumeration. */
const char *const *row_choices(const struct row *row);

#endif
