/* SPDX-License-Identifier: BSD-3-Clause */
#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32

/* The value as a person reads it; the caller frees it. */
static char *cell_text(const json_t *value)
{
	char *text = NULL;

	if (json_is_string(value))
		return strdup(json_string_value(value)[0] != '\0' ? json_string_value(value) : "-");
	if (value == NULL || json_is_null(value))
		return strdup("-");
	if (json_is_real(value))
		return asprintf(&text, "%.1f", json_real_value(value)) < 0 ? NULL : text;
	if (json_is_array(value)) {
		text = calloc(1, 1);
		for (size_t i = 0; text != NULL && i < json_array_size(value); i++) {
			char *entry = cell_text(json_array_get(value, i));
			char *longer = NULL;

			if (asprintf(&longer, "%s%s%s", text, i == 0 ? "" : ",", entry) >= 0) {
				free(text);
				text = longer;
			}
			free(entry);
		}
		return text;
	}
	return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void rows_print(FILE *to, const json_t *rows)
{
	const char *names[COLUMNS_MAX];
	size_t widths[COLUMNS_MAX];
	unsigned columns = 0;
	const char *key;
	json_t *value;

	/* Rows of one list may differ: the columns are those of all of them, in order. */
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_object_foreach(json_array_get(rows, i), key, value)
		{
			char *text = cell_text(value);
			unsigned column = 0;

			while (column < columns && strcmp(names[column], key) != 0)
				column++;
			if (column == columns && columns < COLUMNS_MAX) {
				names[columns] = key;
				widths[columns++] = strlen(key);
			}
			if (column < columns && strlen(text) > widths[column])
				widths[column] = strlen(text);
			free(text);
		}
	}
	for (unsigned column = 0; column < columns; column++)
		fprintf(to, "%-*s%s", column + 1 == columns ? 0 : (int)widths[column],
			names[column], column + 1 == columns ? "\n" : "  ");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		for (unsigned column = 0; column < columns; column++) {
			char *text =
				cell_text(json_object_get(json_array_get(rows, i), names[column]));

			fprintf(to, "%-*s%s", column + 1 == columns ? 0 : (int)widths[column], text,
				column + 1 == columns ? "\n" : "  ");
			free(text);
		}
	}
	if (json_array_size(rows) == 0)
		fputs("(none)\n", to);
}

void table_print(FILE *to, const json_t *value)
{
	const char *key;
	json_t *entry;

	if (json_is_array(value)) {
		rows_print(to, value);
	} else if (json_is_object(value)) {
		json_object_foreach((json_t *)(uintptr_t)value, key, entry)
		{
			char *text;

			if (json_is_object(json_array_get(entry, 0))) {
				fputc('\n', to);
				rows_print(to, entry);
				fputc('\n', to);
				continue;
			}
			text = cell_text(entry);
			fprintf(to, "%-18s %s\n", key, text);
			free(text);
		}
	} else if (value != NULL && !json_is_null(value)) {
		char *text = cell_text(value);

		fprintf(to, "%s\n", text);
		free(text);
	}
}
