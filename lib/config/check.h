/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/config.h"

struct check_failure {
	char key[64]; /* as libconfig looks it up: "pools.[1].first" */
	char reason[384];
};

/* Sets `failure` and is false. */
bool check_refuse(struct check_failure *failure, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What no single row can tell: keys that must fit each other, and secret files, which it reads. */
bool check_config(struct config *config, struct check_failure *failure);

#endif
