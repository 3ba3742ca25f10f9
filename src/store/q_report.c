/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_report.h. */
#include "store/q_report.h"

#define COLUMNS "id, kind, reporter, room_id, event_id, about, reason, score," \
	" at_ms"
/* The dialects have the search for a part of a text under two names. */
#define WHERE(find) " FROM report WHERE kind = $1" \
	" AND " find "(reporter, $2) > 0 AND " find "(room_id, $3) > 0" \
	" AND " find "(about, $4) > 0"

static const struct query insert = {
	.name = "report.insert",
	.sql = "INSERT INTO report (" COLUMNS ")"
	    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
};
static const struct query find = {
	.name = "report.find",
	.sql = "SELECT " COLUMNS " FROM report WHERE kind = $1 AND id = $2",
};
static const struct query list_back = {
	.name = "report.list_back",
	.sql = "SELECT " COLUMNS WHERE("strpos")
	    " ORDER BY id DESC LIMIT $5 OFFSET $6",
	.sqlite = "SELECT " COLUMNS WHERE("instr")
	    " ORDER BY id DESC LIMIT $5 OFFSET $6",
};
static const struct query list_forward = {
	.name = "report.list_forward",
	.sql = "SELECT " COLUMNS WHERE("strpos")
	    " ORDER BY id LIMIT $5 OFFSET $6",
	.sqlite = "SELECT " COLUMNS WHERE("instr")
	    " ORDER BY id LIMIT $5 OFFSET $6",
};
static const struct query total_of = {
	.name = "report.total",
	.sql = "SELECT COUNT(*)" WHERE("strpos"),
	.sqlite = "SELECT COUNT(*)" WHERE("instr"),
};
static const struct query delete = {
	.name = "report.delete",
	.sql = "DELETE FROM report WHERE kind = $1 AND id = $2",
};
static const struct query count = {
	.name = "report.count",
	.sql = "SELECT COUNT(*) FROM report WHERE reporter = $1"
	    " AND at_ms >= $2",
};

QUERIES(q_report, &insert, &find, &list_back, &list_forward, &total_of,
    &delete, &count)

bool
report_insert(struct db *db, const struct report_row *x, struct err *e)
{
	return db_exec(db, &insert, V(v_int(x->id), v_str(x->kind),
	    v_str(x->reporter), v_str(x->room_id), v_str(x->event_id),
	    v_str(x->about), x->has_reason ? v_str(x->reason) : v_null(),
	    x->has_score ? v_int(x->score) : v_null(), v_int(x->at_ms)), e);
}

static void
read_row(struct rows *r, struct arena *a, struct report_row *x)
{
	*x = (struct report_row){
		.id = db_int(r, 0), .kind = db_str(r, 1, a),
		.reporter = db_str(r, 2, a), .room_id = db_str(r, 3, a),
		.event_id = db_str(r, 4, a), .about = db_str(r, 5, a),
		.has_reason = !db_null(r, 6), .reason = db_str(r, 6, a),
		.has_score = !db_null(r, 7), .score = db_int(r, 7),
		.at_ms = db_int(r, 8),
	};
}

struct take {
	struct arena *a;
	struct report_row *out;
};

static void
take_row(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_row(r, t->a, t->out);
}

bool
report_find(struct db *db, struct arena *a, struct str kind, int64_t id,
    struct report_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &find, V(v_str(kind), v_int(id)), take_row, &t,
	    found, e);
}

bool
report_list(struct db *db, struct arena *a, const struct report_ask *ask,
    struct report_row **out, size_t *n, int64_t *total, struct err *e)
{
	struct report_row *at = arena_array(a, struct report_row,
	    (size_t)ask->limit);
	size_t got = 0;
	struct rows r;
	bool found;

	if (!db_one_int(db, &total_of, V(v_str(ask->kind), v_str(ask->reporter),
	    v_str(ask->room_id), v_str(ask->about)), total, &found,
	    e) || !db_query(db, ask->back ? &list_back : &list_forward,
	    V(v_str(ask->kind), v_str(ask->reporter), v_str(ask->room_id),
	    v_str(ask->about), v_int(ask->limit), v_int(ask->from)), &r, e))
		return false;
	while (got < (size_t)ask->limit && db_next(&r))
		read_row(&r, a, &at[got++]);
	*out = at;
	*n = got;
	return db_done(&r, e);
}

bool
report_delete(struct db *db, struct str kind, int64_t id, bool *was_there,
    struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &delete, V(v_str(kind), v_int(id)), &n, e))
		return false;
	*was_there = n > 0;
	return true;
}

bool
report_count(struct db *db, struct str reporter, int64_t since_ms, int64_t *n,
    struct err *e)
{
	return db_one_int(db, &count, V(v_str(reporter), v_int(since_ms)), n, NULL, e);
}
