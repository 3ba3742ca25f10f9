/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Accounts and registration tokens. Devices and tokens are q_session.c. See q_account.h. */
#include "store/q_account.h"

#define COLUMNS "user_id, password, kind, admin, locked, suspended," \
	" deactivated, erased, created_ms"

static const struct query insert = {
	.name = "account.insert",
	.sql = "INSERT INTO account (user_id, password, kind, admin,"
	    " created_ms) VALUES ($1, $2, $3, $4, $5)"
	    " ON CONFLICT (user_id) DO NOTHING",
};
static const struct query find = {
	.name = "account.find",
	.sql = "SELECT " COLUMNS " FROM account WHERE user_id = $1",
};
static const struct query set_password = {
	.name = "account.set_password",
	.sql = "UPDATE account SET password = $2 WHERE user_id = $1",
};
static const struct query set_flags = {
	.name = "account.set_flags",
	.sql = "UPDATE account SET admin = COALESCE($2, admin),"
	    " locked = COALESCE($3, locked),"
	    " suspended = COALESCE($4, suspended),"
	    " deactivated = COALESCE($5, deactivated),"
	    " erased = COALESCE($6, erased) WHERE user_id = $1",
};
static const struct query list = {
	.name = "account.list",
	.sql = "SELECT " COLUMNS " FROM account WHERE user_id > $1"
	    " ORDER BY user_id LIMIT $2",
};
static const struct query token_find = {
	.name = "registration_token.find",
	.sql = "SELECT token, uses_allowed, pending, completed, expires_ms"
	    " FROM registration_token WHERE token = $1",
};
static const struct query token_use = {
	.name = "registration_token.use",
	.sql = "UPDATE registration_token SET completed = completed + 1"
	    " WHERE token = $1"
	    " AND (uses_allowed IS NULL OR completed < uses_allowed)"
	    " AND (expires_ms IS NULL OR expires_ms > $2)",
};
static const struct query token_put = {
	.name = "registration_token.put",
	.sql = "INSERT INTO registration_token (token, uses_allowed, pending,"
	    " completed, expires_ms) VALUES ($1, $2, $3, $4, $5)"
	    " ON CONFLICT (token) DO UPDATE SET"
	    " uses_allowed = excluded.uses_allowed,"
	    " expires_ms = excluded.expires_ms",
};
static const struct query token_delete = {
	.name = "registration_token.delete",
	.sql = "DELETE FROM registration_token WHERE token = $1",
};
static const struct query token_list = {
	.name = "registration_token.list",
	.sql = "SELECT token, uses_allowed, pending, completed, expires_ms"
	    " FROM registration_token ORDER BY token LIMIT 1000",
};

QUERIES(q_account, &insert, &find, &set_password, &set_flags, &list,
    &token_find, &token_use, &token_put, &token_delete, &token_list)

bool
account_insert(struct db *db, const struct account *x, bool *fresh,
    struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &insert, V(v_str(x->user_id),
	    v_str_or_null(x->password), v_str(x->kind), v_bool(x->admin),
	    v_int(x->created_ms)), &n, e))
		return false;
	*fresh = n > 0;
	return true;
}

static void
read_account(struct rows *r, struct arena *a, struct account *x)
{
	*x = (struct account){
		.user_id = db_str(r, 0, a), .password = db_str(r, 1, a),
		.kind = db_str(r, 2, a), .admin = db_bool(r, 3),
		.locked = db_bool(r, 4), .suspended = db_bool(r, 5),
		.deactivated = db_bool(r, 6), .erased = db_bool(r, 7),
		.created_ms = db_int(r, 8),
	};
}

struct take {
	struct arena *a;
	void *out;
};

static void
take_account(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_account(r, t->a, t->out);
}

bool
account_find(struct db *db, struct arena *a, struct str user,
    struct account *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &find, V(v_str(user)), take_account, &t, found, e);
}

bool
account_set_password(struct db *db, struct str user, struct str hash,
    struct err *e)
{
	return db_exec(db, &set_password, V(v_str(user),
	    v_str_or_null(hash)), e);
}

static struct val
flag(int v)
{
	return v < 0 ? v_null() : v_bool(v > 0);
}

bool
account_set_flags(struct db *db, struct str user,
    const struct account_flags *f, struct err *e)
{
	return db_exec(db, &set_flags, V(v_str(user), flag(f->admin),
	    flag(f->locked), flag(f->suspended), flag(f->deactivated),
	    flag(f->erased)), e);
}

bool
account_list(struct db *db, struct arena *a, struct str after, size_t max,
    struct account **out, size_t *n, struct err *e)
{
	struct account *at = arena_array(a, struct account, max);
	struct rows r;
	size_t count = 0;

	if (!db_query(db, &list, V(v_str(after), v_int((int64_t)max)), &r, e))
		return false;
	while (count < max && db_next(&r))
		read_account(&r, a, &at[count++]);
	*out = at;
	*n = count;
	return db_done(&r, e);
}

static void
read_token(struct rows *r, struct arena *a, struct reg_token *x)
{
	*x = (struct reg_token){
		.token = db_str(r, 0, a),
		.uses_allowed = db_null(r, 1) ? -1 : db_int(r, 1),
		.pending = db_int(r, 2), .completed = db_int(r, 3),
		.expires_ms = db_int(r, 4),
	};
}

static void
take_token(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_token(r, t->a, t->out);
}

bool
reg_token_find(struct db *db, struct arena *a, struct str token,
    struct reg_token *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &token_find, V(v_str(token)), take_token, &t, found,
	    e);
}

bool
reg_token_use(struct db *db, struct str token, int64_t now_ms, bool *used,
    struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &token_use, V(v_str(token), v_int(now_ms)), &n, e))
		return false;
	*used = n > 0;
	return true;
}

bool
reg_token_put(struct db *db, const struct reg_token *x, struct err *e)
{
	return db_exec(db, &token_put, V(v_str(x->token),
	    x->uses_allowed >= 0 ? v_int(x->uses_allowed) : v_null(),
	    v_int(x->pending), v_int(x->completed),
	    x->expires_ms > 0 ? v_int(x->expires_ms) : v_null()), e);
}

bool
reg_token_delete(struct db *db, struct str token, int64_t *n, struct err *e)
{
	return db_change(db, &token_delete, V(v_str(token)), n, e);
}

bool
reg_token_list(struct db *db, struct arena *a, struct reg_token **out,
    size_t *n, struct err *e)
{
	struct reg_token *at = arena_array(a, struct reg_token, 1000);
	struct rows r;
	size_t count = 0;

	if (!db_query(db, &token_list, V0, &r, e))
		return false;
	while (count < 1000 && db_next(&r))
		read_token(&r, a, &at[count++]);
	*out = at;
	*n = count;
	return db_done(&r, e);
}
