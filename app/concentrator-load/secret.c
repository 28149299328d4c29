/* SPDX-License-Identifier: BSD-3-Clause */
#include "secret.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int secret_read(struct secret *secret, const char *path)
{
	char line[sizeof(secret->bytes) + 2];
	FILE *file = fopen(path, "r");

	secret->length = 0;
	if (file == NULL) {
		fprintf(stderr, "concentrator-load: %s: %s\n", path, strerror(errno));
		return -1;
	}
	setvbuf(file, NULL, _IONBF, 0); /* no copy of the secret stays behind */
	if (fgets(line, sizeof(line), file) != NULL) {
		secret->length = strcspn(line, "\r\n");
		if (secret->length > sizeof(secret->bytes))
			secret->length = 0;
		memcpy(secret->bytes, line, secret->length);
	}
	memory_wipe(line, sizeof(line));
	fclose(file);
	if (secret->length != 0)
		return 0;
	fprintf(stderr, "concentrator-load: %s: no secret of 1 to %zu bytes\n", path,
		sizeof(secret->bytes));
	return -1;
}

void secret_wipe(struct secret *secret)
{
	memory_wipe(secret, sizeof(*secret));
}
