/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_SECRET_H
#define LOAD_SECRET_H

#include <stddef.h>
#include <stdint.h>

/* A key from a file's first line. */
struct secret {
	size_t length;
	uint8_t bytes[256];
};

/* 0, or -1 with a line on standard error. */
int secret_read(struct secret *secret, const char *path);
void secret_wipe(struct secret *secret);

#endif
