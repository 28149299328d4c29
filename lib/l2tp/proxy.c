/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/proxy.h"

#include "base/memory.h"
#include "l2tp/avp.h"

#include <stdlib.h>

static size_t values_bytes(const struct message *iccn)
{
	return cursor_left(&iccn->lcp_last_sent) + cursor_left(&iccn->lcp_last_received) +
	       cursor_left(&iccn->proxy_name) + cursor_left(&iccn->proxy_challenge) +
	       cursor_left(&iccn->proxy_response);
}

/* One of the two says nothing: what the other end agreed to is not known. */
static bool lcp_known(const struct message *iccn)
{
	return message_has(iccn, AVP_LCP_LAST_SENT) && message_has(iccn, AVP_LCP_LAST_RECEIVED);
}

size_t l2tp_proxy_bytes(const struct message *iccn)
{
	return lcp_known(iccn) ? sizeof(struct l2tp_proxy) + values_bytes(iccn) : 0;
}

/* Moves the bytes of a value behind those that were kept before. */
static void value_keep(struct writer *w, struct l2tp_proxy_value *value)
{
	const uint8_t *bytes = w->start + writer_length(w);

	writer_bytes(w, value->bytes, value->length);
	value->bytes = bytes;
}

/* `room` has the bytes of all values behind it. */
static struct l2tp_proxy *values_keep(struct l2tp_proxy *room, const struct l2tp_proxy *proxy,
				      size_t bytes)
{
	struct writer w = writer_over(room + 1, bytes);

	*room = *proxy;
	value_keep(&w, &room->lcp_sent);
	value_keep(&w, &room->lcp_received);
	value_keep(&w, &room->name);
	value_keep(&w, &room->challenge);
	value_keep(&w, &room->response);
	return room;
}

static struct l2tp_proxy_value value_of(struct cursor value)
{
	uint16_t length = (uint16_t)cursor_left(&value);

	return (struct l2tp_proxy_value){length, cursor_bytes(&value, length)};
}

const struct l2tp_proxy *l2tp_proxy_take(const struct message *iccn, void *room)
{
	const struct l2tp_proxy proxy = {
		.lcp_sent = value_of(iccn->lcp_last_sent),
		.lcp_received = value_of(iccn->lcp_last_received),
		.type = iccn->proxy_type,
		.identifier = iccn->proxy_identifier,
		.name = value_of(iccn->proxy_name),
		.challenge = value_of(iccn->proxy_challenge),
		.response = value_of(iccn->proxy_response),
	};

	return lcp_known(iccn) ? values_keep(room, &proxy, values_bytes(iccn)) : NULL;
}

/* ---- where we are the LAC ---- */

static size_t proxy_bytes(const struct l2tp_proxy *proxy)
{
	return (size_t)proxy->lcp_sent.length + proxy->lcp_received.length + proxy->name.length +
	       proxy->challenge.length + proxy->response.length;
}

struct l2tp_proxy *l2tp_proxy_copy(const struct l2tp_proxy *proxy)
{
	size_t bytes = proxy_bytes(proxy);

	return bytes <= L2TP_PROXY_BYTES_MAX
		       ? values_keep(memory_new(sizeof(*proxy) + bytes), proxy, bytes)
		       : NULL;
}

void l2tp_proxy_free(struct l2tp_proxy *proxy)
{
	if (proxy != NULL)
		memory_wipe(proxy, sizeof(*proxy) + proxy_bytes(proxy));
	free(proxy);
}

static void value_write(struct writer *w, unsigned attribute, const struct l2tp_proxy_value *value)
{
	if (value->length != 0)
		l2tp_avp_write_bytes(w, attribute, false, value->bytes, value->length);
}

void l2tp_proxy_write(struct writer *w, const struct l2tp_proxy *proxy)
{
	l2tp_avp_write_bytes(w, AVP_LCP_LAST_SENT, false, proxy->lcp_sent.bytes,
			     proxy->lcp_sent.length);
	l2tp_avp_write_bytes(w, AVP_LCP_LAST_RECEIVED, false, proxy->lcp_received.bytes,
			     proxy->lcp_received.length);
	if (proxy->type == L2TP_PROXY_ABSENT)
		return;
	l2tp_avp_write_u16(w, AVP_PROXY_TYPE, false, proxy->type);
	value_write(w, AVP_PROXY_NAME, &proxy->name);
	value_write(w, AVP_PROXY_CHALLENGE, &proxy->challenge);
	l2tp_avp_write_u16(w, AVP_PROXY_IDENTIFIER, false, proxy->identifier);
	value_write(w, AVP_PROXY_RESPONSE, &proxy->response);
}
