/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp_lac.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

static const uint8_t own_challenge[5] = {1, 2, 3, 4, 5};
static const uint8_t random_vector[8] = {9, 8, 7, 6, 5, 4, 3, 2};

static void put_u16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint16_t get_u16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

static void md5(const void *parts[], const size_t lengths[], size_t count, uint8_t digest[16])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	EVP_DigestInit_ex(context, EVP_md5(), NULL);
	for (size_t i = 0; i < count; i++)
		EVP_DigestUpdate(context, parts[i], lengths[i]);
	EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
}

void lac_response(uint8_t type, const char *secret, const uint8_t *challenge, size_t length,
		  uint8_t response[16])
{
	const void *parts[] = {&type, secret, challenge};
	const size_t lengths[] = {1, strlen(secret), length};

	md5(parts, lengths, 3, response);
}

size_t lac_avp(uint8_t *to, uint16_t flags, uint16_t vendor, uint16_t attribute, const void *value,
	       size_t length)
{
	put_u16(to, (uint16_t)(flags | (length + 6)));
	put_u16(to + 2, vendor);
	put_u16(to + 4, attribute);
	if (length != 0)
		memcpy(to + 6, value, length);
	return length + 6;
}

size_t lac_avp_u16(uint8_t *to, uint16_t attribute, uint16_t value)
{
	uint8_t bytes[2];

	put_u16(bytes, value);
	return lac_avp(to, 0x8000, 0, attribute, bytes, 2);
}

size_t lac_avp_u32(uint8_t *to, uint16_t attribute, uint32_t value)
{
	uint8_t bytes[4];

	put_u16(bytes, (uint16_t)(value >> 16));
	put_u16(bytes + 2, (uint16_t)value);
	return lac_avp(to, 0x8000, 0, attribute, bytes, 4);
}

/* RFC 2661 4.3: length, value, padding, under a chain of MD5. */
size_t lac_avp_hidden(const struct lac *lac, uint8_t *to, uint16_t attribute, const void *value,
		      size_t length)
{
	uint8_t clear[128] = {0};
	uint8_t type[2];
	uint8_t pad[16];
	size_t padded = length + 2 + 20; /* not the value's length, and no whole block */
	const void *first[] = {type, lac->secret, random_vector};
	const size_t first_lengths[] = {2, strlen(lac->secret), sizeof(random_vector)};
	const size_t later_lengths[] = {strlen(lac->secret), 16};

	assert(padded <= sizeof(clear));
	put_u16(type, attribute);
	put_u16(clear, (uint16_t)length);
	memcpy(clear + 2, value, length);
	for (size_t i = 0; i < padded; i++) {
		const void *later[] = {lac->secret, clear + (i < 16 ? 0 : i - 16)};

		if (i == 0)
			md5(first, first_lengths, 3, pad);
		else if (i % 16 == 0)
			md5(later, later_lengths, 2, pad);
		clear[i] ^= pad[i % 16];
	}
	return lac_avp(to, 0xc000, 0, attribute, clear, padded);
}

static size_t id_avp(const struct lac *lac, uint8_t *to, uint16_t attribute, uint16_t value)
{
	uint8_t bytes[2];
	size_t at = 0;

	if (!lac->hide)
		return lac_avp_u16(to, attribute, value);
	put_u16(bytes, value);
	at += lac_avp(to, 0x8000, 0, 36, random_vector, sizeof(random_vector));
	return at + lac_avp_hidden(lac, to + at, attribute, bytes, sizeof(bytes));
}

static void message_send(struct lac *lac, struct lac_message *message)
{
	put_u16(message->bytes + 8, message->ns);
	put_u16(message->bytes + 10, lac->nr);
	lac->silent = false;
	lac->send(lac->context, message->bytes, message->length);
}

static void queue_push(struct lac *lac, uint64_t now_ms)
{
	while (lac->in_flight < lac->queued && lac->in_flight < lac->window) {
		if (lac->in_flight == 0)
			lac->retry_ms = now_ms + LAC_RETRY_MS;
		message_send(lac, &lac->queue[lac->in_flight++]);
	}
}

void lac_queue(struct lac *lac, uint16_t type, uint16_t session, const uint8_t *avps, size_t length,
	       uint64_t now_ms)
{
	struct lac_message *message = &lac->queue[lac->queued++];

	assert(lac->queued <= LAC_QUEUE && length + 20 <= LAC_MESSAGE_MAX);
	message->ns = lac->ns++;
	message->length = 20 + length;
	put_u16(message->bytes, 0xc802);
	put_u16(message->bytes + 2, (uint16_t)message->length);
	put_u16(message->bytes + 4, lac->peer_tunnel);
	put_u16(message->bytes + 6, session);
	lac_avp_u16(message->bytes + 12, 0, type);
	if (length != 0)
		memcpy(message->bytes + 20, avps, length);
	queue_push(lac, now_ms);
}

void lac_dial(struct lac *lac, uint64_t now_ms)
{
	uint8_t avps[256];
	size_t at = 0;

	at += lac_avp_u16(avps + at, 2, 0x0100);
	at += lac_avp_u32(avps + at, 3, 3);
	at += lac_avp(avps + at, 0x8000, 0, 7, "phone\0", 6);
	at += lac_avp(avps + at, 0, 311, 4, "id", 2); /* a vendor's AVP, not mandatory */
	at += id_avp(lac, avps + at, 9, lac->tunnel);
	if (lac->rws != 0)
		at += lac_avp_u16(avps + at, 10, lac->rws);
	if (lac->challenge)
		at += lac_avp(avps + at, 0x8000, 0, 11, own_challenge, sizeof(own_challenge));
	lac_queue(lac, 1, 0, avps, at, now_ms);
}

void lac_call(struct lac *lac, unsigned index, uint64_t now_ms)
{
	uint8_t avps[128];
	size_t at = 0;

	at += id_avp(lac, avps + at, 14, (uint16_t)(index + 1));
	at += lac_avp_u32(avps + at, 15, 1000 + index);
	at += lac_avp(avps + at, 0x8000, 0, 22, "5551234", 7);
	lac_queue(lac, 10, 0, avps, at, now_ms);
}

void lac_hang_up(struct lac *lac, unsigned index, bool session_in_header, uint64_t now_ms)
{
	uint8_t avps[64];
	size_t at = 0;

	at += lac_avp_u16(avps + at, 1, 3);
	at += lac_avp_u16(avps + at, 14, (uint16_t)(index + 1));
	lac_queue(lac, 14, session_in_header ? lac->peer_session[index] : 0, avps, at, now_ms);
}

void lac_stop(struct lac *lac, uint64_t now_ms)
{
	uint8_t avps[64];
	size_t at = 0;

	at += lac_avp_u16(avps + at, 9, lac->tunnel);
	at += lac_avp_u16(avps + at, 1, 6); /* the short form, two bytes */
	lac_queue(lac, 4, 0, avps, at, now_ms);
}

void lac_hello(struct lac *lac, uint64_t now_ms)
{
	lac_queue(lac, 6, 0, NULL, 0, now_ms);
}

static void iccn_queue(struct lac *lac, unsigned index, uint64_t now_ms)
{
	uint8_t avps[64 + sizeof(lac->proxy)];
	size_t at = 0;

	at += lac_avp_u32(avps + at, 24, 100000000);
	at += lac_avp_u32(avps + at, 19, 3);
	if (lac->hide)
		at += lac_avp(avps + at, 0x8000, 0, 36, random_vector, sizeof(random_vector));
	memcpy(avps + at, lac->proxy, lac->proxy_bytes);
	at += lac->proxy_bytes;
	lac_queue(lac, 12, lac->peer_session[index], avps, at, now_ms);
}

static void zlb_send(struct lac *lac)
{
	uint8_t bytes[12] = {0xc8, 0x02, 0, 12};

	put_u16(bytes + 4, lac->peer_tunnel);
	put_u16(bytes + 8, lac->ns);
	put_u16(bytes + 10, lac->nr);
	lac->send(lac->context, bytes, sizeof(bytes));
}

static const uint8_t *avp_find(const uint8_t *bytes, size_t length, uint16_t attribute,
			       size_t *value_length)
{
	for (size_t at = 12; at + 6 <= length;) {
		size_t total = get_u16(bytes + at) & 0x3ff;

		assert(total >= 6 && at + total <= length);
		if (get_u16(bytes + at + 4) == attribute) {
			*value_length = total - 6;
			return bytes + at + 6;
		}
		at += total;
	}
	return NULL;
}

static void sccrp_take(struct lac *lac, const uint8_t *bytes, size_t length, uint64_t now_ms)
{
	uint8_t response[16];
	uint8_t avps[64];
	size_t at = 0;
	size_t size;
	const uint8_t *value = avp_find(bytes, length, 9, &size);

	lac->peer_tunnel = get_u16(value);
	lac->sccrp = true;
	value = avp_find(bytes, length, 13, &size);
	if (lac->challenge && value != NULL) {
		lac_response(2, lac->secret, own_challenge, sizeof(own_challenge), response);
		lac->response_right = memcmp(value, response, 16) == 0;
	}
	value = avp_find(bytes, length, 11, &size);
	if (value != NULL && lac->secret != NULL) {
		lac_response(3, lac->secret, value, size, response);
		at += lac_avp(avps + at, 0x8000, 0, 13, response, 16);
	}
	lac_queue(lac, 3, 0, avps, at, now_ms);
	for (unsigned i = 0; i < lac->sessions_wanted; i++)
		lac_call(lac, i, now_ms);
}

static void icrp_take(struct lac *lac, uint16_t session, const uint8_t *bytes, size_t length,
		      uint64_t now_ms)
{
	size_t size;
	const uint8_t *value = avp_find(bytes, length, 14, &size);

	if (session < 1 || session > LAC_SESSIONS)
		return;
	lac->peer_session[session - 1] = get_u16(value);
	lac->sessions_up++;
	iccn_queue(lac, session - 1u, now_ms);
}

static void message_take(struct lac *lac, const uint8_t *bytes, size_t length, uint64_t now_ms)
{
	size_t size = 0;
	const uint8_t *result = avp_find(bytes, length, 1, &size);

	switch (lac->last_type) {
	case 2:
		sccrp_take(lac, bytes, length, now_ms);
		break;
	case 11:
		icrp_take(lac, get_u16(bytes + 6), bytes, length, now_ms);
		break;
	case 4:
		lac->stopped = true;
		lac->stop_result = get_u16(result);
		lac->stop_error = size > 2 ? get_u16(result + 2) : 0;
		break;
	case 14:
		lac->cdns++;
		lac->cdn_result = get_u16(result);
		lac->cdn_error = size > 2 ? get_u16(result + 2) : 0;
		break;
	case 6:
		lac->hellos++;
		break;
	}
}

static void acknowledged(struct lac *lac, uint16_t nr, uint64_t now_ms)
{
	while (lac->queued != 0 && (int16_t)(nr - lac->queue[0].ns) > 0 && lac->in_flight != 0) {
		lac->queued--;
		lac->in_flight--;
		memmove(&lac->queue[0], &lac->queue[1], lac->queued * sizeof(lac->queue[0]));
		lac->retry_ms = now_ms + LAC_RETRY_MS;
		lac->retries = 0;
	}
}

void lac_receive(struct lac *lac, const uint8_t *bytes, size_t length, uint64_t now_ms)
{
	uint16_t ns = get_u16(bytes + 8);
	uint16_t nr = get_u16(bytes + 10);

	assert((get_u16(bytes) & 0xcb0f) == 0xc802 && get_u16(bytes + 2) == length);
	if (get_u16(bytes + 4) != lac->tunnel)
		return; /* a test changed the id on its way */
	acknowledged(lac, nr, now_ms);
	if (length == 12) {
		lac->last_type = 0;
		lac->zlbs++;
		queue_push(lac, now_ms);
		return;
	}
	assert(memcmp(bytes + 12, "\x80\x08\0\0\0\0", 6) == 0);
	if (get_u16(bytes + 18) == 2)
		lac->sccrps++;
	lac->silent = true;
	if (ns == lac->nr) {
		lac->last_type = get_u16(bytes + 18);
		lac->nr++;
		message_take(lac, bytes, length, now_ms);
	}
	queue_push(lac, now_ms);
	if (lac->silent)
		zlb_send(lac);
}

uint64_t lac_deadline(const struct lac *lac)
{
	return lac->in_flight == 0 ? UINT64_MAX : lac->retry_ms;
}

void lac_on_time(struct lac *lac, uint64_t now_ms)
{
	if (lac->in_flight == 0 || now_ms < lac->retry_ms)
		return;
	lac->retry_ms = now_ms + LAC_RETRY_MS;
	lac->retries++;
	for (size_t i = 0; i < lac->in_flight; i++)
		message_send(lac, &lac->queue[i]);
}
