/* SPDX-License-Identifier: BSD-3-Clause */
#include "aaa/users.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (16u << 20)

struct entry {
	struct entry *next;
	struct user user; /* its texts are the two below */
	unsigned line;
	unsigned text_bytes;
	char texts[]; /* name and password */
};

/* A line of the file. */
struct fields {
	char name[USER_NAME_BYTES];
	char password[USER_PASSWORD_BYTES];
	uint32_t address_be;
};

struct users {
	struct entry **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
};

/* Where the parser stands. */
struct reader {
	const char *path;
	const char *at;
	const char *end;
	unsigned line;
	char *error;
};

static int mistake(struct reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int mistake(struct reader *reader, const char *format, ...)
{
	int at = snprintf(reader->error, USERS_ERROR_BYTES, "%s:%u: ", reader->path, reader->line);
	va_list arguments;

	va_start(arguments, format);
	if (at < USERS_ERROR_BYTES)
		vsnprintf(reader->error + at, (size_t)(USERS_ERROR_BYTES - at), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static struct entry **bucket_of(const struct users *users, const char *name)
{
	uint64_t hash = 14695981039346656037u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 1099511628211u;
	return &users->buckets[(hash ^ hash >> 32) & (users->bucket_count - 1)];
}

static struct entry *entry_find(const struct users *users, const char *name)
{
	struct entry *entry = *bucket_of(users, name);

	while (entry != NULL && strcmp(entry->user.name, name) != 0)
		entry = entry->next;
	return entry;
}

static void users_grow(struct users *users)
{
	struct users larger = {.bucket_count = users->bucket_count * 2, .count = users->count};

	larger.buckets = memory_new_array(larger.bucket_count, sizeof(struct entry *));
	for (size_t i = 0; i < users->bucket_count; i++) {
		while (users->buckets[i] != NULL) {
			struct entry *entry = users->buckets[i];
			struct entry **bucket = bucket_of(&larger, entry->user.name);

			users->buckets[i] = entry->next;
			entry->next = *bucket;
			*bucket = entry;
		}
	}
	free(users->buckets);
	*users = larger;
}

static void entry_add(struct users *users, struct entry *entry)
{
	struct entry **bucket;

	if (users->count >= users->bucket_count)
		users_grow(users);
	bucket = bucket_of(users, entry->user.name);
	entry->next = *bucket;
	*bucket = entry;
	users->count++;
}

static struct entry *entry_new(const struct fields *fields, unsigned line)
{
	size_t name_bytes = strlen(fields->name) + 1;
	size_t password_bytes = strlen(fields->password) + 1;
	struct entry *entry = memory_new(sizeof(*entry) + name_bytes + password_bytes);

	memcpy(entry->texts, fields->name, name_bytes);
	memcpy(entry->texts + name_bytes, fields->password, password_bytes);
	entry->text_bytes = (unsigned)(name_bytes + password_bytes);
	entry->line = line;
	entry->user = (struct user){
		.name = entry->texts,
		.password = entry->texts + name_bytes,
		.address_be = fields->address_be,
	};
	return entry;
}

static void entry_free(struct entry *entry)
{
	memory_wipe(entry, sizeof(*entry) + entry->text_bytes);
	free(entry);
}

static void blanks_skip(struct reader *reader)
{
	while (reader->at < reader->end &&
	       (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r'))
		reader->at++;
}

/* At the end of the line, or at a comment, which is skipped. */
static bool line_ended(struct reader *reader)
{
	blanks_skip(reader);
	if (reader->at < reader->end && *reader->at == '#')
		while (reader->at < reader->end && *reader->at != '\n')
			reader->at++;
	return reader->at == reader->end || *reader->at == '\n';
}

static int character_add(struct reader *reader, char *word, size_t *length, size_t capacity)
{
	char character = *reader->at++;

	if ((unsigned char)character < 0x20 || character == 0x7f)
		return mistake(reader, "control character in a word");
	if (*length + 1 >= capacity)
		return mistake(reader, "word longer than %zu bytes", capacity - 1);
	word[(*length)++] = character;
	return 0;
}

static int quoted_read(struct reader *reader, char *word, size_t *length, size_t capacity)
{
	int error = 0;

	reader->at++;
	while (error == 0 && reader->at < reader->end && *reader->at != '"' &&
	       *reader->at != '\n') {
		if (*reader->at == '\\') {
			reader->at++;
			if (reader->at == reader->end ||
			    (*reader->at != '"' && *reader->at != '\\'))
				return mistake(reader, "a backslash stands only before \" or \\");
		}
		error = character_add(reader, word, length, capacity);
	}
	if (error != 0)
		return error;
	if (reader->at == reader->end || *reader->at != '"')
		return mistake(reader, "closing quote is missing");
	reader->at++;
	if (reader->at < reader->end && strchr(" \t\r\n#", *reader->at) == NULL)
		return mistake(reader, "text right behind a closing quote");
	return 0;
}

static int word_read(struct reader *reader, char *word, size_t capacity)
{
	size_t length = 0;
	int error = 0;

	if (*reader->at == '"')
		error = quoted_read(reader, word, &length, capacity);
	else
		while (error == 0 && reader->at < reader->end &&
		       strchr(" \t\r\n", *reader->at) == NULL)
			error = character_add(reader, word, &length, capacity);
	word[length] = '\0';
	return error;
}

static int address_read(struct reader *reader, uint32_t *address_be)
{
	char word[64];
	struct in_addr address;
	int error = word_read(reader, word, sizeof(word));

	if (error != 0)
		return error;
	if (inet_pton(AF_INET, word, &address) != 1 || address.s_addr == 0)
		return mistake(reader, "\"%s\" is no IPv4 address", word);
	*address_be = address.s_addr;
	return 0;
}

static int fields_read(struct reader *reader, struct fields *fields)
{
	int error = word_read(reader, fields->name, sizeof(fields->name));

	if (error != 0)
		return error;
	if (fields->name[0] == '\0')
		return mistake(reader, "empty user name");
	if (line_ended(reader))
		return mistake(reader, "user \"%s\" has no password", fields->name);
	error = word_read(reader, fields->password, sizeof(fields->password));
	if (error != 0 || line_ended(reader))
		return error;
	error = address_read(reader, &fields->address_be);
	if (error == 0 && !line_ended(reader))
		error = mistake(reader, "more than user, password and address");
	return error;
}

static int line_read(struct reader *reader, struct users *users)
{
	struct fields fields = {.address_be = 0};
	const struct entry *other;
	int error = fields_read(reader, &fields);

	if (error == 0) {
		other = entry_find(users, fields.name);
		if (other != NULL)
			error = mistake(reader, "user \"%s\" is in line %u already", fields.name,
					other->line);
	}
	if (error == 0)
		entry_add(users, entry_new(&fields, reader->line));
	memory_wipe(&fields, sizeof(fields));
	return error;
}

struct users *aaa_users_parse(const char *path, const char *text, size_t length,
			      char error[USERS_ERROR_BYTES])
{
	struct reader reader = {
		.path = path, .at = text, .end = text + length, .line = 1, .error = error};
	struct users *users = memory_new(sizeof(*users));

	users->bucket_count = 16;
	users->buckets = memory_new_array(users->bucket_count, sizeof(struct entry *));
	for (; reader.at < reader.end; reader.line++) {
		if (!line_ended(&reader) && line_read(&reader, users) != 0) {
			aaa_users_free(users);
			return NULL;
		}
		if (reader.at < reader.end)
			reader.at++; /* the newline */
	}
	return users;
}

/* Checks what the descriptor is open on, so that nobody can swap the file in between. */
static int file_check(int descriptor, const char *path, off_t *size, char *error)
{
	struct stat status;

	if (fstat(descriptor, &status) != 0) {
		snprintf(error, USERS_ERROR_BYTES, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > (off_t)FILE_BYTES_MAX) {
		snprintf(error, USERS_ERROR_BYTES, "%s: not a regular file of at most %u bytes",
			 path, FILE_BYTES_MAX);
		return -1;
	}
	if ((status.st_mode & 077) != 0) {
		snprintf(error, USERS_ERROR_BYTES,
			 "%s: mode %04o lets others at the passwords; it must be 0600", path,
			 (unsigned)status.st_mode & 07777);
		return -1;
	}
	*size = status.st_size;
	return 0;
}

static ssize_t file_fill(int descriptor, char *text, size_t capacity)
{
	size_t length = 0;
	ssize_t got;

	while (length < capacity) {
		got = read(descriptor, text + length, capacity - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

struct users *aaa_users_read(const char *path, char error[USERS_ERROR_BYTES])
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct users *users = NULL;
	off_t size = 0;
	ssize_t length;
	char *text;

	if (descriptor < 0) {
		snprintf(error, USERS_ERROR_BYTES, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (file_check(descriptor, path, &size, error) != 0)
		goto close_file;
	text = memory_new((size_t)size);
	length = file_fill(descriptor, text, (size_t)size);
	if (length < 0)
		snprintf(error, USERS_ERROR_BYTES, "%s: %s", path, strerror(errno));
	else
		users = aaa_users_parse(path, text, (size_t)length, error);
	memory_wipe(text, (size_t)size);
	free(text);
close_file:
	close(descriptor);
	return users;
}

void aaa_users_free(struct users *users)
{
	if (users == NULL)
		return;
	for (size_t i = 0; i < users->bucket_count; i++) {
		while (users->buckets[i] != NULL) {
			struct entry *entry = users->buckets[i];

			users->buckets[i] = entry->next;
			entry_free(entry);
		}
	}
	free(users->buckets);
	free(users);
}

const struct user *aaa_users_find(const struct users *users, const char *name)
{
	const struct entry *entry = entry_find(users, name);

	return entry == NULL ? NULL : &entry->user;
}

size_t aaa_users_count(const struct users *users)
{
	return users->count;
}
