/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "options.h"

/*
 * Dials, holds, sends, closes, reports. EAL is started. True when all went as it should. SIGINT and
 * SIGTERM begin the orderly end; a second one ends at once.
 */
bool run(const struct options *options);

#endif
