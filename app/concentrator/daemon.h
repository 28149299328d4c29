/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_DAEMON_H
#define CONCENTRATOR_DAEMON_H

#include "base/log.h"
#include "config/config.h"
#include "ctl/ctl.h"

struct control;
struct dataplane;
struct loop;
struct mailbox;
struct ports;
struct slabs;
struct tables;

/* The rooms, wired together. */
struct daemon {
	const struct config *config;
	struct log *log;
	unsigned workers;
	struct loop *loop;
	struct mailbox *mailbox;
	struct tables *tables;
	struct ports *ports;
	struct dataplane *dataplane;
	struct control *control;
	struct ctl *ctl;
	struct slabs *bench_storage; /* NULL: dialled sessions only */
	int signals;                 /* signalfd */
	bool eal_up;
	bool stopping;
};

/* Runs until it is told to end: 0, or 1 after one log line that says what went wrong. */
int daemon_run(const struct config *config, struct log *log);

/*
 * Installs the sessions of the configuration's `bench` once the workers run. 0, or -1 after one log
 * line. Control must not be started then: numbers of dialled sessions would meet these.
 */
int bench_install(struct daemon *daemon);

/* The table of the control socket's commands, for ctl_new() with a struct daemon. */
extern const struct ctl_command daemon_commands[];

#endif
