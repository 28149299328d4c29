/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/message.h"

#include "l2tp/avp.h"

#include <errno.h>

#define HEADER_TYPE     0x8000
#define HEADER_LENGTH   0x4000
#define HEADER_SEQUENCE 0x0800
#define HEADER_OFFSET   0x0200
#define HEADER_PRIORITY 0x0100
#define HEADER_VERSION  0x000f
#define HEADER_FIXED \
	(HEADER_TYPE | HEADER_LENGTH | HEADER_SEQUENCE | HEADER_OFFSET | HEADER_PRIORITY)
#define HEADER_CONTROL (HEADER_TYPE | HEADER_LENGTH | HEADER_SEQUENCE)

int l2tp_message_header_parse(const uint8_t *bytes, size_t length, struct message_header *header,
			      struct cursor *body)
{
	struct cursor c = cursor_over(bytes, length);
	uint16_t flags = cursor_u16(&c);
	uint16_t total = cursor_u16(&c);

	if (cursor_failed(&c))
		return -EBADMSG;
	if ((flags & HEADER_VERSION) != 2)
		return -EPROTONOSUPPORT;
	if ((flags & HEADER_FIXED) != HEADER_CONTROL || total < MESSAGE_HEADER_BYTES ||
	    total > length || total > MESSAGE_BYTES_MAX)
		return -EBADMSG;
	header->tunnel = cursor_u16(&c);
	header->session = cursor_u16(&c);
	header->ns = cursor_u16(&c);
	header->nr = cursor_u16(&c);
	*body = cursor_child(&c, (size_t)total - MESSAGE_HEADER_BYTES);
	return cursor_failed(&c) ? -EBADMSG : 0;
}

static int message_type_parse(struct cursor *body, struct message *message)
{
	struct avp avp;

	if (l2tp_avp_next(body, &avp) != 0 || avp.vendor != 0 ||
	    avp.attribute != AVP_MESSAGE_TYPE || avp.hidden || cursor_left(&avp.value) != 2)
		return -EBADMSG;
	message->type = cursor_u16(&avp.value);
	message->type_mandatory = avp.mandatory;
	message->present = 1;
	return 0;
}

int l2tp_message_parse(struct cursor body, struct secret secret, struct message *message)
{
	struct avp_secret hiding = {.secret = secret};
	struct avp avp;

	memset(message, 0, offsetof(struct message, revealed));
	if (message_type_parse(&body, message) != 0)
		return -EBADMSG;
	while (cursor_more(&body)) {
		if (l2tp_avp_next(&body, &avp) != 0)
			return -EBADMSG;
		l2tp_avp_take(&avp, &hiding, message);
	}
	return cursor_finished(&body) ? 0 : -EBADMSG;
}

void l2tp_message_begin(struct writer *w, enum message_type type, uint16_t tunnel, uint16_t session)
{
	writer_u16(w, HEADER_CONTROL | 2);
	writer_u16(w, 0);
	writer_u16(w, tunnel);
	writer_u16(w, session);
	writer_zeroes(w, 4);
	if (type != MESSAGE_ZLB)
		l2tp_avp_write_u16(w, AVP_MESSAGE_TYPE, true, (uint16_t)type);
}

bool l2tp_message_end(struct writer *w, uint16_t ns, uint16_t nr)
{
	writer_patch_u16(w, 2, (uint16_t)writer_length(w));
	writer_patch_u16(w, 8, ns);
	writer_patch_u16(w, 10, nr);
	return !writer_failed(w);
}

void l2tp_message_number(uint8_t *bytes, size_t length, uint16_t ns, uint16_t nr)
{
	struct writer w = writer_over(bytes, length);

	writer_reserve(&w, MESSAGE_HEADER_BYTES);
	writer_patch_u16(&w, 8, ns);
	writer_patch_u16(&w, 10, nr);
}

struct message_text {
	const char *name;
	const char *meaning;
};

static const struct message_text texts[] = {
	[MESSAGE_ZLB] = {"ZLB", "acknowledges"},
	[MESSAGE_SCCRQ] = {"SCCRQ", "asks for a tunnel"},
	[MESSAGE_SCCRP] = {"SCCRP", "agrees to the tunnel"},
	[MESSAGE_SCCCN] = {"SCCCN", "the tunnel is up"},
	[MESSAGE_STOPCCN] = {"StopCCN", "ends the tunnel"},
	[MESSAGE_HELLO] = {"HELLO", "asks whether the other end lives"},
	[MESSAGE_OCRQ] = {"OCRQ", "asks for an outgoing call"},
	[MESSAGE_OCRP] = {"OCRP", "agrees to an outgoing call"},
	[MESSAGE_OCCN] = {"OCCN", "the outgoing call is up"},
	[MESSAGE_ICRQ] = {"ICRQ", "asks for a session"},
	[MESSAGE_ICRP] = {"ICRP", "agrees to the session"},
	[MESSAGE_ICCN] = {"ICCN", "the session is up"},
	[MESSAGE_CDN] = {"CDN", "ends the session"},
	[MESSAGE_WEN] = {"WEN", "reports line errors"},
	[MESSAGE_SLI] = {"SLI", "sets PPP link information"},
};

const char *l2tp_message_name(unsigned type)
{
	if (type >= sizeof(texts) / sizeof(texts[0]) || texts[type].name == NULL)
		return "unknown";
	return texts[type].name;
}

const char *l2tp_message_meaning(unsigned type)
{
	if (type >= sizeof(texts) / sizeof(texts[0]) || texts[type].meaning == NULL)
		return "";
	return texts[type].meaning;
}
