/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_media.h. */
#include "store/q_media.h"

static const struct query insert = {
	.name = "media.insert",
	.sql = "INSERT INTO media (server, media_id, user_id, type, name,"
	    " bytes, sha256, created_ms, expires_ms)"
	    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
};
static const struct query fill = {
	.name = "media.fill",
	.sql = "UPDATE media SET type = $3, name = $4, bytes = $5,"
	    " sha256 = $6, expires_ms = NULL WHERE server = $1"
	    " AND media_id = $2 AND bytes = -1",
};
static const struct query find = {
	.name = "media.find",
	.sql = "SELECT server, media_id, user_id, type, name, sha256, bytes,"
	    " created_ms, expires_ms, quarantined FROM media"
	    " WHERE server = $1 AND media_id = $2",
};
static const struct query used = {
	.name = "media.used",
	.sql = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM media"
	    " WHERE user_id = $1 AND bytes > 0",
};
static const struct query quarantine = {
	.name = "media.quarantine",
	.sql = "UPDATE media SET quarantined = $3 WHERE server = $1"
	    " AND media_id = $2",
};
static const struct query drop = {
	.name = "media.delete",
	.sql = "DELETE FROM media WHERE server = $1 AND media_id = $2",
};
static const struct query oldest = {
	.name = "media.oldest",
	.sql = "SELECT server, media_id, user_id, type, name, sha256, bytes,"
	    " created_ms, expires_ms, quarantined FROM media"
	    " WHERE user_id = '' AND quarantined = 0"
	    " ORDER BY created_ms LIMIT $1",
};

QUERIES(q_media, &insert, &fill, &find, &used, &quarantine, &drop, &oldest)

bool
media_insert(struct db *db, const struct media_row *x, struct err *e)
{
	return db_exec(db, &insert, V(v_str(x->server), v_str(x->id),
	    v_str(x->user), v_str(x->type), v_str(x->name), v_int(x->bytes),
	    x->sha256.n > 0 ? v_bytes(x->sha256) : v_null(),
	    v_int(x->created_ms),
	    x->expires_ms > 0 ? v_int(x->expires_ms) : v_null()), e);
}

bool
media_fill(struct db *db, const struct media_row *x, bool *done,
    struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &fill, V(v_str(x->server), v_str(x->id),
	    v_str(x->type), v_str(x->name), v_int(x->bytes),
	    v_bytes(x->sha256)), &n, e))
		return false;
	*done = n > 0;
	return true;
}

struct take {
	struct arena *a;
	struct media_row *out;
};

static struct media_row
read_row(struct rows *r, struct arena *a)
{
	return (struct media_row){
		.server = db_str(r, 0, a), .id = db_str(r, 1, a),
		.user = db_str(r, 2, a), .type = db_str(r, 3, a),
		.name = db_str(r, 4, a), .sha256 = db_str(r, 5, a),
		.bytes = db_int(r, 6), .created_ms = db_int(r, 7),
		.expires_ms = db_int(r, 8), .quarantined = db_bool(r, 9),
	};
}

static void
take_row(struct rows *r, void *arg)
{
	struct take *t = arg;

	*t->out = read_row(r, t->a);
}

bool
media_find(struct db *db, struct arena *a, struct str server, struct str id,
    struct media_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &find, V(v_str(server), v_str(id)), take_row, &t,
	    found, e);
}

bool
media_used(struct db *db, struct str user, int64_t *bytes, struct err *e)
{
	*bytes = 0;
	return db_one_int(db, &used, V(v_str(user)), bytes, NULL, e);
}

bool
media_quarantine(struct db *db, struct str server, struct str id, bool on,
    int64_t *n, struct err *e)
{
	return db_change(db, &quarantine, V(v_str(server), v_str(id),
	    v_bool(on)), n, e);
}

bool
media_delete(struct db *db, struct str server, struct str id, struct err *e)
{
	return db_exec(db, &drop, V(v_str(server), v_str(id)), e);
}

bool
media_oldest(struct db *db, struct arena *a, struct media_row *out,
    size_t max, size_t *n, struct err *e)
{
	struct rows r;

	*n = 0;
	if (!db_query(db, &oldest, V(v_int((int64_t)max)), &r, e))
		return false;
	while (*n < max && db_next(&r))
		out[(*n)++] = read_row(&r, a);
	return db_done(&r, e);
}
