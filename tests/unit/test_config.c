/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"
#include "config/row.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder with a configuration and its secrets. */
struct folder {
	char path[64];
	char error[CONFIG_ERROR_BYTES];
};

static void file_write(const struct folder *folder, const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int folder_make(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	strcpy(folder->path, "/tmp/config-test-XXXXXX");
	if (mkdtemp(folder->path) == NULL)
		return -1;
	file_write(folder, "psk", "a secret\n", 0600);
	file_write(folder, "users", "alice password\n", 0600);
	file_write(folder, "radius-secret", "a secret\n", 0600);
	*state = folder;
	return 0;
}

static int folder_remove(void **state)
{
	static const char *const names[] = {"psk", "users", "secret", "radius-secret", "conf"};
	struct folder *folder = *state;
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder->path, names[i]);
		unlink(path);
	}
	rmdir(folder->path);
	free(folder);
	return 0;
}

static struct config *load(struct folder *folder, const char *text)
{
	char path[256];

	file_write(folder, "conf", text, 0644);
	snprintf(path, sizeof(path), "%s/conf", folder->path);
	return config_load(path, folder->error);
}

#define PORT                                                                                       \
	"ports = ( { name = \"access\"; device = \"net_tap0\"; addresses = ( \"192.0.2.1/24\" ); " \
	"} );\n"
#define LISTENER      "listeners = ( { address = \"192.0.2.1\"; preshared_key_file = \"psk\"; } );\n"
#define POOL          "pools = ( { name = \"a\"; first = \"10.0.0.2\"; last = \"10.0.0.9\"; } );\n"
#define GOOD          PORT LISTENER POOL
#define SERVER        "{ address = \"192.0.2.5\"; secret_file = \"radius-secret\"; }"
#define SERVERS(list) "radius_servers = ( " list " );\n"

/* The text must be refused at `line` (0: any) with each of the pieces in the error. */
static void refused(struct folder *folder, const char *text, unsigned line, const char *key,
		    const char *reason)
{
	struct config *config = load(folder, text);
	char place[128];

	if (config != NULL)
		fail_msg("accepted: %s", text);
	snprintf(place, sizeof(place), "%s/conf:%u: ", folder->path, line);
	if (line != 0 && strncmp(folder->error, place, strlen(place)) != 0)
		fail_msg("not at line %u: %s", line, folder->error);
	if (strstr(folder->error, key) == NULL || strstr(folder->error, reason) == NULL)
		fail_msg("lacks \"%s\" or \"%s\": %s", key, reason, folder->error);
	assert_null(strchr(folder->error, '\n'));
}

static struct config *accepted(struct folder *folder, const char *text)
{
	struct config *config = load(folder, text);

	if (config == NULL)
		fail_msg("refused: %s", folder->error);
	return config;
}

static void a_good_file_is_read(void **state)
{
	struct config *config = accepted(
		*state, "workers = 3;\nidle = \"poll\";\nclient_to_client = false;\n" GOOD
			"dns = [ \"192.0.2.53\", \"192.0.2.54\" ];\nusers_file = \"users\";\n"
			"ike = { compatibility = \"modern\"; dpd_idle_seconds = 0; };\n"
			"ppp = { authentication = ( \"pap\", \"mschapv2\" ); };\n");
	struct folder *folder = *state;
	char path[256];

	assert_int_equal(config->workers, 3);
	assert_int_equal(config->idle, CONFIG_IDLE_POLL);
	assert_false(config->client_to_client);
	assert_int_equal(config->port_count, 1);
	assert_string_equal(config->ports[0].name, "access");
	assert_int_equal(config->ports[0].mtu, 1500);
	assert_int_equal(config->ports[0].address_count, 1);
	assert_int_equal(config->ports[0].addresses[0].prefix_length, 24);
	assert_int_equal(endpoint_ipv4_address_be(&config->ports[0].addresses[0].address),
			 htonl(0xc0000201));
	assert_int_equal(config->listeners[0].ipsec, CONFIG_IPSEC_REQUIRED);
	assert_int_equal(config->listeners[0].preshared_key_bytes, 8);
	assert_memory_equal(config->listeners[0].preshared_key, "a secret", 8);
	assert_int_equal(config->dns_count, 2);
	assert_int_equal(config->dns_be[1], htonl(0xc0000236));
	assert_int_equal(config->ike_compatibility, CONFIG_COMPATIBILITY_MODERN);
	assert_int_equal(config->ike_dpd_idle_seconds, 0);
	assert_int_equal(config->ppp_authentication_count, 2);
	assert_int_equal(config->ppp_authentication[0], CONFIG_AUTHENTICATION_PAP);
	assert_int_equal(config->ppp_authentication[1], CONFIG_AUTHENTICATION_MS_CHAP_V2);
	assert_int_equal(config->local_address_be, htonl(0x0a000001)); /* before the pool */
	snprintf(path, sizeof(path), "%s/users", folder->path);
	assert_string_equal(config->users_file, path);
	config_free(config);
}

static void defaults_are_in_force(void **state)
{
	struct config *config = accepted(*state, GOOD);

	assert_int_equal(config->workers, 0);
	assert_int_equal(config->idle, CONFIG_IDLE_ADAPTIVE);
	assert_int_equal(config->max_sessions, 20000);
	assert_int_equal(config->log_level, 2);
	assert_true(config->client_to_client);
	assert_true(config->mss_clamp);
	assert_string_equal(config->control_socket, "/run/concentrator.sock");
	assert_string_equal(config->l2tp_host_name, "concentrator");
	assert_int_equal(config->ike_half_open_per_source, 512);
	assert_int_equal(config->ike_half_open_total, 16384);
	assert_int_equal(config->ppp_authentication_count, 3);
	assert_int_equal(config->ppp_authentication[0], CONFIG_AUTHENTICATION_MS_CHAP_V2);
	assert_int_equal(config->ppp_mru, 0);
	config_free(config);
}

/* Every row with its default written out is the same as nothing written. */
static void every_default_parses(void **state)
{
	static const char *const required[] = {[SECTION_PORTS] = PORT,
					       [SECTION_POOLS] = POOL,
					       [SECTION_RADIUS_SERVERS] = SERVER,
					       [SECTION_LACS] = "{ host_name = \"lac1\"; }"};
	struct folder *folder = *state;

	for (size_t i = 0; i < row_count; i++) {
		const struct row *row = &rows[i];
		const struct section *section = &sections[row->section];
		char text[2048];

		assert_true(strlen(row->help) > 10);
		if (row->type == ROW_CHOICE || row->type == ROW_CHOICE_LIST)
			assert_non_null(row_choices(row));
		if (row->fallback[0] == '\0' || section->list) {
			assert_true(row->fallback[0] != '\0' ||
				    strstr(required[row->section], row->key) != NULL);
			continue;
		}
		if (section->name[0] == '\0')
			snprintf(text, sizeof(text), GOOD "%s = %s;\n", row->key, row->fallback);
		else
			snprintf(text, sizeof(text), GOOD "%s = { %s = %s; };\n", section->name,
				 row->key, row->fallback);
		config_free(accepted(folder, text));
	}
}

/* The text of a printing function; the caller frees it. */
static char *printed(void (*print)(FILE *to))
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	print(file);
	fclose(file);
	return text;
}

static void the_example_has_every_row_and_parses(void **state)
{
	char *text = printed(config_print_example);
	struct config *config;

	for (size_t i = 0; i < row_count; i++) {
		char line[80];

		snprintf(line, sizeof(line), "%s = ", rows[i].key);
		assert_non_null(strstr(text, line));
		assert_non_null(strstr(text, rows[i].help));
	}
	config = accepted(*state, text);
	assert_int_equal(config->port_count, 1);
	assert_int_equal(config->listener_count, 1);
	assert_int_equal(config->pool_count, 1);
	assert_int_equal(config->radius_server_count, 1);
	assert_int_equal(config->lac_count, 1);
	config_free(config);
	free(text);
}

static void the_manual_has_every_row(void **state)
{
	char *text = printed(config_print_manual);

	(void)state;
	for (size_t i = 0; i < row_count; i++) {
		char line[80];

		snprintf(line, sizeof(line), "| `%s` |", rows[i].key);
		assert_non_null(strstr(text, line));
		assert_non_null(strstr(text, rows[i].help));
	}
	free(text);
}

static void unknown_keys_are_refused(void **state)
{
	refused(*state, "\n\nworker = 3;\n" GOOD, 3, "worker", "did you mean \"workers\"?");
	refused(*state, GOOD "lt2p = { };\n", 4, "lt2p", "did you mean \"l2tp\"?");
	refused(*state, GOOD "ike = {\n dpd_idle_second = 3;\n};\n", 5, "dpd_idle_second",
		"did you mean \"dpd_idle_seconds\"?");
	refused(*state, GOOD "ppp = { mtu = 1400; };\n", 4, "mtu", "did you mean \"mru\"?");
	refused(*state, "ports = ( { name = \"a\";\n device = \"b\";\n adresses = ( ); } );\n", 3,
		"adresses", "did you mean \"addresses\"?");
	refused(*state,
		GOOD "a_key_whose_name_is_so_long_that_it_is_longer_than_all_of_the_rows_and_more"
		     " = 1;\n",
		4, "a_key_whose", "unknown key");
}

static void wrong_types_are_refused(void **state)
{
	refused(*state, "workers = \"3\";\n" GOOD, 1, "workers", "expected a number");
	refused(*state, "workers = 3.5;\n" GOOD, 1, "workers", "expected a number");
	refused(*state, "workers = true;\n" GOOD, 1, "workers", "expected a number");
	refused(*state, "client_to_client = 1;\n" GOOD, 1, "client_to_client", "true or false");
	refused(*state, "idle = \"sometimes\";\n" GOOD, 1, "idle", "\"adaptive\" \"poll\"");
	refused(*state, "idle = 1;\n" GOOD, 1, "idle", "expected one of");
	refused(*state, "control_socket = 5;\n" GOOD, 1, "control_socket", "expected a string");
	refused(*state, "users_file = 5;\n" GOOD, 1, "users_file", "expected a string");
	refused(*state, "local_address = 5;\n" GOOD, 1, "local_address", "IPv4 address");
	refused(*state, "local_address = \"10.0.0.256\";\n" GOOD, 1, "local_address",
		"not an IPv4 address");
	refused(*state, "dns = \"192.0.2.53\";\n" GOOD, 1, "dns", "expected a list");
	refused(*state, "dns = ( 5 );\n" GOOD, 1, "dns", "IPv4 address");
	refused(*state, "dns = ( \"1.1.1.1\", \"2.2.2.2\", \"3.3.3.3\" );\n" GOOD, 1, "dns",
		"more than 2");
	refused(*state, "ike = 5;\n" GOOD, 1, "ike", "expected a group");
	refused(*state, "ports = { };\n", 1, "ports", "expected a list");
	refused(*state, "ports = ( 5 );\n", 1, "ports", "expected a group");
	refused(*state, "ppp = { authentication = ( \"eap\" ); };\n" GOOD, 1, "authentication",
		"expected one of");
	refused(*state, "ppp = { authentication = ( ); };\n" GOOD, 1, "authentication",
		"at least one");
	refused(*state, "workers = ;\n" GOOD, 1, "", "syntax error");
	refused(*state, "workers = 1;\nworkers = 2;\n" GOOD, 2, "", "duplicate");
}

static void both_families_are_addresses(void **state)
{
	static const uint8_t access[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	const struct endpoint ipv6 = endpoint_ipv6(access, 0);
	const struct endpoint ipv4 = endpoint_ipv4(htonl(0xc0000201), 0);
	struct config *config =
		load(*state, "ports = ( { name = \"access\"; device = \"net_tap0\"; addresses = "
			     "( \"192.0.2.1/24\", \"2001:db8::1/127\" ); } );\n"
			     "listeners = ( { address = \"2001:db8::1\"; preshared_key_file = "
			     "\"psk\"; }, { preshared_key_file = \"psk\"; } );\n" POOL);

	assert_non_null(config);
	assert_int_equal(config->ports[0].address_count, 2);
	assert_true(endpoint_equal(&config->ports[0].addresses[0].address, &ipv4));
	assert_int_equal(config->ports[0].addresses[0].prefix_length, 24);
	assert_true(endpoint_equal(&config->ports[0].addresses[1].address, &ipv6));
	assert_int_equal(config->ports[0].addresses[1].prefix_length, 127);
	assert_true(endpoint_equal(&config->listeners[0].address, &ipv6));
	assert_int_equal(config->listeners[1].address.family, ENDPOINT_NONE);
	config_free(config);
	refused(*state,
		"listeners = ( { address = \"2001:db8::1\"; preshared_key_file = \"psk\"; },\n"
		"{ address = \"2001:DB8:0::1\"; preshared_key_file = \"psk\"; } );\n" PORT POOL,
		0, "listeners", "two listeners for one address");
	refused(*state,
		"listeners = ( { address = \"2001:db8\"; preshared_key_file = \"psk\"; } );\n" PORT
			POOL,
		1, "address", "not an IPv6 address");
}

static void wrong_prefixes_are_refused(void **state)
{
	static const char *const wrong[] = {
		"192.0.2.1",   "192.0.2.1/0",   "192.0.2.1/33", "192.0.2.1/",   "192.0.2.1/x",
		"192.0.2/24",  "192.0.2.1/24a", "0.0.0.0/8",    "192.0.2.1/-1", "",
		"2001::1/129", "/24",           "2001:::1/64",  "2001::1/0",    "::/64",
		"2001::1"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text),
			 "ports = ( { name = \"a\"; device = \"b\"; addresses = ( \"%s\" ); } );\n",
			 wrong[i]);
		refused(*state, text, 1, "addresses", "");
	}
}

/* Numbers beyond 32 bits must not be cut to something that fits. */
static void numbers_out_of_range_are_refused(void **state)
{
	static const char *const wrong[] = {"-1",
					    "64",
					    "4294967297L",
					    "-4294967295L",
					    "9223372036854775807L",
					    "0x100000001L",
					    "18446744073709551617"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), "workers = %s;\n" GOOD, wrong[i]);
		refused(*state, text, 1, "", "");
	}
	refused(*state, "workers = -1;\n" GOOD, 1, "workers", "-1 is not between 0 and 63");
	refused(*state, "workers = 4294967297L;\n" GOOD, 1, "workers",
		"4294967297 is not between 0 and 63");
	refused(*state, "max_sessions = 0;\n" GOOD, 1, "max_sessions", "not between");
	refused(*state, GOOD "l2tp = { tunnels_per_client = 5; };\n", 4, "tunnels_per_client",
		"5 is not between 1 and 4");
	refused(*state, GOOD "radius = { dynamic_port = 3799; };\n", 4, "radius.dynamic_port",
		"radius_servers must be given");
	config_free(accepted(*state, "workers = 63L;\n" GOOD));
	config_free(accepted(*state, "workers = 0;\n" GOOD));
}

static void lacs_are_checked(void **state)
{
	refused(*state, GOOD "lacs = ( { host_name = \"\"; } );\n", 4, "lacs.[0].host_name",
		"is empty");
	refused(*state, GOOD "lacs = ( { host_name = \"a\"; }, { host_name = \"A\"; } );\n", 4,
		"lacs.[1].host_name", "two LACs of one name");
	refused(*state, GOOD "lacs = ( { host_name = \"a\"; pool = \"b\"; } );\n", 4,
		"lacs.[0].pool", "there is no pool");
	refused(*state, GOOD "lacs = ( { host_name = \"a\"; secret_file = \"b\"; } );\n", 4,
		"lacs.[0].secret_file", "");
	refused(*state, GOOD "l2tp = { challenge = true; };\n", 4, "l2tp.challenge",
		"l2tp.secret_file must be given");
}

/* The bounds of every number are taken and what lies beyond them is not. */
static void bounds_hold(void **state)
{
	for (size_t i = 0; i < row_count; i++) {
		const struct row *row = &rows[i];
		const char *name = sections[row->section].name;
		long values[4] = {row->low - 1, row->low, row->high, row->high + 1};

		if (row->type != ROW_INTEGER || sections[row->section].list)
			continue;
		for (unsigned v = 0; v < 4; v++) {
			char text[1024];

			snprintf(text, sizeof(text), GOOD SERVERS(SERVER) "%s%s%s = %ld;%s\n", name,
				 name[0] != '\0' ? " = { " : "", row->key, values[v],
				 name[0] != '\0' ? " };" : "");
			if (v == 1 || v == 2)
				config_free(accepted(*state, text));
			else
				refused(*state, text, 5, row->key, "is not between");
		}
	}
}

static void pools_must_not_overlap(void **state)
{
#define TWO(first, last)                                                                      \
	PORT LISTENER                                                                         \
		"pools = ( { name = \"a\"; first = \"10.0.0.10\"; last = \"10.0.0.19\"; },\n" \
		"{ name = \"b\"; first = \"" first "\"; last = \"" last "\"; } );\n"
	refused(*state, TWO("10.0.0.19", "10.0.0.30"), 4, "pools", "overlaps the pool \"a\"");
	refused(*state, TWO("10.0.0.1", "10.0.0.10"), 4, "pools", "overlaps the pool \"a\"");
	refused(*state, TWO("10.0.0.1", "10.0.0.200"), 4, "pools", "overlaps the pool \"a\"");
	refused(*state, TWO("10.0.0.12", "10.0.0.13"), 4, "pools", "overlaps the pool \"a\"");
	refused(*state, TWO("10.0.0.30", "10.0.0.29"), 4, "pools", "behind the last");
	refused(*state, TWO("11.0.0.0", "11.255.0.0"), 4, "pools", "more than");
	refused(*state, TWO("192.0.2.0", "192.0.2.9"), 4, "pools",
		"address of the port \"access\"");
	config_free(accepted(*state, TWO("10.0.0.20", "10.0.0.20")));
	config_free(accepted(*state, TWO("10.0.0.1", "10.0.0.8")));
	/* Our own end of the links must not be given to a subscriber. */
	refused(*state, TWO("10.0.0.1", "10.0.0.9"), 0, "pools", "local_address");
	refused(*state, "local_address = \"10.0.0.15\";\n" TWO("10.0.0.30", "10.0.0.40"), 0,
		"pools", "local_address");
}

static void secrets_must_be_secret(void **state)
{
	static const mode_t open_modes[] = {0640, 0604, 0644, 0620, 0602, 0610, 0601};
	struct config *config;
	char longest[1100];

	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
		file_write(*state, "psk", "secret", open_modes[i]);
		refused(*state, GOOD, 2, "preshared_key_file", "may be read by others");
		file_write(*state, "psk", "secret", 0600);
		file_write(*state, "users", "a b\n", open_modes[i]);
		refused(*state, GOOD "users_file = \"users\";\n", 4, "users_file",
			"may be read by others");
		file_write(*state, "users", "a b\n", 0600);
		file_write(*state, "secret", "x", open_modes[i]);
		refused(*state, GOOD "l2tp = { secret_file = \"secret\"; };\n", 4,
			"l2tp.secret_file", "may be read by others");
	}
	file_write(*state, "psk", "", 0600);
	refused(*state, GOOD, 2, "preshared_key_file", "is empty");
	file_write(*state, "psk", "\n\r\n", 0600);
	refused(*state, GOOD, 2, "preshared_key_file", "is empty");
	memset(longest, 'k', sizeof(longest));
	longest[1025] = '\0';
	file_write(*state, "psk", longest, 0600);
	refused(*state, GOOD, 2, "preshared_key_file", "longer than 1024");
	longest[1024] = '\0';
	file_write(*state, "psk", longest, 0600);
	config_free(accepted(*state, GOOD));
	file_write(*state, "psk", " with spaces \r\n", 0400);
	config = accepted(*state, GOOD);
	assert_int_equal(config->listeners[0].preshared_key_bytes, 13);
	config_free(config);
	refused(*state, PORT "listeners = ( {\n preshared_key_file = \"nowhere\"; } );\n", 3,
		"preshared_key_file", "cannot read");
	refused(*state, GOOD "users_file = \"nowhere\";\n", 4, "users_file", "cannot read");
	file_write(*state, "secret", "tunnel secret\n", 0600);
	config = accepted(*state, GOOD "l2tp = { secret_file = \"secret\"; };\n");
	assert_int_equal(config->l2tp_secret_bytes, 13);
	config_free(config);
}

#define KEYS                                                                       \
	"listeners = ( { address = \"192.0.2.1\"; preshared_key_file = \"psk\";\n" \
	"preshared_keys_file = \"keys\"; } );\n"

static void keys_refused(void **state, const char *text, const char *reason)
{
	file_write(*state, "keys", text, 0600);
	refused(*state, PORT KEYS, 3, "preshared_keys_file", reason);
}

static void a_file_has_several_keys(void **state)
{
	const struct config_listener *listener;
	struct config *config;

	file_write(*state, "psk", "one", 0600);
	file_write(*state, "keys", "# of groups\nphones \t a key \r\n\nrouters b", 0600);
	config = accepted(*state, PORT KEYS);
	listener = &config->listeners[0];
	assert_int_equal(listener->preshared_key_count, 2);
	assert_string_equal(listener->preshared_keys[0].name, "phones");
	assert_int_equal(listener->preshared_keys[0].length, 6);
	assert_memory_equal(listener->preshared_keys[0].bytes, "a key ", 6);
	assert_string_equal(listener->preshared_keys[1].name, "routers");
	assert_memory_equal(listener->preshared_keys[1].bytes, "b", 1);
	config_free(config);
	config = accepted(*state, PORT "listeners = ( { preshared_keys_file = \"keys\"; } );\n");
	assert_null(config->listeners[0].preshared_key);
	config_free(config);
	keys_refused(state, "", "has no key");
	keys_refused(state, "\n# nothing\n", "has no key");
	keys_refused(state, "a b\nphones\n", "line 2 of");
	keys_refused(state, "phones  \n", "has no key behind the name");
	keys_refused(state, " b\n", "has no name");
	keys_refused(state, "a b\na c\n", "repeats a name");
	keys_refused(state, "a b\nc b\n", "repeats a key");
	keys_refused(state, "a 1\nb 2\nc 3\nd 4\ne 5\nf 6\ng 7\nh 8\n", "is one key too many");
	file_write(*state, "keys", "a 1\nb 2\nc 3\nd 4\ne 5\nf 6\ng 7\n", 0600);
	config_free(accepted(*state, PORT KEYS));
	file_write(*state, "group", "router@example.net k1\n192.168.1.2 k2\n", 0600);
	config = accepted(*state, PORT "listeners = ( { aggressive_keys_file = \"group\"; } );\n");
	assert_int_equal(config->listeners[0].aggressive_key_count, 2);
	assert_string_equal(config->listeners[0].aggressive_keys[1].name, "192.168.1.2");
	config_free(config);
	file_write(*state, "group", "router one\n", 0600);
	refused(*state,
		PORT "listeners = ( { preshared_key_file = \"psk\";\n"
		     "aggressive_keys_file = \"group\"; } );\n",
		3, "aggressive_keys_file", "the key of \"router\" is also one for main mode");
	file_write(*state, "group", "router 7\n", 0600);
	refused(*state,
		PORT "listeners = ( { preshared_keys_file = \"keys\";\n"
		     "aggressive_keys_file = \"group\"; } );\n",
		3, "aggressive_keys_file", "is also one for main mode");
	refused(*state,
		PORT "listeners = ( { aggressive_keys_file = \"group\"; },\n"
		     "{ address = \"192.0.2.1\"; preshared_keys_file = \"keys\"; } );\n",
		2, "listeners.[0].aggressive_keys_file", "is also one for main mode");
	file_write(*state, "keys", "a b\n", 0640);
	refused(*state, PORT KEYS, 3, "preshared_keys_file", "may be read by others");
}

static void radius_servers_are_checked(void **state)
{
	struct config *config;

	refused(*state, GOOD "users_from = \"radius\";\n", 4, "users_from", "radius_servers");
	refused(*state, GOOD SERVERS(SERVER) "users_from = \"radius_then_local\";\n", 5,
		"users_from", "users_file");
	refused(*state, GOOD SERVERS(SERVER ", " SERVER), 4, "radius_servers.[1]", "two servers");
	refused(*state, GOOD "radius_servers = ( { address = \"192.0.2.5\"; } );\n", 4,
		"secret_file", "must be given");
	file_write(*state, "radius-secret", "x", 0644);
	refused(*state, GOOD SERVERS(SERVER), 4, "radius_servers.[0].secret_file",
		"may be read by others");
	file_write(*state, "radius-secret", "xyzzy5461\n", 0600);
	config = accepted(*state, GOOD SERVERS(SERVER) "users_from = \"radius\";\n");
	assert_int_equal(config->radius_servers[0].secret_bytes, 9);
	assert_memory_equal(config->radius_servers[0].secret, "xyzzy5461", 9);
	assert_int_equal(config->radius_servers[0].port, 1812);
	assert_int_equal(config->radius_timeout_ms, 1000);
	config_free(config);
}

static void required_keys_must_be_given(void **state)
{
	refused(*state, "ports = ( {\n name = \"a\"; } );\n", 1, "device", "must be given");
	refused(*state, "ports = ( { device = \"a\"; } );\n", 1, "name", "must be given");
	refused(*state, PORT "pools = ( { name = \"a\"; first = \"10.0.0.1\"; } );\n", 2, "last",
		"must be given");
	refused(*state, PORT "pools = ( { name = \"a\"; first = \"\"; last = \"10.0.0.1\"; } );\n",
		2, "first", "not an IPv4 address");
	refused(*state, "workers = 1;\n", 0, "ports", "at least one port");
	refused(*state, PORT "listeners = ( { address = \"192.0.2.1\"; } );\n", 2, "listeners",
		"preshared_key_file, preshared_keys_file, aggressive_keys_file or "
		"certificate_file must be given");
	config_free(accepted(*state, PORT
			     "listeners = ( { address = \"192.0.2.1\"; ipsec = \"off\"; } );\n"));
}

static void duplicates_are_refused(void **state)
{
	refused(*state,
		"ports = ( { name = \"a\"; device = \"b\"; },\n{ name = \"a\"; device = \"c\"; } "
		");\n",
		2, "ports", "two ports named \"a\"");
	refused(*state, "ports = ( { name = \"a/b\"; device = \"b\"; } );\n", 1, "ports",
		"not a name");
	refused(*state, "ports = ( { name = \"\"; device = \"b\"; } );\n", 1, "ports",
		"not a name");
	refused(*state, "ports = ( { name = \"a_name_of_16_byt\"; device = \"b\"; } );\n", 1,
		"name", "longer than 15");
	refused(*state,
		PORT "listeners = ( { preshared_key_file = \"psk\"; },\n{ preshared_key_file = "
		     "\"psk\"; } );\n",
		3, "listeners", "two listeners for one address");
	refused(*state,
		PORT "listeners = ( { preshared_key_file = \"psk\"; },\n{ ipsec = \"off\"; } );\n",
		3, "listeners", "two listeners for one address");
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
	struct folder *folder = *state;

	assert_null(config_load("/nowhere/at/all.conf", folder->error));
	assert_non_null(strstr(folder->error, "/nowhere/at/all.conf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_is_read),
		cmocka_unit_test(defaults_are_in_force),
		cmocka_unit_test(both_families_are_addresses),
		cmocka_unit_test(every_default_parses),
		cmocka_unit_test(the_example_has_every_row_and_parses),
		cmocka_unit_test(the_manual_has_every_row),
		cmocka_unit_test(unknown_keys_are_refused),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(wrong_prefixes_are_refused),
		cmocka_unit_test(numbers_out_of_range_are_refused),
		cmocka_unit_test(lacs_are_checked),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(pools_must_not_overlap),
		cmocka_unit_test(secrets_must_be_secret),
		cmocka_unit_test(a_file_has_several_keys),
		cmocka_unit_test(radius_servers_are_checked),
		cmocka_unit_test(required_keys_must_be_given),
		cmocka_unit_test(duplicates_are_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
