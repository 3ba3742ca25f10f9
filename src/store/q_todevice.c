/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* To-device messages and key backups. See q_keys.h. */
#include "store/q_keys.h"

static const struct query put = {
	.name = "to_device.put",
	.sql = "INSERT INTO to_device (user_id, device_id, pos, sender, type,"
	    " content) VALUES ($1, $2, $3, $4, $5, $6)",
};
static const struct query list = {
	.name = "to_device.list",
	.sql = "SELECT pos, sender, type, content FROM to_device"
	    " WHERE user_id = $1 AND device_id = $2 AND pos > $3"
	    " AND pos <= $4 ORDER BY pos LIMIT $5",
};
static const struct query del = {
	.name = "to_device.delete",
	.sql = "DELETE FROM to_device WHERE user_id = $1 AND device_id = $2"
	    " AND pos <= $3",
};
static const struct query b_last = {
	.name = "backup.last",
	.sql = "SELECT COALESCE(MAX(version), 0) FROM backup_version"
	    " WHERE user_id = $1",
};
static const struct query b_create = {
	.name = "backup.create",
	.sql = "INSERT INTO backup_version (user_id, version, algorithm,"
	    " auth_data) VALUES ($1, $2, $3, $4)",
};
#define BACKUP "SELECT version, etag, algorithm, auth_data," \
	" (SELECT COUNT(*) FROM backup_key k WHERE k.user_id = v.user_id" \
	" AND k.version = v.version) FROM backup_version v"
static const struct query b_find = {
	.name = "backup.find",
	.sql = BACKUP " WHERE user_id = $1 AND version = $2 AND deleted = 0",
};
static const struct query b_newest = {
	.name = "backup.newest",
	.sql = BACKUP " WHERE user_id = $1 AND deleted = 0"
	    " ORDER BY version DESC LIMIT 1",
};
static const struct query b_update = {
	.name = "backup.update",
	.sql = "UPDATE backup_version SET auth_data = $3 WHERE user_id = $1"
	    " AND version = $2",
};
static const struct query b_delete = {
	.name = "backup.delete",
	.sql = "UPDATE backup_version SET deleted = 1 WHERE user_id = $1"
	    " AND version = $2",
};
static const struct query b_bump = {
	.name = "backup.bump",
	.sql = "UPDATE backup_version SET etag = etag + 1 WHERE user_id = $1"
	    " AND version = $2",
};
/* A verified key beats one that is not; then the earlier index; then fewer forwards. */
static const struct query k_put = {
	.name = "backup_key.put",
	.sql = "INSERT INTO backup_key (user_id, version, room_id,"
	    " session_id, first_index, forwarded, verified, data)"
	    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	    " ON CONFLICT (user_id, version, room_id, session_id) DO UPDATE"
	    " SET first_index = excluded.first_index,"
	    " forwarded = excluded.forwarded, verified = excluded.verified,"
	    " data = excluded.data"
	    " WHERE excluded.verified > backup_key.verified"
	    " OR (excluded.verified = backup_key.verified"
	    " AND (excluded.first_index < backup_key.first_index"
	    " OR (excluded.first_index = backup_key.first_index"
	    " AND excluded.forwarded < backup_key.forwarded)))",
};
static const struct query k_list = {
	.name = "backup_key.list",
	.sql = "SELECT room_id, session_id, data, first_index, forwarded,"
	    " verified FROM backup_key WHERE user_id = $1 AND version = $2"
	    " AND ($3 = '' OR room_id = $3) AND ($4 = '' OR session_id = $4)"
	    " ORDER BY room_id, session_id",
};
static const struct query k_delete = {
	.name = "backup_key.delete",
	.sql = "DELETE FROM backup_key WHERE user_id = $1 AND version = $2"
	    " AND ($3 = '' OR room_id = $3) AND ($4 = '' OR session_id = $4)",
};

QUERIES(q_todevice, &put, &list, &del, &b_last, &b_create, &b_find, &b_newest,
    &b_update, &b_delete, &b_bump, &k_put, &k_list, &k_delete)

bool
to_device_put(struct db *db, struct str user, struct str device, int64_t pos,
    struct str sender, struct str type, struct str content, struct err *e)
{
	return db_exec(db, &put, V(v_str(user), v_str(device), v_int(pos),
	    v_str(sender), v_str(type), v_str(content)), e);
}

bool
to_device_list(struct db *db, struct arena *a, struct str user,
    struct str device, int64_t from, int64_t upto, size_t max,
    struct to_device_row **out, size_t *n, struct err *e)
{
	struct to_device_row *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &list, V(v_str(user), v_str(device), v_int(from),
	    v_int(upto), v_int((int64_t)max)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = (struct to_device_row){ db_int(&r, 0),
		    db_str(&r, 1, a), db_str(&r, 2, a), db_str(&r, 3, a) };
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
to_device_delete(struct db *db, struct str user, struct str device,
    int64_t upto, struct err *e)
{
	return db_exec(db, &del, V(v_str(user), v_str(device), v_int(upto)),
	    e);
}

bool
backup_create(struct db *db, struct str user, struct str algorithm,
    struct str auth_data, int64_t *version, struct err *e)
{
	int64_t last = 0;

	if (!db_one_int(db, &b_last, V(v_str(user)), &last, NULL, e))
		return false;
	*version = last + 1;
	return db_exec(db, &b_create, V(v_str(user), v_int(*version),
	    v_str(algorithm), v_str(auth_data)), e);
}

struct take {
	struct arena *a;
	struct backup_row *out;
};

static void
take_backup(struct rows *r, void *arg)
{
	struct take *t = arg;

	*t->out = (struct backup_row){
		.version = db_int(r, 0), .etag = db_int(r, 1),
		.algorithm = db_str(r, 2, t->a),
		.auth_data = db_str(r, 3, t->a), .count = db_int(r, 4),
	};
}

bool
backup_find(struct db *db, struct arena *a, struct str user, int64_t version,
    struct backup_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	if (version == 0)
		return db_one(db, &b_newest, V(v_str(user)), take_backup, &t,
		    found, e);
	return db_one(db, &b_find, V(v_str(user), v_int(version)),
	    take_backup, &t, found, e);
}

bool
backup_update(struct db *db, struct str user, int64_t version,
    struct str auth_data, struct err *e)
{
	return db_exec(db, &b_update, V(v_str(user), v_int(version),
	    v_str(auth_data)), e);
}

bool
backup_delete(struct db *db, struct str user, int64_t version, struct err *e)
{
	struct str all = { NULL, 0 };
	int64_t n;

	return db_exec(db, &b_delete, V(v_str(user), v_int(version)), e) &&
	    backup_key_delete(db, user, version, all, all, &n, e);
}

bool
backup_bump(struct db *db, struct str user, int64_t version, struct err *e)
{
	return db_exec(db, &b_bump, V(v_str(user), v_int(version)), e);
}

bool
backup_key_put(struct db *db, struct str user, int64_t version,
    const struct backup_key *x, bool *done, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &k_put, V(v_str(user), v_int(version),
	    v_str(x->room), v_str(x->session), v_int(x->first_index),
	    v_int(x->forwarded), v_bool(x->verified), v_str(x->data)), &n, e))
		return false;
	*done = n > 0;
	return true;
}

bool
backup_key_list(struct db *db, struct arena *a, struct str user,
    int64_t version, struct str room, struct str session,
    struct backup_key **out, size_t *n, struct err *e)
{
	struct backup_key *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &k_list, V(v_str(user), v_int(version),
	    v_str(room), v_str(session)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = (struct backup_key){ db_str(&r, 0, a),
		    db_str(&r, 1, a), db_str(&r, 2, a), db_int(&r, 3),
		    db_int(&r, 4), db_bool(&r, 5) };
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
backup_key_delete(struct db *db, struct str user, int64_t version,
    struct str room, struct str session, int64_t *n, struct err *e)
{
	return db_change(db, &k_delete, V(v_str(user), v_int(version),
	    v_str(room), v_str(session)), n, e);
}
