/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>

#define ARGUMENTS_MAX  32
#define ARGUMENT_BYTES 512

struct arguments {
	int count;
	char *values[ARGUMENTS_MAX];
	char text[ARGUMENTS_MAX][ARGUMENT_BYTES];
};

static void argument_add(struct arguments *arguments, const char *text)
{
	snprintf(arguments->text[arguments->count], ARGUMENT_BYTES, "%s", text);
	arguments->values[arguments->count] = arguments->text[arguments->count];
	arguments->count++;
}

/* The one lcore floats on all processors that we may use, or sits on the chosen one. */
static void lcore_add(struct arguments *arguments, int core)
{
	char text[ARGUMENT_BYTES];
	int at = snprintf(text, sizeof(text), "--lcores=0@(");
	cpu_set_t set;

	CPU_ZERO(&set);
	if (core >= 0 || sched_getaffinity(0, sizeof(set), &set) != 0)
		CPU_SET(core < 0 ? 0 : core, &set);
	for (int i = 0; i < CPU_SETSIZE && at < ARGUMENT_BYTES - 8; i++)
		if (CPU_ISSET(i, &set))
			at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%d",
				       text[at - 1] == '(' ? "" : ",", i);
	snprintf(text + at, sizeof(text) - (size_t)at, ")");
	argument_add(arguments, text);
}

/* "0000:03:00.0" */
static bool is_pci(const char *device)
{
	return strchr(device, ':') != NULL && strchr(device, '.') != NULL &&
	       strchr(device, '=') == NULL;
}

static bool device_add(struct arguments *arguments, const char *device)
{
	if (device == NULL)
		return false;
	argument_add(arguments, is_pci(device) ? "-a" : "--vdev");
	argument_add(arguments, device);
	return is_pci(device);
}

int eal_start(const struct options *options)
{
	struct arguments arguments = {0};
	char text[32];
	bool pci;

	argument_add(&arguments, "concentrator-load");
	lcore_add(&arguments, options->core);
	snprintf(text, sizeof(text), "%u", options->memory_megabytes);
	argument_add(&arguments, "-m");
	argument_add(&arguments, text);
	if (options->huge_pages) {
		argument_add(&arguments, "--in-memory");
	} else {
		argument_add(&arguments, "--no-huge");
		argument_add(&arguments, "--no-shconf");
		argument_add(&arguments, "--iova-mode=va");
	}
	pci = device_add(&arguments, options->peers_port);
	pci |= device_add(&arguments, options->servers_port);
	if (!pci)
		argument_add(&arguments, "--no-pci");
	argument_add(&arguments, "--no-telemetry");
	argument_add(&arguments, "--log-level=lib.eal:error");
	argument_add(&arguments, "--log-level=lib.ethdev:critical");
	argument_add(&arguments, "--log-level=pmd.net.tap:critical");
	if (rte_eal_init(arguments.count, arguments.values) < 0) {
		fprintf(stderr, "concentrator-load: DPDK did not start: %s\n",
			rte_strerror(rte_errno));
		return -1;
	}
	return 0;
}
