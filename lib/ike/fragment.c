/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fragments of ISAKMP messages (payload 132, Microsoft's and Cisco's extension): for certificates,
 * where IP fragments do not come through. Only of a negotiation whose both cookies are known, so
 * that whoever sends them received our answer.
 */

#include "base/cursor.h"
#include "base/memory.h"
#include "ike/engine.h"

#include <stdlib.h>

#define FRAGMENTS_MAX           32                /* of one message */
#define FRAGMENT_BYTES_IN_ALL   (4 * 1024 * 1024) /* of all negotiations together */
#define FRAGMENT_BYTES_SOURCE   (2 * 1024 * 1024) /* of those of one address */
#define FRAGMENT_FLAG_LAST      1
#define FRAGMENT_PAYLOAD_BYTES  8 /* generic header, id, number, flags */
#define FRAGMENT_OVERHEAD_BYTES (20 + 8 + 4 + ISAKMP_HEADER_BYTES + FRAGMENT_PAYLOAD_BYTES)
#define PACKET_BYTES            1280
#define PACKET_BYTES_REPEATED   576 /* what every path carries */

/* The pieces of one message. */
struct fragments {
	struct source *source;
	uint16_t id;
	uint8_t last; /* number of the last one; 0: not known yet */
	uint8_t count;
	size_t bytes;
	struct digest_part part[FRAGMENTS_MAX]; /* owned; number 1 is the first */
};

/* A fragment payload. */
struct fragment {
	uint16_t id;
	uint8_t number;
	bool last;
	struct digest_part data;
};

void fragments_free(struct ike *ike, struct fragments **fragments)
{
	if (*fragments == NULL)
		return;
	for (size_t i = 0; i < FRAGMENTS_MAX; i++)
		part_free(&(*fragments)->part[i]);
	ike->fragment_bytes -= (*fragments)->bytes;
	(*fragments)->source->fragment_bytes -= (*fragments)->bytes;
	(*fragments)->source->reassemblies--;
	source_put(ike, (*fragments)->source);
	free(*fragments);
	*fragments = NULL;
}

static bool fragment_read(const struct packet *packet, struct fragment *fragment)
{
	struct cursor c = cursor_over(packet->bytes + ISAKMP_HEADER_BYTES,
				      packet->length - ISAKMP_HEADER_BYTES);
	size_t length;

	cursor_skip(&c, 2);
	length = cursor_u16(&c);
	fragment->id = cursor_u16(&c);
	fragment->number = cursor_u8(&c);
	fragment->last = cursor_u8(&c) & FRAGMENT_FLAG_LAST;
	if (cursor_failed(&c) || length <= FRAGMENT_PAYLOAD_BYTES)
		return false;
	fragment->data.length = length - FRAGMENT_PAYLOAD_BYTES;
	fragment->data.bytes = cursor_bytes(&c, fragment->data.length);
	return fragment->data.bytes != NULL && fragment->number != 0 &&
	       fragment->number <= FRAGMENTS_MAX;
}

/* Keeps a piece that is new and fits; false if it is to be dropped. */
static bool fragment_keep(struct ike *ike, struct fragments *fragments,
			  const struct fragment *fragment)
{
	struct digest_part *part = &fragments->part[fragment->number - 1];

	if (part->bytes != NULL || fragments->bytes + fragment->data.length > PACKET_BYTES_MAX ||
	    ike->fragment_bytes + fragment->data.length > FRAGMENT_BYTES_IN_ALL ||
	    fragments->source->fragment_bytes + fragment->data.length > FRAGMENT_BYTES_SOURCE ||
	    (fragments->last != 0 && (fragment->last || fragment->number > fragments->last)))
		return false;
	for (size_t i = fragment->number; fragment->last && i < FRAGMENTS_MAX; i++)
		if (fragments->part[i].bytes != NULL)
			return false;
	*part = part_copy(&fragment->data);
	fragments->bytes += part->length;
	fragments->source->fragment_bytes += part->length;
	ike->fragment_bytes += part->length;
	fragments->count++;
	if (fragment->last)
		fragments->last = fragment->number;
	return true;
}

/* All pieces in a row; the number of bytes. */
static size_t join(const struct fragments *fragments, uint8_t *bytes)
{
	size_t used = 0;

	for (size_t i = 0; i < fragments->last; i++) {
		memcpy(bytes + used, fragments->part[i].bytes, fragments->part[i].length);
		used += fragments->part[i].length;
	}
	return used;
}

/* A whole message takes the fragments' place, if it belongs to the same negotiation. */
static bool packet_whole(struct ike *ike, struct packet *packet, const uint8_t *bytes,
			 size_t length)
{
	struct isakmp_header header;

	if (isakmp_header_read(bytes, length, &header) != 0 || header.length != length ||
	    header.version >> 4 != 1 || header.exchange != packet->header.exchange ||
	    header.next_payload == ISAKMP_PAYLOAD_FRAGMENT ||
	    header.initiator_cookie != packet->header.initiator_cookie ||
	    header.responder_cookie != packet->header.responder_cookie)
		return false;
	packet->header = header;
	packet->bytes = bytes;
	packet->length = length;
	packet->hash = table_hash(&ike->hash_key, bytes, length) | 1;
	return true;
}

/* Large is what carries certificates, main mode 5: who may send it has received two messages of ours. */
static bool large_message_due(const struct sa *sa)
{
	return sa->state == MAIN_MODE_SENT_4 || sa->state == MAIN_MODE_VERIFYING ||
	       sa->state == MAIN_MODE_ESTABLISHED;
}

bool fragment_take(struct ike *ike, struct packet *packet, uint8_t whole[PACKET_BYTES_MAX])
{
	struct sa *sa =
		sa_find(ike, packet->header.initiator_cookie, packet->header.responder_cookie);
	struct fragment fragment;
	struct main_mode *mode;
	size_t length;

	if (sa == NULL || sa->main_mode == NULL || !large_message_due(sa) ||
	    !sa->main_mode->vendor.fragmentation || !fragment_read(packet, &fragment)) {
		ike_count(ike, IKE_COUNTER_bad_fragments);
		return false;
	}
	mode = sa->main_mode;
	if (mode->fragments != NULL && mode->fragments->id != fragment.id)
		fragments_free(ike, &mode->fragments); /* sent anew, cut otherwise */
	if (mode->fragments == NULL) {
		mode->fragments = memory_new(sizeof(*mode->fragments));
		mode->fragments->id = fragment.id;
		mode->fragments->source = source_get(ike, &packet->path->remote);
		mode->fragments->source->reassemblies++;
	}
	if (!fragment_keep(ike, mode->fragments, &fragment)) {
		ike_count(ike, IKE_COUNTER_bad_fragments);
		return false;
	}
	ike_count(ike, IKE_COUNTER_fragments);
	if (mode->fragments->count != mode->fragments->last)
		return false;
	length = join(mode->fragments, whole);
	report_step(sa, packet->path, true, "fragments", "%u fragments, %zu bytes together",
		    mode->fragments->count, length);
	fragments_free(ike, &mode->fragments);
	mode->fragments_came = true;
	if (packet_whole(ike, packet, whole, length))
		return true;
	ike_count(ike, IKE_COUNTER_bad_fragments);
	return false;
}

static void fragment_send(const struct sa *sa, const struct ike_path *path,
			  const struct fragment *fragment, const uint8_t *message)
{
	uint8_t bytes[PACKET_BYTES];
	struct writer w = writer_over(bytes, sizeof(bytes));

	writer_bytes(&w, message, ISAKMP_HEADER_BYTES);
	writer_u16(&w, 0);
	writer_u16(&w, (uint16_t)(FRAGMENT_PAYLOAD_BYTES + fragment->data.length));
	writer_u16(&w, fragment->id);
	writer_u8(&w, fragment->number);
	writer_u8(&w, fragment->last ? FRAGMENT_FLAG_LAST : 0);
	writer_bytes(&w, fragment->data.bytes, fragment->data.length);
	writer_patch_u32(&w, 24, (uint32_t)writer_length(&w));
	bytes[16] = ISAKMP_PAYLOAD_FRAGMENT;
	bytes[19] = 0; /* the pieces are not encrypted once more */
	report_send(sa->ike, sa, path, false, bytes, writer_length(&w));
}

bool fragments_send(const struct sa *sa, const struct ike_path *path, const uint8_t *bytes,
		    size_t length, bool repeated)
{
	const struct main_mode *mode = sa->main_mode;
	size_t room = (repeated ? PACKET_BYTES_REPEATED : PACKET_BYTES) - FRAGMENT_OVERHEAD_BYTES;
	size_t most = PACKET_BYTES - FRAGMENT_OVERHEAD_BYTES;
	struct fragment fragment = {.id = repeated ? 2 : 1};

	if (length <= most + FRAGMENT_PAYLOAD_BYTES ||
	    !(mode->vendor.fragmentation_word || mode->fragments_came))
		return false;
	for (size_t used = 0; used < length; used += fragment.data.length) {
		size_t left = length - used;

		fragment.number++;
		fragment.data = (struct digest_part){bytes + used, left < room ? left : room};
		fragment.last = left <= room;
		fragment_send(sa, path, &fragment, bytes);
	}
	return true;
}
