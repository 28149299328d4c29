/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading of certificates and keys, and their names. */

#include "crypto/certificate.h"

#include "base/memory.h"
#include "crypto/credentials.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECURITY_LEVEL 2 /* OpenSSL's: 112 bits, thus RSA with 2048 bits, and no SHA1 */

enum signature_kind signature_kind_of(const EVP_PKEY *key)
{
	char curve[32] = "";

	if (EVP_PKEY_is_a(key, "RSA"))
		return SIGNATURE_RSA;
	if (!EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL))
		return SIGNATURE_NONE;
	if (strcmp(curve, "prime256v1") == 0)
		return SIGNATURE_ECDSA_256;
	if (strcmp(curve, "secp384r1") == 0)
		return SIGNATURE_ECDSA_384;
	return strcmp(curve, "secp521r1") == 0 ? SIGNATURE_ECDSA_521 : SIGNATURE_NONE;
}

static bool refuse(char *error, const char *what, const char *path)
{
	unsigned long code = ERR_get_error();

	snprintf(error, CREDENTIALS_ERROR_BYTES, "%s %s%s%s", path, what, code != 0 ? ": " : "",
		 code != 0 ? ERR_reason_error_string(code) : "");
	ERR_clear_error();
	return false;
}

static bool der_keep(struct digest_part *part, unsigned char *der, int length)
{
	uint8_t *copy;

	if (length <= 0)
		return false;
	copy = memory_new((size_t)length);
	memcpy(copy, der, (size_t)length);
	OPENSSL_free(der);
	*part = (struct digest_part){copy, (size_t)length};
	return true;
}

static bool chain_load(struct credentials *credentials, const char *path, char *error)
{
	BIO *file = BIO_new_file(path, "r");
	X509 *certificate;
	size_t bytes = 0;

	while (file != NULL && credentials->chain_count < CERTIFICATES_MAX &&
	       (certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
		unsigned char *der = NULL;
		int length = i2d_X509(certificate, &der);

		if (credentials->own == NULL)
			credentials->own = certificate;
		else
			X509_free(certificate);
		if (der_keep(&credentials->chain[credentials->chain_count], der, length))
			credentials->chain_count++;
	}
	BIO_free(file);
	if (credentials->own == NULL)
		return refuse(error, "holds no certificate", path);
	for (size_t i = 0; i < credentials->chain_count; i++)
		bytes += credentials->chain[i].length;
	ERR_clear_error(); /* its end was no certificate */
	if (bytes > CERTIFICATE_CHAIN_BYTES)
		return refuse(error, "has more than 3072 bytes of certificates: leave the root out",
			      path);
	return true;
}

static bool key_load(struct credentials *credentials, const char *path, char *error)
{
	BIO *file = BIO_new_file(path, "r");

	if (file != NULL)
		credentials->key = PEM_read_bio_PrivateKey(file, NULL, NULL, (void *)"");
	BIO_free(file);
	if (credentials->key == NULL)
		return refuse(error, "holds no private key without a password", path);
	if (X509_check_private_key(credentials->own, credentials->key) != 1)
		return refuse(error, "is not the key of the certificate", path);
	credentials->kind = signature_kind_of(credentials->key);
	if (credentials->kind == SIGNATURE_NONE)
		return refuse(error, "is neither RSA nor of the curves P-256, P-384 and P-521",
			      path);
	return true;
}

static bool authorities_load(struct credentials *credentials, const char *path, char *error)
{
	BIO *file = BIO_new_file(path, "r");
	X509 *certificate;

	while (file != NULL && credentials->authority_count < AUTHORITIES_MAX &&
	       (certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
		unsigned char *der = NULL;
		int length = i2d_X509_NAME(X509_get_subject_name(certificate), &der);

		X509_STORE_add_cert(credentials->store, certificate);
		X509_free(certificate);
		if (der_keep(&credentials->authority[credentials->authority_count], der, length))
			credentials->authority_count++;
	}
	BIO_free(file);
	if (credentials->authority_count == 0)
		return refuse(error, "holds no certificate", path);
	ERR_clear_error();
	return true;
}

static bool revocations_load(struct credentials *credentials, const char *path, char *error)
{
	BIO *file;
	X509_CRL *list;
	unsigned count = 0;

	if (path[0] == '\0')
		return true;
	file = BIO_new_file(path, "r");
	while (file != NULL && (list = PEM_read_bio_X509_CRL(file, NULL, NULL, NULL)) != NULL) {
		count += X509_STORE_add_crl(credentials->store, list) == 1;
		X509_CRL_free(list);
	}
	BIO_free(file);
	if (count == 0)
		return refuse(error, "holds no revocation list", path);
	ERR_clear_error();
	X509_STORE_set_flags(credentials->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return true;
}

static bool subject_keep(struct credentials *credentials)
{
	unsigned char *der = NULL;
	int length = i2d_X509_NAME(X509_get_subject_name(credentials->own), &der);

	return der_keep(&credentials->subject, der, length);
}

struct credentials *credentials_load(const struct credentials_files *files,
				     char error[CREDENTIALS_ERROR_BYTES])
{
	struct credentials *credentials = memory_new(sizeof(*credentials));

	credentials->store = X509_STORE_new();
	X509_STORE_set_depth(credentials->store, CERTIFICATES_MAX);
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(credentials->store), SECURITY_LEVEL);
	if (chain_load(credentials, files->chain, error) &&
	    key_load(credentials, files->key, error) &&
	    authorities_load(credentials, files->authorities, error) &&
	    revocations_load(credentials, files->revocations, error) && subject_keep(credentials))
		return credentials;
	credentials_free(credentials);
	return NULL;
}

static void part_release(const struct digest_part *part)
{
	union {
		const void *constant;
		void *bytes;
	} owned = {.constant = part->bytes};

	free(owned.bytes);
}

void credentials_free(struct credentials *credentials)
{
	if (credentials == NULL)
		return;
	for (size_t i = 0; i < credentials->chain_count; i++)
		part_release(&credentials->chain[i]);
	for (size_t i = 0; i < credentials->authority_count; i++)
		part_release(&credentials->authority[i]);
	part_release(&credentials->subject);
	X509_STORE_free(credentials->store);
	EVP_PKEY_free(credentials->key);
	X509_free(credentials->own);
	free(credentials);
}

enum signature_kind credentials_kind(const struct credentials *credentials)
{
	return credentials->kind;
}

bool credentials_certificate(const struct credentials *credentials, size_t index,
			     struct digest_part *der)
{
	if (index >= credentials->chain_count)
		return false;
	*der = credentials->chain[index];
	return true;
}

bool credentials_authority(const struct credentials *credentials, size_t index,
			   struct digest_part *der)
{
	if (index >= credentials->authority_count)
		return false;
	*der = credentials->authority[index];
	return true;
}

struct digest_part credentials_subject(const struct credentials *credentials)
{
	return credentials->subject;
}

void certificate_name_text(const struct digest_part *der, char *text, size_t size)
{
	const unsigned char *at = der->bytes;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)der->length);
	BIO *memory = BIO_new(BIO_s_mem());
	int length = 0;

	if (name != NULL && memory != NULL &&
	    X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		length = BIO_read(memory, text, (int)size - 1);
	text[length > 0 ? length : 0] = '\0';
	if (length <= 0)
		snprintf(text, size, "unreadable name");
	for (char *c = text; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	BIO_free(memory);
	X509_NAME_free(name);
	ERR_clear_error();
}
