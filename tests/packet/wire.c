/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire.h"

#include "crypto/block_cipher.h"
#include "crypto/digest.h"

#include <assert.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition)
{
	if (!condition)
		abort();
}

void bytes_prepend(struct bytes *bytes, const void *from, size_t length)
{
	require(bytes->length + length <= WIRE_BYTES_MAX);
	memmove(bytes->data + length, bytes->data, bytes->length);
	memcpy(bytes->data, from, length);
	bytes->length += length;
}

void bytes_append(struct bytes *bytes, const void *from, size_t length)
{
	require(bytes->length + length <= WIRE_BYTES_MAX);
	memcpy(bytes->data + bytes->length, from, length);
	bytes->length += length;
}

void bytes_cut(struct bytes *bytes, size_t length)
{
	require(length <= bytes->length);
	bytes->length -= length;
	memmove(bytes->data, bytes->data + length, bytes->length);
}

uint16_t bytes_u16(const struct bytes *bytes, size_t offset)
{
	require(offset + 2 <= bytes->length);
	return (uint16_t)(bytes->data[offset] << 8 | bytes->data[offset + 1]);
}

uint32_t bytes_u32(const struct bytes *bytes, size_t offset)
{
	return (uint32_t)bytes_u16(bytes, offset) << 16 | bytes_u16(bytes, offset + 2);
}

static void put_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
	put_u16(at, (uint16_t)(value >> 16));
	put_u16(at + 2, (uint16_t)value);
}

void bytes_set_u16(struct bytes *bytes, size_t offset, uint16_t value)
{
	require(offset + 2 <= bytes->length);
	put_u16(bytes->data + offset, value);
}

uint16_t wire_sum(const uint8_t *at, size_t length, uint32_t sum)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	if (length & 1)
		sum += (uint32_t)(at[length - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

void wire_ipv4_checksum(struct bytes *bytes)
{
	size_t header = (size_t)(bytes->data[0] & 15) * 4;

	bytes_set_u16(bytes, 10, 0);
	bytes_set_u16(bytes, 10, (uint16_t)~wire_sum(bytes->data, header, 0));
}

bool wire_ipv4_valid(const struct bytes *bytes)
{
	size_t header = (size_t)(bytes->data[0] & 15) * 4;

	return bytes->length >= 20 && bytes->data[0] >> 4 == 4 && header >= 20 &&
	       header <= bytes->length && bytes_u16(bytes, 2) == bytes->length &&
	       wire_sum(bytes->data, header, 0) == 0xffff;
}

void wire_ipv4(struct bytes *bytes, uint8_t protocol, uint32_t source, uint32_t destination)
{
	uint8_t header[20] = {0x45};

	put_u16(header + 2, (uint16_t)(bytes->length + 20));
	put_u16(header + 4, 0x1234);
	header[8] = 64;
	header[9] = protocol;
	put_u32(header + 12, source);
	put_u32(header + 16, destination);
	bytes_prepend(bytes, header, sizeof(header));
	wire_ipv4_checksum(bytes);
}

void wire_udp(struct bytes *bytes, uint16_t source, uint16_t destination)
{
	uint8_t header[8] = {0};

	put_u16(header, source);
	put_u16(header + 2, destination);
	put_u16(header + 4, (uint16_t)(bytes->length + 8));
	bytes_prepend(bytes, header, sizeof(header));
}

void wire_ipv6(struct bytes *bytes, uint8_t next_header, const uint8_t source[16],
	       const uint8_t destination[16])
{
	uint8_t header[40] = {0x60};

	header[4] = (uint8_t)(bytes->length >> 8);
	header[5] = (uint8_t)bytes->length;
	header[6] = next_header;
	header[7] = 61;
	memcpy(header + 8, source, 16);
	memcpy(header + 24, destination, 16);
	bytes_prepend(bytes, header, sizeof(header));
}

/* Of the datagram and the pseudo header (RFC 8200 8.1). */
static uint16_t udp_ipv6_sum(const struct bytes *bytes, const uint8_t source[16],
			     const uint8_t destination[16])
{
	uint32_t sum = wire_sum(source, 16, 17 + (uint32_t)bytes->length);

	sum = wire_sum(destination, 16, sum);
	return wire_sum(bytes->data, bytes->length, sum);
}

void wire_udp_ipv6_sum(struct bytes *bytes, const uint8_t source[16], const uint8_t destination[16])
{
	uint16_t sum;

	bytes_set_u16(bytes, 6, 0);
	sum = (uint16_t)~udp_ipv6_sum(bytes, source, destination);
	bytes_set_u16(bytes, 6, sum != 0 ? sum : 0xffff);
}

bool wire_udp_ipv6_valid(const struct bytes *bytes, const uint8_t source[16],
			 const uint8_t destination[16])
{
	return bytes_u16(bytes, 6) != 0 && udp_ipv6_sum(bytes, source, destination) == 0xffff;
}

void wire_ethernet(struct bytes *bytes, uint16_t type)
{
	uint8_t header[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 99};

	put_u16(header + 12, type);
	bytes_prepend(bytes, header, sizeof(header));
}

void wire_l2tp(struct bytes *bytes, uint16_t flags, uint16_t tunnel, uint16_t session,
	       uint16_t offset)
{
	struct bytes header = {.length = 2};
	uint8_t field[4] = {0};

	if (flags & 0x4000)
		bytes_append(&header, field, 2);
	put_u16(field, tunnel);
	put_u16(field + 2, session);
	bytes_append(&header, field, 4);
	memset(field, 0, sizeof(field));
	if (flags & 0x0800)
		bytes_append(&header, field, 4);
	if (flags & 0x0200) {
		put_u16(field, offset);
		bytes_append(&header, field, 2);
		memset(header.data + header.length, 0xee, offset);
		header.length += offset;
	}
	put_u16(header.data, flags | 2);
	if (flags & 0x4000)
		put_u16(header.data + 2, (uint16_t)(header.length + bytes->length));
	bytes_prepend(bytes, header.data, header.length);
}

void wire_inner(struct bytes *bytes, uint32_t source, uint32_t destination, size_t payload,
		uint32_t seed)
{
	bytes->length = payload;
	for (size_t i = 0; i < payload; i++)
		bytes->data[i] = (uint8_t)((seed + i) * 2654435761u >> 24);
	if (payload >= 4)
		put_u32(bytes->data, seed);
	wire_udp(bytes, 7777, 8888);
	wire_ipv4(bytes, IPPROTO_UDP, source, destination);
}

static uint16_t tcp_sum(const struct bytes *bytes)
{
	size_t length = bytes->length - 20;
	uint32_t pseudo = wire_sum(bytes->data + 12, 8, IPPROTO_TCP + (uint32_t)length);

	return wire_sum(bytes->data + 20, length, pseudo);
}

void wire_tcp_syn(struct bytes *bytes, uint32_t source, uint32_t destination, uint16_t mss,
		  unsigned nops)
{
	uint8_t options[12];

	memset(options, 1, sizeof(options));
	options[nops] = 2;
	options[nops + 1] = 4;
	put_u16(options + nops + 2, mss);
	*bytes = (struct bytes){.length = 20};
	put_u16(bytes->data, 40000);
	put_u16(bytes->data + 2, 443);
	put_u32(bytes->data + 4, 0x01020304);
	bytes->data[12] = 8 << 4;
	bytes->data[13] = 0x02;
	put_u16(bytes->data + 14, 64240);
	bytes_append(bytes, options, sizeof(options));
	wire_ipv4(bytes, IPPROTO_TCP, source, destination);
	bytes_set_u16(bytes, 36, (uint16_t)~tcp_sum(bytes));
}

bool wire_tcp_valid(const struct bytes *bytes, uint16_t *mss)
{
	size_t at = 40;

	while (bytes->data[at] == 1)
		at++;
	*mss = bytes_u16(bytes, at + 2);
	return bytes->data[at] == 2 && tcp_sum(bytes) == 0xffff;
}

void wire_keys_make(struct esp_keys *keys, const struct esp_suite *suite, uint32_t seed)
{
	memset(keys, 0, sizeof(*keys));
	keys->suite = *suite;
	for (size_t i = 0; i < esp_suite_cipher_keymat_bytes(suite); i++)
		keys->cipher_key[i] = (uint8_t)((seed + 7 * i + 1) * 2246822519u >> 17);
	for (size_t i = 0; i < esp_suite_authenticator_keymat_bytes(suite); i++)
		keys->authenticator_key[i] = (uint8_t)((seed + 5 * i + 3) * 3266489917u >> 15);
}

static enum digest_kind digest_of(const struct esp_suite *suite)
{
	static const enum digest_kind kinds[] = {
		[ESP_AUTHENTICATOR_HMAC_SHA1_96] = DIGEST_SHA1,
		[ESP_AUTHENTICATOR_HMAC_SHA2_256_128] = DIGEST_SHA2_256,
		[ESP_AUTHENTICATOR_HMAC_SHA2_384_192] = DIGEST_SHA2_384,
		[ESP_AUTHENTICATOR_HMAC_SHA2_512_256] = DIGEST_SHA2_512,
	};

	return kinds[suite->authenticator];
}

static void cbc_run(const struct esp_keys *keys, bool encrypt, uint8_t *esp, size_t text)
{
	size_t iv = esp_suite_iv_bytes(&keys->suite);
	enum block_cipher cipher = keys->suite.cipher == ESP_CIPHER_AES_CBC ? BLOCK_CIPHER_AES_CBC
									    : BLOCK_CIPHER_3DES_CBC;

	require(block_cipher_run(cipher, encrypt, keys->cipher_key, keys->suite.cipher_key_bytes,
				 esp + 8, esp + 8 + iv, esp + 8 + iv, text) == 0);
}

static void hmac_run(const struct esp_keys *keys, const uint8_t *esp, size_t length, uint8_t *tag)
{
	struct digest_part part = {esp, length};

	require(digest_hmac(digest_of(&keys->suite), keys->authenticator_key,
			    esp_suite_authenticator_keymat_bytes(&keys->suite), &part, 1,
			    tag) == 0);
}

/* RFC 4106: nonce of salt and IV, the ESP header authenticated. */
static bool gcm_run(const struct esp_keys *keys, bool encrypt, uint8_t *esp, size_t text)
{
	const EVP_CIPHER *cipher = keys->suite.cipher_key_bytes == 16   ? EVP_aes_128_gcm()
				   : keys->suite.cipher_key_bytes == 24 ? EVP_aes_192_gcm()
									: EVP_aes_256_gcm();
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t nonce[12];
	int written;
	bool ok;

	memcpy(nonce, keys->cipher_key + keys->suite.cipher_key_bytes, 4);
	memcpy(nonce + 4, esp + 8, 8);
	require(EVP_CipherInit_ex(context, cipher, NULL, keys->cipher_key, nonce, encrypt) == 1);
	if (!encrypt)
		require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, esp + 16 + text) ==
			1);
	require(EVP_CipherUpdate(context, NULL, &written, esp, 8) == 1);
	require(EVP_CipherUpdate(context, esp + 16, &written, esp + 16, (int)text) == 1);
	ok = EVP_CipherFinal_ex(context, esp + 16 + text, &written) == 1;
	if (encrypt)
		require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, esp + 16 + text) ==
			1);
	EVP_CIPHER_CTX_free(context);
	return ok;
}

void wire_esp_seal(const struct wire_sa *sa, uint32_t sequence, struct bytes *bytes,
		   const struct wire_trailer *trailer)
{
	static const struct wire_trailer plain = {.next_header = IPPROTO_UDP};
	const struct esp_suite *suite = &sa->in.suite;
	size_t block = esp_suite_block_bytes(suite), iv = esp_suite_iv_bytes(suite);
	uint8_t header[24], padding[256], tag[64] = {0};
	size_t count, text;

	trailer = trailer != NULL ? trailer : &plain;
	count = (block - (bytes->length + 2) % block) % block + trailer->more_blocks * block;
	for (size_t i = 0; i < count; i++)
		padding[i] = (uint8_t)(i + 1 + trailer->wrong_padding);
	bytes_append(bytes, padding, count);
	padding[0] = trailer->padding_too_long ? 255 : (uint8_t)count;
	padding[1] = trailer->next_header;
	bytes_append(bytes, padding, 2);
	text = bytes->length;
	put_u32(header, sa->spi_in);
	put_u32(header + 4, sequence);
	for (size_t i = 0; i < iv; i++)
		header[8 + i] = (uint8_t)(sequence * 31 + i * 7);
	bytes_prepend(bytes, header, 8 + iv);
	bytes_append(bytes, tag, sizeof(tag));
	if (suite->cipher == ESP_CIPHER_AES_GCM_16) {
		require(gcm_run(&sa->in, true, bytes->data, text));
	} else {
		cbc_run(&sa->in, true, bytes->data, text);
		hmac_run(&sa->in, bytes->data, 8 + iv + text, bytes->data + 8 + iv + text);
	}
	bytes->length = 8 + iv + text + sa->tag_bytes;
}

bool wire_esp_open(const struct wire_sa *sa, struct bytes *bytes, uint32_t *sequence)
{
	const struct esp_suite *suite = &sa->out.suite;
	size_t block = esp_suite_block_bytes(suite), iv = esp_suite_iv_bytes(suite);
	size_t overhead = 8 + iv + sa->tag_bytes;
	uint8_t tag[64];
	size_t text, padding;

	if (bytes->length < overhead + block || (bytes->length - overhead) % block != 0 ||
	    bytes_u32(bytes, 0) != sa->spi_out)
		return false;
	*sequence = bytes_u32(bytes, 4);
	text = bytes->length - overhead;
	if (suite->cipher == ESP_CIPHER_AES_GCM_16) {
		if (!gcm_run(&sa->out, false, bytes->data, text))
			return false;
	} else {
		hmac_run(&sa->out, bytes->data, 8 + iv + text, tag);
		if (memcmp(tag, bytes->data + 8 + iv + text, sa->tag_bytes) != 0)
			return false;
		cbc_run(&sa->out, false, bytes->data, text);
	}
	bytes->length -= sa->tag_bytes;
	bytes_cut(bytes, 8 + iv);
	padding = bytes->data[text - 2];
	if (bytes->data[text - 1] != IPPROTO_UDP || padding >= block || padding + 2 > text)
		return false;
	for (size_t i = 0; i < padding; i++)
		if (bytes->data[text - 2 - padding + i] != i + 1)
			return false;
	bytes->length = text - 2 - padding;
	return true;
}
