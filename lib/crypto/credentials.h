/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_CREDENTIALS_H
#define CRYPTO_CREDENTIALS_H

/* Inside of struct credentials, for certificate.c and signature.c alone. */

#include "crypto/certificate.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define AUTHORITIES_MAX 32

struct credentials {
	X509 *own;
	EVP_PKEY *key;
	enum signature_kind kind;
	X509_STORE *store;
	struct digest_part chain[CERTIFICATES_MAX]; /* owned, like the next two */
	struct digest_part authority[AUTHORITIES_MAX];
	struct digest_part subject;
	size_t chain_count;
	size_t authority_count;
};

/* SIGNATURE_NONE for a key that IKEv1 has no use for. */
enum signature_kind signature_kind_of(const EVP_PKEY *key);

#endif
