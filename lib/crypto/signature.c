/* SPDX-License-Identifier: BSD-3-Clause */
/* The public-key job of main mode with certificates: chain, identity and signature, then our own. */

#include "base/memory.h"
#include "crypto/credentials.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_MAX 8192

enum { ID_IPV4_ADDRESS = 1, ID_FQDN = 2, ID_USER_FQDN = 3, ID_IPV6_ADDRESS = 5, ID_DN = 9 };

struct signature_request *signature_request_new(const struct credentials *credentials,
						enum signature_kind kind, uint8_t identity_type,
						const struct digest_part *identity,
						const struct digest_part *signature,
						const struct digest_part *certificates,
						size_t certificate_count)
{
	size_t bytes = sizeof(struct signature_request) + identity->length + signature->length;
	struct signature_request *request;
	uint8_t *at;

	if (certificate_count > CERTIFICATES_MAX || identity->length > CERTIFICATE_NAME_BYTES ||
	    signature->length > SIGNATURE_BYTES_MAX)
		return NULL;
	for (size_t i = 0; i < certificate_count; i++) {
		if (certificates[i].length > CERTIFICATE_BYTES_MAX)
			return NULL;
		bytes += certificates[i].length;
	}
	request = memory_new(bytes);
	*request = (struct signature_request){
		.credentials = credentials,
		.kind = kind,
		.identity_type = identity_type,
		.identity_bytes = (uint16_t)identity->length,
		.signature_bytes = (uint16_t)signature->length,
		.certificate_count = (uint8_t)certificate_count,
		.bytes = bytes,
	};
	at = request->data;
	memcpy(at, identity->bytes, identity->length);
	at += identity->length;
	memcpy(at, signature->bytes, signature->length);
	at += signature->length;
	for (size_t i = 0; i < certificate_count; i++) {
		request->certificate_bytes[i] = (uint16_t)certificates[i].length;
		memcpy(at, certificates[i].bytes, certificates[i].length);
		at += certificates[i].length;
	}
	return request;
}

struct signature_request *signature_request_copy(const struct signature_request *request)
{
	struct signature_request *copy = memory_new(request->bytes);

	memcpy(copy, request, request->bytes);
	return copy;
}

void signature_request_free(struct signature_request *request)
{
	if (request == NULL)
		return;
	memory_wipe(request, request->bytes);
	free(request);
}

static bool fail(struct signature_result *result, enum cause cause, const char *detail)
{
	result->cause = cause;
	snprintf(result->detail, sizeof(result->detail), "%s", detail);
	return false;
}

/* The peer's certificates, its own first. NULL when one does not parse. */
static STACK_OF(X509) * chain_read(const struct signature_request *request)
{
	const uint8_t *at = request->data + request->identity_bytes + request->signature_bytes;
	STACK_OF(X509) *chain = sk_X509_new_null();

	for (unsigned i = 0; i < request->certificate_count; i++) {
		const unsigned char *der = at;
		X509 *certificate = d2i_X509(NULL, &der, request->certificate_bytes[i]);

		if (certificate == NULL) {
			sk_X509_pop_free(chain, X509_free);
			return NULL;
		}
		sk_X509_push(chain, certificate);
		at += request->certificate_bytes[i];
	}
	return chain;
}

static enum cause cause_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return CAUSE_certificate_expired;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return CAUSE_certificate_not_yet_valid;
	case X509_V_ERR_CERT_REVOKED:
		return CAUSE_certificate_revoked;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return CAUSE_certificate_no_crl;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return CAUSE_certificate_crl_expired;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return CAUSE_certificate_weak;
	default:
		return CAUSE_certificate_untrusted;
	}
}

static void subject_text(X509 *certificate, char *text, size_t size)
{
	unsigned char *der = NULL;
	int length = i2d_X509_NAME(X509_get_subject_name(certificate), &der);
	const struct digest_part part = {der, length > 0 ? (size_t)length : 0};

	certificate_name_text(&part, text, size);
	OPENSSL_free(der);
}

static bool chain_trusted(const struct signature_request *request, X509 *leaf,
			  STACK_OF(X509) * chain, struct signature_result *result)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	char name[96] = "";
	bool trusted;
	int error;

	if (context == NULL ||
	    X509_STORE_CTX_init(context, request->credentials->store, leaf, chain) != 1) {
		X509_STORE_CTX_free(context);
		return fail(result, CAUSE_certificate_untrusted, "it cannot be checked");
	}
	trusted = X509_verify_cert(context) == 1;
	error = X509_STORE_CTX_get_error(context);
	if (!trusted) {
		X509 *at = X509_STORE_CTX_get_current_cert(context);

		subject_text(at != NULL ? at : leaf, name, sizeof(name));
		result->cause = cause_of(error);
		snprintf(result->detail, sizeof(result->detail), "%.80s: %.60s", name,
			 X509_verify_cert_error_string(error));
	}
	X509_STORE_CTX_free(context);
	return trusted;
}

static bool name_equal(const struct signature_request *request, X509 *leaf)
{
	const unsigned char *at = request->data;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, request->identity_bytes);
	bool equal = name != NULL && X509_NAME_cmp(name, X509_get_subject_name(leaf)) == 0;

	X509_NAME_free(name);
	return equal;
}

/* What the peer says it is must stand in its certificate. */
static bool identity_right(const struct signature_request *request, X509 *leaf)
{
	const char *text = (const char *)request->data;
	size_t length = request->identity_bytes;

	switch (request->identity_type) {
	case ID_DN:
		return name_equal(request, leaf);
	case ID_FQDN:
		return length != 0 && X509_check_host(leaf, text, length,
						      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
							      X509_CHECK_FLAG_NO_WILDCARDS,
						      NULL) == 1;
	case ID_USER_FQDN:
		return length != 0 && X509_check_email(leaf, text, length, 0) == 1;
	case ID_IPV4_ADDRESS:
	case ID_IPV6_ADDRESS:
		return X509_check_ip(leaf, request->data, length, 0) == 1;
	default:
		return false;
	}
}

static EVP_PKEY_CTX *key_context(EVP_PKEY *key, enum signature_kind kind, bool sign)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

	if (context != NULL &&
	    (sign ? EVP_PKEY_sign_init(context) : EVP_PKEY_verify_init(context)) == 1 &&
	    (kind != SIGNATURE_RSA ||
	     EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1))
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

static size_t ecdsa_half(enum signature_kind kind)
{
	return kind == SIGNATURE_ECDSA_256 ? 32 : kind == SIGNATURE_ECDSA_384 ? 48 : 66;
}

/* r | s to what OpenSSL takes; its length, or 0. */
static size_t ecdsa_to_der(const uint8_t *bytes, size_t half, uint8_t *der, size_t room)
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes, (int)half, NULL);
	BIGNUM *s = BN_bin2bn(bytes + half, (int)half, NULL);
	int length = 0;

	if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
		length = i2d_ECDSA_SIG(signature, NULL);
		if (length > 0 && (size_t)length <= room)
			i2d_ECDSA_SIG(signature, &der);
		else
			length = 0;
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(signature);
	return (size_t)length;
}

static bool signature_right(const struct signature_request *request, EVP_PKEY *key)
{
	const uint8_t *signature = request->data + request->identity_bytes;
	size_t length = request->signature_bytes;
	uint8_t der[256];
	EVP_PKEY_CTX *context;
	bool right;

	if (request->kind != SIGNATURE_RSA) {
		size_t half = ecdsa_half(request->kind);

		if (length != 2 * half)
			return false;
		length = ecdsa_to_der(signature, half, der, sizeof(der));
		signature = der;
	}
	context = key_context(key, request->kind, false);
	right = context != NULL && EVP_PKEY_verify(context, signature, length, request->peer_hash,
						   request->hash_bytes) == 1;
	EVP_PKEY_CTX_free(context);
	return right;
}

static bool subject_take(X509 *leaf, struct signature_result *result)
{
	unsigned char *at = result->subject;
	int length = i2d_X509_NAME(X509_get_subject_name(leaf), NULL);

	if (length <= 0 || length > CERTIFICATE_NAME_BYTES)
		return fail(result, CAUSE_certificate_unsuitable, "its subject is too long");
	result->subject_bytes = (uint16_t)i2d_X509_NAME(X509_get_subject_name(leaf), &at);
	return true;
}

/* The key can make that kind of signature, and may. */
static bool key_fits(X509 *leaf, enum signature_kind kind, struct signature_result *result)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);

	if (key == NULL || signature_kind_of(key) != kind)
		return fail(result, CAUSE_certificate_unsuitable,
			    "its key is not of the kind that was negotiated");
	if (EVP_PKEY_bits(key) > RSA_BITS_MAX)
		return fail(result, CAUSE_certificate_unsuitable, "its key has over 8192 bits");
	if ((X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) != 0 &&
	    (X509_get_key_usage(leaf) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0)
		return fail(result, CAUSE_certificate_unsuitable,
			    "its key usage does not allow signatures");
	return true;
}

static bool peer_right(const struct signature_request *request, STACK_OF(X509) * chain,
		       struct signature_result *result)
{
	X509 *leaf = sk_X509_value(chain, 0);
	char name[96];

	if (!key_fits(leaf, request->kind, result) ||
	    !chain_trusted(request, leaf, chain, result) || !subject_take(leaf, result))
		return false;
	subject_text(leaf, name, sizeof(name));
	if (!identity_right(request, leaf))
		return fail(result, CAUSE_certificate_id_mismatch, name);
	if (!signature_right(request, X509_get0_pubkey(leaf)))
		return fail(result, CAUSE_certificate_signature_wrong, name);
	return true;
}

static bool ecdsa_from_der(const uint8_t *der, size_t length, size_t half, uint8_t *out)
{
	const unsigned char *at = der;
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)length);
	bool ok = signature != NULL &&
		  BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, (int)half) == (int)half &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + half, (int)half) == (int)half;

	ECDSA_SIG_free(signature);
	return ok;
}

/* Ours over `own_hash`. */
static bool sign(const struct signature_request *request, struct signature_result *result)
{
	const struct credentials *credentials = request->credentials;
	EVP_PKEY_CTX *context = key_context(credentials->key, credentials->kind, true);
	uint8_t bytes[SIGNATURE_BYTES_MAX];
	size_t length = sizeof(bytes);
	size_t half = ecdsa_half(credentials->kind);
	bool ok = context != NULL && EVP_PKEY_sign(context, bytes, &length, request->own_hash,
						   request->hash_bytes) == 1;

	EVP_PKEY_CTX_free(context);
	if (ok && credentials->kind == SIGNATURE_RSA) {
		memcpy(result->signature, bytes, length);
		result->signature_bytes = (uint16_t)length;
	} else if (ok) {
		ok = ecdsa_from_der(bytes, length, half, result->signature);
		result->signature_bytes = (uint16_t)(2 * half);
	}
	return ok || fail(result, CAUSE_certificate_unsuitable, "our own key cannot sign");
}

void signature_run(const struct signature_request *request, struct signature_result *result)
{
	STACK_OF(X509) *chain = NULL;

	memory_wipe(result, sizeof(*result));
	result->cause = CAUSE_certificate_untrusted; /* until everything was seen to be right */
	if (request->certificate_count == 0)
		fail(result, CAUSE_certificate_missing, "it sent none in main mode 5");
	else if ((chain = chain_read(request)) == NULL)
		fail(result, CAUSE_certificate_malformed, "it does not parse");
	else if (peer_right(request, chain, result) && sign(request, result))
		result->cause = CAUSE_none;
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
}
