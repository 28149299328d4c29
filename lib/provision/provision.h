/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROVISION_PROVISION_H
#define PROVISION_PROVISION_H

/*
 * Installs the sessions of a plan into tables and workers, by the messages that control sends for
 * dialled ones. For measurements: nothing answers control messages of these sessions, and nothing
 * removes them. A control core's functions.
 */

#include "provision/plan.h"

#include <stdbool.h>

struct mailbox;
struct tables;

struct provision_target {
	struct mailbox *mailbox;
	struct tables *tables;
	unsigned workers; /* session i belongs to worker i % workers */
	uint32_t local;   /* our address, in host order */
	uint16_t mtu;     /* of inner packets */
	uint16_t mss;
	bool replay_off; /* packets may come again: a file that is played in a loop */
	void *(*memory)(void *context,
			size_t bytes); /* zeroed, aligned to 64, as long as the workers */
	void (*pause)(void *context);  /* lets the workers take what was sent */
	void *context;
};

/*
 * The tables must have no SA, pool or session yet, and room for the plan. 0, or -errno when a table is
 * full.
 */
int provision_install(const struct plan *plan, const struct provision_target *target);

#endif
