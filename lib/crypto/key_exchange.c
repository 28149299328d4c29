/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/key_exchange.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

static const struct group {
	uint16_t number;
	uint16_t element_bytes;                /* of the prime */
	uint16_t exponent_bits;                /* MODP only */
	BIGNUM *(*prime)(BIGNUM *destination); /* MODP only */
	int curve;                             /* ECP only */
} groups[] = {
	{2, 128, 256, BN_get_rfc2409_prime_1024, 0},
	{5, 192, 256, BN_get_rfc3526_prime_1536, 0},
	{14, 256, 256, BN_get_rfc3526_prime_2048, 0},
	{15, 384, 320, BN_get_rfc3526_prime_3072, 0},
	{19, 32, 0, NULL, NID_X9_62_prime256v1},
	{20, 48, 0, NULL, NID_secp384r1},
	{21, 66, 0, NULL, NID_secp521r1},
};

static const struct group *group_find(uint16_t number)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].number == number)
			return &groups[i];
	return NULL;
}

bool key_exchange_supported(uint16_t group)
{
	return group_find(group) != NULL;
}

size_t key_exchange_public_bytes(uint16_t group)
{
	const struct group *g = group_find(group);

	if (g == NULL)
		return 0;
	return g->prime != NULL ? g->element_bytes : 2U * g->element_bytes;
}

/* The private exponent: the given one, or fresh random bits. */
static bool exponent_choose(BIGNUM *x, const struct group *group, const BIGNUM *order,
			    const uint8_t *private_value, size_t private_bytes)
{
	BN_set_flags(x, BN_FLG_CONSTTIME);
	if (private_value != NULL)
		return BN_bin2bn(private_value, (int)private_bytes, x) != NULL && !BN_is_zero(x);
	if (order == NULL)
		return BN_priv_rand(x, group->exponent_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
	do {
		if (!BN_priv_rand_range(x, order))
			return false;
	} while (BN_is_zero(x));
	return true;
}

/* True if 1 < y < p - 1: anything else makes a secret that everybody knows. */
static bool modp_public_valid(const BIGNUM *y, const BIGNUM *p)
{
	BIGNUM *last = BN_dup(p);
	bool valid = last != NULL && BN_sub_word(last, 1) && BN_cmp(y, BN_value_one()) > 0 &&
		     BN_cmp(y, last) < 0;

	BN_free(last);
	return valid;
}

static int modp_run(const struct group *group, const struct key_exchange_request *request,
		    const uint8_t *private_value, size_t private_bytes,
		    struct key_exchange_result *result)
{
	BN_CTX *context = BN_CTX_secure_new();
	BN_MONT_CTX *montgomery = BN_MONT_CTX_new();
	BIGNUM *p = group->prime(NULL);
	BIGNUM *x = BN_secure_new();
	BIGNUM *value = BN_secure_new();
	BIGNUM *peer = BN_bin2bn(request->peer_public, request->peer_public_bytes, NULL);
	int bytes = group->element_bytes;
	int error = -EIO;

	if (!context || !montgomery || !p || !x || !value || !peer ||
	    !BN_MONT_CTX_set(montgomery, p, context) ||
	    !exponent_choose(x, group, NULL, private_value, private_bytes))
		goto out;
	error = -EBADMSG;
	if (!modp_public_valid(peer, p))
		goto out;
	error = -EIO;
	if (!BN_set_word(value, 2) ||
	    !BN_mod_exp_mont_consttime(value, value, x, p, context, montgomery) ||
	    BN_bn2binpad(value, result->public_value, bytes) != bytes ||
	    !BN_mod_exp_mont_consttime(value, peer, x, p, context, montgomery) ||
	    BN_bn2binpad(value, result->shared_secret, bytes) != bytes)
		goto out;
	result->public_bytes = group->element_bytes;
	result->shared_bytes = group->element_bytes;
	error = 0;
out:
	BN_free(peer);
	BN_clear_free(value);
	BN_clear_free(x);
	BN_free(p);
	BN_MONT_CTX_free(montgomery);
	BN_CTX_free(context);
	return error;
}

/* Writes the coordinates with their leading zeroes; `y_out` may be NULL. */
static bool point_write(const EC_GROUP *curve, const EC_POINT *point, int bytes, uint8_t *x_out,
			uint8_t *y_out, BN_CTX *context)
{
	BIGNUM *x = BN_secure_new();
	BIGNUM *y = BN_secure_new();
	bool ok = x != NULL && y != NULL &&
		  EC_POINT_get_affine_coordinates(curve, point, x, y, context) &&
		  BN_bn2binpad(x, x_out, bytes) == bytes &&
		  (y_out == NULL || BN_bn2binpad(y, y_out, bytes) == bytes);

	BN_clear_free(x);
	BN_clear_free(y);
	return ok;
}

/* True if the peer's x | y is a point of the curve; OpenSSL checks the equation. */
static bool point_read(const EC_GROUP *curve, EC_POINT *point, const uint8_t *bytes, int length,
		       BN_CTX *context)
{
	BIGNUM *x = BN_bin2bn(bytes, length, NULL);
	BIGNUM *y = BN_bin2bn(bytes + length, length, NULL);
	bool ok = x != NULL && y != NULL &&
		  EC_POINT_set_affine_coordinates(curve, point, x, y, context) &&
		  EC_POINT_is_on_curve(curve, point, context) == 1;

	BN_free(x);
	BN_free(y);
	return ok;
}

static int ecp_run(const struct group *group, const struct key_exchange_request *request,
		   const uint8_t *private_value, size_t private_bytes,
		   struct key_exchange_result *result)
{
	BN_CTX *context = BN_CTX_secure_new();
	EC_GROUP *curve = EC_GROUP_new_by_curve_name(group->curve);
	EC_POINT *peer = curve != NULL ? EC_POINT_new(curve) : NULL;
	EC_POINT *point = curve != NULL ? EC_POINT_new(curve) : NULL;
	BIGNUM *x = BN_secure_new();
	int bytes = group->element_bytes;
	int error = -EIO;

	if (!context || !peer || !point || !x ||
	    !exponent_choose(x, group, EC_GROUP_get0_order(curve), private_value, private_bytes))
		goto out;
	error = -EBADMSG;
	if (!point_read(curve, peer, request->peer_public, bytes, context))
		goto out;
	error = -EIO;
	if (!EC_POINT_mul(curve, point, x, NULL, NULL, context) ||
	    !point_write(curve, point, bytes, result->public_value, result->public_value + bytes,
			 context) ||
	    !EC_POINT_mul(curve, point, NULL, peer, x, context) ||
	    !point_write(curve, point, bytes, result->shared_secret, NULL, context))
		goto out;
	result->public_bytes = (uint16_t)(2 * bytes);
	result->shared_bytes = (uint16_t)bytes;
	error = 0;
out:
	BN_clear_free(x);
	EC_POINT_clear_free(point);
	EC_POINT_free(peer);
	EC_GROUP_free(curve);
	BN_CTX_free(context);
	return error;
}

void key_exchange_run_with_private(const struct key_exchange_request *request,
				   const uint8_t *private_value, size_t private_bytes,
				   struct key_exchange_result *result)
{
	const struct group *group = group_find(request->group);

	memory_wipe(result, sizeof(*result));
	if (group == NULL)
		result->error = -EINVAL;
	else if (request->peer_public_bytes != key_exchange_public_bytes(request->group))
		result->error = -EBADMSG;
	else if (group->prime != NULL)
		result->error = modp_run(group, request, private_value, private_bytes, result);
	else
		result->error = ecp_run(group, request, private_value, private_bytes, result);
}

void key_exchange_run(const struct key_exchange_request *request,
		      struct key_exchange_result *result)
{
	key_exchange_run_with_private(request, NULL, 0, result);
}
