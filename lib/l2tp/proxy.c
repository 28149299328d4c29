/* SPDX-License-Identifier: BSD-3-Clause */
#include "l2tp/proxy.h"

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

static struct l2tp_proxy_value value_keep(struct writer *w, struct cursor value)
{
	size_t length = cursor_left(&value);
	const uint8_t *bytes = w->start + writer_length(w);

	writer_bytes(w, cursor_bytes(&value, length), length);
	return (struct l2tp_proxy_value){(uint16_t)length, bytes};
}

const struct l2tp_proxy *l2tp_proxy_take(const struct message *iccn, void *room)
{
	struct l2tp_proxy *proxy = room;
	struct writer w;

	if (!lcp_known(iccn))
		return NULL;
	w = writer_over(proxy + 1, values_bytes(iccn));
	proxy->lcp_sent = value_keep(&w, iccn->lcp_last_sent);
	proxy->lcp_received = value_keep(&w, iccn->lcp_last_received);
	proxy->type = iccn->proxy_type;
	proxy->identifier = iccn->proxy_identifier;
	proxy->name = value_keep(&w, iccn->proxy_name);
	proxy->challenge = value_keep(&w, iccn->proxy_challenge);
	proxy->response = value_keep(&w, iccn->proxy_response);
	return proxy;
}
