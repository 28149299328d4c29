/* SPDX-License-Identifier: BSD-3-Clause */
/* What main mode computes: keys, the check of the peer's proof, our own (RFC 2409 5). */

#include "base/memory.h"
#include "base/writer.h"
#include "ike/engine.h"

#include <errno.h>

#define TRIALS_MAX (3 * IKE_KEYS_MAX) /* of other keys for one main mode */

static struct digest_part preshared_key(const struct main_mode *mode)
{
	const struct ike_named_key key = listener_key(mode->listener, mode->key);

	return (struct digest_part){key.bytes, key.length};
}

static struct ike_key_inputs key_inputs(const struct sa *sa)
{
	const struct main_mode *mode = sa->main_mode;
	struct ike_key_inputs inputs = {
		.nonce_i = mode->nonce_i,
		.nonce_r = {mode->nonce_r, sizeof(mode->nonce_r)},
		.public_i = mode->public_i,
		.public_r = mode->public_r,
		.shared_secret = mode->shared_secret,
	};

	if (sa->keys.suite.method == IKE_METHOD_PRESHARED_KEY)
		inputs.preshared_key = preshared_key(mode);
	sa_cookies(sa, inputs.cookies);
	return inputs;
}

int main_mode_keys_take(struct sa *sa, const struct key_exchange_result *result)
{
	struct main_mode *mode = sa->main_mode;
	struct ike_key_inputs inputs;
	int error;

	if (result->error != 0)
		return result->error;
	if (result->public_bytes > sizeof(result->public_value) ||
	    result->shared_bytes > sizeof(result->shared_secret))
		return -EINVAL;
	mode->public_r =
		part_copy(&(struct digest_part){result->public_value, result->public_bytes});
	mode->shared_secret =
		part_copy(&(struct digest_part){result->shared_secret, result->shared_bytes});
	random_fill(&sa->ike->host.random, mode->nonce_r, sizeof(mode->nonce_r));
	inputs = key_inputs(sa);
	error = ike_keys_derive(&sa->keys, &inputs, mode->skeyid);
	return error != 0 ? error : ike_keys_main_mode_iv(&sa->keys, &inputs, sa->iv);
}

const char *main_mode_key_name(const struct sa *sa)
{
	const struct main_mode *mode = sa->main_mode;

	return main_mode_signs(sa) ? "" : listener_key(mode->listener, mode->key).name;
}

bool main_mode_next_key(struct sa *sa)
{
	struct main_mode *mode = sa->main_mode;
	struct ike_key_inputs inputs;

	if (mode->trials >= TRIALS_MAX)
		return false;
	mode->trials++;
	mode->key = (uint8_t)((mode->key + 1) % listener_key_count(mode->listener));
	inputs = key_inputs(sa);
	return ike_keys_derive(&sa->keys, &inputs, mode->skeyid) == 0;
}

bool main_mode_peer_authentic(const struct sa *sa, const struct digest_part *body,
			      const struct digest_part *hash)
{
	const struct ike_key_inputs inputs = key_inputs(sa);
	struct identification id;
	uint8_t expected[DIGEST_BYTES_MAX];
	size_t size = digest_bytes(sa->keys.suite.hash);

	/* Whoever shares a key may not pass for a certificate's subject. */
	return body->length <= ID_BYTES_MAX && identification_read(body, &id) == 0 &&
	       id.type != ISAKMP_ID_DER_ASN1_DN && hash->length == size &&
	       ike_keys_main_mode_hash(&sa->keys, sa->main_mode->skeyid, true, &inputs,
				       &sa->main_mode->sa_body, body, expected) == 0 &&
	       memory_equal_constant_time(expected, hash->bytes, size);
}

size_t main_mode_own_id(const struct sa *sa, uint8_t body[ID_BYTES_MAX])
{
	const struct endpoint *configured = &sa->ike->config.local_id;
	const struct endpoint dialled = nat_own_address(sa->ike, &sa->main_mode->path.local);
	struct writer w = writer_over(body, ID_BYTES_MAX);

	if (main_mode_signs(sa)) {
		const struct digest_part subject =
			credentials_subject(sa->main_mode->listener->credentials);

		writer_u8(&w, ISAKMP_ID_DER_ASN1_DN);
		writer_u8(&w, 0);
		writer_u16(&w, 0);
		writer_bytes(&w, subject.bytes, subject.length);
		return writer_failed(&w) ? 0 : writer_length(&w);
	}
	message_id_write(&w, configured->family != ENDPOINT_NONE ? configured : &dialled, 0, 0);
	return writer_length(&w);
}

int main_mode_prove(const struct sa *sa, uint8_t id_body[ID_BYTES_MAX], struct digest_part *id,
		    uint8_t *hash)
{
	const struct ike_key_inputs inputs = key_inputs(sa);

	*id = (struct digest_part){id_body, main_mode_own_id(sa, id_body)};
	return ike_keys_main_mode_hash(&sa->keys, sa->main_mode->skeyid, false, &inputs,
				       &sa->main_mode->sa_body, id, hash);
}

bool main_mode_signs(const struct sa *sa)
{
	return sa->keys.suite.method > IKE_METHOD_PRESHARED_KEY;
}

static enum signature_kind kind_of(uint8_t method)
{
	switch (method) {
	case IKE_METHOD_RSA_SIGNATURE:
		return SIGNATURE_RSA;
	case IKE_METHOD_ECDSA_256:
		return SIGNATURE_ECDSA_256;
	case IKE_METHOD_ECDSA_384:
		return SIGNATURE_ECDSA_384;
	case IKE_METHOD_ECDSA_521:
		return SIGNATURE_ECDSA_521;
	default:
		return SIGNATURE_NONE;
	}
}

struct signature_request *main_mode_signature_request(const struct sa *sa,
						      const struct payloads *payloads)
{
	const struct ike_key_inputs inputs = key_inputs(sa);
	const struct credentials *credentials = sa->main_mode->listener->credentials;
	struct signature_request *request;
	uint8_t id_body[ID_BYTES_MAX];
	struct identification id;
	struct digest_part own;

	if (credentials == NULL || payloads->id_count != 1 ||
	    identification_read(&payloads->id[0], &id) != 0 || payloads->signature.length == 0)
		return NULL;
	request = signature_request_new(credentials, kind_of(sa->keys.suite.method), id.type,
					&id.data, &payloads->signature, payloads->certificates,
					payloads->certificate_count);
	if (request == NULL)
		return NULL;
	request->hash_bytes = (uint8_t)digest_bytes(ike_keys_proof_hash(&sa->keys));
	if (ike_keys_main_mode_hash(&sa->keys, sa->main_mode->skeyid, true, &inputs,
				    &sa->main_mode->sa_body, &payloads->id[0],
				    request->peer_hash) == 0 &&
	    main_mode_prove(sa, id_body, &own, request->own_hash) == 0)
		return request;
	signature_request_free(request);
	return NULL;
}
