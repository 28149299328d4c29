/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike/notification.h"

#include "ike/isakmp.h"

#include <stdio.h>

static const struct {
	const char *name;
	enum cause cause;
} errors[] = {
	[1] = {"INVALID-PAYLOAD-TYPE", CAUSE_peer_refused_message},
	[2] = {"DOI-NOT-SUPPORTED", CAUSE_peer_refused_message},
	[3] = {"SITUATION-NOT-SUPPORTED", CAUSE_peer_refused_message},
	[4] = {"INVALID-COOKIE", CAUSE_peer_forgot_negotiation},
	[5] = {"INVALID-MAJOR-VERSION", CAUSE_peer_refused_message},
	[6] = {"INVALID-MINOR-VERSION", CAUSE_peer_refused_message},
	[7] = {"INVALID-EXCHANGE-TYPE", CAUSE_peer_refused_message},
	[8] = {"INVALID-FLAGS", CAUSE_peer_refused_message},
	[9] = {"INVALID-MESSAGE-ID", CAUSE_peer_refused_message},
	[10] = {"INVALID-PROTOCOL-ID", CAUSE_peer_refused_proposal},
	[11] = {"INVALID-SPI", CAUSE_peer_forgot_negotiation},
	[12] = {"INVALID-TRANSFORM-ID", CAUSE_peer_refused_proposal},
	[13] = {"ATTRIBUTES-NOT-SUPPORTED", CAUSE_peer_refused_proposal},
	[14] = {"NO-PROPOSAL-CHOSEN", CAUSE_peer_refused_proposal},
	[15] = {"BAD-PROPOSAL-SYNTAX", CAUSE_peer_refused_proposal},
	[16] = {"PAYLOAD-MALFORMED", CAUSE_peer_refused_proof},
	[17] = {"INVALID-KEY-INFORMATION", CAUSE_peer_refused_proof},
	[18] = {"INVALID-ID-INFORMATION", CAUSE_peer_refused_identity},
	[19] = {"INVALID-CERT-ENCODING", CAUSE_peer_refused_certificate},
	[20] = {"INVALID-CERTIFICATE", CAUSE_peer_refused_certificate},
	[21] = {"CERT-TYPE-UNSUPPORTED", CAUSE_peer_refused_certificate},
	[22] = {"INVALID-CERT-AUTHORITY", CAUSE_peer_refused_certificate},
	[23] = {"INVALID-HASH-INFORMATION", CAUSE_peer_refused_proof},
	[24] = {"AUTHENTICATION-FAILED", CAUSE_peer_refused_proof},
	[25] = {"INVALID-SIGNATURE", CAUSE_peer_refused_proof},
	[26] = {"ADDRESS-NOTIFICATION", CAUSE_peer_refused_message},
	[27] = {"NOTIFY-SA-LIFETIME", CAUSE_peer_refused_proposal},
	[28] = {"CERTIFICATE-UNAVAILABLE", CAUSE_peer_refused_certificate},
	[29] = {"UNSUPPORTED-EXCHANGE-TYPE", CAUSE_peer_refused_message},
	[30] = {"UNEQUAL-PAYLOAD-LENGTHS", CAUSE_peer_refused_message},
};

#define ERRORS (sizeof(errors) / sizeof(errors[0]))

static const struct {
	uint16_t type;
	const char *name;
} statuses[] = {
	{16384, "CONNECTED"},       {24576, "RESPONDER-LIFETIME"}, {24577, "REPLAY-STATUS"},
	{24578, "INITIAL-CONTACT"}, {36136, "R-U-THERE"},          {36137, "R-U-THERE-ACK"},
};

const char *notification_name(uint16_t type, char name[NOTIFICATION_NAME_BYTES])
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].type == type)
			return statuses[i].name;
	if (type < ERRORS && errors[type].name != NULL)
		return errors[type].name;
	snprintf(name, NOTIFICATION_NAME_BYTES, "notification %u", type);
	return name;
}

enum cause notification_cause(uint16_t type)
{
	if (type < ERRORS && errors[type].name != NULL)
		return errors[type].cause;
	return CAUSE_peer_refused_message;
}
