/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/*
 * The configuration file, parsed and checked through one table of rows (rows.def): path, type,
 * range, default, reload class and help. The same rows print the commented example and the manual.
 */

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct credentials;

#define CONFIG_PORTS_MAX           16
#define CONFIG_ADDRESSES_MAX       8
#define CONFIG_LISTENERS_MAX       64
#define CONFIG_POOLS_MAX           64
#define CONFIG_DNS_MAX             2
#define CONFIG_RADIUS_SERVERS_MAX  16
#define CONFIG_LACS_MAX            256
#define CONFIG_KEYS_MAX            8 /* pre-shared keys of one listener, that without a name included */
#define CONFIG_AGGRESSIVE_KEYS_MAX 256
#define CONFIG_KEY_NAME_BYTES      64
#define CONFIG_TEXT_BYTES          128
#define CONFIG_PATH_BYTES          256

enum config_rebalance { CONFIG_REBALANCE_MANUAL, CONFIG_REBALANCE_AUTO };
enum config_idle { CONFIG_IDLE_ADAPTIVE, CONFIG_IDLE_POLL };
enum config_memory { CONFIG_MEMORY_AUTO, CONFIG_MEMORY_HUGE, CONFIG_MEMORY_NOHUGE };
enum config_ipsec { CONFIG_IPSEC_REQUIRED, CONFIG_IPSEC_OPTIONAL, CONFIG_IPSEC_OFF };
enum config_compatibility { CONFIG_COMPATIBILITY_CLIENTS, CONFIG_COMPATIBILITY_MODERN };
enum config_authentication {
	CONFIG_AUTHENTICATION_PAP,
	CONFIG_AUTHENTICATION_CHAP_MD5,
	CONFIG_AUTHENTICATION_MS_CHAP_V2,
	CONFIG_AUTHENTICATION_COUNT
};

/* A user who dials while he has a session. */
enum config_single_session {
	CONFIG_SINGLE_SESSION_OFF,
	CONFIG_SINGLE_SESSION_DENY,
	CONFIG_SINGLE_SESSION_REPLACE,
};

/* What becomes of the LCP and the authentication of a LAC. */
enum config_proxy { CONFIG_PROXY_AUTO, CONFIG_PROXY_ACCEPT, CONFIG_PROXY_RENEGOTIATE };

enum config_users_from { CONFIG_USERS_LOCAL, CONFIG_USERS_RADIUS, CONFIG_USERS_RADIUS_THEN_LOCAL };

enum config_bench_cipher {
	CONFIG_BENCH_NONE,
	CONFIG_BENCH_AES_256_GCM,
	CONFIG_BENCH_AES_128_GCM,
	CONFIG_BENCH_AES_256_CBC_SHA1,
	CONFIG_BENCH_CIPHER_COUNT
};

/* IPv4 or IPv6. Addresses named `_be` are IPv4 in network order. */
struct config_address {
	struct endpoint address;
	uint8_t prefix_length;
};

struct config_port {
	char name[16];
	char device[CONFIG_TEXT_BYTES];
	int mtu;
	struct config_address addresses[CONFIG_ADDRESSES_MAX];
	unsigned address_count;
};

/* A line of a file with several keys. */
struct config_key {
	char name[CONFIG_KEY_NAME_BYTES];
	uint8_t *bytes; /* owned */
	size_t length;
};

struct config_listener {
	struct endpoint address;    /* none: every local address */
	int ipsec;                  /* enum config_ipsec */
	uint32_t public_address_be; /* 0: no NAT changes the address */
	char preshared_key_file[CONFIG_PATH_BYTES];
	/* Read from the file, without a newline at the end; NULL where there is none. */
	uint8_t *preshared_key;
	size_t preshared_key_bytes;
	char preshared_keys_file[CONFIG_PATH_BYTES];
	struct config_key *preshared_keys; /* read from that file; owned */
	unsigned preshared_key_count;
	char aggressive_keys_file[CONFIG_PATH_BYTES];
	struct config_key *aggressive_keys; /* read from that file, by identifier; owned */
	unsigned aggressive_key_count;
	char certificate_file[CONFIG_PATH_BYTES];
	char private_key_file[CONFIG_PATH_BYTES];
	char ca_file[CONFIG_PATH_BYTES];
	char crl_file[CONFIG_PATH_BYTES];
	struct credentials *credentials; /* loaded from the four; NULL: none */
};

struct config_pool {
	char name[32];
	uint32_t first_be;
	uint32_t last_be;
};

/* What is different for a LAC that calls itself so. */
struct config_lac {
	char host_name[64];
	char secret_file[CONFIG_PATH_BYTES];
	uint8_t *secret; /* read from the file; NULL: l2tp_secret */
	size_t secret_bytes;
	int sessions;  /* at most; 0: no bound of its own */
	char pool[32]; /* "": every pool */
};

struct config_radius_server {
	uint32_t address_be;
	int port;
	char secret_file[CONFIG_PATH_BYTES];
	uint8_t *secret; /* read from the file */
	size_t secret_bytes;
	int priority;
	int weight;
};

struct config {
	/* daemon */
	int workers; /* 0: processors minus one */
	int idle;    /* enum config_idle */
	int dials_kept;
	int rebalance; /* enum config_rebalance */
	int memory;    /* enum config_memory */
	int memory_megabytes;
	int max_sessions;
	int max_routes;
	int log_level; /* 0 error, 1 warning, 2 info, 3 debug */
	char control_socket[CONFIG_PATH_BYTES];
	char control_group[32];         /* group that may use the socket; "": root's */
	char events[CONFIG_PATH_BYTES]; /* "": no event file */
	bool client_to_client;
	bool mss_clamp;

	struct config_port ports[CONFIG_PORTS_MAX];
	unsigned port_count;
	struct config_listener listeners[CONFIG_LISTENERS_MAX];
	unsigned listener_count;
	struct config_pool pools[CONFIG_POOLS_MAX];
	unsigned pool_count;

	/* ike */
	int ike_compatibility; /* enum config_compatibility */
	bool ike_force_encapsulation;
	uint32_t ike_local_id_be; /* 0: the address dialled */
	int ike_half_open_per_source;
	int ike_half_open_total;
	int ike_dpd_idle_seconds; /* 0: off */
	int ike_dpd_interval_seconds;
	int ike_dpd_attempts;
	int triple_des_kilobytes_per_second; /* of each SA and direction */

	/* l2tp */
	char l2tp_host_name[64];
	char l2tp_secret_file[CONFIG_PATH_BYTES];
	uint8_t *l2tp_secret; /* read from the file; NULL: none */
	size_t l2tp_secret_bytes;
	bool l2tp_challenge;
	int l2tp_proxy;              /* enum config_proxy */
	int l2tp_hello_idle_seconds; /* 0: off */
	int l2tp_tunnels_per_client;
	int l2tp_sessions_per_tunnel;
	int l2tp_receive_window;

	/* ppp */
	int ppp_authentication[CONFIG_AUTHENTICATION_COUNT]; /* in order of preference */
	unsigned ppp_authentication_count;
	int ppp_mru;               /* 0: auto */
	int ppp_idle_seconds;      /* 0: never */
	int ppp_echo_idle_seconds; /* 0: off */
	int ppp_echo_interval_seconds;
	int ppp_echo_attempts;

	/* radius */
	int radius_timeout_ms;
	int radius_retries;
	int radius_give_up_ms;
	int radius_dead_seconds;
	int radius_status_seconds; /* 0: off */
	int radius_source_ports;
	int radius_queue;
	int radius_dynamic_port;        /* 0: none */
	char radius_nas_identifier[64]; /* "": l2tp_host_name */
	uint32_t radius_nas_address_be; /* 0: the address dialled */
	struct config_lac lacs[CONFIG_LACS_MAX];
	unsigned lac_count;
	struct config_radius_server radius_servers[CONFIG_RADIUS_SERVERS_MAX];
	unsigned radius_server_count;

	/* bench */
	int bench_sessions;
	int bench_cipher; /* enum config_bench_cipher */
	char bench_seed[64];
	bool bench_check_replay;

	/* aaa */
	int users_from;     /* enum config_users_from */
	int single_session; /* enum config_single_session */
	char users_file[CONFIG_PATH_BYTES];
	uint32_t local_address_be; /* our end of each PPP link; 0: the one before the first pool */
	uint32_t dns_be[CONFIG_DNS_MAX];
	unsigned dns_count;
};

#define CONFIG_ERROR_BYTES 512

/*
 * Reads and checks `path`; relative paths in it are relative to its folder. Secret files are read,
 * and must not be readable by others. NULL on any error, with one line in `error`:
 * "FILE:LINE: KEY: reason".
 */
struct config *config_load(const char *path, char error[CONFIG_ERROR_BYTES]);

/* Wipes the secrets. */
void config_free(struct config *config);

/* The commented example with every key and its default. */
void config_print_example(FILE *to);

/* The manual of the keys in Markdown. */
void config_print_manual(FILE *to);

#endif
