/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What users report to the administrators, kept until it was dealt with.
 * spec: client-server, "Reporting Content".
 */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "core/room.h"
#include "store/q_report.h"

#define REPORTS_A_DAY 200		/* of one user */
#define REPORT_REASON_MAX 4096

/*
 * Keeps a report of the actor; id, reporter and time are filled in.
 * errors  M_LIMIT_EXCEEDED 429 more than REPORTS_A_DAY
 */
bool report_add(struct ctx *c, struct report_row *x) MUST_CHECK;
/* Removes one that was dealt with. errors M_NOT_FOUND 404 */
bool report_remove(struct ctx *c, struct str kind, int64_t id) MUST_CHECK;

#endif
