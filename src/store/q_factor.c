/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Second factors. See q_factor.h. */
#include "store/q_factor.h"

static const struct query t_put = {
	.name = "totp.put",
	.sql = "INSERT INTO totp (user_id, secret, last_step)"
	    " VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE SET"
	    " secret = excluded.secret, last_step = excluded.last_step",
};
static const struct query t_find = {
	.name = "totp.find",
	.sql = "SELECT user_id, secret, last_step FROM totp"
	    " WHERE user_id = $1",
};
static const struct query t_use = {
	.name = "totp.use",
	.sql = "UPDATE totp SET last_step = $2 WHERE user_id = $1"
	    " AND last_step < $2",
};
static const struct query t_delete = {
	.name = "totp.delete",
	.sql = "DELETE FROM totp WHERE user_id = $1",
};
static const struct query r_insert = {
	.name = "recovery_code.insert",
	.sql = "INSERT INTO recovery_code (user_id, hash) VALUES ($1, $2)",
};
static const struct query r_use = {
	.name = "recovery_code.use",
	.sql = "DELETE FROM recovery_code WHERE user_id = $1 AND hash = $2",
};
static const struct query r_count = {
	.name = "recovery_code.count",
	.sql = "SELECT CAST(count(*) AS BIGINT) FROM recovery_code"
	    " WHERE user_id = $1",
};
static const struct query r_delete = {
	.name = "recovery_code.delete_all",
	.sql = "DELETE FROM recovery_code WHERE user_id = $1",
};

#define COLUMNS "id, user_id, name, alg, public_key, counter, created_ms," \
	" used_ms"

static const struct query p_insert = {
	.name = "passkey.insert",
	.sql = "INSERT INTO passkey (id, user_id, name, alg, public_key,"
	    " counter, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)"
	    " ON CONFLICT (id) DO NOTHING",
};
static const struct query p_find = {
	.name = "passkey.find",
	.sql = "SELECT " COLUMNS " FROM passkey WHERE id = $1",
};
static const struct query p_list = {
	.name = "passkey.list",
	.sql = "SELECT " COLUMNS " FROM passkey WHERE user_id = $1"
	    " ORDER BY created_ms, id LIMIT 20",
};
static const struct query p_used = {
	.name = "passkey.used",
	.sql = "UPDATE passkey SET counter = $2, used_ms = $3 WHERE id = $1"
	    " AND (counter < $2 OR (counter = 0 AND $2 = 0))",
};
static const struct query p_delete = {
	.name = "passkey.delete",
	.sql = "DELETE FROM passkey WHERE user_id = $1 AND id = $2",
};
static const struct query p_delete_all = {
	.name = "passkey.delete_all",
	.sql = "DELETE FROM passkey WHERE user_id = $1",
};

QUERIES(q_factor, &t_put, &t_find, &t_use, &t_delete, &r_insert, &r_use,
    &r_count, &r_delete, &p_insert, &p_find, &p_list, &p_used, &p_delete,
    &p_delete_all)

struct take {
	struct arena *a;
	void *out;
};

bool
totp_put(struct db *db, const struct totp_row *x, struct err *e)
{
	return db_exec(db, &t_put, V(v_str(x->user_id), v_bytes(x->secret),
	    v_int(x->last_step)), e);
}

static void
take_totp(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct totp_row *x = t->out;

	*x = (struct totp_row){ db_str(r, 0, t->a), db_str(r, 1, t->a),
	    db_int(r, 2) };
}

bool
totp_find(struct db *db, struct arena *a, struct str user,
    struct totp_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &t_find, V(v_str(user)), take_totp, &t, found, e);
}

/* Whether a change changed something. */
static bool
changes(struct db *db, const struct query *q, const struct val *v, size_t nv,
    bool *any, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, q, v, nv, &n, e))
		return false;
	*any = n > 0;
	return true;
}

bool
totp_use(struct db *db, struct str user, int64_t step, bool *done,
    struct err *e)
{
	return changes(db, &t_use, V(v_str(user), v_int(step)), done, e);
}

bool
totp_delete(struct db *db, struct str user, struct err *e)
{
	return db_exec(db, &t_delete, V(v_str(user)), e);
}

bool
recovery_insert(struct db *db, struct str user, struct str hash,
    struct err *e)
{
	return db_exec(db, &r_insert, V(v_str(user), v_bytes(hash)), e);
}

bool
recovery_use(struct db *db, struct str user, struct str hash, bool *was,
    struct err *e)
{
	return changes(db, &r_use, V(v_str(user), v_bytes(hash)), was, e);
}

bool
recovery_count(struct db *db, struct str user, int64_t *n, struct err *e)
{
	return db_one_int(db, &r_count, V(v_str(user)), n, NULL, e);
}

bool
recovery_delete_all(struct db *db, struct str user, struct err *e)
{
	return db_exec(db, &r_delete, V(v_str(user)), e);
}

bool
passkey_insert(struct db *db, const struct passkey_row *x, bool *fresh,
    struct err *e)
{
	return changes(db, &p_insert, V(v_bytes(x->id), v_str(x->user_id),
	    v_str(x->name), v_int(x->alg), v_bytes(x->public_key),
	    v_int(x->counter), v_int(x->created_ms)), fresh, e);
}

static void
read_passkey(struct rows *r, struct arena *a, struct passkey_row *x)
{
	*x = (struct passkey_row){
		.id = db_str(r, 0, a), .user_id = db_str(r, 1, a),
		.name = db_str(r, 2, a), .alg = db_int(r, 3),
		.public_key = db_str(r, 4, a), .counter = db_int(r, 5),
		.created_ms = db_int(r, 6), .used_ms = db_int(r, 7),
	};
}

static void
take_passkey(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_passkey(r, t->a, t->out);
}

bool
passkey_find(struct db *db, struct arena *a, struct str id,
    struct passkey_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &p_find, V(v_bytes(id)), take_passkey, &t, found,
	    e);
}

bool
passkey_list(struct db *db, struct arena *a, struct str user,
    struct passkey_row **out, size_t *n, struct err *e)
{
	struct passkey_row *at = arena_array(a, struct passkey_row,
	    PASSKEYS_MAX);
	struct rows r;
	size_t count = 0;

	if (!db_query(db, &p_list, V(v_str(user)), &r, e))
		return false;
	while (count < PASSKEYS_MAX && db_next(&r))
		read_passkey(&r, a, &at[count++]);
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
passkey_used(struct db *db, struct str id, int64_t counter, int64_t now_ms,
    bool *done, struct err *e)
{
	return changes(db, &p_used, V(v_bytes(id), v_int(counter),
	    v_int(now_ms)), done, e);
}

bool
passkey_delete(struct db *db, struct str user, struct str id, struct err *e)
{
	return id.n == 0 ? db_exec(db, &p_delete_all, V(v_str(user)), e)
	    : db_exec(db, &p_delete, V(v_str(user), v_bytes(id)), e);
}
