/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_delayed.h. */
#include "store/q_delayed.h"

#define COLUMNS "delay_id, user_id, device_id, room_id, type, state_key," \
	" content, sticky_ms, delay_ms, since_ms, due_ms, txn, status"

static const struct query insert = {
	.name = "delayed.insert",
	.sql = "INSERT INTO delayed_event (" COLUMNS ") VALUES ($1, $2, $3,"
	    " $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
};
static const struct query find = {
	.name = "delayed.find",
	.sql = "SELECT " COLUMNS " FROM delayed_event WHERE delay_id = $1",
};
static const struct query of_txn = {
	.name = "delayed.of_txn",
	.sql = "SELECT delay_id FROM delayed_event WHERE user_id = $1"
	    " AND device_id = $2 AND txn = $3 LIMIT 1",
};
static const struct query of_user = {
	.name = "delayed.of_user",
	.sql = "SELECT " COLUMNS " FROM delayed_event WHERE user_id = $1"
	    " AND status = 0 ORDER BY due_ms, delay_id LIMIT $2",
};
static const struct query count = {
	.name = "delayed.count",
	.sql = "SELECT COUNT(*) FROM delayed_event WHERE user_id = $1"
	    " AND status = 0",
};
static const struct query due = {
	.name = "delayed.due",
	.sql = "SELECT " COLUMNS " FROM delayed_event WHERE status = 0"
	    " AND due_ms <= $1 ORDER BY due_ms LIMIT $2",
};
static const struct query next_due = {
	.name = "delayed.next",
	.sql = "SELECT MIN(due_ms), COUNT(state_key) FROM delayed_event"
	    " WHERE status = 0",
};
static const struct query restart = {
	.name = "delayed.restart",
	.sql = "UPDATE delayed_event SET since_ms = $2, due_ms = $2 + delay_ms"
	    " WHERE delay_id = $1 AND status = 0",
};
static const struct query finish = {
	.name = "delayed.finish",
	.sql = "UPDATE delayed_event SET status = $2, done_ms = $3"
	    " WHERE delay_id = $1 AND status = 0",
};
static const struct query cancel_place = {
	.name = "delayed.cancel_place",
	.sql = "UPDATE delayed_event SET status = 2, done_ms = $5"
	    " WHERE room_id = $1 AND type = $2 AND state_key = $3"
	    " AND user_id <> $4 AND status = 0",
};
static const struct query sweep = {
	.name = "delayed.sweep",
	.sql = "DELETE FROM delayed_event WHERE done_ms < $1"
	    " AND user_id NOT IN (SELECT user_id FROM legal_hold)",
};

QUERIES(q_delayed, &insert, &find, &of_txn, &of_user, &count, &due, &next_due,
    &restart, &finish, &cancel_place, &sweep)

bool
delayed_insert(struct db *db, const struct delayed_row *x, struct err *e)
{
	return db_exec(db, &insert, V(v_str(x->delay_id), v_str(x->user),
	    v_str(x->device), v_str(x->room_id), v_str(x->type),
	    x->is_state ? v_str(x->state_key) : v_null(), v_str(x->content),
	    v_int(x->sticky_ms), v_int(x->delay_ms), v_int(x->since_ms),
	    v_int(x->due_ms), v_str(x->txn), v_int((int64_t)x->status)), e);
}

static void
read_row(struct rows *r, struct arena *a, struct delayed_row *x)
{
	*x = (struct delayed_row){
		.delay_id = db_str(r, 0, a), .user = db_str(r, 1, a),
		.device = db_str(r, 2, a), .room_id = db_str(r, 3, a),
		.type = db_str(r, 4, a), .is_state = !db_null(r, 5),
		.state_key = db_str(r, 5, a), .content = db_str(r, 6, a),
		.sticky_ms = db_int(r, 7), .delay_ms = db_int(r, 8),
		.since_ms = db_int(r, 9), .due_ms = db_int(r, 10),
		.txn = db_str(r, 11, a),
		.status = (enum delayed_status)db_int(r, 12),
	};
}

struct take {
	struct arena *a;
	void *out;
};

static void
take_row(struct rows *r, void *arg)
{
	struct take *t = arg;

	read_row(r, t->a, t->out);
}

bool
delayed_find(struct db *db, struct arena *a, struct str delay_id,
    struct delayed_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &find, V(v_str(delay_id)), take_row, &t, found, e);
}

bool
delayed_of_txn(struct db *db, struct arena *a, struct str user,
    struct str device, struct str txn, struct str *delay_id, struct err *e)
{
	*delay_id = (struct str){ NULL, 0 };
	return db_one_str(db, &of_txn, V(v_str(user), v_str(device),
	    v_str(txn)), a, delay_id, NULL, e);
}

static bool
read_rows(struct rows *r, struct arena *a, size_t max,
    struct delayed_row **out, size_t *n, struct err *e)
{
	struct delayed_row *at = arena_array(a, struct delayed_row, max);
	size_t got = 0;

	while (got < max && db_next(r))
		read_row(r, a, &at[got++]);
	*out = at;
	*n = got;
	return db_done(r, e);
}

bool
delayed_of_user(struct db *db, struct arena *a, struct str user, size_t max,
    struct delayed_row **out, size_t *n, struct err *e)
{
	struct rows r;

	return db_query(db, &of_user, V(v_str(user), v_int((int64_t)max)), &r,
	    e) && read_rows(&r, a, max, out, n, e);
}

bool
delayed_count(struct db *db, struct str user, int64_t *n, struct err *e)
{
	return db_one_int(db, &count, V(v_str(user)), n, NULL, e);
}

bool
delayed_due(struct db *db, struct arena *a, int64_t now_ms, size_t max,
    struct delayed_row **out, size_t *n, struct err *e)
{
	struct rows r;

	return db_query(db, &due, V(v_int(now_ms), v_int((int64_t)max)), &r,
	    e) && read_rows(&r, a, max, out, n, e);
}

static void
take_next(struct rows *r, void *arg)
{
	int64_t *at = arg;

	at[0] = db_null(r, 0) ? INT64_MAX : db_int(r, 0);
	at[1] = db_int(r, 1);
}

bool
delayed_next(struct db *db, int64_t *due_ms, int64_t *states, struct err *e)
{
	int64_t at[2] = { INT64_MAX, 0 };
	bool found;

	if (!db_one(db, &next_due, V0, take_next, at, &found, e))
		return false;
	*due_ms = at[0];
	*states = at[1];
	return true;
}

bool
delayed_restart(struct db *db, struct str delay_id, int64_t now_ms,
    bool *changed, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &restart, V(v_str(delay_id), v_int(now_ms)), &n, e))
		return false;
	*changed = n > 0;
	return true;
}

bool
delayed_finish(struct db *db, struct str delay_id, enum delayed_status status,
    int64_t now_ms, bool *changed, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &finish, V(v_str(delay_id), v_int((int64_t)status),
	    v_int(now_ms)), &n, e))
		return false;
	*changed = n > 0;
	return true;
}

bool
delayed_cancel_place(struct db *db, struct str room_id, struct str type,
    struct str key, struct str but, int64_t now_ms, struct err *e)
{
	return db_exec(db, &cancel_place, V(v_str(room_id), v_str(type),
	    v_str(key), v_str(but), v_int(now_ms)), e);
}

bool
delayed_sweep(struct db *db, int64_t before_ms, struct err *e)
{
	return db_exec(db, &sweep, V(v_int(before_ms)), e);
}
