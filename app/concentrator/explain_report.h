/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONCENTRATOR_EXPLAIN_REPORT_H
#define CONCENTRATOR_EXPLAIN_REPORT_H

/* A dial as `explain` prints it. */

#include "explain/explain.h"

#include <jansson.h>

/* Its steps, and, once it is over, why, the cause and the cure. `more`: how many others there are. */
json_t *explain_report(const struct explain *explain, explain_dial dial, uint32_t more);

/* Its line in the list of dials. */
json_t *explain_report_row(const struct explain_view *view);

#endif
