/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/secret.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_BYTES_MAX 1024

/* A file in memory. */
struct text {
	uint8_t *bytes; /* owned */
	size_t length;
};

/* Reads at most `most` bytes and one more, so that a longer file is seen. */
static bool text_read(const char *path, const char *key, size_t most, struct text *text,
		      struct check_failure *failure)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t count;

	if (descriptor < 0)
		return check_refuse(failure, key, "cannot read %s: %s", path, strerror(errno));
	if (fstat(descriptor, &status) != 0 || (status.st_mode & 077) != 0) {
		close(descriptor);
		return check_refuse(failure, key, "%s may be read by others: chmod 600 %s", path,
				    path);
	}
	text->bytes = memory_new(most + 1);
	while (text->length <= most &&
	       (count = read(descriptor, text->bytes + text->length, most + 1 - text->length)) > 0)
		text->length += (size_t)count;
	close(descriptor);
	return true;
}

static size_t without_newlines(const uint8_t *bytes, size_t length)
{
	while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
		length--;
	return length;
}

static uint8_t *copy(const uint8_t *bytes, size_t length)
{
	uint8_t *to = memory_new(length);

	memcpy(to, bytes, length);
	return to;
}

bool secret_read(const char *path, const char *key, uint8_t **secret, size_t *length,
		 struct check_failure *failure)
{
	struct text text = {0};
	bool right;

	if (!text_read(path, key, SECRET_BYTES_MAX, &text, failure))
		return false;
	*length = without_newlines(text.bytes, text.length);
	right = *length != 0 && *length <= SECRET_BYTES_MAX;
	if (right)
		*secret = copy(text.bytes, *length);
	else
		check_refuse(failure, key, "%s is empty or longer than %d bytes", path,
			     SECRET_BYTES_MAX);
	secret_free(text.bytes, text.length);
	return right;
}

static bool blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

/* Takes a line apart; what is wrong with it, or NULL. */
static const char *line_take(const uint8_t *line, size_t length, struct config_key *key)
{
	size_t name = 0, at;

	while (name < length && !blank(line[name]))
		name++;
	for (at = name; at < length && blank(line[at]);)
		at++;
	if (at == length)
		return "has no key behind the name";
	if (name == 0 || name >= sizeof(key->name) || memchr(line, 0, name) != NULL)
		return "has no name, or one of more than 63 characters";
	if (length - at > SECRET_BYTES_MAX)
		return "has a key of more than 1024 bytes";
	memcpy(key->name, line, name); /* the rest is zero */
	key->length = length - at;
	key->bytes = copy(line + at, key->length);
	return NULL;
}

static const char *line_repeats(const struct config_key *keys, unsigned count)
{
	const struct config_key *last = &keys[count];

	for (unsigned i = 0; i < count; i++) {
		if (strcmp(keys[i].name, last->name) == 0)
			return "repeats a name";
		if (keys[i].length == last->length &&
		    memory_equal_constant_time(keys[i].bytes, last->bytes, last->length))
			return "repeats a key";
	}
	return NULL;
}

bool secret_keys_read(const char *path, const char *key, unsigned most, struct config_key **keys,
		      unsigned *count, struct check_failure *failure)
{
	size_t room = (size_t)most * (CONFIG_KEY_NAME_BYTES + SECRET_BYTES_MAX) * 2;
	const char *wrong = NULL;
	struct text text = {0};
	unsigned number = 0;

	if (!text_read(path, key, room, &text, failure))
		return false;
	*keys = memory_new_array(most, sizeof(**keys));
	for (size_t at = 0, end; at < text.length && wrong == NULL; at = end + 1) {
		const uint8_t *line = text.bytes + at;

		for (end = at; end < text.length && text.bytes[end] != '\n';)
			end++;
		number++;
		if (end == at || line[0] == '#' || without_newlines(line, end - at) == 0)
			continue;
		if (*count == most) {
			wrong = "is one key too many";
			break;
		}
		wrong = line_take(line, without_newlines(line, end - at), &(*keys)[*count]);
		if (wrong == NULL)
			wrong = line_repeats(*keys, (*count)++);
	}
	if (text.length > room)
		check_refuse(failure, key, "%s is too long", path);
	else if (wrong != NULL)
		check_refuse(failure, key, "line %u of %s %s", number, path, wrong);
	else if (*count == 0)
		check_refuse(failure, key, "%s has no key", path);
	secret_free(text.bytes, text.length);
	return wrong == NULL && text.length <= room && *count != 0;
}

void secret_free(uint8_t *secret, size_t length)
{
	if (secret != NULL)
		memory_wipe(secret, length);
	free(secret);
}

void secret_keys_free(struct config_key *keys, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		secret_free(keys[i].bytes, keys[i].length);
	free(keys);
}
