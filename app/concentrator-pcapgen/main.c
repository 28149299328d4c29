/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes packets of the sessions of `bench` into a capture file, for traffic generators that replay. */
#include "base/memory.h"
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INNER_BYTES_MIN 64
#define INNER_BYTES_MAX 1400

static const char usage[] =
	"concentrator-pcapgen: packets of the sessions that a concentrator with `bench` has\n"
	"\n"
	"  concentrator-pcapgen [OPTION...] -o FILE\n"
	"\n"
	"  -o, --output FILE       the capture file\n"
	"      --cipher NAME       none, aes-256-gcm (default), aes-128-gcm, aes-256-cbc-sha1\n"
	"      --sessions N        sessions 0 to N - 1 in turn (default 1)\n"
	"      --packets N         packets of each session (default 64)\n"
	"      --size BYTES        inner packets of so many bytes, 64 to 1400; or imix: 64, 576 "
	"and 1400\n"
	"                          at 7:4:1 (default imix)\n"
	"      --seed TEXT         as `bench.seed` (default concentrator)\n"
	"      --down              from the servers instead: what the concentrator encrypts\n"
	"      --local ADDRESS     the concentrator's (default 192.0.2.1)\n"
	"      --server ADDRESS    behind it (default 198.51.100.10)\n"
	"      --mac MAC           of the concentrator's port (default 02:00:00:00:00:01)\n"
	"      --peer-mac MAC      of the sender (default 02:00:00:00:00:02)\n"
	"      --keys FILE         the keys as Wireshark's table esp_sa\n";

struct options {
	const char *output;
	const char *keys;
	uint32_t packets;
	uint16_t size; /* 0: imix */
	struct frame_source source;
};

static bool read_number(const char *text, uint32_t low, uint32_t high, uint32_t *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*number = (uint32_t)value;
	return end != text && *end == '\0' && value >= low && value <= high;
}

static bool read_mac(const char *text, uint8_t mac[6])
{
	unsigned byte[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &rest) != 6)
		return false;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)byte[i];
	return true;
}

static bool read_address(const char *text, uint32_t *address)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return false;
	*address = ntohl(in.s_addr);
	return true;
}

static bool read_size(const char *text, uint16_t *size)
{
	uint32_t number = 0;

	if (strcmp(text, "imix") != 0 &&
	    !read_number(text, INNER_BYTES_MIN, INNER_BYTES_MAX, &number))
		return false;
	*size = (uint16_t)number;
	return true;
}

static bool option_take(struct options *options, int option, const char *value)
{
	struct plan *plan = &options->source.plan;

	switch (option) {
	case 'o':
		options->output = value;
		return true;
	case 'c':
		return plan_suite(value, &plan->suite) == 0;
	case 's':
		return read_number(value, 1, PLAN_SESSIONS_MAX, &plan->sessions);
	case 'p':
		return read_number(value, 1, 1000000, &options->packets);
	case 'z':
		return read_size(value, &options->size);
	case 'e':
		return snprintf(plan->seed, sizeof(plan->seed), "%s", value) <
		       (int)sizeof(plan->seed);
	case 'd':
		options->source.down = true;
		return true;
	case 'l':
		return read_address(value, &options->source.local);
	case 'v':
		return read_address(value, &options->source.server);
	case 'm':
		return read_mac(value, options->source.our_mac);
	case 'M':
		return read_mac(value, options->source.peer_mac);
	case 'k':
		options->keys = value;
		return true;
	default:
		return false;
	}
}

static void write_header(FILE *file)
{
	/* Of the classic format: microseconds, Ethernet. */
	const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};

	fwrite(header, sizeof(header), 1, file);
}

static void write_packet(FILE *file, uint64_t number, const uint8_t *frame, size_t bytes)
{
	const uint32_t header[4] = {(uint32_t)(number / 1000000), (uint32_t)(number % 1000000),
				    (uint32_t)bytes, (uint32_t)bytes};

	fwrite(header, sizeof(header), 1, file);
	fwrite(frame, bytes, 1, file);
}

static uint16_t size_of(const struct options *options, uint64_t number)
{
	static const uint16_t imix[12] = {64, 576, 64, 64, 576, 64, 1400, 64, 576, 64, 64, 576};

	return options->size != 0 ? options->size : imix[number % 12];
}

static struct esp_key **keys_new(const struct frame_source *source)
{
	struct esp_key **keys = memory_new_array(source->plan.sessions, sizeof(struct esp_key *));
	struct esp_keys from;

	for (uint32_t i = 0; i < source->plan.sessions; i++) {
		keys[i] = memory_new_aligned(64, esp_key_bytes(&source->plan.suite));
		plan_keys(&source->plan, i, PLAN_IN, &from);
		if (esp_key_init(source->engine, &from, true, keys[i]) != 0)
			abort();
	}
	return keys;
}

static void keys_free(const struct frame_source *source, struct esp_key **keys)
{
	for (uint32_t i = 0; keys != NULL && i < source->plan.sessions; i++)
		free(keys[i]);
	free(keys);
}

static int packets_write(const struct options *options)
{
	const struct frame_source *source = &options->source;
	FILE *file = fopen(options->output, "wb");
	uint8_t frame[FRAME_BYTES_MAX];
	struct esp_key **keys;
	uint64_t number = 0;
	int failed;

	if (file == NULL)
		return -errno;
	keys = source->engine != NULL ? keys_new(source) : NULL;
	write_header(file);
	for (uint32_t sequence = 1; sequence <= options->packets; sequence++)
		for (uint32_t i = 0; i < source->plan.sessions; i++, number++)
			write_packet(file, number, frame,
				     frame_write(source, i, sequence, size_of(options, number),
						 keys != NULL ? keys[i] : NULL, frame));
	keys_free(source, keys);
	failed = ferror(file);
	return fclose(file) != 0 || failed ? -EIO : 0;
}

static void print_hex(FILE *file, const uint8_t *bytes, size_t count)
{
	fputs("\"0x", file);
	for (size_t i = 0; i < count; i++)
		fprintf(file, "%02x", bytes[i]);
	fputc('"', file);
}

/* "IPv4","*","*","0x40000000","AES-GCM [RFC4106]","0x...","NULL","" */
static int keys_write(const struct options *options)
{
	const struct plan *plan = &options->source.plan;
	bool gcm = plan->suite.cipher == ESP_CIPHER_AES_GCM_16;
	FILE *file = fopen(options->keys, "w");
	struct esp_keys keys;

	if (file == NULL)
		return -errno;
	for (uint32_t i = 0; i < plan->sessions; i++) {
		plan_keys(plan, i, PLAN_IN, &keys);
		fprintf(file, "\"IPv4\",\"*\",\"*\",\"0x%08x\",\"%s\",",
			plan_session(plan, i).spi_in,
			gcm ? "AES-GCM with 16 octet ICV [RFC4106]" : "AES-CBC [RFC3602]");
		print_hex(file, keys.cipher_key, esp_suite_cipher_keymat_bytes(&plan->suite));
		fprintf(file, ",\"%s\",", gcm ? "NULL" : "HMAC-SHA-1-96 [RFC2404]");
		if (gcm)
			fputs("\"\"", file);
		else
			print_hex(file, keys.authenticator_key,
				  esp_suite_authenticator_keymat_bytes(&plan->suite));
		fputc('\n', file);
	}
	return fclose(file) != 0 ? -errno : 0;
}

static int run(struct options *options)
{
	bool esp = options->source.plan.suite.cipher != ESP_CIPHER_NONE;
	int error = 0;

	if (esp && !options->source.down) {
		options->source.engine = esp_engine_new();
		if (options->source.engine == NULL)
			error = -errno;
	}
	if (error == 0)
		error = packets_write(options);
	if (error == 0 && options->keys != NULL && esp)
		error = keys_write(options);
	esp_engine_free(options->source.engine);
	if (error != 0)
		fprintf(stderr, "concentrator-pcapgen: %s: %s\n", options->output,
			strerror(-error));
	return error != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{"output", required_argument, NULL, 'o'},
		{"cipher", required_argument, NULL, 'c'},
		{"sessions", required_argument, NULL, 's'},
		{"packets", required_argument, NULL, 'p'},
		{"size", required_argument, NULL, 'z'},
		{"seed", required_argument, NULL, 'e'},
		{"down", no_argument, NULL, 'd'},
		{"local", required_argument, NULL, 'l'},
		{"server", required_argument, NULL, 'v'},
		{"mac", required_argument, NULL, 'm'},
		{"peer-mac", required_argument, NULL, 'M'},
		{"keys", required_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct options options = {.packets = 64,
				  .source = {.plan = {.sessions = 1, .seed = "concentrator"},
					     .local = 0xc0000201,
					     .server = 0xc633640a,
					     .our_mac = {2, 0, 0, 0, 0, 1},
					     .peer_mac = {2, 0, 0, 0, 0, 2}}};
	int option;

	(void)plan_suite("aes-256-gcm", &options.source.plan.suite);
	while ((option = getopt_long(argc, argv, "o:h", known, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		}
		if (!option_take(&options, option, optarg)) {
			fputs(usage, stderr);
			return 2;
		}
	}
	if (options.output == NULL || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	return run(&options);
}
