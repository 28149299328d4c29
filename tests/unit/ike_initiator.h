/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_IKE_INITIATOR_H
#define TESTS_IKE_INITIATOR_H

/*
 * An IKEv1 initiator for tests: what a client puts on the wire, with the habits of the real ones.
 * It shares with the engine only lib/crypto; its key schedule is written apart.
 */

#include "base/endpoint.h"
#include "crypto/block_cipher.h"
#include "crypto/digest.h"
#include "crypto/esp_suite.h"
#include "crypto/key_exchange.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INITIATOR_BYTES_MAX 8192

struct initiator_transform {
	uint16_t cipher; /* 7 AES, 5 3DES, 1 DES */
	uint16_t key_bits;
	uint16_t hash; /* 1 MD5, 2 SHA1, 4 5 6 SHA2 */
	uint16_t group;
};

struct initiator_esp {
	uint8_t proposal;
	uint8_t protocol; /* 3 ESP, 2 AH */
	uint8_t id;
	uint16_t key_bits;
	uint16_t authenticator;
	uint16_t mode;
	uint16_t group;
};

struct initiator_vendor {
	const uint8_t *bytes;
	size_t length;
};

extern const struct initiator_vendor vendor_rfc_3947, vendor_draft_02n, vendor_draft_02,
	vendor_draft_03, vendor_draft_00, vendor_apple, vendor_dpd, vendor_microsoft, vendor_xauth,
	vendor_libreswan, vendor_fragmentation, vendor_fragmentation_word;

/* Deterministic randomness (splitmix64). */
struct initiator_random {
	uint64_t state;
};
uint64_t initiator_random_u64(struct initiator_random *random);
void initiator_random_fill(void *context, void *bytes, size_t length);

/* A client's certificate. */
struct initiator_signer {
	EVP_PKEY *key;
	struct digest_part certificates[8]; /* DER, its own first */
	size_t certificate_count;
	X509 *server; /* what the server must prove to have */
	bool wrong_signature;
};

struct initiator_config {
	const struct initiator_transform *transforms;
	size_t transform_count;
	const struct initiator_esp *esp;
	size_t esp_count;
	const struct initiator_vendor *vendors[16];
	size_t vendor_count;
	const char *preshared_key;
	struct endpoint own; /* what the initiator believes */
	struct endpoint server;
	uint8_t identity[256]; /* ID body of phase 1 */
	size_t identity_bytes;
	uint8_t nonce_bytes;    /* 0: 16 */
	uint16_t esp_pfs_group; /* 0: none */
	bool tv_lifetime;       /* Android: 2-byte durations; else 4-byte TLV */
	bool kilobytes;         /* Windows: 250000 KB too */
	uint32_t seconds;       /* lifetime of phase 2; 0: 3600 */
	uint32_t ike_seconds;   /* lifetime of phase 1; 0: 28800 */
	bool no_ids;
	uint8_t id_protocol; /* of the selectors; 0 with ids_any */
	uint16_t id_peer_port;
	uint16_t id_local_port;
	uint8_t nat_oa;        /* number sent */
	bool random_padding;   /* Android */
	bool nonzero_reserved; /* Android */
	bool initial_contact_in_5;
	bool encapsulate; /* fake the own NAT-D hash, strongSwan's forceencaps */
	bool nat_d_reversed;
	bool commit_bit;
	const struct initiator_signer *signer; /* with a method that signs */
	uint16_t method;                       /* of phase 1; 0: 1, pre-shared key */
	uint16_t lifetime_type;                /* of both phases; 0: 1, seconds */
	uint16_t extra_attribute;              /* one more in each transform; 0: none */
	uint8_t ike_protocol;                  /* of the proposal of phase 1; 0: 1 */
	uint32_t spi;                          /* 0: any */
	bool aggressive;                       /* the first message begins aggressive mode */
	bool aggressive_in_clear;              /* its third message too */
	struct digest_part behind_proof;       /* raw payloads in it, the first of the next type */
	uint8_t behind_proof_type;
	bool trusting;   /* the server need not prove the key in it */
	bool wrong_hash; /* well encrypted, but not authentic */
};

enum initiator_state {
	INITIATOR_IDLE,
	INITIATOR_SENT_1,
	INITIATOR_SENT_3,
	INITIATOR_SENT_5,
	INITIATOR_ESTABLISHED,
	INITIATOR_FAILED,
};

enum initiator_quick_state { INITIATOR_QUICK_IDLE, INITIATOR_QUICK_SENT_1, INITIATOR_QUICK_DONE };

struct initiator {
	struct initiator_config config;
	struct initiator_random random;
	uint8_t cookie_i[8];
	uint8_t cookie_r[8];
	enum initiator_state state;
	enum initiator_quick_state quick_state;
	const struct initiator_transform *chosen;
	enum digest_kind hash;
	enum block_cipher cipher;
	uint8_t sa_body[4096];
	size_t sa_body_bytes;
	uint8_t private_value[32];
	uint8_t public_i[KEY_EXCHANGE_BYTES_MAX];
	uint8_t public_r[KEY_EXCHANGE_BYTES_MAX];
	uint8_t shared[KEY_EXCHANGE_BYTES_MAX];
	size_t public_bytes;
	size_t shared_bytes;
	uint8_t nonce_i[64];
	uint8_t nonce_r[64];
	size_t nonce_i_bytes;
	size_t nonce_r_bytes;
	uint8_t skeyid[64];
	uint8_t skeyid_d[64];
	uint8_t skeyid_a[64];
	uint8_t key[32];
	size_t key_bytes;
	uint8_t iv[16];     /* running, then the base of later exchanges */
	uint8_t nat_d_type; /* 0: no traversal */
	bool nat_self;      /* the server sees us elsewhere */
	bool nat_server;
	uint8_t vendors_in[8][32];
	size_t vendors_in_bytes[8];
	size_t vendor_in_count;
	unsigned certificate_requests;
	uint8_t identity_in[64]; /* body of the server's ID payload, as far as it fits */
	bool transform_echoed;   /* the answer held one of our transforms byte for byte */
	/* quick mode */
	uint32_t message_id;
	uint8_t quick_iv[16];
	uint8_t quick_sa_body[4096];
	size_t quick_sa_body_bytes;
	uint8_t quick_nonce_i[64];
	uint8_t quick_nonce_r[64];
	uint8_t quick_private[32];
	uint8_t quick_public[KEY_EXCHANGE_BYTES_MAX];
	uint8_t quick_shared[KEY_EXCHANGE_BYTES_MAX];
	size_t quick_nonce_r_bytes;
	size_t quick_shared_bytes;
	uint32_t spi_in;  /* ours */
	uint32_t spi_out; /* the server's */
	const struct initiator_esp *esp_chosen;
	struct esp_keys keys_in;
	struct esp_keys keys_out;
	uint8_t nat_oa_in;
	bool ids_echoed;
	/* informational */
	uint16_t last_notify;
	uint32_t last_notify_sequence;
	uint8_t last_delete_protocol;
	uint16_t last_delete_count;
	unsigned deletes;
	/* what to send */
	uint8_t out[INITIATOR_BYTES_MAX];
	size_t out_bytes;
};

void initiator_init(struct initiator *i, const struct initiator_config *config, uint64_t seed);

/* Each leaves a message in `out`; the first that of aggressive mode, if it is configured. */
void initiator_main_mode_1(struct initiator *i);
void initiator_quick_mode_1(struct initiator *i);
void initiator_notify(struct initiator *i, uint16_t type, uint32_t sequence, bool protect);
void initiator_delete_esp(struct initiator *i, const uint32_t *spis, uint16_t count);
void initiator_delete_sa(struct initiator *i, bool protect);
/* A protected informational of the given payload bytes, first of type `type`. */
void initiator_informational(struct initiator *i, uint8_t type, const uint8_t *payloads,
			     size_t length, bool protect);

/* A quick mode 1 whose payloads behind the hash are the given bytes. */
void initiator_quick_mode_raw(struct initiator *i, uint8_t type, const uint8_t *payloads,
			      size_t length);

/* Takes one message of the server; true if it was expected. `out_bytes` is 0 without an answer. */
bool initiator_feed(struct initiator *i, const uint8_t *bytes, size_t length);

#endif
