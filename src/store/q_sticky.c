/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_sticky.h. */
#include "store/q_sticky.h"

static const struct query insert = {
	.name = "sticky.insert",
	.sql = "INSERT INTO sticky_event (event, room, pos, until_ms)"
	    " VALUES ($1, $2, $3, $4)",
};
static const struct query list = {
	.name = "sticky.list",
	.sql = "SELECT event FROM sticky_event WHERE room = $1 AND pos > $2"
	    " AND pos <= $3 AND until_ms > $4 ORDER BY pos LIMIT $5",
};
static const struct query last = {
	.name = "sticky.last",
	.sql = "SELECT COALESCE(MAX(until_ms), 0) FROM sticky_event",
};
static const struct query sweep = {
	.name = "sticky.sweep",
	.sql = "DELETE FROM sticky_event WHERE until_ms < $1",
};

QUERIES(q_sticky, &insert, &list, &last, &sweep)

bool
sticky_insert(struct db *db, int64_t event, int64_t room, int64_t pos,
    int64_t until_ms, struct err *e)
{
	return db_exec(db, &insert, V(v_int(event), v_int(room), v_int(pos),
	    v_int(until_ms)), e);
}

bool
sticky_list(struct db *db, struct arena *a, int64_t room, int64_t after,
    int64_t upto, int64_t now_ms, size_t max, int64_t **out, size_t *n,
    struct err *e)
{
	int64_t *at = arena_array(a, int64_t, max);
	size_t got = 0;
	struct rows r;

	if (!db_query(db, &list, V(v_int(room), v_int(after), v_int(upto),
	    v_int(now_ms), v_int((int64_t)max)), &r, e))
		return false;
	while (got < max && db_next(&r))
		at[got++] = db_int(&r, 0);
	*out = at;
	*n = got;
	return db_done(&r, e);
}

bool
sticky_last(struct db *db, int64_t *until_ms, struct err *e)
{
	*until_ms = 0;
	return db_one_int(db, &last, V0, until_ms, NULL, e);
}

bool
sticky_sweep(struct db *db, int64_t now_ms, struct err *e)
{
	return db_exec(db, &sweep, V(v_int(now_ms)), e);
}
