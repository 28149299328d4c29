/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef AAA_USERS_H
#define AAA_USERS_H

/*
 * Local users, from a file with lines `user password [address]`. Words with spaces stand in double
 * quotes, where \" and \\ are the two escapes; '#' begins a comment at the start of a word.
 */

#include <stddef.h>
#include <stdint.h>

struct users;

#define USER_NAME_BYTES     128 /* with the NUL */
#define USER_PASSWORD_BYTES 129
#define USERS_ERROR_BYTES   256

struct user {
	const char *name;
	const char *password;
	uint32_t address_be; /* fixed IPv4 address in network order; 0: from the pool */
};

/*
 * Reads the file, which nobody but its owner may access (mode 0600). NULL on any mistake; `error`
 * then says which, with file and line.
 */
struct users *aaa_users_read(const char *path, char error[USERS_ERROR_BYTES]);

/* The same from memory; `path` is for the messages. */
struct users *aaa_users_parse(const char *path, const char *text, size_t length,
			      char error[USERS_ERROR_BYTES]);

/* Wipes the passwords. */
void aaa_users_free(struct users *users);

/* NULL if there is no such user; names compare byte by byte. Valid until aaa_users_free(). */
const struct user *aaa_users_find(const struct users *users, const char *name);
size_t aaa_users_count(const struct users *users);

#endif
