/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/private.h"

void dial_failed(struct control *control, enum log_topic topic, explain_dial dial, enum cause cause,
		 const struct endpoint *peer, const char *user, const char *detail)
{
	char text[ENDPOINT_TEXT_BYTES];

	control->dials_failed++;
	log_warning(control->log, topic, "dial failed: %s peer=%s%s%s%s cause=%s%s%s%s",
		    cause_text(cause), endpoint_text(peer, text), user != NULL ? " user=\"" : "",
		    user != NULL ? user : "", user != NULL ? "\"" : "", cause_name(cause),
		    detail[0] != '\0' ? " detail=\"" : "", detail, detail[0] != '\0' ? "\"" : "");
	explain_end(control->explain, dial, cause, detail, loop_now_ms(control->loop));
	event_write(control, "dial_failed", peer, user, cause_text(cause));
}
