/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Device keys, one-time and fallback keys, cross-signing, device changes. See q_keys.h. */
#include "store/q_keys.h"

#include <assert.h>

/* So many are looked for by one query. */
#define CLAIM_ROWS 16

static const struct query dk_put = {
	.name = "device_key.put",
	.sql = "INSERT INTO device_key (user_id, device_id, body)"
	    " VALUES ($1, $2, $3) ON CONFLICT (user_id, device_id)"
	    " DO UPDATE SET body = excluded.body",
};
static const struct query dk_of = {
	.name = "device_key.of_user",
	.sql = "SELECT k.user_id, k.device_id, '', d.name, k.body, 0"
	    " FROM device_key k LEFT JOIN device d ON d.user_id = k.user_id"
	    " AND d.device_id = k.device_id WHERE k.user_id = $1",
};
static const struct query dk_get = {
	.name = "device_key.get",
	.sql = "SELECT body FROM device_key WHERE user_id = $1"
	    " AND device_id = $2",
};
static const struct query o_get = {
	.name = "one_time_key.get",
	.sql = "SELECT body FROM one_time_key WHERE user_id = $1"
	    " AND device_id = $2 AND algorithm = $3 AND key_id = $4",
};
static const struct query o_put = {
	.name = "one_time_key.put",
	.sql = "INSERT INTO one_time_key (user_id, device_id, algorithm,"
	    " key_id, body, ord) VALUES ($1, $2, $3, $4, $5, $6)",
};
/* Of several devices at once: a number, and what is asked under it. */
#define A(i, u, d, a) "(" #i ", $" #u ", $" #d ", $" #a ")"
static const struct query o_oldest = {
	.name = "one_time_key.oldest",
	.sql = "WITH asked (i, u, d, a) AS (VALUES "
	    A(0, 1, 2, 3) "," A(1, 4, 5, 6) "," A(2, 7, 8, 9) ","
	    A(3, 10, 11, 12) "," A(4, 13, 14, 15) "," A(5, 16, 17, 18) ","
	    A(6, 19, 20, 21) "," A(7, 22, 23, 24) "," A(8, 25, 26, 27) ","
	    A(9, 28, 29, 30) "," A(10, 31, 32, 33) "," A(11, 34, 35, 36) ","
	    A(12, 37, 38, 39) "," A(13, 40, 41, 42) "," A(14, 43, 44, 45) ","
	    A(15, 46, 47, 48) ")"
	    " SELECT asked.i, k.key_id, k.body, k.ord FROM asked"
	    " JOIN one_time_key k ON k.user_id = asked.u"
	    " AND k.device_id = asked.d AND k.algorithm = asked.a"
	    " AND k.ord = (SELECT MIN(o.ord) FROM one_time_key o"
	    " WHERE o.user_id = asked.u AND o.device_id = asked.d"
	    " AND o.algorithm = asked.a)",
};
#undef A
static const struct query o_del = {
	.name = "one_time_key.delete_one",
	.sql = "DELETE FROM one_time_key WHERE user_id = $1"
	    " AND device_id = $2 AND algorithm = $3 AND ord = $4",
};
static const struct query o_counts = {
	.name = "one_time_key.counts",
	.sql = "SELECT '', '', algorithm, '', '', COUNT(*) FROM one_time_key"
	    " WHERE user_id = $1 AND device_id = $2 GROUP BY algorithm",
};
static const struct query f_put = {
	.name = "fallback_key.put",
	.sql = "INSERT INTO fallback_key (user_id, device_id, algorithm,"
	    " key_id, body, used) VALUES ($1, $2, $3, $4, $5, 0)"
	    " ON CONFLICT (user_id, device_id, algorithm) DO UPDATE SET"
	    " key_id = excluded.key_id, body = excluded.body, used = 0",
};
static const struct query f_get = {
	.name = "fallback_key.get",
	.sql = "SELECT key_id, body, used FROM fallback_key"
	    " WHERE user_id = $1 AND device_id = $2 AND algorithm = $3",
};
static const struct query f_used = {
	.name = "fallback_key.used",
	.sql = "UPDATE fallback_key SET used = 1 WHERE user_id = $1"
	    " AND device_id = $2 AND algorithm = $3",
};
static const struct query f_unused = {
	.name = "fallback_key.unused",
	.sql = "SELECT '', '', algorithm, '', '', 0 FROM fallback_key"
	    " WHERE user_id = $1 AND device_id = $2 AND used = 0",
};
static const struct query c_put = {
	.name = "cross_key.put",
	.sql = "INSERT INTO cross_key (user_id, kind, public_key, body)"
	    " VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, kind) DO UPDATE"
	    " SET public_key = excluded.public_key, body = excluded.body",
};
static const struct query c_of = {
	.name = "cross_key.of_user",
	.sql = "SELECT user_id, kind, '', public_key, body, 0 FROM cross_key"
	    " WHERE user_id = $1",
};
static const struct query s_put = {
	.name = "key_signature.put",
	.sql = "INSERT INTO key_signature (user_id, target, signer,"
	    " signer_key, signature) VALUES ($1, $2, $3, $4, $5)"
	    " ON CONFLICT (user_id, target, signer, signer_key) DO UPDATE"
	    " SET signature = excluded.signature",
};
static const struct query s_of = {
	.name = "key_signature.of_user",
	.sql = "SELECT user_id, target, signer, signer_key, signature"
	    " FROM key_signature WHERE user_id = $1"
	    " AND (signer = $1 OR signer = $2) LIMIT 5000",
};
static const struct query ch_put = {
	.name = "device_change.put",
	.sql = "INSERT INTO device_change (user_id, pos) VALUES ($1, $2)"
	    " ON CONFLICT (user_id) DO UPDATE SET pos = excluded.pos",
};
static const struct query ch_in = {
	.name = "device_change.in",
	.sql = "SELECT user_id FROM device_change WHERE pos > $1"
	    " AND pos <= $2 ORDER BY pos LIMIT 10000",
};
static const struct query del_dk = {
	.name = "device_key.delete",
	.sql = "DELETE FROM device_key WHERE user_id = $1 AND device_id = $2",
};
static const struct query del_o = {
	.name = "one_time_key.delete",
	.sql = "DELETE FROM one_time_key WHERE user_id = $1"
	    " AND device_id = $2",
};
static const struct query del_f = {
	.name = "fallback_key.delete",
	.sql = "DELETE FROM fallback_key WHERE user_id = $1"
	    " AND device_id = $2",
};
static const struct query del_s = {
	.name = "key_signature.delete",
	.sql = "DELETE FROM key_signature WHERE user_id = $1 AND target = $2",
};
static const struct query del_t = {
	.name = "to_device.delete_device",
	.sql = "DELETE FROM to_device WHERE user_id = $1 AND device_id = $2",
};

QUERIES(q_keys, &dk_put, &dk_of, &dk_get, &o_get, &o_put, &o_oldest, &o_del,
    &o_counts, &f_put, &f_get, &f_used, &f_unused, &c_put, &c_of, &s_put, &s_of, &ch_put, &ch_in,
    &del_dk, &del_o, &del_f, &del_s, &del_t)

static void
read_row(struct rows *r, struct arena *a, struct key_row *x)
{
	*x = (struct key_row){ db_str(r, 0, a), db_str(r, 1, a),
	    db_str(r, 2, a), db_str(r, 3, a), db_str(r, 4, a), db_int(r, 5) };
}

static bool
read_rows(struct rows *r, struct arena *a, struct key_rows *out,
    struct err *e)
{
	size_t cap = 0;

	*out = (struct key_rows){ NULL, 0 };
	while (db_next(r)) {
		out->at = arena_more(a, out->at, out->n, &cap,
		    sizeof(*out->at));
		read_row(r, a, &out->at[out->n++]);
	}
	return db_done(r, e);
}

bool
device_key_put(struct db *db, struct str user, struct str device,
    struct str body, struct err *e)
{
	return db_exec(db, &dk_put, V(v_str(user), v_str(device),
	    v_str(body)), e);
}

bool
device_keys_of(struct db *db, struct arena *a, struct str user,
    struct key_rows *out, struct err *e)
{
	struct rows r;

	return db_query(db, &dk_of, V(v_str(user)), &r, e) &&
	    read_rows(&r, a, out, e);
}

bool
device_key_get(struct db *db, struct arena *a, struct str user,
    struct str device, struct str *body, struct err *e)
{
	*body = (struct str){ NULL, 0 };
	return db_one_str(db, &dk_get, V(v_str(user), v_str(device)), a, body, NULL, e);
}

bool
otk_get(struct db *db, struct arena *a, struct str user, struct str device,
    struct str algorithm, struct str key_id, struct str *body, struct err *e)
{
	*body = (struct str){ NULL, 0 };
	return db_one_str(db, &o_get, V(v_str(user), v_str(device),
	    v_str(algorithm), v_str(key_id)), a, body, NULL, e);
}

bool
otk_put(struct db *db, struct str user, struct str device,
    struct str algorithm, struct str key_id, struct str body, int64_t ord,
    struct err *e)
{
	return db_exec(db, &o_put, V(v_str(user), v_str(device),
	    v_str(algorithm), v_str(key_id), v_str(body), v_int(ord)), e);
}

static bool
oldest(struct db *db, struct arena *a, struct claimed_key *x, size_t n,
    struct err *e)
{
	struct val v[3 * CLAIM_ROWS];
	struct rows r;

	for (size_t i = 0; i < CLAIM_ROWS; i++) {
		v[3 * i] = i < n ? v_str(x[i].user) : v_null();
		v[3 * i + 1] = i < n ? v_str(x[i].device) : v_null();
		v[3 * i + 2] = i < n ? v_str(x[i].algorithm) : v_null();
	}
	if (!db_query(db, &o_oldest, v, LEN(v), &r, e))
		return false;
	while (db_next(&r)) {
		int64_t i = db_int(&r, 0);

		assert(i >= 0 && i < (int64_t)n);
		x[i].key_id = db_str(&r, 1, a);
		x[i].body = db_str(&r, 2, a);
		x[i].ord = db_int(&r, 3);
	}
	return db_done(&r, e);
}

struct take {
	struct arena *a;
	struct claimed_key *x;
	bool used;
};

static void
take_fallback(struct rows *r, void *arg)
{
	struct take *t = arg;

	t->x->key_id = db_str(r, 0, t->a);
	t->x->body = db_str(r, 1, t->a);
	t->used = db_bool(r, 2);
}

/* One that was used before is read only. */
static bool
fallback(struct db *db, struct arena *a, struct claimed_key *x, struct err *e)
{
	struct take t = { a, x, false };
	bool found;

	return db_one(db, &f_get, V(v_str(x->user), v_str(x->device),
	    v_str(x->algorithm)), take_fallback, &t, &found, e) &&
	    (!found || t.used || db_exec(db, &f_used, V(v_str(x->user),
	    v_str(x->device), v_str(x->algorithm)), e));
}

static bool
claim_one(struct db *db, struct arena *a, struct claimed_key *x, struct err *e)
{
	if (x->key_id.n == 0)
		return fallback(db, a, x, e);
	return db_exec(db, &o_del, V(v_str(x->user), v_str(x->device),
	    v_str(x->algorithm), v_int(x->ord)), e);
}

bool
keys_take(struct db *db, struct arena *a, struct claimed_key *x, size_t n,
    struct err *e)
{
	assert(db_in_body(db));
	for (size_t at = 0; at < n; at += CLAIM_ROWS) {
		size_t some = n - at < CLAIM_ROWS ? n - at : CLAIM_ROWS;

		if (!oldest(db, a, x + at, some, e))
			return false;
		for (size_t i = at; i < at + some; i++)
			if (!claim_one(db, a, &x[i], e))
				return false;
	}
	return true;
}

bool
otk_counts_of(struct db *db, struct arena *a, struct str user,
    struct str device, struct key_rows *out, struct err *e)
{
	struct rows r;

	return db_query(db, &o_counts, V(v_str(user), v_str(device)), &r, e) &&
	    read_rows(&r, a, out, e);
}

bool
fallback_put(struct db *db, struct str user, struct str device,
    struct str algorithm, struct str key_id, struct str body, struct err *e)
{
	return db_exec(db, &f_put, V(v_str(user), v_str(device),
	    v_str(algorithm), v_str(key_id), v_str(body)), e);
}

bool
fallback_unused(struct db *db, struct arena *a, struct str user,
    struct str device, struct key_rows *out, struct err *e)
{
	struct rows r;

	return db_query(db, &f_unused, V(v_str(user), v_str(device)), &r, e) &&
	    read_rows(&r, a, out, e);
}

bool
cross_key_put(struct db *db, struct str user, struct str kind,
    struct str public_key, struct str body, struct err *e)
{
	return db_exec(db, &c_put, V(v_str(user), v_str(kind),
	    v_str(public_key), v_str(body)), e);
}

bool
cross_keys_of(struct db *db, struct arena *a, struct str user,
    struct key_rows *out, struct err *e)
{
	struct rows r;

	return db_query(db, &c_of, V(v_str(user)), &r, e) &&
	    read_rows(&r, a, out, e);
}

bool
signature_put(struct db *db, const struct sig_row *x, struct err *e)
{
	return db_exec(db, &s_put, V(v_str(x->user), v_str(x->target),
	    v_str(x->signer), v_str(x->signer_key), v_str(x->signature)), e);
}

bool
signatures_of(struct db *db, struct arena *a, struct str user,
    struct str viewer, struct sig_row **out, size_t *n, struct err *e)
{
	struct sig_row *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &s_of, V(v_str(user), v_str(viewer)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = (struct sig_row){ db_str(&r, 0, a),
		    db_str(&r, 1, a), db_str(&r, 2, a), db_str(&r, 3, a),
		    db_str(&r, 4, a) };
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
device_change_put(struct db *db, struct str user, int64_t pos, struct err *e)
{
	return db_exec(db, &ch_put, V(v_str(user), v_int(pos)), e);
}

bool
device_changes_in(struct db *db, struct arena *a, int64_t from, int64_t upto,
    struct str **out, size_t *n, struct err *e)
{
	struct str *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &ch_in, V(v_int(from), v_int(upto)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = db_str(&r, 0, a);
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
device_identity_drop(struct db *db, struct str user, struct str device,
    struct err *e)
{
	static const struct query *const all[] = { &del_o, &del_f, &del_s };

	for (size_t i = 0; i < LEN(all); i++)
		if (!db_exec(db, all[i], V(v_str(user), v_str(device)), e))
			return false;
	return true;
}

bool
device_keys_delete(struct db *db, struct str user, struct str device,
    struct err *e)
{
	return device_identity_drop(db, user, device, e) &&
	    db_exec(db, &del_dk, V(v_str(user), v_str(device)), e) &&
	    db_exec(db, &del_t, V(v_str(user), v_str(device)), e);
}
