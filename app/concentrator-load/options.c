/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include "ppp/ppp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_LEAST 56   /* IPv4, UDP and what the receiver needs to check a packet */
#define PAYLOAD_MOST  1500 /* largest inner packet */

enum key {
	KEY_PEERS_PORT,
	KEY_LNS,
	KEY_PEERS_FIRST,
	KEY_PEERS_ADDRESS,
	KEY_PEERS_GATEWAY,
	KEY_SERVERS_PORT,
	KEY_SERVERS_ADDRESS,
	KEY_SERVERS_GATEWAY,
	KEY_MODE,
	KEY_SESSIONS,
	KEY_TUNNELS,
	KEY_TUNNEL_SECRET_FILE,
	KEY_PROXY,
	KEY_UNTIL,
	KEY_IPSEC,
	KEY_IKE_GROUP,
	KEY_PSK_FILE,
	KEY_BARE_ESP,
	KEY_NAT,
	KEY_PRIVATE_ADDRESS,
	KEY_KEEPALIVE,
	KEY_AUTH,
	KEY_USER,
	KEY_PASSWORD,
	KEY_USERS,
	KEY_WRITE_USERS,
	KEY_RATE,
	KEY_IN_PROGRESS,
	KEY_SETUP_SECONDS,
	KEY_HOLD,
	KEY_TRAFFIC,
	KEY_SECONDS,
	KEY_SIZES,
	KEY_LOSS,
	KEY_JSON,
	KEY_PROGRESS,
	KEY_CORE,
	KEY_MEMORY,
	KEY_HUGE,
	KEY_HELP,
	KEY_VERSION,
	KEY_COUNT
};

struct option_row {
	const char *name;
	const char *argument; /* NULL: none */
	const char *help;
	const char *heading; /* printed before this row */
};

static const struct option_row rows[KEY_COUNT] = {
	[KEY_PEERS_PORT] = {"peers-port", "DEVICE", "DPDK device on the side of clients and LACs",
			    "Links"},
	[KEY_LNS] = {"lns", "ADDRESS", "address that is dialled", NULL},
	[KEY_PEERS_FIRST] = {"peers-first", "ADDRESS",
			     "outer address of the first peer or NAT; the others follow it", NULL},
	[KEY_PEERS_ADDRESS] = {"peers-address", "ADDRESS",
			       "our own address on that link, when the outer ones are routed to it "
			       "(default: the first outer address)",
			       NULL},
	[KEY_PEERS_GATEWAY] = {"peers-gateway", "ADDRESS", "next hop to the LNS (default: the LNS)",
			       NULL},
	[KEY_SERVERS_PORT] = {"servers-port", "DEVICE", "DPDK device on the side of the servers",
			      NULL},
	[KEY_SERVERS_ADDRESS] = {"servers-address", "ADDRESS",
				 "address of the server that clients talk to", NULL},
	[KEY_SERVERS_GATEWAY] = {"servers-gateway", "ADDRESS",
				 "next hop from the server to the clients", NULL},
	[KEY_MODE] = {"mode", "client|lac",
		      "client: each session has a tunnel of its own (default); lac: few tunnels "
		      "with many sessions",
		      "Peers"},
	[KEY_SESSIONS] = {"sessions", "N", "1 to 60000 (default 1)", NULL},
	[KEY_TUNNELS] = {"tunnels", "N", "with --mode lac (default 1)", NULL},
	[KEY_TUNNEL_SECRET_FILE] = {"tunnel-secret-file", "FILE",
				    "answer and send L2TP challenges with this secret", NULL},
	[KEY_PROXY] = {"proxy", NULL,
		       "with --mode lac: the LAC passes LCP on, and with pap and chap who dials",
		       NULL},
	[KEY_UNTIL] = {"until", "ike|l2tp|ppp", "how far a dial goes (default ppp)", NULL},
	[KEY_IPSEC] = {"ipsec", "SUITE",
		       "aes128-gcm, aes256-gcm, or {aes128,aes192,aes256,3des}-cbc-{sha1,sha256,"
		       "sha384,sha512} (default: no IPsec)",
		       "IPsec"},
	[KEY_IKE_GROUP] = {"ike-group", "GROUP",
			   "modp1024, modp1536, modp2048, modp3072, ecp256, ecp384 or ecp521 "
			   "(default modp2048)",
			   NULL},
	[KEY_PSK_FILE] = {"psk-file", "FILE", "the pre-shared key", NULL},
	[KEY_BARE_ESP] = {"bare-esp", NULL, "no NAT traversal: ESP as IP protocol 50", NULL},
	[KEY_NAT] = {"nat", "CLIENTS", "so many peers share one outer address, by their ports",
		     NULL},
	[KEY_PRIVATE_ADDRESS] = {"private-address", "ADDRESS",
				 "of every peer behind a NAT (default 192.168.1.10)", NULL},
	[KEY_KEEPALIVE] = {"keepalive", "SECONDS", "between NAT keepalives, 0: none (default 20)",
			   NULL},
	[KEY_AUTH] = {"auth", "METHOD", "pap, chap, mschapv2 or none (default mschapv2)",
		      "Subscribers"},
	[KEY_USER] = {"user", "PATTERN",
		      "user name; %d is the number of the session (default user%d)", NULL},
	[KEY_PASSWORD] = {"password", "PATTERN", "password, likewise (default password%d)", NULL},
	[KEY_USERS] = {"users", "FILE", "user and password of each session from a line of FILE",
		       NULL},
	[KEY_WRITE_USERS] = {"write-users", "FILE",
			     "write the users file for the daemon, mode 0600, and end", NULL},
	[KEY_RATE] = {"rate", "N", "dials begun a second (default 0: as fast as they complete)",
		      "Dialling"},
	[KEY_IN_PROGRESS] = {"in-progress", "N", "unfinished dials at a time (default 128)", NULL},
	[KEY_SETUP_SECONDS] = {"setup-seconds", "SECONDS",
			       "give up when nothing happens for so long (default 70)", NULL},
	[KEY_HOLD] = {"hold", "SECONDS", "keep the sessions for so long before traffic begins",
		      NULL},
	[KEY_TRAFFIC] = {"traffic", "PPS",
			 "packets a second in each direction, over all sessions in turn "
			 "(default 0: none)",
			 "Traffic"},
	[KEY_SECONDS] = {"seconds", "SECONDS", "of traffic (default 10)", NULL},
	[KEY_SIZES] = {"sizes", "MIX",
		       "BYTES:WEIGHT,... of inner IP packets, 56 to 1500 (default "
		       "64:7,576:4,1400:1)",
		       NULL},
	[KEY_LOSS] = {"loss", "PERCENT", "loss that is not an error (default 0)", NULL},
	[KEY_JSON] = {"json", "FILE", "write the figures to FILE, - for standard output",
		      "Running"},
	[KEY_PROGRESS] = {"progress", "N", "a line of progress each N sessions", NULL},
	[KEY_CORE] = {"core", "N", "run on this processor (default: any)", NULL},
	[KEY_MEMORY] = {"memory", "MEGABYTES", "for packets (default 128)", NULL},
	[KEY_HUGE] = {"huge-pages", NULL, "take that memory from hugepages", NULL},
	[KEY_HELP] = {"help", NULL, "this text", NULL},
	[KEY_VERSION] = {"version", NULL, "the version", NULL},
};

static const char introduction[] =
	"concentrator-load: emulated L2TP/IPsec clients and LACs that dial an LNS, pass traffic in "
	"both\n"
	"directions, and check each packet\n"
	"\n"
	"  concentrator-load --peers-port DEVICE --lns ADDRESS --peers-first ADDRESS [OPTION]...\n"
	"  concentrator-load --sessions N --user PATTERN --password PATTERN --write-users FILE\n";

static const char ending[] =
	"\n"
	"Status 0: every session came up and went down in order, and no packet was lost, late, "
	"changed\n"
	"or given to somebody else; 1: not so; 2: wrong usage. docs/load.md has examples.\n";

static void help_print(void)
{
	fputs(introduction, stdout);
	for (unsigned i = 0; i < KEY_COUNT; i++) {
		char left[64];

		if (rows[i].heading != NULL)
			printf("\n%s:\n", rows[i].heading);
		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
			 rows[i].argument != NULL ? " " : "",
			 rows[i].argument != NULL ? rows[i].argument : "");
		printf("  %-28s %s\n", left, rows[i].help);
	}
	fputs(ending, stdout);
}

static int wrong(enum key key, const char *value)
{
	fprintf(stderr, "concentrator-load: --%s: \"%s\" is not possible (%s)\n", rows[key].name,
		value, rows[key].help);
	return 2;
}

static int number_take(enum key key, const char *text, uint32_t least, uint32_t most, uint32_t *to)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < least ||
	    value > most)
		return wrong(key, text);
	*to = (uint32_t)value;
	return 0;
}

static int address_take(enum key key, const char *text, uint32_t *to_be)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1 || address.s_addr == 0)
		return wrong(key, text);
	*to_be = address.s_addr;
	return 0;
}

struct word {
	const char *name;
	unsigned value;
};

/* The value of one of the words; the list ends with a NULL. */
static int word_take(enum key key, const char *text, const struct word *words, unsigned *to)
{
	for (; words->name != NULL; words++) {
		if (strcmp(words->name, text) == 0) {
			*to = words->value;
			return 0;
		}
	}
	return wrong(key, text);
}

static const struct word modes[] = {{"client", MODE_CLIENT}, {"lac", MODE_LAC}, {NULL, 0}};
static const struct word ends[] = {
	{"ike", UNTIL_IKE}, {"l2tp", UNTIL_L2TP}, {"ppp", UNTIL_PPP}, {NULL, 0}};
static const struct word methods[] = {{"none", PPP_AUTHENTICATION_NONE},
				      {"pap", PPP_AUTHENTICATION_PAP},
				      {"chap", PPP_AUTHENTICATION_CHAP_MD5},
				      {"mschapv2", PPP_AUTHENTICATION_MS_CHAP_V2},
				      {NULL, 0}};
static const struct word groups[] = {{"modp1024", 2},  {"modp1536", 5}, {"modp2048", 14},
				     {"modp3072", 15}, {"ecp256", 19},  {"ecp384", 20},
				     {"ecp521", 21},   {NULL, 0}};
static const struct word authenticators[] = {{"sha1", ESP_AUTHENTICATOR_HMAC_SHA1_96},
					     {"sha256", ESP_AUTHENTICATOR_HMAC_SHA2_256_128},
					     {"sha384", ESP_AUTHENTICATOR_HMAC_SHA2_384_192},
					     {"sha512", ESP_AUTHENTICATOR_HMAC_SHA2_512_256},
					     {NULL, 0}};

/* "aes256-gcm", "aes128-cbc-sha1", "3des-cbc-sha1" */
static int suite_take(enum key key, const char *text, struct esp_suite *suite)
{
	static const struct word ciphers[] = {
		{"aes128-gcm", 16},  {"aes192-gcm", 24},  {"aes256-gcm", 32}, {"aes128-cbc-", 16},
		{"aes192-cbc-", 24}, {"aes256-cbc-", 32}, {"3des-cbc-", 24},  {NULL, 0}};
	unsigned authenticator = ESP_AUTHENTICATOR_NONE;

	for (const struct word *word = ciphers; word->name != NULL; word++) {
		size_t length = strlen(word->name);
		bool gcm = word->name[length - 1] != '-';

		if (strncmp(word->name, text, length) != 0)
			continue;
		if (gcm ? text[length] != '\0'
			: word_take(key, text + length, authenticators, &authenticator) != 0)
			return wrong(key, text);
		suite->cipher = gcm              ? ESP_CIPHER_AES_GCM_16
				: text[0] == '3' ? ESP_CIPHER_3DES_CBC
						 : ESP_CIPHER_AES_CBC;
		suite->cipher_key_bytes = (uint8_t)word->value;
		suite->authenticator = (uint8_t)authenticator;
		return esp_suite_valid(suite) ? 0 : wrong(key, text);
	}
	return wrong(key, text);
}

static int sizes_take(struct options *options, const char *text)
{
	const char *at = text;

	options->size_count = 0;
	while (*at != '\0') {
		unsigned bytes, weight;
		int length = 0;

		if (options->size_count == SIZES_MAX ||
		    sscanf(at, "%5u:%5u%n", &bytes, &weight, &length) != 2 || length == 0 ||
		    bytes < PAYLOAD_LEAST || bytes > PAYLOAD_MOST || weight == 0 || weight > 100)
			return wrong(KEY_SIZES, text);
		options->sizes[options->size_count++] =
			(struct packet_size){(uint16_t)bytes, (uint16_t)weight};
		at += length;
		if (*at == ',' && at[1] != '\0')
			at++;
		else if (*at != '\0')
			return wrong(KEY_SIZES, text);
	}
	return options->size_count != 0 ? 0 : wrong(KEY_SIZES, text);
}

static int percent_take(struct options *options, const char *text)
{
	char *end;

	options->loss_percent = strtod(text, &end);
	if (end == text || *end != '\0' || !(options->loss_percent >= 0) ||
	    options->loss_percent > 100)
		return wrong(KEY_LOSS, text);
	return 0;
}

/* Options that are numbers or texts and nothing more. */
static int plain_take(struct options *o, enum key key, const char *value)
{
	static const uint32_t day = 86400;
	uint32_t number = 0;
	int status;

	switch (key) {
	case KEY_SESSIONS:
		return number_take(key, value, 1, SESSIONS_MAX, &o->sessions);
	case KEY_TUNNELS:
		return number_take(key, value, 1, SESSIONS_MAX, &o->tunnels);
	case KEY_NAT:
		return number_take(key, value, 1, 25000, &o->clients_per_address);
	case KEY_KEEPALIVE:
		return number_take(key, value, 0, day, &o->keepalive_seconds);
	case KEY_RATE:
		return number_take(key, value, 0, 1000000, &o->rate);
	case KEY_IN_PROGRESS:
		return number_take(key, value, 1, SESSIONS_MAX, &o->in_progress);
	case KEY_SETUP_SECONDS:
		return number_take(key, value, 1, day, &o->setup_seconds);
	case KEY_HOLD:
		return number_take(key, value, 0, day, &o->hold_seconds);
	case KEY_TRAFFIC:
		return number_take(key, value, 0, 100000000, &o->traffic);
	case KEY_SECONDS:
		return number_take(key, value, 1, day, &o->seconds);
	case KEY_PROGRESS:
		return number_take(key, value, 0, SESSIONS_MAX, &o->progress);
	case KEY_MEMORY:
		return number_take(key, value, 64, 65536, &o->memory_megabytes);
	case KEY_CORE:
		status = number_take(key, value, 0, 1023, &number);
		o->core = (int)number;
		return status;
	default:
		return 2;
	}
}

static int address_option_take(struct options *o, enum key key, const char *value)
{
	uint32_t first_be = 0;
	int status;

	switch (key) {
	case KEY_LNS:
		return address_take(key, value, &o->lns_be);
	case KEY_PEERS_ADDRESS:
		return address_take(key, value, &o->peers_address_be);
	case KEY_PEERS_GATEWAY:
		return address_take(key, value, &o->peers_gateway_be);
	case KEY_SERVERS_ADDRESS:
		return address_take(key, value, &o->servers_address_be);
	case KEY_SERVERS_GATEWAY:
		return address_take(key, value, &o->servers_gateway_be);
	case KEY_PRIVATE_ADDRESS:
		return address_take(key, value, &o->private_address_be);
	default: /* KEY_PEERS_FIRST */
		status = address_take(key, value, &first_be);
		o->peers_first = ntohl(first_be);
		return status;
	}
}

static int word_option_take(struct options *o, enum key key, const char *value)
{
	unsigned number = 0;
	int status;

	switch (key) {
	case KEY_MODE:
		status = word_take(key, value, modes, &number);
		o->mode = (enum load_mode)number;
		return status;
	case KEY_UNTIL:
		status = word_take(key, value, ends, &number);
		o->until = (enum load_until)number;
		return status;
	case KEY_AUTH:
		status = word_take(key, value, methods, &number);
		o->authentication = (uint8_t)number;
		return status;
	default: /* KEY_IKE_GROUP */
		status = word_take(key, value, groups, &number);
		o->ike_group = (uint16_t)number;
		return status;
	}
}

static const char **text_of(struct options *o, enum key key)
{
	switch (key) {
	case KEY_PEERS_PORT:
		return &o->peers_port;
	case KEY_SERVERS_PORT:
		return &o->servers_port;
	case KEY_TUNNEL_SECRET_FILE:
		return &o->tunnel_secret_file;
	case KEY_PSK_FILE:
		return &o->preshared_key_file;
	case KEY_USER:
		return &o->user;
	case KEY_PASSWORD:
		return &o->password;
	case KEY_USERS:
		return &o->users_file;
	case KEY_WRITE_USERS:
		return &o->write_users;
	case KEY_JSON:
		return &o->json_file;
	default:
		return NULL;
	}
}

static int option_take(struct options *o, enum key key, const char *value)
{
	if (text_of(o, key) != NULL) {
		*text_of(o, key) = value;
		return 0;
	}
	switch (key) {
	case KEY_HELP:
		help_print();
		return 1;
	case KEY_VERSION:
		puts("concentrator-load " CONCENTRATOR_VERSION);
		return 1;
	case KEY_BARE_ESP:
		o->bare_esp = true;
		return 0;
	case KEY_PROXY:
		o->proxy = true;
		return 0;
	case KEY_HUGE:
		o->huge_pages = true;
		return 0;
	case KEY_SIZES:
		return sizes_take(o, value);
	case KEY_LOSS:
		return percent_take(o, value);
	case KEY_IPSEC:
		o->ipsec = true;
		return suite_take(key, value, &o->suite);
	case KEY_MODE:
	case KEY_UNTIL:
	case KEY_AUTH:
	case KEY_IKE_GROUP:
		return word_option_take(o, key, value);
	case KEY_LNS:
	case KEY_PEERS_FIRST:
	case KEY_PEERS_ADDRESS:
	case KEY_PEERS_GATEWAY:
	case KEY_SERVERS_ADDRESS:
	case KEY_SERVERS_GATEWAY:
	case KEY_PRIVATE_ADDRESS:
		return address_option_take(o, key, value);
	default:
		return plain_take(o, key, value);
	}
}

/* What does not go together, in one sentence; NULL if all is well. */
static const char *contradiction(const struct options *o)
{
	if (o->write_users != NULL)
		return NULL;
	if (o->peers_port == NULL || o->lns_be == 0 || o->peers_first == 0)
		return "--peers-port, --lns and --peers-first are needed";
	if (o->proxy && (o->mode != MODE_LAC || o->until != UNTIL_PPP))
		return "--proxy needs --mode lac and --until ppp";
	if (o->traffic != 0 &&
	    (o->servers_port == NULL || o->servers_address_be == 0 || o->servers_gateway_be == 0))
		return "--traffic needs --servers-port, --servers-address and --servers-gateway";
	if (o->traffic != 0 && o->until != UNTIL_PPP)
		return "--traffic needs sessions that are up: no --until";
	if (o->mode == MODE_CLIENT && o->tunnels != 0)
		return "--tunnels is for --mode lac";
	if (o->tunnels > o->sessions)
		return "more tunnels than sessions";
	if (o->ipsec && o->preshared_key_file == NULL)
		return "--ipsec needs --psk-file";
	if (!o->ipsec && (o->bare_esp || o->until == UNTIL_IKE))
		return "--bare-esp and --until ike need --ipsec";
	if (o->bare_esp && o->clients_per_address > 1)
		return "--bare-esp cannot pass a --nat";
	return NULL;
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct option table[KEY_COUNT + 1] = {0};
	const char *problem;
	int chosen, status = 0;

	*options = (struct options){
		.sessions = 1,
		.ike_group = 14,
		.private_address_be = htonl(0xc0a8010a),
		.keepalive_seconds = 20,
		.authentication = PPP_AUTHENTICATION_MS_CHAP_V2,
		.user = "user%d",
		.password = "password%d",
		.in_progress = 128,
		.setup_seconds = 70,
		.seconds = 10,
		.sizes = {{64, 7}, {576, 4}, {1400, 1}},
		.size_count = 3,
		.core = -1,
		.memory_megabytes = 128,
	};
	for (unsigned i = 0; i < KEY_COUNT; i++)
		table[i] = (struct option){
			rows[i].name, rows[i].argument != NULL ? required_argument : no_argument,
			NULL, (int)i + 1};
	while (status == 0 && (chosen = getopt_long(argc, argv, "", table, NULL)) != -1)
		status = chosen == '?' ? 2 : option_take(options, (enum key)(chosen - 1), optarg);
	if (status != 0)
		return status;
	problem = optind != argc ? "arguments without an option" : contradiction(options);
	if (problem != NULL) {
		fprintf(stderr, "concentrator-load: %s; --help explains\n", problem);
		return 2;
	}
	if (options->mode == MODE_CLIENT)
		options->tunnels = options->sessions;
	else if (options->tunnels == 0)
		options->tunnels = 1;
	return 0;
}
