/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_event.h. */
#include "store/q_event.h"

#define COLUMNS "nid, room, seq, pos, depth, ts, type, state_key, sender," \
	" flags, state, redacted_by, event_id, json, shown"

static const struct query insert = {
	.name = "event.insert",
	.sql = "INSERT INTO event (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6,"
	    " $7, $8, $9, $10, $11, $12, $13, $14, $15)",
};
static const struct query by_id = {
	.name = "event.by_id",
	.sql = "SELECT " COLUMNS " FROM event WHERE event_id = $1",
};
static const struct query by_nid = {
	.name = "event.by_nid",
	.sql = "SELECT " COLUMNS " FROM event WHERE nid = $1",
};
static const struct query range_back = {
	.name = "event.range_back",
	.sql = "SELECT " COLUMNS " FROM event WHERE room = $1 AND seq >= $2"
	    " AND seq <= $3 ORDER BY seq DESC LIMIT $4",
};
static const struct query range_forward = {
	.name = "event.range_forward",
	.sql = "SELECT " COLUMNS " FROM event WHERE room = $1 AND seq >= $2"
	    " AND seq <= $3 ORDER BY seq LIMIT $4",
};
static const struct query pos_at = {
	.name = "event.pos_at",
	.sql = "SELECT pos FROM event WHERE room = $1 AND seq = $2",
};
static const struct query last = {
	.name = "event.last",
	.sql = "SELECT seq, pos, depth FROM event WHERE room = $1"
	    " AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1",
};
static const struct query redact = {
	.name = "event.redact",
	.sql = "UPDATE event SET json = $2, redacted_by = $3,"
	    " flags = flags | $4 WHERE nid = $1",
};
static const struct query flag = {
	.name = "event.flag",
	.sql = "UPDATE event SET flags = flags | $2 WHERE nid = $1",
};
static const struct query set_place = {
	.name = "event.place",
	.sql = "UPDATE event SET seq = $2, pos = $3, state = $4, shown = $5,"
	    " flags = (flags & 24) | $6 WHERE nid = $1",
};
static const struct query first = {
	.name = "event.first",
	.sql = "SELECT seq FROM event WHERE room = $1 AND seq IS NOT NULL"
	    " ORDER BY seq LIMIT 1",
};
static const struct query gap_insert = {
	.name = "event_gap.add",
	.sql = "INSERT INTO event_gap (room, missing, event)"
	    " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
};
static const struct query gap_delete = {
	.name = "event_gap.close",
	.sql = "DELETE FROM event_gap WHERE room = $1 AND missing = $2",
};
static const struct query gap_one = {
	.name = "event_gap.known",
	.sql = "SELECT 1 FROM event_gap WHERE room = $1 AND missing = $2"
	    " LIMIT 1",
};
static const struct query gap_list = {
	.name = "event_gap.list",
	.sql = "SELECT DISTINCT e.event_id, e.seq FROM event_gap g"
	    " JOIN event e ON e.nid = g.event WHERE g.room = $1"
	    " AND e.seq <= $2 ORDER BY e.seq DESC LIMIT $3",
};
static const struct query in_room = {
	.name = "event.in_room",
	.sql = "SELECT nid, flags FROM event WHERE event_id = $1"
	    " AND room = $2",
};
static const struct query places = {
	.name = "event.places",
	.sql = "SELECT seq, nid, pos FROM event WHERE room = $1 AND seq > $2"
	    " ORDER BY seq",
};
static const struct query near_after = {
	.name = "event.near_after",
	.sql = "SELECT nid, ts, seq FROM event WHERE room = $1 AND ts >= $2"
	    " AND (ts > $2 OR seq > $3) AND seq IS NOT NULL"
	    " ORDER BY ts, seq LIMIT 1",
};
static const struct query near_before = {
	.name = "event.near_before",
	.sql = "SELECT nid, ts, seq FROM event WHERE room = $1 AND ts <= $2"
	    " AND (ts < $2 OR seq < $3) AND seq IS NOT NULL"
	    " ORDER BY ts DESC, seq DESC LIMIT 1",
};
static const struct query rel_insert = {
	.name = "relation.insert",
	.sql = "INSERT INTO relation (event, room, parent, rel_type, type,"
	    " sender, key, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	    " ON CONFLICT (event) DO NOTHING",
};
static const struct query rel_delete = {
	.name = "relation.delete",
	.sql = "DELETE FROM relation WHERE event = $1",
};
static const struct query rel_annotation = {
	.name = "relation.annotation",
	.sql = "SELECT 1 FROM relation WHERE parent = $1"
	    " AND rel_type = 'm.annotation' AND type = $2 AND sender = $3"
	    " AND key = $4 LIMIT 1",
};
static const struct query rel_back = {
	.name = "relation.list_back",
	.sql = "SELECT event, room, seq, parent, rel_type, type, sender, key"
	    " FROM relation WHERE parent = $1"
	    " AND ($2 = '' OR rel_type = $2) AND ($3 = '' OR type = $3)"
	    " AND seq > $4 AND seq < $5 AND room = $7"
	    " ORDER BY seq DESC LIMIT $6",
};
static const struct query rel_forward = {
	.name = "relation.list_forward",
	.sql = "SELECT event, room, seq, parent, rel_type, type, sender, key"
	    " FROM relation WHERE parent = $1"
	    " AND ($2 = '' OR rel_type = $2) AND ($3 = '' OR type = $3)"
	    " AND seq > $4 AND seq < $5 AND room = $7"
	    " ORDER BY seq LIMIT $6",
};
#define TREE \
	"WITH RECURSIVE tree (event, event_id, step) AS (" \
	" SELECT r.event, e.event_id, 1 FROM relation r" \
	" JOIN event e ON e.nid = r.event WHERE r.parent = $1 AND r.room = $7" \
	" UNION ALL SELECT r.event, e.event_id, t.step + 1 FROM tree t" \
	" JOIN relation r ON r.parent = t.event_id AND r.room = $7" \
	" JOIN event e ON e.nid = r.event WHERE t.step < $8)" \
	" SELECT r.event, r.room, r.seq, r.parent, r.rel_type, r.type," \
	" r.sender, r.key FROM tree t JOIN relation r ON r.event = t.event" \
	" WHERE ($2 = '' OR r.rel_type = $2) AND ($3 = '' OR r.type = $3)" \
	" AND r.seq > $4 AND r.seq < $5 "
static const struct query tree_back = {
	.name = "relation.tree_back",
	.sql = TREE "ORDER BY r.seq DESC LIMIT $6",
};
static const struct query tree_forward = {
	.name = "relation.tree_forward",
	.sql = TREE "ORDER BY r.seq LIMIT $6",
};
static const struct query threads = {
	.name = "relation.threads",
	.sql = "SELECT e.nid, r.room, r.seq, r.parent FROM relation r"
	    " JOIN event e ON e.event_id = r.parent"
	    " WHERE r.room = $1 AND r.rel_type = 'm.thread' AND r.seq <= $2"
	    " AND NOT EXISTS (SELECT 1 FROM relation x WHERE"
	    " x.parent = r.parent AND x.rel_type = 'm.thread'"
	    " AND x.seq > r.seq AND x.room = r.room)"
	    " AND ($3 = '' OR e.sender = $3 OR EXISTS (SELECT 1"
	    " FROM relation m WHERE m.parent = r.parent"
	    " AND m.rel_type = 'm.thread' AND m.sender = $3"
	    " AND m.room = r.room)) ORDER BY r.seq DESC LIMIT $4",
};
static const struct query rel_edits = {
	.name = "relation.edits",
	.sql = "SELECT event FROM relation WHERE parent = $1"
	    " AND rel_type = 'm.replace' AND type = $2 AND sender = $3"
	    " AND room = $4 ORDER BY seq DESC LIMIT 20",
};
static const struct query txn_find = {
	.name = "event_txn.find",
	.sql = "SELECT event_id FROM event_txn WHERE user_id = $1"
	    " AND device_id = $2 AND place = $3 AND txn_id = $4",
};
static const struct query txn_add = {
	.name = "event_txn.add",
	.sql = "INSERT INTO event_txn (user_id, device_id, place, txn_id,"
	    " event_id, at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
};

QUERIES(q_event, &insert, &by_id, &by_nid, &range_back, &range_forward,
    &pos_at, &last, &set_place, &first, &gap_insert, &gap_delete, &gap_one,
    &gap_list, &redact, &flag, &in_room, &places, &near_after,
    &near_before, &rel_insert, &rel_delete, &rel_annotation, &rel_back,
    &rel_forward, &tree_back, &tree_forward, &threads, &rel_edits, &txn_find, &txn_add)

static struct val
v_root(const struct state_root *r)
{
	struct str s = state_root_bytes(r);

	return s.n > 0 ? v_bytes(s) : v_null();
}

/* NULL where it says no more than the state before the event. */
static struct val
v_shown(const struct event_row *x)
{
	return state_root_eq(&x->shown, &x->state) ? v_null()
	    : v_root(&x->shown);
}

bool
event_row_insert(struct db *db, const struct event_row *x, struct err *e)
{
	return db_exec(db, &insert, V(v_int(x->nid), v_int(x->room),
	    x->seq != 0 ? v_int(x->seq) : v_null(), v_int(x->pos),
	    v_int(x->depth), v_int(x->ts), v_str(x->type),
	    x->is_state ? v_str(x->state_key) : v_null(), v_str(x->sender),
	    v_int((int64_t)x->flags), v_root(&x->state),
	    v_str_or_null(x->redacted_by), v_str(x->event_id),
	    v_str(x->json), v_shown(x)), e);
}

bool
event_row_place(struct db *db, const struct event_row *x, struct err *e)
{
	return db_exec(db, &set_place, V(v_int(x->nid), x->seq != 0
	    ? v_int(x->seq) : v_null(), v_int(x->pos), v_root(&x->state),
	    v_shown(x), v_int((int64_t)x->flags)), e);
}

bool
event_first_seq(struct db *db, int64_t room, int64_t *seq, struct err *e)
{
	*seq = 1;
	return db_one_int(db, &first, V(v_int(room)), seq, NULL, e);
}

bool
gap_add(struct db *db, int64_t room, struct str missing, int64_t event,
    struct err *e)
{
	return db_exec(db, &gap_insert, V(v_int(room), v_str(missing),
	    v_int(event)), e);
}

bool
gap_close(struct db *db, int64_t room, struct str missing, struct err *e)
{
	return db_exec(db, &gap_delete, V(v_int(room), v_str(missing)), e);
}

bool
gap_known(struct db *db, int64_t room, struct str missing, bool *out,
    struct err *e)
{
	return db_exists(db, &gap_one, V(v_int(room), v_str(missing)), out, e);
}

bool
gaps_before(struct db *db, struct arena *a, int64_t room, int64_t seq,
    size_t max, struct str **out, size_t *n, struct err *e)
{
	struct rows r;

	*out = arena_array(a, struct str, max);
	*n = 0;
	if (!db_query(db, &gap_list, V(v_int(room), v_int(seq),
	    v_int((int64_t)max)), &r, e))
		return false;
	while (*n < max && db_next(&r))
		(*out)[(*n)++] = db_str(&r, 0, a);
	return db_done(&r, e);
}

static void
read_row(struct rows *r, struct arena *a, struct event_row *x)
{
	*x = (struct event_row){
		.nid = db_int(r, 0), .room = db_int(r, 1),
		.seq = db_int(r, 2), .pos = db_int(r, 3),
		.depth = db_int(r, 4), .ts = db_int(r, 5),
		.type = db_str(r, 6, a), .is_state = !db_null(r, 7),
		.state_key = db_str(r, 7, a), .sender = db_str(r, 8, a),
		.flags = (unsigned)db_int(r, 9),
		.redacted_by = db_str(r, 11, a), .event_id = db_str(r, 12, a),
		.json = db_str(r, 13, a),
	};
	if (!state_root_read(db_peek(r, 10), &x->state))
		x->state = (struct state_root){ { 0 } };
	if (db_null(r, 14) || !state_root_read(db_peek(r, 14), &x->shown))
		x->shown = x->state;
}

struct take_one {
	struct arena *a;
	struct event_row *out;
};

static void
take_row(struct rows *r, void *arg)
{
	struct take_one *t = arg;

	read_row(r, t->a, t->out);
}

bool
event_row_by_id(struct db *db, struct arena *a, struct str event_id,
    struct event_row *out, bool *found, struct err *e)
{
	struct take_one t = { a, out };

	return db_one(db, &by_id, V(v_str(event_id)), take_row, &t, found, e);
}

bool
event_row_by_nid(struct db *db, struct arena *a, int64_t nid,
    struct event_row *out, bool *found, struct err *e)
{
	struct take_one t = { a, out };

	return db_one(db, &by_nid, V(v_int(nid)), take_row, &t, found, e);
}

bool
event_rows_range(struct db *db, struct arena *a, int64_t room, int64_t from,
    int64_t to, bool back, size_t max, struct event_rows *out, struct err *e)
{
	struct rows r;
	size_t cap = max < 64 ? max : 64;

	*out = (struct event_rows){ arena_array(a, struct event_row, cap), 0 };
	if (!db_query(db, back ? &range_back : &range_forward, V(v_int(room),
	    v_int(from), v_int(to), v_int((int64_t)max)), &r, e))
		return false;
	while (db_next(&r)) {
		out->at = arena_more(a, out->at, out->n, &cap,
		    sizeof(*out->at));
		read_row(&r, a, &out->at[out->n++]);
	}
	return db_done(&r, e);
}

bool
event_pos_at(struct db *db, int64_t room, int64_t seq, int64_t *pos,
    struct err *e)
{
	*pos = 0;
	return db_one_int(db, &pos_at, V(v_int(room), v_int(seq)), pos, NULL, e);
}

static void
take_last(struct rows *r, void *arg)
{
	int64_t *at = arg;

	for (int i = 0; i < 3; i++)
		at[i] = db_int(r, i);
}

bool
event_last_seq(struct db *db, int64_t room, int64_t *seq, int64_t *pos,
    int64_t *depth, struct err *e)
{
	int64_t at[3] = { 0, 0, 0 };
	bool found;

	if (!db_one(db, &last, V(v_int(room)), take_last, at, &found, e))
		return false;
	*seq = at[0];
	*pos = at[1];
	*depth = at[2];
	return true;
}

bool
event_redact_row(struct db *db, int64_t nid, struct str json,
    struct str redacted_by, unsigned bit, struct err *e)
{
	return db_exec(db, &redact, V(v_int(nid), v_str(json),
	    v_str(redacted_by), v_int((int64_t)bit)), e);
}

bool
event_flag_set(struct db *db, int64_t nid, unsigned bit, struct err *e)
{
	return db_exec(db, &flag, V(v_int(nid), v_int((int64_t)bit)), e);
}

static void
take_two(struct rows *r, void *arg)
{
	int64_t *at = arg;

	at[0] = db_int(r, 0);
	at[1] = db_int(r, 1);
}

bool
event_in_room(struct db *db, struct str event_id, int64_t room, int64_t *nid,
    unsigned *flags, struct err *e)
{
	int64_t at[2] = { 0, 0 };
	bool found;

	if (!db_one(db, &in_room, V(v_str(event_id), v_int(room)), take_two,
	    at, &found, e))
		return false;
	*nid = at[0];
	*flags = (unsigned)at[1];
	return true;
}

bool
event_places_after(struct db *db, int64_t room, int64_t seq,
    void (*take)(void *arg, const struct event_place *p), void *arg,
    struct err *e)
{
	struct rows r;

	if (!db_query(db, &places, V(v_int(room), v_int(seq)), &r, e))
		return false;
	while (db_next(&r))
		take(arg, &(struct event_place){ .seq = db_int(&r, 0),
		    .nid = db_int(&r, 1), .pos = db_int(&r, 2) });
	return db_done(&r, e);
}

static void
take_near(struct rows *r, void *arg)
{
	*(struct event_near *)arg = (struct event_near){ .nid = db_int(r, 0),
	    .ts = db_int(r, 1), .seq = db_int(r, 2) };
}

bool
event_near_ts(struct db *db, int64_t room, struct event_near *at, bool back,
    struct err *e)
{
	bool found;

	if (!db_one(db, back ? &near_before : &near_after, V(v_int(room),
	    v_int(at->ts), v_int(at->seq)), take_near, at, &found, e))
		return false;
	if (!found)
		at->nid = 0;
	return true;
}

bool
relation_insert(struct db *db, const struct relation_row *x, struct err *e)
{
	return db_exec(db, &rel_insert, V(v_int(x->event), v_int(x->room),
	    v_str(x->parent), v_str(x->rel_type), v_str(x->type),
	    v_str(x->sender), v_str(x->key), v_int(x->seq)), e);
}

bool
relation_delete(struct db *db, int64_t event, struct err *e)
{
	return db_exec(db, &rel_delete, V(v_int(event)), e);
}

bool
annotation_exists(struct db *db, const struct relation_row *x, bool *exists,
    struct err *e)
{
	int64_t one;

	return db_one_int(db, &rel_annotation, V(v_str(x->parent), v_str(x->type),
	    v_str(x->sender), v_str(x->key)), &one, exists, e);
}

static bool
read_relations(struct rows *r, struct arena *a, size_t max,
    struct relation_row **out, size_t *n, struct err *e)
{
	struct relation_row *at = arena_array(a, struct relation_row, max);
	size_t count = 0;

	while (count < max && db_next(r))
		at[count++] = (struct relation_row){
			.event = db_int(r, 0), .room = db_int(r, 1),
			.seq = db_int(r, 2), .parent = db_str(r, 3, a),
			.rel_type = db_str(r, 4, a), .type = db_str(r, 5, a),
			.sender = db_str(r, 6, a), .key = db_str(r, 7, a),
		};
	*out = at;
	*n = count;
	return db_done(r, e);
}

bool
relation_list(struct db *db, struct arena *a, int64_t room, struct str parent,
    struct str rel_type, struct str type, int64_t after, int64_t before,
    bool back, size_t max, struct relation_row **out, size_t *n,
    struct err *e)
{
	struct rows r;

	return db_query(db, back ? &rel_back : &rel_forward, V(v_str(parent),
	    v_str(rel_type), v_str(type), v_int(after), v_int(before),
	    v_int((int64_t)max), v_int(room)), &r, e) &&
	    read_relations(&r, a, max, out, n, e);
}

bool
relation_tree(struct db *db, struct arena *a, int64_t room, struct str parent,
    struct str rel_type, struct str type, int64_t after, int64_t before,
    bool back, size_t max, struct relation_row **out, size_t *n,
    struct err *e)
{
	struct rows r;

	return db_query(db, back ? &tree_back : &tree_forward,
	    V(v_str(parent), v_str(rel_type), v_str(type), v_int(after),
	    v_int(before), v_int((int64_t)max), v_int(room),
	    v_int(RELATION_DEPTH)), &r, e) &&
	    read_relations(&r, a, max, out, n, e);
}

bool
thread_list(struct db *db, struct arena *a, int64_t room, struct str who,
    int64_t from, size_t max, struct relation_row **out, size_t *n,
    struct err *e)
{
	struct relation_row *at = arena_array(a, struct relation_row, max);
	struct rows r;
	size_t count = 0;

	if (!db_query(db, &threads, V(v_int(room), v_int(from), v_str(who),
	    v_int((int64_t)max)), &r, e))
		return false;
	while (count < max && db_next(&r))
		at[count++] = (struct relation_row){
			.event = db_int(&r, 0), .room = db_int(&r, 1),
			.seq = db_int(&r, 2), .parent = db_str(&r, 3, a),
		};
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
relation_edits(struct db *db, const struct relation_row *of,
    int64_t events[RELATION_EDITS_MAX], size_t *n, struct err *e)
{
	struct rows r;

	*n = 0;
	if (!db_query(db, &rel_edits, V(v_str(of->parent), v_str(of->type),
	    v_str(of->sender), v_int(of->room)), &r, e))
		return false;
	while (*n < RELATION_EDITS_MAX && db_next(&r))
		events[(*n)++] = db_int(&r, 0);
	return db_done(&r, e);
}

bool
event_txn_find(struct db *db, struct arena *a, struct str user,
    struct str device, struct str place, struct str txn, struct str *event_id,
    struct err *e)
{
	*event_id = (struct str){ NULL, 0 };
	return db_one_str(db, &txn_find, V(v_str(user), v_str(device),
	    v_str(place), v_str(txn)), a, event_id, NULL, e);
}

bool
event_txn_add(struct db *db, struct str user, struct str device,
    struct str place, struct str txn, struct str event_id, int64_t now_ms,
    struct err *e)
{
	return db_exec(db, &txn_add, V(v_str(user), v_str(device),
	    v_str(place), v_str(txn), v_str(event_id), v_int(now_ms)), e);
}
