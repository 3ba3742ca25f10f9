/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_pusher.h. */
#include "store/q_pusher.h"

#define USER_MAX 1000

#define COLUMNS "user_id, app_id, pushkey, device_id, kind, app_name," \
	" device_name, profile_tag, lang, data, set_ms, pos, badge," \
	" failures, retry_ms"

static const struct query put = {
	.name = "pusher.put",
	.sql = "INSERT INTO pusher (" COLUMNS ") VALUES ($1, $2, $3, $4, $5,"
	    " $6, $7, $8, $9, $10, $11, $12, -1, 0, 0)"
	    " ON CONFLICT (user_id, app_id, pushkey) DO UPDATE SET"
	    " device_id = excluded.device_id, kind = excluded.kind,"
	    " app_name = excluded.app_name, lang = excluded.lang,"
	    " device_name = excluded.device_name,"
	    " profile_tag = excluded.profile_tag, data = excluded.data,"
	    " set_ms = excluded.set_ms, failures = 0, retry_ms = 0",
};
static const struct query del = {
	.name = "pusher.delete",
	.sql = "DELETE FROM pusher WHERE user_id = $1 AND app_id = $2"
	    " AND pushkey = $3",
};
static const struct query del_elsewhere = {
	.name = "pusher.delete_elsewhere",
	.sql = "DELETE FROM pusher WHERE user_id <> $1 AND app_id = $2"
	    " AND pushkey = $3",
};
static const struct query del_others = {
	.name = "pusher.delete_others",
	.sql = "DELETE FROM pusher WHERE user_id = $1 AND device_id <> $2",
};
static const struct query of_user = {
	.name = "pusher.of_user",
	.sql = "SELECT " COLUMNS " FROM pusher WHERE user_id = $1"
	    " ORDER BY app_id, pushkey LIMIT $2",
};
static const struct query users = {
	.name = "pusher.users",
	.sql = "SELECT DISTINCT user_id FROM pusher",
};
static const struct query progress = {
	.name = "pusher.progress",
	.sql = "UPDATE pusher SET pos = $4, badge = $5, failures = $6,"
	    " retry_ms = $7 WHERE user_id = $1 AND app_id = $2"
	    " AND pushkey = $3",
};

QUERIES(q_pusher, &put, &del, &del_elsewhere, &del_others, &of_user, &users,
    &progress)

bool
pusher_put(struct db *db, const struct pusher *x, struct err *e)
{
	return db_exec(db, &put, V(v_str(x->user), v_str(x->app_id),
	    v_str(x->pushkey), v_str(x->device), v_str(x->kind),
	    v_str(x->app_name), v_str(x->device_name), v_str(x->profile_tag),
	    v_str(x->lang), v_str(x->data), v_int(x->set_ms), v_int(x->pos)),
	    e);
}

bool
pusher_delete(struct db *db, struct str user, struct str app_id,
    struct str pushkey, struct err *e)
{
	return db_exec(db, &del, V(v_str(user), v_str(app_id),
	    v_str(pushkey)), e);
}

bool
pusher_delete_elsewhere(struct db *db, struct str user, struct str app_id,
    struct str pushkey, struct err *e)
{
	return db_exec(db, &del_elsewhere, V(v_str(user), v_str(app_id),
	    v_str(pushkey)), e);
}

bool
pusher_delete_others(struct db *db, struct str user, struct str keep,
    struct err *e)
{
	return db_exec(db, &del_others, V(v_str(user), v_str(keep)), e);
}

static void
read_row(struct rows *r, struct arena *a, struct pusher *x)
{
	*x = (struct pusher){
		.user = db_str(r, 0, a), .app_id = db_str(r, 1, a),
		.pushkey = db_str(r, 2, a), .device = db_str(r, 3, a),
		.kind = db_str(r, 4, a), .app_name = db_str(r, 5, a),
		.device_name = db_str(r, 6, a),
		.profile_tag = db_str(r, 7, a), .lang = db_str(r, 8, a),
		.data = db_str(r, 9, a), .set_ms = db_int(r, 10),
		.pos = db_int(r, 11), .badge = db_int(r, 12),
		.failures = db_int(r, 13), .retry_ms = db_int(r, 14),
	};
}

bool
pushers_of_user(struct db *db, struct arena *a, struct str user,
    struct pusher **out, size_t *n, struct err *e)
{
	size_t cap = 8;
	struct rows r;

	*out = arena_array(a, struct pusher, cap);
	*n = 0;
	if (!db_query(db, &of_user, V(v_str(user), v_int(USER_MAX)), &r, e))
		return false;
	while (db_next(&r)) {
		if (*n == cap) {
			*out = arena_grow(a, *out, cap * sizeof(**out),
			    2 * cap * sizeof(**out));
			cap *= 2;
		}
		read_row(&r, a, &(*out)[(*n)++]);
	}
	return db_done(&r, e);
}

bool
pusher_users(struct db *db, void (*take)(void *arg, struct str user),
    void *arg, struct err *e)
{
	struct rows r;

	if (!db_query(db, &users, V0, &r, e))
		return false;
	while (db_next(&r))
		take(arg, db_peek(&r, 0));
	return db_done(&r, e);
}

bool
pusher_progress(struct db *db, const struct pusher *x, struct err *e)
{
	return db_exec(db, &progress, V(v_str(x->user), v_str(x->app_id),
	    v_str(x->pushkey), v_int(x->pos), v_int(x->badge),
	    v_int(x->failures), v_int(x->retry_ms)), e);
}
