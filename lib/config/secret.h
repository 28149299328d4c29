/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

/* Files with secrets: only their owner may read them. */

#include "config/check.h"

/* The one secret of a file; newlines at its end do not count. The caller owns `*secret`. `key` is
 * what a failure is put down to. */
bool secret_read(const char *path, const char *key, uint8_t **secret, size_t *length,
		 struct check_failure *failure);

/*
 * A file with one key a line: a name, blanks, and the key up to the end of the line. Empty lines and
 * those that begin with # say nothing. No name and no key may come twice. The caller owns `*keys`,
 * also what was read before a failure.
 */
bool secret_keys_read(const char *path, const char *key, unsigned most, struct config_key **keys,
		      unsigned *count, struct check_failure *failure);

/* Wipes and frees. */
void secret_free(uint8_t *secret, size_t length);
void secret_keys_free(struct config_key *keys, unsigned count);

#endif
