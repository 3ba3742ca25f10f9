/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_meta.h. */
#include "store/q_meta.h"

static const struct query get = {
	.name = "meta.get",
	.sql = "SELECT val FROM meta WHERE key = $1",
};
static const struct query set = {
	.name = "meta.set",
	.sql = "INSERT INTO meta (key, val) VALUES ($1, $2)"
	    " ON CONFLICT (key) DO UPDATE SET val = excluded.val",
};

QUERIES(q_meta, &get, &set)

bool
meta_get(struct db *db, struct arena *a, struct str key, struct str *val,
    struct err *e)
{
	*val = (struct str){ NULL, 0 };
	return db_one_str(db, &get, V(v_str(key)), a, val, NULL, e);
}

struct pair {
	struct str key, val;
};

static bool
set_body(struct db *db, void *arg, struct err *e)
{
	const struct pair *p = arg;

	return db_exec(db, &set, V(v_str(p->key), v_str(p->val)), e);
}

bool
meta_set(struct db *db, struct str key, struct str val, struct err *e)
{
	struct pair p = { key, val };

	return db_transact(db, set_body, &p, e);
}
