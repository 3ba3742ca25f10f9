/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Devices, tokens and user-interactive sessions. See q_account.h. */
#include "store/q_account.h"

#define DEVICE_COLUMNS "user_id, device_id, name, created_ms, seen_ms," \
	" seen_address, seen_agent"
#define DEVICES_MAX 2000

static const struct query dev_put = {
	.name = "device.put",
	.sql = "INSERT INTO device (user_id, device_id, name, created_ms)"
	    " VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, device_id)"
	    " DO UPDATE SET name = COALESCE(excluded.name, device.name)",
};
static const struct query dev_list = {
	.name = "device.list",
	.sql = "SELECT " DEVICE_COLUMNS " FROM device WHERE user_id = $1"
	    " ORDER BY device_id LIMIT 2000",
};
static const struct query dev_find = {
	.name = "device.find",
	.sql = "SELECT " DEVICE_COLUMNS " FROM device WHERE user_id = $1"
	    " AND device_id = $2",
};
static const struct query dev_rename = {
	.name = "device.rename",
	.sql = "UPDATE device SET name = $3 WHERE user_id = $1"
	    " AND device_id = $2",
};
static const struct query dev_seen = {
	.name = "device.seen",
	.sql = "UPDATE device SET seen_ms = $3, seen_address = $4,"
	    " seen_agent = $5 WHERE user_id = $1 AND device_id = $2",
};
static const struct query dev_delete = {
	.name = "device.delete",
	.sql = "DELETE FROM device WHERE user_id = $1 AND device_id = $2",
};
static const struct query dev_access = {
	.name = "device.delete_access",
	.sql = "DELETE FROM access_token WHERE user_id = $1"
	    " AND device_id = $2",
};
static const struct query dev_refresh = {
	.name = "device.delete_refresh",
	.sql = "DELETE FROM refresh_token WHERE user_id = $1"
	    " AND device_id = $2",
};
static const struct query dev_oauth = {
	.name = "device.delete_oauth",
	.sql = "DELETE FROM oauth_session WHERE user_id = $1"
	    " AND device_id = $2",
};
static const struct query dev_pusher = {
	.name = "device.delete_pushers",
	.sql = "DELETE FROM pusher WHERE user_id = $1 AND device_id = $2",
};
static const struct query acc_insert = {
	.name = "access_token.insert",
	.sql = "INSERT INTO access_token (hash, user_id, device_id, family,"
	    " created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6)",
};
static const struct query acc_find = {
	.name = "access_token.find",
	.sql = "SELECT t.hash, t.user_id, t.device_id, t.family, t.created_ms,"
	    " t.expires_ms, a.kind, a.admin, a.locked, a.suspended,"
	    " a.deactivated FROM access_token t JOIN account a"
	    " ON a.user_id = t.user_id WHERE t.hash = $1",
};
static const struct query acc_family = {
	.name = "access_token.delete_family",
	.sql = "DELETE FROM access_token WHERE family = $1",
};
static const struct query ref_insert = {
	.name = "refresh_token.insert",
	.sql = "INSERT INTO refresh_token (hash, user_id, device_id, family,"
	    " created_ms) VALUES ($1, $2, $3, $4, $5)",
};
static const struct query ref_find = {
	.name = "refresh_token.find",
	.sql = "SELECT hash, user_id, device_id, family, created_ms, used_ms"
	    " FROM refresh_token WHERE hash = $1",
};
static const struct query ref_use = {
	.name = "refresh_token.use",
	.sql = "UPDATE refresh_token SET used_ms = $2 WHERE hash = $1"
	    " AND used_ms IS NULL",
};
static const struct query ref_family = {
	.name = "refresh_token.delete_family",
	.sql = "DELETE FROM refresh_token WHERE family = $1",
};
static const struct query oauth_family = {
	.name = "oauth_session.delete_family",
	.sql = "DELETE FROM oauth_session WHERE family = $1",
};
static const struct query ref_successor = {
	.name = "refresh_token.successor_used",
	.sql = "SELECT 1 FROM refresh_token WHERE family = $1"
	    " AND created_ms >= $2 AND hash <> $3 AND used_ms IS NOT NULL"
	    " AND replaced = 0 LIMIT 1",
};
static const struct query ref_replace = {
	.name = "refresh_token.replace",
	.sql = "UPDATE refresh_token SET used_ms = $2, replaced = 1"
	    " WHERE family = $1 AND used_ms IS NULL",
};
static const struct query uia_add = {
	.name = "uia.insert",
	.sql = "INSERT INTO uia_session (id, user_id, operation, body, done,"
	    " params, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
};
static const struct query uia_get = {
	.name = "uia.find",
	.sql = "SELECT id, user_id, operation, body, done, params, created_ms"
	    " FROM uia_session WHERE id = $1",
};
static const struct query uia_done = {
	.name = "uia.set_done",
	.sql = "UPDATE uia_session SET done = $2 WHERE id = $1",
};
static const struct query uia_del = {
	.name = "uia.delete",
	.sql = "DELETE FROM uia_session WHERE id = $1",
};

QUERIES(q_session, &dev_put, &dev_list, &dev_find, &dev_rename, &dev_seen,
    &dev_delete, &dev_access, &dev_refresh, &dev_oauth, &dev_pusher,
    &oauth_family, &acc_insert, &acc_find, &acc_family,
    &ref_insert, &ref_find, &ref_use, &ref_family, &ref_successor,
    &ref_replace, &uia_add, &uia_get, &uia_done, &uia_del)

bool
device_put(struct db *db, const struct device *x, struct err *e)
{
	return db_exec(db, &dev_put, V(v_str(x->user_id),
	    v_str(x->device_id), v_str_or_null(x->name),
	    v_int(x->created_ms)), e);
}

static void
read_device(struct rows *r, struct arena *a, struct device *x)
{
	*x = (struct device){
		.user_id = db_str(r, 0, a), .device_id = db_str(r, 1, a),
		.name = db_str(r, 2, a), .created_ms = db_int(r, 3),
		.seen_ms = db_int(r, 4), .seen_address = db_str(r, 5, a),
		.seen_agent = db_str(r, 6, a),
	};
}

bool
device_list(struct db *db, struct arena *a, struct str user,
    struct device **out, size_t *n, struct err *e)
{
	struct device *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &dev_list, V(v_str(user)), &r, e))
		return false;
	while (count < DEVICES_MAX && db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		read_device(&r, a, &at[count++]);
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

struct take {
	struct arena *a;
	void *out;
};

static void
take_device(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_device(r, t->a, t->out);
}

bool
device_find(struct db *db, struct arena *a, struct str user,
    struct str device, struct device *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &dev_find, V(v_str(user), v_str(device)),
	    take_device, &t, found, e);
}

bool
device_rename(struct db *db, struct str user, struct str device,
    struct str name, int64_t *n, struct err *e)
{
	return db_change(db, &dev_rename, V(v_str(user), v_str(device),
	    v_str_or_null(name)), n, e);
}

bool
device_seen(struct db *db, const struct device *x, struct err *e)
{
	return db_exec(db, &dev_seen, V(v_str(x->user_id),
	    v_str(x->device_id), v_int(x->seen_ms), v_str(x->seen_address),
	    v_str(x->seen_agent)), e);
}

bool
device_delete(struct db *db, struct str user, struct str device,
    struct err *e)
{
	return db_exec(db, &dev_access, V(v_str(user), v_str(device)), e) &&
	    db_exec(db, &dev_refresh, V(v_str(user), v_str(device)), e) &&
	    db_exec(db, &dev_oauth, V(v_str(user), v_str(device)), e) &&
	    db_exec(db, &dev_pusher, V(v_str(user), v_str(device)), e) &&
	    db_exec(db, &dev_delete, V(v_str(user), v_str(device)), e);
}

bool
access_insert(struct db *db, const struct access *x, struct err *e)
{
	return db_exec(db, &acc_insert, V(v_bytes(x->hash),
	    v_str(x->user_id), v_str(x->device_id), v_int(x->family),
	    v_int(x->created_ms),
	    x->expires_ms > 0 ? v_int(x->expires_ms) : v_null()), e);
}

static void
take_access(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct access_found *x = t->out;

	x->t = (struct access){
		.hash = db_str(r, 0, t->a), .user_id = db_str(r, 1, t->a),
		.device_id = db_str(r, 2, t->a), .family = db_int(r, 3),
		.created_ms = db_int(r, 4), .expires_ms = db_int(r, 5),
	};
	x->account = (struct account){
		.user_id = x->t.user_id, .kind = db_str(r, 6, t->a),
		.admin = db_bool(r, 7), .locked = db_bool(r, 8),
		.suspended = db_bool(r, 9), .deactivated = db_bool(r, 10),
	};
}

bool
access_find(struct db *db, struct arena *a, struct str hash,
    struct access_found *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &acc_find, V(v_bytes(hash)), take_access, &t, found,
	    e);
}

bool
tokens_delete_family(struct db *db, int64_t family, struct err *e)
{
	return db_exec(db, &acc_family, V(v_int(family)), e) &&
	    db_exec(db, &ref_family, V(v_int(family)), e) &&
	    db_exec(db, &oauth_family, V(v_int(family)), e);
}

bool
refresh_insert(struct db *db, const struct refresh *x, struct err *e)
{
	return db_exec(db, &ref_insert, V(v_bytes(x->hash),
	    v_str(x->user_id), v_str(x->device_id), v_int(x->family),
	    v_int(x->created_ms)), e);
}

static void
take_refresh(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct refresh *x = t->out;

	*x = (struct refresh){
		.hash = db_str(r, 0, t->a), .user_id = db_str(r, 1, t->a),
		.device_id = db_str(r, 2, t->a), .family = db_int(r, 3),
		.created_ms = db_int(r, 4), .used_ms = db_int(r, 5),
	};
}

bool
refresh_find(struct db *db, struct arena *a, struct str hash,
    struct refresh *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &ref_find, V(v_bytes(hash)), take_refresh, &t,
	    found, e);
}

bool
refresh_use(struct db *db, struct str hash, int64_t now_ms, bool *first,
    struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &ref_use, V(v_bytes(hash), v_int(now_ms)), &n, e))
		return false;
	*first = n > 0;
	return true;
}

bool
refresh_successor_used(struct db *db, const struct refresh *x, bool *used,
    struct err *e)
{
	return db_exists(db, &ref_successor, V(v_int(x->family),
	    v_int(x->used_ms), v_bytes(x->hash)), used,
	    e);
}

bool
refresh_replace(struct db *db, int64_t family, int64_t now_ms, struct err *e)
{
	return db_exec(db, &ref_replace, V(v_int(family), v_int(now_ms)), e);
}

bool
uia_insert(struct db *db, const struct uia_row *x, struct err *e)
{
	return db_exec(db, &uia_add, V(v_str(x->id), v_str(x->user_id),
	    v_str(x->operation), v_bytes(x->body), v_str(x->done),
	    v_str(x->params), v_int(x->created_ms)), e);
}

static void
take_uia(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct uia_row *x = t->out;

	*x = (struct uia_row){
		.id = db_str(r, 0, t->a), .user_id = db_str(r, 1, t->a),
		.operation = db_str(r, 2, t->a), .body = db_str(r, 3, t->a),
		.done = db_str(r, 4, t->a), .params = db_str(r, 5, t->a),
		.created_ms = db_int(r, 6),
	};
}

bool
uia_find(struct db *db, struct arena *a, struct str id, struct uia_row *out,
    bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &uia_get, V(v_str(id)), take_uia, &t, found, e);
}

bool
uia_set_done(struct db *db, struct str id, struct str done, struct err *e)
{
	return db_exec(db, &uia_done, V(v_str(id), v_str(done)), e);
}

bool
uia_delete(struct db *db, struct str id, struct err *e)
{
	return db_exec(db, &uia_del, V(v_str(id)), e);
}
