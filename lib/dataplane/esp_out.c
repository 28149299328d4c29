/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/esp_out.h"

void esp_out_complete(struct worker *w, struct vector *packets)
{
	for (unsigned i = 0; i < packets->count; i++) {
		struct sa *sa = packet_of(packets->packets[i])->sa;

		esp_outer_push(w, packets->packets[i], sa);
		if (--sa->jobs == 0 && sa->removing)
			inbox_sa_idle(w, sa);
	}
	outer_stage(w, packets);
}
