/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_breach.h. */
#include "store/q_breach.h"

static const struct query authors = {
	.name = "breach.authors",
	.sql = "SELECT sender, COUNT(*), CAST(SUM(CASE WHEN"
	    " type = 'm.room.encrypted' THEN 1 ELSE 0 END) AS BIGINT),"
	    " MIN(ts), MAX(ts) FROM event WHERE room = $1 AND seq >= $2"
	    " AND seq <= $3 GROUP BY sender",
};

QUERIES(q_breach, &authors)

bool
breach_authors(struct db *db, int64_t room, int64_t first, int64_t last,
    void (*take)(void *arg, const struct breach_author *x), void *arg,
    struct err *e)
{
	struct rows r;

	if (!db_query(db, &authors, V(v_int(room), v_int(first), v_int(last)),
	    &r, e))
		return false;
	while (db_next(&r)) {
		struct breach_author x = { db_peek(&r, 0), db_int(&r, 1),
		    db_int(&r, 2), db_int(&r, 3), db_int(&r, 4) };

		take(arg, &x);
	}
	return db_done(&r, e);
}
