/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/row.h"

#include <string.h>

const struct section sections[SECTION_COUNT] = {
	[SECTION_DAEMON] = {"", false, "The daemon"},
	[SECTION_PORTS] = {"ports", true, "Ports: DPDK devices and their addresses"},
	[SECTION_LISTENERS] = {"listeners", true, "Addresses that peers dial"},
	[SECTION_POOLS] = {"pools", true, "Addresses for subscribers"},
	[SECTION_IKE] = {"ike", false, "IKE and IPsec"},
	[SECTION_L2TP] = {"l2tp", false, "L2TP"},
	[SECTION_LACS] = {"lacs", true, "LACs, by the host name that they give"},
	[SECTION_PPP] = {"ppp", false, "PPP"},
	[SECTION_RADIUS] = {"radius", false, "RADIUS"},
	[SECTION_RADIUS_SERVERS] = {"radius_servers", true, "RADIUS servers"},
	[SECTION_BENCH] = {"bench", false, "Sessions for measurements"},
};

/* Words in the order of the enumerations in config.h. */
static const char *const rebalance_choices[] = {"manual", "auto", NULL};
static const char *const idle_choices[] = {"adaptive", "poll", NULL};
static const char *const memory_choices[] = {"auto", "huge", "nohuge", NULL};
static const char *const log_level_choices[] = {"error", "warning", "info", "debug", NULL};
static const char *const ipsec_choices[] = {"required", "optional", "off", NULL};
static const char *const compatibility_choices[] = {"clients", "modern", NULL};
static const char *const authentication_choices[] = {"pap", "chap", "mschapv2", NULL};

static const char *const proxy_choices[] = {"auto", "accept", "renegotiate", NULL};
static const char *const single_session_choices[] = {"off", "deny", "replace", NULL};
static const char *const users_from_choices[] = {"local", "radius", "radius_then_local", NULL};

static const char *const cipher_choices[] = {"none", "aes-256-gcm", "aes-128-gcm",
					     "aes-256-cbc-sha1", NULL};

static const struct {
	const char *key;
	const char *const *words;
} choices[] = {
	{"idle", idle_choices},
	{"rebalance", rebalance_choices},
	{"memory", memory_choices},
	{"log_level", log_level_choices},
	{"ipsec", ipsec_choices},
	{"compatibility", compatibility_choices},
	{"authentication", authentication_choices},
	{"cipher", cipher_choices},
	{"proxy", proxy_choices},
	{"single_session", single_session_choices},
	{"users_from", users_from_choices},
};

/* The structure that a section's fields live in. */
#define STRUCT_DAEMON         struct config
#define STRUCT_PORTS          struct config_port
#define STRUCT_LISTENERS      struct config_listener
#define STRUCT_POOLS          struct config_pool
#define STRUCT_IKE            struct config
#define STRUCT_L2TP           struct config
#define STRUCT_LACS           struct config_lac
#define STRUCT_PPP            struct config
#define STRUCT_RADIUS         struct config
#define STRUCT_RADIUS_SERVERS struct config_radius_server
#define STRUCT_BENCH          struct config

/* Where a list keeps the number of its entries. */
#define COUNT_INTEGER(structure, field)      0
#define COUNT_BOOLEAN(structure, field)      0
#define COUNT_CHOICE(structure, field)       0
#define COUNT_TEXT(structure, field)         0
#define COUNT_PATH(structure, field)         0
#define COUNT_ADDRESS(structure, field)      0
#define COUNT_ENDPOINT(structure, field)     0
#define COUNT_CHOICE_LIST(structure, field)  offsetof(struct config, ppp_authentication_count)
#define COUNT_ADDRESS_LIST(structure, field) offsetof(struct config, dns_count)
#define COUNT_PREFIX_LIST(structure, field)  offsetof(struct config_port, address_count)

const struct row rows[] = {
#define ROW(section, key, type, field, low, high, fallback, reload, help) \
	{SECTION_##section,                                               \
	 #key,                                                            \
	 ROW_##type,                                                      \
	 offsetof(STRUCT_##section, field),                               \
	 sizeof(((STRUCT_##section *)0)->field),                          \
	 COUNT_##type(STRUCT_##section, field),                           \
	 low,                                                             \
	 high,                                                            \
	 fallback,                                                        \
	 #reload,                                                         \
	 help},
#include "config/rows.def"
#undef ROW
};

const size_t row_count = sizeof(rows) / sizeof(rows[0]);

const char *const *row_choices(const struct row *row)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		if (strcmp(choices[i].key, row->key) == 0)
			return choices[i].words;
	return NULL;
}
