/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/row.h"

#include <libconfig.h>

/*
 * Stores the setting's value in the field of `object` that the row names. `folder` is put in front
 * of relative paths. 0, or -1 with the reason (without file and key) in `reason`.
 */
int value_store(const struct row *row, const config_setting_t *setting, const char *folder,
		void *object, char *reason, size_t room);

/* Stores the row's default. */
void value_store_default(const struct row *row, void *object);

#endif
