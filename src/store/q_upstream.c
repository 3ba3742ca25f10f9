/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who comes from another service. See q_upstream.h. */
#include "store/q_upstream.h"

static const struct query link_insert = {
	.name = "upstream_link.insert",
	.sql = "INSERT INTO upstream_link (issuer, subject, user_id,"
	    " created_ms) VALUES ($1, $2, $3, $4)"
	    " ON CONFLICT (issuer, subject) DO NOTHING",
};
static const struct query link_find = {
	.name = "upstream_link.find",
	.sql = "SELECT user_id FROM upstream_link WHERE issuer = $1"
	    " AND subject = $2",
};
static const struct query link_delete = {
	.name = "upstream_link.delete_user",
	.sql = "DELETE FROM upstream_link WHERE user_id = $1",
};
static const struct query sid_put = {
	.name = "upstream_session.put",
	.sql = "INSERT INTO upstream_session (issuer, sid, user_id,"
	    " created_ms) VALUES ($1, $2, $3, $4)"
	    " ON CONFLICT (issuer, sid) DO UPDATE SET"
	    " user_id = excluded.user_id, created_ms = excluded.created_ms",
};
static const struct query sid_find = {
	.name = "upstream_session.find",
	.sql = "SELECT user_id FROM upstream_session WHERE issuer = $1"
	    " AND sid = $2",
};
static const struct query sid_sweep = {
	.name = "sweep.upstream_session",
	.sql = "DELETE FROM upstream_session WHERE created_ms < $1",
};

QUERIES(q_upstream, &link_insert, &link_find, &link_delete, &sid_put,
    &sid_find, &sid_sweep)

bool
upstream_link_insert(struct db *db, const struct upstream_who *x,
    bool *fresh, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &link_insert, V(v_str(x->issuer),
	    v_str(x->subject), v_str(x->user), v_int(x->created_ms)), &n, e))
		return false;
	*fresh = n > 0;
	return true;
}

bool
upstream_link_find(struct db *db, struct arena *a, struct str issuer,
    struct str subject, struct str *user, bool *found, struct err *e)
{
	return db_one_str(db, &link_find, V(v_str(issuer), v_str(subject)), a,
	    user, found, e);
}

bool
upstream_link_delete_user(struct db *db, struct str user, struct err *e)
{
	return db_exec(db, &link_delete, V(v_str(user)), e);
}

bool
upstream_session_put(struct db *db, const struct upstream_who *x,
    struct err *e)
{
	return db_exec(db, &sid_put, V(v_str(x->issuer), v_str(x->subject),
	    v_str(x->user), v_int(x->created_ms)), e);
}

bool
upstream_session_find(struct db *db, struct arena *a, struct str issuer,
    struct str sid, struct str *user, bool *found, struct err *e)
{
	return db_one_str(db, &sid_find, V(v_str(issuer), v_str(sid)), a,
	    user, found, e);
}

bool
sweep_upstream(struct db *db, int64_t before_ms, struct err *e)
{
	return db_exec(db, &sid_sweep, V(v_int(before_ms)), e);
}
