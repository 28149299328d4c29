/* SPDX-License-Identifier: BSD-3-Clause */
#include "ppp/engine.h"

/* The ladder's words: each message by its RFC name. */

static const char *const lcp_messages[] = {
	"LCP",
	"LCP Configure-Request",
	"LCP Configure-Ack",
	"LCP Configure-Nak",
	"LCP Configure-Reject",
	"LCP Terminate-Request",
	"LCP Terminate-Ack",
	"LCP Code-Reject",
	"LCP Protocol-Reject",
	"LCP Echo-Request",
	"LCP Echo-Reply",
	"LCP Discard-Request",
	"LCP Identification",
	"LCP Time-Remaining",
};

static const char *const ipcp_messages[] = {
	"IPCP",
	"IPCP Configure-Request",
	"IPCP Configure-Ack",
	"IPCP Configure-Nak",
	"IPCP Configure-Reject",
	"IPCP Terminate-Request",
	"IPCP Terminate-Ack",
	"IPCP Code-Reject",
};

static const char *const pap_messages[] = {
	"PAP",
	"PAP Authenticate-Request",
	"PAP Authenticate-Ack",
	"PAP Authenticate-Nak",
};

static const char *const chap_messages[] = {
	"CHAP", "CHAP Challenge", "CHAP Response", "CHAP Success", "CHAP Failure",
};

#define NAME(table, code) ((code) < sizeof(table) / sizeof((table)[0]) ? (table)[code] : (table)[0])

const char *ppp_step_message(uint16_t protocol, uint8_t code)
{
	switch (protocol) {
	case PROTOCOL_LCP:
		return NAME(lcp_messages, code);
	case PROTOCOL_IPCP:
		return NAME(ipcp_messages, code);
	case PROTOCOL_PAP:
		return NAME(pap_messages, code);
	case PROTOCOL_CHAP:
		return NAME(chap_messages, code);
	case 0x80fd:
		return "CCP";
	case 0x8057:
		return "IPV6CP";
	default:
		return "unknown protocol";
	}
}
