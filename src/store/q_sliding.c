/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_sliding.h. */
#include "store/q_sliding.h"

static const struct query get = {
	.name = "sliding.get",
	.sql = "SELECT body FROM sliding WHERE user_id = $1"
	    " AND device_id = $2 AND conn_id = $3 AND pos = $4",
};

static const struct query put = {
	.name = "sliding.put",
	.sql = "INSERT INTO sliding (user_id, device_id, conn_id, pos, body,"
	    " at_ms) VALUES ($1, $2, $3, $4, $5, $6)"
	    " ON CONFLICT (user_id, device_id, conn_id, pos)"
	    " DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms",
};

static const struct query drop_others = {
	.name = "sliding.drop_others",
	.sql = "DELETE FROM sliding WHERE user_id = $1 AND device_id = $2"
	    " AND conn_id = $3 AND pos <> $4",
};

static const struct query trim = {
	.name = "sliding.trim",
	.sql = "DELETE FROM sliding WHERE user_id = $1 AND device_id = $2"
	    " AND conn_id NOT IN (SELECT conn_id FROM sliding"
	    " WHERE user_id = $1 AND device_id = $2 GROUP BY conn_id"
	    " ORDER BY max(at_ms) DESC, conn_id LIMIT $3)",
};

static const struct query delete_device = {
	.name = "sliding.delete_device",
	.sql = "DELETE FROM sliding WHERE user_id = $1 AND device_id = $2",
};

static const struct query sweep = {
	.name = "sliding.sweep",
	.sql = "DELETE FROM sliding WHERE at_ms < $1",
};

QUERIES(q_sliding, &get, &put, &drop_others, &trim, &delete_device, &sweep)

bool
sliding_get(struct db *db, struct arena *a, const struct sliding_row *x,
    struct str *body, struct err *e)
{
	*body = (struct str){ NULL, 0 };
	return db_one_str(db, &get, V(v_str(x->user), v_str(x->device),
	    v_str(x->conn), v_int(x->pos)), a, body, NULL, e);
}

bool
sliding_put(struct db *db, const struct sliding_row *x, struct str body,
    int64_t now_ms, struct err *e)
{
	return db_exec(db, &put, V(v_str(x->user), v_str(x->device),
	    v_str(x->conn), v_int(x->pos), v_str(body), v_int(now_ms)), e);
}

bool
sliding_drop_others(struct db *db, const struct sliding_row *x, struct err *e)
{
	return db_exec(db, &drop_others, V(v_str(x->user), v_str(x->device),
	    v_str(x->conn), v_int(x->pos)), e);
}

bool
sliding_trim(struct db *db, const struct sliding_row *x, int64_t keep,
    struct err *e)
{
	return db_exec(db, &trim, V(v_str(x->user), v_str(x->device),
	    v_int(keep)), e);
}

bool
sliding_delete_device(struct db *db, struct str user, struct str device,
    struct err *e)
{
	return db_exec(db, &delete_device, V(v_str(user), v_str(device)), e);
}

bool
sliding_sweep(struct db *db, int64_t before_ms, struct err *e)
{
	return db_exec(db, &sweep, V(v_int(before_ms)), e);
}
