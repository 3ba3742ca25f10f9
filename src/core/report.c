/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See report.h. */
#include "core/report.h"

#include "store/stream.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

struct add {
	struct report_row *row;
	struct stream_tx tx;
};

static bool
add_body(struct db *db, void *arg, struct err *e)
{
	struct add *x = arg;
	int64_t made;

	if (!report_count(db, x->row->reporter, x->row->at_ms - DAY_MS, &made,
	    e))
		return false;
	if (made >= REPORTS_A_DAY) {
		fail(e, M_LIMIT_EXCEEDED, "At most %d reports a day",
		    REPORTS_A_DAY);
		e->retry_ms = DAY_MS / 24;
		return false;
	}
	return stream_next(db, &x->tx, &x->row->id, e) &&
	    report_insert(db, x->row, e);
}

bool
report_add(struct ctx *c, struct report_row *x)
{
	struct add add = { .row = x };
	bool ok;

	x->reporter = c->who.user;
	x->at_ms = c->now_ms;
	ok = db_transact(c->db, add_body, &add, &c->err);
	stream_end(&add.tx, NULL, NULL);
	return ok;
}

struct removal {
	struct str kind;
	int64_t id;
	bool was_there;
};

static bool
remove_body(struct db *db, void *arg, struct err *e)
{
	struct removal *x = arg;

	return report_delete(db, x->kind, x->id, &x->was_there, e);
}

bool
report_remove(struct ctx *c, struct str kind, int64_t id)
{
	struct removal x = { kind, id, false };

	if (!db_transact(c->db, remove_body, &x, &c->err))
		return false;
	return x.was_there || fail(&c->err, M_NOT_FOUND,
	    "There is no such report");
}
