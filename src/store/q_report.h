/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table report. */
#ifndef STORE_Q_REPORT_H
#define STORE_Q_REPORT_H

#include "store/db.h"

struct report_row {
	int64_t id, at_ms, score;
	bool has_reason, has_score;
	struct str kind;		/* event, room, user */
	struct str reporter, room_id, event_id, about, reason;
};

/* Which to list. Texts that are part of the column's; empty: any. */
struct report_ask {
	struct str kind, reporter, room_id, about;
	bool back;			/* newest first */
	int64_t from, limit;		/* rows to pass over, rows at most */
};

bool report_insert(struct db *db, const struct report_row *x, struct err *e) MUST_CHECK;
bool report_find(struct db *db, struct arena *a, struct str kind, int64_t id, struct report_row *out, bool *found, struct err *e) MUST_CHECK;
/* *total: all that fit, from and limit apart. */
bool report_list(struct db *db, struct arena *a, const struct report_ask *ask, struct report_row **out, size_t *n,
    int64_t *total, struct err *e) MUST_CHECK;
bool report_delete(struct db *db, struct str kind, int64_t id, bool *was_there, struct err *e) MUST_CHECK;
/* How many somebody has made since. */
bool report_count(struct db *db, struct str reporter, int64_t since_ms, int64_t *n, struct err *e) MUST_CHECK;

#endif
