/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_contain.h. Ending sessions is q_revoke.c. */
#include "store/q_contain.h"

#define COLUMNS "id, user_id, device_id, address, server, actor, reason," \
	" at_ms, was_locked, released_ms, released_by, released_reason"

static const struct query insert = {
	.name = "containment.insert",
	.sql = "INSERT INTO containment (id, user_id, device_id, address,"
	    " server, actor, reason, at_ms, was_locked)"
	    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
};
static const struct query find = {
	.name = "containment.find",
	.sql = "SELECT " COLUMNS " FROM containment WHERE user_id = $1"
	    " AND device_id = $2 AND address = $3 AND server = $4"
	    " AND released_ms IS NULL",
};
static const struct query end = {
	.name = "containment.end",
	.sql = "UPDATE containment SET released_ms = $2, released_by = $3,"
	    " released_reason = $4 WHERE id = $1 AND released_ms IS NULL",
};
static const struct query list_now = {
	.name = "containment.list_in_force",
	.sql = "SELECT " COLUMNS " FROM containment"
	    " WHERE released_ms IS NULL ORDER BY id DESC LIMIT $1",
};
static const struct query list_all = {
	.name = "containment.list",
	.sql = "SELECT " COLUMNS " FROM containment ORDER BY id DESC LIMIT $1",
};
static const struct query count = {
	.name = "containment.count",
	.sql = "SELECT COUNT(*) FROM containment WHERE released_ms IS NULL",
};
static const struct query whole = {
	.name = "containment.whole",
	.sql = "SELECT 1 FROM containment WHERE user_id = $1"
	    " AND device_id = '' AND address = '' AND released_ms IS NULL",
};
static const struct query of_device = {
	.name = "containment.device",
	.sql = "SELECT 1 FROM containment WHERE user_id = $1"
	    " AND (device_id = '' OR device_id = $2) AND address = ''"
	    " AND released_ms IS NULL LIMIT 1",
};
static const struct query hold_add = {
	.name = "legal_hold.insert",
	.sql = "INSERT INTO legal_hold (user_id, containment, at_ms)"
	    " VALUES ($1, $2, $3)",
};
static const struct query hold_del = {
	.name = "legal_hold.delete",
	.sql = "DELETE FROM legal_hold WHERE containment = $1",
};
static const struct query hold_of = {
	.name = "legal_hold.user",
	.sql = "SELECT 1 FROM legal_hold WHERE user_id = $1 LIMIT 1",
};
static const struct query hold_ev = {
	.name = "held_event.insert",
	.sql = "INSERT INTO held_event (event, json, at_ms)"
	    " SELECT nid, json, $2 FROM event WHERE nid = $1 AND EXISTS"
	    " (SELECT 1 FROM legal_hold h WHERE h.user_id = event.sender)"
	    " ON CONFLICT (event) DO NOTHING",
};
static const struct query audit_add = {
	.name = "audit.insert",
	.sql = "INSERT INTO audit (id, at_ms, actor, address, action, target,"
	    " reason) VALUES ($1, $2, $3, $4, $5, $6, $7)",
};
static const struct query outbox_add = {
	.name = "containment_outbox.insert",
	.sql = "INSERT INTO containment_outbox (id, containment, released,"
	    " at_ms) VALUES ($1, $2, $3, $4)",
};
static const struct query invited = {
	.name = "membership.invited_by",
	.sql = "SELECT m.room, m.user_id FROM membership s JOIN membership m"
	    " ON m.room = s.room AND m.membership = 1 JOIN event e"
	    " ON e.nid = m.event WHERE s.user_id = $1 AND e.sender = $1"
	    " LIMIT $2",
};

QUERIES(q_contain, &insert, &find, &end, &list_now, &list_all, &count, &whole,
    &of_device, &hold_add, &hold_del, &hold_of, &hold_ev, &audit_add,
    &outbox_add, &invited)

bool
contain_insert(struct db *db, const struct contain_row *x, struct err *e)
{
	return db_exec(db, &insert, V(v_int(x->id), v_str(x->t.user),
	    v_str(x->t.device), v_str(x->t.address), v_str(x->t.server),
	    v_str(x->actor), v_str(x->reason), v_int(x->at_ms),
	    v_bool(x->was_locked)), e);
}

static void
read_row(struct rows *r, struct arena *a, struct contain_row *x)
{
	*x = (struct contain_row){
		.id = db_int(r, 0),
		.t = { db_str(r, 1, a), db_str(r, 2, a), db_str(r, 3, a),
		    db_str(r, 4, a) },
		.actor = db_str(r, 5, a), .reason = db_str(r, 6, a),
		.at_ms = db_int(r, 7), .was_locked = db_bool(r, 8),
		.released_ms = db_int(r, 9), .released_by = db_str(r, 10, a),
		.released_reason = db_str(r, 11, a),
	};
}

struct take {
	struct arena *a;
	struct contain_row *out;
};

static void
take_row(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_row(r, t->a, t->out);
}

bool
contain_find(struct db *db, struct arena *a, const struct contain_target *t,
    struct contain_row *out, bool *found, struct err *e)
{
	struct take take = { a, out };

	return db_one(db, &find, V(v_str(t->user), v_str(t->device),
	    v_str(t->address), v_str(t->server)), take_row, &take, found, e);
}

bool
contain_end(struct db *db, const struct contain_row *x, struct err *e)
{
	return db_exec(db, &end, V(v_int(x->id), v_int(x->released_ms),
	    v_str(x->released_by), v_str(x->released_reason)), e);
}

bool
contain_list(struct db *db, struct arena *a, bool in_force, size_t max,
    struct contain_row **out, size_t *n, struct err *e)
{
	struct contain_row *at = NULL;
	size_t cap = 0, got = 0;
	struct rows r;

	if (!db_query(db, in_force ? &list_now : &list_all,
	    V(v_int((int64_t)max)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, got, &cap, sizeof(*at));
		read_row(&r, a, &at[got++]);
	}
	*out = at;
	*n = got;
	return db_done(&r, e);
}

bool
contain_count(struct db *db, int64_t *n, struct err *e)
{
	return db_one_int(db, &count, V0, n, NULL, e);
}

bool
contain_whole(struct db *db, struct str user, bool *is, struct err *e)
{
	return db_exists(db, &whole, V(v_str(user)), is, e);
}

bool
contain_device(struct db *db, struct str user, struct str device, bool *is,
    struct err *e)
{
	return db_exists(db, &of_device, V(v_str(user), v_str(device)), is,
	    e);
}

bool
hold_insert(struct db *db, struct str user, int64_t containment,
    int64_t now_ms, struct err *e)
{
	return db_exec(db, &hold_add, V(v_str(user), v_int(containment),
	    v_int(now_ms)), e);
}

bool
hold_delete(struct db *db, int64_t containment, struct err *e)
{
	return db_exec(db, &hold_del, V(v_int(containment)), e);
}

bool
hold_user(struct db *db, struct str user, bool *held, struct err *e)
{
	return db_exists(db, &hold_of, V(v_str(user)), held, e);
}

bool
hold_event(struct db *db, int64_t event, int64_t now_ms, struct err *e)
{
	return db_exec(db, &hold_ev, V(v_int(event), v_int(now_ms)), e);
}

bool
audit_insert(struct db *db, const struct audit_row *x, struct err *e)
{
	return db_exec(db, &audit_add, V(v_int(x->id), v_int(x->at_ms),
	    v_str(x->actor), v_str(x->address), v_str(x->action),
	    v_str(x->target), v_str(x->reason)), e);
}

bool
outbox_insert(struct db *db, int64_t id, int64_t containment, bool released,
    int64_t now_ms, struct err *e)
{
	return db_exec(db, &outbox_add, V(v_int(id), v_int(containment),
	    v_bool(released), v_int(now_ms)), e);
}

bool
invitations_by(struct db *db, struct arena *a, struct str sender, size_t max,
    struct invitation **out, size_t *n, struct err *e)
{
	struct invitation *at = NULL;
	size_t cap = 0, got = 0;
	struct rows r;

	if (!db_query(db, &invited, V(v_str(sender), v_int((int64_t)max)), &r,
	    e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, got, &cap, sizeof(*at));
		at[got++] = (struct invitation){ db_int(&r, 0),
		    db_str(&r, 1, a) };
	}
	*out = at;
	*n = got;
	return db_done(&r, e);
}
