/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_AUTHORITY_H
#define TESTS_AUTHORITY_H

/* A certificate authority made while a test runs. */

#include <openssl/x509.h>
#include <stddef.h>

struct authority_subject {
	EVP_PKEY *key;
	X509 *certificate;
};

/* What a certificate is to look like; zero: an ordinary one, valid now. */
struct authority_wish {
	const char *name;      /* CN */
	const char *alternate; /* "DNS:client.example,IP:192.168.1.2"; NULL: none */
	const char *usage;     /* "digitalSignature"; NULL: no key usage */
	const char *kind;      /* "RSA", "RSA-1024", or a curve: "P-256" */
	const char *digest;    /* of the signature; NULL: SHA256 */
	long from_s;           /* relative to now; 0: an hour ago */
	long until_s;          /* 0: in an hour */
	long serial;
};

/* A self-signed CA. */
struct authority_subject authority_new(const char *name, const char *kind);
/* A CA below another. */
struct authority_subject authority_intermediate(const struct authority_subject *by,
						const char *name);
struct authority_subject authority_issue(const struct authority_subject *by,
					 const struct authority_wish *wish);
void authority_free(struct authority_subject *subject);

/* Files in PEM. */
void authority_write_certificates(const char *path, X509 *const *certificates, size_t count);
void authority_write_key(const char *path, EVP_PKEY *key);
/* A list with one serial (0: an empty one), next update so many seconds from now. */
void authority_write_list(const char *path, const struct authority_subject *by, long serial,
			  long until_s);
/* Another list behind those of the file. */
void authority_add_list(const char *path, const struct authority_subject *by, long serial,
			long until_s);

#endif
