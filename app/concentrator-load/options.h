/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

/* The command line. Addresses are IPv4; `_be` ones in network order, others in host order. */

#include "crypto/esp_suite.h"

#include <stdbool.h>
#include <stdint.h>

#define SIZES_MAX    8
#define SESSIONS_MAX 60000

enum load_mode {
	MODE_CLIENT, /* one tunnel and one session each */
	MODE_LAC,    /* many sessions in each tunnel */
};

enum load_until {
	UNTIL_PPP,
	UNTIL_L2TP,
	UNTIL_IKE,
};

/* One packet size of the mix, and how many of them come in a round. */
struct packet_size {
	uint16_t bytes; /* of the inner IP packet */
	uint16_t weight;
};

struct options {
	const char *peers_port; /* DPDK devices */
	const char *servers_port;
	uint32_t lns_be;
	uint32_t peers_address_be; /* our own on that link; 0: none */
	uint32_t peers_gateway_be; /* 0: the LNS is on the link */
	uint32_t peers_first;      /* outer address of the first peer */
	uint32_t servers_address_be;
	uint32_t servers_gateway_be;

	enum load_mode mode;
	uint32_t sessions;
	uint32_t tunnels;
	enum load_until until;
	const char *tunnel_secret_file;
	bool proxy; /* a LAC passes on what it has negotiated */

	bool ipsec;
	struct esp_suite suite;
	uint16_t ike_group;
	const char *preshared_key_file;
	bool bare_esp;
	uint32_t clients_per_address; /* behind one NAT; 0: no NAT */
	uint32_t private_address_be;  /* of every client behind a NAT */
	uint32_t keepalive_seconds;

	uint8_t authentication; /* enum ppp_authentication */
	const char *user;
	const char *password;
	const char *users_file;
	const char *write_users;

	uint32_t rate; /* dials a second; 0: as fast as it goes */
	uint32_t in_progress;
	uint32_t setup_seconds;
	uint32_t hold_seconds;

	uint32_t traffic; /* packets a second in each direction */
	uint32_t seconds;
	struct packet_size sizes[SIZES_MAX];
	unsigned size_count;
	double loss_percent;

	const char *json_file;
	uint32_t progress; /* a line each so many sessions; 0: none */
	int core;          /* -1: any */
	uint32_t memory_megabytes;
	bool huge_pages;
};

/*
 * Fills `options`. 0: run; 1: nothing more to do (help, version); 2: wrong usage, and the reason is on
 * standard error.
 */
int options_parse(struct options *options, int argc, char **argv);

#endif
