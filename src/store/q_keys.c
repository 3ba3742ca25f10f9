/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Device keys, one-time and fallback keys, cross-signing, device changes. See q_keys.h. */
#include "store/q_keys.h"

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
static const struct query o_take = {
	.name = "one_time_key.take",
	.sql = "DELETE FROM one_time_key WHERE user_id = $1"
	    " AND device_id = $2 AND algorithm = $3 AND ord = (SELECT MIN(ord)"
	    " FROM one_time_key WHERE user_id = $1 AND device_id = $2"
	    " AND algorithm = $3)"
	    " RETURNING user_id, device_id, algorithm, key_id, body, ord",
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
static const struct query f_use = {
	.name = "fallback_key.use",
	.sql = "UPDATE fallback_key SET used = 1 WHERE user_id = $1"
	    " AND device_id = $2 AND algorithm = $3"
	    " RETURNING user_id, device_id, algorithm, key_id, body, used",
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

QUERIES(q_keys, &dk_put, &dk_of, &dk_get, &o_get, &o_put, &o_take, &o_counts,
    &f_put, &f_use, &f_unused, &c_put, &c_of, &s_put, &s_of, &ch_put, &ch_in,
    &del_dk, &del_o, &del_f, &del_s, &del_t)

struct take {
	struct arena *a;
	void *out;
};

static void
read_row(struct rows *r, struct arena *a, struct key_row *x)
{
	*x = (struct key_row){ db_str(r, 0, a), db_str(r, 1, a),
	    db_str(r, 2, a), db_str(r, 3, a), db_str(r, 4, a), db_int(r, 5) };
}

static void
take_row(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_row(r, t->a, t->out);
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

bool
otk_take(struct db *db, struct arena *a, struct str user, struct str device,
    struct str algorithm, struct key_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &o_take, V(v_str(user), v_str(device),
	    v_str(algorithm)), take_row, &t, found, e);
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
fallback_use(struct db *db, struct arena *a, struct str user,
    struct str device, struct str algorithm, struct key_row *out, bool *found,
    struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &f_use, V(v_str(user), v_str(device),
	    v_str(algorithm)), take_row, &t, found, e);
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
