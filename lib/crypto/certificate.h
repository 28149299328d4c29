/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_CERTIFICATE_H
#define CRYPTO_CERTIFICATE_H

/*
 * Certificates for IKEv1: our own chain and key, the CAs that we trust, and the job that checks a
 * peer's signature and makes ours (RFC 2409 5.1, RFC 4754). X.509 itself is OpenSSL's.
 */

#include "base/cause.h"
#include "crypto/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERTIFICATES_MAX        8    /* of one chain */
#define CERTIFICATE_BYTES_MAX   4096 /* of one certificate */
#define CERTIFICATE_CHAIN_BYTES 3072 /* of our own, in one message */
#define SIGNATURE_BYTES_MAX     1024 /* RSA with 8192 bits */
#define CERTIFICATE_NAME_BYTES  508  /* of a subject, DER */
#define CREDENTIALS_ERROR_BYTES 256

enum signature_kind {
	SIGNATURE_NONE,
	SIGNATURE_RSA,       /* PKCS#1 1.5 over the bare hash */
	SIGNATURE_ECDSA_256, /* r | s of fixed length */
	SIGNATURE_ECDSA_384,
	SIGNATURE_ECDSA_521,
};

/* Our chain and key and those we trust. Not changed once loaded: any thread may use it. */
struct credentials;

struct credentials_files {
	const char *chain;       /* PEM: our certificate, then those above it */
	const char *key;         /* PEM, not encrypted */
	const char *authorities; /* PEM: CAs that sign clients */
	const char *revocations; /* PEM: CRLs; "": none is checked */
};

/* NULL, with the reason in `error`: a file that cannot be read, or a key that does not fit. */
struct credentials *credentials_load(const struct credentials_files *files,
				     char error[CREDENTIALS_ERROR_BYTES]);
void credentials_free(struct credentials *credentials);

enum signature_kind credentials_kind(const struct credentials *credentials);
/* Certificate `index` of our chain, our own first; false behind the last. */
bool credentials_certificate(const struct credentials *credentials, size_t index,
			     struct digest_part *der);
/* Subject of trusted CA `index`; false behind the last. */
bool credentials_authority(const struct credentials *credentials, size_t index,
			   struct digest_part *der);
/* Our own certificate's subject. */
struct digest_part credentials_subject(const struct credentials *credentials);

/* A copy of everything that the job needs but the credentials, which must outlive it. */
struct signature_request {
	const struct credentials *credentials;
	enum signature_kind kind;
	uint8_t peer_hash[DIGEST_BYTES_MAX]; /* what the peer signed */
	uint8_t own_hash[DIGEST_BYTES_MAX];  /* what we sign if it is right */
	uint8_t hash_bytes;
	uint8_t identity_type; /* RFC 2407 4.6.2.1 */
	uint8_t certificate_count;
	uint16_t identity_bytes;
	uint16_t signature_bytes;
	uint16_t certificate_bytes[CERTIFICATES_MAX];
	size_t bytes;   /* of this structure with its data */
	uint8_t data[]; /* identity, signature, certificates */
};

struct signature_result {
	enum cause cause; /* CAUSE_none: the peer is who it says, and `signature` is ours */
	char detail[160]; /* the rest of the cause's sentence */
	uint16_t signature_bytes;
	uint16_t subject_bytes;
	uint8_t signature[SIGNATURE_BYTES_MAX];
	uint8_t subject[CERTIFICATE_NAME_BYTES]; /* of the peer's certificate, DER */
};

/* The first certificate is the peer's. NULL when a part is too long or there are too many. */
struct signature_request *signature_request_new(const struct credentials *credentials,
						enum signature_kind kind, uint8_t identity_type,
						const struct digest_part *identity,
						const struct digest_part *signature,
						const struct digest_part *certificates,
						size_t certificate_count);
struct signature_request *signature_request_copy(const struct signature_request *request);
void signature_request_free(struct signature_request *request);

/* Runs the job; any thread. */
void signature_run(const struct signature_request *request, struct signature_result *result);

/* A distinguished name in DER as text, "CN=client,O=example". */
void certificate_name_text(const struct digest_part *der, char *text, size_t size);

#endif
