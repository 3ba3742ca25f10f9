/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_room.h. */
#include "store/q_room.h"

#define ROOM_COLUMNS "nid, room_id, version, ends, published, blocked, state"

static const struct query find = {
	.name = "room.find",
	.sql = "SELECT " ROOM_COLUMNS " FROM room WHERE room_id = $1",
};
static const struct query find_nid = {
	.name = "room.find_nid",
	.sql = "SELECT " ROOM_COLUMNS " FROM room WHERE nid = $1",
};
static const struct query insert = {
	.name = "room.insert",
	.sql = "INSERT INTO room (nid, room_id, version, created_ms)"
	    " VALUES ($1, $2, $3, $4)",
};
static const struct query head = {
	.name = "room.head",
	.sql = "UPDATE room SET state = $2, ends = $3 WHERE nid = $1",
};
static const struct query publish = {
	.name = "room.publish",
	.sql = "UPDATE room SET published = $2 WHERE nid = $1",
};
static const struct query published = {
	.name = "room.published",
	.sql = "SELECT nid FROM room WHERE published = 1 ORDER BY nid",
};
static const struct query state_list = {
	.name = "room_state.list",
	.sql = "SELECT type, state_key, event FROM room_state WHERE room = $1",
};
static const struct query state_put = {
	.name = "room_state.put",
	.sql = "INSERT INTO room_state (room, type, state_key, event)"
	    " VALUES ($1, $2, $3, $4) ON CONFLICT (room, type, state_key)"
	    " DO UPDATE SET event = excluded.event",
};
static const struct query members = {
	.name = "membership.of_room",
	.sql = "SELECT user_id, membership, event, seq, pos FROM membership"
	    " WHERE room = $1",
};
static const struct query member_set = {
	.name = "membership.put",
	.sql = "INSERT INTO membership (room, user_id, membership, event, seq,"
	    " pos, forgotten) VALUES ($1, $2, $3, $4, $5, $6, 0)"
	    " ON CONFLICT (room, user_id) DO UPDATE SET"
	    " membership = excluded.membership, event = excluded.event,"
	    " seq = excluded.seq, pos = excluded.pos, forgotten ="
	    " CASE WHEN excluded.membership IN ($7, $8, $9) THEN 0"
	    " ELSE membership.forgotten END",
};
static const struct query forgotten = {
	.name = "membership.forgotten",
	.sql = "SELECT 1 FROM membership"
	    " WHERE room = $1 AND user_id = $2 AND forgotten = 1",
};

static const struct query state_del = {
	.name = "room_state.del",
	.sql = "DELETE FROM room_state WHERE room = $1 AND type = $2"
	    " AND state_key = $3",
};
static const struct query member_drop = {
	.name = "membership.del",
	.sql = "DELETE FROM membership WHERE room = $1 AND user_id = $2",
};
static const struct query stripped_set = {
	.name = "stripped_state.put",
	.sql = "INSERT INTO stripped_state (room, user_id, state)"
	    " VALUES ($1, $2, $3) ON CONFLICT (room, user_id)"
	    " DO UPDATE SET state = excluded.state",
};
static const struct query stripped_one = {
	.name = "stripped_state.get",
	.sql = "SELECT state FROM stripped_state WHERE room = $1"
	    " AND user_id = $2",
};
static const struct query forget = {
	.name = "membership.forget",
	.sql = "UPDATE membership SET forgotten = 1 WHERE room = $1"
	    " AND user_id = $2",
};
static const struct query alias_get = {
	.name = "room_alias.find",
	.sql = "SELECT alias, creator, room FROM room_alias WHERE alias = $1",
};
static const struct query alias_add = {
	.name = "room_alias.insert",
	.sql = "INSERT INTO room_alias (alias, room, creator, created_ms)"
	    " VALUES ($1, $2, $3, $4) ON CONFLICT (alias) DO NOTHING",
};
static const struct query alias_del = {
	.name = "room_alias.delete",
	.sql = "DELETE FROM room_alias WHERE alias = $1",
};
static const struct query alias_of = {
	.name = "room_alias.of_room",
	.sql = "SELECT alias FROM room_alias WHERE room = $1 ORDER BY alias"
	    " LIMIT 1000",
};
static const struct query alias_move = {
	.name = "room_alias.move",
	.sql = "UPDATE room_alias SET room = $2 WHERE room = $1",
};
static const struct query publish_move = {
	.name = "room.publish_move",
	.sql = "UPDATE room SET published = 1 WHERE nid = $2 AND EXISTS"
	    " (SELECT 1 FROM room o WHERE o.nid = $1 AND o.published = 1)",
};

QUERIES(q_room, &find, &find_nid, &insert, &head, &publish, &published,
    &state_list, &state_put, &members, &member_set, &forget,
    &state_del, &member_drop, &stripped_set, &stripped_one,
    &forgotten, &alias_get,
    &alias_add, &alias_del, &alias_of, &alias_move, &publish_move)

struct take {
	struct arena *a;
	void *out;
};

static void
take_room(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct room_row *x = t->out;

	*x = (struct room_row){
		.nid = db_int(r, 0), .room_id = db_str(r, 1, t->a),
		.version = db_str(r, 2, t->a), .ends = db_str(r, 3, t->a),
		.published = db_bool(r, 4), .blocked = db_bool(r, 5),
	};
	if (!state_root_read(db_peek(r, 6), &x->state))
		x->state = (struct state_root){ { 0 } };
}

bool
room_row_find(struct db *db, struct arena *a, struct str room_id,
    struct room_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &find, V(v_str(room_id)), take_room, &t, found, e);
}

bool
room_row_find_nid(struct db *db, struct arena *a, int64_t nid,
    struct room_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &find_nid, V(v_int(nid)), take_room, &t, found, e);
}

bool
room_row_insert(struct db *db, int64_t nid, struct str room_id,
    struct str version, int64_t now_ms, struct err *e)
{
	return db_exec(db, &insert, V(v_int(nid), v_str(room_id),
	    v_str(version), v_int(now_ms)), e);
}

bool
room_row_head(struct db *db, int64_t nid, const struct state_root *state,
    struct str ends, struct err *e)
{
	return db_exec(db, &head, V(v_int(nid),
	    v_bytes(state_root_bytes(state)), v_str(ends)), e);
}

bool
room_row_publish(struct db *db, int64_t nid, bool on, struct err *e)
{
	return db_exec(db, &publish, V(v_int(nid), v_bool(on)), e);
}

bool
rooms_published(struct db *db, struct arena *a, int64_t **out, size_t *n,
    struct err *e)
{
	int64_t *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &published, V0, &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = db_int(&r, 0);
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
room_state_list(struct db *db, struct arena *a, int64_t room,
    struct state_row **out, size_t *n, struct err *e)
{
	struct state_row *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &state_list, V(v_int(room)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = (struct state_row){ db_str(&r, 0, a),
		    db_str(&r, 1, a), db_int(&r, 2) };
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
room_state_put(struct db *db, int64_t room, struct str type, struct str key,
    int64_t event, struct err *e)
{
	return db_exec(db, &state_put, V(v_int(room), v_str(type), v_str(key),
	    v_int(event)), e);
}

bool
room_state_del(struct db *db, int64_t room, struct str type, struct str key,
    struct err *e)
{
	return db_exec(db, &state_del, V(v_int(room), v_str(type),
	    v_str(key)), e);
}

bool
member_del(struct db *db, int64_t room, struct str user, struct err *e)
{
	return db_exec(db, &member_drop, V(v_int(room), v_str(user)), e);
}

bool
stripped_put(struct db *db, int64_t room, struct str user, struct str state,
    struct err *e)
{
	return db_exec(db, &stripped_set, V(v_int(room), v_str(user),
	    v_str(state)), e);
}

bool
stripped_get(struct db *db, struct arena *a, int64_t room, struct str user,
    struct str *out, struct err *e)
{
	*out = (struct str){ NULL, 0 };
	return db_one_str(db, &stripped_one, V(v_int(room), v_str(user)), a,
	    out, NULL, e);
}

bool
members_of_room(struct db *db, struct arena *a, int64_t room,
    struct member_row **out, size_t *n, struct err *e)
{
	struct member_row *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &members, V(v_int(room)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = (struct member_row){
			.user = db_str(&r, 0, a),
			.membership = (enum membership)db_int(&r, 1),
			.event = db_int(&r, 2), .seq = db_int(&r, 3),
			.pos = db_int(&r, 4),
		};
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
member_put(struct db *db, int64_t room, const struct member_row *m,
    struct err *e)
{
	return db_exec(db, &member_set, V(v_int(room), v_str(m->user),
	    v_int((int64_t)m->membership), v_int(m->event), v_int(m->seq),
	    v_int(m->pos), v_int(MEMBER_JOIN), v_int(MEMBER_INVITE),
	    v_int(MEMBER_KNOCK)), e);
}

bool
member_forgotten(struct db *db, int64_t room, struct str user, bool *out,
    struct err *e)
{
	return db_exists(db, &forgotten, V(v_int(room), v_str(user)), out, e);
}

bool
member_forget(struct db *db, int64_t room, struct str user, struct err *e)
{
	return db_exec(db, &forget, V(v_int(room), v_str(user)), e);
}

static void
take_alias(struct rows *r, void *arg)
{
	struct take *t = arg;
	struct alias_row *x = t->out;

	*x = (struct alias_row){ db_str(r, 0, t->a), db_str(r, 1, t->a),
	    db_int(r, 2) };
}

bool
alias_find(struct db *db, struct arena *a, struct str alias,
    struct alias_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	return db_one(db, &alias_get, V(v_str(alias)), take_alias, &t, found,
	    e);
}

bool
alias_insert(struct db *db, const struct alias_row *x, int64_t now_ms,
    bool *fresh, struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &alias_add, V(v_str(x->alias), v_int(x->room),
	    v_str(x->creator), v_int(now_ms)), &n, e))
		return false;
	*fresh = n > 0;
	return true;
}

bool
alias_delete(struct db *db, struct str alias, struct err *e)
{
	return db_exec(db, &alias_del, V(v_str(alias)), e);
}

bool
aliases_of_room(struct db *db, struct arena *a, int64_t room,
    struct str **out, size_t *n, struct err *e)
{
	struct str *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &alias_of, V(v_int(room)), &r, e))
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
room_row_move_names(struct db *db, int64_t from, int64_t to, struct err *e)
{
	return db_exec(db, &alias_move, V(v_int(from), v_int(to)), e) &&
	    db_exec(db, &publish_move, V(v_int(from), v_int(to)), e) &&
	    room_row_publish(db, from, false, e);
}
