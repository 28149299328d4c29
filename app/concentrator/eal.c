/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_errno.h>

#define ARGUMENTS_MAX  64
#define ARGUMENT_BYTES 640 /* the list of 63 workers' cores is the longest */
#define HUGE_PAGE      (2ul << 20)

struct arguments {
	int count;
	char *values[ARGUMENTS_MAX];
	char text[ARGUMENTS_MAX][ARGUMENT_BYTES];
};

static void argument_add(struct arguments *arguments, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void argument_add(struct arguments *arguments, const char *format, ...)
{
	va_list list;

	if (arguments->count == ARGUMENTS_MAX - 1)
		return;
	va_start(list, format);
	vsnprintf(arguments->text[arguments->count], sizeof(arguments->text[0]), format, list);
	va_end(list);
	arguments->values[arguments->count] = arguments->text[arguments->count];
	arguments->count++;
}

static unsigned processors(unsigned *numbers, unsigned room)
{
	cpu_set_t set;
	unsigned count = 0;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		CPU_SET(0, &set);
	for (unsigned i = 0; i < CPU_SETSIZE && count < room; i++)
		if (CPU_ISSET(i, &set))
			numbers[count++] = i;
	return count;
}

unsigned eal_workers(const struct config *config)
{
	unsigned numbers[64];
	unsigned count = processors(numbers, 64);

	if (config->workers != 0)
		return (unsigned)config->workers;
	return count > 1 ? count - 1 : 1;
}

/* Control on the first processor, workers on the others in turn. */
static void lcores_add(struct arguments *arguments, unsigned workers)
{
	unsigned numbers[64];
	unsigned count = processors(numbers, 64);
	char text[ARGUMENT_BYTES];
	int length = snprintf(text, sizeof(text), "--lcores=0@%u", numbers[0]);

	for (unsigned i = 0; i < workers && length < (int)sizeof(text) - 16; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length, ",%u@%u", i + 1,
				   numbers[(i + 1) % count]);
	argument_add(arguments, "%s", text);
}

static bool is_pci(const char *device)
{
	/* "0000:03:00.0" or "03:00.0" */
	return isxdigit((unsigned char)device[0]) && strchr(device, ':') != NULL &&
	       strchr(device, '.') != NULL;
}

/* Reserving tells whether the kernel has that many pages; nothing is touched. */
static bool huge_pages_free(size_t bytes)
{
	void *probe =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), -1, 0);

	if (probe == MAP_FAILED)
		return false;
	munmap(probe, bytes);
	return true;
}

/* 0, or -1 when hugepages were demanded and are not there. */
static int memory_add(struct arguments *arguments, const struct config *config, struct log *log)
{
	size_t bytes = (size_t)config->memory_megabytes << 20;
	bool huge = config->memory != CONFIG_MEMORY_NOHUGE && huge_pages_free(bytes);

	if (!huge && config->memory == CONFIG_MEMORY_HUGE) {
		log_error(log, LOG_DAEMON,
			  "no %d MB of hugepages: echo %zu > /proc/sys/vm/nr_hugepages",
			  config->memory_megabytes, bytes / HUGE_PAGE);
		return -1;
	}
	argument_add(arguments, "-m");
	argument_add(arguments, "%d", config->memory_megabytes);
	if (huge) {
		argument_add(arguments, "--in-memory");
		log_info(log, LOG_DAEMON, "memory: %d MB of hugepages", config->memory_megabytes);
		return 0;
	}
	argument_add(arguments, "--no-huge");
	argument_add(arguments, "--no-shconf");
	argument_add(arguments, "--iova-mode=va");
	if (config->memory == CONFIG_MEMORY_NOHUGE)
		log_info(log, LOG_DAEMON, "memory: %d MB of ordinary memory, as configured",
			 config->memory_megabytes);
	else
		log_info(log, LOG_DAEMON,
			 "memory: %d MB of ordinary memory, since there are no hugepages; faster: "
			 "echo %zu > /proc/sys/vm/nr_hugepages",
			 config->memory_megabytes, bytes / HUGE_PAGE);
	return 0;
}

int eal_start(const struct config *config, unsigned workers, struct log *log)
{
	struct arguments arguments = {0};
	bool pci = false;

	argument_add(&arguments, "concentrator");
	lcores_add(&arguments, workers);
	if (memory_add(&arguments, config, log) != 0)
		return -1;
	for (unsigned i = 0; i < config->port_count; i++) {
		const char *device = config->ports[i].device;

		pci |= is_pci(device);
		argument_add(&arguments, "%s", is_pci(device) ? "-a" : "--vdev");
		argument_add(&arguments, "%s", device);
	}
	if (!pci)
		argument_add(&arguments, "--no-pci");
	argument_add(&arguments, "--no-telemetry");
	argument_add(&arguments, "--log-level=lib.eal:error");
	argument_add(&arguments, "--log-level=lib.ethdev:critical");
	argument_add(&arguments, "--log-level=pmd.net.tap:critical");
	arguments.values[arguments.count] = NULL;
	if (rte_eal_init(arguments.count, arguments.values) < 0) {
		log_error(log, LOG_DAEMON, "DPDK did not start error=%s", strerror(rte_errno));
		return -1;
	}
	return 0;
}
