/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field_of(const struct row *row, void *object)
{
	return (char *)object + row->offset;
}

static int wrong_type(const char *expected, char *reason, size_t room)
{
	snprintf(reason, room, "expected %s", expected);
	return -1;
}

/* libconfig cuts what does not fit 32 bits unless it is asked for 64. */
static int integer_store(const struct row *row, const config_setting_t *setting, int *field,
			 char *reason, size_t room)
{
	int type = config_setting_type(setting);
	long long value;

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return wrong_type("a number", reason, room);
	value = config_setting_get_int64(setting);
	if (value < row->low || value > row->high) {
		snprintf(reason, room, "%lld is not between %ld and %ld", value, row->low,
			 row->high);
		return -1;
	}
	*field = (int)value;
	return 0;
}

static int choice_find(const struct row *row, const config_setting_t *setting, int *field,
		       char *reason, size_t room)
{
	const char *const *words = row_choices(row);
	const char *value = config_setting_get_string(setting);
	size_t length;

	for (int i = 0; value != NULL && words[i] != NULL; i++) {
		if (strcmp(words[i], value) == 0) {
			*field = i;
			return 0;
		}
	}
	length = (size_t)snprintf(reason, room, "expected one of");
	for (int i = 0; words[i] != NULL && length < room; i++)
		length += (size_t)snprintf(reason + length, room - length, " \"%s\"", words[i]);
	return -1;
}

static int text_store(const struct row *row, const char *value, char *field, char *reason,
		      size_t room)
{
	if (value == NULL)
		return wrong_type("a string", reason, room);
	if (strlen(value) >= row->size) {
		snprintf(reason, room, "longer than %zu characters", row->size - 1);
		return -1;
	}
	memset(field, 0, row->size);
	memcpy(field, value, strlen(value)); /* zeroes follow */
	return 0;
}

static int path_store(const struct row *row, const char *value, const char *folder, char *field,
		      char *reason, size_t room)
{
	char path[2 * CONFIG_PATH_BYTES];

	if (value == NULL || value[0] == '\0' || value[0] == '/')
		return text_store(row, value, field, reason, room);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, value) >= sizeof(path))
		return wrong_type("a shorter path", reason, room);
	return text_store(row, path, field, reason, room);
}

static int address_store(const char *value, bool may_be_empty, uint32_t *field, char *reason,
			 size_t room)
{
	struct in_addr address = {0};

	if (value == NULL)
		return wrong_type("an IPv4 address as a string", reason, room);
	if (may_be_empty && value[0] == '\0') {
		*field = 0;
		return 0;
	}
	if (inet_pton(AF_INET, value, &address) != 1 || address.s_addr == 0) {
		snprintf(reason, room, "\"%s\" is not an IPv4 address", value);
		return -1;
	}
	*field = address.s_addr;
	return 0;
}

static int endpoint_store(const char *value, bool may_be_empty, struct endpoint *field,
			  char *reason, size_t room)
{
	uint32_t address_be;
	uint8_t address[16], none[16] = {0};

	if (value == NULL || strchr(value, ':') == NULL) {
		if (address_store(value, may_be_empty, &address_be, reason, room) != 0)
			return -1;
		*field = address_be != 0 ? endpoint_ipv4(address_be, 0) : (struct endpoint){0};
		return 0;
	}
	if (inet_pton(AF_INET6, value, address) != 1 ||
	    memcmp(address, none, sizeof(address)) == 0) {
		snprintf(reason, room, "\"%s\" is not an IPv6 address", value);
		return -1;
	}
	*field = endpoint_ipv6(address, 0);
	return 0;
}

static int prefix_store(const char *value, struct config_address *field, char *reason, size_t room)
{
	char text[64];
	char *slash, *end;
	long length, most;

	if (value == NULL || strlen(value) >= sizeof(text))
		return wrong_type("\"address/length\"", reason, room);
	snprintf(text, sizeof(text), "%s", value);
	slash = strchr(text, '/');
	if (slash == NULL)
		return wrong_type("\"address/length\"", reason, room);
	*slash = '\0';
	length = strtol(slash + 1, &end, 10);
	most = strchr(text, ':') != NULL ? 128 : 32;
	if (end == slash + 1 || *end != '\0' || length < 1 || length > most)
		return wrong_type(most == 32 ? "a prefix length from 1 to 32"
					     : "a prefix length from 1 to 128",
				  reason, room);
	field->prefix_length = (uint8_t)length;
	return endpoint_store(text, false, &field->address, reason, room);
}

/* Lists may be written as arrays or lists of strings. */
static int list_store(const struct row *row, const config_setting_t *setting, void *object,
		      char *reason, size_t room)
{
	unsigned *count = (unsigned *)((char *)object + row->count_offset);
	size_t entry = row->type == ROW_PREFIX_LIST ? sizeof(struct config_address) : 4;
	char *at = field_of(row, object);

	*count = 0;
	if (!config_setting_is_array(setting) && !config_setting_is_list(setting))
		return wrong_type("a list of strings", reason, room);
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
		const char *value = config_setting_get_string(element);
		int error;

		if (((unsigned)i + 1) * entry > row->size) {
			snprintf(reason, room, "more than %zu entries", row->size / entry);
			return -1;
		}
		if (row->type == ROW_PREFIX_LIST)
			error = prefix_store(value, (struct config_address *)(void *)at, reason,
					     room);
		else if (row->type == ROW_ADDRESS_LIST)
			error = address_store(value, false, (uint32_t *)(void *)at, reason, room);
		else
			error = choice_find(row, element, (int *)(void *)at, reason, room);
		if (error != 0)
			return error;
		at += entry;
		(*count)++;
	}
	return 0;
}

int value_store(const struct row *row, const config_setting_t *setting, const char *folder,
		void *object, char *reason, size_t room)
{
	void *field = field_of(row, object);

	switch (row->type) {
	case ROW_INTEGER:
		return integer_store(row, setting, field, reason, room);
	case ROW_BOOLEAN:
		if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
			return wrong_type("true or false", reason, room);
		*(bool *)field = config_setting_get_bool(setting) != 0;
		return 0;
	case ROW_CHOICE:
		return choice_find(row, setting, field, reason, room);
	case ROW_TEXT:
		return text_store(row, config_setting_get_string(setting), field, reason, room);
	case ROW_PATH:
		return path_store(row, config_setting_get_string(setting), folder, field, reason,
				  room);
	case ROW_ADDRESS:
		return address_store(config_setting_get_string(setting), row->fallback[0] != '\0',
				     field, reason, room);
	case ROW_ENDPOINT:
		return endpoint_store(config_setting_get_string(setting), row->fallback[0] != '\0',
				      field, reason, room);
	default:
		return list_store(row, setting, object, reason, room);
	}
}

void value_store_default(const struct row *row, void *object)
{
	char text[256], reason[64];
	config_t parsed;

	if (row->fallback[0] == '\0')
		return;
	snprintf(text, sizeof(text), "value = %s;", row->fallback);
	config_init(&parsed);
	/* A row whose default does not parse is our own mistake; a unit test reads them all. */
	if (config_read_string(&parsed, text) == CONFIG_FALSE ||
	    value_store(row, config_lookup(&parsed, "value"), "", object, reason, sizeof(reason)) !=
		    0)
		abort();
	config_destroy(&parsed);
}
