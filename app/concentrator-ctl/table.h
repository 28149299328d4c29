/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_CTL_TABLE_H
#define CONCENTRATOR_CTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* A list of objects as columns, an object as lines of key and value, anything else as it is. */
void table_print(FILE *to, const json_t *value);

#endif
