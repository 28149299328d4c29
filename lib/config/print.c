/* SPDX-License-Identifier: BSD-3-Clause */
/* The commented example and the manual, from the rows. */
#include "config/row.h"

#include <string.h>

/* What a required key looks like in the example. */
static const struct {
	enum row_section section;
	const char *key;
	const char *value;
} examples[] = {
	{SECTION_PORTS, "name", "\"access\""},
	{SECTION_PORTS, "device", "\"net_tap0,iface=access-wire\""},
	{SECTION_PORTS, "addresses", "( \"192.0.2.1/24\" )"},
	{SECTION_LISTENERS, "address", "\"192.0.2.1\""},
	{SECTION_LISTENERS, "preshared_key_file", "\"psk\""},
	{SECTION_RADIUS_SERVERS, "address", "\"198.51.100.5\""},
	{SECTION_RADIUS_SERVERS, "secret_file", "\"radius-secret\""},
	{SECTION_LACS, "host_name", "\"lac1.carrier\""},
	{SECTION_POOLS, "name", "\"default\""},
	{SECTION_POOLS, "first", "\"10.20.0.2\""},
	{SECTION_POOLS, "last", "\"10.20.255.254\""},
};

static const char *example_of(const struct row *row)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (examples[i].section == row->section && strcmp(examples[i].key, row->key) == 0)
			return examples[i].value;
	return row->fallback;
}

static void rows_print(FILE *to, enum row_section section, const char *indent)
{
	for (size_t i = 0; i < row_count; i++) {
		if (rows[i].section != section)
			continue;
		fprintf(to, "%s# %s\n", indent, rows[i].help);
		fprintf(to, "%s%s = %s;\n\n", indent, rows[i].key, example_of(&rows[i]));
	}
}

void config_print_example(FILE *to)
{
	fputs("# concentrator: every key with its default; in lists an "
	      "example.\n\n",
	      to);
	for (unsigned section = 0; section < SECTION_COUNT; section++) {
		const struct section *of = &sections[section];

		fprintf(to, "# --- %s ---\n\n", of->help);
		if (of->name[0] == '\0') {
			rows_print(to, section, "");
			continue;
		}
		fprintf(to, of->list ? "%s = (\n{\n" : "%s = {\n", of->name);
		rows_print(to, section, "\t");
		fputs(of->list ? "}\n);\n\n" : "};\n\n", to);
	}
}

static const char *type_text(const struct row *row)
{
	switch (row->type) {
	case ROW_INTEGER:
		return "number";
	case ROW_BOOLEAN:
		return "true or false";
	case ROW_CHOICE:
		return "one of";
	case ROW_CHOICE_LIST:
		return "list of";
	case ROW_PATH:
		return "path, relative to the file's folder";
	case ROW_ADDRESS:
		return "IPv4 address";
	case ROW_ENDPOINT:
		return "IPv4 or IPv6 address";
	case ROW_ADDRESS_LIST:
		return "list of IPv4 addresses";
	case ROW_PREFIX_LIST:
		return "list of \"address/length\"";
	default:
		return "text";
	}
}

static void manual_row(FILE *to, const struct row *row)
{
	fprintf(to, "| `%s` | %s", row->key, type_text(row));
	if (row->type == ROW_INTEGER)
		fprintf(to, ", %ld to %ld", row->low, row->high);
	if (row->type == ROW_CHOICE || row->type == ROW_CHOICE_LIST)
		for (const char *const *word = row_choices(row); *word != NULL; word++)
			fprintf(to, " `\"%s\"`", *word);
	if (row->fallback[0] == '\0')
		fputs(" | (must be given)", to);
	else
		fprintf(to, " | `%s`", row->fallback);
	fprintf(to, " | %s | %s |\n", row->reload, row->help);
}

void config_print_manual(FILE *to)
{
	fputs("# Configuration\n\n"
	      "This page is generated: `concentrator --print-manual > docs/configuration.md`.\n\n"
	      "The file has the syntax of libconfig. `concentrator --check-config -c FILE` reads "
	      "it,\n"
	      "says what is wrong with file, line and key, and exits 0 or 78.\n"
	      "`concentrator --print-config` prints an example with every key.\n",
	      to);
	for (unsigned section = 0; section < SECTION_COUNT; section++) {
		const struct section *of = &sections[section];

		fprintf(to, "\n## %s\n\n", of->help);
		if (of->name[0] != '\0')
			fprintf(to,
				of->list ? "A list: `%s = ( { ... }, { ... } );`\n\n"
					 : "A group: `%s = { ... };`\n\n",
				of->name);
		fputs("| key | value | default | takes effect | meaning |\n|---|---|---|---|---|\n",
		      to);
		for (size_t i = 0; i < row_count; i++)
			if (rows[i].section == section)
				manual_row(to, &rows[i]);
	}
}
