/* SPDX-License-Identifier: BSD-3-Clause */
#include "authority.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static EVP_PKEY *key_new(const char *kind)
{
	EVP_PKEY *key = strcmp(kind, "RSA") == 0        ? EVP_RSA_gen(2048)
			: strcmp(kind, "RSA-1024") == 0 ? EVP_RSA_gen(1024)
							: EVP_EC_gen(kind);

	assert(key != NULL);
	return key;
}

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert(extension != NULL);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *certificate_new(EVP_PKEY *key, const char *name, long serial, long from_s,
			     long until_s)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
	X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"example", -1,
				   -1, 0);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	return certificate;
}

static struct authority_subject ca_new(const struct authority_subject *by, const char *name,
				       const char *kind)
{
	struct authority_subject ca = {.key = key_new(kind)};
	X509 *issuer;

	ca.certificate = certificate_new(ca.key, name, 1, -3600, 36000);
	issuer = by != NULL ? by->certificate : ca.certificate;
	X509_set_issuer_name(ca.certificate, X509_get_subject_name(issuer));
	extend(ca.certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
	extend(ca.certificate, issuer, NID_key_usage, "keyCertSign,cRLSign");
	assert(X509_sign(ca.certificate, by != NULL ? by->key : ca.key, EVP_sha256()) > 0);
	return ca;
}

struct authority_subject authority_new(const char *name, const char *kind)
{
	return ca_new(NULL, name, kind);
}

struct authority_subject authority_intermediate(const struct authority_subject *by,
						const char *name)
{
	return ca_new(by, name, "P-256");
}

struct authority_subject authority_issue(const struct authority_subject *by,
					 const struct authority_wish *wish)
{
	struct authority_subject subject = {.key = key_new(wish->kind)};

	subject.certificate = certificate_new(subject.key, wish->name, wish->serial,
					      wish->from_s != 0 ? wish->from_s : -3600,
					      wish->until_s != 0 ? wish->until_s : 3600);
	X509_set_issuer_name(subject.certificate, X509_get_subject_name(by->certificate));
	if (wish->alternate != NULL)
		extend(subject.certificate, by->certificate, NID_subject_alt_name, wish->alternate);
	if (wish->usage != NULL)
		extend(subject.certificate, by->certificate, NID_key_usage, wish->usage);
	assert(X509_sign(subject.certificate, by->key,
			 EVP_get_digestbyname(wish->digest != NULL ? wish->digest : "SHA256")) > 0);
	return subject;
}

void authority_free(struct authority_subject *subject)
{
	X509_free(subject->certificate);
	EVP_PKEY_free(subject->key);
	*subject = (struct authority_subject){0};
}

static BIO *file_open(const char *path, const char *mode)
{
	BIO *file = BIO_new_file(path, mode);

	assert(file != NULL);
	return file;
}

void authority_write_certificates(const char *path, X509 *const *certificates, size_t count)
{
	BIO *file = file_open(path, "w");

	for (size_t i = 0; i < count; i++)
		assert(PEM_write_bio_X509(file, certificates[i]) == 1);
	BIO_free(file);
}

void authority_write_key(const char *path, EVP_PKEY *key)
{
	BIO *file = file_open(path, "w");

	assert(PEM_write_bio_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	BIO_free(file);
}

static void list_write(BIO *file, const struct authority_subject *by, long serial, long until_s)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *when = ASN1_TIME_new();

	X509_CRL_set_version(list, 1);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(by->certificate));
	X509_gmtime_adj(when, -7200);
	X509_CRL_set1_lastUpdate(list, when);
	if (serial != 0) {
		X509_REVOKED *revoked = X509_REVOKED_new();
		ASN1_INTEGER *number = ASN1_INTEGER_new();

		ASN1_INTEGER_set(number, serial);
		X509_REVOKED_set_serialNumber(revoked, number);
		X509_REVOKED_set_revocationDate(revoked, when);
		X509_CRL_add0_revoked(list, revoked);
		ASN1_INTEGER_free(number);
	}
	X509_gmtime_adj(when, until_s);
	X509_CRL_set1_nextUpdate(list, when);
	assert(X509_CRL_sign(list, by->key, EVP_sha256()) > 0);
	assert(PEM_write_bio_X509_CRL(file, list) == 1);
	BIO_free(file);
	ASN1_TIME_free(when);
	X509_CRL_free(list);
}

void authority_write_list(const char *path, const struct authority_subject *by, long serial,
			  long until_s)
{
	list_write(file_open(path, "w"), by, serial, until_s);
}

void authority_add_list(const char *path, const struct authority_subject *by, long serial,
			long until_s)
{
	list_write(file_open(path, "a"), by, serial, until_s);
}
