/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_accdata.h. */
#include "store/q_accdata.h"

static const struct query put = {
	.name = "account_data.put",
	.sql = "INSERT INTO account_data (user_id, room, type, content, pos)"
	    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, room, type)"
	    " DO UPDATE SET content = excluded.content, pos = excluded.pos",
};
static const struct query get = {
	.name = "account_data.get",
	.sql = "SELECT content FROM account_data WHERE user_id = $1"
	    " AND room = $2 AND type = $3",
};
static const struct query since_pos = {
	.name = "account_data.since",
	.sql = "SELECT room, type, content, pos FROM account_data"
	    " WHERE user_id = $1 AND pos > $2 ORDER BY pos",
};
static const struct query rules_get = {
	.name = "push_rules.get",
	.sql = "SELECT stored, pos FROM push_rules WHERE user_id = $1",
};
static const struct query rules_put = {
	.name = "push_rules.put",
	.sql = "INSERT INTO push_rules (user_id, stored, pos)"
	    " VALUES ($1, $2, $3) ON CONFLICT (user_id)"
	    " DO UPDATE SET stored = excluded.stored, pos = excluded.pos",
};
static const struct query filter_get = {
	.name = "sync_filter.get",
	.sql = "SELECT body FROM sync_filter WHERE user_id = $1 AND id = $2",
};
static const struct query filter_same = {
	.name = "sync_filter.same",
	.sql = "SELECT id FROM sync_filter WHERE user_id = $1 AND body = $2",
};
static const struct query filter_last = {
	.name = "sync_filter.last",
	.sql = "SELECT COALESCE(MAX(id), 0) FROM sync_filter"
	    " WHERE user_id = $1",
};
static const struct query filter_add = {
	.name = "sync_filter.add",
	.sql = "INSERT INTO sync_filter (user_id, id, body)"
	    " VALUES ($1, $2, $3)",
};

QUERIES(q_accdata, &put, &get, &since_pos, &rules_get, &rules_put,
    &filter_get, &filter_same, &filter_last, &filter_add)

bool
accdata_put(struct db *db, struct str user, const struct accdata *x,
    struct err *e)
{
	return db_exec(db, &put, V(v_str(user), v_int(x->room),
	    v_str(x->type), v_str(x->content), v_int(x->pos)), e);
}

struct take {
	struct arena *a;
	struct str *text;
	int64_t *pos;
};

static void
take_text(struct rows *r, void *arg)
{
	struct take *t = arg;

	*t->text = db_str(r, 0, t->a);
	if (t->pos != NULL)
		*t->pos = db_int(r, 1);
}

bool
accdata_get(struct db *db, struct arena *a, struct str user, int64_t room,
    struct str type, struct str *content, struct err *e)
{
	*content = (struct str){ NULL, 0 };
	return db_one_str(db, &get, V(v_str(user), v_int(room), v_str(type)),
	    a, content, NULL, e);
}

bool
accdata_since(struct db *db, struct arena *a, struct str user, int64_t since,
    struct accdata **out, size_t *n, struct err *e)
{
	struct accdata *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &since_pos, V(v_str(user), v_int(since)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = (struct accdata){ db_int(&r, 0),
		    db_str(&r, 1, a), db_str(&r, 2, a), db_int(&r, 3) };
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
pushrules_row(struct db *db, struct arena *a, struct str user,
    struct str *stored, int64_t *pos, struct err *e)
{
	struct take t = { a, stored, pos };
	bool found;

	*stored = (struct str){ NULL, 0 };
	*pos = 0;
	return db_one(db, &rules_get, V(v_str(user)), take_text, &t, &found,
	    e);
}

bool
pushrules_row_put(struct db *db, struct str user, struct str stored,
    int64_t pos, struct err *e)
{
	return db_exec(db, &rules_put, V(v_str(user), v_str(stored),
	    v_int(pos)), e);
}

bool
filter_row_get(struct db *db, struct arena *a, struct str user, int64_t id,
    struct str *body, struct err *e)
{
	*body = (struct str){ NULL, 0 };
	return db_one_str(db, &filter_get, V(v_str(user), v_int(id)), a, body, NULL, e);
}

bool
filter_row_put(struct db *db, struct str user, struct str body, int64_t *id,
    struct err *e)
{
	bool found;

	if (!db_one_int(db, &filter_same, V(v_str(user), v_str(body)), id, &found, e))
		return false;
	if (found)
		return true;
	*id = 0;
	if (!db_one_int(db, &filter_last, V(v_str(user)), id, &found,
	    e))
		return false;
	(*id)++;
	return db_exec(db, &filter_add, V(v_str(user), v_int(*id),
	    v_str(body)), e);
}
