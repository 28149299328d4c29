/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define ETHERNET_BYTES 14
#define IPV4_BYTES     20
#define UDP_BYTES      8
#define L2TP_BYTES     8 /* with a length */
#define PPP_BYTES      4
#define TIME_TO_LIVE   64

static uint8_t *put(uint8_t *at, const void *from, size_t bytes)
{
	memcpy(at, from, bytes);
	return at + bytes;
}

static uint8_t *put_u16(uint8_t *at, uint32_t value)
{
	uint16_t be = htons((uint16_t)value);

	return put(at, &be, sizeof(be));
}

static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
	uint32_t be = htonl(value);

	return put(at, &be, sizeof(be));
}

static uint8_t *put_ethernet(uint8_t *at, const struct frame_source *source)
{
	at = put(at, source->our_mac, sizeof(source->our_mac));
	at = put(at, source->peer_mac, sizeof(source->peer_mac));
	return put_u16(at, 0x0800);
}

static uint16_t sum_of(const uint8_t *at, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t *put_ipv4(uint8_t *at, size_t total, uint8_t protocol, uint32_t source,
			 uint32_t destination)
{
	uint8_t *begin = at;

	at = put_u16(at, 0x4500);
	at = put_u16(at, (uint32_t)total);
	at = put_u32(at, 0);
	at = put_u16(at, TIME_TO_LIVE << 8 | protocol);
	at = put_u16(at, 0);
	at = put_u32(at, source);
	at = put_u32(at, destination);
	put_u16(begin + 10, sum_of(begin, IPV4_BYTES));
	return at;
}

static uint8_t *put_udp(uint8_t *at, uint16_t source, uint16_t destination, size_t bytes)
{
	at = put_u16(at, source);
	at = put_u16(at, destination);
	at = put_u16(at, (uint32_t)bytes);
	return put_u16(at, 0);
}

/* UDP between subscriber and server; the payload begins with session and sequence. */
static uint8_t *put_inner(uint8_t *at, const struct frame_source *source, uint32_t number,
			  uint32_t sequence, uint16_t bytes)
{
	uint32_t subscriber = plan_session(&source->plan, number).subscriber;
	uint16_t left = (uint16_t)(bytes - IPV4_BYTES - UDP_BYTES);
	uint8_t mark[8];

	at = put_ipv4(at, bytes, IPPROTO_UDP, source->down ? source->server : subscriber,
		      source->down ? subscriber : source->server);
	at = put_udp(at, 9000, 9001, (size_t)left + UDP_BYTES);
	put_u32(put_u32(mark, number), sequence);
	memset(at, 0x5a, left);
	memcpy(at, mark, left < sizeof(mark) ? left : sizeof(mark));
	return at + left;
}

static uint8_t *put_l2tp(uint8_t *at, const struct frame_source *source, uint32_t number,
			 uint32_t sequence, uint16_t inner_bytes)
{
	struct plan_session session = plan_session(&source->plan, number);
	uint32_t l2tp = L2TP_BYTES + PPP_BYTES + (uint32_t)inner_bytes;

	at = put_udp(at, 1701, 1701, UDP_BYTES + (size_t)l2tp);
	at = put_u16(at, 0x4002);
	at = put_u16(at, l2tp);
	at = put_u16(at, session.tunnel);
	at = put_u16(at, session.session);
	at = put_u32(at, 0xff030021);
	return put_inner(at, source, number, sequence, inner_bytes);
}

/* Pads, seals; returns the end. */
static uint8_t *seal(const struct frame_source *source, uint8_t *esp, uint8_t *text, uint8_t *end,
		     const struct esp_key *key)
{
	const struct esp_suite *suite = &source->plan.suite;
	size_t block = esp_suite_block_bytes(suite);
	size_t padding = (size_t) - (end - text + 2) & (block - 1);
	struct esp_done done[ESP_DONE_MAX];
	unsigned lane = esp_suite_lane(suite);
	struct esp_job job = {.key = key, .esp = esp};

	for (size_t i = 1; i <= padding; i++)
		*end++ = (uint8_t)i;
	*end++ = (uint8_t)padding;
	*end++ = IPPROTO_UDP;
	job.text_bytes = (uint32_t)(end - text);
	job.tag = end;
	(void)esp_engine_submit(source->engine, lane, true, &job, 1, done);
	(void)esp_engine_flush(source->engine, lane, done);
	return end + esp_suite_tag_bytes(suite);
}

size_t frame_write(const struct frame_source *source, uint32_t number, uint32_t sequence,
		   uint16_t inner_bytes, const struct esp_key *key, uint8_t frame[FRAME_BYTES_MAX])
{
	struct plan_session session = plan_session(&source->plan, number);
	uint8_t *ip = put_ethernet(frame, source);
	uint8_t *end;

	if (source->down)
		return (size_t)(put_inner(ip, source, number, sequence, inner_bytes) - frame);
	if (key == NULL) {
		end = put_l2tp(ip + IPV4_BYTES, source, number, sequence, inner_bytes);
	} else {
		size_t iv_bytes = esp_suite_iv_bytes(&source->plan.suite);
		uint8_t *esp = ip + IPV4_BYTES + UDP_BYTES;
		uint8_t *text = put_u32(put_u32(esp, session.spi_in), sequence) + iv_bytes;

		/* Different for each packet, and the same in every run. */
		memset(text - iv_bytes, 0, iv_bytes);
		put_u32(text - 4, sequence);
		end = put_l2tp(text, source, number, sequence, inner_bytes);
		end = seal(source, esp, text, end, key);
		put_udp(ip + IPV4_BYTES, 4500, 4500, (size_t)(end - ip - IPV4_BYTES));
	}
	put_ipv4(ip, (size_t)(end - ip), IPPROTO_UDP, session.peer, source->local);
	return (size_t)(end - frame);
}
