/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike_cmocka.h"

#include "crypto/block_cipher.h"
#include "crypto/digest.h"
#include "crypto/esp_suite.h"
#include "crypto/key_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned byte;

	while (sscanf(hex + 2 * n, "%2x", &byte) == 1)
		out[n++] = (uint8_t)byte;
	return n;
}

static void assert_hex(const uint8_t *bytes, size_t length, const char *hex)
{
	uint8_t expected[600];

	assert_int_equal(from_hex(hex, expected), length);
	assert_memory_equal(bytes, expected, length);
}

static void digests_of_abc(void **state)
{
	static const char *const expected[DIGEST_COUNT] = {
		"900150983cd24fb0d6963f7d28e17f72",
		"a9993e364706816aba3e25717850c26c9cd0d89d",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
		"8086072ba1e7cc2358baeca134c825a7",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	};
	const struct digest_part parts[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
	uint8_t out[DIGEST_BYTES_MAX];

	(void)state;
	for (int kind = 0; kind < DIGEST_COUNT; kind++) {
		assert_int_equal(digest_compute((enum digest_kind)kind, parts, 3, out), 0);
		assert_hex(out, digest_bytes((enum digest_kind)kind), expected[kind]);
	}
}

static const struct hmac_vector {
	enum digest_kind kind;
	const char *key; /* hexadecimal */
	const char *data;
	const char *result;
} hmac_vectors[] = {
	/* RFC 2202, 2 and 3: cases 1, 2, 3 */
	{DIGEST_MD5, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	 "9294727a3638bb1c13f48ef8158bfc9d"},
	{DIGEST_MD5, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "750c783e6ab0b503eaa86e310a5db738"},
	{DIGEST_SHA1, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	 "b617318655057264e28bc0b6fb378c8ef146be00"},
	{DIGEST_SHA1, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
	{DIGEST_SHA1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	 "dddddddddddd",
	 "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
	/* case 6: a key longer than the block */
	{DIGEST_SHA1,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20486173682"
	 "04b"
	 "6579204669727374",
	 "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
	/* RFC 4231: cases 1 and 2 */
	{DIGEST_SHA2_256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{DIGEST_SHA2_384, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	 "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	 "faea9ea9076ede7f4af152e8b2fa9cb6"},
	{DIGEST_SHA2_512, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	 "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	 "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
	{DIGEST_SHA2_256, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{DIGEST_SHA2_384, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	 "8e2240ca5e69e2c78b3239ecfab21649"},
	{DIGEST_SHA2_512, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	 "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
};

static void hmacs_of_the_rfcs(void **state)
{
	uint8_t key[256];
	uint8_t data[256];
	uint8_t out[DIGEST_BYTES_MAX];

	(void)state;
	for (size_t n = 0; n < sizeof(hmac_vectors) / sizeof(hmac_vectors[0]); n++) {
		const struct hmac_vector *v = &hmac_vectors[n];
		size_t key_bytes = from_hex(v->key, key);
		size_t data_bytes = from_hex(v->data, data);
		const struct digest_part parts[] = {{data, 3}, {data + 3, data_bytes - 3}};

		assert_int_equal(digest_hmac(v->kind, key, key_bytes, parts, 2, out), 0);
		assert_hex(out, digest_bytes(v->kind), v->result);
	}
}

static void aes_cbc_of_rfc_3602(void **state)
{
	static const struct {
		const char *key;
		const char *iv;
		const char *plain;
		const char *sealed;
	} vectors[] = {
		{"06a9214036b8a15b512e03d534120006", "3dafba429d9eb430b422da802c9fac41",
		 "53696e676c6520626c6f636b206d7367", "e353779c1079aeb82708942dbe77181a"},
		{"c286696d887c9aa0611bbb3e2025a45a", "562e17996d093d28ddb3ba695a2e6f58",
		 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		 "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"},
		{"56e47a38c5598974bc46903dba290349", "8ce82eefbea0da3c44699ed7db51b7d9",
		 "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
		 "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
		 "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e"
		 "35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55"},
	};
	uint8_t key[32];
	uint8_t iv[16];
	uint8_t text[64];
	size_t length;

	(void)state;
	for (size_t n = 0; n < 3; n++) {
		from_hex(vectors[n].key, key);
		from_hex(vectors[n].iv, iv);
		length = from_hex(vectors[n].plain, text);
		assert_int_equal(block_cipher_run(BLOCK_CIPHER_AES_CBC, true, key, 16, iv, text,
						  text, length),
				 0);
		assert_hex(text, length, vectors[n].sealed);
		assert_int_equal(block_cipher_run(BLOCK_CIPHER_AES_CBC, false, key, 16, iv, text,
						  text, length),
				 0);
		assert_hex(text, length, vectors[n].plain);
	}
}

static void ciphers_refuse_what_does_not_fit(void **state)
{
	uint8_t key[32] = {0};
	uint8_t iv[16] = {0};
	uint8_t text[32] = {0};

	(void)state;
	assert_int_equal(block_cipher_run(BLOCK_CIPHER_AES_CBC, true, key, 16, iv, text, text, 17),
			 -EINVAL);
	assert_int_equal(block_cipher_run(BLOCK_CIPHER_AES_CBC, true, key, 15, iv, text, text, 16),
			 -EINVAL);
	assert_int_equal(block_cipher_run(BLOCK_CIPHER_3DES_CBC, true, key, 16, iv, text, text, 16),
			 -EINVAL);
	assert_int_equal(block_cipher_run(BLOCK_CIPHER_3DES_CBC, true, key, 24, iv, text, text, 24),
			 0);
}

static void run(uint16_t group, const uint8_t *peer, const char *private_hex,
		struct key_exchange_result *result)
{
	struct key_exchange_request request = {
		.group = group, .peer_public_bytes = (uint16_t)key_exchange_public_bytes(group)};
	uint8_t private_value[80];
	size_t private_bytes;

	memcpy(request.peer_public, peer, request.peer_public_bytes);
	if (private_hex == NULL) {
		key_exchange_run(NULL, &request, result);
		return;
	}
	private_bytes = from_hex(private_hex, private_value);
	key_exchange_run_with_private(&request, private_value, private_bytes, result);
}

/* RFC 5903, 8.1 and 8.2: i, g^i, r, g^r, g^ir. */
static void ecp_vectors_of_rfc_5903(void **state)
{
	static const struct {
		uint16_t group;
		const char *i;
		const char *public_i;
		const char *r;
		const char *public_r;
		const char *shared;
	} vectors[] = {
		{19, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
		 "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
		 "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
		 "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
		 "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
		 "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
		 "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
		{20,
		 "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3"
		 "f"
		 "aef896783ab194",
		 "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c"
		 "8"
		 "8732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9"
		 "f"
		 "cff3c2c947dae69b4c634573a81c",
		 "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed29"
		 "6"
		 "0e4bd55a7448fc",
		 "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96"
		 "f"
		 "da41d0774a3571dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83"
		 "f"
		 "a40142209dff5eaad96db9e6386c",
		 "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09"
		 "c"
		 "f5d4a270f59746"},
	};
	struct key_exchange_result result;
	uint8_t public_value[KEY_EXCHANGE_BYTES_MAX];

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		from_hex(vectors[n].public_r, public_value);
		run(vectors[n].group, public_value, vectors[n].i, &result);
		assert_int_equal(result.error, 0);
		assert_hex(result.public_value, result.public_bytes, vectors[n].public_i);
		assert_hex(result.shared_secret, result.shared_bytes, vectors[n].shared);
		from_hex(vectors[n].public_i, public_value);
		run(vectors[n].group, public_value, vectors[n].r, &result);
		assert_int_equal(result.error, 0);
		assert_hex(result.public_value, result.public_bytes, vectors[n].public_r);
		assert_hex(result.shared_secret, result.shared_bytes, vectors[n].shared);
	}
}

static const uint16_t all_groups[] = {2, 5, 14, 15, 19, 20, 21};
static const uint16_t all_bytes[] = {128, 192, 256, 384, 64, 96, 132};

static const char *const private_a =
	"8001020304050607080910111213141516171819202122232425262728293031";
static const char *const private_b =
	"9101020304050607080910111213141516171819202122232425262728293099";

/* The public value of a private one needs somebody's public value: 4 = 2^2 or a fresh point. */
static void public_of(uint16_t group, const char *private_hex, struct key_exchange_result *result)
{
	static const char *const points[] = {
		/* the generators of the three curves */
		"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
		"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
		"aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a"
		"545e"
		"3872760ab73617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce"
		"1d7e"
		"819d7a431d7c90ea0e5f",
		"00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe759"
		"28fe"
		"1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66"
		"011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef426"
		"40c5"
		"50b9013fad0761353c7086a272c24088be94769fd16650",
	};
	uint8_t peer[KEY_EXCHANGE_BYTES_MAX] = {0};

	if (group >= 19)
		from_hex(points[group - 19], peer);
	else
		peer[key_exchange_public_bytes(group) - 1] = 4;
	run(group, peer, private_hex, result);
	assert_int_equal(result->error, 0);
}

static void both_sides_of_every_group_agree(void **state)
{
	struct key_exchange_result a, b, fresh, ab, ba;

	(void)state;
	for (size_t n = 0; n < 7; n++) {
		uint16_t group = all_groups[n];

		assert_true(key_exchange_supported(group));
		assert_int_equal(key_exchange_public_bytes(group), all_bytes[n]);
		public_of(group, private_a, &a);
		public_of(group, private_b, &b);
		run(group, b.public_value, private_a, &ab);
		run(group, a.public_value, private_b, &ba);
		assert_int_equal(ab.shared_bytes, group < 19 ? all_bytes[n] : all_bytes[n] / 2);
		assert_memory_equal(ab.shared_secret, ba.shared_secret, ab.shared_bytes);
		run(group, a.public_value, NULL, &fresh); /* a random exponent of its own */
		run(group, fresh.public_value, private_a, &ba);
		assert_memory_equal(fresh.shared_secret, ba.shared_secret, fresh.shared_bytes);
		run(group, a.public_value, NULL, &ba);
		assert_memory_not_equal(fresh.public_value, ba.public_value, ba.public_bytes);
	}
}

/* An initiator's half, made first, meets a responder's whole. */
static void halves_agree_with_the_whole(void **state)
{
	struct key_exchange_context *context = key_exchange_context_new();
	struct key_exchange_request request = {0};
	struct key_exchange_result result;
	struct key_pair pair;
	uint8_t secret[KEY_EXCHANGE_BYTES_MAX];
	uint16_t secret_bytes;

	(void)state;
	/* Twice, so that what the context keeps is used again. */
	for (size_t n = 0; n < 2 * sizeof(all_groups) / sizeof(all_groups[0]); n++) {
		request.group = all_groups[n % (sizeof(all_groups) / sizeof(all_groups[0]))];
		assert_int_equal(key_pair_make(request.group, &pair), 0);
		request.peer_public_bytes = pair.public_bytes;
		memcpy(request.peer_public, pair.public_value, pair.public_bytes);
		key_exchange_run(context, &request, &result);
		assert_int_equal(result.error, 0);
		assert_int_equal(key_exchange_secret(request.group, &pair, result.public_value,
						     result.public_bytes, secret, &secret_bytes),
				 0);
		assert_int_equal(secret_bytes, result.shared_bytes);
		assert_memory_equal(secret, result.shared_secret, secret_bytes);
		assert_int_equal(key_exchange_secret(request.group, &pair, result.public_value,
						     result.public_bytes - 1U, secret,
						     &secret_bytes),
				 -EBADMSG);
	}
	assert_int_equal(key_pair_make(1, &pair), -EINVAL);
	key_exchange_context_free(context);
}

/* One secret in 256 begins with a zero: it must stay there. */
static void leading_zeroes_are_kept(void **state)
{
	static const uint16_t groups[] = {2, 19};
	struct key_exchange_result peer, mine, theirs;
	char private_hex[65];

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		unsigned found = 0;

		public_of(groups[n], private_b, &peer);
		for (unsigned attempt = 0; attempt < 3000 && found < 2; attempt++) {
			snprintf(private_hex, sizeof(private_hex), "80%060u%02x", attempt,
				 attempt & 0xff);
			run(groups[n], peer.public_value, private_hex, &mine);
			if (mine.shared_secret[0] != 0)
				continue;
			found++;
			run(groups[n], mine.public_value, private_b, &theirs);
			assert_int_equal(theirs.shared_bytes, mine.shared_bytes);
			assert_memory_equal(theirs.shared_secret, mine.shared_secret,
					    mine.shared_bytes);
		}
		assert_int_equal(found, 2);
	}
}

static void values_outside_the_group_are_refused(void **state)
{
	struct key_exchange_request request = {.group = 14, .peer_public_bytes = 256};
	struct key_exchange_result result;

	(void)state;
	key_exchange_run(NULL, &request, &result); /* 0 */
	assert_int_equal(result.error, -EBADMSG);
	request.peer_public[255] = 1;
	key_exchange_run(NULL, &request, &result);
	assert_int_equal(result.error, -EBADMSG);
	memset(request.peer_public, 0xff, 256); /* above p */
	key_exchange_run(NULL, &request, &result);
	assert_int_equal(result.error, -EBADMSG);
	/* p - 1 of group 2: RFC 2409 6.2 */
	request = (struct key_exchange_request){.group = 2, .peer_public_bytes = 128};
	from_hex("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22"
		 "514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6"
		 "f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381"
		 "fffffffffffffffe",
		 request.peer_public);
	key_exchange_run(NULL, &request, &result);
	assert_int_equal(result.error, -EBADMSG);
	request = (struct key_exchange_request){.group = 19, .peer_public_bytes = 64};
	request.peer_public[63] = 1; /* not on the curve */
	key_exchange_run(NULL, &request, &result);
	assert_int_equal(result.error, -EBADMSG);
	request.peer_public_bytes = 63;
	key_exchange_run(NULL, &request, &result);
	assert_int_equal(result.error, -EBADMSG);
	request.group = 1;
	key_exchange_run(NULL, &request, &result);
	assert_int_equal(result.error, -EINVAL);
	assert_int_equal(key_exchange_public_bytes(1), 0);
	assert_false(key_exchange_supported(22));
}

static void suites_know_their_sizes(void **state)
{
	const struct esp_suite gcm = {ESP_CIPHER_AES_GCM_16, 32, ESP_AUTHENTICATOR_NONE};
	const struct esp_suite cbc = {ESP_CIPHER_AES_CBC, 16, ESP_AUTHENTICATOR_HMAC_SHA1_96};
	const struct esp_suite bad = {ESP_CIPHER_AES_CBC, 16, ESP_AUTHENTICATOR_NONE};
	char text[ESP_SUITE_TEXT_BYTES];

	(void)state;
	assert_true(esp_suite_valid(&gcm));
	assert_true(esp_suite_valid(&cbc));
	assert_false(esp_suite_valid(&bad));
	assert_int_equal(esp_suite_cipher_keymat_bytes(&gcm), 36);
	assert_int_equal(esp_suite_authenticator_keymat_bytes(&cbc), 20);
	assert_int_equal(esp_suite_tag_bytes(&gcm), 16);
	assert_int_equal(esp_suite_tag_bytes(&cbc), 12);
	assert_string_equal(esp_suite_text(&cbc, text), "aes-128-cbc/hmac-sha1-96");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_of_abc),
		cmocka_unit_test(hmacs_of_the_rfcs),
		cmocka_unit_test(aes_cbc_of_rfc_3602),
		cmocka_unit_test(ciphers_refuse_what_does_not_fit),
		cmocka_unit_test(ecp_vectors_of_rfc_5903),
		cmocka_unit_test(both_sides_of_every_group_agree),
		cmocka_unit_test(halves_agree_with_the_whole),
		cmocka_unit_test(leading_zeroes_are_kept),
		cmocka_unit_test(values_outside_the_group_are_refused),
		cmocka_unit_test(suites_know_their_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
