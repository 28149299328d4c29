/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"

#include "base/memory.h"
#include "config/check.h"
#include "config/row.h"
#include "config/secret.h"
#include "config/value.h"
#include "crypto/certificate.h"

#include <libconfig.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *path;
	char folder[CONFIG_PATH_BYTES];
	struct config *config;
	char *error;
};

static int fail(const struct reader *reader, const config_setting_t *setting, const char *key,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

static int fail(const struct reader *reader, const config_setting_t *setting, const char *key,
		const char *format, ...)
{
	const char *file = setting != NULL ? config_setting_source_file(setting) : NULL;
	va_list arguments;
	int length;

	length = snprintf(reader->error, CONFIG_ERROR_BYTES, "%s:%u: %s%s",
			  file != NULL ? file : reader->path,
			  setting != NULL ? config_setting_source_line(setting) : 0, key,
			  key[0] != '\0' ? ": " : "");
	if (length < 0 || length >= CONFIG_ERROR_BYTES)
		return -1;
	va_start(arguments, format);
	vsnprintf(reader->error + length, CONFIG_ERROR_BYTES - (size_t)length, format, arguments);
	va_end(arguments);
	return -1;
}

static const struct row *row_find(enum row_section section, const char *key)
{
	for (size_t i = 0; i < row_count; i++)
		if (rows[i].section == section && strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

static enum row_section section_find(const char *name)
{
	for (unsigned i = SECTION_DAEMON + 1; i < SECTION_COUNT; i++)
		if (strcmp(sections[i].name, name) == 0)
			return (enum row_section)i;
	return SECTION_COUNT;
}

/* Edit distance, for "did you mean". */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t length = strlen(b);

	if (length >= 64)
		return 64;
	for (unsigned j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1] != '\0'; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= length; j++) {
			unsigned cost = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			row[j] = cost;
		}
	}
	return row[length];
}

static int fail_unknown(const struct reader *reader, const config_setting_t *setting,
			enum row_section section)
{
	const char *key = config_setting_name(setting);
	const char *nearest = "";
	unsigned best = 64;

	for (size_t i = 0; i < row_count; i++) {
		if (rows[i].section == section && distance(key, rows[i].key) < best) {
			best = distance(key, rows[i].key);
			nearest = rows[i].key;
		}
	}
	for (unsigned i = SECTION_DAEMON + 1; section == SECTION_DAEMON && i < SECTION_COUNT; i++) {
		if (distance(key, sections[i].name) < best) {
			best = distance(key, sections[i].name);
			nearest = sections[i].name;
		}
	}
	return fail(reader, setting, key, "unknown key, did you mean \"%s\"?", nearest);
}

static int setting_read(const struct reader *reader, enum row_section section,
			const config_setting_t *setting, void *object)
{
	const struct row *row = row_find(section, config_setting_name(setting));
	char reason[256];

	if (row == NULL)
		return fail_unknown(reader, setting, section);
	if (value_store(row, setting, reader->folder, object, reason, sizeof(reason)) != 0)
		return fail(reader, setting, row->key, "%s", reason);
	return 0;
}

static void defaults_store(enum row_section section, void *object)
{
	for (size_t i = 0; i < row_count; i++)
		if (rows[i].section == section)
			value_store_default(&rows[i], object);
}

static int group_read(const struct reader *reader, enum row_section section,
		      const config_setting_t *group, void *object)
{
	if (!config_setting_is_group(group))
		return fail(reader, group, sections[section].name, "expected a group { ... }");
	for (int i = 0; i < config_setting_length(group); i++)
		if (setting_read(reader, section, config_setting_get_elem(group, (unsigned)i),
				 object) != 0)
			return -1;
	for (size_t i = 0; i < row_count; i++)
		if (rows[i].section == section && rows[i].fallback[0] == '\0' &&
		    config_setting_get_member(group, rows[i].key) == NULL)
			return fail(reader, group, rows[i].key, "must be given");
	return 0;
}

struct list_place {
	void *elements;
	size_t size;
	unsigned room;
	unsigned *count;
};

static struct list_place list_place(struct config *config, enum row_section section)
{
	switch (section) {
	case SECTION_PORTS:
		return (struct list_place){config->ports, sizeof(config->ports[0]),
					   CONFIG_PORTS_MAX, &config->port_count};
	case SECTION_LISTENERS:
		return (struct list_place){config->listeners, sizeof(config->listeners[0]),
					   CONFIG_LISTENERS_MAX, &config->listener_count};
	case SECTION_LACS:
		return (struct list_place){config->lacs, sizeof(config->lacs[0]), CONFIG_LACS_MAX,
					   &config->lac_count};
	case SECTION_RADIUS_SERVERS:
		return (struct list_place){config->radius_servers,
					   sizeof(config->radius_servers[0]),
					   CONFIG_RADIUS_SERVERS_MAX, &config->radius_server_count};
	default:
		return (struct list_place){config->pools, sizeof(config->pools[0]),
					   CONFIG_POOLS_MAX, &config->pool_count};
	}
}

static int list_read(const struct reader *reader, enum row_section section,
		     const config_setting_t *list)
{
	struct list_place place = list_place(reader->config, section);

	if (!config_setting_is_list(list))
		return fail(reader, list, sections[section].name, "expected a list ( { ... } )");
	if ((unsigned)config_setting_length(list) > place.room)
		return fail(reader, list, sections[section].name, "more than %u entries",
			    place.room);
	for (int i = 0; i < config_setting_length(list); i++) {
		const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
		void *element = (char *)place.elements + (size_t)i * place.size;

		defaults_store(section, element);
		if (group_read(reader, section, group, element) != 0)
			return -1;
		(*place.count)++;
	}
	return 0;
}

static int root_read(const struct reader *reader, const config_setting_t *root)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *setting = config_setting_get_elem(root, (unsigned)i);
		enum row_section section = section_find(config_setting_name(setting));
		int error;

		if (section == SECTION_COUNT)
			error = setting_read(reader, SECTION_DAEMON, setting, reader->config);
		else if (sections[section].list)
			error = list_read(reader, section, setting);
		else
			error = group_read(reader, section, setting, reader->config);
		if (error != 0)
			return error;
	}
	return 0;
}

struct config *config_load(const char *path, char error[CONFIG_ERROR_BYTES])
{
	struct reader reader = {.path = path, .error = error};
	const char *slash = strrchr(path, '/');
	struct check_failure failure;
	config_t parsed;
	bool ok;

	if (slash == NULL)
		snprintf(reader.folder, sizeof(reader.folder), ".");
	else
		snprintf(reader.folder, sizeof(reader.folder), "%.*s", (int)(slash - path), path);
	error[0] = '\0';
	reader.config = memory_new(sizeof(*reader.config));
	for (unsigned section = 0; section < SECTION_COUNT; section++)
		if (!sections[section].list)
			defaults_store(section, reader.config);
	config_init(&parsed);
	config_set_include_dir(&parsed, reader.folder);
	ok = config_read_file(&parsed, path) != CONFIG_FALSE;
	if (!ok)
		snprintf(error, CONFIG_ERROR_BYTES, "%s:%d: %s",
			 config_error_file(&parsed) != NULL ? config_error_file(&parsed) : path,
			 config_error_line(&parsed), config_error_text(&parsed));
	ok = ok && root_read(&reader, config_root_setting(&parsed)) == 0;
	if (ok && !check_config(reader.config, &failure)) {
		/* The place of the key, if the file has it. */
		const config_setting_t *place = config_lookup(&parsed, failure.key);

		ok = fail(&reader, place, failure.key, "%s", failure.reason) == 0;
	}
	config_destroy(&parsed);
	if (ok)
		return reader.config;
	config_free(reader.config);
	return NULL;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (unsigned i = 0; i < CONFIG_LISTENERS_MAX; i++) {
		struct config_listener *listener = &config->listeners[i];

		credentials_free(listener->credentials);
		secret_free(listener->preshared_key, listener->preshared_key_bytes);
		secret_keys_free(listener->preshared_keys, listener->preshared_key_count);
		secret_keys_free(listener->aggressive_keys, listener->aggressive_key_count);
	}
	for (unsigned i = 0; i < CONFIG_RADIUS_SERVERS_MAX; i++)
		secret_free(config->radius_servers[i].secret,
			    config->radius_servers[i].secret_bytes);
	for (unsigned i = 0; i < CONFIG_LACS_MAX; i++)
		secret_free(config->lacs[i].secret, config->lacs[i].secret_bytes);
	secret_free(config->l2tp_secret, config->l2tp_secret_bytes);
	free(config);
}
