/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_destination.h. */
#include "store/q_destination.h"

#define COLUMNS "kind, name, failures, first_failed_ms, retry_ms"

static const struct query put = {
	.name = "destination.put",
	.sql = "INSERT INTO destination (" COLUMNS ")"
	    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kind, name) DO UPDATE"
	    " SET failures = excluded.failures, retry_ms = excluded.retry_ms,"
	    " first_failed_ms = excluded.first_failed_ms",
};
static const struct query get = {
	.name = "destination.get",
	.sql = "SELECT " COLUMNS " FROM destination WHERE kind = $1"
	    " AND name = $2",
};
static const struct query del = {
	.name = "destination.delete",
	.sql = "DELETE FROM destination WHERE kind = $1 AND name = $2",
};
static const struct query list = {
	.name = "destination.list",
	.sql = "SELECT " COLUMNS " FROM destination WHERE kind = $1"
	    " AND name > $2 ORDER BY name LIMIT $3",
};

QUERIES(q_destination, &put, &get, &del, &list)

bool
destination_put(struct db *db, const struct destination *x, struct err *e)
{
	return db_exec(db, &put, V(v_str(x->kind), v_str(x->name),
	    v_int(x->failures), v_int(x->first_failed_ms),
	    v_int(x->retry_ms)), e);
}

static void
read_row(struct rows *r, struct arena *a, struct destination *x)
{
	*x = (struct destination){
		.kind = db_str(r, 0, a), .name = db_str(r, 1, a),
		.failures = db_int(r, 2), .first_failed_ms = db_int(r, 3),
		.retry_ms = db_int(r, 4),
	};
}

struct take {
	struct arena *a;
	struct destination *out;
};

static void
take_row(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_row(r, t->a, t->out);
}

bool
destination_get(struct db *db, struct arena *a, struct str kind,
    struct str name, struct destination *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &get, V(v_str(kind), v_str(name)), take_row, &t,
	    found, e);
}

bool
destination_delete(struct db *db, struct str kind, struct str name,
    struct err *e)
{
	return db_exec(db, &del, V(v_str(kind), v_str(name)), e);
}

bool
destination_list(struct db *db, struct arena *a, struct str kind,
    struct str after, int64_t limit, struct destination **out, size_t *n,
    struct err *e)
{
	struct destination *at = arena_array(a, struct destination,
	    (size_t)limit);
	struct rows r;

	*out = at;
	*n = 0;
	if (!db_query(db, &list, V(v_str(kind), v_str(after), v_int(limit)),
	    &r, e))
		return false;
	while (*n < (size_t)limit && db_next(&r))
		read_row(&r, a, &at[(*n)++]);
	return db_done(&r, e);
}
