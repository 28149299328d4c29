/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike_initiator.h"

#include "base/cursor.h"
#include "base/writer.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <string.h>

#define VENDOR(name, ...)                                    \
	static const uint8_t name##_bytes[] = {__VA_ARGS__}; \
	const struct initiator_vendor name = {name##_bytes, sizeof(name##_bytes)}

VENDOR(vendor_rfc_3947, 0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2,
       0x0e, 0x95, 0x45, 0x2f);
VENDOR(vendor_draft_02n, 0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81, 0xb5,
       0xec, 0x42, 0x7b, 0x1f);
VENDOR(vendor_draft_02, 0xcd, 0x60, 0x46, 0x43, 0x35, 0xdf, 0x21, 0xf8, 0x7c, 0xfd, 0xb2, 0xfc,
       0x68, 0xb6, 0xa4, 0x48);
VENDOR(vendor_draft_03, 0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d, 0x92,
       0x15, 0x52, 0x9d, 0x56);
VENDOR(vendor_draft_00, 0x44, 0x85, 0x15, 0x2d, 0x18, 0xb6, 0xbb, 0xcd, 0x0b, 0xe8, 0xa8, 0x46,
       0x95, 0x79, 0xdd, 0xcc);
VENDOR(vendor_apple, 0x4d, 0xf3, 0x79, 0x28, 0xe9, 0xfc, 0x4f, 0xd1, 0xb3, 0x26, 0x21, 0x70, 0xd5,
       0x15, 0xc6, 0x62);
VENDOR(vendor_dpd, 0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77,
       0x57, 0x01, 0x00);
VENDOR(vendor_microsoft, 0x1e, 0x2b, 0x51, 0x69, 0x05, 0x99, 0x1c, 0x7d, 0x7c, 0x96, 0xfc, 0xbf,
       0xb5, 0x87, 0xe4, 0x61, 0, 0, 0, 9);
VENDOR(vendor_xauth, 0x09, 0x00, 0x26, 0x89, 0xdf, 0xd6, 0xb7, 0x12);

VENDOR(vendor_fragmentation, 0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7, 0xde, 0x7f,
       0x00, 0xd6, 0xc2, 0xd3);
VENDOR(vendor_fragmentation_word, 0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7, 0xde,
       0x7f, 0x00, 0xd6, 0xc2, 0xd3, 0x80, 0, 0, 0);
VENDOR(vendor_libreswan, 'O', 'E', '-', 'L', 'i', 'b', 'r', 'e', 's', 'w', 'a', 'n', '-', '4');

uint64_t initiator_random_u64(struct initiator_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

void initiator_random_fill(void *context, void *bytes, size_t length)
{
	uint8_t *at = bytes;

	while (length-- != 0)
		*at++ = (uint8_t)initiator_random_u64(context);
}

/* ---- composing ---- */

struct composer {
	struct writer w;
	size_t next_at;
	size_t open_at;
	uint8_t reserved;
};

static void begin(struct composer *c, struct initiator *i, uint8_t exchange, uint32_t message_id)
{
	c->w = writer_over(i->out, sizeof(i->out));
	c->next_at = 16;
	c->reserved = i->config.nonzero_reserved ? 0x5a : 0;
	writer_bytes(&c->w, i->cookie_i, 8);
	writer_bytes(&c->w, i->cookie_r, 8);
	writer_u16(&c->w, 0x0010);
	writer_u8(&c->w, exchange);
	writer_u8(&c->w, 0);
	writer_u32(&c->w, message_id);
	writer_u32(&c->w, 0);
}

static void open_payload(struct composer *c, uint8_t type)
{
	c->w.start[c->next_at] = type;
	c->next_at = c->open_at = writer_length(&c->w);
	writer_u8(&c->w, 0);
	writer_u8(&c->w, c->reserved);
	writer_u16(&c->w, 0);
}

static void close_payload(struct composer *c)
{
	writer_patch_u16(&c->w, c->open_at + 2, (uint16_t)(writer_length(&c->w) - c->open_at));
}

static void payload(struct composer *c, uint8_t type, const void *bytes, size_t length)
{
	open_payload(c, type);
	writer_bytes(&c->w, bytes, length);
	close_payload(c);
}

static void finish_clear(struct composer *c, struct initiator *i)
{
	assert(!writer_failed(&c->w));
	writer_patch_u32(&c->w, 24, (uint32_t)writer_length(&c->w));
	i->out_bytes = writer_length(&c->w);
}

/* The hash of later exchanges stands behind the header and one generic header. */
static void finish_sealed(struct composer *c, struct initiator *i, uint8_t iv[16])
{
	size_t block = block_cipher_block_bytes(i->cipher);
	size_t padding = (block - (writer_length(&c->w) - 28) % block) % block;
	uint8_t fill[64] = {0};

	if (i->config.wrong_hash && i->out[18] != 2 && i->out[18] != 4)
		i->out[32 + 3] ^= 1;
	if (i->config.random_padding) {
		padding += block * (initiator_random_u64(&i->random) % 3);
		initiator_random_fill(&i->random, fill, sizeof(fill));
	}
	writer_bytes(&c->w, fill, padding);
	finish_clear(c, i);
	i->out[19] = i->config.commit_bit ? 3 : 1;
	assert(block_cipher_run(i->cipher, true, i->key, i->key_bytes, iv, i->out + 28, i->out + 28,
				i->out_bytes - 28) == 0);
	memcpy(iv, i->out + i->out_bytes - block, block);
}

static void attribute(struct writer *w, uint16_t type, uint32_t value, bool tlv)
{
	if (tlv) {
		writer_u16(w, type);
		writer_u16(w, 4);
		writer_u32(w, value);
	} else {
		writer_u16(w, type | 0x8000);
		writer_u16(w, (uint16_t)value);
	}
}

static void ike_transform(struct writer *w, const struct initiator *i, size_t n)
{
	const struct initiator_transform *t = &i->config.transforms[n];
	uint32_t seconds = i->config.ike_seconds != 0 ? i->config.ike_seconds : 28800;
	size_t at = writer_length(w);

	writer_u8(w, n + 1 < i->config.transform_count ? 3 : 0);
	writer_u8(w, i->config.nonzero_reserved ? 0x77 : 0);
	writer_u16(w, 0);
	writer_u8(w, (uint8_t)(n + 1));
	writer_u8(w, 1);
	writer_u16(w, 0);
	attribute(w, 11, i->config.lifetime_type != 0 ? i->config.lifetime_type : 1, false);
	attribute(w, 12, seconds, !i->config.tv_lifetime);
	attribute(w, 1, t->cipher, false);
	if (t->key_bits != 0)
		attribute(w, 14, t->key_bits, false);
	attribute(w, 3, i->config.method != 0 ? i->config.method : 1, false);
	attribute(w, 2, t->hash, false);
	attribute(w, 4, t->group, false);
	if (i->config.extra_attribute != 0)
		attribute(w, i->config.extra_attribute, 1, false);
	writer_patch_u16(w, at + 2, (uint16_t)(writer_length(w) - at));
}

void initiator_init(struct initiator *i, const struct initiator_config *config, uint64_t seed)
{
	memset(i, 0, sizeof(*i));
	i->config = *config;
	i->random.state = seed;
	initiator_random_fill(&i->random, i->cookie_i, 8);
	i->cookie_i[0] |= 1;
}

/* ---- parsing ---- */

struct piece {
	uint8_t type;
	const uint8_t *bytes;
	size_t length;
};

struct pieces {
	struct piece list[40];
	size_t count;
	const uint8_t *end;
};

static bool split(uint8_t type, const uint8_t *bytes, size_t length, struct pieces *p)
{
	struct cursor c = cursor_over(bytes, length);

	p->count = 0;
	while (type != 0 && p->count < 40) {
		uint8_t next = cursor_u8(&c);
		size_t size;

		cursor_skip(&c, 1);
		size = cursor_u16(&c);
		if (size < 4 || cursor_failed(&c))
			return false;
		p->list[p->count] = (struct piece){type, cursor_bytes(&c, size - 4), size - 4};
		if (p->list[p->count].bytes == NULL)
			return false;
		p->count++;
		type = next;
	}
	p->end = c.at;
	return true;
}

static const struct piece *find(const struct pieces *p, uint8_t type, size_t nth)
{
	for (size_t n = 0; n < p->count; n++)
		if (p->list[n].type == type && nth-- == 0)
			return &p->list[n];
	return NULL;
}

static bool unseal(const struct initiator *i, const uint8_t *bytes, size_t length, uint8_t iv[16],
		   uint8_t *plain, struct pieces *p)
{
	size_t block = block_cipher_block_bytes(i->cipher);

	if (!(bytes[19] & 1) || length <= 28 || (length - 28) % block != 0 ||
	    block_cipher_run(i->cipher, false, i->key, i->key_bytes, iv, bytes + 28, plain,
			     length - 28) != 0)
		return false;
	memcpy(iv, bytes + length - block, block);
	return split(bytes[16], plain, length - 28, p);
}

/* ---- keys ---- */

static void prf(const struct initiator *i, const void *key, size_t key_bytes,
		const struct digest_part *parts, size_t count, uint8_t *out)
{
	assert(digest_hmac(i->hash, key, key_bytes, parts, count, out) == 0);
}

/* The public value of a private one: the exchange with the group's generator. */
static void own_public(uint16_t group, const uint8_t private_value[32], uint8_t *out)
{
	struct key_exchange_request request = {
		.group = group, .peer_public_bytes = (uint16_t)key_exchange_public_bytes(group)};
	struct key_exchange_result result;

	if (group < 19) {
		request.peer_public[request.peer_public_bytes - 1] = 2;
	} else {
		const int nids[] = {NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1};
		EC_GROUP *curve = EC_GROUP_new_by_curve_name(nids[group - 19]);
		uint8_t encoded[1 + 132];

		EC_POINT_point2oct(curve, EC_GROUP_get0_generator(curve),
				   POINT_CONVERSION_UNCOMPRESSED, encoded, sizeof(encoded), NULL);
		memcpy(request.peer_public, encoded + 1, request.peer_public_bytes);
		EC_GROUP_free(curve);
	}
	key_exchange_run_with_private(&request, private_value, 32, &result);
	assert(result.error == 0);
	memcpy(out, result.public_value, result.public_bytes);
}

static size_t shared_secret(uint16_t group, const uint8_t private_value[32], const uint8_t *peer,
			    uint8_t *out)
{
	struct key_exchange_request request = {
		.group = group, .peer_public_bytes = (uint16_t)key_exchange_public_bytes(group)};
	struct key_exchange_result result;

	memcpy(request.peer_public, peer, request.peer_public_bytes);
	key_exchange_run_with_private(&request, private_value, 32, &result);
	assert(result.error == 0);
	memcpy(out, result.shared_secret, result.shared_bytes);
	return result.shared_bytes;
}

static void derive(struct initiator *i)
{
	size_t size = digest_bytes(i->hash);
	uint8_t number;
	uint8_t both[128];
	uint8_t skeyid_e[64];
	uint8_t stretched[192];
	uint8_t hash[64];
	struct digest_part nonces[] = {{i->nonce_i, i->nonce_i_bytes},
				       {i->nonce_r, i->nonce_r_bytes}};
	struct digest_part tail[] = {{NULL, 0},
				     {i->shared, i->shared_bytes},
				     {i->cookie_i, 8},
				     {i->cookie_r, 8},
				     {&number, 1}};
	struct digest_part publics[] = {{i->public_i, i->public_bytes},
					{i->public_r, i->public_bytes}};

	if (i->config.signer == NULL) {
		prf(i, i->config.preshared_key, strlen(i->config.preshared_key), nonces, 2,
		    i->skeyid);
	} else {
		memcpy(both, i->nonce_i, i->nonce_i_bytes);
		memcpy(both + i->nonce_i_bytes, i->nonce_r, i->nonce_r_bytes);
		prf(i, both, i->nonce_i_bytes + i->nonce_r_bytes,
		    &(struct digest_part){i->shared, i->shared_bytes}, 1, i->skeyid);
	}
	number = 0;
	prf(i, i->skeyid, size, tail, 5, i->skeyid_d);
	tail[0] = (struct digest_part){i->skeyid_d, size};
	number = 1;
	prf(i, i->skeyid, size, tail, 5, i->skeyid_a);
	tail[0] = (struct digest_part){i->skeyid_a, size};
	number = 2;
	prf(i, i->skeyid, size, tail, 5, skeyid_e);
	if (size >= i->key_bytes) {
		memcpy(i->key, skeyid_e, i->key_bytes);
	} else {
		number = 0;
		prf(i, skeyid_e, size, &(struct digest_part){&number, 1}, 1, stretched);
		prf(i, skeyid_e, size, &(struct digest_part){stretched, size}, 1, stretched + size);
		memcpy(i->key, stretched, i->key_bytes);
	}
	assert(digest_compute(i->hash, publics, 2, hash) == 0);
	memcpy(i->iv, hash, 16);
}

/* ---- main mode and aggressive mode ---- */

static void own_values(struct initiator *i, uint16_t group)
{
	i->public_bytes = key_exchange_public_bytes(group);
	initiator_random_fill(&i->random, i->private_value, 32);
	own_public(group, i->private_value, i->public_i);
	i->nonce_i_bytes = i->config.nonce_bytes != 0 ? i->config.nonce_bytes : 16;
	initiator_random_fill(&i->random, i->nonce_i, i->nonce_i_bytes);
}

void initiator_main_mode_1(struct initiator *i)
{
	struct composer c;
	size_t at;

	begin(&c, i, i->config.aggressive ? 4 : 2, 0);
	open_payload(&c, 1);
	writer_u32(&c.w, 1);
	writer_u32(&c.w, 1);
	at = writer_length(&c.w);
	writer_u32(&c.w, 0);
	writer_u8(&c.w, 1);
	writer_u8(&c.w, i->config.ike_protocol != 0 ? i->config.ike_protocol : 1);
	writer_u8(&c.w, 0);
	writer_u8(&c.w, (uint8_t)i->config.transform_count);
	for (size_t n = 0; n < i->config.transform_count; n++)
		ike_transform(&c.w, i, n);
	writer_patch_u16(&c.w, at + 2, (uint16_t)(writer_length(&c.w) - at));
	close_payload(&c);
	i->sa_body_bytes = writer_length(&c.w) - at + 8;
	memcpy(i->sa_body, i->out + at - 8, i->sa_body_bytes);
	if (i->config.aggressive) {
		own_values(i, i->config.transforms[0].group);
		payload(&c, 4, i->public_i, i->public_bytes);
		payload(&c, 10, i->nonce_i, i->nonce_i_bytes);
		payload(&c, 5, i->config.identity, i->config.identity_bytes);
	}
	for (size_t n = 0; n < i->config.vendor_count; n++)
		payload(&c, 13, i->config.vendors[n]->bytes, i->config.vendors[n]->length);
	finish_clear(&c, i);
	i->state = INITIATOR_SENT_1;
}

static void nat_d(const struct initiator *i, const struct endpoint *e, uint8_t *out)
{
	uint8_t port[2] = {(uint8_t)(e->port >> 8), (uint8_t)e->port};
	struct digest_part parts[] = {{i->cookie_i, 8},
				      {i->cookie_r, 8},
				      {e->address, endpoint_address_bytes(e)},
				      {port, 2}};

	assert(digest_compute(i->hash, parts, 4, out) == 0);
}

static bool take_2(struct initiator *i, const struct pieces *p)
{
	static const enum digest_kind hashes[] = {
		0, DIGEST_MD5, DIGEST_SHA1, 0, DIGEST_SHA2_256, DIGEST_SHA2_384, DIGEST_SHA2_512};
	const struct piece *sa = find(p, 1, 0);
	uint8_t own[256];
	struct writer w = writer_over(own, sizeof(own));
	size_t number;

	if (sa == NULL || p->list[0].type != 1 || sa->length < 24)
		return false;
	for (size_t n = 1; n < p->count; n++) /* racoon: SA, then vendor ids only */
		if (p->list[n].type != 13 && !i->config.aggressive)
			return false;
	number = sa->bytes[20];
	if (sa->bytes[15] != 1 || number == 0 || number > i->config.transform_count)
		return false;
	ike_transform(&w, i, number - 1);
	i->transform_echoed = sa->length == 16 + writer_length(&w) && sa->bytes[16] == 0 &&
			      memcmp(sa->bytes + 17, own + 1, writer_length(&w) - 1) == 0;
	i->chosen = &i->config.transforms[number - 1];
	i->hash = hashes[i->chosen->hash];
	i->cipher = i->chosen->cipher == 7 ? BLOCK_CIPHER_AES_CBC : BLOCK_CIPHER_3DES_CBC;
	i->key_bytes = i->chosen->cipher == 7 ? i->chosen->key_bits / 8U : 24;
	if (i->chosen->cipher == 7 && i->key_bytes == 0)
		i->key_bytes = 16;
	for (size_t n = 0; (sa = find(p, 13, n)) != NULL && n < 8; n++) {
		memcpy(i->vendors_in[n], sa->bytes, sa->length < 32 ? sa->length : 32);
		i->vendors_in_bytes[n] = sa->length;
		i->vendor_in_count = n + 1;
		if (sa->length == 16 && memcmp(sa->bytes, vendor_rfc_3947.bytes, 16) == 0)
			i->nat_d_type = 20;
		if (sa->length == 16 && (memcmp(sa->bytes, vendor_draft_02n.bytes, 16) == 0 ||
					 memcmp(sa->bytes, vendor_draft_02.bytes, 16) == 0 ||
					 memcmp(sa->bytes, vendor_draft_03.bytes, 16) == 0))
			i->nat_d_type = 130;
	}
	return true;
}

static void send_3(struct initiator *i)
{
	uint8_t server[64];
	uint8_t own[64];
	struct composer c;

	own_values(i, i->chosen->group);
	begin(&c, i, 2, 0);
	payload(&c, 4, i->public_i, i->public_bytes);
	payload(&c, 10, i->nonce_i, i->nonce_i_bytes);
	if (i->nat_d_type != 0) {
		nat_d(i, &i->config.server, server);
		nat_d(i, &i->config.own, own);
		if (i->config.encapsulate)
			initiator_random_fill(&i->random, own, sizeof(own));
		payload(&c, i->nat_d_type, i->config.nat_d_reversed ? own : server,
			digest_bytes(i->hash));
		payload(&c, i->nat_d_type, i->config.nat_d_reversed ? server : own,
			digest_bytes(i->hash));
	}
	finish_clear(&c, i);
	i->state = INITIATOR_SENT_3;
}

static bool take_4(struct initiator *i, const struct pieces *p)
{
	const struct piece *ke = find(p, 4, 0);
	const struct piece *nonce = find(p, 10, 0);
	uint8_t expected[64];

	if (ke == NULL || nonce == NULL || ke->length != i->public_bytes || nonce->length > 64)
		return false;
	while (find(p, 7, i->certificate_requests) != NULL)
		i->certificate_requests++;
	memcpy(i->public_r, ke->bytes, ke->length);
	memcpy(i->nonce_r, nonce->bytes, nonce->length);
	i->nonce_r_bytes = nonce->length;
	if (i->nat_d_type != 0) {
		const struct piece *us = find(p, i->nat_d_type, 0);
		const struct piece *them = find(p, i->nat_d_type, 1);

		if (us == NULL || them == NULL)
			return false;
		nat_d(i, &i->config.own, expected);
		i->nat_self = memcmp(us->bytes, expected, us->length) != 0;
		nat_d(i, &i->config.server, expected);
		i->nat_server = memcmp(them->bytes, expected, them->length) != 0;
	}
	i->shared_bytes = shared_secret(i->chosen->group, i->private_value, i->public_r, i->shared);
	derive(i);
	return true;
}

/* ECDSA brings its own hash (RFC 4754). */
static enum digest_kind proof_hash(const struct initiator *i)
{
	return i->config.method == 9    ? DIGEST_SHA2_256
	       : i->config.method == 10 ? DIGEST_SHA2_384
	       : i->config.method == 11 ? DIGEST_SHA2_512
					: i->hash;
}

static size_t half_of(const struct initiator *i)
{
	return i->config.method == 9 ? 32 : i->config.method == 10 ? 48 : 66;
}

static size_t sign(const struct initiator *i, const uint8_t *hash, uint8_t *out)
{
	const struct initiator_signer *signer = i->config.signer;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(signer->key, NULL);
	uint8_t bytes[1024];
	const uint8_t *at = bytes;
	size_t length = sizeof(bytes);
	ECDSA_SIG *pair;

	assert(EVP_PKEY_sign_init(context) == 1);
	if (i->config.method == 3)
		assert(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1);
	assert(EVP_PKEY_sign(context, bytes, &length, hash, digest_bytes(proof_hash(i))) == 1);
	EVP_PKEY_CTX_free(context);
	if (i->config.method == 3) {
		memcpy(out, bytes, length);
		return length;
	}
	pair = d2i_ECDSA_SIG(NULL, &at, (long)length);
	BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, (int)half_of(i));
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half_of(i), (int)half_of(i));
	ECDSA_SIG_free(pair);
	return 2 * half_of(i);
}

static bool signed_by_server(const struct initiator *i, const uint8_t *hash,
			     const struct piece *signature)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(X509_get0_pubkey(i->config.signer->server), NULL);
	const uint8_t *bytes = signature->bytes;
	size_t length = signature->length;
	uint8_t der[256];
	uint8_t *at = der;
	bool right;

	assert(EVP_PKEY_verify_init(context) == 1);
	if (i->config.method == 3) {
		assert(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1);
	} else {
		ECDSA_SIG *pair = ECDSA_SIG_new();

		assert(length == 2 * half_of(i));
		ECDSA_SIG_set0(pair, BN_bin2bn(bytes, (int)half_of(i), NULL),
			       BN_bin2bn(bytes + half_of(i), (int)half_of(i), NULL));
		length = (size_t)i2d_ECDSA_SIG(pair, &at);
		bytes = der;
		ECDSA_SIG_free(pair);
	}
	right = EVP_PKEY_verify(context, bytes, length, hash, digest_bytes(proof_hash(i))) == 1;
	EVP_PKEY_CTX_free(context);
	return right;
}

static void main_mode_hash(const struct initiator *i, bool initiator, const uint8_t *id,
			   size_t id_bytes, uint8_t *out)
{
	const struct digest_part a = {i->public_i, i->public_bytes};
	const struct digest_part b = {i->public_r, i->public_bytes};
	const struct digest_part parts[] = {initiator ? a : b,
					    initiator ? b : a,
					    {initiator ? i->cookie_i : i->cookie_r, 8},
					    {initiator ? i->cookie_r : i->cookie_i, 8},
					    {i->sa_body, i->sa_body_bytes},
					    {id, id_bytes}};

	assert(digest_hmac(proof_hash(i), i->skeyid, digest_bytes(i->hash), parts, 6, out) == 0);
	if (initiator && i->config.wrong_hash)
		out[3] ^= 1;
}

static void notification_body(struct initiator *i, struct writer *w, uint16_t type)
{
	writer_u32(w, 1);
	writer_u8(w, 1);
	writer_u8(w, 16);
	writer_u16(w, type);
	writer_bytes(w, i->cookie_i, 8);
	writer_bytes(w, i->cookie_r, 8);
}

static void send_5(struct initiator *i)
{
	uint8_t signature[1024];
	uint8_t hash[64];
	struct composer c;

	main_mode_hash(i, true, i->config.identity, i->config.identity_bytes, hash);
	begin(&c, i, 2, 0);
	payload(&c, 5, i->config.identity, i->config.identity_bytes);
	if (i->config.signer == NULL) {
		payload(&c, 8, hash, digest_bytes(i->hash));
	} else {
		size_t length = sign(i, hash, signature);

		for (size_t n = 0; n < i->config.signer->certificate_count; n++) {
			open_payload(&c, 6);
			writer_u8(&c.w, 4);
			writer_bytes(&c.w, i->config.signer->certificates[n].bytes,
				     i->config.signer->certificates[n].length);
			close_payload(&c);
		}
		if (i->config.signer->wrong_signature)
			signature[length / 2] ^= 1;
		payload(&c, 9, signature, length);
	}
	if (i->config.initial_contact_in_5) {
		open_payload(&c, 11);
		notification_body(i, &c.w, 24578);
		close_payload(&c);
	}
	finish_sealed(&c, i, i->iv);
	i->state = INITIATOR_SENT_5;
}

static bool take_6(struct initiator *i, const uint8_t *bytes, size_t length)
{
	uint8_t plain[INITIATOR_BYTES_MAX];
	uint8_t iv[16];
	uint8_t expected[64];
	const struct piece *id;
	const struct piece *hash;
	struct pieces p;

	memcpy(iv, i->iv, 16);
	if (!unseal(i, bytes, length, iv, plain, &p))
		return false;
	id = find(&p, 5, 0);
	hash = find(&p, i->config.signer != NULL ? 9 : 8, 0);
	if (id == NULL || hash == NULL)
		return false;
	main_mode_hash(i, false, id->bytes, id->length, expected);
	if (i->config.signer != NULL ? !signed_by_server(i, expected, hash)
				     : hash->length != digest_bytes(i->hash) ||
					       memcmp(expected, hash->bytes, hash->length) != 0)
		return false;
	memcpy(i->iv, iv, 16);
	memcpy(i->identity_in, id->bytes, id->length < 64 ? id->length : 64);
	i->state = INITIATOR_ESTABLISHED;
	return true;
}

/* The server's proof, then ours; NAT-D by the ports that are in use from now on. */
static bool take_aggressive_2(struct initiator *i, const struct pieces *p)
{
	const struct piece *id = find(p, 5, 0);
	const struct piece *proof = find(p, 8, 0);
	struct endpoint ends[2] = {i->config.server, i->config.own};
	uint8_t hash[64];
	struct composer c;

	if (id == NULL || proof == NULL || !take_4(i, p))
		return false;
	main_mode_hash(i, false, id->bytes, id->length, hash);
	if (!i->config.trusting && (proof->length != digest_bytes(i->hash) ||
				    memcmp(hash, proof->bytes, proof->length) != 0))
		return false;
	memcpy(i->identity_in, id->bytes, id->length < 64 ? id->length : 64);
	main_mode_hash(i, true, i->config.identity, i->config.identity_bytes, hash);
	begin(&c, i, 4, 0);
	payload(&c, 8, hash, digest_bytes(i->hash));
	for (size_t n = 0; i->nat_d_type != 0 && n < 2; n++) {
		if (i->nat_self || i->nat_server)
			ends[n].port = 4500;
		nat_d(i, &ends[n], hash);
		payload(&c, i->nat_d_type, hash, digest_bytes(i->hash));
	}
	if (i->config.initial_contact_in_5) {
		open_payload(&c, 11);
		notification_body(i, &c.w, 24578);
		close_payload(&c);
	}
	if (i->config.behind_proof.length != 0) {
		i->out[c.next_at] = i->config.behind_proof_type;
		writer_bytes(&c.w, i->config.behind_proof.bytes, i->config.behind_proof.length);
	}
	if (i->config.aggressive_in_clear)
		finish_clear(&c, i);
	else
		finish_sealed(&c, i, i->iv);
	i->state = INITIATOR_ESTABLISHED; /* nothing answers */
	return true;
}

/* ---- quick mode and informational ---- */

static void exchange_iv(const struct initiator *i, uint32_t message_id, uint8_t iv[16])
{
	uint8_t id[4] = {(uint8_t)(message_id >> 24), (uint8_t)(message_id >> 16),
			 (uint8_t)(message_id >> 8), (uint8_t)message_id};
	struct digest_part parts[] = {{i->iv, block_cipher_block_bytes(i->cipher)}, {id, 4}};
	uint8_t hash[64];

	assert(digest_compute(i->hash, parts, 2, hash) == 0);
	memcpy(iv, hash, 16);
}

/* prf(SKEYID_a, [zero |] M-ID | a | b | rest) */
static void exchange_hash(const struct initiator *i, bool zero, uint32_t message_id,
			  struct digest_part a, struct digest_part b, struct digest_part rest,
			  uint8_t *out)
{
	uint8_t id[5] = {0, (uint8_t)(message_id >> 24), (uint8_t)(message_id >> 16),
			 (uint8_t)(message_id >> 8), (uint8_t)message_id};
	struct digest_part parts[] = {{zero ? id : id + 1, zero ? 5 : 4}, a, b, rest};

	prf(i, i->skeyid_a, digest_bytes(i->hash), parts, 4, out);
}

static const struct digest_part nothing = {NULL, 0};

static void esp_proposal(struct writer *w, const struct initiator *i, size_t n)
{
	const struct initiator_esp *e = &i->config.esp[n];
	uint32_t seconds = i->config.seconds != 0 ? i->config.seconds : 3600;
	size_t at = writer_length(w);
	size_t transform;

	writer_u8(w, n + 1 < i->config.esp_count ? 2 : 0);
	writer_u8(w, 0);
	writer_u16(w, 0);
	writer_u8(w, e->proposal != 0 ? e->proposal : (uint8_t)(n + 1));
	writer_u8(w, e->protocol != 0 ? e->protocol : 3);
	writer_u8(w, 4);
	writer_u8(w, 1);
	writer_u32(w, i->spi_in);
	transform = writer_length(w);
	writer_u32(w, 0);
	writer_u8(w, 1);
	writer_u8(w, e->id);
	writer_u16(w, 0);
	attribute(w, 1, i->config.lifetime_type != 0 ? i->config.lifetime_type : 1, false);
	attribute(w, 2, seconds, !i->config.tv_lifetime);
	if (i->config.kilobytes) {
		attribute(w, 1, 2, false);
		attribute(w, 2, 250000, true);
	}
	if (e->mode != 0)
		attribute(w, 4, e->mode, false);
	if (e->authenticator != 0)
		attribute(w, 5, e->authenticator, false);
	if (e->key_bits != 0)
		attribute(w, 6, e->key_bits, false);
	if (e->group != 0)
		attribute(w, 3, e->group, false);
	if (i->config.extra_attribute != 0)
		attribute(w, i->config.extra_attribute, 1, false);
	writer_patch_u16(w, transform + 2, (uint16_t)(writer_length(w) - transform));
	writer_patch_u16(w, at + 2, (uint16_t)(writer_length(w) - at));
}

static size_t id_body(const struct initiator *i, bool own, uint8_t *out)
{
	const struct endpoint *e = own ? &i->config.own : &i->config.server;
	struct writer w = writer_over(out, 20);

	writer_u8(&w, 1);
	writer_u8(&w, i->config.id_protocol);
	writer_u16(&w, own ? i->config.id_peer_port : i->config.id_local_port);
	writer_bytes(&w, e->address, 4);
	return writer_length(&w);
}

void initiator_quick_mode_1(struct initiator *i)
{
	size_t size = digest_bytes(i->hash);
	uint8_t zeroes[64] = {0};
	uint8_t id[20];
	size_t behind;
	struct composer c;

	i->message_id = (uint32_t)initiator_random_u64(&i->random) | 1;
	i->spi_in = i->config.spi != 0 ? i->config.spi
				       : (uint32_t)initiator_random_u64(&i->random) | 0x1000;
	initiator_random_fill(&i->random, i->quick_nonce_i, 16);
	begin(&c, i, 32, i->message_id);
	payload(&c, 8, zeroes, size);
	behind = writer_length(&c.w);
	open_payload(&c, 1);
	writer_u32(&c.w, 1);
	writer_u32(&c.w, 1);
	for (size_t n = 0; n < i->config.esp_count; n++)
		esp_proposal(&c.w, i, n);
	close_payload(&c);
	payload(&c, 10, i->quick_nonce_i, 16);
	if (i->config.esp_pfs_group != 0) {
		initiator_random_fill(&i->random, i->quick_private, 32);
		own_public(i->config.esp_pfs_group, i->quick_private, i->quick_public);
		payload(&c, 4, i->quick_public, key_exchange_public_bytes(i->config.esp_pfs_group));
	}
	if (!i->config.no_ids) {
		payload(&c, 5, id, id_body(i, true, id));
		payload(&c, 5, id, id_body(i, false, id));
	}
	for (uint8_t n = 0; n < i->config.nat_oa; n++) {
		const struct endpoint *e = n == 0 ? &i->config.own : &i->config.server;

		open_payload(&c, i->nat_d_type == 20 ? 21 : 131);
		writer_u32(&c.w, 0x01000000);
		writer_bytes(&c.w, e->address, 4);
		close_payload(&c);
	}
	exchange_hash(i, false, i->message_id, nothing, nothing,
		      (struct digest_part){i->out + behind, writer_length(&c.w) - behind},
		      i->out + 32);
	exchange_iv(i, i->message_id, i->quick_iv);
	finish_sealed(&c, i, i->quick_iv);
	i->quick_state = INITIATOR_QUICK_SENT_1;
}

static void keymat(struct initiator *i, const struct esp_suite *suite, uint32_t spi,
		   struct esp_keys *out)
{
	size_t size = digest_bytes(i->hash);
	size_t cipher = esp_suite_cipher_keymat_bytes(suite);
	size_t wanted = cipher + esp_suite_authenticator_keymat_bytes(suite);
	uint8_t head[5] = {3, (uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8),
			   (uint8_t)spi};
	uint8_t material[256];
	struct digest_part parts[] = {{NULL, 0},
				      {i->quick_shared, i->quick_shared_bytes},
				      {head, 5},
				      {i->quick_nonce_i, 16},
				      {i->quick_nonce_r, i->quick_nonce_r_bytes}};

	for (size_t have = 0; have < wanted; have += size) {
		prf(i, i->skeyid_d, size, parts, 5, material + have);
		parts[0] = (struct digest_part){material + have, size};
	}
	memset(out, 0, sizeof(*out));
	out->suite = *suite;
	memcpy(out->cipher_key, material, cipher);
	memcpy(out->authenticator_key, material + cipher, wanted - cipher);
}

static struct esp_suite suite_of(const struct initiator_esp *e)
{
	static const uint8_t authenticators[] = {0,
						 0,
						 ESP_AUTHENTICATOR_HMAC_SHA1_96,
						 0,
						 0,
						 ESP_AUTHENTICATOR_HMAC_SHA2_256_128,
						 ESP_AUTHENTICATOR_HMAC_SHA2_384_192,
						 ESP_AUTHENTICATOR_HMAC_SHA2_512_256};
	struct esp_suite suite = {.authenticator = authenticators[e->authenticator]};

	suite.cipher = e->id == 20   ? ESP_CIPHER_AES_GCM_16
		       : e->id == 12 ? ESP_CIPHER_AES_CBC
				     : ESP_CIPHER_3DES_CBC;
	suite.cipher_key_bytes = e->id == 3         ? 24
				 : e->key_bits == 0 ? 16
						    : (uint8_t)(e->key_bits / 8);
	return suite;
}

/* The answer must be one of our proposals, byte for byte except SPI and next-payload fields. */
static bool take_quick_sa(struct initiator *i, const struct piece *sa)
{
	for (size_t n = 0; n < i->config.esp_count; n++) {
		uint8_t own[256];
		struct writer w = writer_over(own, sizeof(own));

		esp_proposal(&w, i, n);
		if (sa->length != 8 + writer_length(&w) || sa->bytes[8] != 0 ||
		    memcmp(sa->bytes + 9, own + 1, 7) != 0 ||
		    memcmp(sa->bytes + 20, own + 12, writer_length(&w) - 12) != 0)
			continue;
		i->esp_chosen = &i->config.esp[n];
		memcpy(own, sa->bytes + 16, 4);
		i->spi_out = (uint32_t)own[0] << 24 | (uint32_t)own[1] << 16 |
			     (uint32_t)own[2] << 8 | own[3];
		return true;
	}
	return false;
}

static bool take_quick_ids(struct initiator *i, const struct pieces *p)
{
	uint8_t own[20];
	const struct piece *id;

	if (i->config.no_ids)
		return find(p, 5, 0) == NULL;
	for (size_t n = 0; n < 2; n++) {
		size_t length = id_body(i, n == 0, own);

		id = find(p, 5, n);
		if (id == NULL || id->length != length || memcmp(id->bytes, own, length) != 0)
			return false;
	}
	return true;
}

static void send_quick_3(struct initiator *i)
{
	uint8_t hash[64];
	struct composer c;

	begin(&c, i, 32, i->message_id);
	exchange_hash(i, true, i->message_id, (struct digest_part){i->quick_nonce_i, 16},
		      (struct digest_part){i->quick_nonce_r, i->quick_nonce_r_bytes}, nothing,
		      hash);
	payload(&c, 8, hash, digest_bytes(i->hash));
	finish_sealed(&c, i, i->quick_iv);
}

static bool take_quick_2(struct initiator *i, const uint8_t *bytes, size_t length)
{
	uint8_t plain[INITIATOR_BYTES_MAX];
	uint8_t expected[64];
	uint8_t iv[16];
	const struct piece *sa, *nonce, *ke;
	struct esp_suite suite;
	struct pieces p;

	memcpy(iv, i->quick_iv, 16);
	if (!unseal(i, bytes, length, iv, plain, &p) || p.list[0].type != 8 || p.list[1].type != 1)
		return false;
	exchange_hash(
		i, false, i->message_id, (struct digest_part){i->quick_nonce_i, 16}, nothing,
		(struct digest_part){p.list[1].bytes - 4, (size_t)(p.end - (p.list[1].bytes - 4))},
		expected);
	sa = &p.list[1];
	nonce = find(&p, 10, 0);
	ke = find(&p, 4, 0);
	if (p.list[0].length != digest_bytes(i->hash) ||
	    memcmp(expected, p.list[0].bytes, p.list[0].length) != 0 || nonce == NULL ||
	    nonce->length > 64 || !take_quick_sa(i, sa))
		return false;
	memcpy(i->quick_nonce_r, nonce->bytes, nonce->length);
	i->quick_nonce_r_bytes = nonce->length;
	i->quick_shared_bytes = 0;
	if ((ke != NULL) != (i->config.esp_pfs_group != 0))
		return false;
	if (ke != NULL)
		i->quick_shared_bytes = shared_secret(i->config.esp_pfs_group, i->quick_private,
						      ke->bytes, i->quick_shared);
	i->ids_echoed = take_quick_ids(i, &p);
	i->nat_oa_in = 0;
	while (find(&p, i->nat_d_type == 20 ? 21 : 131, i->nat_oa_in) != NULL)
		i->nat_oa_in++;
	memcpy(i->quick_iv, iv, 16);
	suite = suite_of(i->esp_chosen);
	keymat(i, &suite, i->spi_in, &i->keys_in);
	keymat(i, &suite, i->spi_out, &i->keys_out);
	send_quick_3(i);
	i->quick_state = INITIATOR_QUICK_DONE;
	return true;
}

static void exchange_compose(struct initiator *i, uint8_t exchange, uint8_t type,
			     const uint8_t *payloads, size_t length, bool protect)
{
	uint32_t message_id = (uint32_t)initiator_random_u64(&i->random) | 1;
	size_t size = digest_bytes(i->hash);
	uint8_t zeroes[64] = {0};
	uint8_t iv[16];
	struct composer c;

	begin(&c, i, exchange, message_id);
	if (protect)
		payload(&c, 8, zeroes, size);
	i->out[c.next_at] = type;
	writer_bytes(&c.w, payloads, length);
	if (!protect) {
		finish_clear(&c, i);
		return;
	}
	exchange_hash(i, false, message_id, nothing, nothing,
		      (struct digest_part){i->out + 32 + size, length}, i->out + 32);
	exchange_iv(i, message_id, iv);
	finish_sealed(&c, i, iv);
}

void initiator_informational(struct initiator *i, uint8_t type, const uint8_t *payloads,
			     size_t length, bool protect)
{
	exchange_compose(i, 5, type, payloads, length, protect);
}

void initiator_quick_mode_raw(struct initiator *i, uint8_t type, const uint8_t *payloads,
			      size_t length)
{
	exchange_compose(i, 32, type, payloads, length, true);
}

void initiator_notify(struct initiator *i, uint16_t type, uint32_t sequence, bool protect)
{
	uint8_t body[64];
	struct writer w = writer_over(body, sizeof(body));

	writer_u32(&w, 0);
	notification_body(i, &w, type);
	if (type >= 36136)
		writer_u32(&w, sequence);
	writer_patch_u16(&w, 2, (uint16_t)writer_length(&w));
	initiator_informational(i, 11, body, writer_length(&w), protect);
}

static void delete_body(struct initiator *i, uint8_t protocol, uint8_t spi_bytes, uint16_t count,
			const uint8_t *spis, bool protect)
{
	uint8_t body[256];
	struct writer w = writer_over(body, sizeof(body));

	writer_u32(&w, 0);
	writer_u32(&w, 1);
	writer_u8(&w, protocol);
	writer_u8(&w, spi_bytes);
	writer_u16(&w, count);
	writer_bytes(&w, spis, (size_t)spi_bytes * count);
	writer_patch_u16(&w, 2, (uint16_t)writer_length(&w));
	initiator_informational(i, 12, body, writer_length(&w), protect);
}

void initiator_delete_esp(struct initiator *i, const uint32_t *spis, uint16_t count)
{
	uint8_t bytes[128];
	struct writer w = writer_over(bytes, sizeof(bytes));

	for (uint16_t n = 0; n < count; n++)
		writer_u32(&w, spis[n]);
	delete_body(i, 3, 4, count, bytes, true);
}

void initiator_delete_sa(struct initiator *i, bool protect)
{
	uint8_t cookies[16];

	memcpy(cookies, i->cookie_i, 8);
	memcpy(cookies + 8, i->cookie_r, 8);
	delete_body(i, 1, 16, 1, cookies, protect);
}

static bool take_informational(struct initiator *i, const uint8_t *bytes, size_t length)
{
	uint32_t message_id = (uint32_t)bytes[20] << 24 | (uint32_t)bytes[21] << 16 |
			      (uint32_t)bytes[22] << 8 | bytes[23];
	uint8_t plain[INITIATOR_BYTES_MAX];
	uint8_t expected[64];
	uint8_t iv[16];
	const struct piece *n;
	struct pieces p;

	if (!(bytes[19] & 1)) {
		if (!split(bytes[16], bytes + 28, length - 28, &p))
			return false;
	} else {
		exchange_iv(i, message_id, iv);
		if (!unseal(i, bytes, length, iv, plain, &p) || p.count < 2 || p.list[0].type != 8)
			return false;
		exchange_hash(i, false, message_id, nothing, nothing,
			      (struct digest_part){p.list[1].bytes - 4,
						   (size_t)(p.end - (p.list[1].bytes - 4))},
			      expected);
		if (memcmp(expected, p.list[0].bytes, p.list[0].length) != 0)
			return false;
	}
	n = find(&p, 11, 0);
	if (n != NULL && n->length >= 8) {
		i->last_notify = (uint16_t)(n->bytes[6] << 8 | n->bytes[7]);
		if (n->length >= 28)
			i->last_notify_sequence = (uint32_t)n->bytes[24] << 24 |
						  (uint32_t)n->bytes[25] << 16 |
						  (uint32_t)n->bytes[26] << 8 | n->bytes[27];
	}
	n = find(&p, 12, 0);
	if (n != NULL && n->length >= 8) {
		i->last_delete_protocol = n->bytes[4];
		i->last_delete_count = (uint16_t)(n->bytes[6] << 8 | n->bytes[7]);
		i->deletes++;
	}
	return true;
}

bool initiator_feed(struct initiator *i, const uint8_t *bytes, size_t length)
{
	struct pieces p;

	if (length < 28 || memcmp(bytes, i->cookie_i, 8) != 0)
		return false;
	if (bytes[18] == 5) {
		i->out_bytes = 0;
		return take_informational(i, bytes, length);
	}
	if (bytes[18] == 32) {
		if (i->quick_state != INITIATOR_QUICK_SENT_1 || !take_quick_2(i, bytes, length))
			return false;
		return true;
	}
	if (i->state == INITIATOR_SENT_1 && split(bytes[16], bytes + 28, length - 28, &p) &&
	    take_2(i, &p)) {
		memcpy(i->cookie_r, bytes + 8, 8);
		if (i->config.aggressive)
			return bytes[18] == 4 && take_aggressive_2(i, &p);
		send_3(i);
		return true;
	}
	if (memcmp(bytes + 8, i->cookie_r, 8) != 0)
		return false;
	if (i->state == INITIATOR_SENT_3 && split(bytes[16], bytes + 28, length - 28, &p) &&
	    take_4(i, &p)) {
		send_5(i);
		return true;
	}
	if (i->state == INITIATOR_SENT_5 && take_6(i, bytes, length)) {
		i->out_bytes = 0;
		return true;
	}
	return false;
}
