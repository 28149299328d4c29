/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/esp_out.h"

void esp_out_complete(struct worker *w, struct vector *packets)
{
	struct vector out = {.count = 0};

	watch_vector(w, packets, WATCH_POINT_encrypted);
	for (unsigned i = 0; i < packets->count; i++) {
		struct rte_mbuf *mbuf = packets->packets[i];
		struct sa *sa = packet_of(mbuf)->sa;

		if (__builtin_expect(sa->group->limited, 0) &&
		    !roaming_spend(sa->group, mbuf->data_len)) {
			drop_packet(w, mbuf, DROP_unproven_endpoint_limit);
		} else {
			esp_outer_push(w, mbuf, sa);
			vector_add(&out, mbuf);
		}
		if (--sa->jobs == 0 && sa->removing)
			inbox_sa_idle(w, sa);
	}
	outer_stage(w, &out);
}
