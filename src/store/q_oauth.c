/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* OAuth 2.0: clients, codes, sign-ins by clients, device codes. See q_oauth.h. */
#include "store/q_oauth.h"

static const struct query client_count = {
	.name = "oauth_client.count",
	.sql = "SELECT CAST(count(*) AS BIGINT) FROM oauth_client",
};
static const struct query client_evict = {
	.name = "oauth_client.evict",
	.sql = "DELETE FROM oauth_client WHERE id IN (SELECT c.id"
	    " FROM oauth_client c WHERE NOT EXISTS (SELECT 1"
	    " FROM oauth_session s WHERE s.client_id = c.id)"
	    " ORDER BY c.used_ms LIMIT $1)",
};
static const struct query client_insert = {
	.name = "oauth_client.insert",
	.sql = "INSERT INTO oauth_client (id, metadata, used_ms)"
	    " VALUES ($1, $2, $3)"
	    " ON CONFLICT (id) DO UPDATE SET used_ms = excluded.used_ms",
};
static const struct query client_find = {
	.name = "oauth_client.find",
	.sql = "SELECT metadata FROM oauth_client WHERE id = $1",
};
static const struct query client_used = {
	.name = "oauth_client.used",
	.sql = "UPDATE oauth_client SET used_ms = $2 WHERE id = $1",
};
static const struct query code_insert = {
	.name = "oauth_code.insert",
	.sql = "INSERT INTO oauth_code (hash, client_id, user_id,"
	    " redirect_uri, scope, challenge, created_ms)"
	    " VALUES ($1, $2, $3, $4, $5, $6, $7)",
};
static const struct query code_find = {
	.name = "oauth_code.find",
	.sql = "SELECT hash, client_id, user_id, redirect_uri, scope,"
	    " challenge, device_id, created_ms FROM oauth_code"
	    " WHERE hash = $1",
};
static const struct query code_take = {
	.name = "oauth_code.take",
	.sql = "UPDATE oauth_code SET used = 1 WHERE hash = $1 AND used = 0",
};
static const struct query code_burn = {
	.name = "oauth_code.burn",
	.sql = "UPDATE oauth_code SET burnt = 1 WHERE hash = $1",
};
static const struct query code_gave = {
	.name = "oauth_code.gave",
	.sql = "UPDATE oauth_code SET device_id = $2 WHERE hash = $1"
	    " AND burnt = 0",
};
static const struct query session_insert = {
	.name = "oauth_session.insert",
	.sql = "INSERT INTO oauth_session (family, client_id, user_id,"
	    " device_id, scope) VALUES ($1, $2, $3, $4, $5)",
};
static const struct query session_find = {
	.name = "oauth_session.find",
	.sql = "SELECT family, client_id, user_id, device_id, scope"
	    " FROM oauth_session WHERE family = $1",
};
static const struct query device_client = {
	.name = "oauth_session.device_client",
	.sql = "SELECT c.metadata FROM oauth_session s JOIN oauth_client c"
	    " ON c.id = s.client_id WHERE s.user_id = $1"
	    " AND s.device_id = $2",
};

#define DEVICE_COLUMNS "hash, user_code, client_id, scope, user_id, state," \
	" expires_ms, polled_ms"

static const struct query dev_insert = {
	.name = "oauth_device.insert",
	.sql = "INSERT INTO oauth_device_code (hash, user_code, client_id,"
	    " scope, expires_ms) VALUES ($1, $2, $3, $4, $5)",
};
static const struct query dev_by_code = {
	.name = "oauth_device.by_code",
	.sql = "SELECT " DEVICE_COLUMNS " FROM oauth_device_code"
	    " WHERE hash = $1",
};
static const struct query dev_by_user_code = {
	.name = "oauth_device.by_user_code",
	.sql = "SELECT " DEVICE_COLUMNS " FROM oauth_device_code"
	    " WHERE user_code = $1",
};
static const struct query dev_polled = {
	.name = "oauth_device.polled",
	.sql = "UPDATE oauth_device_code SET polled_ms = $2 WHERE hash = $1",
};
static const struct query dev_move = {
	.name = "oauth_device.move",
	.sql = "UPDATE oauth_device_code SET state = $3,"
	    " user_id = COALESCE($4, user_id) WHERE hash = $1 AND state = $2",
};
static const struct query dev_count = {
	.name = "oauth_device.count",
	.sql = "SELECT CAST(count(*) AS BIGINT) FROM oauth_device_code",
};

QUERIES(q_oauth, &client_count, &client_evict, &client_insert, &client_find,
    &client_used,
    &code_insert, &code_find, &code_take, &code_burn, &code_gave,
    &session_insert, &session_find, &device_client, &dev_insert, &dev_by_code,
    &dev_by_user_code, &dev_polled, &dev_move, &dev_count)

struct take {
	struct arena *a;
	void *out;
};

bool
oauth_client_put(struct db *db, struct str id, struct str metadata,
    int64_t now_ms, int64_t max, struct err *e)
{
	int64_t changed = 0, n = 0;

	if (!db_change(db, &client_used, V(v_str(id), v_int(now_ms)),
	    &changed, e))
		return false;
	if (changed > 0)
		return true;
	if (!db_one_int(db, &client_count, V0, &n, NULL, e))
		return false;
	if (n >= max && !db_exec(db, &client_evict, V(v_int(max / 10)), e))
		return false;
	return db_exec(db, &client_insert, V(v_str(id),
	    v_str(metadata), v_int(now_ms)), e);
}

bool
oauth_client_get(struct db *db, struct arena *a, struct str id,
    struct str *metadata, bool *found, struct err *e)
{

	return db_one_str(db, &client_find, V(v_str(id)), a, metadata, found, e);
}

bool
oauth_client_used(struct db *db, struct str id, int64_t now_ms, struct err *e)
{
	return db_exec(db, &client_used, V(v_str(id), v_int(now_ms)), e);
}

bool
oauth_code_insert(struct db *db, const struct oauth_code *x, struct err *e)
{
	return db_exec(db, &code_insert, V(v_bytes(x->hash),
	    v_str(x->client_id), v_str(x->user_id), v_str(x->redirect_uri),
	    v_str(x->scope), v_str(x->challenge), v_int(x->created_ms)), e);
}

static void
take_code(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct oauth_code *x = t->out;

	*x = (struct oauth_code){
		.hash = db_str(r, 0, t->a), .client_id = db_str(r, 1, t->a),
		.user_id = db_str(r, 2, t->a),
		.redirect_uri = db_str(r, 3, t->a),
		.scope = db_str(r, 4, t->a), .challenge = db_str(r, 5, t->a),
		.device_id = db_str(r, 6, t->a), .created_ms = db_int(r, 7),
	};
}

bool
oauth_code_find(struct db *db, struct arena *a, struct str hash,
    struct oauth_code *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &code_find, V(v_bytes(hash)), take_code, &t, found,
	    e);
}

bool
oauth_code_take(struct db *db, struct str hash, bool *first, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &code_take, V(v_bytes(hash)), &n, e))
		return false;
	*first = n > 0;
	return *first || db_exec(db, &code_burn, V(v_bytes(hash)), e);
}

bool
oauth_code_gave(struct db *db, struct str hash, struct str device,
    bool *burnt, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &code_gave, V(v_bytes(hash), v_str(device)), &n,
	    e))
		return false;
	*burnt = n == 0;
	return true;
}

bool
oauth_session_insert(struct db *db, const struct oauth_session *x,
    struct err *e)
{
	return db_exec(db, &session_insert, V(v_int(x->family),
	    v_str(x->client_id), v_str(x->user_id), v_str(x->device_id),
	    v_str(x->scope)), e);
}

static void
take_session(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct oauth_session *x = t->out;

	*x = (struct oauth_session){
		.family = db_int(r, 0), .client_id = db_str(r, 1, t->a),
		.user_id = db_str(r, 2, t->a), .device_id = db_str(r, 3, t->a),
		.scope = db_str(r, 4, t->a),
	};
}

bool
oauth_session_find(struct db *db, struct arena *a, int64_t family,
    struct oauth_session *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &session_find, V(v_int(family)), take_session, &t,
	    found, e);
}

bool
oauth_device_client(struct db *db, struct arena *a, struct str user,
    struct str device, struct str *metadata, struct err *e)
{
	*metadata = (struct str){ NULL, 0 };
	return db_one_str(db, &device_client, V(v_str(user), v_str(device)),
	    a, metadata, NULL, e);
}

bool
oauth_device_insert(struct db *db, const struct oauth_device_code *x,
    struct err *e)
{
	return db_exec(db, &dev_insert, V(v_bytes(x->hash),
	    v_bytes(x->user_code), v_str(x->client_id), v_str(x->scope),
	    v_int(x->expires_ms)), e);
}

static void
take_device(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct oauth_device_code *x = t->out;

	*x = (struct oauth_device_code){
		.hash = db_str(r, 0, t->a), .user_code = db_str(r, 1, t->a),
		.client_id = db_str(r, 2, t->a), .scope = db_str(r, 3, t->a),
		.user_id = db_str(r, 4, t->a),
		.state = (enum oauth_device_state)db_int(r, 5),
		.expires_ms = db_int(r, 6), .polled_ms = db_int(r, 7),
	};
}

bool
oauth_device_by_code(struct db *db, struct arena *a, struct str hash,
    struct oauth_device_code *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &dev_by_code, V(v_bytes(hash)), take_device, &t,
	    found, e);
}

bool
oauth_device_by_user_code(struct db *db, struct arena *a, struct str hash,
    struct oauth_device_code *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &dev_by_user_code, V(v_bytes(hash)), take_device,
	    &t, found, e);
}

bool
oauth_device_polled(struct db *db, struct str hash, int64_t now_ms,
    struct err *e)
{
	return db_exec(db, &dev_polled, V(v_bytes(hash), v_int(now_ms)), e);
}

bool
oauth_device_move(struct db *db, struct str hash,
    enum oauth_device_state from, enum oauth_device_state to,
    struct str user, bool *done, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &dev_move, V(v_bytes(hash), v_int(from), v_int(to),
	    v_str_or_null(user)), &n, e))
		return false;
	*done = n > 0;
	return true;
}

bool
oauth_device_count(struct db *db, int64_t *n, struct err *e)
{
	return db_one_int(db, &dev_count, V0, n, NULL, e);
}
