/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Browsers that are signed in, and what holds for minutes. See q_browser.h. */
#include "store/q_browser.h"

#define HOUR_MS (3600 * INT64_C(1000))
#define CLIENT_KEEP_MS (24 * HOUR_MS)

static const struct query insert = {
	.name = "browser.insert",
	.sql = "INSERT INTO browser_session (hash, user_id, partial,"
	    " created_ms, auth_ms) VALUES ($1, $2, $3, $4, $5)",
};
static const struct query find = {
	.name = "browser.find",
	.sql = "SELECT b.hash, b.user_id, b.partial, b.created_ms, b.auth_ms,"
	    " a.locked, a.deactivated FROM browser_session b JOIN account a"
	    " ON a.user_id = b.user_id WHERE b.hash = $1",
};
static const struct query del = {
	.name = "browser.delete",
	.sql = "DELETE FROM browser_session WHERE hash = $1",
};
static const struct query del_user = {
	.name = "browser.delete_user",
	.sql = "DELETE FROM browser_session WHERE user_id = $1"
	    " AND hash <> $2",
};
static const struct query app_put = {
	.name = "approval.put",
	.sql = "INSERT INTO oauth_approval (user_id, operation, expires_ms)"
	    " VALUES ($1, $2, $3) ON CONFLICT (user_id, operation)"
	    " DO UPDATE SET expires_ms = excluded.expires_ms",
};
static const struct query app_take = {
	.name = "approval.take",
	.sql = "DELETE FROM oauth_approval WHERE user_id = $1"
	    " AND operation = $2 AND expires_ms > $3",
};
static const struct query once_insert = {
	.name = "onetime.insert",
	.sql = "INSERT INTO onetime (hash, purpose, data, expires_ms)"
	    " VALUES ($1, $2, $3, $4)",
};
static const struct query once_find = {
	.name = "onetime.find",
	.sql = "SELECT data FROM onetime WHERE hash = $1 AND purpose = $2"
	    " AND expires_ms > $3",
};
static const struct query once_delete = {
	.name = "onetime.delete",
	.sql = "DELETE FROM onetime WHERE hash = $1",
};
static const struct query old_codes = {
	.name = "sweep.oauth_code",
	.sql = "DELETE FROM oauth_code WHERE created_ms < $1",
};
static const struct query old_devices = {
	.name = "sweep.oauth_device_code",
	.sql = "DELETE FROM oauth_device_code WHERE expires_ms < $1",
};
static const struct query old_browsers = {
	.name = "sweep.browser_session",
	.sql = "DELETE FROM browser_session WHERE created_ms < $1",
};
static const struct query old_approvals = {
	.name = "sweep.oauth_approval",
	.sql = "DELETE FROM oauth_approval WHERE expires_ms < $1",
};
static const struct query old_once = {
	.name = "sweep.onetime",
	.sql = "DELETE FROM onetime WHERE expires_ms < $1",
};
static const struct query old_clients = {
	.name = "sweep.oauth_client",
	.sql = "DELETE FROM oauth_client WHERE used_ms < $1 AND NOT EXISTS"
	    " (SELECT 1 FROM oauth_session s"
	    " WHERE s.client_id = oauth_client.id)",
};

QUERIES(q_browser, &insert, &find, &del, &del_user, &app_put, &app_take,
    &once_insert, &once_find, &once_delete, &old_codes, &old_devices,
    &old_browsers, &old_approvals, &old_once, &old_clients)

bool
browser_insert(struct db *db, const struct browser_row *x, struct err *e)
{
	return db_exec(db, &insert, V(v_bytes(x->hash), v_str(x->user_id),
	    v_bool(x->partial), v_int(x->created_ms), v_int(x->auth_ms)), e);
}

struct take {
	struct arena *a;
	void *out;
};

static void
take_browser(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct browser_row *x = t->out;

	*x = (struct browser_row){
		.hash = db_str(r, 0, t->a), .user_id = db_str(r, 1, t->a),
		.partial = db_bool(r, 2), .created_ms = db_int(r, 3),
		.auth_ms = db_int(r, 4), .locked = db_bool(r, 5),
		.deactivated = db_bool(r, 6),
	};
}

bool
browser_get(struct db *db, struct arena *a, struct str hash,
    struct browser_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &find, V(v_bytes(hash)), take_browser, &t, found, e);
}

bool
browser_delete(struct db *db, struct str hash, struct err *e)
{
	return db_exec(db, &del, V(v_bytes(hash)), e);
}

bool
browser_delete_user(struct db *db, struct str user, struct str keep,
    struct err *e)
{
	/* No hash is of one byte: it spares none. */
	return db_exec(db, &del_user, V(v_str(user), v_bytes(keep.n > 0 ? keep
	    : S("-"))), e);
}

bool
approval_put(struct db *db, struct str user, struct str operation,
    int64_t expires_ms, struct err *e)
{
	return db_exec(db, &app_put, V(v_str(user), v_str(operation),
	    v_int(expires_ms)), e);
}

bool
approval_take(struct db *db, struct str user, struct str operation,
    int64_t now_ms, bool *was, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &app_take, V(v_str(user), v_str(operation),
	    v_int(now_ms)), &n, e))
		return false;
	*was = n > 0;
	return true;
}

bool
onetime_insert(struct db *db, struct str hash, struct str purpose,
    struct str data, int64_t expires_ms, struct err *e)
{
	return db_exec(db, &once_insert, V(v_bytes(hash), v_str(purpose),
	    v_str(data), v_int(expires_ms)), e);
}

bool
onetime_get(struct db *db, struct arena *a, struct str hash,
    struct str purpose, int64_t now_ms, struct str *data, bool *found,
    struct err *e)
{

	return db_one_str(db, &once_find, V(v_bytes(hash), v_str(purpose),
	    v_int(now_ms)), a, data, found, e);
}

bool
onetime_delete(struct db *db, struct str hash, bool *first, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &once_delete, V(v_bytes(hash)), &n, e))
		return false;
	*first = n > 0;
	return true;
}

bool
sweep_oauth(struct db *db, int64_t now_ms, int64_t browser_lifetime_ms,
    struct err *e)
{
	return db_exec(db, &old_codes, V(v_int(now_ms - HOUR_MS)), e) &&
	    db_exec(db, &old_devices, V(v_int(now_ms - HOUR_MS)), e) &&
	    db_exec(db, &old_browsers, V(v_int(now_ms -
	    browser_lifetime_ms)), e) &&
	    db_exec(db, &old_approvals, V(v_int(now_ms)), e) &&
	    db_exec(db, &old_once, V(v_int(now_ms)), e) &&
	    db_exec(db, &old_clients, V(v_int(now_ms - CLIENT_KEEP_MS)), e);
}
