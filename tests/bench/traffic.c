/* SPDX-License-Identifier: BSD-3-Clause */
#include "traffic.h"

#include "base/memory.h"
#include "dataplane/worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#define PPP_BYTES    4
#define ECHO_BYTES   8 /* behind PPP's protocol */
#define TTL          64
#define INNER_HEADER 28 /* IPv4 and UDP */

uint64_t traffic_random(struct traffic *traffic)
{
	uint64_t x = traffic->random += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint16_t imix(uint32_t i)
{
	static const uint16_t sizes[12] = {64, 576, 64, 64, 576, 64, 1400, 64, 576, 64, 64, 576};

	return sizes[i % 12];
}

struct traffic *traffic_new(struct bed *bed, uint32_t count, bool up, uint16_t bytes)
{
	struct traffic *traffic = memory_new(sizeof(*traffic));

	traffic->bed = bed;
	traffic->count = count;
	traffic->up = up;
	traffic->random = 1;
	traffic->stride = 1;
	traffic->kind = memory_new_array(count, sizeof(*traffic->kind));
	traffic->session = memory_new_array(count, sizeof(*traffic->session));
	traffic->bytes = memory_new_array(count, sizeof(*traffic->bytes));
	traffic->packets = memory_new_array(count, sizeof(*traffic->packets));
	for (uint32_t i = 0; i < count; i++)
		traffic->bytes[i] = bytes != TRAFFIC_IMIX ? bytes : imix(i);
	if (rte_pktmbuf_alloc_bulk(mailbox_packet_pool(bed->mailbox), traffic->packets, count) !=
	    0) {
		fprintf(stderr, "bench: too few packet buffers\n");
		exit(1);
	}
	return traffic;
}

void traffic_free(struct traffic *traffic)
{
	rte_pktmbuf_free_bulk(traffic->packets, traffic->count);
	free(traffic->session);
	free(traffic->bytes);
	free(traffic->kind);
	free(traffic->packets);
	free(traffic);
}

static void ipv4_write(uint8_t *at, uint16_t bytes, uint8_t protocol, uint32_t source,
		       uint32_t destination)
{
	struct rte_ipv4_hdr ip = {.version_ihl = RTE_IPV4_VHL_DEF,
				  .total_length = htons(bytes),
				  .time_to_live = TTL,
				  .next_proto_id = protocol,
				  .src_addr = htonl(source),
				  .dst_addr = htonl(destination)};

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memcpy(at, &ip, sizeof(ip));
}

static void udp_write(uint8_t *at, uint16_t source, uint16_t destination, uint16_t bytes)
{
	struct rte_udp_hdr udp = {htons(source), htons(destination), htons(bytes), 0};

	memcpy(at, &udp, sizeof(udp));
}

static void ethernet_write(uint8_t *at, enum bed_port port)
{
	uint8_t header[14] = {2, 0, 0, 0, 0, (uint8_t)(1 + port), 2, 0, 0, 0, 0, 77, 8, 0};

	memcpy(at, header, sizeof(header));
}

/* The inner packet of number `i`; its payload names the number. */
static void inner_write(const struct traffic *traffic, uint8_t *at, uint32_t i)
{
	uint16_t bytes = traffic->bytes[i];
	uint32_t subscriber = PLAN_SUBSCRIBER_FIRST + traffic->session[i];
	uint32_t server = BED_SERVER_FIRST + 256 + i % 512;

	ipv4_write(at, bytes, IPPROTO_UDP, traffic->up ? subscriber : server,
		   traffic->up ? server : subscriber);
	udp_write(at + 20, 4000, 4001, (uint16_t)(bytes - 20));
	memset(at + INNER_HEADER, (uint8_t)(i * 7 + 1), (size_t)bytes - INNER_HEADER);
	memcpy(at + INNER_HEADER, &i, sizeof(i));
}

/* PPP's protocol stands before `at`; returns the end. */
static uint8_t *echo_write(uint8_t *at)
{
	static const uint8_t echo[] = {0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4};

	memcpy(at - 2, echo, sizeof(echo));
	return at - 2 + sizeof(echo);
}

/* A control message at `at`, which no tunnel of control waits for; returns the end. */
static uint8_t *hello_write(uint8_t *at)
{
	static const uint8_t hello[] = {0xc8, 2, 0,    20, 0, 1, 0, 0, 0, 0,
					0,    0, 0x80, 8,  0, 0, 0, 0, 0, 6};

	memcpy(at, hello, sizeof(hello));
	return at + sizeof(hello);
}

/* UDP, L2TP and PPP around the inner packet; the bytes of all. */
static uint16_t l2tp_write(const struct traffic *traffic, uint8_t *at, uint32_t i)
{
	struct plan_session session = plan_session(&traffic->bed->plan, traffic->session[i]);
	uint16_t frame = traffic->kind[i] == TRAFFIC_ECHO ? ECHO_BYTES : traffic->bytes[i];
	uint16_t length = (uint16_t)(8 + PPP_BYTES + frame);
	uint16_t words[6] = {htons(0x4002),          htons(length), htons(session.tunnel),
			     htons(session.session), htons(0xff03), htons(0x0021)};
	uint8_t *to = at + 8;

	if (traffic->up) { /* most peers send the length, we do not */
		memcpy(to, words, 4);
		to += 4;
	} else {
		words[0] = htons(0x0002);
		memcpy(to, words, 2);
		to += 2;
	}
	memcpy(to, words + 2, 8);
	to += 8;
	if (traffic->kind[i] == TRAFFIC_DATA) {
		inner_write(traffic, to, i);
		length = (uint16_t)(to - at + traffic->bytes[i]);
	} else {
		length = (uint16_t)(traffic->kind[i] == TRAFFIC_ECHO ? echo_write(to) - at
								     : hello_write(at + 8) - at);
	}
	udp_write(at, 1701, 1701, length);
	return length;
}

static uint8_t *frame_begin(struct traffic *traffic, uint32_t i)
{
	rte_pktmbuf_reset(traffic->packets[i]);
	return rte_pktmbuf_mtod(traffic->packets[i], uint8_t *);
}

static void frame_end(struct rte_mbuf *mbuf, uint32_t bytes)
{
	mbuf->data_len = (uint16_t)bytes;
	mbuf->pkt_len = bytes;
}

static void plain_up_make(struct traffic *traffic, uint32_t i)
{
	struct plan_session session = plan_session(&traffic->bed->plan, traffic->session[i]);
	uint8_t *at = frame_begin(traffic, i);
	uint16_t udp = l2tp_write(traffic, at + 34, i);

	ethernet_write(at, BED_PEERS);
	ipv4_write(at + 14, (uint16_t)(udp + 20), IPPROTO_UDP, session.peer, BED_LOCAL);
	frame_end(traffic->packets[i], 34u + udp);
}

static void down_make(struct traffic *traffic, uint32_t i)
{
	uint8_t *at = frame_begin(traffic, i);

	ethernet_write(at, BED_SERVERS);
	inner_write(traffic, at + 14, i);
	frame_end(traffic->packets[i], 14u + traffic->bytes[i]);
}

/* The frame up to the job that seals it. */
static struct esp_job esp_make(struct traffic *traffic, uint32_t i)
{
	const struct esp_suite *suite = &traffic->bed->options.suite;
	struct bed_session *session = &traffic->bed->session[traffic->session[i]];
	uint8_t *at = frame_begin(traffic, i), *esp = at + 42;
	uint32_t iv_bytes = (uint32_t)esp_suite_iv_bytes(suite);
	uint32_t text = l2tp_write(traffic, esp + 8 + iv_bytes, i);
	uint32_t padding = (uint32_t) - (text + 2) & (uint32_t)(esp_suite_block_bytes(suite) - 1);
	uint32_t tag_bytes = (uint32_t)esp_suite_tag_bytes(suite);
	uint32_t words[2] = {htonl(PLAN_SPI_IN_FIRST + traffic->session[i]),
			     htonl(++session->sequence)};
	uint16_t bytes;

	memcpy(esp, words, sizeof(words));
	memset(esp + 8, 0, iv_bytes);
	memcpy(esp + 8 + iv_bytes - 4, words + 1, 4);
	for (uint32_t pad = 1; pad <= padding; pad++)
		esp[8 + iv_bytes + text++] = (uint8_t)pad;
	esp[8 + iv_bytes + text++] = (uint8_t)padding;
	esp[8 + iv_bytes + text++] = IPPROTO_UDP;
	bytes = (uint16_t)(8 + iv_bytes + text + tag_bytes);
	ethernet_write(at, BED_PEERS);
	ipv4_write(at + 14, (uint16_t)(28 + bytes), IPPROTO_UDP,
		   PLAN_PEER_FIRST + traffic->session[i], BED_LOCAL);
	udp_write(at + 34, 4500, 4500, (uint16_t)(bytes + 8));
	frame_end(traffic->packets[i], 42u + bytes);
	return (struct esp_job){.user = NULL,
				.key = session->key_peer,
				.esp = esp,
				.text_bytes = text,
				.tag = esp + 8 + iv_bytes + text};
}

static uint32_t session_draw(struct traffic *traffic)
{
	uint32_t among = traffic->bed->options.sessions / traffic->stride;

	return (uint32_t)(traffic_random(traffic) % among) * traffic->stride + traffic->rest;
}

static void sessions_draw(struct traffic *traffic)
{
	for (uint32_t i = 0; i < traffic->count; i++)
		traffic->session[i] = session_draw(traffic);
}

void traffic_make_text(struct traffic *traffic, struct esp_job *jobs)
{
	sessions_draw(traffic);
	for (uint32_t i = 0; i < traffic->count; i++)
		jobs[i] = esp_make(traffic, i);
}

static void sealed_up_make(struct traffic *traffic)
{
	struct esp_engine *engine = traffic->bed->engine;
	unsigned lane = esp_suite_lane(&traffic->bed->options.suite);
	struct esp_done done[ESP_DONE_MAX];

	for (uint32_t i = 0; i < traffic->count; i += BED_BURST) {
		struct esp_job jobs[BED_BURST];
		uint32_t some = RTE_MIN((uint32_t)BED_BURST, traffic->count - i);

		for (uint32_t j = 0; j < some; j++)
			jobs[j] = esp_make(traffic, i + j);
		(void)esp_engine_submit(engine, lane, true, jobs, some, done);
	}
	(void)esp_engine_flush(engine, lane, done);
}

void traffic_make(struct traffic *traffic)
{
	bool plain = traffic->bed->options.suite.cipher == ESP_CIPHER_NONE;

	sessions_draw(traffic);
	if (traffic->up && !plain) {
		sealed_up_make(traffic);
		return;
	}
	for (uint32_t i = 0; i < traffic->count; i++) {
		if (traffic->up)
			plain_up_make(traffic, i);
		else
			down_make(traffic, i);
	}
}

void traffic_make_one(struct traffic *traffic, uint32_t i, struct rte_mbuf *mbuf,
		      enum traffic_kind kind)
{
	struct esp_done done[ESP_DONE_MAX];
	unsigned lane = esp_suite_lane(&traffic->bed->options.suite);
	struct esp_job job;

	traffic->packets[i] = mbuf;
	traffic->session[i] = session_draw(traffic);
	traffic->kind[i] = (uint8_t)kind;
	job = esp_make(traffic, i);
	(void)esp_engine_submit(traffic->bed->engine, lane, true, &job, 1, done);
	(void)esp_engine_flush(traffic->bed->engine, lane, done);
}

void traffic_skip_one(struct traffic *traffic)
{
	traffic->bed->session[session_draw(traffic)].sequence++;
}

void traffic_offer(struct traffic *traffic)
{
	bed_offer(traffic->bed, traffic->up ? BED_PEERS : BED_SERVERS, traffic->packets,
		  traffic->count);
}

/* An inner packet as inner_write() made it, but one hop older. */
static bool inner_right(const struct traffic *traffic, const uint8_t *at, size_t length, bool *seen)
{
	uint8_t expected[2048];
	uint32_t i;

	if (length < INNER_HEADER + sizeof(i))
		return false;
	memcpy(&i, at + INNER_HEADER, sizeof(i));
	if (i >= traffic->count || seen[i] || length != traffic->bytes[i])
		return false;
	seen[i] = true;
	inner_write(traffic, expected, i);
	expected[8]--;
	memset(expected + 10, 0, 2);
	*(uint16_t *)(void *)(expected + 10) =
		rte_ipv4_cksum((const struct rte_ipv4_hdr *)(const void *)expected);
	return memcmp(at, expected, length) == 0;
}

/* Opens a copy of what was sent to a peer, and finds the inner packet in it. */
static const uint8_t *open_down(struct traffic *traffic, const struct rte_mbuf *mbuf, uint8_t *copy,
				size_t *length)
{
	const struct esp_suite *suite = &traffic->bed->options.suite;
	uint32_t head = 8 + (uint32_t)esp_suite_iv_bytes(suite), spi;
	uint32_t tag_bytes = (uint32_t)esp_suite_tag_bytes(suite);
	uint32_t text = mbuf->data_len - 42u - head - tag_bytes;
	alignas(64) uint8_t key[2048];
	struct esp_done done[ESP_DONE_MAX];
	uint8_t tag[ESP_TAG_BYTES_MAX];
	struct esp_job job = {.key = (struct esp_key *)(void *)key,
			      .esp = copy + 42,
			      .text_bytes = text,
			      .tag = tag};

	memcpy(copy, rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len);
	if (suite->cipher == ESP_CIPHER_NONE) {
		*length = mbuf->data_len - 14u - 28 - 6 - PPP_BYTES;
		return copy + 14 + 28 + 6 + PPP_BYTES;
	}
	memcpy(&spi, copy + 42, 4);
	bed_peer_key(traffic->bed, ntohl(spi) - PLAN_SPI_OUT_FIRST, (struct esp_key *)(void *)key);
	(void)esp_engine_submit(traffic->bed->engine, esp_suite_lane(suite), false, &job, 1, done);
	(void)esp_engine_flush(traffic->bed->engine, esp_suite_lane(suite), done);
	if (memcmp(tag, copy + 42 + head + text, tag_bytes) != 0)
		return NULL;
	*length = text - 2u - copy[42 + head + text - 2] - 8 - 6 - PPP_BYTES;
	return copy + 42 + head + 8 + 6 + PPP_BYTES;
}

bool traffic_take(struct traffic *traffic, uint32_t count, bool contents)
{
	const struct bed_queue *out = &traffic->bed->out[0];
	bool *seen;
	bool right = true;

	if (count != traffic->count)
		return false;
	memcpy(traffic->packets, out->packets, count * sizeof(*traffic->packets));
	if (!contents)
		return true;
	seen = memory_new_array(count, sizeof(*seen));
	for (uint32_t i = 0; i < count && right; i++) {
		const struct rte_mbuf *mbuf = traffic->packets[i];
		uint8_t copy[2048];
		const uint8_t *inner = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, 14);
		size_t length = mbuf->data_len - 14u;

		if (!traffic->up)
			inner = open_down(traffic, mbuf, copy, &length);
		right = inner != NULL && inner_right(traffic, inner, length, seen);
	}
	free(seen);
	return right;
}
