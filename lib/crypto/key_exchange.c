/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/key_exchange.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>

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

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static const struct group *group_find(uint16_t number)
{
	for (size_t i = 0; i < GROUPS; i++)
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

/* What is the same for each computation in a group. */
struct basis {
	BIGNUM *p;               /* MODP */
	BN_MONT_CTX *montgomery; /* MODP */
	EC_GROUP *curve;         /* ECP */
};

struct key_exchange_context {
	struct basis bases[GROUPS];
};

/* What one computation needs; what is secret in it is freed by work_end(). */
struct work {
	const struct group *group;
	const struct basis *basis;
	BN_CTX *context;
	BIGNUM *x; /* the private value */
	BIGNUM *value;
};

struct key_exchange_context *key_exchange_context_new(void)
{
	return memory_new(sizeof(struct key_exchange_context));
}

static void context_clear(struct key_exchange_context *context)
{
	for (size_t i = 0; i < GROUPS; i++) {
		EC_GROUP_free(context->bases[i].curve);
		BN_MONT_CTX_free(context->bases[i].montgomery);
		BN_free(context->bases[i].p);
	}
}

void key_exchange_context_free(struct key_exchange_context *context)
{
	if (context == NULL)
		return;
	context_clear(context);
	free(context);
}

static bool basis_make(struct basis *basis, const struct group *group, BN_CTX *context)
{
	if (group->prime == NULL)
		return basis->curve != NULL ||
		       (basis->curve = EC_GROUP_new_by_curve_name(group->curve)) != NULL;
	if (basis->montgomery != NULL)
		return true;
	basis->p = group->prime(basis->p);
	basis->montgomery = BN_MONT_CTX_new();
	if (basis->p && basis->montgomery && BN_MONT_CTX_set(basis->montgomery, basis->p, context))
		return true;
	BN_MONT_CTX_free(basis->montgomery);
	basis->montgomery = NULL;
	return false;
}

static bool work_begin(struct work *w, struct key_exchange_context *context,
		       const struct group *group)
{
	struct basis *basis = &context->bases[group - groups];

	*w = (struct work){.group = group,
			   .basis = basis,
			   .context = BN_CTX_secure_new(),
			   .x = BN_secure_new(),
			   .value = BN_secure_new()};
	if (!w->context || !w->x || !w->value)
		return false;
	BN_set_flags(w->x, BN_FLG_CONSTTIME);
	return basis_make(basis, group, w->context);
}

static void work_end(struct work *w)
{
	BN_clear_free(w->value);
	BN_clear_free(w->x);
	BN_CTX_free(w->context);
}

static bool private_value_take(struct work *w, const uint8_t *bytes, size_t length)
{
	return BN_bin2bn(bytes, (int)length, w->x) != NULL && !BN_is_zero(w->x);
}

static bool private_value_make(struct work *w)
{
	if (w->group->prime != NULL)
		return BN_priv_rand(w->x, w->group->exponent_bits, BN_RAND_TOP_ONE,
				    BN_RAND_BOTTOM_ANY);
	do {
		if (!BN_priv_rand_range(w->x, EC_GROUP_get0_order(w->basis->curve)))
			return false;
	} while (BN_is_zero(w->x));
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

/* `out` = base ^ x; `base` may be w->value. */
static int modp_power(struct work *w, const BIGNUM *base, uint8_t *out)
{
	int bytes = w->group->element_bytes;

	return BN_mod_exp_mont_consttime(w->value, base, w->x, w->basis->p, w->context,
					 w->basis->montgomery) &&
			       BN_bn2binpad(w->value, out, bytes) == bytes
		       ? 0
		       : -EIO;
}

static int modp_secret(struct work *w, const uint8_t *peer_public, size_t length, uint8_t *out)
{
	BIGNUM *peer = BN_bin2bn(peer_public, (int)length, NULL);
	int error = -EIO;

	if (peer != NULL)
		error = modp_public_valid(peer, w->basis->p) ? modp_power(w, peer, out) : -EBADMSG;
	BN_free(peer);
	return error;
}

/* Writes the coordinates with their leading zeroes; `y_out` may be NULL. */
static bool point_write(const struct work *w, const EC_POINT *point, uint8_t *x_out, uint8_t *y_out)
{
	int bytes = w->group->element_bytes;
	BIGNUM *x = BN_secure_new();
	BIGNUM *y = BN_secure_new();
	bool ok = x != NULL && y != NULL &&
		  EC_POINT_get_affine_coordinates(w->basis->curve, point, x, y, w->context) &&
		  BN_bn2binpad(x, x_out, bytes) == bytes &&
		  (y_out == NULL || BN_bn2binpad(y, y_out, bytes) == bytes);

	BN_clear_free(x);
	BN_clear_free(y);
	return ok;
}

/* True if the peer's x | y is a point of the curve; OpenSSL checks the equation. */
static bool point_read(const struct work *w, EC_POINT *point, const uint8_t *bytes)
{
	int length = w->group->element_bytes;
	BIGNUM *x = BN_bin2bn(bytes, length, NULL);
	BIGNUM *y = BN_bin2bn(bytes + length, length, NULL);
	bool ok = x != NULL && y != NULL &&
		  EC_POINT_set_affine_coordinates(w->basis->curve, point, x, y, w->context) &&
		  EC_POINT_is_on_curve(w->basis->curve, point, w->context) == 1;

	BN_free(x);
	BN_free(y);
	return ok;
}

static int ecp_public(const struct work *w, uint8_t *out)
{
	EC_POINT *point = EC_POINT_new(w->basis->curve);
	bool ok = point != NULL &&
		  EC_POINT_mul(w->basis->curve, point, w->x, NULL, NULL, w->context) &&
		  point_write(w, point, out, out + w->group->element_bytes);

	EC_POINT_free(point);
	return ok ? 0 : -EIO;
}

static int ecp_secret(const struct work *w, const uint8_t *peer_public, uint8_t *out)
{
	EC_POINT *peer = EC_POINT_new(w->basis->curve);
	EC_POINT *point = EC_POINT_new(w->basis->curve);
	int error = -EIO;

	if (peer != NULL && point != NULL) {
		error = -EBADMSG;
		if (point_read(w, peer, peer_public))
			error = EC_POINT_mul(w->basis->curve, point, NULL, peer, w->x,
					     w->context) &&
						point_write(w, point, out, NULL)
					? 0
					: -EIO;
	}
	EC_POINT_clear_free(point);
	EC_POINT_free(peer);
	return error;
}

static int public_make(struct work *w, uint8_t *out, uint16_t *length)
{
	*length = (uint16_t)key_exchange_public_bytes(w->group->number);
	if (w->group->prime == NULL)
		return ecp_public(w, out);
	return BN_set_word(w->value, 2) ? modp_power(w, w->value, out) : -EIO;
}

static int secret_make(struct work *w, const uint8_t *peer_public, size_t peer_bytes, uint8_t *out,
		       uint16_t *length)
{
	*length = w->group->element_bytes;
	return w->group->prime != NULL ? modp_secret(w, peer_public, peer_bytes, out)
				       : ecp_secret(w, peer_public, out);
}

static int pair_make(struct key_exchange_context *context, const struct group *group,
		     struct key_pair *pair)
{
	struct work w;
	int error = -EIO;

	if (work_begin(&w, context, group) && private_value_make(&w)) {
		pair->private_bytes = (uint16_t)BN_num_bytes(w.x);
		BN_bn2bin(w.x, pair->private_value);
		error = public_make(&w, pair->public_value, &pair->public_bytes);
	}
	work_end(&w);
	return error;
}

int key_pair_make(uint16_t group, struct key_pair *pair)
{
	struct key_exchange_context context = {0};
	const struct group *g = group_find(group);
	int error;

	memory_wipe(pair, sizeof(*pair));
	if (g == NULL)
		return -EINVAL;
	error = pair_make(&context, g, pair);
	context_clear(&context);
	return error;
}

int key_exchange_secret(uint16_t group, const struct key_pair *pair, const uint8_t *peer_public,
			size_t peer_public_bytes, uint8_t *secret, uint16_t *secret_bytes)
{
	struct key_exchange_context context = {0};
	const struct group *g = group_find(group);
	struct work w;
	int error = -EIO;

	if (g == NULL)
		return -EINVAL;
	if (peer_public_bytes != key_exchange_public_bytes(group))
		return -EBADMSG;
	if (work_begin(&w, &context, g) &&
	    private_value_take(&w, pair->private_value, pair->private_bytes))
		error = secret_make(&w, peer_public, peer_public_bytes, secret, secret_bytes);
	work_end(&w);
	context_clear(&context);
	return error;
}

/* The secret first: a public value that is not in the group shall cost us no more than a look. */
static int exchange_run(struct key_exchange_context *context, const struct group *group,
			const struct key_exchange_request *request, const uint8_t *private_value,
			size_t private_bytes, struct key_exchange_result *result)
{
	struct work w;
	int error = -EIO;

	if (work_begin(&w, context, group) &&
	    (private_value != NULL ? private_value_take(&w, private_value, private_bytes)
				   : private_value_make(&w)))
		error = secret_make(&w, request->peer_public, request->peer_public_bytes,
				    result->shared_secret, &result->shared_bytes);
	if (error == 0)
		error = public_make(&w, result->public_value, &result->public_bytes);
	work_end(&w);
	return error;
}

static void run(struct key_exchange_context *context, const struct key_exchange_request *request,
		const uint8_t *private_value, size_t private_bytes,
		struct key_exchange_result *result)
{
	const struct group *group = group_find(request->group);

	memory_wipe(result, sizeof(*result));
	if (group == NULL)
		result->error = -EINVAL;
	else if (request->peer_public_bytes != key_exchange_public_bytes(request->group))
		result->error = -EBADMSG;
	else
		result->error =
			exchange_run(context, group, request, private_value, private_bytes, result);
}

void key_exchange_run_with_private(const struct key_exchange_request *request,
				   const uint8_t *private_value, size_t private_bytes,
				   struct key_exchange_result *result)
{
	struct key_exchange_context context = {0};

	run(&context, request, private_value, private_bytes, result);
	context_clear(&context);
}

void key_exchange_run(struct key_exchange_context *context,
		      const struct key_exchange_request *request,
		      struct key_exchange_result *result)
{
	if (context != NULL)
		run(context, request, NULL, 0, result);
	else
		key_exchange_run_with_private(request, NULL, 0, result);
}
